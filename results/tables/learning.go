package tables

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"

	"quantal/results/draw"
	"quantal/results/store"
)

// LearningCurve draws the figures of a network over the epochs: the accuracy on the test set in percent, with sampled
// weights and with the weights at their means; the negative log-likelihood of the training examples; and below them, to
// explain both, the root mean square of sigma in each layer and the objective by its terms. A healthy run loses
// accuracy while sigma grows: it trades performance for cheaper synapses. The first panel shows R²
// in regression, and without either the losses on the test set. Values that are not finite are left out, and panels
// without any; with none at all, it returns an error.
func LearningCurve(epochs []store.Epoch) (*draw.Figure, error) {
	curve := func(label string, look draw.Curve, of func(store.Epoch) float64) draw.Curve {
		const few = 30 // so many marks stay apart
		look.Label = label
		for _, e := range epochs {
			if y := of(e); finite(y) {
				look.X, look.Y = append(look.X, float64(e.Epoch)), append(look.Y, y)
			}
		}
		if len(look.X) <= few {
			look.Mark = draw.Dot
		}
		return look
	}
	test := func(label string, sampled, mean func(store.Epoch) float64) draw.Panel {
		atMeans := draw.Series(1)
		atMeans.Dashed = true
		return overEpochs(label, false, curve("sampled weights", draw.Series(0), sampled),
			curve("weights at their means", atMeans, mean))
	}
	accuracy, note := "Test accuracy (%)", ""
	for _, e := range epochs {
		if e.TestExamples > 0 {
			accuracy = fmt.Sprintf("Accuracy on %d test examples (%%)", e.TestExamples)
		} else if accuracy != "Test accuracy (%)" && finite(e.AccuracySampled) {
			note = "At the end the accuracy is of the whole test set."
		}
	}
	first := test(accuracy, func(e store.Epoch) float64 { return 100 * e.AccuracySampled },
		func(e store.Epoch) float64 { return 100 * e.AccuracyMean })
	if len(first.Layers) == 0 {
		first = test("Test R², explained variance", func(e store.Epoch) float64 { return or(e.R2Sampled) },
			func(e store.Epoch) float64 { return or(e.R2Mean) })
	}
	if len(first.Layers) == 0 {
		first = test("Test loss (nats per example)", func(e store.Epoch) float64 { return e.LossSampled },
			func(e store.Epoch) float64 { return e.LossMean })
	}
	training := curve("mean over the epoch", draw.Series(2), func(e store.Epoch) float64 { return e.NLL })
	var sigmas, terms []draw.Curve
	for layer := range layersOf(epochs) {
		sigmas = append(sigmas, curve(fmt.Sprintf("layer %d", layer+1), draw.Series(layer), func(e store.Epoch) float64 {
			if layer < len(e.SigmaRMSLayers) && e.SigmaRMSLayers[layer] > 0 {
				return e.SigmaRMSLayers[layer]
			}
			return math.NaN()
		}))
	}
	for i, term := range objectiveTerms(epochs) {
		c := curve(term.name, draw.Series(i), term.of)
		if slices.ContainsFunc(c.Y, func(y float64) bool { return y != 0 }) {
			terms = append(terms, c)
		}
	}
	panels := slices.DeleteFunc([]draw.Panel{
		first, overEpochs("Training NLL (nats per example)", false, training),
		overEpochs("σ, root mean square", true, sigmas...), overEpochs("Objective (nats)", true, terms...),
	}, func(p draw.Panel) bool { return len(p.Layers) == 0 })
	if len(panels) == 0 {
		return nil, errors.New("tables: learning curve: there is no epoch to draw")
	}
	block := draw.Grid(2, draw.RowHeight, panels...)
	block.OwnKeys = true
	f, err := draw.NewFigure(block)
	if err == nil {
		f.Note = note
	}
	return f, err
}

// SigmaOverTime draws how the distribution of sigma over the weights of each layer changes over the epochs, a panel for
// each layer: the median, and the ranges that hold half and 90 % of the weights. Without quantiles it returns nil.
func SigmaOverTime(epochs []store.Epoch) (*draw.Figure, error) {
	var panels []draw.Panel
	for layer := range layersOf(epochs) {
		var x []float64
		levels := make([][]float64, len(store.SigmaLevels()))
		for _, e := range epochs {
			if layer >= len(e.SigmaQuantiles) || len(e.SigmaQuantiles[layer]) != len(levels) ||
				slices.Min(e.SigmaQuantiles[layer]) <= 0 {
				continue
			}
			x = append(x, float64(e.Epoch))
			for i, sigma := range e.SigmaQuantiles[layer] {
				levels[i] = append(levels[i], sigma)
			}
		}
		if len(x) < 2 {
			continue
		}
		median := draw.Series(0)
		median.Label, median.X, median.Y = "median", x, levels[2]
		p := overEpochs("σ of a weight", true, median)
		p.Title = fmt.Sprintf("Layer %d", layer+1)
		p.Layers = append([]draw.Layer{draw.Band("90 % of the weights", x, levels[0], levels[4], draw.Sky),
			draw.Band("half of them", x, levels[1], levels[3], draw.Blue)}, p.Layers...)
		panels = append(panels, p)
	}
	if len(panels) == 0 {
		return nil, nil
	}
	return draw.NewFigure(draw.Grid(min(len(panels), 3), draw.RowHeight, panels...))
}

// objectiveTerm is a term of the objective with its name in figures.
type objectiveTerm struct {
	name string
	of   func(store.Epoch) float64
}

// objectiveTerms are performance and the costs: the paper's two, or those that the epochs name.
func objectiveTerms(epochs []store.Epoch) []objectiveTerm {
	list := []objectiveTerm{{"performance", func(e store.Epoch) float64 { return e.ObjectiveNLL }}}
	names := store.Terms{}
	for _, e := range epochs {
		maps.Copy(names, e.ObjectiveCosts)
	}
	for _, name := range names.Names() {
		list = append(list, objectiveTerm{name, func(e store.Epoch) float64 { return e.ObjectiveCosts.Of(name) }})
	}
	if len(names) > 0 {
		return list
	}
	return append(list, objectiveTerm{"magnitude", func(e store.Epoch) float64 { return e.ObjectiveMagnitude }},
		objectiveTerm{"reliability", func(e store.Epoch) float64 { return e.ObjectiveReliability }})
}

// layersOf is the number of layers in the epochs.
func layersOf(epochs []store.Epoch) int {
	n := 0
	for _, e := range epochs {
		n = max(n, len(e.SigmaRMSLayers))
	}
	return n
}

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

// overEpochs is a panel with those of the curves that have points. log asks for a logarithmic axis, if all have a place
// on it.
func overEpochs(label string, log bool, curves ...draw.Curve) draw.Panel {
	p := draw.Panel{X: draw.Axis{Label: "Training time (epochs)", Whole: true}, Y: draw.Axis{Label: label, Log: log}}
	for _, c := range curves {
		if len(c.X) > 0 {
			p.Layers = append(p.Layers, c)
			p.Y.Log = p.Y.Log && slices.Min(c.Y) > 0
		}
	}
	return p
}
