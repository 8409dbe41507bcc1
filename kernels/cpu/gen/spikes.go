package main

import (
	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/operand"
)

// arrivals: x[i] += weight times the number of rows with bit i set. There are at most 255 rows, of bytes bytes of bits,
// a multiple of 32. Counts of 256 numbers are in registers, a byte each.
func (a *assembler) arrivals() {
	a.function("arrivals", "x *float32, bits *uint64, rows *uint32, bytes, n int, weight float32",
		"adds a weight for each row of bits.")
	x, bits, rows, bytes := a.argument("x"), a.argument("bits"), a.argument("rows"), a.argument("bytes")
	weight := a.splat(a.parameter("weight"))
	counts := a.AllocLocal(256)
	var ones, eachByte, eachBit vec
	if a.wide() {
		ones = a.splat(a.bits(0x01010101))
	} else {
		eachByte, eachBit = a.load(a.table("eachByte", func(i int) byte { return byte(i / 8) })),
			a.load(a.table("eachBit", func(i int) byte { return 1 << (i % 8) }))
	}
	offset, row, left, r := a.GP64(), a.GP64(), a.GP64(), a.GP64()
	a.XORQ(offset, offset)
	a.Label("numbers")
	sums := a.zeros(256 / a.bytes())
	a.MOVQ(rows, row)
	a.Load(a.Param("n"), left)
	a.Label("row")
	a.MOVL(operand.Mem{Base: row}, r.As32())
	a.IMULQ(bytes, r)
	a.ADDQ(offset, r)
	for i, sum := range sums {
		at := operand.Mem{Base: bits, Index: r, Scale: 1, Disp: i * a.bytes() / 8}
		if a.wide() {
			k := a.K()
			a.KMOVQ(at, k)
			a.VPADDB(ones, sum, k, sum)
			continue
		}
		v := a.vector()
		a.VPBROADCASTD(at, v)
		a.VPSHUFB(eachByte, v, v)
		a.VPAND(eachBit, v, v)
		a.VPCMPEQB(eachBit, v, v)
		a.VPSUBB(v, sum, sum)
	}
	a.ADDQ(operand.Imm(4), row)
	a.DECQ(left)
	a.JNZ(operand.LabelRef("row"))
	for i, sum := range sums {
		a.VMOVUPS(sum, counts.Offset(i*a.bytes()))
	}
	for i := 0; i < 256; i += a.lanes {
		v, at := a.vector(), operand.Mem{Base: x, Disp: 4 * i}
		a.VPMOVZXBD(counts.Offset(i), v)
		a.VCVTDQ2PS(v, v)
		a.mul(weight, v, v)
		a.VADDPS(at, v, v)
		a.store(v, at)
	}
	a.ADDQ(operand.U32(1024), x)
	a.ADDQ(operand.Imm(32), offset)
	a.CMPQ(offset, bytes)
	a.JNE(operand.LabelRef("numbers"))
	a.ret()
}

// table is a vector of bytes.
func (a *assembler) table(name string, f func(i int) byte) operand.Mem {
	m := a.StaticGlobal(name)
	a.DataAttributes(attr.RODATA | attr.NOPTR)
	for i := range a.bytes() {
		a.AddDatum(i, operand.U8(f(i)))
	}
	return m
}

// currents: drift += gain x, x *= decay, for n numbers, a multiple of 16.
func (a *assembler) currents() {
	a.function("currents", "drift, x *float32, n int, gain, decay float32", "moves currents by a step.")
	drift, x, n := a.argument("drift"), a.argument("x"), a.inVectors("n")
	gain, decay := a.splat(a.parameter("gain")), a.splat(a.parameter("decay"))
	offset := a.GP64()
	a.XORQ(offset, offset)
	a.Label("numbers")
	at, to := operand.Mem{Base: x, Index: offset, Scale: 1}, operand.Mem{Base: drift, Index: offset, Scale: 1}
	y, sum := a.load(at), a.vector()
	a.mul(gain, y, sum)
	a.VADDPS(to, sum, sum)
	a.store(sum, to)
	a.mul(decay, y, y)
	a.store(y, at)
	a.ADDQ(operand.U32(a.bytes()), offset)
	a.DECQ(n)
	a.JNZ(operand.LabelRef("numbers"))
	a.ret()
}

// leak moves n potentials by a step, n a multiple of 64: see Leak of package kernels.
func (a *assembler) leak() {
	a.function("leak", "v, jump, left, input, drift *float32, fired *uint64, n int, approach, theta float32",
		"moves potentials by a step.")
	v, jump, left, input := a.argument("v"), a.argument("jump"), a.argument("left"), a.argument("input")
	drift, fired, n := a.argument("drift"), a.argument("fired"), a.inVectors("n")
	approach, theta := a.splat(a.parameter("approach")), a.splat(a.parameter("theta"))
	zero, one := a.zero(), a.splat(a.number(1))
	offset := a.GP64()
	a.XORQ(offset, offset)
	a.Label("numbers")
	at := operand.Mem{Index: offset, Scale: 1}
	steps, y, jumped, next := a.load(based(at, left)), a.load(based(at, v)), a.vector(), a.vector()
	a.VADDPS(based(at, jump), y, jumped)
	a.store(zero, based(at, jump))
	a.choose(a.equal(steps, zero), jumped, y)
	a.sub(one, steps, steps)
	a.max(zero, steps, steps)
	a.store(steps, based(at, left))
	a.VMOVUPS(based(at, input), next)
	a.sub(y, next, next)
	a.mul(approach, next, next)
	a.VADDPS(based(at, drift), next, next)
	a.add(y, next, next)
	moves := a.equal(steps, zero)
	a.choose(moves, next, y)
	a.store(y, based(at, v))
	const lessOrEqual = 2
	above := a.compare(lessOrEqual, theta, y)
	a.both(moves, above)
	bits := a.GP32()
	if a.wide() {
		a.KMOVW(above, bits)
		a.MOVW(bits.As16(), operand.Mem{Base: fired})
	} else {
		a.VMOVMSKPS(above, bits)
		a.MOVB(bits.As8(), operand.Mem{Base: fired})
	}
	a.ADDQ(operand.U32(a.lanes/8), fired)
	a.ADDQ(operand.U32(a.bytes()), offset)
	a.DECQ(n)
	a.JNZ(operand.LabelRef("numbers"))
	a.ret()
}

// steps: x[i] += weight times the number of thresholds at or below u[i], for n numbers, a multiple of 64.
func (a *assembler) steps() {
	a.function("steps", "x, u, thresholds *float32, n, m int, weight float32", "adds a weight for each threshold.")
	x, u, thresholds, n := a.argument("x"), a.argument("u"), a.argument("thresholds"), a.argument("n")
	weight, one := a.splat(a.parameter("weight")), a.splat(a.number(1))
	threshold, left := a.GP64(), a.GP64()
	a.Label("numbers")
	const together = 4
	var y [together]vec
	for i := range y {
		y[i] = a.load(operand.Mem{Base: u, Disp: i * a.bytes()})
	}
	counts := a.zeros(together)
	a.MOVQ(thresholds, threshold)
	a.Load(a.Param("m"), left)
	a.Label("threshold")
	limit := a.splat(scalar{operand.Mem{Base: threshold}})
	for i, c := range counts {
		const atLeast = 13
		reached := a.compare(atLeast, y[i], limit)
		if a.wide() {
			a.VADDPS(one, c, reached, c)
		} else {
			a.VANDPS(one, reached, reached)
			a.VADDPS(reached, c, c)
		}
	}
	a.ADDQ(operand.Imm(4), threshold)
	a.DECQ(left)
	a.JNZ(operand.LabelRef("threshold"))
	for i, c := range counts {
		at := operand.Mem{Base: x, Disp: i * a.bytes()}
		a.mul(weight, c, c)
		a.VADDPS(at, c, c)
		a.store(c, at)
	}
	a.ADDQ(operand.U32(together*a.bytes()), x)
	a.ADDQ(operand.U32(together*a.bytes()), u)
	a.SUBQ(operand.Imm(uint64(together*a.lanes)), n)
	a.JNZ(operand.LabelRef("numbers"))
	a.ret()
}
