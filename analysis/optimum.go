package analysis

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/stat"

	"quantal/results/draw"
	"quantal/synapse"
)

// optimal is the variance that is best for a synapse of the given mean and importance, and how it changes with the
// importance, d ln sigma^2 / d ln h: in closed form under the paper's costs (EES Eq. 66, 67), solved under others. NaN
// where there is no optimum.
func (p *Pattern) optimal(mu, h float64) (variance, slope float64) {
	if p.price == nil {
		rho := p.Config.Rho.Value()
		sigma := synapse.OptimalSigma(p.Config.C, rho, h)
		return sigma * sigma, synapse.OptimalSlopes(rho).Hessian
	}
	best, ok := p.price.Optimum(mu, h)
	if !ok {
		return math.NaN(), math.NaN()
	}
	return best.Sigma * best.Sigma, best.Slope
}

// eachOptimal calls a function with the optimum of each synapse of a layer that has an importance and an optimum; of
// some thousands, evenly spaced, where each needs a search of its own.
func (p *Pattern) eachOptimal(l Signatures, hessian []float64, of func(i int, variance, slope float64)) {
	const most = 4000
	stride := 1
	if p.price != nil && p.price.OfMu() {
		stride += (len(hessian) - 1) / most
	}
	for i := 0; i < len(hessian); i += stride {
		mu := 0.0
		if len(l.Mu) > 0 {
			mu = l.Mu[i]
		}
		if h := hessian[i]; h > 0 {
			if variance, slope := p.optimal(mu, h); !math.IsNaN(variance) {
				of(i, variance, slope)
			}
		}
	}
}

// medianRatio is the median of variances over the optimal ones; NaN without any.
func (p *Pattern) medianRatio(l Signatures, hessian []float64) float64 {
	var ratios []float64
	p.eachOptimal(l, hessian, func(i int, variance, _ float64) { ratios = append(ratios, l.Variance[i]/variance) })
	return median(ratios)
}

// optimalSlopes are those of Eq. 67 and 68 for a layer; costs other than the paper's have the median over synapses.
func (p *Pattern) optimalSlopes(l Signatures) synapse.Slopes {
	if p.price == nil {
		return synapse.OptimalSlopes(p.Config.Rho.Value())
	}
	var slopes []float64
	p.eachOptimal(l, l.Hessian, func(_ int, _, slope float64) { slopes = append(slopes, slope) })
	return synapse.SlopesFrom(median(slopes))
}

func median(values []float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	slices.Sort(values)
	return stat.Quantile(0.5, stat.Empirical, values, nil)
}

// optimalCurve is the optimal variance over a range of importance, where there is an optimum, for synapses of the
// layer's median |mu|.
func (p *Pattern) optimalCurve(l Signatures, low, high float64) draw.Curve {
	hs := []float64{low, high} // a straight line
	if p.price != nil && high > low {
		hs = floats.LogSpan(make([]float64, 80), low, high)
	}
	var mus []float64
	for _, mu := range l.Mu {
		mus = append(mus, math.Abs(mu))
	}
	mu := median(mus)
	var c draw.Curve
	for _, h := range hs {
		if variance, _ := p.optimal(mu, h); !math.IsNaN(variance) {
			c.X, c.Y = append(c.X, h), append(c.Y, variance)
		}
	}
	return c
}
