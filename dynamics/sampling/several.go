package sampling

import (
	"fmt"

	"quantal/dynamics"
	"quantal/results/draw"
	"quantal/results/tables"
)

// measured are the figures of averages over samples.
var measured = []struct {
	label, of string
	value     func(Calibrated) float64
}{
	{"Accuracy (%)", "accuracy (points)", func(c Calibrated) float64 { return 100 * c.Accuracy }},
	{"NLL (nats)", "NLL (nats)", func(c Calibrated) float64 { return c.NLL }},
	{"ECE (%)", "ECE (points)", func(c Calibrated) float64 { return 100 * c.ECE }},
}

// together draws averages over more and more samples, as means over several networks, and their differences within a
// network from the average over a chain without noise that made the same steps.
func together(c Config, all []Findings) ([]draw.Illustration, error) {
	if all[0].Summary.Network == nil {
		return nil, nil
	}
	var networks []*NetworkOutcome
	for _, f := range all {
		networks = append(networks, f.Summary.Network)
	}
	first, quiet := networks[0], -1
	for i, l := range first.Chains {
		if l.Temperature == 0 {
			quiet = i
		}
	}
	about := fmt.Sprintf("Chains from %d trained networks (%s, %d synapses), %s, minibatches of %d of %d examples, %d "+
		"chains for each temperature, samples after each epoch after the first %d; %d test images. Bands: 95 %% intervals "+
		"over the networks (t distribution).", len(networks), first.Data, first.Synapses, c.Posterior.schedule(),
		c.Posterior.Batch, first.Examples, c.Posterior.Chains, c.Posterior.Burn, first.Tested)
	overNetworks := func(s *dynamics.Sheet, i int, label string, value func(n *NetworkOutcome, k int) float64) {
		curve := draw.Curve{Label: label, Color: temperatureColor(i)}
		var half []float64
		for k, at := range first.Chains[i].Course {
			var values []float64
			for _, n := range networks {
				values = append(values, value(n, k))
			}
			mean := tables.NewInterval(values)
			curve.X, curve.Y = append(curve.X, float64(at.Samples)), append(curve.Y, mean.Mean)
			half = append(half, mean.HalfWidth)
		}
		s.Banded("test set", curve, half)
	}
	averages := func() (*draw.Illustration, error) {
		s := &dynamics.Sheet{}
		for _, m := range measured {
			s.Panel("", draw.Axis{Label: "Samples averaged", Log: true}, draw.Axis{Label: m.label})
			point := 0.
			for _, n := range networks {
				p := n.Predictors[0]
				point += m.value(Calibrated{Accuracy: p.Accuracy, NLL: p.NLL, ECE: p.ECE}) / float64(len(networks))
			}
			s.Last().Layers = append(s.Last().Layers, draw.Level{Label: pointName, Y: point})
			for i, l := range first.Chains {
				overNetworks(s, i, fmt.Sprintf("T = %g", l.Temperature), func(n *NetworkOutcome, k int) float64 {
					return m.value(n.Chains[i].Course[k])
				})
			}
		}
		return s.Illustration(3, 58, draw.Illustration{
			Name: "network", Title: "Averaging over the posterior of trained networks",
			Caption: about + " A, B, C: accuracy, negative log-likelihood and expected calibration error of the average " +
				"of the predicted probabilities; dashed: the trained networks at w = mu.",
		})
	}
	differences := func() (*draw.Illustration, error) {
		if quiet < 0 || len(first.Chains) == 1 {
			return nil, nil
		}
		s := &dynamics.Sheet{}
		for _, m := range measured {
			s.Panel("", draw.Axis{Label: "Samples averaged", Log: true}, draw.Axis{Label: "Change of " + m.of})
			s.Last().Layers = append(s.Last().Layers, draw.Level{Label: "T = 0", Y: 0})
			for i, l := range first.Chains {
				if i != quiet {
					overNetworks(s, i, fmt.Sprintf("T = %g", l.Temperature), func(n *NetworkOutcome, k int) float64 {
						return m.value(n.Chains[i].Course[k]) - m.value(n.Chains[quiet].Course[k])
					})
				}
			}
		}
		return s.Illustration(3, 58, draw.Illustration{
			Name: "noise", Title: "What noise adds to an average over the path of descent",
			Caption: about + " A, B, C: the average over samples at T, less the average over equally many samples of " +
				"chains without noise that made the same steps from the same network.",
		})
	}
	return dynamics.Draw(averages, differences)
}
