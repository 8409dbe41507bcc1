package main

import (
	"math"

	"github.com/mmcloughlin/avo/operand"
)

// The functions take several vectors at once and write each step for all of them before the next: polynomials are
// chains in which every step waits for the one before, and the processor's window is too short to find other work.

// horner evaluates a polynomial at x: coefficients from the highest power down.
func (a *assembler) horner(x []vec, coefficients ...float64) []vec {
	p := a.splats(a.number(coefficients[0]), len(x))
	for _, c := range coefficients[1:] {
		for i := range x {
			p[i] = a.polynomialStep(a.number(c), x[i], p[i])
		}
	}
	return p
}

// roundingMagic is 1.5 2^23: a float32 near it has no fraction bits, so that adding it to |x| < 2^22 rounds to an
// integer, to even, and leaves that integer in the lowest bits.
const roundingMagic = 3 << 22

// reducedExp splits x = n ln 2 + f with |f| <= ln(2)/2 and evaluates the Taylor polynomial of degree 6 in f, whose
// relative error there is below 2e-7. It returns e^f and, in its lowest bits, n. x is overwritten.
func (a *assembler) reducedExp(x []vec) (p, n []vec) {
	n = a.splats(a.number(roundingMagic), len(x))
	whole := a.vectors(len(x))
	for i := range x {
		a.fma231(a.number(math.Log2E), x[i], n[i])
	}
	for i := range x {
		a.sub(a.number(roundingMagic), n[i], whole[i])
	}
	for i := range x {
		a.fnma231(a.number(0.693145752), whole[i], x[i]) // ln 2 in two parts (Cody and Waite 1980), so that n ln 2 is exact
	}
	for i := range x {
		a.fnma231(a.number(1.42860677e-6), whole[i], x[i])
	}
	return a.horner(x, 1./720, 1./120, 1./24, 1./6, 1./2, 1, 1), n
}

// smallestExp is the smallest argument of exp: e^x is still a normal number.
const smallestExp = -87.336

// exp returns e^x for smallestExp <= x <= 88, where 2^n can be added directly to the exponent. x is overwritten.
func (a *assembler) exp(x []vec) []vec {
	p, n := a.reducedExp(x)
	for i := range x {
		a.shiftLeft(23, n[i], n[i])
		a.addInt(n[i], p[i], p[i])
	}
	return p
}

// expToInfinity returns e^x for smallestExp <= x <= 89, infinity where it overflows float32. x is overwritten.
func (a *assembler) expToInfinity(x []vec) []vec {
	p, n := a.reducedExp(x)
	for i := range x {
		a.subInt(a.number(roundingMagic), n[i], n[i])
		// 2^n in two factors: 2^128 overflows float32.
		half := a.vector()
		a.shiftRightSigned(1, n[i], half)
		a.subInt(half, n[i], n[i])
		for _, part := range []vec{half, n[i]} {
			a.addInt(a.bits(127), part, part)
			a.shiftLeft(23, part, part)
			a.mul(part, p[i], p[i])
		}
	}
	return p
}

// log returns ln x for positive normal x: x = 2^e m with m in [sqrt(1/2), sqrt(2)), and the polynomial of Cephes' logf
// (Moshier 1989). x is overwritten.
func (a *assembler) log(x []vec) []vec {
	const (
		sqrtHalf = 0x3f3504f3 // bits of sqrt(1/2)
		exponent = 0xff800000
	)
	e, f := a.vectors(len(x)), x
	for i := range x {
		a.subInt(a.bits(sqrtHalf), x[i], e[i])
		power := a.vector()
		a.and(a.bits(exponent), e[i], power)
		a.subInt(power, f[i], f[i])
		a.sub(a.number(1), f[i], f[i])
	}
	p := a.horner(f, 7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1,
		-1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1)
	for i := range x {
		a.shiftRightSigned(23, e[i], e[i])
		a.fromInts(e[i], e[i])
		z := a.vector()
		a.mul(f[i], f[i], z)
		a.mul(f[i], p[i], p[i])
		a.mul(z, p[i], p[i])
		a.fma231(a.number(-2.12194440e-4), e[i], p[i]) // ln 2 in two parts
		a.fnma231(a.number(0.5), z, p[i])
		a.add(f[i], p[i], p[i])
		a.fma231(a.number(0.693359375), e[i], p[i])
	}
	return p
}

// log1pCoefficients is ln(1 + x) / x on [0, 1]: the singularity at -1 lets the error fall by 5.8 per degree.
var log1pCoefficients = chebyshev(func(x float64) float64 {
	if x == 0 {
		return 1
	}
	return math.Log1p(x) / x
}, 0, 1, 10)

// log1p returns ln(1 + x) for 0 <= x <= 1.
func (a *assembler) log1p(x []vec) []vec {
	p := a.horner(x, log1pCoefficients...)
	for i := range x {
		a.mul(x[i], p[i], p[i])
	}
	return p
}

// softplus returns sigma = ln(1 + e^phi) and e = e^-|phi|, which its derivative needs:
//
//	sigma  = max(phi, 0) + ln(1 + e)
//	sigma' = (1 where phi > 0, else e) / (1 + e)
//
// phi below -87.336 counts as -87.336: sigma stays a normal number.
func (a *assembler) softplus(phi []operand.Mem) (sigma, e []vec) {
	const signBit = 1 << 31
	x := a.vectors(len(phi))
	for i, at := range phi {
		a.or(at, a.splat(a.bits(signBit)), x[i])
		a.max(x[i], a.splat(a.number(smallestExp)), x[i])
	}
	e = a.exp(x)
	sigma = a.log1p(e)
	for i, at := range phi {
		positive := a.zero()
		a.max(at, positive, positive)
		a.add(positive, sigma[i], sigma[i])
	}
	return sigma, e
}

// inverses returns sigma' and 1/sigma from what softplus returned, with one division for 1/(1+e) and 1/sigma. e is
// overwritten.
func (a *assembler) inverses(phi []operand.Mem, sigma, e []vec) (derivative, inverse []vec) {
	derivative, inverse = a.vectors(len(phi)), a.vectors(len(phi))
	for i, at := range phi {
		u := a.splat(a.number(1))
		a.add(e[i], u, u)
		a.mul(sigma[i], u, inverse[i])
		a.div(inverse[i], a.splat(a.number(1)), inverse[i])
		a.oneWherePositive(at, e[i])
		a.mul(inverse[i], sigma[i], derivative[i])
		a.mul(e[i], derivative[i], derivative[i])
		a.mul(u, inverse[i], inverse[i])
	}
	return derivative, inverse
}

// sin(pi f) / f and cos(pi f) / (1/4 - f^2) are smooth functions of z = f^2. The factors carry the zeros, so that the
// relative error is also small next to them.
var (
	sinCoefficients = chebyshev(func(z float64) float64 {
		f := math.Sqrt(z)
		if f < 1e-8 {
			return math.Pi
		}
		return math.Sin(math.Pi*f) / f
	}, 0, 0.25, 5)
	cosCoefficients = chebyshev(func(z float64) float64 {
		d := 0.25 - z
		if math.Abs(d) < 1e-8 {
			return math.Pi
		}
		return math.Cos(math.Pi*math.Sqrt(z)) / d
	}, 0, 0.25, 5)
)

// sinCosPi reduces t in [-1, 1] to f in [-1/2, 1/2], t = n + f: sin(pi t) = (-1)^n sin(pi f), and the cosine likewise.
// It returns the functions of f, and (-1)^n as a sign bit. t is overwritten.
func (a *assembler) sinCosPi(t []vec) (sin, cos, sign []vec) {
	f, z := t, a.vectors(len(t))
	sign = a.vectors(len(t))
	for i := range t {
		a.add(a.number(roundingMagic), t[i], sign[i])
		n := a.vector()
		a.sub(a.number(roundingMagic), sign[i], n)
		a.sub(n, t[i], f[i])
		a.shiftLeft(31, sign[i], sign[i])
		a.mul(f[i], f[i], z[i])
	}
	sin, cos = a.horner(z, sinCoefficients...), a.horner(z, cosCoefficients...)
	for i := range t {
		a.mul(f[i], sin[i], sin[i])
		zeros := a.splat(a.number(0.25))
		a.fnma231(f[i], f[i], zeros)
		a.mul(zeros, cos[i], cos[i])
	}
	return sin, cos, sign
}
