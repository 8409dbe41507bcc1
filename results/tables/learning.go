package tables

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	vgdraw "gonum.org/v1/plot/vg/draw"

	"quantal/results/draw"
	"quantal/results/store"
)

// LearningCurve draws what the network reached over the epochs: the accuracy on the test set in percent, with sampled
// weights and with the weights at their means; the negative log-likelihood of the training examples; and below, which
// explains both, the root mean square of sigma in each layer and the objective by its terms. A healthy run loses
// accuracy while sigma grows: it pays with performance for cheaper synapses. Without accuracies, as in regression, the
// first panel shows the losses on the test set. Values that are not finite are left out, and panels without any; with
// none at all, an error comes back.
func LearningCurve(epochs []store.Epoch) (*draw.Figure, error) {
	percent := func(x float64) float64 { return 100 * x }
	same := func(x float64) float64 { return x }
	series := func(of func(store.Epoch) float64, scale func(float64) float64) plotter.XYs {
		var points plotter.XYs
		for _, e := range epochs {
			if y := scale(of(e)); finite(y) {
				points = append(points, plotter.XY{X: float64(e.Epoch), Y: y})
			}
		}
		return points
	}
	label := "Test accuracy (%)"
	sampled := series(func(e store.Epoch) float64 { return e.AccuracySampled }, percent)
	mean := series(func(e store.Epoch) float64 { return e.AccuracyMean }, percent)
	if len(sampled)+len(mean) == 0 {
		label = "Test loss (nats per example)"
		sampled = series(func(e store.Epoch) float64 { return e.LossSampled }, same)
		mean = series(func(e store.Epoch) float64 { return e.LossMean }, same)
	}
	training := series(func(e store.Epoch) float64 { return e.NLL }, same)
	if len(sampled)+len(mean)+len(training) == 0 {
		return nil, errors.New("tables: learning curve: there is no epoch to draw")
	}
	var sigmas []namedCurve
	for layer := range layersOf(epochs) {
		of := func(e store.Epoch) float64 {
			if layer < len(e.SigmaRMSLayers) && e.SigmaRMSLayers[layer] > 0 {
				return e.SigmaRMSLayers[layer]
			}
			return math.NaN()
		}
		if points := series(of, same); len(points) > 0 {
			sigmas = append(sigmas, namedCurve{fmt.Sprintf("layer %d", layer+1), points,
				draw.Solid(draw.Palette(layer), draw.CurveWidth)})
		}
	}
	var terms []namedCurve
	for i, term := range []struct {
		name string
		of   func(store.Epoch) float64
	}{
		{"performance", func(e store.Epoch) float64 { return e.ObjectiveNLL }},
		{"magnitude", func(e store.Epoch) float64 { return e.ObjectiveMagnitude }},
		{"reliability", func(e store.Epoch) float64 { return e.ObjectiveReliability }},
	} {
		points := series(term.of, same)
		if slices.ContainsFunc(points, func(p plotter.XY) bool { return p.Y != 0 }) {
			terms = append(terms, namedCurve{term.name, points, draw.Solid(draw.Palette(i), draw.CurveWidth)})
		}
	}
	style := draw.NewStyle()
	rows := [][]draw.PlotPanel{{}}
	for _, p := range []struct {
		label  string
		curves []namedCurve
	}{
		{label, []namedCurve{
			{"sampled weights", sampled, draw.Solid(draw.Palette(0), draw.CurveWidth)},
			{"weights at their means", mean, draw.Dashed(draw.Palette(1), draw.CurveWidth)},
		}},
		{"Training NLL (nats per example)", []namedCurve{
			{"mean over the epoch", training, draw.Solid(draw.Palette(2), draw.CurveWidth)},
		}},
		{"σ, root mean square", sigmas},
		{"Objective (nats)", terms},
	} {
		if len(p.curves) == 0 {
			continue
		}
		last := len(rows) - 1
		if len(rows[last]) == 2 {
			rows = append(rows, nil)
			last++
		}
		panel, err := epochCurves(style, p.label, p.curves, last > 0 && positive(p.curves))
		if err != nil {
			return nil, err
		}
		panel.Letter = draw.Letter(2*last + len(rows[last]))
		rows[last] = append(rows[last], panel)
	}
	if last := len(rows) - 1; len(rows[last]) == 1 {
		rows[last] = append(rows[last], draw.PlotPanel{})
	}
	return draw.Stack(style, draw.TwoColumn, "", draw.PlotBlock{Rows: rows,
		Height: draw.RowHeight * vg.Length(len(rows))}), nil
}

// layersOf is the number of layers that the epochs tell of.
func layersOf(epochs []store.Epoch) int {
	n := 0
	for _, e := range epochs {
		n = max(n, len(e.SigmaRMSLayers))
	}
	return n
}

// positive says whether all curves are above 0, so that a logarithmic axis has a place for each point.
func positive(curves []namedCurve) bool {
	for _, c := range curves {
		if slices.ContainsFunc(c.points, func(p plotter.XY) bool { return !(p.Y > 0) }) {
			return false
		}
	}
	return true
}

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

type namedCurve struct {
	name   string
	points plotter.XYs
	line   vgdraw.LineStyle
}

// epochCurves draws curves over epochs, with a mark at each point as long as the marks stay apart. log asks for a
// logarithmic axis.
func epochCurves(h draw.Style, label string, curves []namedCurve, log bool) (draw.PlotPanel, error) {
	const fewPoints = 30
	p := h.Axes("Training time (epochs)", label)
	p.X.Tick.Marker = draw.NiceTicks{Whole: true}
	if log {
		p.Y.Tick.Marker = draw.DecadeTicks{Plain: true}
	}
	out := draw.PlotPanel{Plot: p}
	for _, c := range curves {
		if len(c.points) == 0 {
			continue
		}
		points := slices.Clone(c.points)
		for i := range points {
			if log {
				points[i].Y = math.Log10(points[i].Y)
			}
		}
		line, marks, err := plotter.NewLinePoints(points)
		if err != nil {
			return draw.PlotPanel{}, err
		}
		line.LineStyle = c.line
		marks.GlyphStyle = vgdraw.GlyphStyle{Color: c.line.Color, Radius: draw.MarkSize, Shape: vgdraw.CircleGlyph{}}
		p.Add(line)
		if len(c.points) <= fewPoints {
			p.Add(marks)
		}
		out.Key = append(out.Key, draw.KeyEntry{Label: c.name, Line: c.line})
	}
	draw.Widen(&p.X, 0.02, 1)
	draw.Widen(&p.Y, 0.06, 1e-6)
	return out, nil
}
