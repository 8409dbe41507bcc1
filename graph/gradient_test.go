package graph

import (
	"math"
	"strings"
	"testing"

	"gonum.org/v1/gonum/diff/fd"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"quantal/kernels"
)

// The tolerances: float64 against stock-operation autodiff, which rounds in another order; central finite differences
// with steps of 1e-5 and an error of about 1e-10 each; float32, whose rounding is 6e-8 per operation, against float64.
const (
	stockTolerance   = 1e-9
	finiteTolerance  = 1e-5
	float32Tolerance = 1e-5
)

// eachProblem runs f on every structure and exponent.
func eachProblem(t *testing.T, f func(t *testing.T, p *problem)) {
	for _, spec := range specs() {
		for _, rho := range exponents {
			if spec.Sharing == kernels.NoNoise && rho != 2 {
				continue // no cost, no exponent
			}
			t.Run(spec.title(rho), func(t *testing.T) { f(t, newProblem(t, spec, rho)) })
		}
	}
}

// noticed checks that a comparison against the stock model with a planted fault exceeds the tolerance.
func noticed(t *testing.T, p *problem, got gradients, tolerance float64) {
	t.Helper()
	if p.spec.Sharing == kernels.NoNoise {
		return // nothing to plant in
	}
	for _, f := range faults {
		// Ten times the tolerance: noticed by a wide margin, not by luck.
		if e, _ := distance(got, p.stock(t, f)); e < 10*tolerance {
			t.Errorf("the planted fault %q goes unnoticed: error %.3g", f, e)
		}
	}
}

// An unknown activation is refused, and the model of stock operations has all known ones.
func TestActivationsOfGraphs(t *testing.T) {
	none := kernels.Activation(len(kernels.Activations()))
	spec := Spec{Sizes: []int{2, 2, 2}, Batch: 1, Activation: none}
	_, built := Build(spec, tensor.Float32)
	_, stocked := BuildStock(spec, tensor.Float32, kernels.Member{}, 1)
	s := &stock{g: gorgonia.NewGraph(), dt: tensor.Float32}
	y := s.input("y", 1, 2)
	_, applied := ApplyActivation(none, y)
	for _, a := range kernels.Activations() {
		if s.activate(a, y) == nil || s.err != nil {
			t.Errorf("the model of stock operations lacks %v: %v", a, s.err)
		}
	}
	s.activate(none, y)
	for _, err := range []error{built, stocked, applied, s.err} {
		if err == nil || !strings.Contains(err.Error(), none.String()) {
			t.Errorf("got %v, want %v in it", err, none)
		}
	}
}

func TestGradientsAgainstStockOperations(t *testing.T) {
	worst := 0.0
	eachProblem(t, func(t *testing.T, p *problem) {
		got := p.fused(t, tensor.Float64)
		e, where := distance(got, p.stock(t, noFault))
		if !(e <= stockTolerance) {
			t.Errorf("error %.3g at %s, want at most %g", e, where, stockTolerance)
		}
		worst = max(worst, e)
		noticed(t, p, got, stockTolerance)
	})
	t.Logf("worst error %.3g", worst)
}

func TestGradientsInFloat32(t *testing.T) {
	worst := 0.0
	eachProblem(t, func(t *testing.T, p *problem) {
		got := p.fused(t, tensor.Float32)
		e, where := distance(got, p.fused(t, tensor.Float64))
		if !(e <= float32Tolerance) {
			t.Errorf("error %.3g at %s, want at most %g", e, where, float32Tolerance)
		}
		worst = max(worst, e)
		noticed(t, p, got, float32Tolerance)
	})
	t.Logf("worst error %.3g", worst)
}

func TestGradientsAgainstFiniteDifferences(t *testing.T) {
	worst := 0.0
	for _, spec := range specs() {
		if len(spec.Sizes) == 4 || spec.Batch == 1 && len(spec.Sizes) > 2 {
			continue // a graph is run twice per parameter: the small ones will do
		}
		for _, rho := range exponents {
			if spec.Sharing == kernels.NoNoise && rho != 2 {
				continue
			}
			t.Run(spec.title(rho), func(t *testing.T) {
				p := newProblem(t, spec, rho)
				got := p.finite(t)
				e, where := distance(p.fused(t, tensor.Float64), got)
				if !(e <= finiteTolerance) {
					t.Errorf("error %.3g at %s, want at most %g", e, where, finiteTolerance)
				}
				worst = max(worst, e)
				noticed(t, p, got, finiteTolerance)
			})
		}
	}
	t.Logf("worst error %.3g", worst)
}

// finite differentiates the loss of the fused graph numerically.
func (p *problem) finite(t *testing.T) gradients {
	t.Helper()
	m, err := Build(p.spec, tensor.Float64)
	if err != nil {
		t.Fatal(err)
	}
	q := *p
	q.mu, q.phi = clone(p.mu), clone(p.phi)
	loss := func() float64 {
		q.bind(t, m)
		run(t, m.Graph)
		return asFloat64(m.Loss.Value())[0]
	}
	derive := func(param []float64) []float64 {
		at := append([]float64{}, param...)
		d := fd.Gradient(nil, func(x []float64) float64 {
			copy(param, x)
			return loss()
		}, at, &fd.Settings{Formula: fd.Central, Step: 1e-5})
		copy(param, at)
		return d
	}
	g := gradients{loss: loss()}
	for _, mu := range q.mu {
		g.dmu = append(g.dmu, derive(mu))
	}
	for _, phi := range q.phi {
		g.dphi = append(g.dphi, derive(phi))
	}
	return g
}

func clone(a [][]float64) (b [][]float64) {
	for _, v := range a {
		b = append(b, append([]float64{}, v...))
	}
	return b
}

// The tests above are meaningful only if noise and cost both matter: check their regime.
func TestProblemsMakeTheNoiseVisible(t *testing.T) {
	for _, spec := range specs() {
		if spec.Sharing == kernels.NoNoise {
			continue
		}
		for _, rho := range exponents {
			p := newProblem(t, spec, rho)
			only := *p
			only.spec.Costs = only.spec.Costs[:1]
			all, noise := p.fused(t, tensor.Float64).dphi, only.fused(t, tensor.Float64).dphi
			cost := clone(all)
			for i := range cost {
				for k := range cost[i] {
					cost[i][k] -= noise[i][k]
				}
			}
			if ratio := largest(noise) / largest(cost); math.Abs(math.Log10(ratio)) > 1 {
				t.Errorf("%s: the largest gradient of the noise is %.2g times that of the cost, want within a factor 10",
					spec.title(rho), ratio)
			}
		}
	}
}

// The classic mistake in minibatch objectives: (N/B) L, summed over the data, must not depend on B.
func TestObjectiveDoesNotDependOnTheBatch(t *testing.T) {
	const examples = 12
	for _, likelihood := range []kernels.Likelihood{kernels.Categorical, kernels.Gaussian} {
		base := newProblem(t, Spec{
			Sizes: []int{5, 4, 3}, Batch: examples, Activation: kernels.ReLU, Likelihood: likelihood,
			Costs: PaperCosts(kernels.PerSynapse),
		}, 2)
		// total is the objective of the data set from minibatches of B with one draw of the weights.
		total := func(batch int, fraction float64) float64 {
			p := *base
			p.spec.Batch, p.fraction = batch, fraction
			sum := 0.0
			for b := 0; b < examples; b += batch {
				p.x, p.labels, p.targets = base.x[b*5:(b+batch)*5], base.labels[b:b+batch], base.targets[b*3:(b+batch)*3]
				sum += p.loss(t)
			}
			return sum
		}
		want := total(examples, 1)
		for _, batch := range []int{1, 2, 3, 4, 6} {
			if got := total(batch, float64(batch)/examples); math.Abs(got-want) > 1e-10*math.Abs(want) {
				t.Errorf("%v: the objective is %.12g with B = %d, %.12g with B = N", likelihood, got, batch, want)
			}
			if wrong := total(batch, 1); math.Abs(wrong-want) < 1e-3*math.Abs(want) {
				t.Errorf("%v: B = %d without B/N goes unnoticed", likelihood, batch)
			}
		}
	}
}
