package ptx

// A comparison gives a bit per lane.
type comparison func(a, b *lanes) uint32

// compareLanes turns a function of one lane into a comparison.
func compareLanes(f func(a, b uint64) bool) comparison {
	return func(a, b *lanes) uint32 {
		var r uint32
		for l := range a {
			if f(a[l], b[l]) {
				r |= 1 << l
			}
		}
		return r
	}
}

func equalBits(a, b *lanes) uint32 {
	var r uint32
	for l := range a {
		if a[l] == b[l] {
			r |= 1 << l
		}
	}
	return r
}

func lessUnsigned(a, b *lanes) uint32 {
	var r uint32
	for l := range a {
		if a[l] < b[l] {
			r |= 1 << l
		}
	}
	return r
}

func lessS32(a, b *lanes) uint32 {
	var r uint32
	for l := range a {
		if int32(a[l]) < int32(b[l]) {
			r |= 1 << l
		}
	}
	return r
}

func lessF32(a, b *lanes) uint32 {
	var r uint32
	for l := range a {
		if float(a[l]) < float(b[l]) {
			r |= 1 << l
		}
	}
	return r
}

// A relation is one of PTX's comparison operators: base, perhaps with its operands swapped, perhaps negated. Negating
// is what makes the unordered comparisons of floats: ltu is not ge.
type relation struct {
	base         string // eq, ne (ordered), lt, le or num
	swap, negate bool
}

var integerRelations = map[string]relation{
	"eq": {"eq", false, false}, "ne": {"eq", false, true},
	"lt": {"lt", false, false}, "ge": {"lt", false, true}, "gt": {"lt", true, false}, "le": {"lt", true, true},
}

// lo, ls, hi and hs are lt, le, gt and ge for unsigned types.
var unsignedRelations = map[string]relation{
	"lo": integerRelations["lt"], "ls": integerRelations["le"], "hi": integerRelations["gt"], "hs": integerRelations["ge"],
}

var floatRelations = map[string]relation{
	"eq": {"eq", false, false}, "ne": {"ne", false, false},
	"lt": {"lt", false, false}, "le": {"le", false, false}, "gt": {"lt", true, false}, "ge": {"le", true, false},
	"equ": {"ne", false, true}, "neu": {"eq", false, true},
	"ltu": {"le", true, true}, "leu": {"lt", true, true}, "gtu": {"le", false, true}, "geu": {"lt", false, true},
	"num": {"num", false, false}, "nan": {"num", false, true},
}

func integerComparison(base string, t scalar) comparison {
	switch {
	case base == "eq":
		return equalBits
	case !t.signed():
		return lessUnsigned
	case t.bits == 32:
		return lessS32
	}
	return compareLanes(func(a, b uint64) bool { return less(t, a, b) })
}

func floatComparison(base string, t scalar, ftz bool) comparison {
	if base == "lt" && t == f32 && !ftz {
		return lessF32
	}
	ordered := map[string]func(x, y float64) bool{
		"eq":  func(x, y float64) bool { return x == y },
		"ne":  func(x, y float64) bool { return x < y || x > y },
		"lt":  func(x, y float64) bool { return x < y },
		"le":  func(x, y float64) bool { return x <= y },
		"num": func(x, y float64) bool { return x == x && y == y },
	}[base]
	if t == f64 {
		return compareLanes(func(a, b uint64) bool { return ordered(double(a), double(b)) })
	}
	m := floatMods{ftz: ftz}
	return compareLanes(func(a, b uint64) bool { return ordered(float64(m.in(a)), float64(m.in(b))) })
}

// relation takes the name of a comparison operator.
func (d *decoder) relation() (name string) {
	if len(d.mods) > 0 {
		name = d.mods[0]
		d.mods = d.mods[1:]
	}
	return name
}

// comparison decodes the rest of the opcode and gives the test of registers a and b.
func (d *decoder) comparison(name string, ftz bool, t scalar) func(w *warp, in *instr) uint32 {
	var r relation
	var known bool
	var f comparison
	if t.float() {
		if r, known = floatRelations[name]; known {
			f = floatComparison(r.base, t, ftz)
		}
		if ftz && t != f32 {
			d.fail(".ftz is known for .f32 only")
		}
	} else {
		r, known = integerRelations[name]
		if !known && t.kind == kindUnsigned {
			r, known = unsignedRelations[name]
		}
		if t.kind == kindBits && r.base != "eq" {
			known = false
		}
		if known {
			f = integerComparison(r.base, t)
		}
		if ftz {
			d.fail(".ftz is known for .f32 only")
		}
	}
	if !known {
		d.fail("unknown comparison .%s of type .%s", name, t.name())
		return nil
	}
	flip := uint32(0)
	if r.negate {
		flip = fullMask
	}
	if r.swap {
		return func(w *warp, in *instr) uint32 { return f(&w.regs[in.b], &w.regs[in.a]) ^ flip }
	}
	return func(w *warp, in *instr) uint32 { return f(&w.regs[in.a], &w.regs[in.b]) ^ flip }
}

var compared = []string{"b16", "b32", "b64", "u16", "u32", "u64", "s16", "s32", "s64", "f32", "f64"}

// combine returns test combined with predicate operand i by .and, .or or .xor.
func (d *decoder) combine(op string, i int, test func(w *warp, in *instr) uint32, negate bool) func(w *warp,
	in *instr) uint32 {
	flipTest := uint32(0)
	if negate {
		flipTest = fullMask
	}
	if op == "" {
		return func(w *warp, in *instr) uint32 { return test(w, in) ^ flipTest }
	}
	slot, flip := d.predicate(i)
	return func(w *warp, in *instr) uint32 {
		v, p := test(w, in)^flipTest, w.preds[slot]^flip
		switch op {
		case "and":
			return v & p
		case "or":
			return v | p
		}
		return v ^ p
	}
}

func decodeSetp(d *decoder) {
	name := d.relation()
	op := d.oneOf("and", "or", "xor")
	ftz := d.mod("ftz")
	t := d.typ(compared...)
	test := d.comparison(name, ftz, t)
	d.in.a, d.in.b = d.source(1, t), d.source(2, t)
	d.in.kind = kindEffect
	o := d.operand(0)
	if o.kind != operandPair {
		d.in.d = d.predicateOut(o)
		if op == "" {
			d.in.exec = func(w *warp, in *instr, mask uint32) { w.writePredicate(in.d, mask, test(w, in)) }
			return
		}
		first := d.combine(op, 3, test, false)
		d.in.exec = func(w *warp, in *instr, mask uint32) { w.writePredicate(in.d, mask, first(w, in)) }
		return
	}
	// p|q: q gets the negated comparison, combined in the same way.
	p, q := d.predicateOut(o.list[0]), d.predicateOut(o.list[1])
	first, second := d.combine(op, 3, test, false), d.combine(op, 3, test, true)
	d.in.exec = func(w *warp, in *instr, mask uint32) {
		v, u := first(w, in), second(w, in)
		w.writePredicate(p, mask, v)
		w.writePredicate(q, mask, u)
	}
}

// decodeSet writes all ones, or 1.0, where the comparison holds.
func decodeSet(d *decoder) {
	name := d.relation()
	op := d.oneOf("and", "or", "xor")
	ftz := d.mod("ftz")
	dt := d.typ("u32", "s32", "f32")
	t := d.typ(compared...)
	test := d.comparison(name, ftz, t)
	d.operands(dt, t, t)
	test = d.combine(op, 3, test, false)
	yes := uint64(0xffffffff)
	if dt == f32 {
		yes = 0x3f800000
	}
	d.in.exec = func(w *warp, in *instr, _ uint32) {
		r := test(w, in)
		for l := range w.regs[in.d] {
			w.regs[in.d][l] = yes * uint64(r>>l&1)
		}
	}
}

func decodeSelp(d *decoder) {
	t := d.typ(compared...)
	d.operands(t, t, t)
	slot, flip := d.predicate(3)
	d.in.c, d.in.flip = slot, flip
	d.in.exec = execSelp
}

func execSelp(w *warp, in *instr, _ uint32) {
	d, a, b := &w.regs[in.d], &w.regs[in.a], &w.regs[in.b]
	p := w.preds[in.c] ^ in.flip
	for l := range d {
		v := b[l]
		if p>>l&1 != 0 {
			v = a[l]
		}
		d[l] = v
	}
}

// decodeSlct selects by the sign of the third source.
func decodeSlct(d *decoder) {
	m := floatMods{ftz: d.mod("ftz")}
	t := d.typ(compared...)
	by := d.typ("s32", "f32")
	d.operands(t, t, t, by)
	d.in.exec = map3(func(a, b, c uint64) uint64 {
		if by == f32 && m.in(c) >= 0 || by != f32 && int32(c) >= 0 {
			return a
		}
		return b
	})
}
