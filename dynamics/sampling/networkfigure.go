package sampling

import (
	"fmt"
	"strings"

	"quantal/dynamics"
	"quantal/results/draw"
)

// temperatureColor is the colour of a law in the figure.
func temperatureColor(i int) draw.Color {
	colors := []draw.Color{draw.Grey, draw.Sky, draw.Blue, draw.Green, draw.Orange, draw.Purple}
	return colors[i%len(colors)]
}

// networkFigure compares the average over samples with the trained network.
func (e *experiment) networkFigure(o *NetworkOutcome) (*draw.Illustration, error) {
	s := &dynamics.Sheet{}
	point := o.Predictors[0]

	s.Panel("", draw.Axis{Label: "Confidence", Min: 0, Max: 1}, draw.Axis{Label: "Accuracy", Min: 0, Max: 1})
	s.Curve("equality", draw.Curve{X: []float64{0, 1}, Y: []float64{0, 1}, Color: draw.Ink, Thin: true})
	reliability := func(p Predictor, label string, color draw.Color) {
		var x, y []float64
		for _, b := range p.Bins {
			if b.Examples >= leastInBin {
				x, y = append(x, b.Confidence), append(y, b.Accuracy)
			}
		}
		s.Curve("test set", draw.Curve{X: x, Y: y, Color: color})
		s.Points("test set", draw.Points{Label: label, X: x, Y: y, Color: color})
	}
	reliability(point, "trained network, w = μ", draw.Red)
	for i, l := range o.Chains {
		reliability(o.averageOf(l.Temperature), fmt.Sprintf("T = %g", l.Temperature), temperatureColor(i))
	}

	most := float64(len(o.Chains[0].Course))
	for _, m := range measured {
		level := m.value(Calibrated{Accuracy: point.Accuracy, NLL: point.NLL, ECE: point.ECE})
		s.Panel("", draw.Axis{Label: "Samples averaged", Log: true}, draw.Axis{Label: m.label})
		s.Curve("test set", draw.Curve{X: []float64{1, most}, Y: []float64{level, level}, Color: draw.Red,
			Dashed: true})
		for i, l := range o.Chains {
			var x, y []float64
			for _, c := range l.Course {
				x, y = append(x, float64(c.Samples)), append(y, m.value(c))
			}
			s.Curve("test set", draw.Curve{X: x, Y: y, Color: temperatureColor(i)})
		}
	}
	var notes []string
	for _, p := range o.Predictors {
		notes = append(notes, fmt.Sprintf("%s: accuracy %.2f %%, NLL %.4f, ECE %.2f %%", p.Name, 100*p.Accuracy, p.NLL,
			100*p.ECE))
	}
	p := e.Posterior
	return s.Illustration(2, 64, draw.Illustration{
		Name: "network", Title: "Averaging over the posterior of a trained network",
		Caption: fmt.Sprintf("Chains from a trained network (%s, on %s, %d synapses) under the rule Langevin, %s, "+
			"minibatches of %d of %d examples, "+
			"%d chains for each temperature, samples after each epoch after the first %d. A: accuracy over confidence on "+
			"%d test images, %d bins of "+
			"equal width, those with %d images or more. B, C, D: accuracy, negative log-likelihood and expected "+
			"calibration error of the average of "+
			"the predicted probabilities; dashed: the trained network at w = mu. %s. Seed %d.",
			o.Network, o.Data, o.Synapses, p.schedule(), p.Batch, o.Examples, p.Chains, p.Burn, o.Tested, calibrationBins,
			leastInBin,
			strings.Join(notes, "; "), e.Seed),
	})
}

// leastInBin is how many test images a bin needs to be drawn.
const leastInBin = 20

// averageOf is the average over all samples at a temperature.
func (o *NetworkOutcome) averageOf(temperature float64) Predictor {
	best := Predictor{}
	for _, p := range o.Predictors {
		if p.Temperature != nil && *p.Temperature == temperature && p.Averaged > best.Averaged {
			best = p
		}
	}
	return best
}
