package cuda

import (
	"cmp"
	"context"
	"fmt"
	"math"

	"quantal/kernels"
)

// Deviation is what a kernel wrote, compared with the portable kernel in float64.
type Deviation struct {
	What      string  // the instruction or the field
	Member    int     //
	Error     float64 // largest difference, relative to Scale; +Inf where a number is not finite
	Scale     string  // what errors are measured by
	Tolerance float64
}

// OK reports whether the deviation is within its tolerance.
func (d Deviation) OK() bool { return d.Error <= d.Tolerance }

func (d Deviation) String() string {
	return fmt.Sprintf("member %d: %s deviates by %.2g of its %s, of %.2g allowed", d.Member, d.What, d.Error, d.Scale,
		d.Tolerance)
}

// Check takes networks through one step of a program on a device, kernel by kernel, and compares what each kernel wrote
// with the portable kernel in float64, run on what the device held before, so that errors do not accumulate. It then
// compares the middle kernel with the single operations it replaces, and the evaluation with the definition of its
// figures. The tolerances are for states in which noise and costs have gradients of one size. The device stays open.
func Check(d Driver, p *kernels.Program, members []kernels.Member, data *kernels.Data, states []*kernels.State,
	step int) ([]Deviation, error) {
	vm, err := open(d, p, members, data, nil)
	if err != nil {
		return nil, err
	}
	c := &checker{vm: vm, members: members, data: data}
	return c.deviations, cmp.Or(c.run(states, step), vm.release())
}

// checker collects deviations.
type checker struct {
	vm         *VM
	members    []kernels.Member
	data       *kernels.Data
	deviations []Deviation
	err        error // the first of the device
	member     int
}

func (c *checker) run(states []*kernels.State, step int) error {
	if c.vm.size < len(c.members) {
		return fmt.Errorf("cuda: check: memory for %d of %d members", c.vm.size, len(c.members))
	}
	load := func() {
		for m, s := range states {
			c.fail(c.vm.Load(m, s))
		}
		c.fail(c.vm.makeResident(batch{0, len(c.members)}))
		c.fail(c.vm.prepare(step, step+1))
	}
	fused := c.vm.shape.fused
	c.fail(c.vm.setFused(false))
	load()
	if c.err != nil {
		return c.err
	}
	c.step(step)
	after, sums := make([]*kernels.State, len(c.members)), make([]*kernels.Sums, len(c.members))
	for m := range after {
		after[m], sums[m] = c.state(m), c.sums(m)
	}
	if fused {
		c.fail(c.vm.setFused(true))
		load()
		c.fail(c.vm.launchSteps(1))
		for m := range after {
			c.member = m
			c.sameState("middle: ", c.state(m), after[m])
			if got := c.sums(m); got != nil {
				gotFields, wantFields := got.Fields(), sums[m].Fields()
				for i, name := range totalNames {
					n := len(wantFields[i])
					c.same("middle: sum of "+name, gotFields[i], wantFields[i], n, n, 5e-6)
				}
			}
		}
	}
	c.evaluation(step)
	return c.err
}

// setFused chooses between the middle kernel and single operations.
func (vm *VM) setFused(fused bool) error {
	vm.shape.fused = fused
	return vm.upload(vm.memory.gradients, bytesOf(vm.gradientRecords()), "gradients")
}

func (c *checker) fail(err error) {
	if c.err == nil {
		c.err = err
	}
}

func (c *checker) sameState(prefix string, got, want *kernels.State) {
	gotFields, wantFields := got.Fields(), want.Fields()
	for i, f := range c.vm.shape.fields() {
		n := len(wantFields[i])
		if n > 0 {
			c.same(prefix+f.name, wide(gotFields[i]), wide(wantFields[i]), n, n, 5e-6)
		}
	}
}

// read downloads one member's part of an array of floats.
func (c *checker) read(at Address, n, part int) []float64 {
	f := make([]float32, n)
	c.fail(c.vm.driver.Download(bytesOf(f), at+Address(4*n*part)))
	return wide(f)
}

func wide(f []float32) []float64 {
	d := make([]float64, len(f))
	for i, v := range f {
		d[i] = float64(v)
	}
	return d
}

func (c *checker) buffer(b kernels.Buffer, member int) []float64 {
	shape, part := c.vm.shape, member
	if shape.origin(b) == shape.dataFirst {
		part = c.vm.slots[c.members[member].Seed]
	}
	return c.withOnes(b, c.read(c.vm.memory.values[b], shape.Batch*shape.Slots(b), part))
}

// withOnes inserts the constants that the kernels insert themselves.
func (c *checker) withOnes(b kernels.Buffer, x []float64) []float64 {
	width := c.vm.shape.Widths[b]
	for at := width; at < len(x); at += kernels.Stride(width) {
		x[at] = 1
	}
	return x
}

func (c *checker) delta(b kernels.Buffer, member int) []float64 {
	return c.read(c.vm.memory.deltas[b], c.vm.shape.Batch*c.vm.shape.Slots(b), member)
}

// same compares the first width values of rows; tolerance is relative to the largest entry.
func (c *checker) same(what string, got, want []float64, width, stride int, tolerance float64) {
	c.sameOnScale(what, got, want, width, stride, tolerance, 0)
}

// sameOnScale is like same, for sums of terms of the given size that may cancel.
func (c *checker) sameOnScale(what string, got, want []float64, width, stride int, tolerance, scale float64) {
	worst := 0.0
	for r := 0; r+width <= len(want); r += stride {
		for i := range width {
			scale = max(scale, math.Abs(want[r+i]))
			d := math.Abs(got[r+i] - want[r+i])
			if math.IsNaN(d) {
				d = math.Inf(1)
			}
			worst = max(worst, d)
		}
	}
	if scale > 0 {
		worst /= scale
	}
	c.deviations = append(c.deviations, Deviation{what, c.member, worst, "largest entry", tolerance})
}

// What float32 may make of a sum, relative to the sum of its terms' sizes: each product and each partial sum is rounded
// to 2^-24 of itself. Twice that is usual, three times the most seen. Drawn weights bring more: a normal of a radius
// near 0, where a uniform next to 1 is rounded, may be off by some 1e-6 of sigma, and be one of few terms.
const sumTolerance, drawnTolerance = 6 * 0x1p-24, 16 * 0x1p-24

// sameSums compares sums with the sizes of their terms, entry by entry: where terms cancel, what is left of them is no
// measure of the error.
func (c *checker) sameSums(what string, got, want, sizes []float64, width, stride int, tolerance float64) {
	worst := 0.0
	for r := 0; r+width <= len(want); r += stride {
		for i := r; i < r+width; i++ {
			switch d := math.Abs(got[i] - want[i]); {
			case math.IsNaN(d):
				worst = math.Inf(1)
			case d > 0:
				worst = max(worst, d/sizes[i])
			}
		}
	}
	c.deviations = append(c.deviations, Deviation{what, c.member, worst, "terms", tolerance})
}

// absolute are the absolute values.
func absolute(values []float64) []float64 {
	a := make([]float64, len(values))
	for i, v := range values {
		a[i] = math.Abs(v)
	}
	return a
}

// layerState is what the kernels of a layer read, in float64.
type layerState struct {
	kernels.Product[float64] // of as many rows as the minibatch has, times positions
	window                   *kernels.Window
	xi                       []float64
	sigma, slope             []float64                // per slot, 0 without noise
	variances                kernels.Product[float64] // sigma^2, where every example has its own noise
	noise                    kernels.Noise
}

// layer is layer i, drawn or at the means, for a number of examples.
func (c *checker) layer(i int, noise kernels.Noise, drawn bool, s *kernels.State, examples int) layerState {
	shape, layout := c.vm.shape, c.vm.shape.Layout
	l := layout.Layers[i]
	st := layerState{window: shape.window(i)}
	st.Product = kernels.Product[float64]{Layer: l, Batch: examples, W: c.means(i, s)}
	if st.window != nil {
		st.Batch *= st.window.Output().Positions()
	}
	st.xi, st.sigma, st.slope = make([]float64, l.Slots()), make([]float64, l.Slots()), make([]float64, l.Slots())
	if layout.Sharing == kernels.NoNoise {
		return st
	}
	noise.Layer = uint16(i)
	if shape.examples && drawn {
		st.variances, st.noise = st.Product, noise.OfExamples()
		st.variances.W = make([]float64, l.Slots())
	}
	for r := range l.Out {
		at := r * l.Stride()
		if drawn && !shape.examples {
			kernels.Normals(st.xi[at:at+l.Columns()], noise, r)
		}
		for k := range l.Columns() {
			phi := s.Phi[layout.PhiOffset(i)+l.PhiIndex(layout.Sharing, r, k)]
			st.sigma[at+k], st.slope[at+k] = kernels.Softplus(float64(phi))
			st.W[at+k] += st.sigma[at+k] * st.xi[at+k]
			if st.variances.W != nil {
				st.variances.W[at+k] = st.sigma[at+k] * st.sigma[at+k]
			}
		}
	}
	return st
}

// seen is what the layer reads of a buffer: of a convolution what its window sees.
func (st layerState) seen(x []float64) []float64 {
	if st.window == nil {
		return x
	}
	n := st.window.Output().Positions()
	rows, slots := make([]float64, st.Batch*st.Stride()), len(x)*n/st.Batch
	for e := range st.Batch / n {
		kernels.Unfold(*st.window, rows[e*n*st.Stride():], x[e*slots:][:slots], 0, n)
	}
	return rows
}

// unseen takes gradients of what the layer reads to those of a buffer with so many values.
func (st layerState) unseen(rows []float64, size int) []float64 {
	if st.window == nil {
		return rows
	}
	n := st.window.Output().Positions()
	x, slots := make([]float64, size), size*n/st.Batch
	for e := range st.Batch / n {
		kernels.Fold(*st.window, x[e*slots:][:slots], rows[e*n*st.Stride():], 0, n)
	}
	return x
}

// forward computes the pre-activations of rows that the layer reads, the first of which is that of the given example;
// and of noise of every example the size, and the derivatives of pre-activations with respect to the variances.
func (st layerState) forward(x []float64, example int) (y, noise, slope []float64) {
	stride := kernels.Stride(st.Out)
	y, noise, slope = make([]float64, st.Batch*stride), make([]float64, st.Batch*stride), make([]float64, st.Batch*stride)
	st.Product.Forward(y, x)
	if st.variances.W == nil {
		return y, noise, slope
	}
	v, xi := make([]float64, len(y)), make([]float64, st.Out+1)
	st.variances.Forward(v, squared(x))
	for b := range st.Batch {
		kernels.Normals(xi, st.noise, example+b)
		from, to := b*stride, b*stride+st.Out
		kernels.Perturb(noise[from:to], slope[from:to], v[from:to], xi)
	}
	for i, n := range noise {
		y[i] += n
	}
	return y, noise, slope
}

// squared are the squares.
func squared(x []float64) []float64 {
	y := make([]float64, len(x))
	kernels.Squares(y, x)
	return y
}

// ofVariances are the gradients of the variances, given those of what was read, and nil unless there are variances.
func (st layerState) ofVariances(x, dy []float64) []float64 {
	if st.variances.W == nil {
		return nil
	}
	_, _, dv := st.forward(x, 0)
	for i := range dv {
		dv[i] *= dy[i]
	}
	return dv
}

// activate applies an activation to a buffer's rows and returns the slopes.
func (c *checker) activate(a kernels.Activation, b kernels.Buffer, y []float64) (slope []float64) {
	width := c.vm.shape.Widths[b]
	slope = make([]float64, len(y))
	for at := 0; at < len(y); at += kernels.Stride(width) {
		kernels.Apply(a, y[at:][:width], slope[at:])
	}
	return slope
}

func (c *checker) launch(l ...Launch) { c.fail(c.vm.launch(l)) }

func (c *checker) state(member int) *kernels.State {
	s, err := c.vm.download(member)
	if err != nil {
		c.fail(err)
		return kernels.NewState(c.vm.shape.Layout, len(c.vm.shape.moments))
	}
	return s
}

// totalNames are the sums of the synapses in their order on the device.
var totalNames = [...]string{"g", "|g|", "g^2", "g^2 of examples"}

// sums are those of a member, nil unless the program has any.
func (c *checker) sums(member int) *kernels.Sums {
	if c.vm.Totals == nil {
		return nil
	}
	s, err := c.vm.downloadSums(member)
	if err != nil {
		c.fail(err)
		return kernels.NewSums(c.vm.shape.Layout)
	}
	return s
}

// step checks the single operations of a step.
func (c *checker) step(step int) {
	vm := c.vm
	pass := vm.training(0)
	before := make([]*kernels.State, len(c.members))
	for m := range before {
		before[m] = c.state(m)
	}
	var last []kernels.Instruction // one launch does those of all layers
	c.launch(vm.drawShared(pass)...)
	for _, instruction := range vm.shape.Instructions {
		c.launch(vm.operation(pass, instruction)...)
		_, shared := instruction.(kernels.UpdateShared)
		if _, uses := kernels.GradientOf(instruction); uses || shared {
			last = append(last, instruction)
			continue
		}
		c.compare(instruction, step, before)
	}
	c.launch(vm.useGradients(pass)...)
	for _, instruction := range last {
		c.compare(instruction, step, before)
	}
}

// compare checks what an instruction wrote for every member, given the states before the step.
func (c *checker) compare(instruction kernels.Instruction, step int, before []*kernels.State) {
	batch, perEpoch := c.vm.shape.Batch, c.data.N/c.vm.shape.Batch
	for m, member := range c.members {
		c.member = m
		order := make([]int32, c.data.N)
		c.data.Order(order, member.Seed, step/perEpoch)
		examples := order[step%perEpoch*batch:][:batch]
		fraction := float64(batch) / float64(c.data.N)
		slopes := kernels.NewLayerSlopes[float64](c.vm.shape.Program, member, fraction)
		moves := make([]kernels.Move[float64], len(slopes))
		if mover, ok := c.vm.shape.Rule.(kernels.Mover); ok {
			kernels.NewLayerMoves(moves, mover, member, step)
		}
		noise := kernels.Noise{Seed: member.Seed, Step: uint32(step)}
		stream, drawn := c.vm.shape.Rule.Draws()
		noise.Stream = stream
		layer := func(i int) layerState { return c.layer(i, noise, drawn, before[m], batch) }
		switch i := instruction.(type) {
		case kernels.Gather:
			c.gathered(i, m, examples)
		case kernels.Forward:
			c.forwarded(i, i.String(), m, layer(i.Layer), before[m])
		case kernels.Convolve:
			c.forwarded(i.Forward, i.String(), m, layer(i.Layer), before[m])
		case kernels.Pool, kernels.Flatten, kernels.Join:
			c.inferred(i, m)
		case kernels.Loss:
			c.lost(i, m, examples)
		case kernels.Backward:
			c.backwarded(i, i.String(), m, layer(i.Layer))
		case kernels.ConvolveBackward:
			c.backwarded(i.Backward, i.String(), m, layer(i.Layer))
		case kernels.PoolBackward, kernels.FlattenBackward, kernels.JoinBackward, kernels.Merge:
			c.returned(i, m)
		case kernels.Update:
			c.updated(i, m, layer(i.Layer), before[m],
				kernels.TrainingStep[float64]{Slopes: slopes[i.Layer], Move: moves[i.Layer]})
		case kernels.UpdateShared:
			c.sigmaUpdated(i, m, before[m], slopes, moves)
		case kernels.SumGradient:
			c.summed(i, m)
		case kernels.Fluctuate:
			langevin, _ := c.vm.shape.Rule.(kernels.Langevin)
			c.fluctuated(i, m, noise, before[m], kernels.NewLangevinStep(langevin, member.Layer(i.Layer), slopes[i.Layer],
				fraction, step))
		}
	}
}

func (c *checker) forwarded(i kernels.Forward, what string, m int, st layerState, s *kernels.State) {
	x := st.seen(c.buffer(i.Src, m))
	want, noise, _ := st.forward(x, 0)
	sizes, slope := make([]float64, len(want)), c.activate(i.Activation, i.Dst, want)
	terms := st.Product
	terms.W = absolute(c.means(i.Layer, s))
	for k, xi := range st.xi {
		terms.W[k] += math.Abs(st.sigma[k] * xi)
	}
	terms.Forward(sizes, absolute(x))
	for k, v := range want {
		sizes[k] += math.Abs(noise[k])
		if i.Activation != kernels.Linear && i.Activation != kernels.ReLU {
			sizes[k] += math.Abs(v) // a curve is computed by terms of its own
		}
	}
	tolerance := drawnTolerance
	if _, drawn := c.vm.shape.Rule.Draws(); !drawn {
		tolerance = sumTolerance
	}
	c.sameSums(what, c.buffer(i.Dst, m), want, sizes, st.Out, kernels.Stride(st.Out), tolerance)
	if i.Activation.KeepsSlope() {
		got := c.read(c.vm.slopeOf(i.Activation, i.Dst), len(want), m)
		c.same(what+", slopes", got, slope, st.Out, kernels.Stride(st.Out), 2e-6)
	}
	if off := c.vm.shape.wOffset[i.Layer]; off >= 0 {
		all := c.read(c.vm.memory.weights, c.vm.shape.wSize, m)
		c.same("stored weights", all[off:off+st.Slots()], st.W, st.Columns(), st.Stride(), 1e-6)
	}
}

func (c *checker) backwarded(i kernels.Backward, what string, m int, st layerState) {
	p := st.Product
	if off := c.vm.shape.wOffset[i.Layer]; off >= 0 {
		p.W = c.read(c.vm.memory.weights, c.vm.shape.wSize, m)[off:]
	}
	want, sizes := make([]float64, p.Batch*p.Stride()), make([]float64, p.Batch*p.Stride())
	x, dy, tolerance := c.buffer(i.Src, m), c.delta(i.Dst, m), sumTolerance
	p.BackwardInput(want, dy)
	p.W = absolute(p.W)
	p.BackwardInput(sizes, absolute(dy))
	if dv := st.ofVariances(x, dy); dv != nil {
		part, partSizes := make([]float64, len(want)), make([]float64, len(want))
		st.variances.BackwardInput(part, dv)
		st.variances.BackwardInput(partSizes, absolute(dv))
		for k := range want {
			want[k] += 2 * x[k] * part[k]
			sizes[k] += 2 * math.Abs(x[k]) * partSizes[k]
		}
		tolerance = drawnTolerance
	}
	want, sizes = st.unseen(want, len(x)), st.unseen(sizes, len(x))
	width := c.vm.shape.Widths[i.Src]
	c.through(i.Activation, i.Src, m, want)
	c.sameSums(what, c.delta(i.Src, m), want, sizes, width, kernels.Stride(width), tolerance)
}

// through takes the gradient of a buffer from after its activation to before it.
func (c *checker) through(a kernels.Activation, b kernels.Buffer, m int, d []float64) {
	x := c.buffer(b, m)
	if a.KeepsSlope() {
		x = c.read(c.vm.slopeOf(a, b), len(x), m)
	}
	kernels.ApplyGradient(a, d, x)
}

// eachExample calls f for every example of two buffers.
func (c *checker) eachExample(to, from kernels.Buffer, y, x []float64, f func(y, x []float64)) {
	m, n := c.vm.shape.Slots(to), c.vm.shape.Slots(from)
	for e := range len(y) / m {
		f(y[e*m:][:m], x[e*n:][:n])
	}
}

// infer computes what an instruction without weights makes of buffers, and the slopes of its activation.
func (c *checker) infer(instruction kernels.Instruction, examples int, value func(b kernels.Buffer) []float64) (
	b kernels.Buffer, a kernels.Activation, y, slope []float64) {
	to := func(dst kernels.Buffer) { b, y = dst, make([]float64, examples*c.vm.shape.Slots(dst)) }
	switch i := instruction.(type) {
	case kernels.Pool:
		to(i.Dst)
		c.eachExample(i.Dst, i.Src, y, value(i.Src), func(y, x []float64) { kernels.PoolForward(i.Pooling, i.Window, y, x) })
	case kernels.Flatten:
		to(i.Dst)
		c.eachExample(i.Dst, i.Src, y, value(i.Src), func(y, x []float64) { kernels.Flat(i.Picture, y, x) })
	case kernels.Join:
		to(i.Dst)
		a = i.Activation
		for _, src := range i.Srcs {
			for at, v := range value(src) {
				y[at] += v
			}
		}
		slope = c.activate(a, b, y)
	}
	return b, a, y, slope
}

func (c *checker) inferred(i kernels.Instruction, m int) {
	b, a, want, slope := c.infer(i, c.vm.shape.Batch, func(b kernels.Buffer) []float64 { return c.buffer(b, m) })
	width, what := c.vm.shape.Widths[b], fmt.Sprint(i)
	c.same(what, c.buffer(b, m), want, width, kernels.Stride(width), 1e-6)
	if a.KeepsSlope() {
		c.same(what+", slopes", c.read(c.vm.slopeOf(a, b), len(want), m), slope, width, kernels.Stride(width), 2e-6)
	}
}

// returned checks the gradient that an instruction without weights takes back.
func (c *checker) returned(instruction kernels.Instruction, m int) {
	var src kernels.Buffer
	var a kernels.Activation
	var want []float64
	of := func(b kernels.Buffer, activation kernels.Activation) {
		src, a, want = b, activation, make([]float64, c.vm.shape.Batch*c.vm.shape.Slots(b))
	}
	add := func(b kernels.Buffer) {
		for at, v := range c.delta(b, m) {
			want[at] += v
		}
	}
	switch i := instruction.(type) {
	case kernels.PoolBackward:
		of(i.Src, i.Activation)
		x, y, dy, n := c.buffer(i.Src, m), c.buffer(i.Dst, m), c.delta(i.Dst, m), c.vm.shape.Slots(i.Dst)
		e := 0
		c.eachExample(i.Src, i.Src, want, x, func(dx, x []float64) {
			kernels.PoolGradient(i.Pooling, i.Window, dx, dy[e*n:][:n], y[e*n:][:n], x)
			e++
		})
	case kernels.FlattenBackward:
		of(i.Src, i.Activation)
		c.eachExample(i.Src, i.Dst, want, c.delta(i.Dst, m), func(dx, dy []float64) { kernels.Unflat(i.Picture, dx, dy) })
	case kernels.JoinBackward:
		of(i.Src, i.Activation)
		add(i.Dst)
	case kernels.Merge:
		of(i.Src, i.Activation)
		for _, b := range i.Dsts {
			add(b)
		}
	}
	c.through(a, src, m, want)
	width := c.vm.shape.Widths[src]
	c.same(fmt.Sprint(instruction), c.delta(src, m), want, width, kernels.Stride(width), 1e-6)
}

// input is example e as the first layer sees it.
func (c *checker) input(e int) []float64 {
	x, from := make([]float64, kernels.Stride(c.data.Width)), e*c.data.Width
	for k := range c.data.Width {
		if c.data.Bytes != nil {
			x[k] = float64(c.data.Bytes[from+k])*float64(c.data.Scale) + float64(c.data.Shift)
		} else {
			x[k] = float64(c.data.Floats[from+k])
		}
	}
	x[c.data.Width] = 1
	return x
}

func (c *checker) gathered(i kernels.Gather, m int, examples []int32) {
	var want []float64
	for _, e := range examples {
		want = append(want, c.input(int(e))...)
	}
	c.same(i.String(), c.buffer(i.Dst, m), want, c.data.Width, kernels.Stride(c.data.Width), 2e-7)
}

func (c *checker) lost(i kernels.Loss, m int, examples []int32) {
	out := c.vm.shape.Widths[i.Src]
	stride, nll := kernels.Stride(out), 0.0
	y, want := c.buffer(i.Src, m), make([]float64, len(examples)*kernels.Stride(out))
	of := y
	if i.Activation.KeepsSlope() {
		of = c.read(c.vm.slopeOf(i.Activation, i.Src), len(y), m)
	}
	for b, e := range examples {
		yb, d := y[b*stride:][:out], want[b*stride:][:out]
		if i.Likelihood == kernels.Gaussian {
			nll += kernels.GaussianNLL(d, yb, wide(c.data.Targets[int(e)*out:][:out]), c.members[m].NoiseVariance)
		} else {
			nll += kernels.CrossEntropy(d, yb, int(c.data.Labels[e]))
		}
		kernels.ApplyGradient(i.Activation, d, of[b*stride:])
	}
	scale := 0.0
	if i.Likelihood == kernels.Categorical {
		scale = 1 // probabilities, from which 1 may be subtracted; and logarithms of sums of at least 1
	}
	c.sameOnScale(i.String(), c.delta(i.Src, m), want, out, stride, 1e-6, scale)
	losses := c.read(c.vm.memory.losses, len(c.members), 0)
	c.sameOnScale("sum of the losses", losses[m:m+1], []float64{nll}, 1, 1, 2e-6, scale)
}

// updated checks mu, and phi if it is per synapse; if it is shared, the rows' sums of dW xi.
func (c *checker) updated(i kernels.Update, m int, st layerState, s *kernels.State,
	rule kernels.TrainingStep[float64]) {
	layout, shape := c.vm.shape.Layout, c.vm.shape
	off := layout.Offset(i.Layer)
	n, stride := st.Columns(), st.Stride()
	dy, x := c.delta(i.Dst, m), st.seen(c.buffer(i.Src, m))
	dv, xSquares, ofVariance := st.ofVariances(x, dy), squared(x), make([]float64, n)
	mu, phi := s.Params()
	params := kernels.Row[float64]{Mu: widePart(mu, off, st.Slots())}
	if layout.Sharing == kernels.PerSynapse {
		params.Phi = widePart(phi, off, st.Slots())
	}
	sums, sizes := make([]float64, st.Out), make([]float64, st.Out)
	dw, dwSizes := make([]float64, n), make([]float64, n)
	dySizes, xSizes, xiSizes := absolute(dy), absolute(x), absolute(st.xi)
	for r := range st.Out {
		st.WeightGradient(dw, dy, x, r)
		at := r * stride
		row := kernels.Row[float64]{Mu: params.Mu.Slice(at, n)}
		if layout.Sharing == kernels.PerSynapse {
			row.Phi = params.Phi.Slice(at, n)
			slope, cost := make([]float64, n), make([]float64, n)
			if dv != nil {
				st.WeightGradient(ofVariance, dv, xSquares, r)
				rule.VarianceRow(make([]float64, n), slope, cost, row.Phi.Values)
				rule.UpdateRowOfExamples(row, dw, ofVariance, slope, cost)
				continue
			}
			rule.SampleRow(make([]float64, n), slope, cost, row.Mu.Values, row.Phi.Values, st.xi[at:])
			rule.UpdateRow(row, dw, slope, cost)
			continue
		}
		sums[r] = kernels.SigmaGradient(dw, st.xi[at:])
		st.WeightGradient(dwSizes, dySizes, xSizes, r)
		sizes[r] = kernels.SigmaGradient(dwSizes, xiSizes[at:])
		if dv != nil {
			st.WeightGradient(ofVariance, dv, xSquares, r)
			sums[r] = 2 * kernels.SigmaGradient(ofVariance, st.sigma[at:])
			st.WeightGradient(dwSizes, absolute(dv), xSquares, r)
			sizes[r] = 2 * kernels.SigmaGradient(dwSizes, st.sigma[at:])
		}
		rule.UpdateMeans(row, dw)
	}
	mu, phi = c.state(m).Params()
	c.sameParam("mu", widePart(mu, off, st.Slots()), params.Mu, n, stride, 1e-6)
	if layout.Sharing == kernels.PerSynapse {
		c.sameParam("phi", widePart(phi, off, st.Slots()), params.Phi, n, stride, 1e-6)
	}
	if c.vm.kind() != "shared" {
		return
	}
	all := c.read(c.vm.memory.sums, shape.rows*shape.sumGroups, m)
	gotSums := make([]float64, st.Out)
	for r := range gotSums {
		for _, v := range all[(shape.firstRow[i.Layer]+r)*shape.sumGroups:][:ceil(n, groupColumns)] {
			gotSums[r] += v
		}
	}
	c.sameSums("sum dW xi", gotSums, sums, sizes, st.Out, st.Out, drawnTolerance)
}

// widePart is n parameters, starting at the given one, with their moments.
func widePart(p kernels.Param[float32], from, n int) kernels.Param[float64] {
	w := kernels.Param[float64]{Values: wide(p.Values[from:][:n])}
	for i, m := range p.Moments {
		if m != nil {
			w.Moments[i] = wide(m[from:][:n])
		}
	}
	return w
}

// sameParam compares parameters with the tolerance, and their moments: the first with twice as much where the gradient
// comes through sigma, a square with twice that.
func (c *checker) sameParam(name string, got, want kernels.Param[float64], width, stride int, tolerance float64) {
	c.same(name, got.Values, want.Values, width, stride, tolerance)
	if name == "phi" {
		tolerance *= 2
	}
	for i, moment := range c.vm.shape.moments {
		c.same(name+"."+moment, got.Moments[i], want.Moments[i], width, stride, tolerance*float64(1+i))
	}
}

// summed checks the sums of a single minibatch.
func (c *checker) summed(i kernels.SumGradient, m int) {
	layout := c.vm.shape.Layout
	p := kernels.Product[float64]{Layer: layout.Layers[i.Layer], Batch: c.vm.shape.Batch}
	n, stride, off := p.Columns(), p.Stride(), layout.Offset(i.Layer)
	dy, x := c.delta(i.Dst, m), c.buffer(i.Src, m)
	dySquares, xSquares := make([]float64, len(dy)), make([]float64, len(x))
	kernels.Squares(dySquares, dy)
	kernels.Squares(xSquares, x)
	want := kernels.NewSums(layout)
	dw, squares := make([]float64, n), make([]float64, n)
	for r := range p.Out {
		p.WeightGradient(dw, dy, x, r)
		p.WeightGradient(squares, dySquares, xSquares, r)
		kernels.AddGradient(want.Row(off+r*stride), dw, squares)
	}
	in := want.Inputs[i.Layer]
	kernels.AddInputs(kernels.InputSums{Magnitude: in.Magnitude[:n], Square: in.Square[:n]}, x, xSquares, p.Batch, stride)
	got := c.sums(m)
	gotFields, wantFields := got.Fields(), want.Fields()
	for f, name := range totalNames {
		tolerance := 1e-6
		if f >= 2 { // squares
			tolerance *= 2
		}
		c.same("sum of "+name, gotFields[f][off:][:p.Slots()], wantFields[f][off:][:p.Slots()], stride, stride, tolerance)
	}
	c.same("sum of |x|", got.Inputs[i.Layer].Magnitude, in.Magnitude, stride, stride, 1e-6)
	c.same("sum of x^2", got.Inputs[i.Layer].Square, in.Square, stride, stride, 1e-6)
}

// fluctuated checks mu, and that nothing else has changed.
func (c *checker) fluctuated(i kernels.Fluctuate, m int, noise kernels.Noise, s *kernels.State,
	rule kernels.LangevinStep[float64]) {
	layout := c.vm.shape.Layout
	p := kernels.Product[float64]{Layer: layout.Layers[i.Layer], Batch: c.vm.shape.Batch}
	n, stride, off := p.Columns(), p.Stride(), layout.Offset(i.Layer)
	dy, x, want := c.delta(i.Dst, m), c.buffer(i.Src, m), c.means(i.Layer, s)
	noise.Layer = uint16(i.Layer)
	dw, xi := make([]float64, n), make([]float64, n)
	for r := range p.Out {
		p.WeightGradient(dw, dy, x, r)
		mu := want[r*stride:][:n]
		rule.UpdateMeans(kernels.Row[float64]{Mu: kernels.Param[float64]{Values: mu}}, dw)
		kernels.Normals(xi, noise, r)
		kernels.WeightsShared(mu, mu, rule.Noise, xi)
	}
	got := c.state(m)
	// Pads included.
	c.same("mu", wide(got.Mu[off:][:p.Slots()]), want, stride, stride, 1e-6)
	got.Mu = s.Mu
	c.sameState("frozen ", got, s)
}

// means are the mus of a layer.
func (c *checker) means(layer int, s *kernels.State) []float64 {
	layout := c.vm.shape.Layout
	return wide(s.Mu[layout.Offset(layer):][:layout.Layers[layer].Slots()])
}

// sigmaUpdated checks the phis that are shared, from the row sums on the device.
func (c *checker) sigmaUpdated(i kernels.UpdateShared, m int, s *kernels.State, slopes []kernels.Slopes[float64],
	moves []kernels.Move[float64]) {
	layout, shape := c.vm.shape.Layout, c.vm.shape
	all := c.read(c.vm.memory.sums, shape.rows*shape.sumGroups, m)
	_, before := s.Params()
	phi := widePart(before, 0, len(s.Phi))
	row := 0
	for g, group := range shape.Groups() {
		rows := 1
		switch layout.Sharing {
		case kernels.PerLayer:
			rows = layout.Layers[group.Layer].Out
		case kernels.PerNetwork:
			rows = shape.rows
		}
		sum := 0.0
		for _, v := range all[row*shape.sumGroups : (row+rows)*shape.sumGroups] {
			sum += v
		}
		row += rows
		rule := kernels.TrainingStep[float64]{Slopes: slopes[group.Layer], Move: moves[group.Layer]}
		rule.Row(phi.Slice(g, 1), []float64{rule.SharedGradient(phi.Values[g], sum, group.Synapses)})
	}
	n := len(s.Phi)
	_, after := c.state(m).Params()
	got := widePart(after, 0, n)
	// In a single phi, noise and cost may cancel down to a tenth or so.
	c.same("phi", got.Values, phi.Values, n, n, 1e-6)
	for i, moment := range shape.moments {
		c.same("phi."+moment, got.Moments[i], phi.Moments[i], n, n, 5e-6*float64(1+i))
	}
}

// evaluation checks the figures of a test on the data: those of the means, of one draw per group, and of two draws.
func (c *checker) evaluation(step int) {
	const draws = 2
	scores, err := c.vm.Evaluate(context.Background(), c.data, step, draws)
	if err != nil {
		c.fail(err)
		return
	}
	for m := range c.members {
		c.member = m
		s, n := c.state(m), float64(c.data.N)
		var want [4]kernels.Tally // in the order of Tallies
		count := func(t *kernels.Tally, logp []float64, answer int) {
			best := 0
			for o, v := range logp {
				if v > logp[best] {
					best = o
				}
			}
			if best == answer {
				t.Correct += 1 / n
			}
			t.NLL -= logp[answer] / n
		}
		for e := range c.data.N {
			answer := 0
			if c.vm.shape.Likelihood == kernels.Categorical {
				answer = int(c.data.Labels[e])
			}
			group := e / kernels.EvaluationGroup
			count(&want[0], c.logProbabilities(s, m, e, step, group), answer)
			count(&want[1], c.logProbabilities(s, m, e, step, -1), answer)
			var predictive, expected []float64
			for d := range draws {
				for o, v := range c.logProbabilities(s, m, e, step, group*draws+d) {
					if d == 0 {
						predictive, expected = append(predictive, 0), append(expected, 0)
					}
					predictive[o] += math.Exp(v) / draws
					expected[o] += v / draws
				}
			}
			for o := range predictive {
				predictive[o] = math.Log(predictive[o])
			}
			count(&want[2], predictive, answer)
			count(&want[3], expected, answer)
		}
		got := scores[m]
		for i, f := range []struct {
			what           string
			accuracy, loss float64
		}{
			{"sampled", got.AccuracySampled, got.LossSampled}, {"at the means", got.AccuracyMean, got.LossMean},
			{"predictive", got.AccuracyPredictive, got.LossPredictive},
			{"expected log", got.AccuracyExpectedLog, got.LossExpectedLog},
		} {
			c.sameOnScale("loss "+f.what, []float64{f.loss}, []float64{want[i].NLL}, 1, 1, 2e-6, 1)
			if c.vm.shape.Likelihood == kernels.Categorical { // rounding may change the decision for one example
				c.sameOnScale("accuracy "+f.what, []float64{f.accuracy}, []float64{want[i].Correct}, 1, 1, 1.01/n, 1)
			}
		}
	}
}

// logProbabilities are those of the outcomes of test example e under a draw of the weights, or at the means for draw
// -1: of the classes, or of the observed target.
func (c *checker) logProbabilities(s *kernels.State, m, e, step, draw int) []float64 {
	x, member := c.input(e), c.members[m]
	noise := kernels.Noise{Seed: member.Seed, Stream: kernels.StreamEvaluation, Step: uint32(step), Draw: uint32(draw)}
	values := map[kernels.Buffer][]float64{c.vm.shape.dataFirst: x}
	value := func(b kernels.Buffer) []float64 { return values[c.vm.shape.origin(b)] }
	layer := func(i kernels.Forward) []float64 {
		st := c.layer(i.Layer, noise, draw >= 0, s, 1)
		y, _, _ := st.forward(st.seen(value(i.Src)), e%kernels.EvaluationGroup)
		c.activate(i.Activation, i.Dst, y)
		return y
	}
	for _, instruction := range c.vm.shape.Instructions {
		switch i := instruction.(type) {
		case kernels.Forward:
			values[i.Dst] = c.withOnes(i.Dst, layer(i))
		case kernels.Convolve:
			values[i.Dst] = c.withOnes(i.Dst, layer(i.Forward))
		case kernels.Pool, kernels.Flatten, kernels.Join:
			b, _, y, _ := c.infer(i, 1, value)
			values[b] = c.withOnes(b, y)
		}
	}
	y := value(c.vm.shape.Output)[:c.vm.shape.Widths[c.vm.shape.Output]]
	if c.vm.shape.Likelihood == kernels.Gaussian {
		return []float64{-kernels.GaussianNLL(nil, y, wide(c.data.Targets[e*len(y):][:len(y)]), member.NoiseVariance)}
	}
	logp := make([]float64, len(y))
	kernels.LogSoftmax(logp, y)
	return logp
}
