package synapse

import (
	"math"
	"testing"

	"gonum.org/v1/gonum/stat/distuv"

	"quantal/kernels"
)

// Of is the quantile of the binomial distribution, found here by summing all probabilities from 0 on; the largest
// variances are compared with the exact distribution within a vesicle.
func TestBinomialQuantiles(t *testing.T) {
	for _, r := range []Release{{1, 0.3, 1}, {1, 1, 1}, {4, 0.25, 1}, {10, 0.9, 1}, {200, 0.02, 1}, {3000, 0.25, 1},
		{60000, 0.25, 1}} {
		b := NewBinomial(r)
		off := 0.
		for z := -5.8; z <= 5.8; z += 0.2 {
			u, k := distuv.UnitNormal.CDF(z), 0
			for sum := r.Probability(0); sum < u && k < int(r.N); {
				k++
				sum += r.Probability(k)
			}
			off = max(off, math.Abs(b.Of(z)-float64(k)))
		}
		if most := 0.; r.N > 50000 && off > 2 || r.N <= 50000 && off > most {
			t.Errorf("%+v: the number is off by %g", r, off)
		}
	}
}

// Draws have the mean and the standard deviation of the release, also where its number of vesicles had to become whole.
func TestBinomialMoments(t *testing.T) {
	z := make([]float64, 100000)
	kernels.Normals(z, kernels.Noise{Seed: 3, Stream: kernels.StreamAnalysis}, 0)
	for _, r := range []Release{{0.2, 0.25, 1}, {3.6, 0.25, 0.2}, {40.4, 0.9, 1}, {1e7, 0.25, 1e-3}} {
		whole, err := r.Whole()
		if err != nil || whole.N != math.Round(whole.N) || whole.N < 1 {
			t.Fatalf("%+v: %+v, %v", r, whole, err)
		}
		b, sum, squares := NewBinomial(whole), 0., 0.
		for _, z := range z {
			w := whole.Q * b.Of(z)
			sum += w
			squares += w * w
		}
		mean := sum / float64(len(z))
		sd := math.Sqrt(squares/float64(len(z)) - mean*mean)
		if math.Abs(mean-r.Mean()) > 5*r.SD()/math.Sqrt(1e5) || math.Abs(sd/r.SD()-1) > 0.03 {
			t.Errorf("%+v: mean %g, SD %g, want %g and %g", r, mean, sd, r.Mean(), r.SD())
		}
	}
}
