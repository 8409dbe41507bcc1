package balance

import (
	"fmt"
	"math"
	"slices"

	"quantal/dynamics"
	"quantal/results/draw"
	"quantal/results/store"
)

// Sources of numbers.
const (
	fromSimulation = "simulation"
	fromTheory     = "mean-field theory"
)

var typeColors = []draw.Color{draw.Purple, draw.Orange, draw.Blue, draw.Green}

// figures draws all figures.
func (e *experiment) figures() ([]draw.Illustration, error) {
	return dynamics.Draw(e.rewiringFigure, e.activityFigure, e.volatilityFigure, e.memoryFigure, e.rangeFigure)
}

// sheet is a sheet that draws means.
type sheet struct{ dynamics.Sheet }

// means draws n means over networks with their 95 % intervals.
func (s *sheet) means(label string, color draw.Color, n int, at func(i int) (x float64, y dynamics.Estimate)) {
	points := draw.Points{Label: label, Color: color}
	var bars []draw.Curve
	for i := range n {
		x, m := at(i)
		points.X, points.Y = append(points.X, x), append(points.Y, m.Mean)
		if !math.IsNaN(m.HalfWidth) {
			bars = append(bars, draw.Curve{X: []float64{x, x}, Y: []float64{m.Mean - m.HalfWidth, m.Mean + m.HalfWidth},
				Color: color})
		}
	}
	s.Points(fromSimulation, points)
	for _, b := range bars {
		s.Curve(fromSimulation, b)
	}
}

// mean is over the networks of an arm, of their row k.
func (e *experiment) mean(arm string, k int, value func(o Outcome) float64) dynamics.Estimate {
	var rows []Outcome
	for _, network := range e.others[arm] {
		rows = append(rows, network[k])
	}
	return meanOf(rows, value)
}

func correlationOf(population int) func(o Outcome) float64 {
	return func(o Outcome) float64 { return [populations]float64{o.CorrelationE, o.CorrelationI}[population] }
}

var populationNames = [populations]string{"excitatory", "inhibitory"}

// protocol says how the networks were made.
func (e *experiment) protocol() string {
	return fmt.Sprintf("%d excitatory and %d inhibitory neurons, %d contacts of each from each population on average; "+
		"efficacies %v mV (E to E, E to I, I to E, I to I) over the square root of that; mean rates of E and I %v Hz in the "+
		"first regime, %v Hz in the second; external noise %g mV; %d networks, seeds %d to %d; rates over %g s.",
		e.size(excitatory), e.size(inhibitory), e.Contacts, e.Efficacies, e.Rates, e.Even, e.External, e.Seeds, e.Seed,
		e.Seed+store.Seed(e.Seeds)-1, e.Seconds)
}

// rewiringFigure shows the correlation of rates before and after over the share of contacts that is redrawn.
func (e *experiment) rewiringFigure() (*draw.Illustration, error) {
	if !e.does(rewiring) {
		return nil, nil
	}
	s := &sheet{}
	for r, regime := range regimeNames {
		for a, population := range populationNames {
			s.Panel(fmt.Sprintf("%s, rates of %s", regime, [2]string{"E", "I"}[a]),
				draw.Axis{Label: "Share of redrawn contacts", Min: 0, Max: 1.02},
				draw.Axis{Label: "Correlation of " + population + " rates", Min: -0.05, Max: 1.05})
			for k, t := range types {
				var x, y []float64
				for i := range 21 {
					share := float64(i) / 20
					_, rates := e.theory[r].Overlap(change{kind: k, share: share}.kept())
					x, y = append(x, share), append(y, rates[a])
				}
				s.Curve(fromTheory, draw.Curve{Label: t.name, X: x, Y: y, Color: typeColors[k], Thin: true})
				s.means(t.name+", simulated", typeColors[k], len(e.Shares), func(i int) (float64, dynamics.Estimate) {
					var rows []Outcome
					for _, network := range e.outcomes[r] {
						rows = append(rows, network[1+k*len(e.Shares)+i])
					}
					return e.Shares[i], meanOf(rows, correlationOf(a))
				})
			}
			if a == excitatory {
				frozen := e.theory[r].Frozen(excitatory, change{kind: 0, share: 1}.kept())
				s.Points("frozen rates", draw.Points{Label: "E to E, inputs if no rate changed", X: []float64{1},
					Y: []float64{frozen}, Color: draw.Ink, Mark: draw.OpenSquare})
			}
		}
	}
	return s.Illustration(2, 66, draw.Illustration{
		Name: "rewiring", Title: "Which contacts determine the pattern of rates (ISD Fig. 2A)",
		Caption: "Correlation over neurons of the rates before and after contacts of one type are redrawn, divided by that " +
			"of two simulations of the same network. Dots: means over networks with 95 % intervals; curves: mean-field " +
			"theory; open squares: the correlation of the inputs of E after all contacts E to E are redrawn, if no rate " +
			"changed, the inhibitory share of the variance of the mean inputs. " + e.protocol()})
}

// activityFigure shows spikes and rates of the first network.
func (e *experiment) activityFigure() (*draw.Illustration, error) {
	if !e.does(rewiring) {
		return nil, nil
	}
	s := &dynamics.Sheet{}
	for r, regime := range regimeNames {
		s.Panel(regime, draw.Axis{Label: "Time (ms)", Min: 0, Max: rasterTime},
			draw.Axis{Label: "Neuron", Min: 0, Max: float64(rasterNeurons[excitatory] + rasterNeurons[inhibitory])})
		var x, y [populations][]float64
		for _, spike := range e.before[r].Raster {
			a := excitatory
			if int(spike[1]) >= rasterNeurons[excitatory] {
				a = inhibitory
			}
			x[a], y[a] = append(x[a], float64(spike[0])), append(y[a], float64(spike[1]))
		}
		for a, label := range populationNames {
			s.Points(fromSimulation, draw.Points{Label: label, X: x[a], Y: y[a],
				Color: [2]draw.Color{draw.Purple, draw.Green}[a], Small: true})
		}
	}
	for r := range regimeNames {
		s.Panel("", draw.Axis{Label: "Rate (Hz)", Min: 0, Max: 4 * max(e.regimes()[r].Rates[0], e.regimes()[r].Rates[1], 5)},
			draw.Axis{Label: "Share of neurons below"})
		for a, label := range populationNames {
			x, y := cumulative(e.before[r].Rates[a])
			color := [2]draw.Color{draw.Purple, draw.Green}[a]
			s.Curve(fromSimulation, draw.Curve{Label: label, X: x, Y: y, Color: color})
			x, y = e.theory[r].cumulative(a)
			s.Curve(fromTheory, draw.Curve{Label: label + ", theory", X: x, Y: y, Color: color, Dashed: true})
		}
		s.FromZero()
	}
	return s.Illustration(2, 62, draw.Illustration{
		Name: "activity", Title: "Spikes and rates of balanced networks",
		Caption: fmt.Sprintf("Of the first network of each regime: spikes of %d excitatory and %d inhibitory neurons, and "+
			"the distributions of rates, which in the simulation also vary because they are measured in a limited time. ",
			rasterNeurons[excitatory], rasterNeurons[inhibitory]) + e.protocol()})
}

// cumulative is the distribution of rates, at up to 200 of them.
func cumulative(rates []float64) (x, y []float64) {
	sorted := slices.Sorted(slices.Values(rates))
	step := max(len(sorted)/200, 1)
	for i := 0; i < len(sorted); i += step {
		x, y = append(x, sorted[i]), append(y, (float64(i)+0.5)/float64(len(sorted)))
	}
	return x, y
}

// cumulative is the distribution of rates by theory: the rate rises with the input.
func (t *Theory) cumulative(population int) (x, y []float64) {
	for z := -3.5; z <= 3.5; z += 0.05 {
		x, y = append(x, t.rate(population, z)), append(y, math.Erfc(-z/math.Sqrt2)/2)
	}
	return x, y
}
