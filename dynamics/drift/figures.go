package drift

import (
	"fmt"
	"math"
	"path/filepath"
	"strings"

	"quantal/dynamics"
	"quantal/results/draw"
	"quantal/results/tables"
)

// Sources of numbers.
const (
	fromSampling = "fluctuating network"
	fromTheory   = "closed form"
)

func lookOf(condition string) (draw.Color, bool) {
	switch condition {
	case settling, fluctuation:
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

var layerColors = []draw.Color{draw.Purple, draw.Green, draw.Sky}

func layerColor(l, layers int) draw.Color {
	if l == layers-1 {
		return draw.Orange
	}
	return layerColors[l%len(layerColors)]
}

// Figures draws what one network or several of one size have found: means, with bands of the 95 % interval over
// networks.
func Figures(c Config, networks []Findings) ([]draw.Illustration, error) {
	g := gathering{c, networks}
	return dynamics.Draw(g.driftFigure, g.spectrumFigure)
}

// gathering is the findings that a figure shows.
type gathering struct {
	Config
	networks []Findings
}

// mean is the mean over networks of a number, and half of its interval, 0 for one network.
func (g gathering) mean(of func(Findings) float64) (mean, half float64) {
	var values []float64
	for _, n := range g.networks {
		values = append(values, of(n))
	}
	i := tables.NewInterval(values)
	return i.Mean, i.HalfWidth
}

// text is the mean with its interval.
func (g gathering) text(format string, of func(Findings) float64) string {
	mean, half := g.mean(of)
	if len(g.networks) == 1 {
		return fmt.Sprintf(format, mean)
	}
	return fmt.Sprintf(format+" ± "+strings.Replace(format, "+", "", 1), mean, half)
}

// banded draws a curve of means with their intervals.
func (g gathering) banded(s *dynamics.Sheet, source string, c draw.Curve, y func(f Findings, i int) float64) {
	var halves []float64
	for i := range c.X {
		mean, half := g.mean(func(f Findings) float64 { return y(f, i) })
		c.Y, halves = append(c.Y, mean), append(halves, half)
	}
	if len(g.networks) == 1 {
		s.Curve(source, c)
		return
	}
	s.Banded(source, c, halves)
}

// rows are the indices in the tables, which are alike, of the looks at a layer under some conditions, and their steps
// in thousands.
func (g gathering) rows(layer int, conditions ...string) (rows []int, x []float64) {
	for i, r := range g.networks[0].Table {
		for _, c := range conditions {
			if r.Condition == c && r.Layer == layer+1 && !(c == settling && r.Step == 0) {
				rows, x = append(rows, i), append(x, float64(r.Step)/1000)
			}
		}
	}
	return rows, x
}

// protocol says how the figure was made.
func (g gathering) protocol() string {
	s := g.networks[0].Summary
	who := "Network " + s.Network
	if n := len(g.networks); n > 1 {
		who = fmt.Sprintf("Means of %d networks with 95 %% intervals", n)
	}
	sizes := strings.ReplaceAll(strings.Trim(fmt.Sprint(s.Sizes), "[]"), " ", "-")
	return fmt.Sprintf("%s, %s, %s; prior of precision %g, temperature %g, step size %g, minibatches of %d, %d steps "+
		"after %d of burn-in (%.3g and %.3g times the relaxation of free directions), %s kernels.", who,
		filepath.Base(s.Data), sizes, s.Prior, s.Temperature, s.StepSize, s.Batch, s.Steps, s.BurnIn,
		float64(s.Steps)/s.Relaxation, float64(s.BurnIn)/s.Relaxation, s.Kernels)
}

// driftFigure: accuracy, loss and representations.
func (g gathering) driftFigure() (*draw.Illustration, error) {
	s := &dynamics.Sheet{}
	first := g.networks[0].Summary
	layers := len(first.Sizes) - 1
	steps := draw.Axis{Label: "Steps from the reference (thousands)"}
	low := 0.
	course := func(layer int, label string, color draw.Color, dashed bool, of func(Row) float64, conditions ...string) {
		rows, x := g.rows(layer, conditions...)
		g.banded(s, fromSampling+", "+conditions[len(conditions)-1],
			draw.Curve{Label: label, X: x, Color: color, Dashed: dashed},
			func(f Findings, i int) float64 {
				y := of(f.Table[rows[i]])
				low = min(low, y)
				return y
			})
	}
	withBurnIn := func(condition string) []string {
		if condition == fluctuation {
			return []string{settling, condition}
		}
		return []string{condition}
	}
	s.Panel("", steps, draw.Axis{Label: "Test accuracy (%)", Max: 100})
	for _, c := range Conditions() {
		color, dashed := lookOf(c)
		course(0, names(c), color, dashed, func(r Row) float64 { return 100 * r.Accuracy }, withBurnIn(c)...)
	}
	s.Panel("", steps, draw.Axis{Label: "Loss (nats)"})
	for _, c := range []string{fluctuation, descent} {
		color, dashed := lookOf(c)
		course(0, "", color, dashed, func(r Row) float64 { return r.Loss }, withBurnIn(c)...)
		if c == fluctuation {
			course(0, "training minibatches", draw.Ink, false, func(r Row) float64 { return r.TrainingLoss },
				withBurnIn(c)...)
		}
	}
	s.FromZero()
	low = 0
	s.Panel("", steps, draw.Axis{Label: "Similarity to the reference", Max: 1.03})
	similarity := s.Last()
	for l := range layers {
		course(l, layerName(l, layers), layerColor(l, layers), false, func(r Row) float64 { return r.Similarity },
			settling, fluctuation)
		label := ""
		if l == 0 {
			label = "dashed: gradient without noise"
		}
		course(l, label, layerColor(l, layers), true, func(r Row) float64 { return r.Similarity }, descent)
	}
	similarity.Y.Min = low
	s.Panel("", draw.Axis{Label: "Lag (thousands of steps)"}, draw.Axis{Label: "Similarity at a lag", Min: low, Max: 1.03})
	for l := range layers {
		line := draw.Curve{Color: layerColor(l, layers)}
		for i := range first.Lags[l] {
			line.X = append(line.X, float64((i+1)*first.Steps)/float64(len(first.Lags[l]))/1000)
		}
		g.banded(s, fromSampling, line, func(f Findings, i int) float64 { return f.Summary.Lags[l][i] })
	}
	drift := func(f Findings) Outcome { return f.Summary.Outcomes[0] }
	var ends []string
	for l := range layers {
		ends = append(ends, layerName(l, layers)+" "+
			g.text("%.3f", func(f Findings) float64 { return drift(f).Similarity[l] }))
	}
	return s.Illustration(2, 62, draw.Illustration{
		Name: "drift", Title: "Representations drift while loss and accuracy stay (ISD, after Kappel et al. 2018)",
		Caption: fmt.Sprintf("Synapses of a trained network fluctuate by Langevin dynamics under a normal prior. The "+
			"reference, at 0, is the end of burn-in. A: accuracy on %d test images with the weights as they are, %s %% for "+
			"the trained network and %s %% on average after the reference, where it changes by %s points from the first "+
			"look to the last (straight line). B: mean negative log-likelihood of the test images and, black, of "+
			"the training minibatches under noise and gradient; after the reference the training loss is %s, and changes "+
			"by %s, the test loss is %s, and changes by %s. C: Pearson correlation, over %d "+
			"fixed test images, of each unit's response with its response "+
			"at the reference, mean over the units of a layer; at the end: %s. D: the same between any two looks after the "+
			"reference, over their distance in time; hidden units a quarter of the time apart are more alike by %s in the "+
			"second half than in the first. ", first.Test,
			g.text("%.2f", func(f Findings) float64 { return 100 * f.Summary.Accuracy }),
			g.text("%.2f", func(f Findings) float64 { return 100 * drift(f).Accuracy.Mean }),
			g.text("%+.2f", func(f Findings) float64 { return 100 * drift(f).Accuracy.Change }),
			g.text("%.4f", func(f Findings) float64 { return drift(f).TrainingLoss.Mean }),
			g.text("%+.4f", func(f Findings) float64 { return drift(f).TrainingLoss.Change }),
			g.text("%.4f", func(f Findings) float64 { return drift(f).Loss.Mean }),
			g.text("%+.4f", func(f Findings) float64 { return drift(f).Loss.Change }),
			first.Probes, strings.Join(ends, ", "),
			g.text("%+.3f", func(f Findings) float64 { return f.Summary.Aging })) + g.protocol(),
	})
}

// spectrumFigure: displacement along the eigenvectors of the Fisher information.
func (g gathering) spectrumFigure() (*draw.Illustration, error) {
	s := &dynamics.Sheet{}
	fisher := g.networks[0].Summary.Fisher
	const least = 1e-6 // less than a direction of a large network
	top := 0.
	for _, n := range g.networks {
		for _, m := range n.Summary.Fisher.Motions {
			top = max(top, m.Above[0].Isotropic, m.Above[0].Drift, m.Above[0].Minibatch)
		}
	}
	var notes []string
	for i, m := range fisher.Motions {
		y := draw.Axis{Log: true, Min: least, Max: max(2*top, 1e3*least)}
		if i == 0 {
			y.Label = "Share above"
		}
		s.Panel(fmt.Sprintf("after %d steps", m.Steps), draw.Axis{Label: "Eigenvalue / prior", Log: true, Room: 4}, y)
		for _, k := range []struct {
			source string
			curve  draw.Curve
			of     func(Shares) float64
		}{
			{fromSampling + ", " + control, draw.Curve{Label: "free diffusion", Color: draw.Red},
				func(s Shares) float64 { return s.Isotropic }},
			{fromSampling, draw.Curve{Label: "drift", Color: draw.Blue}, func(s Shares) float64 { return s.Drift }},
			{fromTheory, draw.Curve{Label: "quadratic loss, with minibatches", Color: draw.Ink, Thin: true},
				func(s Shares) float64 { return s.Minibatch }},
			{fromTheory, draw.Curve{Label: "quadratic loss", Color: draw.Ink, Thin: true, Dashed: true},
				func(s Shares) float64 { return s.Quadratic }},
		} {
			for _, a := range m.Above {
				k.curve.X = append(k.curve.X, a.Over)
			}
			if i > 0 {
				k.curve.Label = ""
			}
			g.banded(s, k.source, k.curve, func(f Findings, at int) float64 {
				share := k.of(f.Summary.Fisher.Motions[i].Above[at].Shares)
				if share < least {
					return math.NaN()
				}
				return share
			})
		}
		share := func(of func(Shares) float64) string {
			return g.text("%.2f", func(f Findings) float64 { return 100 * of(f.Summary.Fisher.Motions[i].Above[0].Shares) })
		}
		notes = append(notes, fmt.Sprintf("after %d steps %s %% of the squared displacement is along the eigenvectors above "+
			"1, of free diffusion %s %%, in a quadratic loss %s %%, with the noise of the minibatches %s %%", m.Steps,
			share(func(s Shares) float64 { return s.Drift }), share(func(s Shares) float64 { return s.Isotropic }),
			share(func(s Shares) float64 { return s.Quadratic }), share(func(s Shares) float64 { return s.Minibatch })))
	}
	return s.Illustration(2, 62, draw.Illustration{
		Name: "spectrum", Title: "Displacement along the eigenvectors of the Fisher information",
		Caption: fmt.Sprintf("Share of the squared displacement from the reference along the eigenvectors of the Fisher "+
			"information there with an eigenvalue above that of the axis, in units of the prior's precision: above 1 the "+
			"data determine a direction more than the prior does; in all they determine %s of %d directions (the sum of "+
			"lambda / (lambda + prior)). By Lanczos quadrature, %d products for each curve, from %d training images. "+
			"Free diffusion: the same noise without the gradient; its share is that of the eigenvectors. Thin "+
			"lines: what the curvature at the "+
			"reference predicts for a loss that is quadratic around it, without and with the noise of the minibatches. %s. ",
			g.text("%.0f", func(f Findings) float64 { return f.Summary.Fisher.Effective }), fisher.Synapses, g.Products,
			fisher.Examples, strings.ToUpper(notes[0][:1])+notes[0][1:]+"; "+strings.Join(notes[1:], "; ")) + g.protocol(),
	})
}

// tuned is how many units the figure of tuning shows.
const tuned = 6

// tuningFigure: the responses of single units of the last hidden layer to the classes, over time.
func (e *experiment) tuningFigure(protocol string) (*draw.Illustration, error) {
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
				line.Label, line.Color, line.Pale, line.Dashed = "at the reference", draw.Ink, 0, true
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
			"that respond at all, to the fixed test images of each class, under noise and gradient. ", count,
			e.layout.Layers[hidden].Out) + protocol,
	})
}
