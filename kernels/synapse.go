package kernels

import "slices"

// Synapse says what follows from the parameters of synapses that have their own, such as the number n of vesicles, the
// probability p of their release and the quantal size q: a formula of the parameters, in their order, with the outputs
// mu and sigma. Training goes by the chain rule, from the gradients with respect to the weight's mean and standard
// deviation:
//
//	dL/dtheta = dW dmu/dtheta + dW xi dsigma/dtheta + dcost/dtheta,
//
// which is what the slopes of a Law with parameters compute.
type Synapse struct{ Moments Formula }

// tiny keeps phi finite for a sigma of 0.
const tiny = 1e-30

// MuPhi is a formula of the parameters with the outputs mu and phi, sigma = softplus(phi). Any sigma below 1e-30
// becomes that.
func (s Synapse) MuPhi() Formula {
	b := NewFormula(s.Moments.Inputs...)
	at := b.embed(s.Moments, nil)
	sigma := b.Do(OpMax, at[1], b.Number(tiny))
	phi := b.Do(OpAdd, sigma, b.Do(OpLog, b.Do(OpNeg, b.Do(OpExpm1, b.Do(OpNeg, sigma)))))
	return b.Formula(at[0], phi)
}

// FromPhi rewrites the slopes of a Law, with its numbers in it, to read the gradient of the likelihood with respect to
// phi, dW xi dsigma/dphi, as InputDSigma: dsigma/dphi is 1 - e^-sigma.
func (s Synapse) FromPhi(slopes Formula) Formula {
	b := NewFormula(slopes.Inputs...)
	sigma := b.Do(OpMax, b.embed(s.Moments, nil)[1], b.Number(tiny))
	perPhi := b.Do(OpNeg, b.Do(OpExpm1, b.Do(OpNeg, sigma)))
	i := slices.Index(slopes.Inputs, InputDSigma)
	return b.Formula(b.embed(slopes, func(input int) int {
		if input == i {
			return b.Do(OpDiv, b.Input(i), perPhi)
		}
		return b.Input(input)
	})...)
}

// embed writes the lines of another formula, and returns those of its outputs. Its inputs are lines of the builder; by
// default those of the inputs of the same numbers.
func (b *FormulaBuilder) embed(f Formula, input func(int) int) []int {
	if input == nil {
		input = b.Input
	}
	at, outputs := make([]int, len(f.Lines)), make([]int, len(f.Outputs))
	f.rebuild(b, at, func(l Line) int { return input(l.Args[0]) })
	for i, o := range f.Outputs {
		outputs[i] = at[o]
	}
	return outputs
}

// Derive sets Mu and Phi to what follows from Theta, if synapses have parameters of their own.
func (p *Program) Derive(s *State) {
	if len(p.Layout.Parameters) == 0 {
		return
	}
	f := p.Synapse.MuPhi()
	in, values := make([]float32, len(s.Theta)), make([]float32, len(f.Lines))
	for n := range p.Layout.Rows() {
		for at := n.First; at < n.First+n.Columns(); at++ {
			for i, theta := range s.Theta {
				in[i] = theta.Values[at]
			}
			evaluate(f, in, values)
			s.Mu[at], s.Phi[at] = values[f.Outputs[0]], values[f.Outputs[1]]
		}
	}
}
