package analysis

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/integrate/quad"

	"quantal/synapse"
)

// Evidence is log P(v | x), the log of the likelihood integrated over a Laplace prior of scale 1/lambda on every
// weight, by quadrature. It is for models of at most three weights. Over the posterior of a flat prior, w = mean + L z
// with z standard normal,
//
//	log P = log max likelihood + log( (2 pi)^(n/2) |L| E_z[ prod_i lambda/2 exp(-lambda |w_i|) ] )
//
// and z is integrated one after the other, by Gauss-Legendre on both sides of the point where the next weight is zero,
// the kink of the prior.
func (l Linear) Evidence(lambda float64) (float64, error) {
	mean, factor, err := l.Posterior()
	if err != nil {
		return 0, err
	}
	n := len(mean)
	const most = 3
	if n > most {
		return 0, fmt.Errorf("analysis: evidence: %d weights: want at most %d, because quadrature takes them all at once", n,
			most)
	}
	if !(lambda > 0) {
		return 0, fmt.Errorf("analysis: evidence: lambda %g: want a number above 0", lambda)
	}
	// The prior moves the peak in z by at most lambda times a column of L; the integrand vanishes ten standard deviations
	// beyond.
	reach, rates := 0.0, make([]float64, n) // how fast the prior changes over z_j
	for j := range n {
		column := 0.0
		for i := j; i < n; i++ {
			column += math.Abs(factor.At(i, j))
		}
		rates[j] = lambda * column
		reach = max(reach, rates[j])
	}
	const tail, farthest = 10, 50
	if reach += tail; reach > farthest {
		return 0, fmt.Errorf("analysis: evidence: lambda %g: want one that does not outweigh the examples", lambda)
	}
	z := make([]float64, n)
	// integrate returns the integral over z_i, z_i+1, ... given those before, with the prior's factors of weights i, i+1,
	// ...
	var integrate func(i int) float64
	integrate = func(i int) float64 {
		if i == n {
			return 1
		}
		given := mean[i]
		for j := range i {
			given += factor.At(i, j) * z[j]
		}
		integrand := func(v float64) float64 {
			z[i] = v
			w := given + factor.At(i, i)*v
			return math.Exp(-v*v/2-lambda*(math.Abs(w)-math.Abs(mean[i]))) * integrate(i+1)
		}
		sum := 0.0
		kink := min(max(-given/factor.At(i, i), -reach), reach)
		for _, end := range []float64{-reach, reach} {
			// A Gaussian over ten of its standard deviations is exact to 1e-12 with so many nodes. Beside the kink it may be
			// the far tail of one, which falls by e within 1/rate: there parts begin narrow and double.
			const nodes, most, falls = 24, 10, 10
			direction := math.Copysign(1, end)
			for from, width := 0.0, min(most, falls/rates[i]); from < math.Abs(end-kink); width = min(most, 2*width) {
				to := min(from+width, math.Abs(end-kink))
				low, high := kink+direction*from, kink+direction*to
				sum += quad.Fixed(integrand, min(low, high), max(low, high), nodes, quad.Legendre{}, 0)
				from = to
			}
		}
		return sum
	}
	log := math.Log(integrate(0)) - l.ExpectedNLL(Weights{mean, make([]float64, n)})
	for i, m := range mean {
		log += math.Log(factor.At(i, i)) + math.Log(lambda/2) - lambda*math.Abs(m)
	}
	return log, nil
}

// ELBO is the evidence lower bound of Gaussian weights under a Laplace prior of scale 1/lambda (Eq. 36), in closed
// form:
//
//	-E[NLL] + sum_i ( log(lambda/2) - lambda E|w_i| + 1/2 log(2 pi e sigma_i^2) )
func (l Linear) ELBO(w Weights, lambda float64) float64 {
	sum := -l.ExpectedNLL(w)
	for i, mu := range w.Mu {
		sum += math.Log(lambda/2) - lambda*FoldedMean(mu, w.Sigma[i]) - EntropicCost(w.Sigma[i])
	}
	return sum
}

// Bounds are the inequalities of Eq. 52 for weights optimised under a power law: LogEvidence >= ELBO >= Bound.
type Bounds struct {
	Rho         synapse.Power `json:"rho"`
	S           float64       `json:"s"`
	LogEvidence float64       `json:"log_evidence"` // log P(y|x), by quadrature
	ELBO        float64       `json:"elbo"`
	Bound       float64       `json:"bound"` // the ELBO with the power law C_BI instead of the entropic C_VI
	// WithAbsMu is Bound with lambda |mu| instead of lambda E|w|, as in Eq. 43: minus the overall cost, up to a constant.
	// It is larger than Bound, and is not itself a bound.
	WithAbsMu float64 `json:"with_abs_mu"`
	Weights
}

// Bounds solves the model for a scale and an exponent, and computes evidence and bounds.
func (l Linear) Bounds(s float64, rho synapse.Power, lambda float64) (Bounds, error) {
	w, err := l.Solve(synapse.Multiplier(s, rho), rho)
	if err != nil {
		return Bounds{}, err
	}
	b := Bounds{Rho: rho, S: s, Weights: w, ELBO: l.ELBO(w, lambda)}
	if b.LogEvidence, err = l.Evidence(lambda); err != nil {
		return Bounds{}, err
	}
	b.Bound = b.ELBO
	for _, sigma := range w.Sigma {
		b.Bound -= BoundGap(sigma, s, rho)
	}
	b.WithAbsMu = b.Bound
	for i, mu := range w.Mu {
		b.WithAbsMu += lambda * (FoldedMean(mu, w.Sigma[i]) - math.Abs(mu))
	}
	return b, nil
}
