package train

import (
	"context"
	"math"
	"slices"
	"testing"

	"quantal/kernels"
)

// The noise is trained by the networks' own rule, with frozen means: one step moves phi as a step of training does, and
// after a second one momentum is 0.9 of the first step ahead of plain descent.
func TestOptimiseNoiseByTheOwnRule(t *testing.T) {
	c, set := small(t)
	c.Batch, c.Epochs, c.LearningRate = 100, 1, 0.05 // a step is an epoch
	var start *kernels.State
	after := map[Rule][]*kernels.State{} // one and two steps
	for _, name := range Rules() {
		if err := c.Set("rule", name); err != nil {
			t.Fatal(err)
		}
		run := newRun(t, c, set)
		start = c.InitialState(run.Program.Layout)
		for steps := 1; steps <= 2; steps++ {
			states, err := run.OptimiseNoise(context.Background(), []*kernels.State{start}, 0,
				slices.Repeat([]Stage{{Epochs: 1, LearningRate: c.LearningRate}}, steps), nil)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(states[0].Mu, start.Mu) {
				t.Errorf("%s: the means have moved", name)
			}
			after[Rule(name)] = append(after[Rule(name)], states[0])
		}
		if err := run.Train(context.Background(), Events{}); err != nil {
			t.Fatal(err)
		}
		trained, err := run.Checkpoint(0)
		if err != nil {
			t.Fatal(err)
		}
		if phi := after[Rule(name)][0].Phi; !slices.Equal(phi, trained.State.Phi) || slices.Equal(phi, start.Phi) {
			t.Errorf("%s: a step takes phi elsewhere than one of training, or nowhere", name)
		}
	}
	sgd, momentum := after["sgd"], after["momentum"]
	for i, phi := range start.Phi {
		first := float64(sgd[0].Phi[i] - phi)
		ahead := float64(momentum[1].Phi[i] - sgd[1].Phi[i])
		if momentum[0].Phi[i] != sgd[0].Phi[i] || math.Abs(ahead-0.9*first) > 1e-6 {
			t.Fatalf("phi %d: the first step is %g, momentum is %g ahead after the second", i, first, ahead)
		}
	}
	if slices.Equal(after["adam"][0].Phi, sgd[0].Phi) {
		t.Error("adam and sgd make the same step")
	}
}
