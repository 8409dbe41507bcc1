package spines

import "math"

// FokkerPlanck follows the distribution in time:
//
//	df/dt = d/dw ( B f + C df/dw ),   C = sigma^2 / 2,   B = dC/dw - mu
//
// in finite volumes: mass that leaves a cell enters its neighbour. The flux between two cells is that of J. S. Chang
// and G. Cooper (J. Comput. Phys. 6, 1, 1970), whose weights follow the exponential form of f between their centres
// without a flux. They take its exponent at the middle; here it is integrated, so that the kinks of a table do no harm.
// A step is implicit, of first order in time, and f stays positive for any length of step. Without turnover nothing
// flows through the bounds. With it, f is 0 at the lower one, and mass that flows there is lost.
type FokkerPlanck struct {
	Distribution // shares of all spines, or with turnover of all sites

	// Births and Losses are the shares that were born and lost since the beginning.
	Births, Losses float64

	// Of each cell, the share that flows down and up in a step, and the pivots of (1 - dt A) m' = m + births.
	down, up, pivot []float64
	fill            float64   // share of the empty sites that get a spine in a step
	newborn         []float64 // how these are distributed
}

// FokkerPlanck starts from a distribution, with steps of dt days. Turnover is nil for reflecting bounds.
func (c Coefficients) FokkerPlanck(start Distribution, turnover *Turnover, dt float64) *FokkerPlanck {
	n := len(start.Mass)
	p := &FokkerPlanck{
		Distribution: Distribution{start.Edges, append([]float64{}, start.Mass...)},
		down:         make([]float64, n), up: make([]float64, n), pivot: make([]float64, n),
	}
	width := func(i int) float64 { return start.Edges[i+1] - start.Edges[i] }
	// rates returns the flow down through a point in a step per unit of f above it, and up per unit below it.
	rates := func(at, below, above float64) (down, up float64) {
		_, sigma, _ := c.at(at)
		_, sigmaBelow, _ := c.at(below)
		_, sigmaAbove, _ := c.at(above)
		x := 2*math.Log(sigmaAbove/sigmaBelow) - c.potential(below, above) // the integral of B/C
		rate := dt * sigma * sigma / 2 / (above - below)
		return rate * bernoulli(-x), rate * bernoulli(x)
	}
	for i := range n - 1 {
		down, up := rates(start.Edges[i+1], start.Centre(i), start.Centre(i+1))
		p.down[i+1], p.up[i] = down/width(i+1), up/width(i)
	}
	if turnover != nil {
		down, _ := rates(start.Edges[0], start.Edges[0], start.Centre(0))
		p.down[0] = down / width(0)
		p.fill = -math.Expm1(-turnover.Rate * dt)
		p.newborn = make([]float64, n)
		for i := range p.newborn {
			p.newborn[i] = turnover.missing(start.Edges[i]) - turnover.missing(start.Edges[i+1])
		}
	}
	// The pivots of the elimination from below, 1 + down + up - down up'/pivot', in the form of W. K. Grassmann, M. I.
	// Taksar and D. P. Heyman (Oper. Res. 33, 1107, 1985): without a difference, so that no mass is lost to rounding.
	rest := 1 + p.down[0]
	p.pivot[0] = rest + p.up[0]
	for i := 1; i < n; i++ {
		rest = 1 + p.down[i]*(rest/p.pivot[i-1])
		p.pivot[i] = rest + p.up[i]
	}
	return p
}

// bernoulli is x / (e^x - 1).
func bernoulli(x float64) float64 {
	if math.Abs(x) < 1e-5 {
		return 1 - x/2 + x*x/12
	}
	return x / math.Expm1(x)
}

// Advance makes some steps.
func (p *FokkerPlanck) Advance(steps int) {
	m := p.Mass
	for range steps {
		if p.newborn != nil {
			births := p.fill * (1 - p.Total())
			p.Births += births
			for i, share := range p.newborn {
				m[i] += births * share
			}
		}
		for i := 1; i < len(m); i++ {
			m[i] += p.up[i-1] / p.pivot[i-1] * m[i-1]
		}
		m[len(m)-1] /= p.pivot[len(m)-1]
		for i := len(m) - 2; i >= 0; i-- {
			m[i] = (m[i] + p.down[i+1]*m[i+1]) / p.pivot[i]
		}
		p.Losses += p.down[0] * m[0]
	}
}
