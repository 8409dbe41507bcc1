package kernels

// Work is the least that an instruction must do in one step of one network.
type Work struct {
	Bytes float64 // parameters and moments read and written; values made and used within a step are not counted
	// float32 additions and multiplications, a fused one counting two, and as many integer ones in the noise
	Operations float64
}

// Operations per synapse that are not products. They count what the formulas need: a kernel set may do more.
const (
	// Philox per normal: ten rounds of two widening multiplications (two words each), four exclusive ors and two
	// additions, for four normals.
	philoxOperations = 10 * (4 + 4 + 2) / 4
	// Box-Muller per normal: a logarithm (9 coefficients), a root and a sine or cosine (5), each coefficient a
	// multiplication and an addition, and reductions.
	boxMullerOperations = (2*9+8)/2 + 1 + 2*5 + 6
	// softplus and its derivative: an exponential (7), a logarithm (9), two divisions.
	softplusOperations = 2*7 + 2*9 + 12
	// sigma^-(rho+1) and the gradient of phi.
	costOperations = 8
	// g, |g|, g^2 and the squares of the examples.
	sumOperations = 5
)

// Work counts the work of an instruction.
func (p *Program) Work(instruction Instruction) Work {
	synapses := func(layer int) float64 { return float64(p.Layout.Layers[layer].Synapses()) }
	product := 2 * float64(p.Batch)
	if g, ok := GradientOf(instruction); ok { // of as many rows as the output has
		product *= float64(p.RowsOf(g.Dst))
	}
	values := func(b Buffer) float64 { return float64(p.Batch * p.RowsOf(b) * p.Widths[b]) }
	perSynapse := p.Layout.Sharing == PerSynapse
	noisy := product // of products with variances beside those with means
	if p.Draw == PerExample && perSynapse {
		noisy *= 2
	}
	switch i := instruction.(type) {
	case Gather:
		n := float64(p.Batch * p.Widths[i.Dst])
		return Work{Bytes: n, Operations: 2 * n} // a byte per input
	case Sample:
		n := synapses(i.Layer)
		if p.Draw == PerExample { // noise of pre-activations
			xi := (philoxOperations + boxMullerOperations) * values(p.Gradients()[i.Layer].Dst)
			if perSynapse {
				return Work{Bytes: 8 * n, Operations: xi + (softplusOperations+2)*n}
			}
			return Work{Bytes: 4 * n, Operations: xi}
		}
		switch {
		case p.Layout.Sharing == NoNoise:
			return Work{Bytes: 4 * n}
		case perSynapse:
			return Work{Bytes: 8 * n, Operations: (philoxOperations + boxMullerOperations + softplusOperations + 2) * n}
		}
		return Work{Bytes: 4 * n, Operations: (philoxOperations + boxMullerOperations + 2) * n}
	case Forward:
		return Work{Operations: noisy * synapses(i.Layer)}
	case Backward:
		return Work{Operations: noisy * synapses(i.Layer)}
	case Convolve:
		return Work{Operations: noisy * float64(p.RowsOf(i.Dst)) * synapses(i.Layer)}
	case ConvolveBackward:
		return Work{Operations: noisy * float64(p.RowsOf(i.Dst)) * synapses(i.Layer)}
	case Pool:
		return Work{Operations: values(i.Dst) * float64(i.Window.Rows*i.Window.Columns)}
	case PoolBackward:
		return Work{Operations: values(i.Dst) * float64(i.Window.Rows*i.Window.Columns)}
	case Join:
		return Work{Operations: values(i.Dst) * float64(len(i.Srcs)-1)}
	case Merge:
		return Work{Operations: values(i.Src) * float64(len(i.Dsts)-1)}
	case Update:
		n, operations := synapses(i.Layer), 0.
		if m, ok := p.Rule.(Mover); ok {
			operations = m.operations()
		}
		bytes := float64(8 * (1 + len(Moments(p.Rule)))) // a parameter and its moments, read and written
		if perSynapse {
			return Work{Bytes: 2 * bytes * n, Operations: (noisy + 2*operations + costOperations) * n}
		}
		return Work{Bytes: bytes * n, Operations: (product + operations + 2) * n}
	case UpdateSynapses:
		n, k, operations := synapses(i.Layer), float64(len(i.Parameters)), 0.
		if m, ok := p.Rule.(Mover); ok {
			operations = m.operations()
		}
		bytes := 8*k*float64(1+len(Moments(p.Rule))) + 8 // and mu and phi, written
		formulas := float64(i.Slopes.Operations() + p.Synapse.MuPhi().Operations())
		return Work{Bytes: bytes * n, Operations: (noisy + k*operations + formulas) * n}
	case Fluctuate:
		n := synapses(i.Layer) // mu, read and written
		return Work{Bytes: 8 * n, Operations: (product + philoxOperations + boxMullerOperations + 2 + 2) * n}
	case SumGradient:
		n := synapses(i.Layer) // four sums in float64, read and written
		return Work{Bytes: 64 * n, Operations: (2*product + sumOperations) * n}
	}
	return Work{}
}

// Add returns the sum of two works.
func (w Work) Add(v Work) Work {
	return Work{Bytes: w.Bytes + v.Bytes, Operations: w.Operations + v.Operations}
}
