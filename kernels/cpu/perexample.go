package cpu

import (
	"math"
	"slices"

	"quantal/kernels"
)

// examplesScratch is where a worker computes the noise of pre-activations, if every example has its own.
type examplesScratch struct {
	variances [][]float32 // by layer, of its pre-activations
	slopes    [][]float32 // and their slopes dy/dv, or dy/dsigma = xi |x| where sigma is shared
	squares   [][]float32 // by layer, of the values that it reads; nil for a convolution
	norms     [][]float32 // by layer, |x|^2 of what each row of its output reads, 16 slots apart, if sigma is shared
	sigmas    [][]float32 // by layer and row, if sigma is shared; the pads are 0
	ones      []float32   // as many as the widest layer reads
	xi        []float32   // of the layer at hand
	dv        []float32   // the gradient with respect to its variances, or to sigma where it is shared
	part      []float32   // of the gradient of its input
}

// ownNoise reports whether every example has its own noise.
func (k *worker) ownNoise() bool {
	return k.program.Draw == kernels.PerExample && k.program.Layout.Sharing != kernels.NoNoise
}

// newExamplesScratch makes room for layers, of which the widest reads so many values.
func newExamplesScratch(p *kernels.Program, batch, widest int) *examplesScratch {
	e := &examplesScratch{ones: aligned(widest), part: aligned(batch * widest)}
	fill(e.ones, 1)
	room := func(n int) [][]float32 { return make([][]float32, n) }
	layers := len(p.Layout.Layers)
	e.variances, e.slopes, e.squares, e.norms = room(layers), room(layers), room(layers), room(layers)
	most := 0
	for _, instruction := range p.Instructions {
		i, ok := kernels.ForwardOf(instruction)
		if !ok {
			continue
		}
		l, n := i.Layer, batch*p.Slots(i.Dst)
		most = max(most, n)
		e.variances[l], e.slopes[l] = aligned(n), aligned(n)
		e.norms[l] = aligned(batch * p.RowsOf(i.Dst) * rowStride)
		if _, dense := instruction.(kernels.Forward); dense {
			e.squares[l] = aligned(batch * p.Slots(i.Src))
		}
	}
	e.xi, e.dv = aligned(most), aligned(most)
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

// examplesMemory is what that room takes, in bytes.
func examplesMemory(p *kernels.Program, batch int) float64 {
	values, most, widest := 0., 0, 0
	for _, instruction := range p.Instructions {
		i, ok := kernels.ForwardOf(instruction)
		if !ok {
			continue
		}
		values += float64(2*p.Slots(i.Dst) + p.RowsOf(i.Dst)*rowStride)
		if _, dense := instruction.(kernels.Forward); dense {
			values += float64(p.Slots(i.Src))
		}
		most, widest = max(most, p.Slots(i.Dst)), max(widest, p.Layout.Layers[i.Layer].Stride())
	}
	return 4 * float64(batch) * (values + 2*float64(most) + float64(widest))
}

// perturbing adds the noise of examples to the means of what a layer computes.
type perturbing struct {
	*worker
	kernels.Forward
	noise      *drawing // whose rows are those of the output
	floor      float32  // of the activation
	perSynapse bool
}

func (k *worker) perturbing(i kernels.Forward) *perturbing {
	layer := k.program.Layout.Layers[i.Layer]
	n := &perturbing{worker: k, Forward: i, perSynapse: k.program.Layout.Sharing == kernels.PerSynapse,
		noise: &drawing{Layer: kernels.Layer{In: layer.Out, Out: k.batch * k.program.RowsOf(i.Dst)}, slope: k.own.xi},
		floor: (&product{activation: i.Activation}).floor()}
	n.noise.mu = n.noise.slope // any numbers: what is made of them is not read
	return n
}

// begin prepares a pass; d is the drawing of the layer.
func (n *perturbing) begin(d *drawing) {
	n.noise.noise = d.noise.OfExamples()
	n.noise.keys = n.noise.noise.Keys()
	if !n.perSynapse {
		shareSigmas(n.own.sigmas[n.Layer][:d.Out], d.phi)
	}
}

// norms computes |x|^2 of rows, given the squares of what they read.
func (n *perturbing) norms(row *product, squares []float32, first, rows int) {
	in := n.program.Layout.Layers[n.Layer].In
	*row = product{Layer: kernels.Layer{In: in, Out: 1}, batch: rows}
	n.set.forward(row, n.own.norms[n.Layer][first*rowStride:], squares, n.own.ones[:kernels.Stride(in)], 0, 1)
}

// rows adds the noise to rows of the output, whose means and variances, or norms, are there.
func (n *perturbing) rows(first, rows int) {
	e, stride := n.own, n.noise.Stride()
	from, to := first*stride, (first+rows)*stride
	y, slopes := n.buffers[n.Dst], e.slopes[n.Layer]
	n.set.sampleShared(n.noise, e.dv[from:to], first, rows, 0) // only the noise itself
	if n.perSynapse {
		n.set.perturb(y[from:to], slopes[from:to], e.variances[n.Layer][from:to], e.xi[from:to], n.floor)
		return
	}
	operations := n.set.operations
	var norm [vectorSize]float32
	for r := first; r < first+rows; r++ {
		at := r * stride
		fill(norm[:], float32(math.Sqrt(float64(e.norms[n.Layer][r*rowStride]))))
		operations[kernels.OpMul](&slopes[at], &norm[0], &e.xi[at], nil, nil, 0, 1, 0, 0, stride)
		operations[mulAdd](&y[at], &e.sigmas[n.Layer][0], &slopes[at], &y[at], nil, 1, 1, 1, 0, stride)
	}
	if n.Activation == kernels.ReLU {
		operations[kernels.OpMax](&y[from], &zeros[0], &y[from], nil, nil, 0, 1, 0, 0, to-from)
	}
}

// forwardOfExamples runs a Sample and its Forward with noise of every example: the means of the pre-activations first,
// and their variances, block by block, and then the noise.
func (k *worker) forwardOfExamples(i kernels.Forward) task {
	layer, off := k.program.Layout.Layers[i.Layer], k.program.Layout.Offset(i.Layer)
	stride, yStride := layer.Stride(), kernels.Stride(layer.Out)
	e, x, y := k.own, k.buffers[i.Src], k.buffers[i.Dst]
	squares, v := e.squares[i.Layer], e.variances[i.Layer]
	linear := &product{Layer: layer}
	atMu, activate := k.forward(i), k.activation(i)
	d, begin := k.drawing(i.Layer)
	noise, row := k.perturbing(i), &product{}
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
			if !noise.perSynapse {
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
	examples := func(p *pass, s share) {
		if first, n := s.of(len(p.examples), shareExamples); n > 0 {
			noise.rows(first, n)
		}
	}
	return func(p *pass) *kernels.Divergence {
		if p.draws == means {
			return atMu(p)
		}
		begin(p)
		linear.batch = len(p.examples)
		k.set.squares(squares, x)
		if noise.begin(d); !noise.perSynapse {
			noise.norms(row, squares, 0, len(p.examples))
		}
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

// ofVariances computes the gradient with respect to the variances of a layer's pre-activations, or with respect to
// sigma where it is shared, from that of its output.
func (k *worker) ofVariances(layer int, dst kernels.Buffer) {
	dy, slopes := k.deltas[dst], k.own.slopes[layer]
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
	norms, sigmas := e.norms[i.Layer], e.sigmas[i.Layer]
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
			for b := first; b < first+n; b++ {
				k.addOfSigma(dx[b*stride:][:stride], x[b*stride:], e.dv[b*dyStride:][:layer.Out], sigmas, norms[b*rowStride])
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
		k.ofVariances(i.Layer, i.Dst)
		k.fork(layer.Slots(), p, part)
		return nil
	}
}

// addOfSigma adds to the gradient of what a row reads what comes of the noise by shared sigmas: x sigma dsigma / |x|^2.
func (k *worker) addOfSigma(dx, x, dsigma, sigmas []float32, norm float32) {
	total := 0.0
	for r, g := range dsigma {
		total += float64(float64(g) * float64(sigmas[r]))
	}
	var factor [vectorSize]float32
	fill(factor[:], float32(total/float64(norm)))
	k.set.operations[mulAdd](&dx[0], &factor[0], &x[0], &dx[0], nil, 0, 1, 1, 0, len(dx))
}

// sumOfSigmas adds up the gradients of the examples with respect to the sigmas of rows, which the rows' synapses share.
func (u *updating) sumOfSigmas(first, end int) {
	stride := kernels.Stride(u.Out)
	for at := 0; at < len(u.dv); at += stride {
		for r, g := range u.dv[at+first : at+end] {
			u.sums[first+r] += float64(g)
		}
	}
}
