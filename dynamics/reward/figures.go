package reward

import (
	"fmt"
	"math"
	"slices"

	"quantal/dynamics"
	"quantal/results/draw"
	"quantal/results/store"
	"quantal/results/tables"
)

const fromSimulation = "simulation"

// figures draws all figures.
func (e *experiment) figures() ([]draw.Illustration, error) {
	return dynamics.Draw(e.rewardFigure, e.networkFigure)
}

// protocol says how the networks were made.
func (e *experiment) protocol() string {
	return fmt.Sprintf("%d inputs, two pools of %d neurons, up to %d contacts of an input onto a neuron; gain %g, speed "+
		"%g per s, prior %g ± %g; phases of %g s, periods of %g s; %d networks, seeds %d to %d.", e.Inputs, e.Pool, e.Sites,
		e.Gain, e.Speed, e.PriorMean, e.PriorSD, e.Seconds, e.Period, e.Seeds, e.Seed, e.Seed+store.Seed(e.Seeds)-1)
}

var colors = [2]draw.Color{draw.Purple, draw.Green}

// rewardFigure shows the measures over time.
func (e *experiment) rewardFigure() (*draw.Illustration, error) {
	s := &dynamics.Sheet{}
	for k, m := range []struct {
		label    string
		of       func(Outcome) float64
		min, max float64
	}{
		{"Reward", reward, 0, 1.05}, {"Contacts kept, share", kept, 0, 1.05},
		{"Correlation of weights", weights, -0.2, 1.05}, {"Correlation of responses", response, -0.6, 1.05},
	} {
		s.Panel("", draw.Axis{Label: "Time (s)", Min: 0, Max: 3 * e.Seconds}, draw.Axis{Label: m.label, Min: m.min,
			Max: m.max})
		for _, end := range []float64{e.Seconds, 2 * e.Seconds} {
			s.Curve("phases", draw.Curve{X: []float64{end, end}, Y: []float64{m.min, m.max}, Color: draw.Ink, Thin: true,
				Dashed: true})
		}
		for t, temperature := range e.temperatures {
			var x, y, half []float64
			for p, o := range e.outcomes[t][0] {
				values := make([]float64, e.Seeds)
				for n := range values {
					values[n] = m.of(e.outcomes[t][n][p])
				}
				i := tables.NewInterval(values)
				x, y, half = append(x, o.Time), append(y, i.Mean), append(half, i.HalfWidth)
			}
			c := draw.Curve{X: x, Y: y, Color: colors[t]}
			if k == 0 {
				c.Label = fmt.Sprintf("temperature %g", temperature)
			}
			s.Banded(fromSimulation, c, half)
		}
	}
	return s.Illustration(2, 60, draw.Illustration{
		Name: "reward", Title: "Reward and drift with contacts that sample (ISD Fig. 2B, after Kappel et al. 2018)",
		Caption: "Mean reward; of the contacts at the end of the first phase, the share that is there; correlations of the " +
			"weights, and of the rates of neurons less the mean of their pool, with those then. Means over networks with 95 % " +
			"intervals; dashed: the first phase ends, and demands are swapped. " + e.protocol()})
}

// networkFigure shows spikes and weights of the first network at the end of each phase.
func (e *experiment) networkFigure() (*draw.Illustration, error) {
	s := &dynamics.Sheet{}
	neurons := 2 * e.Pool
	life := e.lives[0][0]
	for phase, name := range phaseNames {
		s.Panel(name, draw.Axis{Label: "Time (ms)", Min: 0, Max: rasterTime}, draw.Axis{Label: "Neuron", Min: -0.5,
			Max: float64(neurons) - 0.5, Whole: true})
		var x, y [2][]float64
		for _, spike := range life.Raster[phase] {
			pool := int(spike[1]) / e.Pool
			x[pool], y[pool] = append(x[pool], float64(spike[0])), append(y[pool], float64(spike[1]))
		}
		for pool := range x {
			s.Points(fromSimulation, draw.Points{Label: fmt.Sprintf("pool %d", pool+1), X: x[pool], Y: y[pool],
				Color: [2]draw.Color{draw.Blue, draw.Orange}[pool], Small: true})
		}
	}
	order := e.inputOrder()
	var rows [3][][]float64 // the last neuron at the top, as the spikes
	for phase := range phaseNames {
		theta := life.Theta[(phase+1)*e.periods()-1]
		for i := neurons - 1; i >= 0; i-- {
			row := make([]float64, e.Inputs)
			for k, j := range order {
				for site := range e.Sites {
					row[k] += e.weight(theta[(j*neurons+i)*e.Sites+site])
				}
				if row[k] == 0 {
					row[k] = math.NaN() // no contact
				}
			}
			rows[phase] = append(rows[phase], row)
		}
	}
	for phase := range phaseNames {
		s.Panel("", draw.Axis{Label: "Input", Min: 0, Max: float64(e.Inputs)}, draw.Axis{Label: "Neuron", Min: 0,
			Max: float64(neurons)})
		s.Heat(fromSimulation, draw.Heat{Label: "weight", Rows: rows[phase], Low: e.W0 * math.Exp(-e.Theta0),
			High: e.W0 * math.Exp(e.HighTheta-e.Theta0), Color: draw.Purple})
	}
	return s.Illustration(3, 55, draw.Illustration{
		Name: "network", Title: "Spikes and weights at the end of each phase",
		Caption: "The first network, with noise: spikes of both pools at the end of each phase, and the summed weights of " +
			"the contacts of each input onto each neuron. Inputs of pattern 1 alone come first, then those of both, of " +
			"neither, and of pattern 2 alone. " + e.protocol()})
}

// inputOrder lists the inputs of pattern 1 alone, of both, of neither and of pattern 2 alone.
func (e *experiment) inputOrder() (order []int) {
	has := e.patterns(uint64(e.Seed))
	place := func(i int) int {
		switch {
		case has[0][i] && !has[1][i]:
			return 0
		case has[0][i]:
			return 1
		case !has[1][i]:
			return 2
		}
		return 3
	}
	for i := range e.Inputs {
		order = append(order, i)
	}
	slices.SortStableFunc(order, func(i, j int) int { return place(i) - place(j) })
	return order
}
