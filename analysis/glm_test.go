package analysis

import (
	"context"
	"errors"
	"math"
	"testing"

	"quantal/kernels"
)

// Training through the graph and the virtual machine finds the closed form. The tolerances are those of the last
// learning rate: sigma wanders by a few percent around its optimum.
func TestTrainingFindsTheClosedForm(t *testing.T) {
	g, err := TrainGLM(context.Background(), 3, Bootstrap{Seed: 1, Resamples: 100}, false)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range g.Models {
		if m.WorstSigma > 0.1 || m.WorstMu > 0.3 {
			t.Errorf("rho %v: sigma off by %v, mu by %v posterior sd", m.Rho, m.WorstSigma, m.WorstMu)
		}
		if math.Abs(m.Slope.Value-m.Predicted) > 0.02 || m.Slope.Correlation > -0.999 {
			t.Errorf("rho %v: slope %v (r = %v), closed form %v", m.Rho, m.Slope, m.Slope.Correlation, m.Predicted)
		}
	}
	if len(g.Models) != 5 || g.Models[4].Rho != 0 || g.Models[4].Predicted != -1 {
		t.Errorf("models %+v", g.Models)
	}
	saved(t, g.Illustration)
}

// The comparison must notice another c, or another exponent, than in the solution.
func TestComparisonNoticesAnotherCost(t *testing.T) {
	l := newGLM(3, []float64{0.3, 1, 3}, 40, 0.25)
	n, err := newNetwork(nil, kernels.Linear, false, l.X, l.V)
	if err != nil {
		t.Fatal(err)
	}
	a := l.correlation()
	sums := []float64{a.At(0, 0), a.At(1, 1), a.At(2, 2), a.At(3, 3)}
	const c, rho = 0.1, 1.
	members := []kernels.Member{
		{Seed: 1, C: c, Rho: rho, NoiseVariance: 0.25}, {Seed: 1, C: 1.5 * c, Rho: rho, NoiseVariance: 0.25},
		{Seed: 1, C: c, Rho: 2, NoiseVariance: 0.25},
	}
	states, err := n.train(context.Background(), members, n.start(1, 0, 0.03),
		[]Stage{{2000, 3e-2}, {2000, 3e-3}, {2000, 3e-4}})
	if err != nil {
		t.Fatal(err)
	}
	var worst []float64
	for _, s := range states {
		var g GLMComparison
		if g.Solved, err = l.Solve(c, rho); err != nil {
			t.Fatal(err)
		}
		if err := g.compare(n.weights(s), sums, 0.25, Bootstrap{}); err != nil {
			t.Fatal(err)
		}
		worst = append(worst, g.WorstSigma)
	}
	if worst[0] > 0.08 || worst[1] < 0.1 || worst[2] < 0.1 {
		t.Errorf("errors of sigma %v: want a small one and two large ones", worst)
	}
}

func TestTrainStops(t *testing.T) {
	l := newGLM(1, []float64{1}, 10, 0.25)
	n, err := newNetwork(nil, kernels.Linear, false, l.X, l.V)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	members := []kernels.Member{{C: 1, Rho: 2, NoiseVariance: 1}}
	if _, err := n.train(ctx, members, n.start(1, 0, 0.1), []Stage{{10, 1}}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if _, err := n.train(context.Background(), members, n.start(1, 1e30, 0.1), []Stage{{10, 1}}); err == nil {
		t.Error("a network that diverges gave no error")
	}
}
