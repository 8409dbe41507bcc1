package cpu

import (
	"math"
	"unsafe"

	"quantal/kernels"
)

// worker is the workspace of one network at a time: everything needed only during a step.
type worker struct {
	program   *kernels.Program
	set       *kernelSet
	batch     int
	sums      bool          // whether the program adds up gradients
	mover     kernels.Mover // nil unless the program trains
	update    func(u *updating, s *scratch, first, rows int) bool
	gradients []kernels.Gradient // by layer
	keep      []bool             // layers whose weights are needed again after their product: by a Backward
	w         []float32          // the drawn weights, in the layout of mu
	slope     []float32          // dw/dphi of each synapse, or xi where sigma is shared
	cost      []float32          // the derivative of the reliability cost with respect to phi, where it is per synapse
	sigma     []float32          // softplus(phi), if the parameters are frozen
	buffers   [][]float32        // activations, batch x Stride(width), the constant 1 in column width
	slopes    [][]float32        // of the same shape; nil unless the activation keeps its slope
	deltas    [][]float32        // gradients of the loss with respect to them
	xSquares  []float32          // squares of an activation and of a gradient, if the program adds up gradients
	dySquares []float32
	groups    []kernels.Group
	gradient  [1]float32 // of a shared phi
	shared    []float64  // dL/dsigma: of each neuron's sigma, else of the part of a sigma that each layer contributes
	labels    []byte
	targets   []float32

	// The stretch of the step that is under way, for the threads of the team: instructions and the arguments of kernels.
	gathering struct {
		dst      kernels.Buffer
		data     *kernels.Data
		examples []int32
	}
	forwarding struct {
		kernels.Forward
		kind     draws
		examples int // of activate
	}
	backing struct {
		kernels.Backward
		w []float32
	}
	drawing  drawing
	product  product
	updating updating
	summing  summing
	team     team
	clock    func(instruction int) // called after each instruction of a profiled step
}

// newWorker returns a worker for minibatches of the given size, whose work is divided into shares among threads.
func newWorker(p *kernels.Program, set *kernelSet, batch, shares, threads int) *worker {
	slots := p.Layout.Slots()
	k := &worker{
		program: p, set: set, batch: batch, gradients: p.Gradients(), keep: make([]bool, len(p.Layout.Layers)),
		w: aligned(slots), slope: aligned(slots),
		labels: make([]byte, batch), targets: make([]float32, batch*p.Widths[p.Output]),
	}
	if p.Layout.Sharing == kernels.PerSynapse {
		k.cost = aligned(slots)
	}
	for _, i := range p.Instructions {
		if b, ok := i.(kernels.Backward); ok {
			k.keep[b.Layer] = true
		}
	}
	if k.mover, _ = p.Rule.(kernels.Mover); k.mover != nil {
		k.update = set.update[k.mover.Name()]
	}
	widest, rows := 0, 0
	for i, width := range p.Widths {
		stride := kernels.Stride(width)
		b := aligned(batch * stride)
		for i := range batch {
			b[i*stride+width] = 1
		}
		k.buffers = append(k.buffers, b)
		k.deltas = append(k.deltas, aligned(batch*stride))
		if k.slopes = append(k.slopes, nil); p.KeepsSlope(kernels.Buffer(i)) {
			k.slopes[i] = aligned(batch * stride)
		}
		widest = max(widest, stride)
		rows = max(rows, width)
	}
	if _, k.sums = p.Rule.(kernels.Accumulate); k.sums {
		k.xSquares, k.dySquares = aligned(batch*widest), aligned(batch*widest)
	}
	k.groups = p.Layout.Groups()
	k.shared = make([]float64, max(len(k.groups), len(p.Layout.Layers)))
	k.updating.sums = make([]float64, rows)
	k.team.shares, k.team.scratch = shares, make([]scratch, threads)
	for i := range k.team.scratch {
		k.team.scratch[i] = scratch{dw: make([]float32, widest), squares: make([]float32, widest),
			lanes: aligned(16 * blockRows)}
	}
	return k
}

// aligned returns n zeros that start at a cache line.
func aligned(n int) []float32 {
	const line = 64
	s := make([]float32, n+line/4)
	skip := -uintptr(unsafe.Pointer(unsafe.SliceData(s))) % line / 4
	return s[skip:][:n:n]
}

// blockRows is the number of rows that one kernel processes before the next does, so that the output of one is still in
// the nearest cache for the next.
const blockRows = 8

// gather copies examples into buffer dst, and their answers.
func (k *worker) gather(dst kernels.Buffer, data *kernels.Data, examples []int32) {
	k.gathering.dst, k.gathering.data, k.gathering.examples = dst, data, examples
	k.fork(len(examples)*data.Width, (*worker).gatherPart)
}

func (k *worker) gatherPart(s share) {
	dst, data := k.gathering.dst, k.gathering.data
	stride, outputs := kernels.Stride(data.Width), k.program.Widths[k.program.Output]
	first, n := s.of(len(k.gathering.examples), 1)
	for b := first; b < first+n; b++ {
		e := int(k.gathering.examples[b])
		x := k.buffers[dst][b*stride:][:data.Width]
		from := e * data.Width
		if data.Bytes != nil {
			k.set.gather(x, data.Bytes[from:from+data.Width], data.Scale, data.Shift)
		} else {
			copy(x, data.Floats[from:])
		}
		if data.Labels != nil {
			k.labels[b] = data.Labels[e]
		}
		if data.Targets != nil {
			copy(k.targets[b*outputs:(b+1)*outputs], data.Targets[e*outputs:])
		}
	}
}

// draws says which weights a Forward multiplies by.
type draws int

const (
	training   draws = iota // drawn, with the slopes that the update needs
	measuring               // drawn with the standard deviations in worker.sigma, for a Backward too
	evaluation              // the same, without a Backward
	means                   // mu
)

// draws returns the weights by which the steps of the program multiply.
func (k *worker) draws() draws {
	if _, drawn := k.program.Rule.Draws(); !drawn {
		return means
	}
	if k.mover != nil {
		return training
	}
	return measuring
}

// begin prepares the drawing of a layer's weights.
func (k *worker) begin(layer int, s *kernels.State, noise kernels.Noise, costs kernels.Slopes[float32]) {
	layout, d := k.program.Layout, &k.drawing
	from, n := layout.Offset(layer), layout.Layers[layer].Slots()
	d.Layer = layout.Layers[layer]
	noise.Layer = uint16(layer)
	d.noise, d.keys = noise, noise.Keys()
	d.mu, d.slope = s.Mu[from:][:n], k.slope[from:][:n]
	d.phi = s.Phi[layout.PhiOffset(layer):][:layout.PhiLen(layer)]
	d.costs = costs
	if layout.Sharing == kernels.PerSynapse {
		d.cost = k.cost[from:][:n]
		if k.sigma != nil {
			d.sigma = k.sigma[from:][:n]
		}
	}
}

// draw draws the weights of rows, which start at w.
func (k *worker) draw(kind draws, w []float32, first, rows int) {
	d := &k.drawing
	switch sharing := k.program.Layout.Sharing; {
	case sharing == kernels.NoNoise:
		copy(w, d.mu[first*d.Stride():])
	case sharing == kernels.PerSynapse && kind == training:
		k.set.sample(d, w, first, rows)
	case sharing == kernels.PerSynapse:
		k.set.redraw(d, w, first, rows)
	case sharing == kernels.PerNeuron:
		for r := range rows {
			sigma, _ := kernels.Softplus(d.phi[first+r])
			k.set.sampleShared(d, w[r*d.Stride():], first+r, 1, sigma)
		}
	default:
		sigma, _ := kernels.Softplus(d.phi[0])
		k.set.sampleShared(d, w, first, rows, sigma)
	}
}

// forward runs a Sample, if there is noise, and the Forward that uses its weights, for the first n examples of the
// buffers: block by block, so that the weights are multiplied while they are in the nearest cache. Unless a Backward
// also needs them, all blocks use the same memory.
func (k *worker) forward(i kernels.Forward, kind draws, n int) {
	layer := k.program.Layout.Layers[i.Layer]
	k.product = product{Layer: layer, batch: n, activation: i.Activation}
	k.forwarding.Forward, k.forwarding.kind = i, kind
	k.fork(layer.Slots(), (*worker).forwardPart)
	if !fused(i.Activation) {
		k.activate(n)
	}
}

func (k *worker) forwardPart(s share) {
	i, kind := k.forwarding.Forward, k.forwarding.kind
	layout, layer := k.program.Layout, k.program.Layout.Layers[i.Layer]
	off, stride := layout.Offset(i.Layer), layer.Stride()
	begin, n := s.of(layer.Out, shareRows)
	for first := begin; first < begin+n; first += blockRows {
		rows := min(blockRows, begin+n-first)
		w := k.w[off+begin*stride:]
		if (kind == training || kind == measuring) && k.keep[i.Layer] {
			w = k.w[off+first*stride:]
		}
		w = w[:rows*stride]
		if kind == means {
			w = k.drawing.mu[first*stride:][:rows*stride]
		} else {
			k.draw(kind, w, first, rows)
		}
		k.set.forward(&k.product, k.buffers[i.Dst], k.buffers[i.Src], w, first, rows)
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
			if k.sums {
				kernels.CloseGradient(d, int(k.labels[b]))
			}
		}
		kernels.ApplyGradient(i.Activation, d, k.slopeOf(i.Activation, i.Src)[b*stride:])
	}
	return sum
}

// backward runs a Backward instruction with weights in the layout of mu.
func (k *worker) backward(i kernels.Backward, w []float32) {
	k.product = product{Layer: k.program.Layout.Layers[i.Layer], batch: k.batch, activation: i.Activation}
	k.backing.Backward, k.backing.w = i, w[k.program.Layout.Offset(i.Layer):][:k.product.Slots()]
	k.fork(k.product.Slots(), (*worker).backwardPart)
}

func (k *worker) backwardPart(s share) {
	i, p := k.backing.Backward, &k.product
	dx, x := k.deltas[i.Src], k.buffers[i.Src]
	first, n := s.of(k.batch, shareExamples)
	if n == 0 {
		return
	}
	k.set.backward(p, dx, x, k.deltas[i.Dst], k.backing.w, first, n)
	if !fused(i.Activation) {
		from, to := first*p.Stride(), (first+n)*p.Stride()
		k.set.gradient(i.Activation, dx[from:to], k.slopeOf(i.Activation, i.Src)[from:to])
	}
}

// reductionRows is the number of rows whose sums form one partial sum, so that every machine adds in the same order.
const reductionRows = 16

// move runs an Update instruction and reports whether everything stayed finite.
func (k *worker) move(i kernels.Update, s *kernels.State, rule kernels.TrainingStep[float32]) bool {
	layout, u := k.program.Layout, &k.updating
	u.Layer, u.batch, u.sharing = layout.Layers[i.Layer], k.batch, layout.Sharing
	u.setRule(rule)
	u.x, u.dy = k.buffers[i.Src], k.deltas[i.Dst]
	from, n := layout.Offset(i.Layer), u.Slots()
	mu, phi := s.Params()
	u.row = kernels.Row[float32]{Mu: mu.Slice(from, n)}
	u.slope = k.slope[from:][:n]
	if layout.Sharing == kernels.PerSynapse {
		u.row.Phi = phi.Slice(from, n)
		u.cost = k.cost[from:][:n]
	}
	k.fork(n, (*worker).movePart)
	finite := k.finite()
	switch layout.Sharing {
	case kernels.PerNeuron:
		copy(k.shared[layout.PhiOffset(i.Layer):], u.sums[:u.Out])
	case kernels.PerLayer, kernels.PerNetwork:
		total := 0.0
		for first := 0; first < u.Out; first += reductionRows {
			partial := 0.0
			for _, sum := range u.sums[first:min(first+reductionRows, u.Out)] {
				partial += sum
			}
			total += partial
		}
		k.shared[i.Layer] = total
	}
	return finite
}

// finite reports whether every thread found only finite numbers in the section that has just ended.
func (k *worker) finite() bool {
	finite := true
	for i := range k.team.scratch {
		finite = finite && !k.team.scratch[i].bad
		k.team.scratch[i].bad = false
	}
	return finite
}

func (k *worker) movePart(s share) {
	u, scratch := &k.updating, &k.team.scratch[s.thread]
	begin, n := s.of(u.Out, shareRows)
	// Last rows first: the draw read their parameters last, and the first rows are then in the cache for the next draw.
	for end := begin + n; end > begin; {
		first := max(begin, end-blockRows)
		if !k.update(u, scratch, first, end-first) {
			scratch.bad = true
		}
		end = first
	}
}

// moveShared moves the shared phis and returns the layer of the first that is no longer finite, or -1.
func (k *worker) moveShared(i kernels.UpdateShared, s *kernels.State, rule kernels.TrainingStep[float32]) int {
	k.updating.setRule(rule)
	step := &k.updating.rule
	if k.program.Layout.Sharing == kernels.PerNetwork {
		for _, part := range k.shared[1:] {
			k.shared[0] += part
		}
	}
	_, phi := s.Params()
	bad := -1
	for g, group := range k.groups {
		k.gradient[0] = step.SharedGradient(s.Phi[g], k.shared[g], group.Synapses)
		if !step.Row(phi.Slice(g, 1), k.gradient[:]) && bad < 0 {
			bad = group.Layer
		}
	}
	return bad
}

// fluctuate runs a Fluctuate instruction and reports whether the gradient was finite.
func (k *worker) fluctuate(i kernels.Fluctuate, s *kernels.State, noise kernels.Noise,
	step kernels.LangevinStep[float32]) bool {
	layout, u := k.program.Layout, &k.updating
	u.Layer, u.batch = layout.Layers[i.Layer], k.batch
	u.setDescent(step)
	u.x, u.dy = k.buffers[i.Src], k.deltas[i.Dst]
	u.row = kernels.Row[float32]{Mu: kernels.Param[float32]{Values: s.Mu[layout.Offset(i.Layer):][:u.Slots()]}}
	k.begin(i.Layer, s, noise, kernels.Slopes[float32]{})
	k.fork(u.Slots(), (*worker).fluctuatePart)
	return k.finite()
}

// fluctuatePart moves some rows, block by block: down the gradient, then by noise.
func (k *worker) fluctuatePart(s share) {
	u, scratch := &k.updating, &k.team.scratch[s.thread]
	stride := u.Stride()
	begin, n := s.of(u.Out, shareRows)
	for first := begin; first < begin+n; first += blockRows {
		rows := min(blockRows, begin+n-first)
		if !k.set.descend(u, scratch, first, rows) {
			scratch.bad = true
		}
		if u.descent.Noise == 0 {
			continue
		}
		mu := u.row.Mu.Values[first*stride:][:rows*stride]
		k.set.sampleShared(&k.drawing, mu, first, rows, u.descent.Noise)
		for r := range rows { // the kernel does not know the pads
			clear(mu[r*stride+u.Columns() : (r+1)*stride])
		}
	}
}

// sum runs a SumGradient instruction and reports whether everything stayed finite.
func (k *worker) sum(i kernels.SumGradient, sums *kernels.Sums) bool {
	layout, u := k.program.Layout, &k.summing
	u.Layer, u.batch = layout.Layers[i.Layer], k.batch
	u.x, u.dy = k.buffers[i.Src], k.deltas[i.Dst]
	u.xSquares, u.dySquares = k.xSquares[:len(u.x)], k.dySquares[:len(u.dy)]
	u.sums, u.inputs = sums.Row(layout.Offset(i.Layer)), sums.Inputs[i.Layer]
	k.set.squares(u.dySquares, u.dy)
	k.fork(len(u.x), (*worker).sumInputsPart)
	k.fork(u.Slots(), (*worker).sumPart)
	return k.finite()
}

// sumInputsPart takes some columns of the input.
func (k *worker) sumInputsPart(s share) {
	u := &k.summing
	if first, n := s.of(u.Stride(), shareColumns); n > 0 {
		k.set.sumInputs(u, first, n)
	}
}

// sumPart takes some rows of the weights.
func (k *worker) sumPart(s share) {
	u, scratch := &k.summing, &k.team.scratch[s.thread]
	if first, n := s.of(u.Out, shareRows); n > 0 && !k.set.sum(u, scratch, first, n) {
		scratch.bad = true
	}
}

// step runs the steps [first, end) of one epoch for member m and appends the negative log-likelihood of each to losses.
func (k *worker) step(vm *VM, m, first, end int, losses *[]float64) *kernels.Divergence {
	member, s, slopes := vm.members[m], vm.states[m], vm.slopes[m]
	fraction := float64(k.batch) / float64(vm.train.N)
	perEpoch := vm.train.N / k.batch
	order := vm.orders[member.Seed].index
	langevin, _ := k.program.Rule.(kernels.Langevin)
	stream, _ := k.program.Rule.Draws()
	kind, weights := k.draws(), k.w
	switch kind {
	case measuring:
		k.sigmas(s)
	case means:
		weights = s.Mu
	}
	for step := first; step < end; step++ {
		at := step % perEpoch * k.batch
		noise := kernels.Noise{Seed: member.Seed, Stream: stream, Step: uint32(step)}
		var rule kernels.TrainingStep[float32]
		if k.mover != nil {
			rule.Move = kernels.NewMove[float32](k.mover, member, step)
		}
		for number, instruction := range k.program.Instructions {
			switch i := instruction.(type) {
			case kernels.Gather:
				k.gather(i.Dst, vm.train, order[at:at+k.batch])
			case kernels.Sample: // the Forward draws the weights, when it needs them
			case kernels.Forward:
				k.begin(i.Layer, s, noise, slopes[i.Layer])
				k.forward(i, kind, k.batch)
			case kernels.Loss:
				loss := k.loss(i, member)
				if math.IsNaN(loss) || math.IsInf(loss, 0) {
					d, _ := k.program.Explain(step, s, func(b kernels.Buffer) ([]float32, error) { return k.buffers[b], nil })
					return d
				}
				*losses = append(*losses, loss)
			case kernels.Backward:
				k.backward(i, weights)
			case kernels.Update:
				rule.Slopes = slopes[i.Layer]
				if !k.move(i, s, rule) {
					return &kernels.Divergence{Step: step, Layer: i.Layer, What: "gradient"}
				}
			case kernels.Fluctuate:
				rule := kernels.NewLangevinStep(langevin, member, slopes[i.Layer], fraction, step)
				if !k.fluctuate(i, s, noise, rule) {
					return &kernels.Divergence{Step: step, Layer: i.Layer, What: "gradient"}
				}
			case kernels.SumGradient:
				if !k.sum(i, vm.sums[m]) {
					return &kernels.Divergence{Step: step, Layer: i.Layer, What: "gradient"}
				}
			case kernels.UpdateShared:
				rule.Slopes = slopes[0] // those of all layers
				if layer := k.moveShared(i, s, rule); layer >= 0 {
					return &kernels.Divergence{Step: step, Layer: layer, What: "gradient"}
				}
			}
			if k.clock != nil {
				k.clock(number)
			}
		}
		if vm.sums != nil {
			vm.sums[m].Minibatches++
			vm.sums[m].Examples += k.batch
		}
	}
	return nil
}

// sigmas computes the standard deviations of a network with frozen parameters, if every synapse has its own.
func (k *worker) sigmas(s *kernels.State) {
	if k.program.Layout.Sharing != kernels.PerSynapse {
		return
	}
	if k.sigma == nil {
		k.sigma = aligned(len(s.Phi))
	}
	kernels.Sigmas(k.sigma, k.slope, s.Phi)
}
