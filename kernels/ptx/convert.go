package ptx

import (
	"math"
	"math/bits"
)

// decodeCvt takes cvt between integers and floats.
func decodeCvt(d *decoder) {
	mode := d.oneOf("rn", "rz", "rm", "rp", "rni", "rzi", "rmi", "rpi")
	ftz, sat := d.mod("ftz"), d.mod("sat")
	to, from := d.typ(), d.typ()
	if d.err == nil && (to.kind == kindPred || from.kind == kindPred || to.kind == kindBits || from.kind == kindBits) {
		d.fail("a conversion from .%s to .%s is not known", from.name(), to.name())
	}
	var width int
	if to.float() {
		d.in.d = d.destination(0, to)
	} else {
		d.in.d, width = d.writeWide(d.operand(0), to, 64)
	}
	d.in.a = d.convertSource(1, from)
	// A result narrower than its register is extended by its own type.
	widen := scalar{bits: width}
	integral := len(mode) == 3
	var f func(uint64) uint64
	switch {
	case !from.float() && !to.float():
		if mode != "" || ftz {
			d.fail("an integer is not rounded")
		}
		f = convertInteger(from, to, sat)
	case !from.float():
		if mode == "" || integral || ftz {
			d.fail("the conversion needs one of .rn, .rz, .rm and .rp, and no .ftz")
		}
		f = convertToFloat(from, to, roundings[mode], sat)
	case !to.float():
		if !integral || ftz && from != f32 {
			d.fail("the conversion needs one of .rni, .rzi, .rmi and .rpi, and .ftz with .f32 only")
		}
		f = convertToInteger(from, to, mode, ftz)
	default:
		f = d.convertFloat(from, to, mode, ftz, sat)
	}
	// The conversions that kernels do most often have their own loops.
	s32 := scalars["s32"]
	switch {
	case from == s32 && to == scalars["s64"] && !sat:
		d.in.exec = execConvertS64S32
	case from == u32 && to == u64 && d.sourceBits(1) == 32:
		d.in.exec = execMov
	case from == s32 && to == f32 && mode == "rn" && !sat:
		d.in.exec = execConvertF32S32
	case from == u32 && to == f32 && mode == "rn" && !sat:
		d.in.exec = execConvertF32U32
	case to.float():
		d.in.exec = map1(f)
	default:
		d.in.exec = map1(func(a uint64) uint64 { return widen.truncate(to.extend(f(a))) })
	}
}

func execConvertF32S32(w *warp, in *instr, _ uint32) {
	d, a := &w.regs[in.d], &w.regs[in.a]
	for l := range d {
		d[l] = uint64(math.Float32bits(float32(int32(a[l]))))
	}
}

func execConvertF32U32(w *warp, in *instr, _ uint32) {
	d, a := &w.regs[in.d], &w.regs[in.a]
	for l := range d {
		d[l] = uint64(math.Float32bits(float32(uint32(a[l]))))
	}
}

func execConvertS64S32(w *warp, in *instr, _ uint32) {
	d, a := &w.regs[in.d], &w.regs[in.a]
	for l := range d {
		d[l] = uint64(int64(int32(a[l])))
	}
}

// sourceBits is the width of the register that operand i names, or 0.
func (d *decoder) sourceBits(i int) int {
	if typ, _, ok := d.b.register(d.operand(i).name); ok && d.ops[i].kind == operandWord {
		return typ.bits
	}
	return 0
}

// convertSource is like source, but the register may be wider than the type: its low bits are then used.
func (d *decoder) convertSource(i int, t scalar) int32 {
	o := d.operand(i)
	if d.err == nil && o.kind == operandWord && !o.not && o.offset == 0 {
		if typ, slot, ok := d.b.register(o.name); ok && typ.kind != kindPred && typ.bits > t.bits && !t.float() {
			return slot
		}
	}
	return d.source(i, t)
}

func convertInteger(from, to scalar, sat bool) func(uint64) uint64 {
	if !sat {
		return func(a uint64) uint64 { return to.truncate(from.extend(a)) }
	}
	return func(a uint64) uint64 {
		v := from.extend(a)
		negative := from.signed() && int64(v) < 0
		switch {
		case !to.signed() && negative:
			return 0
		case !to.signed():
			return min(v, to.truncate(^uint64(0)))
		case negative:
			return to.truncate(uint64(max(int64(v), -1<<(to.bits-1))))
		}
		return min(v, 1<<(to.bits-1)-1)
	}
}

// convertToFloat rounds an integer once, by its bits.
func convertToFloat(from, to scalar, mode rounding, sat bool) func(uint64) uint64 {
	mantissa := map[int]int{16: 11, 32: 24, 64: 53}[to.bits]
	return func(a uint64) uint64 {
		v := from.extend(a)
		negative := from.signed() && int64(v) < 0
		if negative {
			v = -v
		}
		x := roundInteger(v, mantissa, negative, mode)
		if negative {
			x = -x
		}
		if sat {
			x = min(max(x, 0), 1)
		}
		switch to.bits {
		case 16:
			return uint64(halfBits(x, mode))
		case 32:
			return bits32(float32(x))
		}
		return math.Float64bits(x)
	}
}

// roundInteger rounds v to the given number of leading bits.
func roundInteger(v uint64, mantissa int, negative bool, mode rounding) float64 {
	shift := bits.Len64(v) - mantissa
	if shift <= 0 {
		return float64(v)
	}
	q, rest := v>>shift, v&(1<<shift-1)
	half := uint64(1) << (shift - 1)
	switch mode {
	case nearest:
		if rest > half || rest == half && q&1 == 1 {
			q++
		}
	case upward:
		if rest > 0 && !negative {
			q++
		}
	case downward:
		if rest > 0 && negative {
			q++
		}
	}
	return math.Ldexp(float64(q), shift)
}

// integral rounds to an integer.
func integral(x float64, mode string) float64 {
	switch mode {
	case "rni":
		return math.RoundToEven(x)
	case "rzi":
		return math.Trunc(x)
	case "rmi":
		return math.Floor(x)
	}
	return math.Ceil(x)
}

// widenFloat returns the value of a float register.
func widenFloat(t scalar, v uint64, ftz bool) float64 {
	switch {
	case t.bits == 16:
		return halfValue(uint16(v))
	case t.bits == 64:
		return double(v)
	case ftz:
		return float64(flush(float(v)))
	}
	return float64(float(v))
}

// convertToInteger clamps to the range of the type. NaN gives 0, or the sign bit if either type has 64 bits (PTX ISA,
// section on cvt).
func convertToInteger(from, to scalar, mode string, ftz bool) func(uint64) uint64 {
	low, high := 0.0, math.Ldexp(1, to.bits)
	if to.signed() {
		low, high = -math.Ldexp(1, to.bits-1), math.Ldexp(1, to.bits-1)
	}
	nan := uint64(0)
	if from.bits == 64 || to.bits == 64 {
		nan = 1 << (to.bits - 1)
	}
	return func(a uint64) uint64 {
		x := integral(widenFloat(from, a, ftz), mode)
		switch {
		case x != x:
			return nan
		case x < low:
			x = low
		case x >= high && to.signed():
			return 1<<(to.bits-1) - 1
		case x >= high:
			return to.truncate(^uint64(0))
		}
		if to.signed() {
			return to.truncate(uint64(int64(x)))
		}
		return uint64(x)
	}
}

func (d *decoder) convertFloat(from, to scalar, mode string, ftz, sat bool) func(uint64) uint64 {
	whole := len(mode) == 3
	switch {
	case whole && from != to:
		d.fail("rounding to an integer needs equal types")
	case !whole && mode != "" && from.bits <= to.bits:
		d.fail("the conversion does not round")
	case mode == "" && from.bits > to.bits:
		d.fail("the rounding mode is missing")
	case ftz && from != f32 && to != f32 || whole && from.bits == 16:
		d.fail(".ftz is known for .f32 only")
	}
	direction := roundings[mode[:min(len(mode), 2)]]
	return func(a uint64) uint64 {
		x := widenFloat(from, a, ftz)
		if whole {
			x = integral(x, mode)
		}
		if sat {
			switch {
			case !(x > 0):
				x = 0
			case x > 1:
				x = 1
			}
		}
		switch to.bits {
		case 64:
			return math.Float64bits(x)
		case 16:
			return uint64(halfBits(x, direction))
		}
		f := exact32{x, 0}.round(direction)
		if ftz {
			f = flush(f)
		}
		return bits32(f)
	}
}

// halfValue is the value of a 16-bit float.
func halfValue(h uint16) float64 {
	exponent, mantissa := int(h>>10&31), float64(h&0x3ff)
	var x float64
	switch exponent {
	case 0:
		x = math.Ldexp(mantissa, -24)
	case 31:
		x = math.Inf(1)
		if mantissa != 0 {
			return math.NaN()
		}
	default:
		x = math.Ldexp(1024+mantissa, exponent-25)
	}
	if h>>15 != 0 {
		return -x
	}
	return x
}

// halfBits rounds x to a 16-bit float.
func halfBits(x float64, mode rounding) uint16 {
	if x != x {
		return 0x7fff
	}
	sign := uint16(0)
	if math.Signbit(x) {
		sign, x = 1<<15, -x
		switch mode {
		case upward:
			mode = towardZero
		case downward:
			mode = upward
		}
	} else if mode == downward {
		mode = towardZero
	}
	if math.IsInf(x, 0) {
		return sign | 0x7c00
	}
	// The spacing of 16-bit floats near x, at least that of the subnormal ones.
	_, exponent := math.Frexp(x)
	ulp := max(exponent-11, -24)
	q := math.Ldexp(x, -ulp) // exact
	r := math.Floor(q)
	switch {
	case mode == nearest:
		r = math.RoundToEven(q)
	case mode == upward:
		r = math.Ceil(q)
	}
	y := math.Ldexp(r, ulp)
	if y > 65504 {
		if mode == towardZero {
			return sign | 0x7bff
		}
		return sign | 0x7c00
	}
	if y < math.Ldexp(1, -14) {
		return sign | uint16(math.Ldexp(y, 24))
	}
	fraction, e := math.Frexp(y)
	return sign | (uint16(e+14)<<10 + uint16(math.Ldexp(fraction, 11)) - 1024)
}
