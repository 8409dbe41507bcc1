package synapse

import "math"

// Power is the exponent rho of a price of reliability that is a power law, c sigma^-rho. Entropic stands for its limit,
// -c log sigma; no other package needs to know how.
type Power float64

// Entropic is the limit rho -> 0 (Malkin et al. 2024, Appendix 4).
const Entropic Power = 0

// Entropic reports whether it is the limit.
func (p Power) Entropic() bool { return p == Entropic }

// Cost is the price of one synapse without its multiplier c: sigma^-rho, or -log sigma.
func (p Power) Cost(sigma float64) float64 {
	if p.Entropic() {
		return -math.Log(sigma)
	}
	return math.Pow(sigma, -float64(p))
}

// Slope is the derivative of Cost.
func (p Power) Slope(sigma float64) float64 { return -p.factor(1) * math.Pow(sigma, -float64(p)-1) }

// ScaledCost is Cost over rho, or Cost in the entropic limit: the price with the multiplier of a scale of 1.
func (p Power) ScaledCost(sigma float64) float64 {
	if p.Entropic() {
		return p.Cost(sigma)
	}
	return p.Cost(sigma) / float64(p)
}

// factor is the k in the derivative -k sigma^-(rho+1) of c Cost(sigma).
func (p Power) factor(c float64) float64 {
	if p.Entropic() {
		return c
	}
	return c * float64(p)
}

// OptimalSigma is the standard deviation at which the sum of the costs of noise and reliability is smallest,
//
//	sigma = (c rho / h)^(1/(rho+2))
//
// the minimum of h sigma^2 / 2 + c sigma^-rho (Malkin et al. 2024, Eq. 63-66), where h is the synapse's importance, the
// diagonal entry of the Hessian of performance and magnitude cost. In the entropic limit c replaces c rho. A synapse
// without importance, h = 0, has an infinite sigma. Price.Optima has it for other laws.
func OptimalSigma(c float64, rho Power, h float64) float64 {
	return math.Pow(rho.factor(c)/h, 1/(float64(rho)+2))
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

// OptimalSlopes are the slopes for an exponent; those of the entropic limit are the Bayesian ones.
func OptimalSlopes(rho Power) Slopes { return SlopesFrom(-2 / (float64(rho) + 2)) }

// SlopesFrom are the slopes that follow from that against the Hessian.
func SlopesFrom(hessian float64) Slopes {
	return Slopes{Hessian: hessian, LearningRate: -2 * hessian, Input: hessian, Posterior: -hessian}
}

// Multiplier is the multiplier of the reliability cost for a scale s of sigma: c = s^rho / rho (Eq. 51). In the
// entropic limit it is 1 for any scale.
func Multiplier(s float64, rho Power) float64 {
	if rho.Entropic() {
		return 1
	}
	return math.Pow(s, float64(rho)) / float64(rho)
}

// Scale is the inverse of Multiplier, s = (c rho)^(1/rho), the sigma at which the cost bounds the entropic one exactly.
// The entropic limit has none: NaN.
func Scale(c float64, rho Power) float64 {
	if rho.Entropic() {
		return math.NaN()
	}
	return math.Pow(c*float64(rho), 1/float64(rho))
}
