package main

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// perExample writes the kernels of steps in which every example has its own noise: kernels.VarianceRow for each power
// law, and kernels.Perturb.
func (a *assembler) perExample() {
	for _, law := range powerLaws {
		a.variances(law)
	}
	a.perturb()
}

// variances writes the kernel that derives from n phis, a multiple of 16, all that a step needs of them:
//
//	variance = sigma^2
//	slope    = 2 sigma sigma'
//	cost     = -k sigma^-(rho+1) sigma', also in the pads
//
// with factor = -k and exponent = -(rho+1).
func (a *assembler) variances(law powerLaw) {
	a.function("variances"+law.name, "variance, slope, cost, phi *float32, n int, factor, exponent float32",
		"computes variances, one sigma per synapse.")
	bases := a.arguments([]string{"variance", "slope", "cost"})
	phi, left := a.argument("phi"), a.inVectors("n")
	a.tiles("vectors", left, []int{2, 1}, func(n int) {
		phis := make([]operand.Mem, n)
		for i := range phis {
			phis[i] = operand.Mem{Base: phi, Disp: i * a.bytes()}
		}
		sigma, e := a.softplus(phis)
		for i := range phis {
			square := a.vector()
			a.mul(sigma[i], sigma[i], square)
			a.store(square, operand.Mem{Base: bases[0], Disp: i * a.bytes()})
		}
		derivative, inverse := a.inverses(phis, sigma, e)
		for i := range phis {
			slope := a.vector()
			a.mul(sigma[i], derivative[i], slope)
			a.add(slope, slope, slope)
			a.store(slope, operand.Mem{Base: bases[1], Disp: i * a.bytes()})
		}
		for i, c := range law.of(a, sigma, inverse) {
			a.mul(a.splat(a.parameter("factor")), c, c)
			a.mul(derivative[i], c, c)
			a.store(c, operand.Mem{Base: bases[2], Disp: i * a.bytes()})
		}
		for _, p := range append([]reg.Register{phi}, bases...) {
			a.ADDQ(operand.U32(n*a.bytes()), p)
		}
	})
	a.ret()
}

// perturb: y = max(floor, y + sqrt(v) xi) and slope = xi/(2 sqrt(v)), 0 where v is, of n numbers, a multiple of 16.
func (a *assembler) perturb() {
	a.function("perturb", "y, slope, v, xi *float32, n int, floor float32", "adds noise to pre-activations.")
	y, slope, v, xi := a.argument("y"), a.argument("slope"), a.argument("v"), a.argument("xi")
	a.each([]reg.Register{y, slope, v, xi}, func() {
		s, x := a.vector(), a.load(operand.Mem{Base: xi})
		a.sqrt(a.load(operand.Mem{Base: v}), s)
		sum := a.load(operand.Mem{Base: y})
		a.fma231(s, x, sum)
		a.max(sum, a.splat(a.parameter("floor")), sum)
		a.store(sum, operand.Mem{Base: y})
		half, result := a.vector(), a.zero()
		a.mul(a.number(0.5), x, half)
		a.div(s, half, half)
		a.choose(a.less(result, s), half, result)
		a.store(result, operand.Mem{Base: slope})
	})
}
