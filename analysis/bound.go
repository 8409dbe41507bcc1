package analysis

import (
	"math"

	"quantal/synapse"
)

// EntropicCost is the reliability cost of variational Bayes for one synapse, minus the entropy of its weight:
//
//	C_VI = -1/2 ln(2 pi e sigma^2)   (Malkin et al. 2024, Eq. 44)
func EntropicCost(sigma float64) float64 { return -0.5 * math.Log(2*math.Pi*math.E*sigma*sigma) }

// BoundGap is the cost of a power law minus the entropic cost, C_BI - C_VI of one synapse (Eq. 45-47), for the scale s
// of Eq. 51:
//
//	gap = ((s/sigma)^rho - 1)/rho - ln(s/sigma)
//
// It is never negative, 0 where sigma = s, and goes to 0 with rho (Eq. 53-56).
func BoundGap(sigma, s float64, rho synapse.Power) float64 {
	u := math.Log(s / sigma)
	x := float64(rho) * u
	if math.Abs(x) < 1e-4 { // Expm1(x) - x loses its digits; rho u^2 (1/2 + x/6 + ...)
		return float64(rho) * u * u * (0.5 + x/6)
	}
	return (math.Expm1(x) - x) / float64(rho)
}

// MeanGap is the mean of BoundGap over synapses.
func MeanGap(sigmas []float64, s float64, rho synapse.Power) float64 {
	sum := 0.0
	for _, sigma := range sigmas {
		sum += BoundGap(sigma, s, rho)
	}
	return sum / float64(len(sigmas))
}

// TightestScale is the s that minimises the mean gap over synapses for an exponent: s^-rho = mean sigma^-rho, which in
// the entropic limit is the geometric mean.
func TightestScale(sigmas []float64, rho synapse.Power) float64 {
	// In logarithms, relative to the first, so that nothing overflows.
	first, sum := math.Log(sigmas[0]), 0.0
	for _, sigma := range sigmas {
		if u := math.Log(sigma) - first; rho.Entropic() {
			sum += u
		} else {
			sum += math.Exp(-float64(rho) * u)
		}
	}
	if sum /= float64(len(sigmas)); rho.Entropic() {
		return math.Exp(first + sum)
	}
	return math.Exp(first - math.Log(sum)/float64(rho))
}

// FoldedMean is E|w| of a Gaussian weight, the mean of the folded normal distribution (Leone, Nelson and Nottingham
// 1961):
//
//	sigma sqrt(2/pi) exp(-mu^2/(2 sigma^2)) + mu erf(mu/(sigma sqrt 2))
//
// A Laplace prior costs lambda E|w|, which Eq. 43 identifies with lambda |mu|; it is larger, by the most at mu = 0.
func FoldedMean(mu, sigma float64) float64 {
	if sigma == 0 {
		return math.Abs(mu)
	}
	z := mu / sigma
	return sigma*math.Sqrt(2/math.Pi)*math.Exp(-z*z/2) + mu*math.Erf(z/math.Sqrt2)
}
