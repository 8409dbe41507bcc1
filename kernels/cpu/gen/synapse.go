package main

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// formDW writes the kernel that forms dW of some rows, and only that.
func (a *assembler) formDW() {
	a.moving("formDW", false, nil, []string{"dw"}, "", "forms dW.", func(u *updating, bases []reg.Register, dw vec) {
		a.store(dw, u.slot(bases[0]))
	})
}

// move writes the kernel of a rule that takes n parameters, a multiple of 16, down their gradients. It returns a number
// that is not 0 if a gradient, a parameter or a moment is not finite.
func (a *assembler) move(rule mover) {
	a.function("move"+rule.name, "values, first, second, gradient, rule *float32, n int) (bad uint32",
		"moves parameters down their gradients.")
	restore := a.flushSubnormals()
	u := &updating{assembler: a, rule: a.argument("rule"), offset: a.GP64(), finite: a.zero()}
	a.XORQ(u.offset, u.offset)
	at, gradient, n := u.arguments([]string{"values", "first", "second"}), a.argument("gradient"), a.inBytes("n")
	a.Label("vectors")
	rule.step(u, a.load(u.slot(at[0])), a.load(u.slot(gradient)), at)
	a.ADDQ(operand.U32(a.bytes()), u.offset)
	a.CMPQ(u.offset, n)
	a.JL(operand.LabelRef("vectors"))
	restore()
	a.reportNaN(u.finite, "bad")
	a.ret()
}
