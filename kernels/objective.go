package kernels

import "math"

// ReliabilityCost is the cost of one synapse without its multiplier c: sigma^-rho, or -log sigma in the entropic limit
// rho = 0 (Malkin et al. 2024, Eq. 4 and Appendix 4).
func ReliabilityCost(sigma, rho float64) float64 {
	if rho == 0 {
		return -math.Log(sigma)
	}
	return math.Pow(sigma, -rho)
}

// ReliabilitySlope is the factor k in the derivative -k sigma^-(rho+1) of c ReliabilityCost(sigma, rho): c rho, or c in
// the entropic limit.
func ReliabilitySlope(c, rho float64) float64 {
	if rho == 0 {
		return c
	}
	return c * rho
}

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
