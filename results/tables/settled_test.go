package tables

import (
	"math"
	"testing"

	"quantal/kernels"
	"quantal/results/store"
)

// curveOf is a learning curve with one layer.
func curveOf(sigmas ...float64) []store.Epoch {
	var epochs []store.Epoch
	for i, s := range sigmas {
		epochs = append(epochs, store.Epoch{Epoch: i + 1, SigmaRMSLayers: []float64{0.1, s}})
	}
	return epochs
}

func TestSigmaChange(t *testing.T) {
	rising, level := make([]float64, 20), make([]float64, 20)
	for i := range rising {
		rising[i], level[i] = 0.01*math.Exp(0.3*float64(i)), 0.2
	}
	for name, c := range map[string]struct {
		epochs  []store.Epoch
		want    float64
		warning bool
	}{
		"rising": {curveOf(rising...), 1 - math.Exp(-0.6), true}, // epochs 18 and 20
		"level":  {curveOf(level...), 0, false},
		"few":    {curveOf(0.1, 0.2), 0.5, true},
		"one":    {curveOf(0.1), math.NaN(), false},
		"none":   {nil, math.NaN(), false},
	} {
		got := SigmaChange(c.epochs)
		if math.Abs(got-c.want) > 1e-12 || math.IsNaN(got) != math.IsNaN(c.want) {
			t.Errorf("%s: a change of %v, want %v", name, got, c.want)
		}
		if (UnsettledRun(c.epochs, store.Record{}) != "") != c.warning {
			t.Errorf("%s: the sentence is %q", name, UnsettledRun(c.epochs, store.Record{}))
		}
	}
}

func TestSigmaTravel(t *testing.T) {
	point := func(sigmaRMS float64, steps int) store.Record {
		r := store.Record{Status: store.Done, Settings: store.Settings{Noise: "heterogeneous", LearningRate: 1e-4,
			SigmaInit: 1e-4}, Outcome: store.NoOutcome()}
		r.SigmaRMS, r.Steps = sigmaRMS, steps
		return r
	}
	// One epoch of the published preset: phi went up by the learning rate in each of 3,000 steps.
	sigma := math.Log1p(math.Exp(kernels.SoftplusInverse(1e-4) + 0.3))
	if got := SigmaTravel(1e-4, sigma, 1e-4, 3000); math.Abs(got-1) > 1e-9 {
		t.Errorf("travel %v, want 1", got)
	}
	// Half a cosine has half the way.
	falling := point(sigma, 3000)
	falling.Later = store.NewLater(store.LaterSetting{Name: "lr_schedule", Value: "cosine", Text: "cosine"})
	if got := travelOf(falling); math.Abs(got-2) > 1e-3 {
		t.Errorf("travel %v under a cosine, want 2", got)
	}
	none, diverged := point(sigma, 3000), point(math.NaN(), 10)
	none.Noise, diverged.Status = store.WithoutNoise, store.Diverged
	for name, c := range map[string]struct {
		records []store.Record
		warning bool
	}{
		"on its way":             {[]store.Record{point(sigma, 3000)}, true},
		"published, rho 2":       {[]store.Record{point(0.241776, 150000)}, false}, // the authors' at c = 0.1: 0.53
		"the farthest published": {[]store.Record{point(2.25945, 150000)}, false},
		"one of two":             {[]store.Record{point(0.24, 150000), point(sigma, 3000)}, true},
		"no noise, diverged":     {[]store.Record{none, diverged}, false},
	} {
		if (UnsettledPoints(c.records) != "") != c.warning {
			t.Errorf("%s: the sentence is %q", name, UnsettledPoints(c.records))
		}
	}
}
