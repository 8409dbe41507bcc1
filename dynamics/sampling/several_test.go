package sampling

import (
	"math"
	"testing"

	"quantal/dynamics"
	"quantal/results/draw"
)

// drawn is the curve of a label in a panel of an illustration.
func drawn(t *testing.T, i draw.Illustration, panel int, label string) draw.Curve {
	t.Helper()
	for _, layer := range i.Figure.Blocks[0].Rows[0][panel].Layers {
		if c, ok := layer.(draw.Curve); ok && c.Label == label {
			return c
		}
	}
	t.Fatalf("no curve %s", label)
	return draw.Curve{}
}

// What is stated over several networks: differences are within a network, and the figures have their means and t
// intervals.
func TestSeveral(t *testing.T) {
	quiet, warm, chains := 0., 1., 2
	network := func(shift, gain float64) Findings {
		course := func(base float64) []Calibrated {
			var all []Calibrated
			for i := range 4 {
				all = append(all, Calibrated{Samples: i + 1, Accuracy: base + 0.01*float64(i), NLL: 1 - base, ECE: 0.1})
			}
			return all
		}
		predictor := func(name string, temperature *float64, averaged int, accuracy float64) Predictor {
			return Predictor{Name: name, Temperature: temperature, Averaged: averaged,
				Calibration: Calibration{Accuracy: accuracy, NLL: 1 - accuracy, ECE: 0.1}}
		}
		return Findings{Table: []Row{{}, {Chains: &chains}}, Summary: Summary{Network: &NetworkOutcome{
			Predictors: []Predictor{predictor(pointName, nil, 1, 0.5), predictor("T = 0, end of one chain", &quiet, 1, shift),
				predictor("T = 0, average over samples", &quiet, 4, shift+0.1),
				predictor("T = 1, average over samples", &warm, 4, shift+0.1+gain)},
			Chains: []ChainLaw{{Temperature: 0, Course: course(shift), TrainingLoss: []float64{5, 2, 1}},
				{Temperature: 1, Course: course(shift + gain), TrainingLoss: []float64{5, 2, 3}}},
		}}}
	}
	all := []Findings{network(0.1, 0.02), network(0.4, 0.03)}
	found := map[dynamics.Outcome]bool{}
	for _, o := range outcomes(all[1]) {
		o.Value = math.Round(1e6*o.Value) / 1e6
		found[o] = true
	}
	for _, want := range []dynamics.Outcome{
		{Name: pointName, Measure: "accuracy", Value: 0.5},
		{Name: "T = 0, average over samples", Over: pointName, Measure: "nll", Value: 0},
		{Name: "T = 1, average over samples", Over: "T = 0, end of one chain", Measure: "accuracy", Value: 0.13},
		{Name: "T = 1, average over samples", Over: "T = 0, average over samples", Measure: "accuracy", Value: 0.03},
		{Name: "T = 1, average over samples", Over: "T = 0, average over samples", Measure: "ece", Value: 0},
		{Name: "T = 1, single samples", Measure: "first_training_loss", Value: 2},
		{Name: "T = 1, single samples", Measure: "training_loss", Value: 3},
	} {
		if !found[want] {
			t.Errorf("there is no %+v", want)
		}
	}
	if len(found) != 4*3+(3+2+1)*3+2*7 {
		t.Errorf("%d outcomes", len(found))
	}
	figures, err := together(Config{}, all)
	if err != nil || len(figures) != 2 {
		t.Fatalf("%d figures: %v", len(figures), err)
	}
	const t1 = 12.7062047364 // half of the interval over two is t(1) |a - b| / 2
	for i, want := range []struct{ mean, half float64 }{{27.5, t1 * 31 / 2}, {2.5, t1 * 1 / 2}} {
		c := drawn(t, figures[i], 0, "T = 1")
		if math.Abs(c.Y[0]-want.mean) > 1e-9 || math.Abs(c.High[0]-c.Y[0]-want.half) > 1e-6 || c.X[1] != 2 {
			t.Errorf("%s: %v, up to %v", figures[i].Name, c.Y, c.High)
		}
	}
	all[0].Summary.Network = nil
	if figures, err := together(Config{}, all); figures != nil || err != nil {
		t.Errorf("figures of no network: %v", err)
	}
}
