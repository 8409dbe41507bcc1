package main

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// probe writes kernels that apply the vector functions to arrays, n a multiple of the lanes: for tests.
func (a *assembler) probe() {
	one := func(name string, results int, f func(x operand.Mem) []vec) {
		params := "dst"
		if results == 2 {
			params = "dst, dst2"
		}
		a.function("probe"+name, params+", src *float32, n int", "is for tests.")
		dst, src, n := []reg.Register{a.argument("dst")}, a.argument("src"), a.argument("n")
		if results == 2 {
			dst = append(dst, a.argument("dst2"))
		}
		a.Label("numbers")
		for i, v := range f(operand.Mem{Base: src}) {
			a.store(v, operand.Mem{Base: dst[i]})
			a.ADDQ(operand.U32(a.bytes()), dst[i])
		}
		a.ADDQ(operand.U32(a.bytes()), src)
		a.SUBQ(operand.U32(a.lanes), n)
		a.JNZ(operand.LabelRef("numbers"))
		a.ret()
	}
	one("Exp", 1, func(x operand.Mem) []vec { return a.exp([]vec{a.load(x)}) })
	one("ExpToInfinity", 1, func(x operand.Mem) []vec { return a.expToInfinity([]vec{a.load(x)}) })
	one("Log", 1, func(x operand.Mem) []vec { return a.log([]vec{a.load(x)}) })
	one("Log1p", 1, func(x operand.Mem) []vec { return a.log1p([]vec{a.load(x)}) })
	one("Softplus", 2, func(x operand.Mem) []vec {
		sigma, e := a.softplus([]operand.Mem{x})
		derivative, _ := a.inverses([]operand.Mem{x}, sigma, e)
		return []vec{sigma[0], derivative[0]}
	})
	one("SinCosPi", 2, func(x operand.Mem) []vec {
		sin, cos, sign := a.sinCosPi([]vec{a.load(x)})
		a.xor(sign[0], sin[0], sin[0])
		a.xor(sign[0], cos[0], cos[0])
		return []vec{sin[0], cos[0]}
	})
	a.function("probePhilox", "dst *uint32, keys *[20]uint32, block uint32",
		"is for tests: words 0 of all lanes, then words 1, 2 and 3.")
	dst, keys := a.argument("dst"), a.argument("keys")
	for i, v := range a.philox(a.firstBlocks("block"), keys) {
		a.store(v, operand.Mem{Base: dst, Disp: i * a.bytes()})
	}
	a.ret()
}
