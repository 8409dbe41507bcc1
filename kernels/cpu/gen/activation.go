package main

import (
	"math"

	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// leakySlope is kernels.LeakySlope.
const leakySlope = 0.01

// activations writes the activations of package kernels that the products do not apply themselves, each with its
// gradient; tanh is left to package kernels. The kernels work on n numbers, a multiple of 16.
func (a *assembler) activations() {
	a.activation("LeakyReLU", func(y operand.Mem) (value, slope vec) {
		value = a.load(y)
		a.mul(a.leaking(value), value, value)
		return value, nil
	})
	a.gradient("LeakyReLU", func(d vec, y operand.Mem) { a.mul(a.leaking(a.load(y)), d, d) })
	a.activation("Sigmoid", func(y operand.Mem) (value, slope vec) { return a.sigmoid(y), nil })
	a.gradient("Sigmoid", func(d vec, y operand.Mem) {
		v, rest := a.load(y), a.splat(a.number(1))
		a.sub(v, rest, rest)
		a.mul(v, d, d)
		a.mul(rest, d, d)
	})
	a.activation("Softplus", func(y operand.Mem) (value, slope vec) {
		sigma, _ := a.softplus([]operand.Mem{y})
		return sigma[0], nil
	})
	a.gradient("Softplus", func(d vec, y operand.Mem) { a.mul(a.oneMinusExp(a.load(y)), d, d) })
	a.activation("GELU", a.gelu)
	a.gradient("GELU", func(d vec, slope operand.Mem) { a.mul(a.load(slope), d, d) })
}

// activation writes the kernel that replaces y by a(y), and that fills slope if there is one to keep.
func (a *assembler) activation(name string, apply func(y operand.Mem) (value, slope vec)) {
	a.function("activate"+name, "y, slope *float32, n int", "is of kernels.Apply.")
	y, slope := a.argument("y"), a.argument("slope")
	a.each([]reg.Register{y, slope}, func() {
		value, derivative := apply(operand.Mem{Base: y})
		a.store(value, operand.Mem{Base: y})
		if derivative != nil {
			a.store(derivative, operand.Mem{Base: slope})
		}
	})
}

// gradient writes the kernel that takes d through the activation, given the output or the slope.
func (a *assembler) gradient(name string, apply func(d vec, y operand.Mem)) {
	a.function("gradient"+name, "d, y *float32, n int", "is of kernels.ApplyGradient.")
	d, y := a.argument("d"), a.argument("y")
	a.each([]reg.Register{d, y}, func() {
		v := a.load(operand.Mem{Base: d})
		apply(v, operand.Mem{Base: y})
		a.store(v, operand.Mem{Base: d})
	})
}

// each emits the loop over n numbers at the pointers, vector by vector, and the end of the kernel.
func (a *assembler) each(pointers []reg.Register, body func()) {
	restore := a.flushSubnormals()
	left := a.inVectors("n")
	a.Label("vectors")
	body()
	for _, p := range pointers {
		a.ADDQ(operand.U32(a.bytes()), p)
	}
	a.DECQ(left)
	a.JNZ(operand.LabelRef("vectors"))
	restore()
	a.ret()
}

// leaking returns 1 where y > 0, the leaky slope elsewhere.
func (a *assembler) leaking(y vec) vec {
	slope, one := a.splat(a.number(leakySlope)), a.splat(a.number(1))
	a.choose(a.less(a.zero(), y), one, slope)
	return slope
}

// expOfMinusAbs returns e^-|y|, where y below -87.336 counts as that.
func (a *assembler) expOfMinusAbs(y operand.Mem) vec {
	const signBit = 1 << 31
	x := a.vector()
	a.or(y, a.splat(a.bits(signBit)), x)
	a.max(x, a.splat(a.number(smallestExp)), x)
	return a.exp([]vec{x})[0]
}

// sigmoid returns 1 / (1 + e^-y) = (1 where y > 0, else e) / (1 + e), e = e^-|y|.
func (a *assembler) sigmoid(y operand.Mem) vec {
	e, u := a.expOfMinusAbs(y), a.splat(a.number(1))
	a.add(e, u, u)
	a.oneWherePositive(y, e)
	a.div(u, e, e)
	return e
}

// oneMinusExp returns 1 - e^-y for y >= 0: up to ln(2)/2 the polynomial of expm1f in package kernels, else the
// difference. y is lost.
func (a *assembler) oneMinusExp(y vec) vec {
	x := a.vector()
	a.xor(a.splat(a.bits(1<<31)), y, x)
	p := a.horner([]vec{x}, 1./5040, 1./720, 1./120, 1./24, 1./6, 1./2)[0]
	small, square := a.less(y, a.number(math.Ln2/2)), a.vector()
	a.mul(x, x, square)
	a.mul(square, p, p)
	a.sub(p, y, p) // -(e^x - 1), x = -y
	a.max(x, a.splat(a.number(smallestExp)), x)
	e, difference := a.exp([]vec{x})[0], a.splat(a.number(1))
	a.sub(e, difference, difference)
	a.choose(small, p, difference)
	return difference
}

// The normal distribution function below 0 is Phi(-t) = e^(-t^2/2) q P(q), q = 1 / (1 + tailScale t): P is smooth, and
// t up to tailEnd is all of float32.
const tailScale, tailEnd = 0.34, 13.3

var tailCoefficients = chebyshev(func(q float64) float64 {
	t := (1/q - 1) / tailScale
	return math.Erfc(t/math.Sqrt2) / 2 * math.Exp(t*t/2) / q
}, 1/(1+tailScale*tailEnd), 1, 8)

// gelu returns y Phi(y) and its derivative Phi(y) + y e^(-y^2/2) / sqrt(2 pi). From tailEnd on nothing is left of
// e^(-y^2/2).
func (a *assembler) gelu(y operand.Mem) (value, slope vec) {
	v, t := a.load(y), a.vector()
	slope = a.load(y)
	a.min(slope, a.splat(a.number(tailEnd)), slope)
	a.max(slope, a.splat(a.number(-tailEnd)), slope)
	a.and(a.bits(1<<31-1), slope, t)
	x, q := a.vector(), a.splat(a.number(1))
	a.mul(t, t, x)
	a.mul(a.number(-0.5), x, x)
	a.max(x, a.splat(a.number(smallestExp)), x)
	a.fma231(a.number(tailScale), t, q)
	a.div(q, a.splat(a.number(1)), q)
	e, p := a.exp([]vec{x})[0], a.horner([]vec{q}, tailCoefficients...)[0]
	a.mul(q, p, p)
	a.mul(e, p, p) // Phi(-|y|)
	above := a.splat(a.number(1))
	a.sub(p, above, above)
	a.choose(a.less(a.zero(), v), above, p)
	a.mul(a.number(1/math.Sqrt(2*math.Pi)), slope, slope)
	a.fma213(p, e, slope)
	a.mul(p, v, v)
	return v, slope
}
