package ptx

// special is a special register that the interpreter knows; all are fixed while a block runs.
type special uint8

const (
	specialTid    special = 0 // x, y, z, as the next three
	specialNtid   special = 3
	specialCtaid  special = 6
	specialNctaid special = 9
	specialLaneid special = 11 + iota - 3 // one each from here on
	specialWarpid
	specialNwarpid
	specialMaskEq
	specialMaskLt
	specialMaskLe
	specialMaskGt
	specialMaskGe
)

var specials = map[string]special{
	"%laneid": specialLaneid, "%warpid": specialWarpid, "%nwarpid": specialNwarpid,
	"%lanemask_eq": specialMaskEq, "%lanemask_lt": specialMaskLt, "%lanemask_le": specialMaskLe,
	"%lanemask_gt": specialMaskGt, "%lanemask_ge": specialMaskGe,
}

func init() {
	for i, name := range []string{"%tid", "%ntid", "%ctaid", "%nctaid"} {
		for j, axis := range []string{".x", ".y", ".z"} {
			specials[name+axis] = special(3*i + j)
		}
	}
}

func specialByName(name string) (kind special, bits int, ok bool) {
	kind, ok = specials[name]
	return kind, 32, ok
}
