package drift

import (
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"

	"quantal/dynamics"
	"quantal/results/draw"
)

// drawnBins is the number of dots that show the synapses of a layer.
const drawnBins = 25

// Sources of numbers.
const (
	fromSampling = "fluctuating network"
	fromTheory   = "closed form"
)

func lookOf(condition string) (draw.Color, bool) {
	switch condition {
	case fluctuation:
		return draw.Blue, false
	case control:
		return draw.Red, false
	}
	return draw.Grey, true
}

// names are the names of the conditions in figures.
func names(condition string) string {
	switch condition {
	case control:
		return "noise without gradient"
	case descent:
		return "gradient without noise"
	}
	return "noise and gradient"
}

// layerName is the name of a layer, counted from 0, in a key.
func (e *experiment) layerName(l int) string {
	if l == len(e.layout.Layers)-1 {
		return "outputs"
	}
	return fmt.Sprintf("hidden layer %d", l+1)
}

var layerColors = []draw.Color{draw.Purple, draw.Green, draw.Sky}

func (e *experiment) layerColor(l int) draw.Color {
	if l == len(e.layout.Layers)-1 {
		return draw.Orange
	}
	return layerColors[l%len(layerColors)]
}

func (e *experiment) figures() ([]draw.Illustration, error) {
	return dynamics.Draw(e.driftFigure, e.curvatureFigure, e.tuningFigure)
}

// protocol says how the figure was made.
func (e *experiment) protocol() string {
	return fmt.Sprintf("Network %s, %s, %s; step size %g, temperature %g, minibatches of %d, %d steps (%.3g epochs), "+
		"seed %d, %s kernels.",
		e.network.ID, filepath.Base(e.network.Set.Name), shapeOf(e), e.StepSize, e.Temperature, e.Batch, e.Steps,
		float64(e.Steps)/float64(e.session.StepsPerEpoch()), e.Seed, e.session.Device.Kernels)
}

func shapeOf(e *experiment) string {
	var sizes []string
	for _, l := range e.layout.Layers {
		sizes = append(sizes, fmt.Sprint(l.In))
	}
	return strings.Join(append(sizes, fmt.Sprint(e.layout.Layers[len(e.layout.Layers)-1].Out)), "-")
}

// thousands are steps in the units of the axes.
func (c *course) thousands() []float64 {
	var x []float64
	for _, k := range c.looks {
		x = append(x, float64(k.step)/1000)
	}
	return x
}

func (c *course) each(of func(k look) float64) []float64 {
	var y []float64
	for _, k := range c.looks {
		y = append(y, of(k))
	}
	return y
}

// driftFigure: accuracy, representations, and the motion of weights.
func (e *experiment) driftFigure() (*draw.Illustration, error) {
	s := &dynamics.Sheet{}
	steps := draw.Axis{Label: "Steps (thousands)"}
	s.Panel("", steps, draw.Axis{Label: "Test accuracy (%)", Max: 100})
	for _, c := range e.courses {
		color, dashed := lookOf(c.condition)
		s.Curve(fromSampling, draw.Curve{
			Label: names(c.condition), X: c.thousands(), Y: c.each(func(k look) float64 { return 100 * k.accuracy }),
			Color: color, Dashed: dashed,
		})
	}
	s.Panel("", steps, draw.Axis{Label: "Displacement of weights, rms"})
	for _, c := range e.courses {
		color, dashed := lookOf(c.condition)
		s.Curve(fromSampling,
			draw.Curve{X: c.thousands(), Y: c.each(func(k look) float64 { return math.Sqrt(e.overLayers(k.squares)) }),
				Color: color, Dashed: dashed})
	}
	walk := draw.Curve{Label: "free diffusion, √(2Tεt)", Color: draw.Ink, Thin: true}
	for _, k := range e.courses[0].looks {
		walk.X, walk.Y = append(walk.X, float64(k.step)/1000), append(walk.Y, math.Sqrt(2*e.Temperature*e.time(k.step)))
	}
	s.Curve(fromTheory, walk)
	low := 0.0
	for _, c := range e.courses {
		for _, k := range c.looks {
			for _, v := range k.similarity {
				low = min(low, v)
			}
		}
	}
	similarity := draw.Axis{Label: "Similarity to the start", Min: low, Max: 1.03}
	s.Panel("", steps, similarity)
	for l := range e.layout.Layers {
		for _, c := range e.courses[:2] {
			line := draw.Curve{
				X: c.thousands(), Y: c.each(func(k look) float64 { return k.similarity[l] }), Color: e.layerColor(l),
				Dashed: c.condition == control,
			}
			switch {
			case c.condition == fluctuation:
				line.Label = e.layerName(l)
			case l == 0:
				line.Label = "dashed: noise without gradient"
			}
			s.Curve(fromSampling+", "+c.condition, line)
		}
	}
	s.Panel("", draw.Axis{Label: "Lag (thousands of steps)"}, draw.Axis{Label: "Similarity at a lag", Min: low, Max: 1.03})
	for l, lags := range e.lags {
		line := draw.Curve{Color: e.layerColor(l), X: []float64{0}, Y: []float64{1}}
		for i, v := range lags {
			line.X, line.Y = append(line.X, float64((i+1)*e.Steps)/float64(e.Looks)/1000), append(line.Y, v)
		}
		s.Curve(fromSampling, line)
	}
	a, b := e.courses[0].looks[0], e.courses[0].looks[e.Looks]
	alone := e.courses[1].looks[e.Looks]
	var parts []string
	for l := range e.layout.Layers {
		parts = append(parts, fmt.Sprintf("%s %.3f (noise without gradient %.3f)", e.layerName(l), b.similarity[l],
			alone.similarity[l]))
	}
	return s.Illustration(2, 62, draw.Illustration{
		Name: "drift", Title: "Representations drift while the task is still solved (ISD, after Kappel et al. 2018)",
		Caption: fmt.Sprintf("Synapses of a trained network fluctuate by Langevin dynamics. A: accuracy on %d test "+
			"images with the weights as they are, %.2f %% at "+
			"the start and %.2f %% at the end; without the gradient %.2f %%. B: root mean squared displacement of the "+
			"weights of all layers, biases aside. "+
			"C: Pearson correlation, over %d fixed test images, of each unit's response with its response at the start, "+
			"mean over the units of a layer; at "+
			"the end: %s; of all hidden units %.3f. D: the same between any two looks under noise and gradient, over their "+
			"distance in time. ",
			e.network.Set.Test.N(), 100*a.accuracy, 100*b.accuracy, 100*alone.accuracy, e.probes.N(), strings.Join(parts, ", "),
			e.hidden(b)) + e.protocol(),
	})
}

// overLayers is the mean over all weights of means of layers.
func (e *experiment) overLayers(means []float64) float64 {
	sum, n := 0.0, 0.0
	for l, shape := range e.layout.Layers {
		weights := float64(shape.In * shape.Out)
		sum += means[l] * weights
		n += weights
	}
	return sum / n
}

// curvatureFigure: displacement against Fisher information, of all synapses and layer by layer.
func (e *experiment) curvatureFigure() (*draw.Illustration, error) {
	s := &dynamics.Sheet{}
	free := 2 * e.Temperature * e.time(e.Steps) * float64(e.lag()) / float64(e.Looks)
	low, high := free, free
	panels, titles := []Motions{e.all}, []string{"all weights"}
	if len(e.layers) > 1 {
		panels = append(panels, e.layers...)
		for l := range e.layers {
			titles = append(titles, "weights of "+e.layerName(l))
		}
	}
	for _, m := range panels {
		for _, b := range slices.Concat(m.drift, m.control) {
			if b.displacement > 0 {
				low, high = min(low, b.displacement), max(high, b.displacement)
			}
		}
	}
	var notes []string
	for i, m := range panels {
		y := draw.Axis{Log: true, Min: low / 1.3, Max: 2.6 * high}
		if i%2 == 0 {
			y.Label = "Squared displacement"
		}
		s.Panel(titles[i], draw.Axis{Label: "Fisher information", Log: true, Room: 4}, y)
		ends := noRange()
		for _, part := range []struct {
			condition string
			bins      []bin
		}{{control, m.control}, {fluctuation, m.drift}} {
			color, _ := lookOf(part.condition)
			p := draw.Points{Label: names(part.condition), Color: color}
			for _, b := range part.bins {
				p.X, p.Y = append(p.X, b.curvature), append(p.Y, b.displacement)
				ends[0], ends[1] = min(ends[0], b.curvature), max(ends[1], b.curvature)
			}
			s.Points(fromSampling, p)
		}
		s.Curve(fromTheory, draw.Curve{Label: "free diffusion, 2Tεt", X: ends[:], Y: []float64{free, free}, Color: draw.Ink,
			Thin: true})
		s.Last().Note = fmt.Sprintf("slope %v\ncontrol %v\nratio %v", m.Drift.Slope, m.Control.Slope, m.Relative)
		notes = append(notes,
			fmt.Sprintf("%s: slope %v, control %v, of the ratio of the two %v; the half of lower Fisher information has "+
				"%.1f %% of the squared "+
				"displacement (control %.1f %%)", titles[i], m.Drift.Slope, m.Control.Slope, m.Relative, 100*m.Drift.LowShare,
				100*m.Control.LowShare))
	}
	return s.Illustration(2, 62, draw.Illustration{
		Name: "curvature", Title: "Synapses move farther in directions of low curvature (ISD, after Kappel et al. 2018)",
		Caption: fmt.Sprintf("Squared displacement of synapses within a quarter of the run, mean over all such windows "+
			"between looks, over the diagonal of their empirical "+
			"Fisher information, the curvature of the summed negative log-likelihood, mean of %d looks at the drift. Dots: "+
			"means of %d groups of synapses of "+
			"similar Fisher information. Slopes are fitted to single synapses on logarithmic axes, with bootstrap 95 %% "+
			"intervals over synapses; the last is "+
			"that of a synapse's squared displacement over that of its twin in the control, which had the same noise. %s. ",
			min(fisherLooks, e.Looks), drawnBins, strings.Join(notes, "; ")) + e.protocol(),
	})
}

func noRange() [2]float64 { return [2]float64{math.Inf(1), 0} }

// tuned is how many units the figure of tuning shows.
const tuned = 6

// tuningFigure: the responses of single units of the last hidden layer to the classes, over time.
func (e *experiment) tuningFigure() (*draw.Illustration, error) {
	hidden := len(e.layout.Layers) - 2
	if hidden < 0 {
		return nil, nil
	}
	looks := e.courses[0].looks
	var units []int // spread over those that respond at the start
	for u, silent := range looks[0].layers[hidden].silent {
		if !silent {
			units = append(units, u)
		}
	}
	s := &dynamics.Sheet{}
	times := []int{0, e.Looks / 4, e.Looks / 2, e.Looks}
	count := min(tuned, len(units))
	if count == 0 {
		return nil, nil
	}
	for i := range count {
		u := units[i*len(units)/count]
		y := draw.Axis{}
		if i%3 == 0 {
			y.Label = "Mean response"
		}
		s.Panel(fmt.Sprintf("unit %d", u+1), draw.Axis{Label: "Class"}, y)
		for j, t := range times {
			line := draw.Curve{
				Label: fmt.Sprintf("after %.3g thousand steps", float64(looks[t].step)/1000), Color: draw.Blue,
				Pale: 0.75 * (1 - float64(j)/float64(len(times)-1)),
			}
			if j == 0 {
				line.Label, line.Color, line.Pale, line.Dashed = "at the start", draw.Ink, 0, true
			}
			for class, v := range looks[t].classMeans[u] {
				line.X, line.Y = append(line.X, float64(class)), append(line.Y, v)
			}
			s.Curve(fromSampling, line)
		}
		s.FromZero()
	}
	return s.Illustration(min(3, count), 58, draw.Illustration{
		Name: "tuning", Title: "The responses of single units change",
		Caption: fmt.Sprintf("Mean response of %d of the %d units of the last hidden layer, evenly spaced among those "+
			"that respond at all, to the fixed test images of "+
			"each class, under noise and gradient. ", count, e.layout.Layers[hidden].Out) + e.protocol(),
	})
}
