package main

import "github.com/mmcloughlin/avo/operand"

// claim: for each of some outputs of a pool, in rows of n numbers, a multiple of 16,
//
//	where x = y and y > threshold:  dx += dy, dy = 0
//
// x and dx are what the outputs see at one position of their windows, skip numbers further on for each next one.
func (a *assembler) claim() {
	a.function("claim", "dx, x, y, dy *float32, n, outputs, skip int, threshold float32",
		"gives gradients of a pool to the values that are the largest.")
	dx, x, y, dy := a.argument("dx"), a.argument("x"), a.argument("y"), a.argument("dy")
	n, outputs, skip, left := a.inVectors("n"), a.argument("outputs"), a.inBytes("skip"), a.GP64()
	zero, threshold := a.zero(), a.splat(a.parameter("threshold"))
	a.Label("outputs")
	a.MOVQ(n, left)
	a.Label("vectors")
	largest, rest, gradient := a.load(operand.Mem{Base: y}), a.load(operand.Mem{Base: dy}), a.vector()
	m := a.equal(a.load(operand.Mem{Base: x}), largest)
	a.both(a.less(threshold, largest), m)
	a.assign(zero, gradient)
	a.choose(m, rest, gradient)
	a.add(a.load(operand.Mem{Base: dx}), gradient, gradient)
	a.store(gradient, operand.Mem{Base: dx})
	a.choose(m, zero, rest)
	a.store(rest, operand.Mem{Base: dy})
	a.ADDQ(operand.U32(a.bytes()), dx)
	a.ADDQ(operand.U32(a.bytes()), x)
	a.ADDQ(operand.U32(a.bytes()), y)
	a.ADDQ(operand.U32(a.bytes()), dy)
	a.DECQ(left)
	a.JNZ(operand.LabelRef("vectors"))
	a.ADDQ(skip, dx)
	a.ADDQ(skip, x)
	a.DECQ(outputs)
	a.JNZ(operand.LabelRef("outputs"))
	a.ret()
}
