package analysis

import (
	"context"
	"math"
	"strings"
	"testing"

	"gonum.org/v1/gonum/diff/fd"
	"gonum.org/v1/gonum/stat"

	"quantal/kernels"
)

// Chains find what is known in closed form: the Gaussian posterior of correlated weights, and the Laplace law, whose
// slope is not continuous; the errors are those of the effective draws.
func TestChainsFindKnownLaws(t *testing.T) {
	const draws = 4000
	plan := ChainPlan{Chains: 4, Warmup: 500, Draws: draws, Leapfrog: 10}
	l := boundedModel(5, 2)
	mean, factor, err := l.Posterior()
	if err != nil {
		t.Fatal(err)
	}
	const rate = 3.
	laplace := func(w, g []float64) float64 {
		g[0] = math.Copysign(rate, w[0])
		return rate * math.Abs(w[0])
	}
	for _, c := range []struct {
		name           string
		u              potential
		mean, variance []float64
	}{
		{"linear", l.potential(), mean, func() (v []float64) {
			for i := range mean {
				v = append(v, 0)
				for j := range mean {
					v[i] += factor.At(i, j) * factor.At(i, j)
				}
			}
			return v
		}()},
		{"Laplace", laplace, []float64{0}, []float64{2 / (rate * rate)}},
	} {
		var starts [][]float64
		for i := range plan.Chains {
			starts = append(starts, normals(len(c.mean), noise(8, forWeights), i))
		}
		chains, quality, err := plan.run(context.Background(), c.u, starts, 8)
		if err != nil {
			t.Fatal(err)
		}
		if quality.Accepted < 0.6 || quality.Accepted > 0.97 || quality.Step == 1e-3 {
			t.Errorf("%s: %v", c.name, quality)
		}
		for i := range c.mean {
			var values, squares [][]float64
			var all []float64
			for _, chain := range chains {
				values, squares = append(values, nil), append(squares, nil)
				for _, w := range chain {
					d := w[i] - c.mean[i]
					k := len(values) - 1
					values[k], squares[k], all = append(values[k], d), append(squares[k], d*d), append(all, d)
				}
			}
			quality.judge(values, squares)
			if quality.RHat > 1.01 || quality.Effective < 1000 {
				t.Errorf("%s, weight %d: %v", c.name, i, quality)
			}
			sd := math.Sqrt(c.variance[i])
			if e := math.Abs(stat.Mean(all, nil)) / sd; e > 4/math.Sqrt(EffectiveDraws(values)) {
				t.Errorf("%s, weight %d: the mean is off by %v standard deviations", c.name, i, e)
			}
			// The variance of a square is 2 sigma^4 for a Gaussian law, 5 sigma^4 for the Laplace law.
			if e := math.Abs(stat.Variance(all, nil)/c.variance[i] - 1); e > 4*math.Sqrt(5/EffectiveDraws(squares)) {
				t.Errorf("%s, weight %d: the variance is off by a share of %v", c.name, i, e)
			}
		}
	}
}

// R-hat and the effective draws of series whose law is known: independent draws, an autoregression, and chains that
// stay apart.
func TestChainQuality(t *testing.T) {
	series := func(r, apart float64) (chains [][]float64) {
		for c := range 4 {
			x := normals(2000, noise(3, forChains), c)
			for i := 1; i < len(x); i++ {
				x[i] = r*x[i-1] + math.Sqrt(1-r*r)*x[i]
			}
			for i := range x {
				x[i] += apart * float64(c)
			}
			chains = append(chains, x)
		}
		return chains
	}
	for _, r := range []float64{0, 0.5, 0.9} {
		want := 8000 * (1 - r) / (1 + r)
		if got := EffectiveDraws(series(r, 0)); got < 0.8*want || got > 1.25*want {
			t.Errorf("autocorrelation %v: %v effective draws, want %v", r, got, want)
		}
		if got := RHat(series(r, 0)); got > 1.02 || got < 0.99 {
			t.Errorf("autocorrelation %v: R-hat %v", r, got)
		}
	}
	// Means 0, 1, 2, 3 with variance 1: the variance of the means of halves is 10/7.
	if got, want := RHat(series(0, 1)), math.Sqrt(1+10./7); math.Abs(got-want) > 0.05 {
		t.Errorf("chains apart: R-hat %v, want %v", got, want)
	}
	for apart, short := range map[float64]bool{0: false, 1: true} {
		var q ChainQuality
		q.judge(series(0.5, 0), series(0, apart))
		if strings.Contains(q.String(), "too short") != short {
			t.Errorf("chains %v apart: %v", apart, q)
		}
	}
	if got := EffectiveDraws(series(0, 1)); got > 50 {
		t.Errorf("chains apart: %v effective draws", got)
	}
}

// The posterior that the chains follow is that of the network which is trained: its output is that of the graph, and
// the gradient that of finite differences.
func TestRegressionPotential(t *testing.T) {
	n, err := newNetwork([]int{regressionHidden}, kernels.ReLU, true, [][]float64{{0.1}}, []float64{1})
	if err != nil {
		t.Fatal(err)
	}
	s := n.start(3, 1, 1e-9)
	w := n.weights(s).Mu
	x := []float64{-2, -0.4, 0.7}
	want := n.predict(s, x, 1, 1)[0]
	y := []float64{0.3, -1, 2}
	sum := 0.
	for a, x := range x {
		if got := regressionOutput(w, x); !near(got, want[a], 1e-6) {
			t.Errorf("x = %v: %v, from the graph %v", x, got, want[a])
		}
		sum += math.Pow(y[a]-want[a], 2) / (2 * 0.05 * 0.05)
	}
	for _, w := range w {
		sum += math.Abs(w)
	}
	u, g := regressionPotential(x, y), make([]float64, len(w))
	if got := u(w, g); !near(got, sum, 1e-5) {
		t.Errorf("potential %v, want %v", got, sum)
	}
	numeric := fd.Gradient(nil, func(w []float64) float64 { return u(w, make([]float64, len(w))) }, w,
		&fd.Settings{Formula: fd.Central, Step: 1e-6})
	for i := range g {
		if math.Abs(g[i]-numeric[i]) > 1e-4*max(1, math.Abs(g[i])) {
			t.Errorf("weight %d: gradient %v, by differences %v", i, g[i], numeric[i])
		}
	}
}
