package cpu

import (
	"math"

	"quantal/kernels"
)

// worker is the workspace of one thread: everything a network needs during a step and nobody needs after it.
type worker struct {
	program *kernels.Program
	batch   int
	w, xi   []float32   // the drawn weights and their noise, laid out like mu
	sigma   []float32   // softplus(phi) and its derivative, when sigma is per synapse
	slope   []float32   //
	buffers [][]float32 // activations, batch x Stride(width), the constant 1 in column width
	deltas  [][]float32 // gradients of the loss with respect to them
	dw      []float32   // one row of dW
	groups  []kernels.Group
	shared  []float64 // dL/dsigma: of each neuron's sigma, else of the part of a sigma that each layer contributes
	labels  []byte
	targets []float32
}

func newWorker(p *kernels.Program, batch int) *worker {
	k := &worker{
		program: p, batch: batch,
		w: make([]float32, p.Layout.Slots()), xi: make([]float32, p.Layout.Slots()),
		labels: make([]byte, batch), targets: make([]float32, batch*p.Widths[p.Output]),
	}
	if p.Layout.Sharing == kernels.PerSynapse {
		k.sigma, k.slope = make([]float32, p.Layout.Slots()), make([]float32, p.Layout.Slots())
	}
	widest := 0
	for _, width := range p.Widths {
		stride := kernels.Stride(width)
		b := make([]float32, batch*stride)
		for i := range batch {
			b[i*stride+width] = 1
		}
		k.buffers = append(k.buffers, b)
		k.deltas = append(k.deltas, make([]float32, batch*stride))
		widest = max(widest, stride)
	}
	k.dw = make([]float32, widest)
	k.groups = p.Layout.Groups()
	k.shared = make([]float64, max(len(k.groups), len(p.Layout.Layers)))
	return k
}

// gather copies examples into buffer dst and their answers beside it.
func (k *worker) gather(dst kernels.Buffer, data *kernels.Data, examples []int32) {
	stride, outputs := kernels.Stride(data.Width), k.program.Widths[k.program.Output]
	for b, e := range examples {
		x := k.buffers[dst][b*stride:][:data.Width]
		from := int(e) * data.Width
		if data.Bytes != nil {
			for i, v := range data.Bytes[from : from+data.Width] {
				x[i] = float32(v)*data.Scale + data.Shift
			}
		} else {
			copy(x, data.Floats[from:])
		}
		if data.Labels != nil {
			k.labels[b] = data.Labels[e]
		}
		if data.Targets != nil {
			copy(k.targets[b*outputs:(b+1)*outputs], data.Targets[int(e)*outputs:])
		}
	}
}

// sigmas computes the standard deviations of a layer from phi, for draws to use.
func (k *worker) sigmas(layer int, s *kernels.State) {
	if layout := k.program.Layout; layout.Sharing == kernels.PerSynapse {
		from, to := layout.Offset(layer), layout.Offset(layer)+layout.Layers[layer].Slots()
		kernels.Sigmas(k.sigma[from:to], k.slope[from:to], s.Phi[from:to])
	}
}

// draw draws the weights of a layer.
func (k *worker) draw(layer int, s *kernels.State, noise kernels.Noise) {
	layout := k.program.Layout
	l, off := layout.Layers[layer], layout.Offset(layer)
	n, stride := l.Columns(), l.Stride()
	phi := s.Phi[layout.PhiOffset(layer):][:layout.PhiLen(layer)]
	noise.Layer = uint16(layer)
	var sigma float32
	for r := range l.Out {
		at := off + r*stride
		w, mu, xi := k.w[at:][:n], s.Mu[at:][:n], k.xi[at:][:n]
		switch layout.Sharing {
		case kernels.NoNoise:
			copy(w, mu)
		case kernels.PerSynapse:
			kernels.Normals(xi, noise, r)
			kernels.Weights(w, mu, k.sigma[at:], xi)
		default:
			if r == 0 || layout.Sharing == kernels.PerNeuron {
				sigma, _ = kernels.Softplus(phi[l.PhiIndex(layout.Sharing, r, 0)])
			}
			kernels.Normals(xi, noise, r)
			kernels.WeightsShared(w, mu, sigma, xi)
		}
	}
}

// mean sets the weights of all layers to mu.
func (k *worker) mean(s *kernels.State) { copy(k.w, s.Mu) }

func (k *worker) product(layer int) kernels.Product[float32] {
	l := k.program.Layout.Layers[layer]
	return kernels.Product[float32]{Layer: l, Batch: k.batch, W: k.w[k.program.Layout.Offset(layer):][:l.Slots()]}
}

// forward runs a Forward instruction for the first n examples of the buffers.
func (k *worker) forward(i kernels.Forward, n int) {
	p := k.product(i.Layer)
	p.Batch = n
	dst, stride := k.buffers[i.Dst], kernels.Stride(p.Out)
	p.Forward(dst, k.buffers[i.Src])
	for b := range n {
		kernels.Apply(i.Activation, dst[b*stride:][:p.Out])
	}
}

// loss returns the summed negative log-likelihood of the minibatch and leaves its gradient in the deltas of the output.
func (k *worker) loss(i kernels.Loss, m kernels.Member) float64 {
	outputs := k.program.Widths[i.Src]
	stride := kernels.Stride(outputs)
	sum := 0.0
	for b := range k.batch {
		y, d := k.buffers[i.Src][b*stride:][:outputs], k.deltas[i.Src][b*stride:][:outputs]
		if i.Likelihood == kernels.Gaussian {
			sum += kernels.GaussianNLL(d, y, k.targets[b*outputs:][:outputs], float32(m.NoiseVariance))
		} else {
			sum += kernels.CrossEntropy(d, y, int(k.labels[b]))
		}
		kernels.ApplyGradient(i.Activation, d, y)
	}
	return sum
}

func (k *worker) backward(i kernels.Backward) {
	p := k.product(i.Layer)
	stride := p.Stride()
	dx, x := k.deltas[i.Src], k.buffers[i.Src]
	p.BackwardInput(dx, k.deltas[i.Dst])
	for b := range k.batch {
		kernels.ApplyGradient(i.Activation, dx[b*stride:][:p.In], x[b*stride:][:p.In])
	}
}

// reductionRows is the number of rows whose sums form one partial sum, so that every machine adds in the same order.
const reductionRows = 16

// update runs an Update instruction and reports whether everything stayed finite.
func (k *worker) update(i kernels.Update, s *kernels.State, rule kernels.Rule[float32]) bool {
	layout := k.program.Layout
	p, off, phiOff := k.product(i.Layer), layout.Offset(i.Layer), layout.PhiOffset(i.Layer)
	n, stride := p.Columns(), p.Stride()
	rule = rule.Times(i.MagnitudeTerms, i.ReliabilityTerms)
	dw := k.dw[:n]
	finite := true
	total, partial := 0.0, 0.0
	for r := range p.Out {
		p.WeightGradient(dw, k.deltas[i.Dst], k.buffers[i.Src], r)
		at := off + r*stride
		row := kernels.Row[float32]{Mu: s.Mu[at:], MuM: s.MuM[at:], MuV: s.MuV[at:]}
		if layout.Sharing == kernels.PerSynapse {
			row.Phi, row.PhiM, row.PhiV = s.Phi[at:], s.PhiM[at:], s.PhiV[at:]
			finite = rule.UpdateRow(row, dw, k.xi[at:], k.sigma[at:], k.slope[at:]) && finite
			continue
		}
		finite = rule.UpdateMeans(row, dw) && finite
		switch layout.Sharing {
		case kernels.PerNeuron:
			k.shared[phiOff+r] = kernels.SigmaGradient(dw, k.xi[at:])
		case kernels.PerLayer, kernels.PerNetwork:
			partial += kernels.SigmaGradient(dw, k.xi[at:])
			if r%reductionRows == reductionRows-1 || r == p.Out-1 {
				total += partial
				partial = 0
			}
		}
	}
	if layout.Sharing == kernels.PerLayer || layout.Sharing == kernels.PerNetwork {
		k.shared[i.Layer] = total
	}
	return finite
}

// updateShared moves the shared phis and returns the layer of the first that left the finite numbers, or -1.
func (k *worker) updateShared(i kernels.UpdateShared, s *kernels.State, rule kernels.Rule[float32]) int {
	rule = rule.Times(0, i.ReliabilityTerms)
	if k.program.Layout.Sharing == kernels.PerNetwork {
		for _, part := range k.shared[1:] {
			k.shared[0] += part
		}
	}
	bad := -1
	for g, group := range k.groups {
		if !rule.UpdateShared(&s.Phi[g], &s.PhiM[g], &s.PhiV[g], k.shared[g], group.Synapses) && bad < 0 {
			bad = group.Layer
		}
	}
	return bad
}

// train takes member m through the steps [first, end) of one epoch and adds their negative log-likelihoods to nll.
func (k *worker) train(vm *VM, m, first, end int, nll *float64) *kernels.Divergence {
	member, s := vm.members[m], vm.states[m]
	fraction := float64(k.batch) / float64(vm.train.N)
	perEpoch := vm.train.N / k.batch
	order := vm.orders[member.Seed].index
	for step := first; step < end; step++ {
		at := step % perEpoch * k.batch
		noise := kernels.Noise{Seed: member.Seed, Stream: kernels.StreamTrain, Step: uint32(step)}
		rule := kernels.NewRule[float32](k.program.Adam, member, fraction, step)
		for _, instruction := range k.program.Instructions {
			switch i := instruction.(type) {
			case kernels.Gather:
				k.gather(i.Dst, vm.train, order[at:at+k.batch])
			case kernels.Sample:
				k.sigmas(i.Layer, s)
				k.draw(i.Layer, s, noise)
			case kernels.Forward:
				k.forward(i, k.batch)
			case kernels.Loss:
				loss := k.loss(i, member)
				if math.IsNaN(loss) || math.IsInf(loss, 0) {
					return k.explain(step, s)
				}
				*nll += loss
			case kernels.Backward:
				k.backward(i)
			case kernels.Update:
				if !k.update(i, s, rule) {
					return &kernels.Divergence{Step: step, Layer: i.Layer, What: "gradient"}
				}
			case kernels.UpdateShared:
				if layer := k.updateShared(i, s, rule); layer >= 0 {
					return &kernels.Divergence{Step: step, Layer: layer, What: "gradient"}
				}
			}
		}
	}
	return nil
}

// explain finds where a loss that is not finite came from: the first layer with a bad sigma, else the first whose output
// is bad.
func (k *worker) explain(step int, s *kernels.State) *kernels.Divergence {
	layout := k.program.Layout
	for l := range layout.Layers {
		for _, phi := range s.Phi[layout.PhiOffset(l):][:layout.PhiLen(l)] {
			if sigma, _ := kernels.Softplus(phi); !isFinite(sigma) {
				return &kernels.Divergence{Step: step, Layer: l, What: "sigma"}
			}
		}
	}
	for _, instruction := range k.program.Instructions {
		if f, ok := instruction.(kernels.Forward); ok {
			for _, y := range k.buffers[f.Dst] {
				if !isFinite(y) {
					return &kernels.Divergence{Step: step, Layer: f.Layer, What: "loss"}
				}
			}
		}
	}
	return &kernels.Divergence{Step: step, Layer: len(layout.Layers) - 1, What: "loss"}
}

func isFinite(x float32) bool { return x-x == 0 }
