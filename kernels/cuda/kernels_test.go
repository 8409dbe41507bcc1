package cuda

import (
	"math"
	"testing"

	"quantal/kernels"
)

// probe runs a training step kernel by kernel. After each it compares what the kernel wrote with the portable kernel in
// float64, run on what the device held before, so that errors do not pile up.
type probe struct {
	*testing.T
	n  network
	vm *VM
}

// read downloads the floats of member's part of a buffer.
func (p *probe) read(at Address, n, part int) []float64 {
	p.Helper()
	f := make([]float32, n)
	if err := p.vm.driver.Download(bytesOf(f), at+Address(4*n*part)); err != nil {
		p.Fatal(err)
	}
	return wide(f)
}

func wide(f []float32) []float64 {
	d := make([]float64, len(f))
	for i, v := range f {
		d[i] = float64(v)
	}
	return d
}

func (p *probe) buffer(b kernels.Buffer, member int) []float64 {
	width := p.vm.shape.Widths[b]
	part := member
	if b == p.vm.shape.dataFirst {
		part = p.vm.slots[p.n.members[member].Seed]
	}
	x := p.read(p.vm.memory.values[b], p.vm.shape.Batch*kernels.Stride(width), part)
	for i := range p.vm.shape.Batch {
		x[i*kernels.Stride(width)+width] = 1 // the kernels put the constant in themselves
	}
	return x
}

func (p *probe) delta(b kernels.Buffer, member int) []float64 {
	return p.read(p.vm.memory.deltas[b], p.vm.shape.Batch*kernels.Stride(p.vm.shape.Widths[b]), member)
}

// same compares the first width values of rows; tolerance is relative to the largest entry.
func (p *probe) same(what string, got, want []float64, width, stride int, tolerance float64) {
	p.Helper()
	p.sameOnScale(what, got, want, width, stride, tolerance, 0)
}

// sameOnScale is the same where sums of terms of the given size may cancel.
func (p *probe) sameOnScale(what string, got, want []float64, width, stride int, tolerance, scale float64) {
	p.Helper()
	worst := 0.0
	for r := 0; r+width <= len(want); r += stride {
		for i := range width {
			scale = max(scale, math.Abs(want[r+i]))
			d := math.Abs(got[r+i] - want[r+i])
			if d != d {
				d = math.Inf(1)
			}
			worst = max(worst, d)
		}
	}
	if worst > tolerance*scale {
		p.Errorf("%s: deviates by %.2g of its largest entry %.3g, want at most %g", what, worst/scale, scale, tolerance)
	}
}

// layer is what a layer's kernels read, in float64.
type layerState struct {
	kernels.Product[float64]
	mu, xi       []float64
	sigma, slope []float64 // per slot, 0 without noise
}

func (p *probe) layer(i, member, step int, s *kernels.State) layerState {
	layout := p.n.program.Layout
	l := layout.Layers[i]
	st := layerState{Product: kernels.Product[float64]{Layer: l, Batch: p.vm.shape.Batch}}
	st.mu = wide(s.Mu[layout.Offset(i):][:l.Slots()])
	st.W = make([]float64, l.Slots())
	st.xi, st.sigma, st.slope = make([]float64, l.Slots()), make([]float64, l.Slots()), make([]float64, l.Slots())
	noise := kernels.Noise{Seed: p.n.members[member].Seed, Layer: uint16(i), Step: uint32(step)}
	for r := range l.Out {
		at := r * l.Stride()
		kernels.Normals(st.xi[at:at+l.Columns()], noise, r)
		for k := range l.Columns() {
			if layout.Sharing != kernels.NoNoise {
				phi := s.Phi[layout.PhiOffset(i)+l.PhiIndex(layout.Sharing, r, k)]
				st.sigma[at+k], st.slope[at+k] = kernels.Softplus(float64(phi))
			}
			st.W[at+k] = st.mu[at+k] + st.sigma[at+k]*st.xi[at+k]
		}
	}
	return st
}

func (p *probe) launch(l ...Launch) {
	p.Helper()
	if err := p.vm.launch(l); err != nil {
		p.Fatal(err)
	}
}

func (p *probe) state(member int) *kernels.State {
	s, err := p.vm.download(member)
	if err != nil {
		p.Fatal(err)
	}
	return s
}

func TestKernelsAgainstFloat64(t *testing.T) {
	for i, d := range designs() {
		if testing.Short() && i%4 != 0 {
			continue
		}
		t.Run(d.String(), func(t *testing.T) {
			n := d.network(t)
			vm := n.open(t, nil)
			vm.driver.(*interpreted).machine.GlobalRaces = true
			vm.driver.(*interpreted).machine.Uninitialised = true
			(&probe{T: t, n: n, vm: vm}).step(2)
		})
	}
}

func (p *probe) step(step int) {
	vm := p.vm
	if err := vm.bring(batch{0, len(p.n.members)}); err != nil {
		p.Fatal(err)
	}
	if err := vm.prepare(step, step+1); err != nil {
		p.Fatal(err)
	}
	single(p, vm)
	pass := vm.training(0)
	B, fraction := vm.shape.Batch, float64(vm.shape.Batch)/float64(p.n.data.N)
	updated := false
	var updates []kernels.Instruction // they come last, in one launch
	var others []kernels.Instruction
	for _, instruction := range vm.shape.Instructions {
		if _, ok := instruction.(kernels.Update); ok {
			updates = append(updates, instruction)
		} else if _, ok := instruction.(kernels.UpdateShared); !ok {
			others = append(others, instruction)
		}
	}
	before := make([]*kernels.State, len(p.n.members)) // every layer's update
	for m := range before {
		before[m] = p.state(m)
	}
	if last, ok := vm.shape.Instructions[len(vm.shape.Instructions)-1].(kernels.UpdateShared); ok {
		updates = append(updates, last)
	}
	for _, instruction := range append(others, updates...) {
		switch i := instruction.(type) {
		case kernels.Gather:
			p.launch(vm.gatherTraining(pass))
		case kernels.Forward:
			p.launch(vm.forward(pass, i)...)
		case kernels.Loss:
			p.launch(vm.loss(pass, i))
		case kernels.Backward:
			p.launch(vm.backward(pass, i))
		case kernels.Update:
			if !updated {
				p.launch(vm.update(pass))
			}
			updated = true
		case kernels.UpdateShared:
			p.launch(vm.updateSigma(pass, i))
		}
		for m, member := range p.n.members {
			order := make([]int32, p.n.data.N)
			p.n.data.Order(order, member.Seed, step/(p.n.data.N/B))
			examples := order[step%(p.n.data.N/B)*B:][:B]
			rule := kernels.NewRule[float64](vm.shape.Adam, member, fraction, step)
			switch i := instruction.(type) {
			case kernels.Gather:
				p.gathered(i, m, examples)
			case kernels.Forward:
				st := p.layer(i.Layer, m, step, before[m])
				want := make([]float64, B*kernels.Stride(st.Out))
				st.Forward(want, p.buffer(i.Src, m))
				for b := range B {
					kernels.Apply(i.Activation, want[b*kernels.Stride(st.Out):][:st.Out])
				}
				p.same(i.String(), p.buffer(i.Dst, m), want, st.Out, kernels.Stride(st.Out), 2e-6)
				if off := vm.shape.wOffset[i.Layer]; off >= 0 {
					all := p.read(vm.memory.weights, vm.shape.wSize, m)
					p.same("stored weights", all[off:off+st.Slots()], st.W, st.Columns(), st.Stride(), 2e-6)
				}
			case kernels.Loss:
				p.lost(i, m, examples)
			case kernels.Backward:
				st := p.layer(i.Layer, m, step, before[m])
				st.W = p.read(vm.memory.weights, vm.shape.wSize, m)[vm.shape.wOffset[i.Layer]:]
				want, x := make([]float64, B*st.Stride()), p.buffer(i.Src, m)
				st.BackwardInput(want, p.delta(i.Dst, m))
				for b := range B {
					kernels.ApplyGradient(i.Activation, want[b*st.Stride():][:st.In], x[b*st.Stride():][:st.In])
				}
				p.same(i.String(), p.delta(i.Src, m), want, st.In, st.Stride(), 1e-6)
			case kernels.Update:
				p.updated(i, m, step, before[m], rule)
			case kernels.UpdateShared:
				p.sigmaUpdated(i, m, before[m], rule)
			}
		}
	}
}

func (p *probe) gathered(i kernels.Gather, m int, examples []int32) {
	data, stride := p.n.data, kernels.Stride(p.n.data.Width)
	want := make([]float64, len(examples)*stride)
	for b, e := range examples {
		for k := range data.Width {
			at := int(e)*data.Width + k
			if data.Bytes != nil {
				want[b*stride+k] = float64(data.Bytes[at])*float64(data.Scale) + float64(data.Shift)
			} else {
				want[b*stride+k] = float64(data.Floats[at])
			}
		}
	}
	p.same(i.String(), p.buffer(i.Dst, m), want, data.Width, stride, 2e-7)
}

func (p *probe) lost(i kernels.Loss, m int, examples []int32) {
	out := p.vm.shape.Widths[i.Src]
	stride, nll := kernels.Stride(out), 0.0
	y, want := p.buffer(i.Src, m), make([]float64, len(examples)*kernels.Stride(out))
	for b, e := range examples {
		yb, d := y[b*stride:][:out], want[b*stride:][:out]
		if i.Likelihood == kernels.Gaussian {
			nll += kernels.GaussianNLL(d, yb, wide(p.n.data.Targets[int(e)*out:][:out]), p.n.members[m].NoiseVariance)
		} else {
			nll += kernels.CrossEntropy(d, yb, int(p.n.data.Labels[e]))
		}
		kernels.ApplyGradient(i.Activation, d, yb)
	}
	scale := 0.0
	if i.Likelihood == kernels.Categorical {
		scale = 1 // probabilities, of which 1 may be taken off; and logarithms of sums of at least 1
	}
	p.sameOnScale(i.String(), p.delta(i.Src, m), want, out, stride, 1e-6, scale)
	losses := p.read(p.vm.memory.losses, len(p.n.members), 0)
	p.sameOnScale("sum of the losses", losses[m:m+1], []float64{nll}, 1, 1, 2e-6, scale)
}

// updated checks mu, and phi where it is per synapse; where it is shared, the rows' sums of dW xi.
func (p *probe) updated(i kernels.Update, m, step int, s *kernels.State, rule kernels.Rule[float64]) {
	layout, shape := p.n.program.Layout, p.vm.shape
	st, off := p.layer(i.Layer, m, step, s), layout.Offset(i.Layer)
	n, stride := st.Columns(), st.Stride()
	dy, x := p.delta(i.Dst, m), p.buffer(i.Src, m)
	rule = rule.Times(i.MagnitudeTerms, i.ReliabilityTerms)
	part := func(f []float32) []float64 { return wide(f[off:][:st.Slots()]) }
	mu, muM, muV := part(s.Mu), part(s.MuM), part(s.MuV)
	var phi, phiM, phiV []float64
	if layout.Sharing == kernels.PerSynapse {
		phi, phiM, phiV = part(s.Phi), part(s.PhiM), part(s.PhiV)
	}
	sums := make([]float64, st.Out)
	dw := make([]float64, n)
	for r := range st.Out {
		st.WeightGradient(dw, dy, x, r)
		at := r * stride
		row := kernels.Row[float64]{Mu: mu[at:], MuM: muM[at:], MuV: muV[at:]}
		if layout.Sharing == kernels.PerSynapse {
			row.Phi, row.PhiM, row.PhiV = phi[at:], phiM[at:], phiV[at:]
			rule.UpdateRow(row, dw, st.xi[at:], st.sigma[at:], st.slope[at:])
			continue
		}
		rule.UpdateMeans(row, dw)
		sums[r] = kernels.SigmaGradient(dw, st.xi[at:])
	}
	got := p.state(m)
	p.same("mu", part(got.Mu), mu, n, stride, 1e-6)
	p.same("mu.m", part(got.MuM), muM, n, stride, 1e-6)
	p.same("mu.v", part(got.MuV), muV, n, stride, 2e-6)
	if layout.Sharing == kernels.PerSynapse {
		p.same("phi", part(got.Phi), phi, n, stride, 1e-6)
		p.same("phi.m", part(got.PhiM), phiM, n, stride, 2e-6)
		p.same("phi.v", part(got.PhiV), phiV, n, stride, 4e-6)
	}
	if p.vm.kind() != "shared" {
		return
	}
	all := p.read(p.vm.memory.sums, shape.rows*shape.sumGroups, m)
	gotSums := make([]float64, st.Out)
	for r := range gotSums {
		for _, v := range all[(shape.firstRow[i.Layer]+r)*shape.sumGroups:][:ceil(n, groupColumns)] {
			gotSums[r] += v
		}
	}
	p.same("sum dW xi", gotSums, sums, st.Out, st.Out, 2e-6)
}

// sigmaUpdated checks the phis that are shared, from the row sums on the device.
func (p *probe) sigmaUpdated(i kernels.UpdateShared, m int, s *kernels.State, rule kernels.Rule[float64]) {
	layout, shape := p.n.program.Layout, p.vm.shape
	all := p.read(p.vm.memory.sums, shape.rows*shape.sumGroups, m)
	rule = rule.Times(0, i.ReliabilityTerms)
	phi, phiM, phiV := wide(s.Phi), wide(s.PhiM), wide(s.PhiV)
	row := 0
	for g, group := range layout.Groups() {
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
		rule.UpdateShared(&phi[g], &phiM[g], &phiV[g], sum, group.Synapses)
	}
	got, n := p.state(m), len(phi)
	// Noise and cost may cancel in a phi that stands alone, to a tenth or so.
	p.same("phi", wide(got.Phi), phi, n, n, 1e-6)
	p.same("phi.m", wide(got.PhiM), phiM, n, n, 5e-6)
	p.same("phi.v", wide(got.PhiV), phiV, n, n, 1e-5)
}
