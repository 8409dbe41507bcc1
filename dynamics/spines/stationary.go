package spines

import (
	"math"

	"gonum.org/v1/gonum/integrate/quad"
)

// Stationary is the distribution that reflecting bounds lead to, over the cells with the given edges. Without a flux
// anywhere,
//
//	f(w) = const / sigma(w)^2 exp( int 2 mu / sigma^2 dw )
//
// which is ISD's "stationary distribution" of Fig. 2C in closed form up to integrals; these are taken by Gauss's rule
// in each cell.
func (c Coefficients) Stationary(edges []float64) Distribution {
	d := Distribution{edges, make([]float64, len(edges)-1)}
	logs := make([]float64, len(d.Mass)) // of the masses, up to a constant: their range may exceed float64
	potential, highest := 0.0, math.Inf(-1)
	for i := range d.Mass {
		a, b := edges[i], edges[i+1]
		mass := gauss(a, b, func(w float64) float64 {
			_, sigma, _ := c.at(w)
			return math.Exp(c.potential(a, w)) / (sigma * sigma)
		})
		logs[i] = potential + math.Log(mass)
		highest = max(highest, logs[i])
		potential += c.potential(a, b)
	}
	sum := 0.0
	for i, l := range logs {
		d.Mass[i] = math.Exp(l - highest)
		sum += d.Mass[i]
	}
	for i := range d.Mass {
		d.Mass[i] /= sum
	}
	return d
}

// potential is the integral of 2 mu / sigma^2.
func (c Coefficients) potential(from, to float64) float64 {
	return gauss(from, to, func(w float64) float64 {
		mu, sigma, _ := c.at(w)
		return 2 * mu / (sigma * sigma)
	})
}

// gauss integrates over a cell with five points.
func gauss(from, to float64, f func(float64) float64) float64 {
	if from == to {
		return 0
	}
	var x, weight [5]float64
	quad.Legendre{}.FixedLocations(x[:], weight[:], from, to)
	sum := 0.0
	for i := range x {
		sum += weight[i] * f(x[i])
	}
	return sum
}

// Turnover describes births and losses: a spine that shrinks to the lower bound is lost and leaves an empty site, where
// a new one appears at a rate, with a size uniformly distributed between two sizes.
type Turnover struct {
	Rate     float64 // births per empty site and day
	Smallest float64 // of the new spines, µm³
	Largest  float64
}

// DefaultTurnover is an illustration: new spines are among the smallest, and an empty site waits for some weeks.
func DefaultTurnover() Turnover { return Turnover{Rate: 0.05, Smallest: 0.025, Largest: 0.035} }

func (t Turnover) withoutBirths() *Turnover {
	t.Rate = 0
	return &t
}

// missing is the share of new spines that are larger than w.
func (t Turnover) missing(w float64) float64 {
	return min(max((t.Largest-w)/(t.Largest-t.Smallest), 0), 1)
}

// StationaryTurnover is the distribution that turnover leads to, as shares of all sites, and the mean lifetime of a
// spine in days.
//
// Per site and day lambda spines are born and lost. With G the distribution function of the new sizes, the flux down to
// the lower bound is lambda (1 - G(w)), and so y = sigma^2 f obeys y' = 2 mu/sigma^2 y + 2 lambda (1 - G), with y = 0
// at the bound. The lifetime is int f dw / lambda, and lambda = Rate times the share of empty sites.
func (c Coefficients) StationaryTurnover(t Turnover, edges []float64) (d Distribution, lifetime float64) {
	d = Distribution{edges, make([]float64, len(edges)-1)}
	y := 0.0 // at the lower edge, for lambda = 1
	for i := range d.Mass {
		a, b := edges[i], edges[i+1]
		at := func(w float64) float64 { // y within the cell
			return math.Exp(c.potential(a, w))*y + gauss(a, w, func(u float64) float64 {
				return 2 * t.missing(u) * math.Exp(c.potential(u, w))
			})
		}
		d.Mass[i] = gauss(a, b, func(w float64) float64 {
			_, sigma, _ := c.at(w)
			return at(w) / (sigma * sigma)
		})
		y = at(b)
		lifetime += d.Mass[i]
	}
	lambda := 1 / (lifetime + 1/t.Rate)
	for i := range d.Mass {
		d.Mass[i] *= lambda
	}
	return d, lifetime
}
