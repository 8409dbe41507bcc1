package synapse

import (
	"math"

	"gonum.org/v1/gonum/stat/distuv"
)

// Whole returns the release of a whole number of vesicles, the nearest and at least one, with the same mean and
// standard deviation: p and q follow from the number, as FromMoments does.
func (r Release) Whole() (Release, error) {
	return FromMoments(r.Mean(), r.SD(), N, max(1, math.Round(r.N)))
}

// manyVesicles is the variance of the number of released vesicles above which Binomial takes two terms of an expansion
// for the number: that is then off by at most two vesicles, and one in the middle, of a standard deviation of a hundred
// and more.
const manyVesicles = 1e4

// Binomial draws the number of released vesicles of a release whose N is whole.
type Binomial struct {
	n, p, sd  float64
	mode      float64
	pmf, upTo float64 // the probabilities of the mode, and of it and all below
}

// NewBinomial prepares the draws.
func NewBinomial(r Release) Binomial {
	b := Binomial{n: r.N, p: r.P, sd: math.Sqrt(r.N * r.P * (1 - r.P))}
	if b.sd*b.sd <= manyVesicles {
		b.mode = min(r.N, math.Floor((r.N+1)*r.P))
		b.pmf, b.upTo = r.Probability(int(b.mode)), 1
		if b.mode < r.N {
			b.upTo = distuv.Binomial{N: r.N, P: r.P}.CDF(b.mode)
		}
	}
	return b
}

// Of is the number of vesicles at the same quantile of its distribution as z has in the standard normal: the least
// number that is not exceeded with probability Phi(z). Of a standard normal z it is a binomial number.
func (b Binomial) Of(z float64) float64 {
	if b.sd*b.sd > manyVesicles { // Cornish and Fisher 1938
		k := math.Round(b.n*b.p + b.sd*z + (z*z-1)*(1-2*b.p)/6)
		return min(max(k, 0), b.n)
	}
	u := math.Erfc(-z/math.Sqrt2) / 2
	k, at, upTo, odds := b.mode, b.pmf, b.upTo, b.p/(1-b.p)
	for u > upTo && k < b.n {
		at *= (b.n - k) / (k + 1) * odds
		upTo += at
		k++
	}
	for k > 0 && u <= upTo-at {
		upTo -= at
		at *= k / ((b.n - k + 1) * odds)
		k--
	}
	return k
}
