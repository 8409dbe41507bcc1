package ptx

// A scalar type of PTX: .u32, .f64, .pred and so on.
type scalar struct {
	kind scalarKind
	bits int // 1 for .pred
}

type scalarKind uint8

const (
	kindBits     scalarKind = iota // .b8 to .b64
	kindUnsigned                   // .u8 to .u64
	kindSigned                     // .s8 to .s64
	kindFloat                      // .f16, .f32, .f64
	kindPred                       // .pred
)

var scalars = map[string]scalar{
	"b8": {kindBits, 8}, "b16": {kindBits, 16}, "b32": {kindBits, 32}, "b64": {kindBits, 64},
	"u8": {kindUnsigned, 8}, "u16": {kindUnsigned, 16}, "u32": {kindUnsigned, 32}, "u64": {kindUnsigned, 64},
	"s8": {kindSigned, 8}, "s16": {kindSigned, 16}, "s32": {kindSigned, 32}, "s64": {kindSigned, 64},
	"f16": {kindFloat, 16}, "f32": {kindFloat, 32}, "f64": {kindFloat, 64},
	"pred": {kindPred, 1},
}

var (
	b32 = scalars["b32"]
	u32 = scalars["u32"]
	f32 = scalars["f32"]
	f64 = scalars["f64"]
	u64 = scalars["u64"]
)

func (t scalar) float() bool   { return t.kind == kindFloat }
func (t scalar) signed() bool  { return t.kind == kindSigned }
func (t scalar) integer() bool { return t.kind == kindUnsigned || t.kind == kindSigned }

// name is the type as PTX writes it, without the dot.
func (t scalar) name() string {
	for name, s := range scalars {
		if s == t {
			return name
		}
	}
	return "?"
}

// A register holds its value zero-extended to 64 bits, whatever its type. truncate cuts v down to that form.
func (t scalar) truncate(v uint64) uint64 {
	if t.bits >= 64 {
		return v
	}
	return v & (1<<t.bits - 1)
}

// extend reads the low bits of v as a value of type t and extends it to 64 bits, with its sign if t is signed.
func (t scalar) extend(v uint64) uint64 {
	if t.kind == kindSigned {
		shift := 64 - t.bits
		return uint64(int64(v<<shift) >> shift)
	}
	return t.truncate(v)
}

// A space is a state space of PTX memory.
type space uint8

const (
	spaceGeneric space = iota
	spaceGlobal
	spaceShared
	spaceLocal
	spaceParam
	spaceConst
)

var spaces = map[string]space{
	"global": spaceGlobal, "shared": spaceShared, "local": spaceLocal, "param": spaceParam, "const": spaceConst,
}

func (s space) String() string {
	for name, v := range spaces {
		if v == s {
			return name
		}
	}
	return "generic"
}

// Generic addresses: global memory is mapped one to one; a shared or local offset is added to its window.
const (
	sharedWindow = uint64(1) << 56
	localWindow  = uint64(2) << 56
	windowMask   = uint64(0xff) << 56
)
