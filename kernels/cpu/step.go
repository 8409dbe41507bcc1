package cpu

import (
	"slices"
	"unsafe"

	"quantal/kernels"
)

// worker is the workspace of one network at a time: everything needed only during a step.
type worker struct {
	program   *kernels.Program
	set       *kernelSet
	batch     int
	w         []float32   // the drawn weights, in the layout of mu
	slope     []float32   // dw/dphi of each synapse, or xi where sigma is shared
	cost      []float32   // the derivative of the costs with respect to phi, where it is per synapse
	price     []float32   // and with respect to mu, where the draw computes it; else nil
	sigma     []float32   // softplus(phi), if the parameters are frozen
	buffers   [][]float32 // activations, batch x Stride(width), the constant 1 in column width
	slopes    [][]float32 // of the same shape; nil unless the activation keeps its slope
	deltas    [][]float32 // gradients of the loss with respect to them; nil if the program has none
	xSquares  []float32   // squares of an activation and of a gradient, if the program adds up gradients
	dySquares []float32
	zeros     []float32        // in place of the activations of what a window sees, which has none
	own       *examplesScratch // nil unless every example has its own noise
	shared    []float64        // dL/dsigma: of each neuron's sigma, else of each layer's part of a sigma
	labels    []byte
	targets   []float32
	tasks     []task // by instruction
	team      team
	clock     func(instruction int) // called after each instruction of a profiled step
}

// task does an instruction in a pass. What it works on is bound to it when the worker is made, so that passes do not
// allocate.
type task func(p *pass) *kernels.Divergence

// pass is a training step of a network, or examples that go forward through it.
type pass struct {
	member   kernels.Member
	state    *kernels.State
	sums     *kernels.Sums // nil unless the program adds up gradients
	data     *kernels.Data
	examples []int32
	draws    draws
	noise    kernels.Noise // but for the layer
	step     int
	slopes   []kernels.Slopes[float32] // of the costs by layer; nil unless it is a step
	pricings []*pricing                // of costs that are formulas, by layer; nil for others
	learning []*learning               // of synapses with parameters of their own, by layer; nil for others
	moves    []kernels.Move[float32]   // of a rule that trains, by layer
	weights  kernels.RowDraw           // draws those of a test; nil for normal ones
	losses   *[]float64                // of training steps; the pass appends its own
}

// newWorker returns a worker for minibatches of the given size, whose work is divided into shares among threads.
func newWorker(p *kernels.Program, set *kernelSet, batch, shares, threads int) *worker {
	slots := p.Layout.Slots()
	k := &worker{
		program: p, set: set, batch: batch, w: aligned(slots), slope: aligned(slots),
		shared: make([]float64, max(len(p.Layout.Groups()), len(p.Layout.Layers))),
		labels: make([]byte, batch), targets: make([]float32, batch*p.Widths[p.Output]),
	}
	if p.Layout.Sharing == kernels.PerSynapse {
		k.cost = aligned(slots)
	}
	widest, places := 0, k.places()
	for i, width := range p.Widths {
		k.buffers = append(k.buffers, places[i])
		k.constants(kernels.Buffer(i))
		if k.deltas, k.slopes = append(k.deltas, nil), append(k.slopes, nil); p.GoesBack() {
			k.deltas[i] = aligned(len(places[i]))
		}
		widest = max(widest, kernels.Stride(width))
	}
	k.placeSlopes()
	for _, layer := range p.Layout.Layers {
		widest = max(widest, layer.Stride()) // what a window sees is in no buffer
	}
	if k.ownNoise() {
		k.own = newExamplesScratch(p, batch, widest)
	}
	if k.sums() {
		k.xSquares, k.dySquares = aligned(batch*widest), aligned(batch*widest)
	}
	tile, packed, dW := windowSizes(p)
	if p.GoesBack() {
		k.zeros = aligned(tile)
	}
	k.team.shares, k.team.scratch = shares, make([]scratch, threads)
	for i := range k.team.scratch {
		k.team.scratch[i] = scratch{dw: make([]float32, widest), squares: make([]float32, widest),
			lanes: aligned(16 * blockRows), tile: aligned(tile), packed: aligned(packed), folded: aligned(packed),
			tileDW: aligned(dW)}
		if k.own != nil {
			k.team.scratch[i].second, k.team.scratch[i].third = aligned(tile), aligned(tile)
		}
	}
	for _, i := range p.Instructions {
		k.tasks = append(k.tasks, k.fresh(i, k.task(i)))
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

// sums reports whether the program adds up gradients.
func (k *worker) sums() bool {
	_, sums := k.program.Rule.(kernels.Accumulate)
	return sums
}

// task binds an instruction to what it works on.
func (k *worker) task(instruction kernels.Instruction) task {
	switch i := instruction.(type) {
	case kernels.Gather:
		return k.gather(i)
	case kernels.Forward:
		if k.ownNoise() {
			return k.forwardOfExamples(i)
		}
		return k.forward(i)
	case kernels.Loss:
		return k.loss(i)
	case kernels.Backward:
		if k.ownNoise() {
			return k.backwardOfExamples(i)
		}
		return k.backward(i)
	case kernels.Update:
		return k.update(i)
	case kernels.UpdateShared:
		return k.updateShared()
	case kernels.UpdateSynapses:
		return k.updateSynapses(i)
	case kernels.Fluctuate:
		return k.fluctuate(i)
	case kernels.SumGradient:
		return k.sumGradient(i)
	case kernels.Convolve:
		if k.ownNoise() {
			return k.convolveOfExamples(i)
		}
		return k.convolve(i)
	case kernels.ConvolveBackward:
		return k.convolveBackward(i)
	case kernels.Pool:
		return k.pool(i)
	case kernels.PoolBackward:
		return k.poolBackward(i)
	case kernels.Flatten:
		return k.flatten(i)
	case kernels.FlattenBackward:
		return k.flattenBackward(i)
	case kernels.Join:
		return k.join(i)
	case kernels.JoinBackward:
		return k.joinBackward(i)
	case kernels.Merge:
		return k.merge(i)
	}
	// Of a Sample: the Forward draws when it needs the weights; and of a Split, whose buffers share their memory.
	return func(*pass) *kernels.Divergence { return nil }
}

// blockRows is the number of rows that one kernel processes before the next does, so that the output of one is still in
// the nearest cache for the next.
const blockRows = 8

// gather copies examples into a buffer, and their answers.
func (k *worker) gather(i kernels.Gather) task {
	width, outputs := k.program.Widths[i.Dst], k.program.Widths[k.program.Output]
	stride := kernels.Stride(width)
	part := func(p *pass, s share) {
		first, n := s.of(len(p.examples), 1)
		for b := first; b < first+n; b++ {
			e := int(p.examples[b])
			x := k.buffers[i.Dst][b*stride:][:width]
			if from := e * width; p.data.Bytes != nil {
				k.set.gather(x, p.data.Bytes[from:from+width], p.data.Scale, p.data.Shift)
			} else {
				copy(x, p.data.Floats[from:])
			}
			if p.data.Labels != nil {
				k.labels[b] = p.data.Labels[e]
			}
			if p.data.Targets != nil {
				copy(k.targets[b*outputs:(b+1)*outputs], p.data.Targets[e*outputs:])
			}
		}
	}
	return func(p *pass) *kernels.Divergence {
		k.fork(len(p.examples)*width, p, part)
		return nil
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
	if _, trains := k.program.Rule.(kernels.Mover); trains {
		return training
	}
	return measuring
}

// drawing returns what drawing the weights of a layer needs; begin prepares it for a pass.
func (k *worker) drawing(layer int) (d *drawing, begin func(p *pass)) {
	layout := k.program.Layout
	from, n := layout.Offset(layer), layout.Layers[layer].Slots()
	phiFrom, phis := layout.PhiOffset(layer), layout.PhiLen(layer)
	d = &drawing{Layer: layout.Layers[layer], slope: k.slope[from:][:n], ownNoise: k.ownNoise()}
	if layout.Sharing == kernels.PerSynapse {
		d.cost = k.cost[from:][:n]
	}
	return d, func(p *pass) {
		d.noise = p.noise
		d.noise.Layer = uint16(layer)
		d.keys, d.weights = d.noise.Keys(), p.weights
		d.mu, d.phi = p.state.Mu[from:][:n], p.state.Phi[phiFrom:][:phis]
		if p.slopes != nil {
			d.costs, d.pricing = p.slopes[layer], p.pricings[layer]
		}
		if d.price = nil; layout.Sharing == kernels.PerSynapse && p.draws == training && d.pricing != nil && d.pricing.ofMu {
			if k.price == nil {
				k.price = aligned(layout.Slots())
			}
			d.price = k.price[from:][:n]
		}
		if k.sigma != nil {
			d.sigma = k.sigma[from:][:n]
		}
	}
}

// draw draws the weights of rows, which start at w.
func (k *worker) draw(d *drawing, kind draws, s *scratch, w []float32, first, rows int) {
	switch sharing := k.program.Layout.Sharing; {
	case kind == evaluation && d.weights != nil:
		for r := range rows {
			d.weights(w[r*d.Stride():][:d.Stride()], d.noise, d.Layer, first+r)
		}
	case sharing == kernels.NoNoise:
		copy(w, d.mu[first*d.Stride():])
	case sharing == kernels.PerSynapse && kind == training && d.costs.Formula != nil:
		d.samplePriced(k.set, &s.pricing, w, first, rows)
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

// forward runs a Sample, if there is noise, and the Forward that uses its weights, for the examples in the buffers:
// block by block, so that the weights are multiplied while they are in the nearest cache. Unless a Backward also needs
// them, all blocks use the same memory.
func (k *worker) forward(i kernels.Forward) task {
	layer, off := k.program.Layout.Layers[i.Layer], k.program.Layout.Offset(i.Layer)
	stride := layer.Stride()
	x, y := k.buffers[i.Src], k.buffers[i.Dst]
	product := &product{Layer: layer, activation: i.Activation}
	d, begin := k.drawing(i.Layer)
	activate := k.activation(i)
	goesBack := slices.ContainsFunc(k.program.Instructions, func(other kernels.Instruction) bool {
		b, ok := other.(kernels.Backward)
		return ok && b.Layer == i.Layer
	})
	part := func(p *pass, s share) {
		begin, n := s.of(layer.Out, shareRows)
		for first := begin; first < begin+n; first += blockRows {
			rows := min(blockRows, begin+n-first)
			w := k.w[off+begin*stride:]
			if (p.draws == training || p.draws == measuring) && goesBack {
				w = k.w[off+first*stride:]
			}
			w = w[:rows*stride]
			if p.draws == means {
				w = d.mu[first*stride:][:rows*stride]
			} else {
				k.draw(d, p.draws, &k.team.scratch[s.thread], w, first, rows)
			}
			k.set.forward(product, y, x, w, first, rows)
		}
	}
	return func(p *pass) *kernels.Divergence {
		begin(p)
		product.batch = len(p.examples)
		k.fork(layer.Slots(), p, part)
		if !fused(i.Activation) {
			k.fork(len(p.examples)*kernels.Stride(layer.Out), p, activate)
		}
		return nil
	}
}

// loss appends the summed negative log-likelihood of the minibatch to the losses, and leaves its gradient in the deltas
// of the output.
func (k *worker) loss(i kernels.Loss) task {
	outputs := k.program.Widths[i.Src]
	stride, of := kernels.Stride(outputs), k.slopeOf(i.Activation, i.Src)
	output := func(b kernels.Buffer) ([]float32, error) { return k.buffers[b], nil }
	return func(p *pass) *kernels.Divergence {
		sum := 0.0
		for b := range k.batch {
			y, d := k.buffers[i.Src][b*stride:][:outputs], k.deltas[i.Src][b*stride:][:outputs]
			if i.Likelihood == kernels.Gaussian {
				sum += kernels.GaussianNLL(d, y, k.targets[b*outputs:][:outputs], float32(p.member.NoiseVariance))
			} else {
				sum += kernels.CrossEntropy(d, y, int(k.labels[b]))
				if p.sums != nil {
					kernels.CloseGradient(d, int(k.labels[b]))
				}
			}
			kernels.ApplyGradient(i.Activation, d, of[b*stride:])
		}
		if sum-sum != 0 {
			d, _ := k.program.Explain(p.step, p.state, output)
			return d
		}
		*p.losses = append(*p.losses, sum)
		return nil
	}
}

// backward takes the gradient back through the weights of the Forward.
func (k *worker) backward(i kernels.Backward) task {
	layer, off := k.program.Layout.Layers[i.Layer], k.program.Layout.Offset(i.Layer)
	dx, x, dy, stride := k.deltas[i.Src], k.buffers[i.Src], k.deltas[i.Dst], layer.Stride()
	of := k.slopeOf(i.Activation, i.Src)
	product := &product{Layer: layer, batch: k.batch, activation: i.Activation}
	part := func(p *pass, s share) {
		first, n := s.of(k.batch, shareExamples)
		if n == 0 {
			return
		}
		w := k.w
		if p.draws == means {
			w = p.state.Mu
		}
		k.set.backward(product, dx, x, dy, w[off:][:layer.Slots()], first, n)
		if from, to := first*stride, (first+n)*stride; !fused(i.Activation) {
			k.set.gradient(i.Activation, dx[from:to], of[from:to])
		}
	}
	return func(p *pass) *kernels.Divergence {
		k.fork(layer.Slots(), p, part)
		return nil
	}
}

// updating returns what moving the parameters of a layer needs, but for the parameters and the numbers of the step.
func (k *worker) updating(g kernels.Gradient) *updating {
	layout := k.program.Layout
	u := &updating{
		Layer: layout.Layers[g.Layer], batch: k.batch, sharing: layout.Sharing, x: k.buffers[g.Src], dy: k.deltas[g.Dst],
	}
	from, n := layout.Offset(g.Layer), u.Slots()
	u.slope, u.sums = k.slope[from:][:n], make([]float64, u.Out)
	if layout.Sharing == kernels.PerSynapse {
		u.cost = k.cost[from:][:n]
	}
	if _, drawn := k.program.Rule.Draws(); drawn && k.ownNoise() {
		u.xSquares, u.dv = k.own.squares[g.Layer], k.own.dv[:len(u.dy)]
	}
	return u
}

// reductionRows is the number of rows whose sums form one partial sum, so that every machine adds in the same order.
const reductionRows = 16

// update moves the parameters of a layer, and leaves what it contributes to the gradients of shared sigmas.
func (k *worker) update(i kernels.Update) task {
	layout, u := k.program.Layout, k.updating(i.Gradient)
	from, n := layout.Offset(i.Layer), u.Slots()
	update, window := k.set.update[k.program.Rule.Name()], k.window(i.Gradient, u)
	part := func(_ *pass, s share) {
		scratch := &k.team.scratch[s.thread]
		begin, n := s.of(u.Out, shareRows)
		// Last rows first: the draw read their parameters last, and the first rows are then in the cache for the next
		// draw.
		for end := begin + n; end > begin; {
			first := max(begin, end-blockRows)
			clear(u.sums[first:end])
			if u.dv != nil && layout.Sharing != kernels.PerSynapse {
				u.sumOfSigmas(first, end)
			}
			if u.pricing != nil {
				u.priceRows(k.set, &scratch.pricing, layout.Sharing, u.phi, first, end-first)
			}
			if !update(window.of(u, scratch, first, end-first), scratch, first, end-first) {
				scratch.bad = true
			}
			end = first
		}
	}
	return func(p *pass) *kernels.Divergence {
		u.setRule(kernels.TrainingStep[float32]{Slopes: p.slopes[i.Layer], Move: p.moves[i.Layer]})
		mu, phi := p.state.Params()
		u.row.Mu = mu.Slice(from, n)
		u.pricing = p.pricings[i.Layer]
		if u.price = nil; layout.Sharing == kernels.PerSynapse {
			u.row.Phi = phi.Slice(from, n)
			if u.pricing != nil && u.pricing.ofMu {
				u.price = k.price[from:][:n]
			}
			u.pricing = nil // the draw has done it
		}
		u.phi = p.state.Phi[layout.PhiOffset(i.Layer):][:layout.PhiLen(i.Layer)]
		if u.dv != nil {
			k.ofVariances(i.Layer, i.Dst)
		}
		window.begin(k, p)
		k.fork(n, p, part)
		switch layout.Sharing {
		case kernels.PerNeuron:
			copy(k.shared[layout.PhiOffset(i.Layer):], u.sums)
		case kernels.PerLayer, kernels.PerNetwork:
			total := 0.0
			for rows := range slices.Chunk(u.sums, reductionRows) {
				partial := 0.0
				for _, sum := range rows {
					partial += sum
				}
				total += partial
			}
			k.shared[i.Layer] = total
		}
		return k.divergence(p, i.Layer)
	}
}

// divergence says that a layer's update was not finite, if a thread found that in the task that has just ended.
func (k *worker) divergence(p *pass, layer int) (d *kernels.Divergence) {
	for i := range k.team.scratch {
		if k.team.scratch[i].bad {
			d = &kernels.Divergence{Step: p.step, Layer: layer, What: "gradient"}
		}
		k.team.scratch[i].bad = false
	}
	return d
}

// updateShared moves the shared phis. The layer of a divergence is that of the first that is no longer finite.
func (k *worker) updateShared() task {
	groups, gradient := k.program.Groups(), make([]float32, 1)
	var rule kernels.TrainingStep[float32]
	return func(p *pass) (d *kernels.Divergence) {
		if k.program.Layout.Sharing == kernels.PerNetwork {
			for _, part := range k.shared[1:] {
				k.shared[0] += part
			}
		}
		_, phi := p.state.Params()
		for g, group := range groups {
			rule = kernels.TrainingStep[float32]{Slopes: p.slopes[group.Layer], Move: p.moves[group.Layer]}
			gradient[0] = rule.SharedGradient(p.state.Phi[g], k.shared[g], group.Synapses)
			if !rule.Row(phi.Slice(g, 1), gradient) && d == nil {
				d = &kernels.Divergence{Step: p.step, Layer: group.Layer, What: "gradient"}
			}
		}
		return d
	}
}

// fluctuate moves mu of a layer, block by block: down the gradient, then by noise.
func (k *worker) fluctuate(i kernels.Fluctuate) task {
	u, off := k.updating(i.Gradient), k.program.Layout.Offset(i.Layer)
	d, begin := k.drawing(i.Layer)
	u.sharing = kernels.NoNoise // phi stays as it is
	sharing := k.program.Layout.Sharing
	stride, descend := u.Stride(), k.set.update[kernels.SGD{}.Name()]
	langevin, _ := k.program.Rule.(kernels.Langevin)
	window := k.window(i.Gradient, u)
	var rule kernels.LangevinStep[float32]
	part := func(_ *pass, s share) {
		scratch := &k.team.scratch[s.thread]
		begin, n := s.of(u.Out, shareRows)
		for first := begin; first < begin+n; first += blockRows {
			rows := min(blockRows, begin+n-first)
			if u.pricing != nil {
				u.priceRows(k.set, &scratch.pricing, sharing, d.phi, first, rows)
			}
			if !descend(window.of(u, scratch, first, rows), scratch, first, rows) {
				scratch.bad = true
			}
			if rule.Noise == 0 {
				continue
			}
			mu := u.row.Mu.Values[first*stride:][:rows*stride]
			k.set.sampleShared(d, mu, first, rows, rule.Noise)
			for r := range rows { // the kernel does not know the pads
				clear(mu[r*stride+u.Columns() : (r+1)*stride])
			}
		}
	}
	return func(p *pass) *kernels.Divergence {
		begin(p)
		rule = kernels.NewLangevinStep(langevin, p.member.Layer(i.Layer), p.slopes[i.Layer],
			float64(k.batch)/float64(p.data.N), p.step)
		u.setRule(rule.TrainingStep)
		u.row.Mu.Values = p.state.Mu[off:][:u.Slots()]
		u.pricing = p.pricings[i.Layer]
		window.begin(k, p)
		k.fork(u.Slots(), p, part)
		return k.divergence(p, i.Layer)
	}
}

// sumGradient adds up the gradients of a layer, after the columns of its input.
func (k *worker) sumGradient(i kernels.SumGradient) task {
	u := &summing{
		Layer: k.program.Layout.Layers[i.Layer], batch: k.batch, x: k.buffers[i.Src], dy: k.deltas[i.Dst],
	}
	u.xSquares, u.dySquares = k.xSquares[:len(u.x)], k.dySquares[:len(u.dy)]
	inputs := func(_ *pass, s share) {
		if first, n := s.of(u.Stride(), shareColumns); n > 0 {
			k.set.sumInputs(u, first, n)
		}
	}
	weights := func(_ *pass, s share) {
		scratch := &k.team.scratch[s.thread]
		if first, n := s.of(u.Out, shareRows); n > 0 && !k.set.sum(u, scratch, first, n) {
			scratch.bad = true
		}
	}
	return func(p *pass) *kernels.Divergence {
		u.sums, u.inputs = p.sums.Row(k.program.Layout.Offset(i.Layer)), p.sums.Inputs[i.Layer]
		k.set.squares(u.dySquares, u.dy)
		k.fork(len(u.x), p, inputs)
		k.fork(u.Slots(), p, weights)
		return k.divergence(p, i.Layer)
	}
}

// train runs the steps [first, end) of one epoch for member m and appends the negative log-likelihood of each to
// losses.
func (k *worker) train(vm *VM, m, first, end int, losses *[]float64) *kernels.Divergence {
	member, perEpoch := vm.Members[m], vm.StepsPerEpoch()
	order := vm.orders[member.Seed].index
	mover, _ := k.program.Rule.(kernels.Mover)
	stream, _ := k.program.Rule.Draws()
	p := &pass{member: member, state: vm.States[m], data: vm.Train, slopes: vm.slopes[m], pricings: vm.pricings[m],
		draws: k.draws(), moves: make([]kernels.Move[float32], len(k.program.Layout.Layers)), losses: losses,
		noise: kernels.Noise{Seed: member.Seed, Stream: stream}}
	if vm.learning != nil {
		p.learning = vm.learning[m]
	}
	if vm.Totals != nil {
		p.sums = vm.Totals[m]
	}
	if p.draws == measuring {
		k.variances(p.state)
	}
	for p.step = first; p.step < end; p.step++ {
		p.examples = order[p.step%perEpoch*k.batch:][:k.batch]
		p.noise.Step = uint32(p.step)
		if mover != nil {
			kernels.NewLayerMoves(p.moves, mover, member, p.step)
		}
		for number, do := range k.tasks {
			if d := do(p); d != nil {
				return d
			}
			if k.clock != nil {
				k.clock(number)
			}
		}
		vm.Summed(m, 1)
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
