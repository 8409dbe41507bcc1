package ptx

import (
	"math"
	"slices"
)

// canonicalNaN is what single-precision instructions give for any NaN (PTX ISA, section on floating-point
// instructions).
const canonicalNaN = 0x7fffffff

func float(v uint64) float32 { return math.Float32frombits(uint32(v)) }

// bits32 returns the register that holds f.
func bits32(f float32) uint64 {
	if f != f {
		return canonicalNaN
	}
	return uint64(math.Float32bits(f))
}

func double(v uint64) float64 { return math.Float64frombits(v) }

type rounding uint8

const (
	nearest rounding = iota // ties to even
	towardZero
	downward
	upward
)

var roundings = map[string]rounding{"": nearest, "rn": nearest, "rz": towardZero, "rm": downward, "rp": upward}

// An exact32 is a real number as s+e: s the nearest float64, e the rest or a number of its sign.
type exact32 struct{ s, e float64 }

// sum is a+b without error (Knuth's two-sum), for values whose sum does not overflow.
func sum(a, b float64) exact32 {
	s := a + b
	t := s - a
	return exact32{s, (a - (s - t)) + (b - t)}
}

// round returns the float32 that is nearest to x in the given direction.
func (x exact32) round(mode rounding) float32 {
	if x.s-x.s != 0 { // infinite or NaN
		return float32(x.s)
	}
	if mode == nearest {
		// s has been rounded once. To round it again without error, make it odd if it is not exact: then it cannot be on a
		// boundary between two float32 (Boldo and Melquiond, Emulation of FMA and correctly rounded sums, IEEE Transactions
		// on Computers 57, 2008).
		if u := math.Float64bits(x.s); x.e != 0 && u&1 == 0 {
			if (x.e > 0) == (x.s > 0) {
				u++
			} else {
				u--
			}
			x.s = math.Float64frombits(u)
		}
		return float32(x.s)
	}
	f := float32(x.s)
	if mode == towardZero {
		mode = downward
		if x.s < 0 {
			mode = upward
		}
	}
	over := float64(f) > x.s || float64(f) == x.s && x.e < 0
	under := float64(f) < x.s || float64(f) == x.s && x.e > 0
	switch {
	case mode == downward && over:
		return math.Nextafter32(f, float32(math.Inf(-1)))
	case mode == upward && under:
		return math.Nextafter32(f, float32(math.Inf(1)))
	}
	return f
}

// fma32 is a*b+c rounded once. The product is exact in float64; the sum may then be rounded twice, which matters only
// if its first rounding lies just between two float32, or among the subnormal ones.
func fma32(a, b, c float32) float32 {
	p := float64(a) * float64(b)
	s := p + float64(c)
	u := math.Float64bits(s)
	if u&(1<<29-1) != 1<<28 && u>>52&0x7ff > 1023-126 || s == 0 {
		return float32(s)
	}
	return sum(p, float64(c)).round(nearest)
}

// fmaMode is fma32 in any rounding mode.
func fmaMode(a, b, c float32, mode rounding) float32 {
	p := float64(a) * float64(b)
	x := sum(p, float64(c))
	if x.s == 0 && x.e == 0 && mode == downward && !(math.Signbit(p) == math.Signbit(float64(c)) && !math.Signbit(p)) {
		return float32(math.Copysign(0, -1)) // an exact zero that is not +0 + +0
	}
	return x.round(mode)
}

func divMode(a, b float32, mode rounding) float32 {
	if mode == nearest || b == 0 {
		return a / b
	}
	x, y := float64(a), float64(b)
	q := x / y
	rest := math.FMA(-q, y, x)
	if y < 0 {
		rest = -rest
	}
	return exact32{q, rest}.round(mode)
}

func sqrtMode(a float32, mode rounding) float32 {
	x := float64(a)
	q := math.Sqrt(x)
	if mode == nearest {
		return float32(q) // 53 >= 2*24+2 bits: the second rounding does no harm
	}
	return exact32{q, math.FMA(-q, q, x)}.round(mode)
}

// flush replaces a subnormal number by a zero of its sign.
func flush(f float32) float32 {
	if u := math.Float32bits(f); u&0x7f800000 == 0 {
		return math.Float32frombits(u & (1 << 31))
	}
	return f
}

// saturate clamps to [0, 1]; NaN gives 0.
func saturate(f float32) float32 {
	switch {
	case !(f > 0):
		return 0
	case f > 1:
		return 1
	}
	return f
}

// floatMods are the modifiers of a float instruction.
type floatMods struct {
	mode     rounding
	ftz, sat bool
	t        scalar
}

// plain says that only the standard rounding is requested.
func (m floatMods) plain() bool { return m.mode == nearest && !m.ftz && !m.sat }

// opcode is the first part of the instruction's name.
func (d *decoder) opcode() string { return d.name }

// floating says whether the instruction's type is f32 or f64.
func (d *decoder) floating() bool {
	last := ""
	if len(d.mods) > 0 {
		last = d.mods[len(d.mods)-1]
	}
	return last == "f32" || last == "f64"
}

func (d *decoder) floatMods(needsRounding bool) floatMods {
	name := d.oneOf("rn", "rz", "rm", "rp")
	m := floatMods{mode: roundings[name], ftz: d.mod("ftz"), sat: d.mod("sat")}
	m.t = d.typ("f32", "f64")
	if needsRounding && name == "" {
		d.fail("the rounding mode is missing")
	}
	if m.t == f64 && !m.plain() {
		d.fail("for .f64 only .rn is known")
	}
	return m
}

// in and out apply ftz and sat.
func (m floatMods) in(v uint64) float32 {
	if m.ftz {
		return flush(float(v))
	}
	return float(v)
}

func (m floatMods) out(f float32) uint64 {
	if m.ftz {
		f = flush(f)
	}
	if m.sat {
		f = saturate(f)
	}
	return bits32(f)
}

func decodeAddFloat(d *decoder, sub bool) {
	m := d.floatMods(false)
	d.operands(m.t, m.t, m.t)
	switch {
	case m.t == f64 && sub:
		d.in.exec = map2(func(a, b uint64) uint64 { return math.Float64bits(double(a) - double(b)) })
	case m.t == f64:
		d.in.exec = map2(func(a, b uint64) uint64 { return math.Float64bits(double(a) + double(b)) })
	case m.plain() && sub:
		d.in.exec = execSubF32
	case m.plain():
		d.in.exec = execAddF32
	case sub:
		d.in.exec = map2(func(a, b uint64) uint64 { return m.out(fmaMode(m.in(a), 1, -m.in(b), m.mode)) })
	default:
		d.in.exec = map2(func(a, b uint64) uint64 { return m.out(fmaMode(m.in(a), 1, m.in(b), m.mode)) })
	}
}

func execAddF32(w *warp, in *instr, _ uint32) {
	d, a, b := &w.regs[in.d], &w.regs[in.a], &w.regs[in.b]
	for l := range d {
		d[l] = bits32(float(a[l]) + float(b[l]))
	}
}

func execSubF32(w *warp, in *instr, _ uint32) {
	d, a, b := &w.regs[in.d], &w.regs[in.a], &w.regs[in.b]
	for l := range d {
		d[l] = bits32(float(a[l]) - float(b[l]))
	}
}

func decodeMulFloat(d *decoder) {
	m := d.floatMods(false)
	d.operands(m.t, m.t, m.t)
	switch {
	case m.t == f64:
		d.in.exec = map2(func(a, b uint64) uint64 { return math.Float64bits(double(a) * double(b)) })
	case m.plain():
		d.in.exec = execMulF32
	default:
		d.in.exec = map2(func(a, b uint64) uint64 {
			return m.out(exact32{float64(m.in(a)) * float64(m.in(b)), 0}.round(m.mode))
		})
	}
}

func execMulF32(w *warp, in *instr, _ uint32) {
	d, a, b := &w.regs[in.d], &w.regs[in.a], &w.regs[in.b]
	for l := range d {
		d[l] = bits32(float(a[l]) * float(b[l]))
	}
}

func decodeFMA(d *decoder) {
	m := d.floatMods(true)
	d.operands(m.t, m.t, m.t, m.t)
	switch {
	case m.t == f64:
		d.in.exec = map3(func(a, b, c uint64) uint64 { return math.Float64bits(math.FMA(double(a), double(b), double(c))) })
	case m.plain():
		d.in.exec = execFMAF32
	default:
		d.in.exec = map3(func(a, b, c uint64) uint64 { return m.out(fmaMode(m.in(a), m.in(b), m.in(c), m.mode)) })
	}
}

func execFMAF32(w *warp, in *instr, _ uint32) {
	d, a, b, c := &w.regs[in.d], &w.regs[in.a], &w.regs[in.b], &w.regs[in.c]
	for l := range d {
		x, y := float(a[l]), float(b[l])
		z := float64(float(c[l]))
		s := float64(x)*float64(y) + z
		if u := math.Float64bits(s); u&(1<<29-1) != 1<<28 && u>>52&0x7ff > 1023-126 { // as in fma32
			d[l] = bits32(float32(s))
			continue
		}
		d[l] = bits32(fma32(x, y, float(c[l])))
	}
}

func decodeDivFloat(d *decoder) {
	approximate := d.oneOf("approx", "full") != ""
	m := d.floatMods(!approximate)
	d.operands(m.t, m.t, m.t)
	if m.sat || approximate && (m.t == f64 || m.mode != nearest) {
		d.fail("the modifiers cannot be combined")
	}
	if m.t == f64 {
		d.in.exec = map2(func(a, b uint64) uint64 { return math.Float64bits(double(a) / double(b)) })
		return
	}
	d.in.exec = map2(func(a, b uint64) uint64 { return m.out(divMode(m.in(a), m.in(b), m.mode)) })
}

func decodeRcp(d *decoder) {
	if slices.Equal(d.mods, []string{"approx", "ftz", "f64"}) {
		d.mods = nil
		d.operands(f64, f64)
		d.in.exec = map1(roughReciprocal)
		return
	}
	approximate := d.mod("approx")
	m := d.floatMods(!approximate)
	d.operands(m.t, m.t)
	if m.sat || approximate && (m.t == f64 || m.mode != nearest) {
		d.fail("the modifiers cannot be combined")
	}
	if m.t == f64 {
		d.in.exec = map1(func(a uint64) uint64 { return math.Float64bits(1 / double(a)) })
		return
	}
	d.in.exec = map1(func(a uint64) uint64 { return m.out(divMode(1, m.in(a), m.mode)) })
}

// roughReciprocal is rcp.approx.ftz.f64: it reads the upper half of its operand and gives the upper half of the result.
func roughReciprocal(a uint64) uint64 {
	a &= 0xffffffff << 32
	if a&(0x7ff<<52) == 0 {
		a &= 1 << 63
	}
	r := math.Float64bits(1/double(a)) & (0xffffffff << 32)
	if r&(0x7ff<<52) == 0 {
		r &= 1 << 63
	}
	return r
}

func decodeSqrt(d *decoder) {
	approximate := d.mod("approx")
	m := d.floatMods(!approximate)
	d.operands(m.t, m.t)
	if m.sat || approximate && (m.t == f64 || m.mode != nearest) {
		d.fail("the modifiers cannot be combined")
	}
	if m.t == f64 {
		d.in.exec = map1(func(a uint64) uint64 { return math.Float64bits(math.Sqrt(double(a))) })
		return
	}
	d.in.exec = map1(func(a uint64) uint64 { return m.out(sqrtMode(m.in(a), m.mode)) })
}

// approximations are computed in float64 and rounded; the hardware may differ by what the PTX ISA allows.
var approximations = map[string]func(float64) float64{
	"rsqrt": func(x float64) float64 { return 1 / math.Sqrt(x) },
	"ex2":   math.Exp2,
	"lg2":   math.Log2,
	"sin":   math.Sin,
	"cos":   math.Cos,
	"tanh":  math.Tanh,
}

func decodeApprox(d *decoder) {
	f := approximations[d.opcode()]
	if !d.mod("approx") {
		d.fail("only .approx is known")
	}
	m := floatMods{}
	if d.opcode() != "tanh" {
		m.ftz = d.mod("ftz")
	}
	d.typ("f32")
	d.operands(f32, f32)
	d.in.exec = map1(func(a uint64) uint64 { return m.out(float32(f(float64(m.in(a))))) })
}

func decodeMinMaxFloat(d *decoder, greatest bool) {
	m := floatMods{ftz: d.mod("ftz")}
	nan := d.mod("NaN")
	m.t = d.typ("f32", "f64")
	d.operands(m.t, m.t, m.t)
	if m.t == f64 {
		if nan || m.ftz {
			d.fail("the modifiers cannot be combined")
		}
		d.in.exec = map2(func(a, b uint64) uint64 {
			return math.Float64bits(minMax(double(a), double(b), greatest, false))
		})
		return
	}
	d.in.exec = map2(func(a, b uint64) uint64 {
		return m.out(float32(minMax(float64(m.in(a)), float64(m.in(b)), greatest, nan)))
	})
}

// minMax returns the other value if one is NaN, unless NaN is asked for; and -0 is less than +0.
func minMax(a, b float64, greatest, nan bool) float64 {
	switch {
	case a != a && !nan:
		return b
	case b != b && !nan:
		return a
	case greatest:
		return max(a, b) // Go's max and min order zeros and give NaN
	}
	return min(a, b)
}

// decodeSign takes abs and neg of floats, which change the sign bit.
func decodeSign(d *decoder, change func(v, sign uint64) uint64) {
	m := floatMods{ftz: d.mod("ftz")}
	m.t = d.typ("f32", "f64")
	d.operands(m.t, m.t)
	if m.t == f64 {
		if m.ftz {
			d.fail("for .f64 .ftz is not known")
		}
		d.in.exec = map1(func(a uint64) uint64 { return change(a, 1<<63) })
		return
	}
	d.in.exec = map1(func(a uint64) uint64 {
		if m.ftz {
			a = uint64(math.Float32bits(flush(float(a))))
		}
		return change(a, 1<<31)
	})
}

// decodeCopysign gives the second source with the sign of the first.
func decodeCopysign(d *decoder) {
	t := d.typ("f32", "f64")
	d.operands(t, t, t)
	sign := uint64(1) << (t.bits - 1)
	d.in.exec = map2(func(a, b uint64) uint64 { return b&^sign | a&sign })
}

func decodeTestp(d *decoder) {
	op := d.oneOf("finite", "infinite", "number", "notanumber", "normal", "subnormal")
	t := d.typ("f32", "f64")
	d.in.d = d.predicateOut(d.operand(0))
	d.in.a = d.source(1, t)
	if op == "" {
		d.fail("the test is missing")
	}
	smallest := float64(math.SmallestNonzeroFloat32 * (1 << 23)) // the smallest normal number
	if t == f64 {
		smallest = math.Float64frombits(1 << 52)
	}
	d.in.kind = kindEffect
	d.in.exec = func(w *warp, in *instr, mask uint32) {
		var r uint32
		for l, v := range w.regs[in.a] {
			x := double(v)
			if t == f32 {
				x = float64(float(v))
			}
			var is bool
			switch op {
			case "finite":
				is = !math.IsNaN(x) && !math.IsInf(x, 0)
			case "infinite":
				is = math.IsInf(x, 0)
			case "number":
				is = x == x
			case "notanumber":
				is = x != x
			case "normal":
				is = math.Abs(x) >= smallest && !math.IsInf(x, 0)
			case "subnormal":
				is = x != 0 && math.Abs(x) < smallest
			}
			if is {
				r |= 1 << l
			}
		}
		w.writePredicate(in.d, mask, r)
	}
}
