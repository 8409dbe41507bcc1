package kernels

import (
	"math"
	"unsafe"
)

// Float is the arithmetic a kernel runs in: float32 in production, float64 as its own reference.
type Float interface{ float32 | float64 }

// single reports whether T is float32. The compiler folds it, so the branches below cost nothing.
func single[T Float]() bool {
	var x T
	return unsafe.Sizeof(x) == 4
}

func sqrt[T Float](x T) T { return T(math.Sqrt(float64(x))) }

func exp[T Float](x T) T {
	if single[T]() {
		return T(exp32(float32(x)))
	}
	return T(math.Exp(float64(x)))
}

func log[T Float](x T) T {
	if single[T]() {
		return T(log32(float32(x)))
	}
	return T(math.Log(float64(x)))
}

func log1p[T Float](x T) T {
	if single[T]() {
		return T(log1p32(float32(x)))
	}
	return T(math.Log1p(float64(x)))
}

func expm1[T Float](x T) T {
	if single[T]() {
		return T(expm1f(float32(x)))
	}
	return T(math.Expm1(float64(x)))
}

// sinCosPi returns sin(pi t) and cos(pi t) for t in [-1, 1].
func sinCosPi[T Float](t T) (sin, cos T) {
	if single[T]() {
		s, c := sinCosPi32(float32(t))
		return T(s), T(c)
	}
	s, c := math.Sincos(math.Pi * float64(t))
	return T(s), T(c)
}

// exp32 is e^x: x = n ln 2 + f with |f| <= ln(2)/2, then the Taylor polynomial of degree 6 in f. Relative error below
// 2e-7 where the result is a normal number; below and above, the result is 0 and +Inf.
func exp32(x float32) float32 {
	if !(x > -87.33) { // the smallest normal number is e^-87.336
		if x != x {
			return x
		}
		return 0
	}
	if x > 88.72 { // the largest is e^88.722
		return float32(math.Inf(1))
	}
	n := roundEven32(float32(x * math.Log2E))
	f := x - float32(n*0.693145752) // ln 2 in two parts (Cody and Waite 1980), so that n ln 2 is exact
	f -= float32(n * 1.42860677e-6)
	p := float32(1. / 720)
	p = float32(p*f) + 1./120
	p = float32(p*f) + 1./24
	p = float32(p*f) + 1./6
	p = float32(p*f) + 0.5
	p = float32(p*f) + 1
	p = float32(p*f) + 1
	// 2^n in two factors: 2^128 overflows float32.
	h := int32(n) >> 1
	return p * math.Float32frombits(uint32(h+127)<<23) * math.Float32frombits(uint32(int32(n)-h+127)<<23)
}

// expm1f is e^x - 1: where |x| <= ln(2)/2 the polynomial of exp32 without its constant, one degree longer; else the
// difference. Relative error below 7e-7.
func expm1f(x float32) float32 {
	if !(-0.34657359 <= x && x <= 0.34657359) {
		return exp32(x) - 1
	}
	p := float32(1. / 5040)
	p = float32(p*x) + 1./720
	p = float32(p*x) + 1./120
	p = float32(p*x) + 1./24
	p = float32(p*x) + 1./6
	p = float32(p*x) + 0.5
	return float32(p*(x*x)) + x
}

// roundEven32 rounds |x| < 2^22 to the nearest integer: adding 1.5 2^23 leaves no room for a fraction.
func roundEven32(x float32) float32 {
	const magic = 3 << 22
	return float32(x+magic) - magic
}

// log32 is the natural logarithm: x = 2^e m with m in [sqrt(1/2), sqrt(2)), then the polynomial of Cephes' logf
// (Moshier 1989). Relative error below 2e-7, subnormal numbers included.
func log32(x float32) float32 {
	if x < 0x1p-126 || !(x <= math.MaxFloat32) {
		return float32(math.Log(float64(x))) // zero, subnormal, negative, infinite, NaN
	}
	const sqrtHalf = 0x3f3504f3 // bits of sqrt(1/2)
	b := math.Float32bits(x)
	e := int32(b-sqrtHalf) >> 23
	f := math.Float32frombits(b-uint32(e)<<23) - 1
	z := f * f
	p := float32(7.0376836292e-2)
	p = float32(p*f) - 1.1514610310e-1
	p = float32(p*f) + 1.1676998740e-1
	p = float32(p*f) - 1.2420140846e-1
	p = float32(p*f) + 1.4249322787e-1
	p = float32(p*f) - 1.6668057665e-1
	p = float32(p*f) + 2.0000714765e-1
	p = float32(p*f) - 2.4999993993e-1
	p = float32(p*f) + 3.3333331174e-1
	p = float32(p * (f * z))
	n := float32(e)
	p += float32(n * -2.12194440e-4) // ln 2 in two parts
	p -= float32(0.5 * z)
	return float32(n*0.693359375) + (f + p)
}

// log1p32 is ln(1 + x): the logarithm of u = fl(1 + x), corrected for the rounding.
func log1p32(x float32) float32 {
	u := 1 + x
	if !(u > 0 && u <= math.MaxFloat32) {
		return log32(u)
	}
	return log32(u) + (x-(u-1))/u
}

// sinCosPi32 reduces t to f in [-1/4, 1/4] around the nearest multiple of 1/2 and evaluates minimax polynomials there.
// Absolute error below 2e-7.
func sinCosPi32(t float32) (sin, cos float32) {
	n := roundEven32(t + t)
	f := t - float32(n*0.5)
	z := f * f
	s := float32(0.08214588)
	s = float32(s*z) - 0.5992645
	s = float32(s*z) + 2.5501640
	s = float32(s*z) - 5.1677128
	s = float32(s*z) + 3.1415927
	s *= f
	c := float32(0.2353306)
	c = float32(c*z) - 1.3352628
	c = float32(c*z) + 4.0587121
	c = float32(c*z) - 4.9348022
	c = float32(c*z) + 1
	q := int32(n)
	if q&1 != 0 {
		s, c = c, s
	}
	// The quadrant's signs, set without a branch: the angle is random, so a branch would be mispredicted half the time.
	sin = math.Float32frombits(math.Float32bits(s) ^ uint32(q&2)<<30)
	cos = math.Float32frombits(math.Float32bits(c) ^ uint32((q+1)&2)<<30)
	return sin, cos
}

// Softplus returns sigma = ln(1 + e^phi), the standard deviation of a synapse, and its derivative 1 / (1 + e^-phi).
func Softplus[T Float](phi T) (sigma, derivative T) {
	e := exp(-abs(phi))
	sigma, derivative = log1p(e), 1/(1+e)
	if phi > 0 {
		sigma += phi
	} else {
		derivative *= e
	}
	return sigma, derivative
}

// SoftplusInverse returns the phi whose sigma is given: ln(e^sigma - 1).
func SoftplusInverse(sigma float64) float64 { return sigma + math.Log(-math.Expm1(-sigma)) }

func abs[T Float](x T) T {
	if x < 0 {
		return -x
	}
	return x
}
