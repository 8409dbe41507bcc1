package ptx

import "math/bits"

var (
	integers   = []string{"u16", "s16", "u32", "s32", "u64", "s64"}
	wideInputs = []string{"u16", "s16", "u32", "s32"}
)

// decodeAdd takes add and sub of integers and floats.
func decodeAdd(d *decoder) {
	sub := d.opcode() == "sub"
	if len(d.mods) > 0 && d.mods[0] == "cc" {
		decodeCarry(d)
		return
	}
	if d.floating() {
		decodeAddFloat(d, sub)
		return
	}
	saturate := d.mod("sat")
	t := d.typ(integers...)
	d.operands(t, t, t)
	switch {
	case saturate:
		if t.bits != 32 || !t.signed() {
			d.fail(".sat is known for .s32 only")
		}
		d.in.exec = map2(func(a, b uint64) uint64 {
			if sub {
				return saturate32(int64(int32(a)) - int64(int32(b)))
			}
			return saturate32(int64(int32(a)) + int64(int32(b)))
		})
	case t.bits == 32 && sub:
		d.in.exec = execSub32
	case t.bits == 32:
		d.in.exec = execAdd32
	case t.bits == 64 && !sub:
		d.in.exec = execAdd64
	case sub:
		d.in.exec = map2(func(a, b uint64) uint64 { return t.truncate(a - b) })
	default:
		d.in.exec = map2(func(a, b uint64) uint64 { return t.truncate(a + b) })
	}
}

func saturate32(v int64) uint64 { return uint64(uint32(min(max(v, -1<<31), 1<<31-1))) }

func execAdd32(w *warp, in *instr, _ uint32) {
	d, a, b := &w.regs[in.d], &w.regs[in.a], &w.regs[in.b]
	for l := range d {
		d[l] = uint64(uint32(a[l] + b[l]))
	}
}

func execAdd64(w *warp, in *instr, _ uint32) {
	d, a, b := &w.regs[in.d], &w.regs[in.a], &w.regs[in.b]
	for l := range d {
		d[l] = a[l] + b[l]
	}
}

func execSub32(w *warp, in *instr, _ uint32) {
	d, a, b := &w.regs[in.d], &w.regs[in.a], &w.regs[in.b]
	for l := range d {
		d[l] = uint64(uint32(a[l] - b[l]))
	}
}

// mulHigh is the upper half of the product of two values of type t.
func mulHigh(t scalar, a, b uint64) uint64 {
	if t.bits < 64 {
		return t.truncate(t.extend(a) * t.extend(b) >> t.bits)
	}
	high, _ := bits.Mul64(a, b)
	if t.signed() {
		high -= uint64(int64(a)>>63)&b + uint64(int64(b)>>63)&a
	}
	return high
}

// wider is t at twice the width.
func wider(t scalar) scalar { return scalar{t.kind, 2 * t.bits} }

func decodeMul(d *decoder) {
	if d.floating() {
		decodeMulFloat(d)
		return
	}
	part := d.oneOf("lo", "hi", "wide")
	if part == "wide" {
		t := d.typ(wideInputs...)
		d.operands(wider(t), t, t)
		switch t {
		case scalars["s32"]:
			d.in.exec = execMulWideS32
		case u32:
			d.in.exec = execMulWideU32
		default:
			d.in.exec = map2(func(a, b uint64) uint64 { return wider(t).truncate(t.extend(a) * t.extend(b)) })
		}
		return
	}
	t := d.typ(integers...)
	d.operands(t, t, t)
	switch {
	case part == "":
		d.fail("one of .lo, .hi and .wide is missing")
	case part == "lo" && t.bits == 32:
		d.in.exec = execMulLow32
	case part == "lo":
		d.in.exec = map2(func(a, b uint64) uint64 { return t.truncate(a * b) })
	case t == u32:
		d.in.exec = execMulHighU32
	default:
		d.in.exec = map2(func(a, b uint64) uint64 { return mulHigh(t, a, b) })
	}
}

func execMulLow32(w *warp, in *instr, _ uint32) {
	d, a, b := &w.regs[in.d], &w.regs[in.a], &w.regs[in.b]
	for l := range d {
		d[l] = uint64(uint32(a[l]) * uint32(b[l]))
	}
}

func execMulHighU32(w *warp, in *instr, _ uint32) {
	d, a, b := &w.regs[in.d], &w.regs[in.a], &w.regs[in.b]
	for l := range d {
		d[l] = a[l] * b[l] >> 32
	}
}

func execMulWideU32(w *warp, in *instr, _ uint32) {
	d, a, b := &w.regs[in.d], &w.regs[in.a], &w.regs[in.b]
	for l := range d {
		d[l] = a[l] * b[l]
	}
}

func execMulWideS32(w *warp, in *instr, _ uint32) {
	d, a, b := &w.regs[in.d], &w.regs[in.a], &w.regs[in.b]
	for l := range d {
		d[l] = uint64(int64(int32(a[l])) * int64(int32(b[l])))
	}
}

func decodeMad(d *decoder) {
	if d.floating() { // mad.rn.f32 is fma since compute capability 2.0
		decodeFMA(d)
		return
	}
	part := d.oneOf("lo", "hi", "wide")
	if len(d.mods) > 0 && d.mods[0] == "cc" {
		decodeMadCarry(d, part, false)
		return
	}
	if part == "wide" {
		t := d.typ(wideInputs...)
		d.operands(wider(t), t, t, wider(t))
		d.in.exec = map3(func(a, b, c uint64) uint64 { return wider(t).truncate(t.extend(a)*t.extend(b) + c) })
		return
	}
	t := d.typ(integers...)
	d.operands(t, t, t, t)
	switch {
	case part == "":
		d.fail("one of .lo, .hi and .wide is missing")
	case part == "lo" && t.bits == 32:
		d.in.exec = execMadLow32
	case part == "lo":
		d.in.exec = map3(func(a, b, c uint64) uint64 { return t.truncate(a*b + c) })
	default:
		d.in.exec = map3(func(a, b, c uint64) uint64 { return t.truncate(mulHigh(t, a, b) + c) })
	}
}

func execMadLow32(w *warp, in *instr, _ uint32) {
	d, a, b, c := &w.regs[in.d], &w.regs[in.a], &w.regs[in.b], &w.regs[in.c]
	for l := range d {
		d[l] = uint64(uint32(a[l])*uint32(b[l]) + uint32(c[l]))
	}
}

// divide is the quotient and remainder, rounded towards zero. PTX leaves division by zero undefined; here, as on the
// hardware, the quotient is then all ones and the remainder the dividend.
func divide(t scalar, a, b uint64) (q, r uint64) {
	a, b = t.extend(a), t.extend(b)
	switch {
	case b == 0:
		q, r = ^uint64(0), a
	case t.signed():
		q, r = uint64(int64(a)/int64(b)), uint64(int64(a)%int64(b))
	default:
		q, r = a/b, a%b
	}
	return t.truncate(q), t.truncate(r)
}

func decodeDiv(d *decoder) {
	if d.floating() {
		decodeDivFloat(d)
		return
	}
	t := d.typ(integers...)
	d.operands(t, t, t)
	d.in.exec = map2(func(a, b uint64) uint64 { q, _ := divide(t, a, b); return q })
}

func decodeRem(d *decoder) {
	t := d.typ(integers...)
	d.operands(t, t, t)
	d.in.exec = map2(func(a, b uint64) uint64 { _, r := divide(t, a, b); return r })
}

// less compares two values of an integer type.
func less(t scalar, a, b uint64) bool {
	if t.signed() {
		return int64(t.extend(a)) < int64(t.extend(b))
	}
	return a < b
}

func decodeMinMax(d *decoder) {
	greatest := d.opcode() == "max"
	if d.floating() {
		decodeMinMaxFloat(d, greatest)
		return
	}
	t := d.typ(integers...)
	d.operands(t, t, t)
	d.in.exec = map2(func(a, b uint64) uint64 {
		if less(t, a, b) != greatest {
			return a
		}
		return b
	})
}

func decodeAbs(d *decoder) {
	if d.floating() {
		decodeSign(d, func(v, sign uint64) uint64 { return v &^ sign })
		return
	}
	t := d.typ("s16", "s32", "s64")
	d.operands(t, t)
	d.in.exec = map1(func(a uint64) uint64 {
		v := int64(t.extend(a))
		return t.truncate(uint64(max(v, -v)))
	})
}

func decodeNeg(d *decoder) {
	if d.floating() {
		decodeSign(d, func(v, sign uint64) uint64 { return v ^ sign })
		return
	}
	t := d.typ("s16", "s32", "s64")
	d.operands(t, t)
	d.in.exec = map1(func(a uint64) uint64 { return t.truncate(-a) })
}

// decodeCarry takes add.cc, addc, sub.cc and subc: addition and subtraction of numbers longer than a register. The
// carry flag of sub.cc is the borrow.
func decodeCarry(d *decoder) {
	op := d.opcode()
	carryIn := op == "addc" || op == "subc"
	out := d.mod("cc")
	t := d.typ("u32", "s32", "u64", "s64")
	d.operands(t, t, t)
	sub := op == "sub" || op == "subc"
	d.in.kind = kindEffect
	d.in.exec = func(w *warp, in *instr, mask uint32) {
		carry := uint32(0)
		if carryIn {
			carry = w.carry
		}
		var r lanes
		var c uint32
		for l := range r {
			a, b := w.regs[in.a][l], w.regs[in.b][l]
			v, over := addCarry(t, a, b, uint64(carry>>l&1), sub)
			r[l] = v
			c |= over << l
		}
		w.write(in.d, mask, &r)
		if out {
			w.carry = w.carry&^mask | c&mask
		}
	}
}

// addCarry is a+b+carry, or a-b-carry, and the carry or borrow out.
func addCarry(t scalar, a, b, carry uint64, sub bool) (v uint64, out uint32) {
	var over uint64
	switch {
	case sub:
		v, over = bits.Sub64(a, b, carry)
	case t.bits == 64:
		v, over = bits.Add64(a, b, carry)
	default:
		v = a + b + carry
		over = v >> 32
	}
	return t.truncate(v), uint32(over)
}

// decodeMadc takes madc, which also adds the carry flag.
func decodeMadc(d *decoder) { decodeMadCarry(d, d.oneOf("lo", "hi"), true) }

// decodeMadCarry takes mad.cc and madc.
func decodeMadCarry(d *decoder, part string, carryIn bool) {
	out := d.mod("cc")
	t := d.typ("u32", "s32", "u64", "s64")
	d.operands(t, t, t, t)
	if part != "lo" && part != "hi" {
		d.fail("one of .lo and .hi is missing")
	}
	d.in.kind = kindEffect
	d.in.exec = func(w *warp, in *instr, mask uint32) {
		carry := uint32(0)
		if carryIn {
			carry = w.carry
		}
		var r lanes
		var c uint32
		for l := range r {
			p := t.truncate(w.regs[in.a][l] * w.regs[in.b][l])
			if part == "hi" {
				p = mulHigh(t, w.regs[in.a][l], w.regs[in.b][l])
			}
			v, over := addCarry(t, p, w.regs[in.c][l], uint64(carry>>l&1), false)
			r[l] = v
			c |= over << l
		}
		w.write(in.d, mask, &r)
		if out {
			w.carry = w.carry&^mask | c&mask
		}
	}
}
