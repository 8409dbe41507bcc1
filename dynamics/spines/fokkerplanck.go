package spines

import "math"

// FokkerPlanck follows the distribution in time:
//
//	df/dt = d/dw ( B f + C df/dw ),   C = sigma^2 / 2,   B = dC/dw - mu
//
// in finite volumes: what leaves a cell enters its neighbour. The flux between two cells is that of J. S. Chang and G. Cooper (J.
// Comput. Phys. 6, 1, 1970), whose weights follow the exponential that f is between their centres where there is no flux, and a step
// is implicit, of first order in time; so f stays positive for any step. Without turnover nothing flows through the bounds. With it,
// f is 0 at the lower one, and what flows there is lost.
type FokkerPlanck struct {
	Distribution // shares of all spines, or with turnover of all sites

	// Births and Losses are the shares that have come and gone since the beginning.
	Births, Losses float64

	// A step solves (1 - dt A) m' = m + births: the diagonals of that matrix, eliminated downwards.
	below, above, pivot []float64
	loss                float64 // of the first cell, per step: loss m'[0]
	fill                float64 // share of the empty sites that get a spine in a step
	newborn             []float64
}

// FokkerPlanck starts from a distribution, with steps of dt days. Turnover is nil for reflecting bounds.
func (c Coefficients) FokkerPlanck(start Distribution, turnover *Turnover, dt float64) *FokkerPlanck {
	n := len(start.Mass)
	p := &FokkerPlanck{
		Distribution: Distribution{start.Edges, append([]float64{}, start.Mass...)},
		below:        make([]float64, n), above: make([]float64, n), pivot: make([]float64, n),
	}
	for i := range p.pivot {
		p.pivot[i] = 1
	}
	width := func(i int) float64 { return start.Edges[i+1] - start.Edges[i] }
	// rates returns what flows down per step through a point, in units of f above it and f below it, distance apart.
	rates := func(at, distance float64) (up, down float64) {
		mu, sigma, slope := c.at(at)
		diffusion := sigma * sigma / 2
		x := distance * (sigma*slope - mu) / diffusion
		return dt * diffusion / distance * bernoulli(-x), dt * diffusion / distance * bernoulli(x)
	}
	for i := range n - 1 {
		up, down := rates(start.Edges[i+1], start.Centre(i+1)-start.Centre(i))
		up, down = up/width(i+1), down/width(i)
		p.pivot[i] += down
		p.above[i] -= up
		p.pivot[i+1] += up
		p.below[i+1] -= down
	}
	if turnover != nil {
		half := start.Centre(0) - start.Edges[0]
		up, _ := rates(start.Edges[0]+half/2, half)
		p.loss = up / width(0)
		p.pivot[0] += p.loss
		p.fill = -math.Expm1(-turnover.Rate * dt)
		p.newborn = make([]float64, n)
		for i := range p.newborn {
			p.newborn[i] = turnover.missing(start.Edges[i]) - turnover.missing(start.Edges[i+1])
		}
	}
	for i := 1; i < n; i++ {
		p.below[i] /= p.pivot[i-1]
		p.pivot[i] -= p.below[i] * p.above[i-1]
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
			m[i] -= p.below[i] * m[i-1]
		}
		m[len(m)-1] /= p.pivot[len(m)-1]
		for i := len(m) - 2; i >= 0; i-- {
			m[i] = (m[i] - p.above[i]*m[i+1]) / p.pivot[i]
		}
		p.Losses += p.loss * m[0]
	}
}
