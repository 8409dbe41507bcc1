package drift

import (
	"context"
	"math"
	"slices"
	"testing"

	"gonum.org/v1/gonum/floats"

	"quantal/internal/dynamicstest"
	"quantal/kernels"
	"quantal/mnist"
)

// Eigenvalues of the Fisher information of a network with two hidden layers, and how a vector lies to its eigenvectors,
// against numpy 1.24.2: logits of the whole parameter vector, their derivatives J by central differences, F = 2.5 sum
// over 40 examples of J' (diag p - p p') J, numpy.linalg.eigh.
func TestFisherAgainstNumpy(t *testing.T) {
	layout := kernels.Layout{Layers: []kernels.Layer{{In: 6, Out: 4}, {In: 4, Out: 3}, {In: 3, Out: 3}},
		Sharing: kernels.NoNoise}
	state := kernels.NewState(layout, 0)
	for l, shape := range layout.Layers {
		for r := range shape.Out {
			for k := range shape.Columns() {
				l, r, k := float64(l), float64(r), float64(k)
				state.Mu[layout.Slot(int(l), int(r), int(k))] = float32(math.Sin(1 + 7*l + 3*r + 1.7*k + 0.3*r*k))
			}
		}
	}
	examples := mnist.Examples{Labels: make([]byte, 40)}
	for e := range 40 {
		for p := range 6 {
			v := (e*e*31 + p*57 + e*p*13) % 256
			if v < 60 {
				v = 0
			}
			examples.Images = append(examples.Images, byte(v))
		}
	}
	vector := make([]float64, layout.Synapses())
	for i := range vector {
		vector[i] = math.Cos(1 + 0.9*float64(i))
	}
	for _, want := range []struct {
		activation   kernels.Activation
		largest      []float64
		trace, along float64             // the trace, and v'Fv
		below        map[float64]float64 // share of v along the eigenvectors with smaller eigenvalues
	}{
		{kernels.ReLU, []float64{696.05775, 247.81965, 182.85872, 126.05821, 85.59828, 71.657171}, 1703.5058888302394,
			314.8998821310762, map[float64]float64{1: 0.38066986, 10: 0.68448667, 30: 0.84542894}},
		{kernels.GELU, []float64{578.29105, 242.66836, 172.02636, 82.954693, 80.44412, 56.003248}, 1485.3586396821897,
			306.9285772768936, map[float64]float64{1: 0.4586858, 10: 0.6459562, 30: 0.96886701}},
	} {
		f := newFisher(layout, want.activation, state.Mu, examples, 100, mnist.Published(), 2)
		trace := 0.
		for i := range vector {
			unit := make([]float64, len(vector))
			unit[i] = 1
			trace += f.times(unit)[i]
		}
		along := floats.Dot(vector, f.times(vector))
		if math.Abs(trace/want.trace-1) > 1e-5 || math.Abs(along/want.along-1) > 1e-5 {
			t.Errorf("%v: trace %v, along a vector %v; want %v, %v", want.activation, trace, along, want.trace, want.along)
		}
		s, err := lanczos(context.Background(), f.times, vector, len(vector))
		if err != nil {
			t.Fatal(err)
		}
		for i, v := range want.largest {
			if got := s.Values[len(s.Values)-1-i]; math.Abs(got/v-1) > 1e-5 {
				t.Errorf("%v: eigenvalue %d is %v, want %v", want.activation, i+1, got, v)
			}
		}
		for edge, share := range want.below {
			sum := 0.
			for j, v := range s.Values {
				if v < edge {
					sum += s.Shares[j]
				}
			}
			if math.Abs(sum-share) > 1e-5 {
				t.Errorf("%v: %v of the vector is along eigenvalues below %g, want %v", want.activation, sum, edge, share)
			}
		}
		f.threads = 1
		if again := f.times(vector); !slices.Equal(again, f.times(vector)) || math.Abs(floats.Dot(again, vector)-along) != 0 {
			t.Errorf("%v: another number of threads has another product", want.activation)
		}
	}
}

// A few products give the right moments, and shares that are right within those of the nearest values. If many
// eigenvalues are equal, as many products as there are different ones give all.
func TestLanczos(t *testing.T) {
	const n = 400
	eigenvalues, vector := make([]float64, n), make([]float64, n)
	for i := range n {
		eigenvalues[i] = math.Pow(float64(i/2)/100, 3) // pairs from 0 to 8
		vector[i] = math.Sin(float64(i*i)) + 0.2
	}
	times := func(v []float64) []float64 { return floats.MulTo(make([]float64, n), v, eigenvalues) }
	length := floats.Dot(vector, vector)
	const products = 20
	s, err := lanczos(context.Background(), times, vector, products)
	if err != nil || len(s.Values) != products {
		t.Fatalf("%d values: %v", len(s.Values), err)
	}
	for power := range 2 * products {
		want := 0.
		for i, v := range vector {
			want += v * v / length * math.Pow(eigenvalues[i]/8, float64(power))
		}
		_, got := s.weighted(func(v float64) float64 { return math.Pow(v/8, float64(power)) })
		if math.Abs(got/want-1) > 1e-9 {
			t.Errorf("moment %d is %v, want %v", power, got, want)
		}
	}
	for _, edge := range []float64{0.01, 0.1, 0.5, 1, 2, 4, 7} {
		want := 0.
		for i, v := range vector {
			if eigenvalues[i] < edge {
				want += v * v / length
			}
		}
		if got := s.below(edge); math.Abs(got-want) > 0.03 {
			t.Errorf("share below %g is %v, want %v", edge, got, want)
		}
	}
	if s.below(0) != 0 || s.below(math.Inf(1)) != 1 || s.below(9) != 1 {
		t.Errorf("shares below 0 and above all: %v, %v, %v", s.below(0), s.below(math.Inf(1)), s.below(9))
	}
	for i := range eigenvalues {
		eigenvalues[i] = float64(i % 5)
	}
	if s, err = lanczos(context.Background(), times, vector, n); err != nil || len(s.Values) != 5 {
		t.Errorf("%d values of 5 different ones: %v", len(s.Values), err)
	}
	if _, err := lanczos(context.Background(), times, make([]float64, n), 3); err == nil {
		t.Error("a vector of length 0 has a spectrum")
	}
}

// The squared displacement in a quadratic loss against the recursion of its variance, step by step.
func TestQuadratic(t *testing.T) {
	c, n := small(t)
	e := &experiment{Config: c, network: n, job: dynamicstest.Quiet}
	e.BurnIn, e.Steps, e.Looks = 4, 4, 4
	if err := e.measure(context.Background()); err != nil { // opens the session
		t.Fatal(err)
	}
	for _, h := range []float64{0, 30, 4000} {
		for _, minibatches := range []bool{false, true} {
			a, noise := 1-c.StepSize*(h+c.Prior), 2*c.StepSize*c.Temperature
			if minibatches { // N/B times the sum of B gradients, each of variance h/N
				noise += math.Pow(c.StepSize*1200/float64(c.Batch), 2) * float64(c.Batch) * h / 1200
			}
			stationary := 0.
			for range 100_000 {
				stationary = a*a*stationary + noise
			}
			const steps = 50
			moved, covariance := stationary, stationary
			for range steps {
				moved, covariance = a*a*moved+noise, a*covariance
			}
			want := moved + stationary - 2*covariance
			if got := e.quadratic(h, steps, minibatches); math.Abs(got/want-1) > 1e-6 {
				t.Errorf("h %g, minibatches %v: squared displacement %v, want %v", h, minibatches, got, want)
			}
		}
	}
	if got := e.quadratic(100, 1e9, false); math.Abs(got*(100+c.Prior)/(2*c.Temperature)-1) > 0.05 {
		t.Errorf("after a long time %v, want about 2 T / (h + alpha)", got)
	}
	if got := e.quadratic(2/c.StepSize, 5, false); !math.IsInf(got, 1) {
		t.Errorf("steps that are too long move by %v", got)
	}
}
