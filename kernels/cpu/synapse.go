package cpu

import "quantal/kernels"

// learning is how synapses with parameters of their own learn in a layer: the slopes of the objective over the
// parameters, from the parameters, dW and dW xi dsigma/dphi, and mu and phi, from the parameters.
type learning struct{ slopes, moments *formula }

// newLearning returns that of each layer, given the slopes with a member's numbers in them.
func newLearning(set *kernelSet, p *kernels.Program, slopes []kernels.Slopes[float32]) []*learning {
	names := p.Layout.Parameters
	moments := p.Synapse.MuPhi()
	var all []*learning
	for _, s := range slopes {
		f := p.Synapse.FromPhi(*s.Formula)
		all = append(all, &learning{
			slopes:  newFormulaOf(set, f, append(append([]string{}, names...), kernels.InputDMu, kernels.InputDSigma)...),
			moments: newFormulaOf(set, moments, names...),
		})
	}
	return all
}

// blockScratch holds what a thread computes for a block of rows: dW, dW xi dsigma/dphi, and the gradients of the
// parameters.
type blockScratch struct {
	slopes, moments registers
	dw, dphi        []float32
	gradients       [][]float32
	of              [][]float32 // those of the rows at hand
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

// updateSynapses moves the parameters of a layer's synapses, block by block, and sets mu and phi.
func (k *worker) updateSynapses(i kernels.UpdateSynapses) task {
	layout, u := k.program.Layout, k.updating(i.Gradient)
	from, n, stride := layout.Offset(i.Layer), u.Slots(), u.Stride()
	move, window := k.set.move[k.program.Rule.Name()], k.window(i.Gradient, u)
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
			block := window.of(u, scratch, first, rows)
			k.set.formDW(block, dw, first, rows)
			ofSlope := dw
			if u.dv != nil { // what forms dW of phi
				ofSlope, scratch.ofPhi = dphi, *block
				scratch.ofPhi.x, scratch.ofPhi.dy = block.xSquares, block.dv
				k.set.formDW(&scratch.ofPhi, dphi, first, rows)
			}
			times(&dphi[0], &ofSlope[0], &u.slope[at], nil, nil, 1, 1, 0, 0, numbers)
			inputs = inputs[:0]
			for _, param := range theta {
				inputs = append(inputs, param.Values[at:][:numbers])
			}
			b.of = b.of[:0]
			for _, g := range b.gradients {
				b.of = append(b.of, g[:numbers])
			}
			learns.slopes.run(&b.slopes, append(inputs, dw, dphi), b.of)
			for j, param := range theta {
				g := b.of[j]
				u.clearPads(g, rows)
				if !move(u, param.Slice(at, numbers), g) {
					scratch.bad = true
				}
			}
			mu, phi := p.state.Mu[from+at:][:numbers], p.state.Phi[from+at:][:numbers]
			learns.moments.run(&b.moments, inputs, [][]float32{mu, phi})
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
		if u.dv != nil {
			k.ofVariances(i.Layer, i.Dst)
		}
		window.begin(k, p)
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
