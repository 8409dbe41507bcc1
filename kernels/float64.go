package kernels

import "math"

// Exp and Log are those of package math on amd64, with the same bytes on every processor: package math has other code
// for some, and Go fuses products and sums of its code on others. Losses are made of them.

// Exp is e^x: x = n ln 2 + 16 f, the Taylor polynomial of degree 8 in f, and e^f - 1 to e^(2f) - 1 four times (N.
// Shibata, Comput. Sci. Res. Dev. 25, 25, 2010).
func Exp(x float64) float64 {
	switch {
	case math.IsNaN(x) || math.IsInf(x, 1):
		return x
	case x > 7.09782712893384e+02:
		return math.Inf(1)
	}
	n := math.RoundToEven(x * math.Log2E)
	if n < -1075 {
		return 0
	}
	const ln2High, ln2Low = 0.69314718055966295651160180568695068359375, 0.282352905630315771225884481750134360255254e-12
	f := 0.0625 * math.FMA(-n, ln2Low, math.FMA(-n, ln2High, x))
	p := 1. / 40320
	for _, c := range [...]float64{1. / 5040, 1. / 720, 1. / 120, 1. / 24, 1. / 6, 1. / 2, 1} {
		p = math.FMA(p, f, c)
	}
	p = float64(p * f)
	for range 3 {
		p = float64(p * (p + 2))
	}
	p = math.FMA(p, p+2, 1)
	switch {
	case n < -1022: // subnormal
		return float64(p*power2(n+1022)) * 0x1p-1022
	case n > 1023:
		return math.Inf(1)
	}
	return p * power2(n)
}

// power2 is 2^n for a normal number.
func power2(n float64) float64 { return math.Float64frombits(uint64(int64(n)+1023) << 52) }

// Log is the natural logarithm: x = 2^k (1 + f) with 1 + f in [sqrt(1/2), sqrt(2)), and the polynomial of FreeBSD's
// e_log.c in s = f / (2 + f).
func Log(x float64) float64 {
	switch {
	case math.IsNaN(x) || math.IsInf(x, 1):
		return x
	case x < 0:
		return math.NaN()
	case x == 0:
		return math.Inf(-1)
	}
	fraction, exponent := math.Frexp(x)
	if fraction < math.Sqrt2/2 {
		fraction *= 2
		exponent--
	}
	f, k := float64(fraction)-1, float64(exponent)
	s := f / (2 + f)
	s2 := float64(s * s)
	s4 := float64(s2 * s2)
	polynomial := func(highest float64, coefficients ...float64) float64 {
		p := highest
		for _, c := range coefficients {
			p = float64(p*s4) + c
		}
		return p
	}
	r := float64(s2*polynomial(1.479819860511658591e-01, 1.818357216161805012e-01, 2.857142874366239149e-01,
		6.666666666666735130e-01)) + float64(s4*polynomial(1.531383769920937332e-01, 2.222219843214978396e-01,
		3.999999999940941908e-01))
	square := float64(0.5 * f * f)
	const ln2High, ln2Low = 6.93147180369123816490e-01, 1.90821492927058770002e-10
	return float64(k*ln2High) - ((square - (float64(s*(square+r)) + float64(k*ln2Low))) - f)
}
