package cpu

import "quantal/kernels"

// Survey is what the synapses of a network are and pay.
type Survey struct {
	Costs []kernels.NamedValue // as kernels.Program.Costs has them
	// Sigmas has the standard deviation of each weight of a layer, biases not included, as [neurons][inputs]; nil without
	// noise.
	Sigmas [][]float32
}

// NewSurvey looks at all synapses of a network with the vector kernels of this processor, in a tenth of the time that
// kernels.Program.Costs takes: the cost of a synapse is computed in float32, and added up in float64.
func NewSurvey(p *kernels.Program, s *kernels.State, m kernels.Member) (Survey, error) {
	set, err := choose()
	if err != nil {
		return Survey{}, err
	}
	var of Survey
	if p.Layout.Sharing != kernels.NoNoise {
		of.Sigmas = make([][]float32, len(p.Layout.Layers))
	}
	at := map[string]int{} // of a cost
	var scratch registers
	names := append([]string{kernels.InputMu, kernels.InputSigma}, p.Layout.Parameters...)
	for _, g := range p.Gradients() {
		layer, from := p.Layout.Layers[g.Layer], p.Layout.Offset(g.Layer)
		n := layer.Slots()
		sigmas := surveySigmas(set, p.Layout, g.Layer, s)
		inputs := [][]float32{s.Mu[from : from+n], sigmas}
		for _, theta := range s.Theta {
			inputs = append(inputs, theta.Values[from:from+n])
		}
		if sigmas != nil {
			weights := make([]float32, 0, layer.Out*layer.In)
			for r := range layer.Out {
				weights = append(weights, sigmas[r*layer.Stride():][:layer.In]...)
			}
			of.Sigmas[g.Layer] = weights
		}
		values := aligned(n)
		for _, c := range g.Costs {
			newFormulaOf(set, m.Layer(g.Layer).Bind(c.Formula), names...).run(&scratch, inputs, [][]float32{values})
			sum := 0.0
			for r := range layer.Out {
				for _, v := range values[r*layer.Stride():][:layer.Columns()] {
					sum += float64(v)
				}
			}
			if _, known := at[c.Name]; !known {
				at[c.Name] = len(of.Costs)
				of.Costs = append(of.Costs, kernels.NamedValue{Name: c.Name})
			}
			of.Costs[at[c.Name]].Value += float64(float64(p.CostPer.Times(g.Window)) * sum)
		}
	}
	return of, nil
}

// surveySigmas is the sigma of each slot of a layer; nil without noise.
func surveySigmas(set *kernelSet, l kernels.Layout, layer int, s *kernels.State) []float32 {
	if l.Sharing == kernels.NoNoise {
		return nil
	}
	of := l.Layers[layer]
	n, phi := of.Slots(), s.Phi[l.PhiOffset(layer):][:l.PhiLen(layer)]
	sigmas := aligned(n)
	if l.Sharing == kernels.PerSynapse {
		set.sigmas(sigmas, aligned(n), aligned(n), phi)
		return sigmas
	}
	for i, v := range phi {
		sigma, _ := kernels.Softplus(v)
		fill(sigmas[i*n/len(phi):(i+1)*n/len(phi)], sigma)
	}
	return sigmas
}
