package balance

import (
	"context"
	"fmt"
	"math"

	"quantal/dynamics"
	"quantal/results/draw"
)

// turned are the types of contacts that turn over, by index in types: one at a time, and all.
var turned = [][]int{{0}, {1}, {2}, {3}, {0, 1, 2, 3}}

const allTypes = "all"

func turnedName(k int) string {
	if len(turned[k]) > 1 {
		return allTypes
	}
	return types[turned[k][0]].name
}

// keptAfter is which part of the contacts is kept at a lag, in mean numbers of redraws of a contact: each type that
// turns over keeps exp(-lag).
func keptAfter(k int, lag float64) Kept {
	kept := allKept
	for _, t := range turned[k] {
		kept[types[t].to][types[t].from] = math.Exp(-lag)
	}
	return kept
}

// volatile measures rates of network n while its contacts turn over.
func (e *experiment) volatile(ctx context.Context, n int) (outcomes []Outcome, err error) {
	c, t := e.Config, e.theory[0]
	see := func(what string, start int, w wiring) (Activity, error) {
		return e.activity(ctx, c, t, volatility, "volatility: "+what, n, start, w)
	}
	first := c.wire(e.seed(n))
	before, err := see(unchanged, 0, first)
	if err != nil {
		return nil, err
	}
	again, err := see(unchanged, 1, first)
	if err != nil {
		return nil, err
	}
	reliability := correlate(before, again)
	share := -math.Expm1(-e.Turnover)
	for k, kinds := range turned {
		w, seen := first, []Activity{before}
		for window := range e.Windows {
			run := k*e.Windows + window
			for _, kind := range kinds {
				w = c.redraw(w, e.seed(n), types[kind].to, types[kind].from, volatileRedraw+run, share)
			}
			a, err := see(turnedName(k), 2+run, w)
			if err != nil {
				return nil, err
			}
			seen = append(seen, a)
		}
		for lag := 1; lag <= e.Windows; lag++ {
			var raw [populations]float64
			pairs := len(seen) - lag
			for i := range pairs {
				for a, r := range correlate(seen[i], seen[i+lag]) {
					raw[a] += r / float64(pairs)
				}
			}
			at := e.plain(volatility)
			at.Redrawn, at.Lag = turnedName(k), float64(lag)*e.Turnover
			at.Share = -math.Expm1(-at.Lag)
			outcomes = append(outcomes, t.outcome(at, e.seed(n), seen[lag], raw, reliability, keptAfter(k, at.Lag)))
		}
	}
	return outcomes, nil
}

// volatileRedraw tells noises of redraws from those of the other arms.
const volatileRedraw = 1 << 16

// plain is a case of an arm in the first regime.
func (e *experiment) plain(arm string) Case {
	return Case{Arm: arm, Regime: regimeNames[0], Ratio: e.Rates[inhibitory] / e.Rates[excitatory], Neurons: e.Neurons,
		Factor: 1}
}

// lagged is the outcome at the given lag, in windows, of network n.
func (e *experiment) lagged(n, k, lag int) Outcome { return e.others[volatility][n][k*e.Windows+lag-1] }

// volatilityClaims are those of this arm; see claims.
func (e *experiment) volatilityClaims() []dynamics.Claim {
	return []dynamics.Claim{
		{Text: "volatility: correlations of E are always higher if E to E turns over than if I to E does",
			Holds: func(n int) bool {
				for lag := 1; lag <= e.Windows; lag++ {
					if e.lagged(n, 0, lag).CorrelationE <= e.lagged(n, 2, lag).CorrelationE {
						return false
					}
				}
				return true
			}},
		{Text: "volatility: at all lags correlations of E are the same, within 0.1, if I to E or all contacts turn over",
			Holds: func(n int) bool {
				for lag := 1; lag <= e.Windows; lag++ {
					if !near(e.lagged(n, 2, lag).CorrelationE, e.lagged(n, len(turned)-1, lag).CorrelationE) {
						return false
					}
				}
				return true
			}},
		{Text: "volatility: mean-field theory is right within 0.1, at all lags and for each type", Holds: func(n int) bool {
			for _, o := range e.others[volatility][n] {
				if !(near(o.CorrelationE, o.TheoryE) && near(o.CorrelationI, o.TheoryI)) {
					return false
				}
			}
			return true
		}},
	}
}

// volatilityFigure shows the correlation of rates over the lag.
func (e *experiment) volatilityFigure() (*draw.Illustration, error) {
	if !e.does(volatility) {
		return nil, nil
	}
	longest := float64(e.Windows) * e.Turnover
	s := sheet{}
	colors := []draw.Color{typeColors[0], typeColors[1], typeColors[2], typeColors[3], draw.Ink}
	for a, population := range populationNames {
		s.Panel("", draw.Axis{Label: "Redraws of a contact", Min: 0, Max: 1.02 * longest},
			draw.Axis{Label: "Correlation of " + population + " rates", Min: -0.05, Max: 1.05})
		for k := range turned {
			var x, y []float64
			for i := range 21 {
				x = append(x, longest*float64(i)/20)
				_, rates := e.theory[0].Overlap(keptAfter(k, x[i]))
				y = append(y, rates[a])
			}
			s.Curve(fromTheory, draw.Curve{Label: turnedName(k), X: x, Y: y, Color: colors[k], Thin: true})
			s.means(turnedName(k)+", simulated", colors[k], e.Windows, func(i int) (float64, dynamics.Estimate) {
				return float64(i+1) * e.Turnover, e.mean(volatility, k*e.Windows+i, correlationOf(a))
			})
		}
	}
	return s.Illustration(2, 66, draw.Illustration{
		Name: "volatility", Title: "Patterns of rates while contacts turn over",
		Caption: fmt.Sprintf("Correlation over neurons of the rates at two times, over the number of times that a contact "+
			"of the type has been redrawn between them on average, divided by that of two simulations of the same network. "+
			"%d times, %g redraws apart. Dots: means over networks with 95 %% intervals; curves: mean-field theory, in which "+
			"exp(-redraws) of the contacts are kept. ", e.Windows+1, e.Turnover) + e.protocol()})
}
