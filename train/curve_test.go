package train

import (
	"context"
	"math"
	"slices"
	"testing"

	"quantal/kernels"
	"quantal/results/store"
)

// curveIn trains networks and returns the curve of each.
func curveIn(t *testing.T, r *Run) [][]store.Epoch {
	t.Helper()
	curves := make([][]store.Epoch, len(r.Networks))
	err := r.Train(context.Background(), Events{Curve: func(m int, e store.Epoch) error {
		curves[m] = append(curves[m], e)
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	return curves
}

// A line of a learning curve has what metrics.jsonl has for the epoch, where it is measured; training is the same.
func TestCurveHasTheNumbersOfMetrics(t *testing.T) {
	c, set := small(t)
	c.Epochs, c.CheckpointEvery = 250, 1000
	other := c
	other.C, other.Seed = 3*c.C, 5
	for _, noise := range []string{"heterogeneous", "homogeneous", "neuron", "none"} {
		c.Noise, other.Noise = noise, noise
		team, err := New(set, c, other)
		if err != nil {
			t.Fatal(err)
		}
		curves := curveIn(t, team)
		for m, n := range team.Networks {
			alone := newRun(t, n, set)
			var want []store.Epoch
			if err := alone.Train(context.Background(), Events{Epoch: func(_ int, e store.Epoch) error {
				want = append(want, e)
				return nil
			}}); err != nil {
				t.Fatal(err)
			}
			if bytesOf(t, alone) != checkpointBytes(t, team, m) {
				t.Errorf("%s: the curve changes the network", noise)
			}
			var measured []int
			for _, e := range curves[m] {
				w := want[e.Epoch-1]
				if e.Epoch != w.Epoch || e.Step != w.Step || e.NLL != w.NLL || e.ObjectiveNLL != w.ObjectiveNLL {
					t.Errorf("%s: line %+v, want %+v", noise, e, w)
				}
				if !math.IsNaN(e.Seconds) || !math.IsNaN(e.MeasuringSeconds) || !math.IsNaN(e.StepsPerSecond) {
					t.Errorf("%s: a line of a curve has a clock: %+v", noise, e)
				}
				if e.SigmaRMSLayers == nil {
					continue
				}
				measured = append(measured, e.Epoch)
				if e.Epoch == c.Epochs {
					if !math.IsNaN(e.AccuracySampled) || e.TestExamples != 0 {
						t.Errorf("%s: the accuracies at the end are those of the whole test set, which come later: %+v", noise, e)
					}
				} else if e.AccuracySampled != w.AccuracySampled || e.AccuracyMean != w.AccuracyMean ||
					e.LossSampled != w.LossSampled || e.LossMean != w.LossMean || e.TestExamples != set.Test.N() {
					t.Errorf("%s: line %+v, want %+v", noise, e, w)
				}
				near := func(what string, got, want float64) {
					if !(math.Abs(got-want) <= 1e-6*math.Abs(want)) {
						t.Errorf("%s, epoch %d: %s is %g, want %g", noise, e.Epoch, what, got, want)
					}
				}
				near("sigma", e.SigmaRMS, w.SigmaRMS)
				near("magnitude", e.ObjectiveMagnitude, w.ObjectiveMagnitude)
				near("reliability", e.ObjectiveReliability, w.ObjectiveReliability)
				near("objective", e.Objective, w.Objective)
				if len(e.SigmaRMSLayers) != len(w.SigmaRMSLayers) || len(e.SigmaQuantiles) != len(w.SigmaQuantiles) {
					t.Fatalf("%s: line %+v, want %+v", noise, e, w)
				}
				for l := range w.SigmaRMSLayers {
					near("sigma of a layer", e.SigmaRMSLayers[l], w.SigmaRMSLayers[l])
				}
				for l, quantiles := range w.SigmaQuantiles {
					if len(quantiles) != 5 || !slices.IsSorted(quantiles) {
						t.Errorf("%s: quantiles %v", noise, quantiles)
					}
					for q := range quantiles {
						if !(math.Abs(e.SigmaQuantiles[l][q]/quantiles[q]-1) < 0.005) { // a place may be on an edge
							t.Errorf("%s: quantiles %v, want %v", noise, e.SigmaQuantiles[l], quantiles)
						}
					}
				}
			}
			if want := []int{1, 126, 250}; !slices.Equal(measured, want) {
				t.Errorf("%s: measured after epochs %v, want %v", noise, measured, want)
			}
		}
		if err := team.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// However long the training, a curve has at most 200 lines, and measurements cost a hundredth of it.
func TestCurvesAreThinned(t *testing.T) {
	c, set := small(t)
	for _, test := range []struct{ epochs, line, measurement int }{
		{1, 1, 0}, {50, 1, 0}, {200, 1, 200}, {201, 2, 202}, {250, 2, 126}, {1000, 6, 114}, {100000, 506, 506},
	} {
		c.Epochs = test.epochs
		r := newRun(t, c, set)
		if line, measurement := r.curveEvery(); line != test.line || measurement != test.measurement {
			t.Errorf("%d epochs of %d steps: a line every %d epochs, a measurement every %d, want %d and %d", test.epochs,
				r.StepsPerEpoch(), line, measurement, test.line, test.measurement)
		}
	}
	for epochs := 1; epochs < 2000; epochs++ {
		c.Epochs = epochs
		session := &Session{Networks: []Config{c}, training: &kernels.Data{N: 1000}, testing: &kernels.Data{N: 100}}
		line, _ := (&Run{Session: session}).curveEvery()
		lines := epochs / line
		if line > 1 {
			lines++ // the first
		}
		if epochs%line > 0 {
			lines++ // the last
		}
		if lines > curveLines || lines < min(epochs, 99) {
			t.Errorf("%d epochs have %d lines", epochs, lines)
		}
	}
	c.Epochs = 401
	curve := curveIn(t, newRun(t, c, set))[0]
	if n := len(curve); n != 135 || curve[0].Epoch != 1 || curve[n-1].Epoch != 401 {
		t.Errorf("%d lines from %d to %d", n, curve[0].Epoch, curve[n-1].Epoch)
	}
}
