package kernels

import "math"

// ReliabilityCost is the cost of one synapse without its multiplier c: sigma^-rho, or -log sigma in the entropic limit
// rho = 0 (Malkin et al. 2024, Eq. 4 and Appendix 4).
func ReliabilityCost(sigma, rho float64) float64 {
	if rho == 0 {
		return -math.Log(sigma)
	}
	return math.Pow(sigma, -rho)
}

// ReliabilitySlope is the factor k in the derivative -k sigma^-(rho+1) of c ReliabilityCost(sigma, rho): c rho, or c in
// the entropic limit.
func ReliabilitySlope(c, rho float64) float64 {
	if rho == 0 {
		return c
	}
	return c * rho
}

// InversePower is sigma^-(rho+1).
func InversePower[T Float](sigma, rho T) T {
	if !single[T]() {
		return T(math.Pow(float64(sigma), -float64(rho)-1))
	}
	r := 1 / sigma
	switch rho {
	case 0:
		return r
	case 0.5:
		return r * sqrt(r)
	case 1:
		return r * r
	case 2:
		return r * r * r
	}
	return exp(-(rho + 1) * log(sigma))
}

// Costs are the two regularising terms of the objective of the whole data set, without any factor B/N.
type Costs struct {
	Magnitude   float64 // lambda sum |mu|
	Reliability float64 // c sum sigma^-rho, or -c sum log sigma
}

// Costs evaluates the terms for one network, biases included. A term that the program leaves out is zero.
func (p *Program) Costs(s *State, m Member) Costs {
	var costs Costs
	for _, u := range p.Gradients() {
		layer := p.Layout.Layers[u.Layer]
		mu := s.Mu[p.Layout.Offset(u.Layer):]
		sum := 0.0
		for r := range layer.Out {
			for _, v := range mu[r*layer.Stride() : r*layer.Stride()+layer.Columns()] {
				sum += math.Abs(float64(v))
			}
		}
		costs.Magnitude += m.Lambda * float64(u.MagnitudeTerms) * sum

		if p.Layout.Sharing == NoNoise || u.ReliabilityTerms == 0 {
			continue
		}
		phi := s.Phi[p.Layout.PhiOffset(u.Layer):][:p.Layout.PhiLen(u.Layer)]
		sum = 0
		for r := range layer.Out {
			for k := range layer.Columns() {
				sigma, _ := Softplus(float64(phi[layer.PhiIndex(p.Layout.Sharing, r, k)]))
				sum += ReliabilityCost(sigma, m.Rho)
			}
		}
		costs.Reliability += m.C * float64(u.ReliabilityTerms) * sum
	}
	return costs
}
