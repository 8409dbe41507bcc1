package main

import "github.com/mmcloughlin/avo/operand"

// gather: x[i] = scale bytes[i] + shift for n numbers, n a multiple of 16.
func (a *assembler) gather() {
	a.function("gather", "x *float32, bytes *byte, n int, scale, shift float32", "turns bytes into numbers.")
	x, bytes, n := a.argument("x"), a.argument("bytes"), a.argument("n")
	scale, shift := a.splat(a.parameter("scale")), a.splat(a.parameter("shift"))
	a.Label("numbers")
	v := a.vector()
	if a.arm() {
		a.special("ldrs", []operand.Op{v}, []operand.Op{operand.Mem{Base: bytes}})
		a.neon("ushllb", v, v)
		a.neon("ushllh", v, v)
	} else {
		a.VPMOVZXBD(operand.Mem{Base: bytes}, v)
	}
	a.fromInts(v, v)
	a.mul(scale, v, v) // not fused, so that every kernel set sees the same inputs
	a.add(shift, v, v)
	a.store(v, operand.Mem{Base: x})
	a.ADDQ(operand.U32(a.lanes), bytes)
	a.ADDQ(operand.U32(a.bytes()), x)
	a.SUBQ(operand.U32(a.lanes), n)
	a.JNZ(operand.LabelRef("numbers"))
	a.ret()
}
