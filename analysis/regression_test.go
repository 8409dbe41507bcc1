package analysis

import (
	"context"
	"math"
	"slices"
	"testing"

	"quantal/kernels"
)

// As Appendix 4 describes: predictions that spread where there are no examples, narrow ones for small c, and a bad fit
// for large c and rho.
func TestRegression(t *testing.T) {
	r, err := TrainRegression(context.Background(), 1, true)
	if err != nil {
		t.Fatal(err)
	}
	bayes, rows := r.Networks[0], r.Networks[1:]
	small, large := rows[3], rows[11] // rho = 2 with the smallest and the largest c
	if bayes.Beyond < 1.5*bayes.Spread || bayes.Error > 0.1 {
		t.Errorf("variational Bayes: spread %v within the examples, %v beyond, error %v", bayes.Spread, bayes.Beyond,
			bayes.Error)
	}
	if small.Beyond > 0.5*bayes.Beyond || small.Spread > 0.5*bayes.Spread || small.Error > 0.1 {
		t.Errorf("small c: spread %v and %v, error %v; variational Bayes %v and %v", small.Spread, small.Beyond, small.Error,
			bayes.Spread, bayes.Beyond)
	}
	if large.Error < 2*bayes.Error || large.Spread < 2*bayes.Spread {
		t.Errorf("large c: error %v, spread %v; variational Bayes %v, %v", large.Error, large.Spread, bayes.Error,
			bayes.Spread)
	}
	for _, n := range r.Networks {
		inside, width := 0, 0.0
		for k, x := range regressionGrid() {
			if x >= -2 && x <= -1.3 || x >= -0.2 && x <= 0.6 {
				inside++
				width += 4 * n.sd[k]
			}
		}
		if width /= float64(inside); !near(width, 4*n.Spread, 1e-9) {
			t.Errorf("rho %v: the band is %v wide, its standard deviation %v", n.Rho, width, n.Spread)
		}
		if n.MagnitudeAbsW < n.MagnitudeAbsMu {
			t.Errorf("rho %v: E|w| %v below |mu| %v", n.Rho, n.MagnitudeAbsW, n.MagnitudeAbsMu)
		}
		if len(n.weights.Mu) != 61 || len(n.Gaps) != 12 {
			t.Fatalf("%d weights, %d gaps", len(n.weights.Mu), len(n.Gaps))
		}
		for _, g := range n.Gaps {
			if g.Gap < g.Least || g.Least < 0 {
				t.Errorf("gap %+v", g)
			}
		}
	}
	// The posterior is as good as variational Bayes where there are examples, and much wider in the gap between them.
	p := r.Posterior
	if p.RHat > 1.1 || p.Effective < 50 || p.Error > 0.06 || p.Spread > 1.5*bayes.Spread || p.Beyond < bayes.Beyond {
		t.Errorf("posterior: %v; error %v, spread %v and %v beyond", p.ChainQuality, p.Error, p.Spread, p.Beyond)
	}
	gap := slices.IndexFunc(regressionGrid(), func(x float64) bool { return x > -0.75 })
	if p.sd[gap] < 3*bayes.sd[gap] {
		t.Errorf("in the gap: posterior %v, variational Bayes %v", p.sd[gap], bayes.sd[gap])
	}
	w := r.Widths
	for i, exact := range w.Exact {
		if !near(w.Chains[i], exact, 0.05) {
			t.Errorf("weight %d: chains have a width of %v, want %v", i, w.Chains[i], exact)
		}
		if bayes := w.Fits[0].Sigma[i]; bayes > exact {
			t.Errorf("weight %d: variational Bayes %v, wider than the posterior, %v", i, bayes, exact)
		}
	}
	for _, b := range r.Models {
		if b.LogEvidence < b.ELBO || b.ELBO < b.Bound {
			t.Errorf("log P %v, ELBO %v, bound %v", b.LogEvidence, b.ELBO, b.Bound)
		}
	}
	saved(t, r.Illustration)
}

// Predictions against a network written from the definition.
func TestPredict(t *testing.T) {
	const hidden, seed = 5, 9
	n, err := newNetwork([]int{hidden}, kernels.ReLU, true, [][]float64{{0.1}, {0.2}}, []float64{1, 2})
	if err != nil {
		t.Fatal(err)
	}
	s := n.start(3, 1, 0.3)
	x := []float64{-2, 0, 0.7}
	got := n.predict(s, x, 4, seed)
	w := n.weights(s)
	for d := range got {
		drawn := make([]float64, len(w.Mu))
		at := 0
		for layer, shape := range [][2]int{{hidden, 2}, {1, hidden + 1}} {
			for r := range shape[0] {
				xi := make([]float64, shape[1])
				kernels.Normals(xi, kernels.Noise{Seed: seed, Stream: kernels.StreamAnalysis, Layer: uint16(layer),
					Draw: uint32(forPredictions)<<24 + uint32(d)}, r)
				for _, v := range xi {
					drawn[at] = w.Mu[at] + w.Sigma[at]*v
					at++
				}
			}
		}
		for e, v := range x {
			y := drawn[3*hidden] // the bias of the output, after its five weights
			for h := range hidden {
				y += drawn[2*hidden+h] * max(0, drawn[2*h]*v+drawn[2*h+1])
			}
			if math.Abs(got[d][e]-y) > 1e-9 {
				t.Errorf("draw %d, x = %v: %v, want %v", d, v, got[d][e], y)
			}
		}
	}
	if got[0][0] == got[1][0] {
		t.Error("two draws are equal")
	}
}
