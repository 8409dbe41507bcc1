package assemblies

import (
	"fmt"
	"math"
	"strings"

	"quantal/dynamics"
	"quantal/results/draw"
	"quantal/results/store"
	"quantal/results/tables"
)

// Sources of numbers.
const (
	fromSimulation = "simulation"
	fromClosedForm = "closed form"
)

const weightLabel = "Synaptic weight w (µm³)"

// look is how a condition is drawn.
func look(name string) (title string, color draw.Color) {
	switch name {
	case Together:
		return "plasticity and fluctuation", draw.Purple
	case PlasticityAlone:
		return "plasticity alone", draw.Orange
	case FluctuationAlone:
		return "fluctuation alone", draw.Blue
	case Unimprinted:
		return "without assemblies", draw.Grey
	case strengthName(0):
		return "plasticity and drift, no fluctuation", draw.Red
	}
	return name, draw.Ink
}

// figures draws all figures.
func (e *experiment) figures() ([]draw.Illustration, error) {
	return dynamics.Draw(e.distributionFigure, e.matrixFigure, e.memoryFigure)
}

// index is the position of a condition among all.
func (e *experiment) index(name string) int {
	for k, c := range e.conditions() {
		if c.name == name {
			return k
		}
	}
	return -1
}

// protocol says how the networks were made.
func (e *experiment) protocol() string {
	return fmt.Sprintf("%d neurons in %d assemblies, %d synapses; %d networks, seeds %d to %d; %g days of imprint, "+
		"%g days alone; mu = "+
		"%v, sigma = %v, "+
		"from %g to %g µm³; plasticity %g µm³ per day; %s kernels.", e.Neurons, e.Assemblies, e.Neurons*(e.Neurons-1),
		e.Seeds, e.Seed,
		e.Seed+store.Seed(e.Seeds)-1, e.Imprint, e.Alone, e.Mu, e.Sigma, e.Low, e.High, e.Plasticity, e.kernels)
}

// Of the figures: cells of a distribution in ln w.
const drawnCells = 36

// logarithmic returns w f(w), the density of ln w, of synapses that are a share of all.
func (t Tally) logarithmic(counts []int) (w, density []float64) {
	width := math.Log(t.High/t.Low) / drawnCells
	for i, n := range join(counts, drawnCells) {
		w = append(w, t.edge(2*i+1, 2*drawnCells))
		density = append(density, float64(n)/float64(t.synapses())/width)
	}
	return w, density
}

// linear returns f(w).
func (t Tally) linear() (w, density []float64) {
	width := (t.High - t.Low) / linearCells
	for i, n := range t.Linear {
		w = append(w, t.Low+(float64(i)+0.5)*width)
		density = append(density, float64(n)/float64(t.synapses())/width)
	}
	return w, density
}

// distributionFigure is ISD Fig. 3, and the same without one of the two processes.
func (e *experiment) distributionFigure() (*draw.Illustration, error) {
	s := &dynamics.Sheet{}
	both, free := e.pooled(e.index(Together)), e.pooled(e.index(Unimprinted))
	pair := []struct {
		name string
		t    Tally
	}{{Unimprinted, free}, {Together, both}}
	title := func(name string) (string, draw.Color) {
		label, color := look(name)
		if name == Together {
			label = "with assemblies"
		}
		return label, color
	}
	s.Panel("", draw.Axis{Label: weightLabel, Min: 0, Max: e.High}, draw.Axis{Label: "Density f (µm^{−3})"})
	for _, p := range pair {
		label, color := title(p.name)
		w, f := p.t.linear()
		s.Curve(fromSimulation, draw.Curve{Label: label, X: w, Y: f, Color: color})
	}
	s.FromZero()
	semilog := draw.Axis{Label: weightLabel, Log: true, Min: e.Low, Max: e.High}
	s.Panel("", semilog, draw.Axis{Label: "Density w f of ln w"})
	for _, p := range pair {
		label, color := title(p.name)
		w, wf := p.t.logarithmic(p.t.All)
		s.Curve(fromSimulation, draw.Curve{Label: label, X: w, Y: wf, Color: color})
	}
	s.FromZero()
	s.Panel("", semilog, draw.Axis{Label: "Density w f of ln w"})
	for _, part := range []struct {
		label  string
		counts []int
		drift  float64
		share  float64
		color  draw.Color
	}{
		{"within assemblies", both.Inside, e.pull(), float64(total(both.Inside)), draw.Green},
		{"between assemblies", both.outside(), e.push(), float64(total(both.outside())), draw.Sky},
	} {
		d := e.stationary(1, part.drift)
		var x, y []float64
		f := d.Density()
		for i := 0; i < len(f); i += len(f) / 400 {
			x = append(x, d.Centre(i))
			y = append(y, part.share/float64(both.synapses())*d.Centre(i)*f[i])
		}
		s.Curve(fromClosedForm, draw.Curve{Label: part.label, X: x, Y: y, Color: part.color})
		w, wf := both.logarithmic(part.counts)
		s.Points(fromSimulation, draw.Points{X: w, Y: wf, Color: part.color})
	}
	s.FromZero()
	s.Panel("", semilog, draw.Axis{Label: "Share of synapses in a cell", Log: true, Min: 1e-5, Max: 1.2})
	for _, name := range []string{PlasticityAlone, strengthName(0), FluctuationAlone} {
		label, color := look(name)
		t := e.pooled(e.index(name))
		var w, share []float64
		for i, n := range join(t.All, drawnCells) {
			w = append(w, t.edge(2*i+1, 2*drawnCells))
			share = append(share, float64(n)/float64(t.synapses()))
		}
		s.Points(fromSimulation, draw.Points{Label: label, X: w, Y: share, Color: color})
	}
	peak := both.SecondPeak()
	return s.Illustration(2, 62, draw.Illustration{
		Name: "fig3", Title: "Cell assemblies in the distribution of synaptic weights (ISD Fig. 3)",
		Caption: fmt.Sprintf("A: density of the weights of networks with assemblies, %g days after their imprint, and "+
			"of networks that "+
			"were never stimulated, "+
			"under plasticity and fluctuation. B: density of the logarithm, w f(w). The second peak, at %.2g µm³, is %.2f "+
			"times as high as the "+
			"valley before it. C: the same networks, synapses within and between assemblies; dots simulated, curves the "+
			"stationary "+
			"density of the intrinsic "+
			"dynamics with the mean drift that plasticity adds when each assembly is active as often as the others: %+.4f "+
			"and %+.4f "+
			"µm³ per day. D: the share of synapses in each of %d "+
			"cells (not below 1e-5) when one part is missing after the imprint: without intrinsic dynamics, without its "+
			"fluctuation "+
			"only, and without plasticity. ",
			e.Alone, peak.Size, peak.Height, e.pull(), e.push(), drawnCells) + e.protocol(),
	})
}

// matrixFigure shows the weights, sorted by assembly.
func (e *experiment) matrixFigure() (*draw.Illustration, error) {
	s := &dynamics.Sheet{}
	n := float64(e.groups())
	shades := func(title string, rows [][]float64) {
		s.Panel(title, draw.Axis{Label: "to neuron, by assembly", Min: 0, Max: n, Bare: true},
			draw.Axis{Min: 0, Max: n, Bare: true})
		s.Heat(fromSimulation, draw.Heat{
			Label: "mean weight (µm³, logarithmic)", Rows: rows, Low: 0.01, High: 1, Color: draw.Purple,
		})
	}
	shades("after the imprint", e.imprint)
	s.Last().Y.Label = "from neuron, by assembly"
	for _, name := range []string{Together, PlasticityAlone, FluctuationAlone} {
		title, _ := look(name)
		if name == Together {
			title = "both" // there is no room for more
		}
		shades(title, e.courses[0][e.index(name)].Blocks)
	}
	return s.Illustration(4, 56, draw.Illustration{
		Name: "matrix", Title: "Weights between neurons, sorted by assembly",
		Caption: fmt.Sprintf("Mean weights between groups of %d neurons of one network (seed %d), %d groups in an "+
			"assembly, the first "+
			"at the upper left. A: at the end of "+
			"the imprint. B to D: %g days later, under plasticity and fluctuation, and under one of them alone. ",
			e.Neurons/e.groups(), e.Seed, e.groups()/e.Assemblies, e.Alone) + e.protocol(),
	})
}

// course returns a measured figure over time: days, means over networks and the half-widths of their 95 % intervals.
func (e *experiment) course(condition int, of func(Measurement) float64) (day, mean, halfWidth []float64) {
	for m, first := range e.courses[0][condition].Measured {
		var values []float64
		for _, network := range e.courses {
			values = append(values, of(network[condition].Measured[m]))
		}
		i := tables.NewInterval(values)
		day, mean, halfWidth = append(day, first.Day), append(mean, i.Mean), append(halfWidth, i.HalfWidth)
	}
	return day, mean, halfWidth
}

// memoryFigure shows how long assemblies are remembered.
func (e *experiment) memoryFigure() (*draw.Illustration, error) {
	s := &dynamics.Sheet{}
	time := draw.Axis{Label: "Time after the imprint (days)", Min: 0, Max: e.Alone}
	names := []string{PlasticityAlone, FluctuationAlone, Unimprinted, Together}
	curves := func(of func(Measurement) float64) {
		for _, name := range names {
			label, color := look(name)
			day, mean, halfWidth := e.course(e.index(name), of)
			s.Banded(fromSimulation, draw.Curve{Label: label, X: day, Y: mean, Color: color, Dashed: name == PlasticityAlone},
				halfWidth)
		}
	}
	s.Panel("", time, draw.Axis{Label: "Recall", Min: -0.1, Max: 1.1})
	curves(func(m Measurement) float64 { return m.Recall })
	s.Curve("threshold", draw.Curve{X: []float64{0, e.Alone}, Y: []float64{threshold, threshold}, Color: draw.Grey,
		Thin: true})
	s.Panel("", time, draw.Axis{Label: "Separation", Min: 0.4, Max: 1.05})
	curves(func(m Measurement) float64 { return m.Separation })
	s.Panel("", time, draw.Axis{Label: "Weight within assemblies (µm³)", Min: 0, Max: 1.05 * e.High})
	curves(func(m Measurement) float64 { return m.Inside })

	s.Panel("", draw.Axis{Label: "Strength of the fluctuation"}, draw.Axis{Label: "Retention (days)"})
	var x, mean, halfWidth, all, days []float64
	for _, strength := range e.Strengths {
		k := e.index(strengthName(strength))
		var values []float64
		for _, network := range e.outcomes {
			values = append(values, network[k].Retention)
			all, days = append(all, strength), append(days, network[k].Retention)
		}
		i := tables.NewInterval(values)
		x, mean, halfWidth = append(x, strength), append(mean, i.Mean), append(halfWidth, i.HalfWidth)
	}
	s.Points(fromSimulation, draw.Points{Label: "a network", X: all, Y: days, Color: draw.Green, Small: true})
	s.Banded(fromSimulation, draw.Curve{Label: "mean of networks", X: x, Y: mean, Color: draw.Green}, halfWidth)
	s.FromZero()
	var lost []string
	for _, strength := range e.Strengths {
		n := 0
		for _, network := range e.outcomes {
			if network[e.index(strengthName(strength))].Lost {
				n++
			}
		}
		if n > 0 {
			lost = append(lost, fmt.Sprintf("%d of %d at strength %g", n, e.Seeds, strength))
		}
	}
	if lost == nil {
		lost = []string{"none"}
	}
	return s.Illustration(2, 62, draw.Illustration{
		Name: "memory", Title: "How long assemblies last",
		Caption: fmt.Sprintf("A: recall, the rate of the half of an assembly that is not stimulated minus that of the "+
			"other neurons. B: "+
			"separation, the probability that a synapse "+
			"within an assembly is stronger than one between them; 1/2 by chance. C: mean weight within assemblies. Means over "+
			"networks with 95 %% intervals. D: days until "+
			"recall is below %g, over the strength that sigma is multiplied with after the imprint; memory that is not "+
			"lost counts "+
			"with all %g days. Lost: %s. ",
			threshold, e.Alone, strings.Join(lost, ", ")) + e.protocol(),
	})
}
