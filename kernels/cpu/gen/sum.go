package main

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// sum adds up, for the synapses of rows, in float64: dW, |dW|, dW^2, and the sum over examples of their squared
// gradients,
//
//	sum_b dy[b][r]^2 x[b][k]^2.
//
// bad is not 0 if one of them was not finite.
func (a *assembler) sum() {
	names := []string{"gradient", "magnitude", "square", "exampleSquare"}
	a.function("sum",
		"gradient, magnitude, square, exampleSquare *float64, x, dy, xSquares, dySquares *float32, stride, dyStride, "+
			"rows, batch int) (bad uint32",
		"forms dW and adds to the sums of gradients.")
	u := &updating{assembler: a}
	pairs := []operands{{"x", "dy"}, {"xSquares", "dySquares"}}
	load := func() []reg.Register { return a.arguments(names) }
	u.rows(a.pairedRows(), pairs, load, func(bases []reg.Register, dw []vec) {
		g, squares := dw[0], dw[1]
		u.see(g)
		u.see(squares)
		magnitude := a.vector()
		a.and(a.bits(0x7fffffff), g, magnitude)
		for half := range 2 {
			at := func(base reg.Register) operand.Mem {
				return operand.Mem{Base: base, Index: u.offset, Scale: 2, Disp: 2*u.column + half*a.bytes()}
			}
			a.addTo(at(bases[0]), a.widened(g, half))
			a.addTo(at(bases[1]), a.widened(magnitude, half))
			sum, wide := a.load(at(bases[2])), a.widened(g, half)
			if a.arm() {
				a.neon("fmlad", sum, wide, wide)
			} else {
				a.VFMADD231PD(wide, wide, sum)
			}
			a.store(sum, at(bases[2]))
			a.addTo(at(bases[3]), a.widened(squares, half))
		}
	})
}

// addTo adds a vector of float64 to the numbers at m.
func (a *assembler) addTo(m operand.Mem, v vec) {
	a.addWide(m, v)
	a.store(v, m)
}

// addWide is dst = dst + x, of float64.
func (a *assembler) addWide(x operand.Op, dst vec) {
	if a.arm() {
		a.neon("faddd", dst, dst, a.neonOperand(x))
		return
	}
	a.VADDPD(x, dst, dst)
}

// widened returns the lower or the upper half of the numbers of v as float64.
func (a *assembler) widened(v vec, half int) vec {
	wide := a.vector()
	switch {
	case a.arm():
		a.neon([]string{"fcvtl", "fcvtl2"}[half], wide, v)
	case a.wide() && half == 0:
		a.VCVTPS2PD(v.AsY(), wide)
	case a.wide():
		upper := a.YMM()
		a.VEXTRACTF64X4(operand.Imm(1), v, upper)
		a.VCVTPS2PD(upper, wide)
	case half == 0:
		a.VCVTPS2PD(v.AsX(), wide)
	default:
		upper := a.XMM()
		a.VEXTRACTF128(operand.Imm(1), v, upper)
		a.VCVTPS2PD(upper, wide)
	}
	return wide
}

// squares: dst = x^2 of n numbers, a multiple of 16.
func (a *assembler) squares() {
	a.function("squares", "dst, x *float32, n int", "squares n numbers, a multiple of 16.")
	restore := a.flushSubnormals()
	dst, x, left := a.argument("dst"), a.argument("x"), a.inVectors("n")
	a.Label("vectors")
	v := a.load(operand.Mem{Base: x})
	a.mul(v, v, v)
	a.store(v, operand.Mem{Base: dst})
	a.ADDQ(operand.U32(a.bytes()), x)
	a.ADDQ(operand.U32(a.bytes()), dst)
	a.DECQ(left)
	a.JNZ(operand.LabelRef("vectors"))
	restore()
	a.ret()
}

// sumInputs squares columns, a multiple of 16, of the input of a layer, and adds |x| and x^2 of the minibatch up in
// float64.
func (a *assembler) sumInputs() {
	a.function("sumInputs", "magnitude, square *float64, squares, x *float32, stride, columns, batch int",
		"squares some columns of a minibatch and adds them up.")
	restore := a.flushSubnormals()
	magnitude, square := a.argument("magnitude"), a.argument("square")
	stride, left := a.inBytes("stride"), a.inVectors("columns")
	column := a.GP64()
	a.XORQ(column, column)
	a.Label("columns")
	sums := make([]vec, 4) // of magnitudes and squares, lower and upper halves
	for i, base := range []reg.Register{magnitude, square} {
		for half := range 2 {
			sums[2*i+half] = a.load(operand.Mem{Base: base, Index: column, Scale: 2, Disp: half * a.bytes()})
		}
	}
	x, squares, batch := a.argument("x"), a.argument("squares"), a.argument("batch")
	a.ADDQ(column, x)
	a.ADDQ(column, squares)
	a.Label("examples")
	v, v2 := a.load(operand.Mem{Base: x}), a.vector()
	a.mul(v, v, v2)
	a.store(v2, operand.Mem{Base: squares})
	a.and(a.bits(0x7fffffff), v, v)
	for half := range 2 {
		a.addWide(a.widened(v, half), sums[half])
		a.addWide(a.widened(v2, half), sums[2+half])
	}
	a.ADDQ(stride, x)
	a.ADDQ(stride, squares)
	a.DECQ(batch)
	a.JNZ(operand.LabelRef("examples"))
	for i, base := range []reg.Register{magnitude, square} {
		for half := range 2 {
			a.store(sums[2*i+half], operand.Mem{Base: base, Index: column, Scale: 2, Disp: half * a.bytes()})
		}
	}
	a.ADDQ(operand.U32(a.bytes()), column)
	a.DECQ(left)
	a.JNZ(operand.LabelRef("columns"))
	restore()
	a.ret()
}
