package synapse

import (
	"math"

	"quantal/kernels"
)

// OptimalSigma is the standard deviation at which the sum of the costs of noise and reliability is smallest,
//
//	sigma = (c rho / h)^(1/(rho+2))
//
// the minimum of h sigma^2 / 2 + c sigma^-rho (Malkin et al. 2024, Eq. 63-66), where h is the synapse's importance, the
// diagonal entry of the Hessian of performance and magnitude cost. rho = 0 is the entropic limit, where c replaces c
// rho. A synapse without importance, h = 0, has an infinite sigma.
func OptimalSigma(c, rho, h float64) float64 {
	return math.Pow(kernels.ReliabilitySlope(c, rho)/h, 1/(rho+2))
}

// Slopes are the slopes on log axes of the optimal variance sigma^2 against quantities that scale with a synapse's
// importance (Eq. 67, 68).
type Slopes struct {
	Hessian float64 `json:"hessian"` // -2/(rho+2)
	// 4/(rho+2): the rate is proportional to one over the root of the mean squared gradient
	LearningRate float64 `json:"learning_rate"`
	Input        float64 `json:"input"`     // -2/(rho+2), against the mean square of the presynaptic activity
	Posterior    float64 `json:"posterior"` // 2/(rho+2), against the posterior variance
}

// OptimalSlopes are the slopes for an exponent; those of rho = 0 are the Bayesian ones.
func OptimalSlopes(rho float64) Slopes {
	return Slopes{Hessian: -2 / (rho + 2), LearningRate: 4 / (rho + 2), Input: -2 / (rho + 2), Posterior: 2 / (rho + 2)}
}

// Multiplier is the multiplier of the reliability cost for a scale s of sigma: c = s^rho / rho (Eq. 51). In the
// entropic limit it is 1 for any scale.
func Multiplier(s, rho float64) float64 {
	if rho == 0 {
		return 1
	}
	return math.Pow(s, rho) / rho
}

// Scale is the inverse of Multiplier, s = (c rho)^(1/rho), the sigma at which the cost bounds the entropic one exactly.
// The entropic limit has none: NaN.
func Scale(c, rho float64) float64 {
	if rho == 0 {
		return math.NaN()
	}
	return math.Pow(c*rho, 1/rho)
}
