package graph

import (
	"math"
	"strings"
	"testing"

	"gonum.org/v1/gonum/stat"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"quantal/kernels"
)

// Noise of every example is that of weights drawn for every example: the first two moments of pre-activations, and the
// covariance of two neurons, agree with those of 10^5 explicit draws of the weights, within five standard errors.
func TestPerExampleHasTheMomentsOfDrawnWeights(t *testing.T) {
	const draws = 100000
	l := Linear{Layer: kernels.Layer{In: 6, Out: 2}, Index: 3, Batch: 1, Sharing: kernels.PerSynapse,
		Draw: kernels.PerExample}
	s := stream{kernels.Noise{Seed: 5, Stream: kernels.StreamAnalysis}}
	x, mu, sigma := s.uniform(l.In, -1, 2), s.uniform(l.Synapses(), -0.6, 0.6), s.uniform(l.Synapses(), 0.05, 0.5)
	of := func(reads func(noise kernels.Noise, xi []float64) (y0, y1 float64)) (first, second []float64) {
		xi := make([]float64, l.Columns())
		for i := range draws {
			y0, y1 := reads(kernels.Noise{Seed: 9, Stream: kernels.StreamTrain, Layer: 3, Step: uint32(i)}, xi)
			first, second = append(first, y0), append(second, y1)
		}
		return first, second
	}
	w0, w1 := of(func(n kernels.Noise, xi []float64) (y0, y1 float64) {
		for r, y := range []*float64{&y0, &y1} {
			kernels.Normals(xi, n, r)
			for k, v := range append(x[:l.In:l.In], 1) {
				*y += v * (mu[r*l.Columns()+k] + sigma[r*l.Columns()+k]*xi[k])
			}
		}
		return y0, y1
	})
	e0, e1 := of(func(n kernels.Noise, _ []float64) (y0, y1 float64) {
		p := perturb(l, x, mu, sigma, n)
		return p.y[0], p.y[1]
	})
	near := func(what string, a, b, deviation float64) {
		t.Helper()
		if !(math.Abs(a-b) <= 5*deviation*math.Sqrt(2./draws)) {
			t.Errorf("%s: %g of drawn weights, %g of drawn pre-activations", what, a, b)
		}
	}
	for i, pair := range [][2][]float64{{w0, e0}, {w1, e1}} {
		m, v := stat.MeanVariance(pair[0], nil)
		em, ev := stat.MeanVariance(pair[1], nil)
		near("mean", m, em, math.Sqrt(v))
		near("variance", v, ev, v*math.Sqrt2)
		var exact float64
		for k, x := range append(x[:l.In:l.In], 1) {
			exact += x * x * sigma[i*l.Columns()+k] * sigma[i*l.Columns()+k]
		}
		near("variance of the formula", exact, ev, v*math.Sqrt2)
		if math.Abs(ev-exact/2) < 0.1*exact { // so a factor does not go unnoticed
			t.Errorf("half the variance goes unnoticed")
		}
	}
	scale := math.Sqrt(stat.Variance(w0, nil) * stat.Variance(w1, nil))
	near("covariance", stat.Covariance(w0, w1, nil), stat.Covariance(e0, e1, nil), scale)
}

// A program knows the draw under every rule, one with sigma = 0 has none, and layers cannot differ.
func TestCompileDraw(t *testing.T) {
	spec := Spec{Sizes: []int{7, 5, 3}, Batch: 4, Activation: kernels.ReLU, Draw: kernels.PerExample}
	for _, rule := range rules {
		p, err := CompileSpec(spec, rule)
		if err != nil {
			t.Fatal(err)
		}
		if first, _, _ := strings.Cut(p.String(), "\n"); p.Draw != kernels.PerExample ||
			!strings.Contains(first, "a draw per example") {
			t.Errorf("%v: the draw is per %v in %q", rule, p.Draw, first)
		}
	}
	spec.Sharing = kernels.NoNoise
	if p, err := CompileSpec(spec, rules[0]); err != nil || p.Draw != kernels.PerMinibatch {
		t.Errorf("without noise: %v, %v", p, err)
	}
	h := newHand()
	y := h.layer(t, h.x, 5)
	h.mu = append(h.mu, gorgonia.NewMatrix(h.g, tensor.Float32, gorgonia.WithShape(3, 6), gorgonia.WithName("mu1")))
	h.phi = append(h.phi, gorgonia.NewMatrix(h.g, tensor.Float32, gorgonia.WithShape(3, 6), gorgonia.WithName("phi1")))
	h.sigma = append(h.sigma, must(t)(ApplySigma(h.phi[1])))
	z := must(t)(ApplyNoisyLinear(1, kernels.PerSynapse, kernels.PerExample, y, h.mu[1], h.sigma[1], h.Seed, h.Step))
	loss := must(t)(ApplyCrossEntropy(z, h.y))
	if _, err := gorgonia.Grad(loss, append(h.mu, h.phi...)...); err != nil {
		t.Fatal(err)
	}
	if _, err := Compile(h.g, loss, rules[0]); err == nil || !strings.Contains(err.Error(), "a draw per example") {
		t.Errorf("layers of two draws: %v", err)
	}
}
