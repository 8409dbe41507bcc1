package assemblies

import (
	"fmt"
	"math"

	"quantal/dynamics"
	"quantal/results/draw"
	"quantal/results/store"
)

// figures draws all figures.
func (e *spikingExperiment) figures() ([]draw.Illustration, error) {
	return dynamics.Draw(e.distributionFigure, e.rasterFigure, e.matrixFigure, e.memoryFigure)
}

// protocol says how the networks were made.
func (e *spikingExperiment) protocol() string {
	return fmt.Sprintf("%d excitatory neurons in %d assemblies, %d inhibitory ones; a day of the synapses is %g s of the "+
		"neurons; %d networks, seeds %d to %d; %g days of imprint, %g days alone; mu = %v, sigma = %v, from %g to %g µm³; "+
		"plasticity %g µm³ per pair of spikes.", e.Neurons, e.Assemblies, e.Inhibitory, e.Day, e.Seeds, e.Seed,
		e.Seed+store.Seed(e.Seeds)-1, e.Imprint, e.Alone, e.Mu, e.Sigma, e.Low, e.High, e.Plasticity)
}

// spikingLook is look with the names of these conditions.
func spikingLook(name string) (title string, color draw.Color) {
	title, color = look(name)
	switch name {
	case Together:
		title = "STDP and intrinsic dynamics"
	case PlasticityAlone:
		title = "STDP alone"
	case FluctuationAlone:
		title = "intrinsic dynamics alone"
	}
	return title, color
}

// distributionFigure shows the weights at the end, and over time.
func (e *spikingExperiment) distributionFigure() (*draw.Illustration, error) {
	s := &dynamics.Sheet{}
	s.Panel("", draw.Axis{Label: weightLabel, Min: 0, Max: e.High}, draw.Axis{Label: "Density f (µm^{−3})", Log: true,
		Min: 1e-3, Max: 100})
	semilog := draw.Axis{Label: weightLabel, Log: true, Min: e.Low, Max: e.High}
	share := draw.Axis{Label: "Density w f of ln w"}
	ends := []string{Unimprinted, Together}
	for _, name := range ends {
		title, color := spikingLook(name)
		t := e.pooled(e.arm(name), -1)
		c := draw.Curve{Label: title, Color: color}
		w, f := t.linear()
		for i, density := range f {
			if density > 0 {
				c.X, c.Y = append(c.X, w[i]), append(c.Y, density)
			}
		}
		s.Curve(fromSimulation, c)
	}
	s.Panel("", semilog, share)
	for _, name := range ends {
		_, color := spikingLook(name)
		t := e.pooled(e.arm(name), -1)
		w, wf := t.logarithmic(t.All)
		s.Curve(fromSimulation, draw.Curve{X: w, Y: wf, Color: color})
	}
	s.FromZero()
	s.Panel("", semilog, share)
	t := e.pooled(e.arm(Together), -1)
	for _, part := range []struct {
		label  string
		counts []int
		color  draw.Color
	}{{"within assemblies", t.Inside, draw.Green}, {"between assemblies", t.outside(), draw.Sky}} {
		w, wf := t.logarithmic(part.counts)
		s.Curve(fromSimulation, draw.Curve{Label: part.label, X: w, Y: wf, Color: part.color})
	}
	s.FromZero()
	for k, name := range []string{Together, PlasticityAlone, FluctuationAlone} {
		title, _ := spikingLook(name)
		s.Panel(title, semilog, draw.Axis{Label: "Share of synapses in a cell", Log: true, Min: 1e-5, Max: 1.2})
		outcomes := e.courses[0][e.arm(name)].Outcomes
		last := len(outcomes) - 1
		for i, m := range []int{0, last / 4, last / 2, last} {
			c := draw.Curve{Color: []draw.Color{draw.Grey, draw.Sky, draw.Blue, draw.Ink}[i]}
			if k == 0 {
				c.Label = fmt.Sprintf("day %g", outcomes[m].Day)
			}
			t := e.pooled(e.arm(name), m)
			for i, n := range join(t.All, drawnCells) {
				if n > 0 {
					c.X, c.Y = append(c.X, t.edge(2*i+1, 2*drawnCells)), append(c.Y, float64(n)/float64(t.synapses()))
				}
			}
			s.Curve(fromSimulation, c)
		}
	}
	return s.Illustration(3, 55, draw.Illustration{
		Name: "distributions", Title: "Cell assemblies of spiking neurons in the distribution of synaptic weights",
		Caption: fmt.Sprintf("A: density of the weights, and B: of their logarithm, %g days after the imprint, and of "+
			"networks that were never stimulated. C: synapses within and between assemblies. D to F: the share of synapses in "+
			"each of %d cells of ln w over the days after the imprint (not below 1e-5). ", e.Alone, drawnCells) + e.protocol()})
}

// rasterFigure shows spikes of the first network at the end.
func (e *spikingExperiment) rasterFigure() (*draw.Illustration, error) {
	s := &dynamics.Sheet{}
	neurons := float64(e.Neurons + e.Inhibitory)
	for _, name := range []string{Together, PlasticityAlone, FluctuationAlone, learningName(1)} {
		title, _ := spikingLook(name)
		s.Panel(title, draw.Axis{Label: "Time (ms)", Min: 0, Max: rasterTime}, draw.Axis{Label: "Neuron", Min: -0.5,
			Max: neurons - 0.5, Whole: true})
		parts := make([]draw.Points, 3)
		for _, spike := range e.courses[0][e.arm(name)].Raster {
			k := 2 // inhibitory
			if i := int(spike[1]); i < e.Neurons {
				k = i / e.size() % 2
			}
			parts[k].X, parts[k].Y = append(parts[k].X, float64(spike[0])), append(parts[k].Y, float64(spike[1]))
		}
		for k, p := range parts {
			p.Small, p.Color = true, []draw.Color{draw.Purple, draw.Green, draw.Grey}[k]
			s.Points(fromSimulation, p)
		}
	}
	return s.Illustration(2, 55, draw.Illustration{
		Name: "raster", Title: "Spikes at the end of each condition",
		Caption: "The first network: spikes of excitatory neurons, sorted by assembly, in alternating colours, and of " +
			"inhibitory ones above them (grey). The last panel: while pairs of assemblies are stimulated together. " +
			e.protocol()})
}

// matrixFigure shows the weights of the first network, sorted by assembly.
func (e *spikingExperiment) matrixFigure() (*draw.Illustration, error) {
	s := &dynamics.Sheet{}
	n := float64(e.rates().groups())
	shades := func(title string, rows [][]float64) {
		s.Panel(title, draw.Axis{Label: "to neuron, by assembly", Min: 0, Max: n, Bare: true},
			draw.Axis{Min: 0, Max: n, Bare: true})
		s.Heat(fromSimulation, draw.Heat{
			Label: "mean weight (µm³, logarithmic)", Rows: rows, Low: 0.01, High: 1, Color: draw.Purple,
		})
	}
	shades("after the imprint", e.courses[0][e.arm(Together)].Imprint)
	s.Last().Y.Label = "from neuron, by assembly"
	for _, name := range []string{Together, PlasticityAlone, FluctuationAlone, learningName(1),
		learningName(e.Strengths[len(e.Strengths)-1])} {
		title, _ := spikingLook(name)
		if name == Together {
			title = "both"
		}
		shades(title, e.courses[0][e.arm(name)].Blocks)
	}
	return s.Illustration(3, 56, draw.Illustration{
		Name: "matrix", Title: "Weights between spiking neurons, sorted by assembly",
		Caption: fmt.Sprintf("Mean weights between groups of neurons of the first network (seed %d), the first assembly at "+
			"the upper left. A: at the end of the imprint. B to D: %g days later, under STDP and intrinsic dynamics, and under "+
			"one of them alone. E and F: after %g days in which pairs of assemblies were stimulated together, at fluctuation "+
			"of strength 1 and of the strongest. ", e.Seed, e.Alone, e.Learn) + e.protocol()})
}

// memoryFigure shows how long assemblies last, and how well associations are learnt.
func (e *spikingExperiment) memoryFigure() (*draw.Illustration, error) {
	s := &dynamics.Sheet{}
	names := []string{PlasticityAlone, FluctuationAlone, Unimprinted, Together}
	for _, s1 := range e.Strengths[1:] {
		names = append(names, strengthName(s1))
	}
	colors := []draw.Color{draw.Sky, draw.Green, draw.Red, draw.Ink}
	for k, m := range []struct {
		label    string
		of       func(SpikingOutcome) float64
		min, max float64
	}{
		{"Recall", func(o SpikingOutcome) float64 { return o.Recall }, -0.2, 1.4},
		{"Separation", func(o SpikingOutcome) float64 { return o.Separation }, 0.4, 1.05},
		{"Weight within assemblies (µm³)", func(o SpikingOutcome) float64 { return o.Inside }, 0, 1.05 * e.High},
	} {
		s.Panel("", draw.Axis{Label: "Time after the imprint (days)", Min: 0, Max: e.Alone},
			draw.Axis{Label: m.label, Min: m.min, Max: m.max})
		for j, name := range names {
			title, color := spikingLook(name)
			if j >= 4 {
				color = colors[(j-4)%len(colors)]
			}
			c, half := draw.Curve{Color: color, Dashed: name == PlasticityAlone}, []float64(nil)
			if k == 0 {
				c.Label = title
			}
			for i, o := range e.courses[0][e.arm(name)].Outcomes {
				at := dynamics.NewEstimate(e.Seeds, func(n int) float64 { return m.of(e.courses[n][e.arm(name)].Outcomes[i]) })
				c.X, c.Y, half = append(c.X, o.Day), append(c.Y, at.Mean), append(half, at.HalfWidth)
			}
			s.Banded(fromSimulation, c, half)
		}
	}
	s.Panel("", draw.Axis{Label: "Strength of the fluctuation"}, draw.Axis{Label: "Association", Min: 0.4, Max: 1.05})
	mean, half, each := draw.Curve{Label: "mean of networks", Color: draw.Green}, []float64(nil), draw.Points{
		Label: "a network", Color: draw.Green, Small: true}
	for _, strength := range e.Strengths {
		at := dynamics.NewEstimate(e.Seeds, func(n int) float64 {
			y := e.at(n, learningName(strength)).Association
			each.X, each.Y = append(each.X, strength), append(each.Y, y)
			return y
		})
		mean.X, mean.Y, half = append(mean.X, strength), append(mean.Y, at.Mean), append(half, at.HalfWidth)
	}
	s.Points(fromSimulation, each)
	s.Banded(fromSimulation, mean, half)
	high := math.Max(e.Strengths[len(e.Strengths)-1], 1)
	return s.Illustration(2, 62, draw.Illustration{
		Name: "memory", Title: "How long assemblies of spiking neurons last, and learning of associations",
		Caption: fmt.Sprintf("A: recall, the rate of the half of an assembly that is not stimulated less that of other "+
			"neurons, in units of the stimulated half. B: the probability that a synapse within an assembly is stronger than "+
			"one between them. C: mean weight within assemblies. Means over networks with 95 %% intervals. D: after %g days of "+
			"stimulation of pairs of assemblies, right after the imprint, the probability that a synapse between partners is "+
			"stronger than one between other assemblies, over the strength of the fluctuation, up to %g. ", e.Learn, high) +
			e.protocol()})
}
