package reward

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"quantal/dynamics"
	"quantal/results/draw"
	"quantal/results/store"
)

const fromSimulation = "simulation"

// figures draws all figures.
func (e *experiment) figures() ([]draw.Illustration, error) {
	return dynamics.Draw(e.rewardFigure, e.networkFigure, e.rangeFigure)
}

// protocol says how the networks were made.
func (e *experiment) protocol() string {
	return fmt.Sprintf("%d inputs, two pools of %d neurons, up to %d contacts of an input onto a neuron; gain %g, speed "+
		"%g per s, prior %g ± %g; phases of %g s, periods of %g s; %d networks, seeds %d to %d.", e.Inputs, e.Pool, e.Sites,
		e.Gain, e.Speed, e.PriorMean, e.PriorSD, e.Seconds, e.Period, e.Seeds, e.Seed, e.Seed+store.Seed(e.Seeds)-1)
}

// looks are how the arms that always are are drawn.
func (e *experiment) looks() [always]draw.Curve {
	return [always]draw.Curve{warm: {Label: fmt.Sprintf("temperature %g", e.Temperature), Color: draw.Purple},
		cold: {Label: "without noise", Color: draw.Green}, blind: {Label: "without reward", Color: draw.Grey}}
}

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
		for a, c := range e.looks() {
			var half []float64
			for p, o := range e.outcomes[a][0] {
				i := dynamics.NewEstimate(e.Seeds, func(n int) float64 { return m.of(e.outcomes[a][n][p]) })
				c.X, c.Y, half = append(c.X, o.Time), append(c.Y, i.Mean), append(half, i.HalfWidth)
			}
			if k > 0 {
				c.Label = ""
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

// rangeFigure shows in how many networks each claim holds, over temperature and speed.
func (e *experiment) rangeFigure() (*draw.Illustration, error) {
	held := e.held()
	claims := e.claims(warm, cold)
	if len(held) == len(claims) {
		return nil, nil
	}
	s := &dynamics.Sheet{}
	caption := "In how many networks each claim holds if the temperature or the speed of contacts is another one."
	for c, name := range []string{"reward rises", "and stays", "contacts drift", "responses drift", "reward comes back",
		"more than without noise"} {
		caption += fmt.Sprintf(" %s: %s.", draw.Letter(c), claims[c].Claim)
		s.Panel(name, draw.Axis{Label: "Times the usual", Log: true}, draw.Axis{Label: "Networks", Min: 0,
			Max: 1.05 * float64(e.Seeds), Whole: true})
		for k, label := range []string{"temperature", "speed"} {
			curve := draw.Curve{Label: label, Color: []draw.Color{draw.Purple, draw.Orange}[k], Dashed: k == 1}
			if c > 0 {
				curve.Label = ""
			}
			var points [][2]float64
			for i := c; i < len(held); i += len(claims) {
				times := [2]float64{held[i].Temperature / e.Temperature, held[i].Speed / e.Speed}
				if times[1-k] == 1 {
					points = append(points, [2]float64{times[k], float64(held[i].Seen)})
				}
			}
			if len(points) < 2 { // nothing but the usual
				continue
			}
			slices.SortFunc(points, func(a, b [2]float64) int { return cmp.Compare(a[0], b[0]) })
			for _, p := range points {
				curve.X, curve.Y = append(curve.X, p[0]), append(curve.Y, p[1])
			}
			s.Curve(fromSimulation, curve)
		}
	}
	return s.Illustration(3, 50, draw.Illustration{Name: "range", Title: "The range in which the claims hold",
		Caption: caption + " " + e.protocol()})
}
