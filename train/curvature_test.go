package train

import (
	"context"
	"math"
	"testing"

	"quantal/internal/stripes"
	"quantal/kernels"
	"quantal/mnist"
)

// shallow is a network without hidden layers in a state with noise, and its data.
func shallow(t *testing.T) (*Session, *kernels.State) {
	t.Helper()
	c, _ := small(t)
	c.Hidden, c.Rule = []int{}, "sgd"
	set := stripes.Set(700, 45, 5, 6, 3)
	s := opened(t, set, c)
	state := c.InitialState(s.spec().Layout())
	for i := range state.Phi {
		state.Mu[i] *= 5
		state.Phi[i] = float32(kernels.SoftplusInverse(0.1 + 0.01*float64(i%7)))
	}
	return s, state
}

// expected is sum_b x^2 p (1 - p) over draws of the weights, in float64 and from the definition.
func expected(s *Session, state *kernels.State, e mnist.Examples, draws int) (mean, se []float64) {
	layout := s.spec().Layout()
	layer := layout.Layers[0]
	pixels := layer.In
	mean, se = make([]float64, layout.Slots()), make([]float64, layout.Slots())
	w, xi := make([]float64, layout.Slots()), make([]float64, layout.Slots())
	x, y, p := make([]float64, pixels+1), make([]float64, layer.Out), make([]float64, layer.Out)
	for d := range draws {
		kernels.Normals(xi, kernels.Noise{Seed: 3, Stream: kernels.StreamAnalysis, Draw: 254 << 24}, d)
		for i := range w {
			sigma, _ := kernels.Softplus(float64(state.Phi[i]))
			w[i] = float64(state.Mu[i]) + sigma*xi[i]
		}
		h := make([]float64, len(w))
		for b := range e.N() {
			for k, v := range e.Images[b*pixels:][:pixels] {
				x[k] = (float64(v)/255 - s.Pixels.Mean) / s.Pixels.SD
			}
			x[pixels] = 1
			for r := range y {
				y[r] = 0
				for k, v := range x {
					y[r] += v * w[r*layer.Stride()+k]
				}
			}
			kernels.LogSoftmax(p, y)
			for r, log := range p {
				q := math.Exp(log)
				for k, v := range x {
					h[r*layer.Stride()+k] += q * (1 - q) * v * v
				}
			}
		}
		for i, v := range h {
			mean[i] += v / float64(draws)
			se[i] += v * v / float64(draws)
		}
	}
	for i := range se {
		se[i] = math.Sqrt(max(0, se[i]-mean[i]*mean[i]) / float64(draws))
	}
	return mean, se
}

// The curvature is that of the definition, in expectation over the weights. Other draws give it but for their noise,
// and the labels play no part.
func TestCurvature(t *testing.T) {
	s, state := shallow(t)
	ctx := context.Background()
	const draws = 400
	want, se := expected(s, state, s.Set.Train, draws)
	h, err := s.Curvature(ctx, state, 50, 0)
	if err != nil {
		t.Fatal(err)
	}
	for i := range want {
		if math.Abs(h[i]-want[i]) > 5*se[i]+1e-3*want[i] {
			t.Errorf("slot %d: %g, want %g ± %g", i, h[i], want[i], se[i])
		}
	}
	still := *state
	still.Phi = make([]float32, len(state.Phi))
	for i := range still.Phi {
		still.Phi[i] = float32(kernels.SoftplusInverse(1e-6))
	}
	atMu, _ := expected(s, &still, s.Set.Train, 1)
	if h, err = s.Curvature(ctx, &still, 1, 0); err != nil {
		t.Fatal(err)
	}
	for i := range atMu {
		if math.Abs(h[i]-atMu[i]) > 1e-5*atMu[i] {
			t.Errorf("slot %d without noise: %g, want %g", i, h[i], atMu[i])
		}
	}
	one, _ := s.Curvature(ctx, state, 1, 0)
	again, _ := s.Curvature(ctx, state, 1, 0)
	other, _ := s.Curvature(ctx, state, 1, 1)
	for i := range s.training.Labels {
		s.training.Labels[i] = 0
	}
	strangers, _ := s.Curvature(ctx, state, 1, 0)
	if one[0] != again[0] || one[0] != strangers[0] || one[0] == other[0] {
		t.Errorf("one set of draws gives %g and %g, with other labels %g; another %g", one[0], again[0], strangers[0],
			other[0])
	}
	if _, err := s.Curvature(ctx, state, 0, 0); err == nil {
		t.Error("no draws are taken")
	}
	c, set := small(t)
	if _, err := opened(t, set, c).Curvature(ctx, state, 1, 0); err == nil {
		t.Error("hidden layers are taken")
	}
}

// The gradient of phi is the way of a step of training by plain descent, and its mean is that of the expected
// objective: by Stein's lemma (B/N) (sigma H + dcost/dsigma) dsigma/dphi.
func TestPhiGradients(t *testing.T) {
	s, state := shallow(t)
	ctx := context.Background()
	n := s.Networks[0]
	run := newRun(t, n, s.Set)
	if err := run.load(run.Program, []*kernels.State{state}); err != nil {
		t.Fatal(err)
	}
	if err := run.advance(ctx, 1, firstDivergence); err != nil {
		t.Fatal(err)
	}
	after, err := run.vm.State(0)
	if err != nil {
		t.Fatal(err)
	}
	before := append([]float32{}, state.Phi...)
	const steps = 20000
	sum, squares := make([]float64, len(state.Phi)), make([]float64, len(state.Phi))
	step := 0
	err = s.PhiGradients(ctx, state, 0, steps, func(g []float64) {
		for i, v := range g {
			if moved := float64(before[i]) - float64(after.Phi[i]); step == 0 && math.Abs(n.LearningRate*v-moved) > 1e-6 {
				t.Errorf("slot %d: the gradient is %g, and a step of rate %g moves phi by %g", i, v, n.LearningRate, -moved)
			}
			sum[i] += v / steps
			squares[i] += v * v / steps
		}
		step++
	})
	if err != nil || step != steps {
		t.Fatal(step, err)
	}
	h, err := s.Curvature(ctx, state, 50, 0)
	if err != nil {
		t.Fatal(err)
	}
	fraction := float64(n.Batch) / float64(s.Examples())
	agree, zero, synapses := 0., 0., 0. // mean squares of the distances in units of the error
	for row := range s.spec().Layout().Rows() {
		for i := row.First; i < row.First+row.Columns(); i++ {
			if state.Phi[i] != before[i] {
				t.Fatal("phi has moved")
			}
			sigma, along := kernels.Softplus(float64(before[i]))
			want := fraction * (sigma*h[i] + n.C*n.Rho.Value().Slope(sigma)) * along
			se := math.Sqrt((squares[i] - sum[i]*sum[i]) / steps)
			agree += (sum[i] - want) * (sum[i] - want) / (se * se)
			zero += sum[i] * sum[i] / (se * se)
			synapses++
		}
	}
	if agree > 1.6*synapses || zero < 10*synapses { // 4 standard errors of the mean of 93 squares
		t.Errorf("the squared distance of the mean gradient from the curvature's is %.2f squared errors, and from 0 %.2f",
			agree/synapses, zero/synapses)
	}
}
