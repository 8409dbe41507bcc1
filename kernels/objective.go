package kernels

import "math"

// InversePower is sigma^-(rho+1).
func InversePower[T Float](sigma, rho T) T {
	if !single[T]() {
		return T(math.Pow(float64(sigma), -float64(rho)-1))
	}
	r := 1 / sigma
	switch rho {
	case 0:
		return r
	case 0.5:
		return r * sqrt(r)
	case 1:
		return r * r
	case 2:
		return r * r * r
	}
	return exp(-(rho + 1) * log(sigma))
}
