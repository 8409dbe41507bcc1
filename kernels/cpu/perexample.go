package cpu

import (
	"math"
	"slices"

	"quantal/kernels"
)

// examplesScratch is where a worker computes the noise of pre-activations, if every example has its own.
type examplesScratch struct {
	variances [][]float32 // by buffer, of its pre-activations
	slopes    [][]float32 // and their slopes dy/dv, or dy/dsigma = xi |x| where sigma is shared
	squares   [][]float32 // by buffer, of its values
	norms     [][]float32 // |x|^2 of each example of a buffer, 16 slots apart, if sigma is shared
	sigmas    [][]float32 // by layer and row, if sigma is shared; the pads are 0
	ones      []float32   // as many as the widest buffer has columns
	xi        []float32   // of the layer at hand
	dv        []float32   // the gradient with respect to its variances, or to sigma where it is shared
	part      []float32   // of the gradient of its input
}

// ownNoise reports whether every example has its own noise.
func (k *worker) ownNoise() bool {
	return k.program.Draw == kernels.PerExample && k.program.Layout.Sharing != kernels.NoNoise
}

// newExamplesScratch makes room for layers whose buffers are those of the program.
func newExamplesScratch(p *kernels.Program, batch, widest int) *examplesScratch {
	n := batch * widest
	e := &examplesScratch{ones: aligned(widest), xi: aligned(n), dv: aligned(n), part: aligned(n)}
	fill(e.ones, 1)
	for _, width := range p.Widths {
		n := batch * kernels.Stride(width)
		e.variances, e.slopes = append(e.variances, aligned(n)), append(e.slopes, aligned(n))
		e.squares, e.norms = append(e.squares, aligned(n)), append(e.norms, aligned(batch*kernels.Stride(1)))
	}
	for _, layer := range p.Layout.Layers {
		e.sigmas = append(e.sigmas, aligned(kernels.Stride(layer.Out)))
	}
	return e
}

// variances fills w with the variances of the weights of a network with frozen parameters, if every synapse has its
// own.
func (k *worker) variances(s *kernels.State) {
	k.sigmas(s)
	if k.ownNoise() && k.program.Layout.Sharing == kernels.PerSynapse {
		k.set.squares(k.w, k.sigma)
	}
}

// shareSigmas fills sigmas with the standard deviations of a layer's rows, given the phis that these share.
func shareSigmas(sigmas, phi []float32) {
	for r := range sigmas {
		if r < len(phi) {
			sigmas[r], _ = kernels.Softplus(phi[r])
		} else {
			sigmas[r] = sigmas[0]
		}
	}
}

// forwardOfExamples runs a Sample and its Forward with noise of every example: the means of the pre-activations first,
// and their variances, block by block, and then the noise.
func (k *worker) forwardOfExamples(i kernels.Forward) task {
	layer, off := k.program.Layout.Layers[i.Layer], k.program.Layout.Offset(i.Layer)
	stride, yStride := layer.Stride(), kernels.Stride(layer.Out)
	e, x, y := k.own, k.buffers[i.Src], k.buffers[i.Dst]
	squares, v, slopes := e.squares[i.Src], e.variances[i.Dst], e.slopes[i.Dst]
	norms, sigmas := e.norms[i.Src], e.sigmas[i.Layer]
	linear, row := &product{Layer: layer}, &product{Layer: kernels.Layer{In: layer.In, Out: 1}}
	atMu, activate := k.forward(i), k.activation(i)
	d, begin := k.drawing(i.Layer)
	perSynapse := k.program.Layout.Sharing == kernels.PerSynapse
	noise := &drawing{Layer: kernels.Layer{In: layer.Out, Out: k.batch}, slope: e.xi}
	floor := float32(math.Inf(-1))
	if i.Activation == kernels.ReLU {
		floor = 0
	}
	goesBack := slices.ContainsFunc(k.program.Instructions, func(other kernels.Instruction) bool {
		b, ok := other.(kernels.Backward)
		return ok && b.Layer == i.Layer
	})
	rows := func(p *pass, s share) {
		begin, n := s.of(layer.Out, shareRows)
		for first := begin; first < begin+n; first += blockRows {
			rows := min(blockRows, begin+n-first)
			from, to := first*stride, (first+rows)*stride
			k.set.forward(linear, y, x, d.mu[from:to], first, rows)
			if !perSynapse {
				continue
			}
			w := k.w[off+from : off+to]
			if p.draws == training {
				if !goesBack {
					w = k.w[off+begin*stride:][:to-from]
				}
				d.variances(k.set, &k.team.scratch[s.thread].pricing, w, first, rows)
			}
			k.set.forward(linear, v, squares, w, first, rows)
		}
	}
	operations := k.set.operations
	examples := func(p *pass, s share) {
		first, n := s.of(len(p.examples), shareExamples)
		if n == 0 {
			return
		}
		from, to := first*yStride, (first+n)*yStride
		k.set.sampleShared(noise, e.dv[from:to], first, n, 0) // only the noise itself
		if perSynapse {
			k.set.perturb(y[from:to], slopes[from:to], v[from:to], e.xi[from:to], floor)
			return
		}
		var norm [vectorSize]float32
		for b := first; b < first+n; b++ {
			at := b * yStride
			fill(norm[:], float32(math.Sqrt(float64(norms[b*rowStride]))))
			operations[kernels.OpMul](&slopes[at], &norm[0], &e.xi[at], nil, nil, 0, 1, 0, 0, yStride)
			operations[mulAdd](&y[at], &sigmas[0], &slopes[at], &y[at], nil, 1, 1, 1, 0, yStride)
		}
		if i.Activation == kernels.ReLU {
			operations[kernels.OpMax](&y[from], &zeros[0], &y[from], nil, nil, 0, 1, 0, 0, to-from)
		}
	}
	return func(p *pass) *kernels.Divergence {
		if p.draws == means {
			return atMu(p)
		}
		begin(p)
		linear.batch = len(p.examples)
		k.set.squares(squares, x)
		if !perSynapse {
			shareSigmas(sigmas[:layer.Out], d.phi)
			row.batch = len(p.examples)
			k.set.forward(row, norms, squares, e.ones[:stride], 0, 1)
		}
		noise.noise = d.noise.OfExamples()
		noise.keys = noise.noise.Keys()
		noise.mu = noise.slope // any numbers: what is made of them is not read
		k.fork(layer.Slots(), p, rows)
		k.fork(len(p.examples)*yStride, p, examples)
		if !fused(i.Activation) {
			k.fork(len(p.examples)*yStride, p, activate)
		}
		return nil
	}
}

// variances computes the variances of rows, which start at v, and what the update needs of their phis.
func (d *drawing) variances(set *kernelSet, s *pricingScratch, v []float32, first, rows int) {
	if d.costs.Formula != nil {
		d.samplePriced(set, s, v, first, rows)
		return
	}
	set.variances(d, v, first, rows)
	for r := first; r < first+rows; r++ { // the kernel does not know the pads
		clear(d.cost[r*d.Stride()+d.Columns() : (r+1)*d.Stride()])
	}
}

// varianceSlopes is variances for costs that are formulas: it leaves what these read of sigma in the rows of the
// scratch.
func (d *drawing) varianceSlopes(set *kernelSet, s *pricingScratch, v []float32, first, rows int) {
	from, to := d.slots(first, rows)
	n := to - from
	sigma, inverse, derivative := s.rows[sigmaRow][:n], s.rows[inverseRow][:n], s.rows[derivativeRow][:n]
	set.sigmas(sigma, inverse, derivative, d.phi[from:to])
	set.squares(v[:n], sigma)
	set.operations[mulMul](&d.slope[from], &twos[0], &sigma[0], &derivative[0], nil, 0, 1, 1, 0, n)
}

// rowStride is the stride of a buffer of one column.
var rowStride = kernels.Stride(1)

// zeros and twos are numbers as operations read them.
var zeros, twos = [vectorSize]float32{}, [vectorSize]float32{2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2}

// ofVariances computes the gradient with respect to the variances of a buffer's values, or with respect to sigma where
// it is shared, from that of the values.
func (k *worker) ofVariances(b kernels.Buffer) {
	dy, slopes := k.deltas[b], k.own.slopes[b]
	k.set.operations[kernels.OpMul](&k.own.dv[0], &dy[0], &slopes[0], nil, nil, 1, 1, 0, 0, len(dy))
}

// backwardOfExamples adds what the noise of a layer contributes to the gradient of its input: 2 x dv sigma^2, or of a
// sigma that is shared x sigma dsigma / |x|^2.
func (k *worker) backwardOfExamples(i kernels.Backward) task {
	layer, off := k.program.Layout.Layers[i.Layer], k.program.Layout.Offset(i.Layer)
	stride, dyStride := layer.Stride(), kernels.Stride(layer.Out)
	e, dx, x, dy := k.own, k.deltas[i.Src], k.buffers[i.Src], k.deltas[i.Dst]
	of := k.slopeOf(i.Activation, i.Src)
	product, linear := &product{Layer: layer, batch: k.batch, activation: i.Activation}, &product{Layer: layer,
		batch: k.batch}
	norms, sigmas := e.norms[i.Src], e.sigmas[i.Layer]
	atMu, operations := k.backward(i), k.set.operations
	part := func(p *pass, s share) {
		first, n := s.of(k.batch, shareExamples)
		if n == 0 {
			return
		}
		from, to := first*stride, (first+n)*stride
		k.set.backward(product, dx, x, dy, p.state.Mu[off:][:layer.Slots()], first, n)
		if k.program.Layout.Sharing == kernels.PerSynapse {
			k.set.backward(linear, e.part, x, e.dv, k.w[off:][:layer.Slots()], first, n)
			operations[mulMulAdd](&dx[from], &twos[0], &x[from], &e.part[from], &dx[from], 0, 1, 1, 1, to-from)
		} else {
			var factor [vectorSize]float32
			for b := first; b < first+n; b++ {
				total := 0.0
				for r, g := range e.dv[b*dyStride:][:layer.Out] {
					total += float64(float64(g) * float64(sigmas[r]))
				}
				fill(factor[:], float32(total/float64(norms[b*rowStride])))
				at := b * stride
				operations[mulAdd](&dx[at], &factor[0], &x[at], &dx[at], nil, 0, 1, 1, 0, stride)
			}
		}
		if !fused(i.Activation) {
			k.set.gradient(i.Activation, dx[from:to], of[from:to])
		}
	}
	return func(p *pass) *kernels.Divergence {
		if p.draws == means {
			return atMu(p)
		}
		k.ofVariances(i.Dst)
		k.fork(layer.Slots(), p, part)
		return nil
	}
}

// sumOfSigmas adds up the gradients of the examples with respect to the sigmas of rows, which the rows' synapses share.
func (u *updating) sumOfSigmas(first, end int) {
	stride := kernels.Stride(u.Out)
	for b := range u.batch {
		for r, g := range u.dv[b*stride+first : b*stride+end] {
			u.sums[first+r] += float64(g)
		}
	}
}
