package cpu

import "quantal/kernels"

// learning is how synapses with parameters of their own learn in a layer: the slopes of the objective over the
// parameters, from the parameters, dW and dW xi dsigma/dphi, and mu and phi, from the parameters.
type learning struct{ slopes, moments *pricing }

// newLearning returns that of each layer, given the slopes with a member's numbers in them.
func newLearning(set *kernelSet, p *kernels.Program, slopes []kernels.Slopes[float32]) []*learning {
	names := p.Layout.Parameters
	moments := p.Synapse.MuPhi()
	var all []*learning
	for _, s := range slopes {
		f := p.Synapse.FromPhi(*s.Formula)
		all = append(all, &learning{
			slopes:  newPricing(set, &f, append(append([]string{}, names...), kernels.InputDMu, kernels.InputDSigma)...),
			moments: newPricing(set, &moments, names...),
		})
	}
	return all
}

// blockScratch holds what a thread computes for a block of rows: dW, dW xi dsigma/dphi, and the gradients of the
// parameters.
type blockScratch struct {
	slopes, moments pricingScratch
	dw, dphi        []float32
	gradients       [][]float32
}

func (s *blockScratch) reserve(numbers, parameters int) {
	if s.dw != nil {
		return
	}
	s.dw, s.dphi = aligned(numbers), aligned(numbers)
	for range parameters {
		s.gradients = append(s.gradients, aligned(numbers))
	}
}

// apply computes the outputs for as many numbers as the inputs have, a multiple of 16.
func (p *pricing) apply(s *pricingScratch, inputs, outputs [][]float32) {
	s.load(p, 0)
	for from := 0; from < len(inputs[0]); from += formulaChunk {
		n := min(formulaChunk, len(inputs[0])-from)
		for i, in := range inputs {
			s.at[i] = &in[from]
		}
		for i := range p.steps {
			step := &p.steps[i]
			step.do(s.at[step.dst], s.at[step.arguments[0]], s.at[step.arguments[1]], s.at[step.arguments[2]], n)
		}
		for i, out := range outputs {
			if r := p.outputs[i]; r < len(inputs) {
				copy(out[from:][:n], inputs[r][from:])
			} else {
				copy(out[from:][:n], s.registers[r])
			}
		}
	}
}

// updateSynapses moves the parameters of a layer's synapses, block by block, and sets mu and phi.
func (k *worker) updateSynapses(i kernels.UpdateSynapses) task {
	layout, u := k.program.Layout, k.updating(i.Gradient)
	from, n, stride := layout.Offset(i.Layer), u.Slots(), u.Stride()
	move := k.set.move[k.program.Rule.Name()]
	times := k.set.operations[kernels.OpMul]
	theta := make([]kernels.Param[float32], len(layout.Parameters))
	var learns *learning
	part := func(p *pass, s share) {
		scratch := &k.team.scratch[s.thread]
		b := &scratch.block
		b.reserve(blockRows*len(scratch.dw), len(theta))
		inputs := make([][]float32, 0, kernels.MaxParameters+2)
		begin, n := s.of(u.Out, shareRows)
		for end := begin + n; end > begin; {
			first := max(begin, end-blockRows)
			rows := end - first
			at, numbers := first*stride, rows*stride
			dw, dphi := b.dw[:numbers], b.dphi[:numbers]
			k.set.formDW(u, dw, first, rows)
			times(&dphi[0], &dw[0], &u.slope[at], nil, numbers)
			inputs = inputs[:0]
			for _, param := range theta {
				inputs = append(inputs, param.Values[at:][:numbers])
			}
			learns.slopes.apply(&b.slopes, append(inputs, dw, dphi), b.gradients)
			for j, param := range theta {
				g := b.gradients[j][:numbers]
				u.clearPads(g, rows)
				if !move(u, param.Slice(at, numbers), g) {
					scratch.bad = true
				}
			}
			mu, phi := p.state.Mu[from+at:][:numbers], p.state.Phi[from+at:][:numbers]
			learns.moments.apply(&b.moments, inputs, [][]float32{mu, phi})
			u.clearPads(mu, rows)
			u.clearPads(phi, rows)
			end = first
		}
	}
	return func(p *pass) *kernels.Divergence {
		u.setRule(kernels.TrainingStep[float32]{Move: p.moves[i.Layer]})
		for j := range theta {
			theta[j] = p.state.Theta[j].Slice(from, n)
		}
		learns = p.learning[i.Layer]
		k.fork(n, p, part)
		return k.divergence(p, i.Layer)
	}
}

// clearPads clears the pads of rows.
func (u *updating) clearPads(x []float32, rows int) {
	stride := u.Stride()
	for r := range rows {
		clear(x[r*stride+u.Columns() : (r+1)*stride])
	}
}
