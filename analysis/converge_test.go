package analysis

import (
	"context"
	"math"
	"slices"
	"strings"
	"testing"

	"quantal/kernels"
	"quantal/mnist"
	"quantal/results/store"
	"quantal/synapse"
	"quantal/train"
)

// costs are laws of several forms for the small problem, by what is set.
var costs = map[string]func(*testing.T, *train.Config){
	"calcium":     func(t *testing.T, c *train.Config) { pays(t, c, "rho", "calcium", 0.03) },
	"trafficking": func(t *testing.T, c *train.Config) { pays(t, c, "rho", "trafficking", 0.03) },
	"exponential": func(t *testing.T, c *train.Config) {
		pays(t, c, "cost", "reliability = a*exp(-b*sigma)/sigma", 0)
		pays(t, c, "set", "a=0.003,b=4", 0)
	},
	"of the mean": func(t *testing.T, c *train.Config) {
		pays(t, c, "cost", "reliability = c*(0.1+abs(mu))/sigma", 0)
		c.C = 0.003
	},
}

func pays(t *testing.T, c *train.Config, name, value string, s float64) {
	t.Helper()
	if err := c.Set(name, value); err != nil {
		t.Fatal(err)
	}
	if s > 0 {
		c.C = synapse.Multiplier(s, c.Rho.Value())
	}
}

func networkOf(c train.Config, l kernels.Layout, s *kernels.State) train.Network {
	return train.Network{ID: "small", Config: c, State: &store.Checkpoint{Layout: l, State: s}}
}

// converged is a network at its optimum, kept after each round.
func converged(t *testing.T, set *mnist.Set, n train.Network, o ConvergeOptions, from *Converging) *Converging {
	t.Helper()
	w, err := Converge(context.Background(), set, n, o, from, func(*Converging) error { return nil },
		func(string, int, int) {})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// At the fixed point sigma^2 is the optimum for the importance of other draws, and the sampled gradient of phi is zero,
// for costs of any form and whatever the labels are.
func TestConverge(t *testing.T) {
	set, config, layout, start := smallProblem(t)
	set.Train.Labels = slices.Repeat([]byte{0, 1, 2, 3}, set.Train.N()/4) // no labels of the network's
	o := DefaultConvergence()
	o.Gradients = 300
	for name, pay := range costs {
		c := config
		pay(t, &c)
		w := converged(t, set, networkOf(c, layout, start), o, nil)
		l := w.Layers[0]
		t.Logf("%s: %d rounds, slope %v, analytic %.3f, asked %.3f ± %.3f", name, w.Rounds, l.Slope, l.Analytic, l.Sampled,
			l.SampledError)
		if !w.Settled || w.Method != FixedPoint || math.Abs(l.Ratio-1) > 0.01 || !w.Level() {
			t.Errorf("%s: not at the optimum: settled %v, ratio %.3f, deciles %+v", name, w.Settled, l.Ratio, l.Deciles)
		}
		if len(c.Costs) == 0 && math.Abs(l.Value/l.Analytic-1) > 0.01 ||
			name != "of the mean" && math.Abs(l.Sampled-l.Analytic) > 4*l.SampledError+0.01 || l.SampledError > 0.1 {
			t.Errorf("%s: slope %.3f, asked %.3f ± %.3f, analytic %.3f", name, l.Value, l.Sampled, l.SampledError, l.Analytic)
		}
		if !slices.Equal(w.State.Mu, start.Mu) || slices.Equal(w.State.Phi, start.Phi) {
			t.Error("the means have moved, or the standard deviations have not")
		}
		if first, last := w.Gaps[0], w.Gaps[len(w.Gaps)-1]; !(last < 1e-3 && first > 0.1) {
			t.Errorf("%s: the gap goes from %g to %g", name, first, last)
		}
	}
}

// A sigma^2 of the wrong size, or with the wrong slope, does not pass the test by the sampled gradient, which says by
// how much the slope is off.
func TestConvergeNoticesAWrongOptimum(t *testing.T) {
	set, c, layout, start := smallProblem(t)
	pays(t, &c, "rho", "trafficking", 0.03)
	o := DefaultConvergence()
	o.Gradients = 300
	at := converged(t, set, networkOf(c, layout, start), o, nil)
	for name, wrong := range map[string]func(h float64) float64{
		"size":  func(float64) float64 { return 1.3 },
		"slope": func(h float64) float64 { return math.Pow(h/at.Layers[0].Deciles[5].Low, -0.15) },
	} {
		w := *at
		state := *at.State
		state.Phi = slices.Clone(state.Phi)
		v, err := newConverger(set, networkOf(c, layout, start), o, nil)
		if err != nil {
			t.Fatal(err)
		}
		h, err := v.importance(context.Background(), &state, 4, 7)
		if err != nil {
			t.Fatal(err)
		}
		for i, importance := range h {
			if importance > 0 {
				sigma := sigmaOf(state.Phi[i]) * math.Sqrt(wrong(importance))
				state.Phi[i] = float32(kernels.SoftplusInverse(sigma))
			}
		}
		w.State = &state // at phase 3, where only the test is left
		w = *converged(t, set, networkOf(c, layout, start), o, &w)
		l := w.Layers[0]
		if w.Level() || math.Abs(l.Sampled-l.Analytic) > 4*l.SampledError+0.03 {
			t.Errorf("%s: slope %.3f, asked %.3f ± %.3f, level %v", name, l.Value, l.Sampled, l.SampledError, w.Level())
		}
		if name == "slope" && math.Abs(l.Value-l.Analytic) < 0.1 {
			t.Errorf("the slope is %.3f", l.Value)
		}
	}
}

// Training with the means held, at falling rates, comes to the same sigma, and so does training of both before.
func TestConvergeByTraining(t *testing.T) {
	set, c, layout, start := smallProblem(t)
	pays(t, &c, "rho", "calcium", 0.03)
	o := DefaultConvergence()
	o.Gradients, o.Epochs = 0, 100
	n := networkOf(c, layout, start)
	want := converged(t, set, n, o, nil)
	o.Method = Training
	got := converged(t, set, n, o, nil)
	r := got.Layers[0].Ratio
	if !got.Settled || math.Abs(r-1) > 0.05 || got.Level() || !slices.Equal(got.State.Mu, start.Mu) {
		t.Errorf("trained: settled %v, median of sigma^2 over its optimum %.3f, gaps %.3g", got.Settled, r, got.Gaps)
	}
	for i, phi := range want.State.Phi {
		if math.Abs(float64(got.State.Phi[i]-phi)) > 0.35 {
			t.Errorf("slot %d: phi %.3f by training, %.3f at the fixed point", i, got.State.Phi[i], phi)
		}
	}
	o.Method, o.Both = FixedPoint, 2
	both := converged(t, set, n, o, nil)
	if slices.Equal(both.State.Mu, start.Mu) || math.Abs(both.Layers[0].Ratio-1) > 0.01 {
		t.Errorf("means and sigma: the means have not moved, or the ratio is %.3f", both.Layers[0].Ratio)
	}
}

// Synapses without importance keep their sigma; what has no optimum, or two, is refused by name.
func TestConvergeRefuses(t *testing.T) {
	set, config, layout, start := smallProblem(t)
	o := DefaultConvergence()
	o.Gradients = 0
	for want, change := range map[string]func(c *train.Config){
		"has 0 places": func(c *train.Config) { pays(t, c, "cost", "reliability = sigma", 0) },
		"has 3 places": func(c *train.Config) {
			pays(t, c, "cost", "reliability = 0.001*sigma^-2 + 300*(exp(-((sigma-0.2)*60)^2))", 0)
		},
		"without hidden layers": func(c *train.Config) { c.Hidden = []int{3}; o.Method = FixedPoint },
	} {
		c := config
		o.Method = ""
		change(&c)
		_, err := Converge(context.Background(), set, networkOf(c, layout, start), o, nil,
			func(*Converging) error { return nil }, func(string, int, int) {})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want an error with %q, got %v", want, err)
		}
	}
	o.Method = ""
	pays(t, &config, "normalise", "none", 0)
	pays(t, &config, "rho", "calcium", 0.03)
	dark := *set
	dark.Train.Images = slices.Clone(set.Train.Images)
	for i := range dark.Train.Images {
		if i%layout.Layers[0].In == 2 {
			dark.Train.Images[i] = 0
		}
	}
	w := converged(t, &dark, networkOf(config, layout, start), o, nil)
	if at := layout.Slot(0, 1, 2); w.Held != set.Classes || w.State.Phi[at] != start.Phi[at] || w.Layers[0].Points != 60 {
		t.Errorf("%d synapses are held, that of a dark pixel from phi %g at %g, %d in the slope", w.Held, start.Phi[at],
			w.State.Phi[at], w.Layers[0].Points)
	}
}
