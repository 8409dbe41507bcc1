package balance

import (
	"context"
	"fmt"
	"math"

	"quantal/dynamics"
	"quantal/results/draw"
)

// point is a network whose range is explored: see Config.
type point struct{ ratio, scale, factor float64 }

// points are all of them: those of the ratios, then those of the factors.
func (c Config) points() (all []point) {
	for _, scale := range c.Scales {
		for _, ratio := range c.Ratios {
			all = append(all, point{ratio, scale, 1})
		}
	}
	for _, factor := range c.Factors {
		all = append(all, point{c.Rates[inhibitory] / c.Rates[excitatory], 1, factor})
	}
	return all
}

// at is the configuration at a point.
func (c Config) at(p point) Config {
	c.Rates = []float64{c.Rates[excitatory], c.Rates[excitatory] * p.ratio}
	c.Neurons = int(math.Round(float64(c.Neurons) * p.scale))
	c.Contacts = int(math.Round(float64(c.Contacts) * p.scale))
	c.Efficacies = append([]float64(nil), c.Efficacies...)
	for i := range c.Efficacies {
		c.Efficacies[i] *= p.factor
	}
	return c
}

// rangeChanges are all contacts E to E, and all I to E.
var rangeChanges = []change{{kind: -1}, {kind: 0, share: 1}, {kind: 2, share: 1, which: 1}}

// span redraws contacts of network n at all points.
func (e *experiment) span(ctx context.Context, n int) (outcomes []Outcome, err error) {
	for k, p := range e.points() {
		c := e.at(p)
		t, err := c.newTheory()
		if err != nil {
			return nil, err
		}
		some, err := e.compare(ctx, c, t, fmt.Sprintf("range%d", k), Case{Arm: ranges, Factor: p.factor}, rangeChanges, n)
		if err != nil {
			return nil, err
		}
		outcomes = append(outcomes, some...)
	}
	return outcomes, nil
}

// rangeClaims are those of this arm; see claims.
func (e *experiment) rangeClaims() []dynamics.Claim {
	return []dynamics.Claim{
		{Text: "range: where theory says that redrawing E to E or I to E changes rates of E more, by more than 0.1, so it is",
			Holds: func(n int) bool {
				rows := e.others[ranges][n]
				for k := range e.points() {
					ee, ie := rows[k*len(rangeChanges)+1], rows[k*len(rangeChanges)+2]
					if d := ee.TheoryE - ie.TheoryE; !near(ee.TheoryE, ie.TheoryE) && d*(ee.CorrelationE-ie.CorrelationE) < 0 {
						return false
					}
				}
				return true
			}},
		{Text: "range: mean rates are those of theory within 15 %, at all points", Holds: func(n int) bool {
			for k, p := range e.points() {
				want, o := e.at(p).Rates, e.others[ranges][n][k*len(rangeChanges)]
				if math.Abs(o.RateE/want[excitatory]-1) > 0.15 || math.Abs(o.RateI/want[inhibitory]-1) > 0.15 {
					return false
				}
			}
			return true
		}},
	}
}

// rangeFigure shows the correlation of rates of E over the ratio of rates, and over the factor of efficacies.
func (e *experiment) rangeFigure() (*draw.Illustration, error) {
	if !e.does(ranges) {
		return nil, nil
	}
	s := sheet{}
	colors := map[int]draw.Color{1: typeColors[0], 2: typeColors[2]} // of rangeChanges
	panel := func(label string, x []float64, scale float64, first int, at func(x float64) point) {
		size := e.at(point{1, scale, 1})
		title := fmt.Sprintf("%d neurons, K = %d", size.Neurons, size.Contacts)
		low, high := x[0]/1.2, x[len(x)-1]*1.2
		s.Panel(title, draw.Axis{Label: label, Min: low, Max: high, Log: true},
			draw.Axis{Label: "Correlation of excitatory rates", Min: -0.1, Max: 1.05})
		for k := 1; k < len(rangeChanges); k++ {
			var xs, ys []float64
			for i := range 25 {
				v := low * math.Pow(high/low, float64(i)/24)
				if t, err := e.at(at(v)).newTheory(); err == nil { // else neurons cannot fire as much
					_, rates := t.Overlap(rangeChanges[k].kept())
					xs, ys = append(xs, v), append(ys, rates[excitatory])
				}
			}
			name := rangeChanges[k].name() + " redrawn"
			s.Curve(fromTheory, draw.Curve{Label: name, X: xs, Y: ys, Color: colors[k], Thin: true})
			s.means(name+", simulated", colors[k], len(x), func(i int) (float64, dynamics.Estimate) {
				return x[i], e.mean(ranges, (first+i)*len(rangeChanges)+k, correlationOf(excitatory))
			})
		}
	}
	for k, scale := range e.Scales {
		panel("Rate of I over rate of E", e.Ratios, scale, k*len(e.Ratios), func(x float64) point {
			return point{x, scale, 1}
		})
	}
	ratio := e.Rates[inhibitory] / e.Rates[excitatory]
	panel("Factor of all efficacies", e.Factors, 1, len(e.Scales)*len(e.Ratios), func(x float64) point {
		return point{ratio, 1, x}
	})
	return s.Illustration(2, 62, draw.Illustration{
		Name: "range", Title: "Where inhibitory contacts determine the pattern of rates",
		Caption: fmt.Sprintf("Correlation of the rates of E before and after all contacts E to E, or all I to E, are "+
			"redrawn, over the ratio of mean rates (E at %g Hz) for several sizes, with contacts in proportion to neurons, "+
			"and over a factor of all efficacies (at a ratio of %g). Dots: means over networks with 95 %% intervals; curves: "+
			"mean-field theory. ", e.Rates[excitatory], ratio) + e.protocol()})
}
