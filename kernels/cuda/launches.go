package cuda

import "quantal/kernels"

// pass is the setting of a forward pass: training on the resident members, or testing them on groups of examples.
type pass struct {
	instances   int     // blocks of the third dimension of the grid: members, times groups
	groups      int     // per member
	batch       int     // examples of an instance
	halts       Address // 0 in tests: networks that left the finite numbers are tested too
	stream      kernels.Stream
	kind        string // of forward: means, shared or synapse
	draw0       uint32
	drawStride  uint32
	xslot       Address // place of an instance's examples in the input buffer
	identity    Address // 0, 1, ...
	values      []Address
	part        Address
	weights     Address
	steps, base Address
	t           int
}

// training is the pass of a training step, the t-th from the base index.
func (vm *VM) training(t int) pass {
	return pass{
		instances: vm.resident.len(), groups: 1, batch: vm.shape.Batch, halts: vm.memory.halts,
		stream: kernels.StreamTrain, kind: vm.kind(), xslot: vm.memory.slots, identity: vm.memory.identity,
		values: vm.memory.values, part: vm.memory.part, weights: vm.memory.weights,
		steps: vm.memory.steps, base: vm.memory.base, t: t,
	}
}

// kind is the variant of the kernels that the sharing of sigma asks for.
func (vm *VM) kind() string {
	switch vm.shape.Layout.Sharing {
	case kernels.PerSynapse:
		return "synapse"
	case kernels.NoNoise:
		return "means"
	}
	return "shared"
}

// step lists the launches of a training step. Updates come last: until then mu and phi are those that drew the weights.
func (vm *VM) step(t int) []Launch {
	var launches, updates []Launch
	p := vm.training(t)
	for _, instruction := range vm.shape.Instructions {
		switch i := instruction.(type) {
		case kernels.Gather:
			launches = append(launches, vm.gather(p, i.Dst, len(vm.slots), vm.train, vm.memory.inputs, vm.memory.order))
		case kernels.Forward:
			launches = append(launches, vm.forward(p, i)...)
		case kernels.Loss:
			launches = append(launches, vm.loss(p, i))
		case kernels.Backward:
			launches = append(launches, vm.backward(p, i))
		case kernels.Update:
			updates = append(updates, vm.update(p, i))
		case kernels.UpdateShared:
			updates = append(updates, vm.updateSigma(p, i))
		}
	}
	return append(launches, updates...)
}

// advance moves the base index of the steps.
func (vm *VM) advance(steps int) Launch {
	return Launch{
		Kernel: vm.kernels["advance"], Grid: [3]int{1, 1, 1}, Block: [3]int{1, 1, 1}, Args: []any{vm.memory.base, steps},
	}
}

func (vm *VM) gather(p pass, dst kernels.Buffer, slots int, data *kernels.Data, inputs, order Address) Launch {
	kernel, scale, shift := "gather_bytes", data.Scale, data.Shift
	if data.Bytes == nil {
		kernel, scale, shift = "gather_floats", 1, 0
	}
	return Launch{
		Kernel: vm.kernels[kernel], Grid: [3]int{ceil(data.Width, 256), p.batch, slots}, Block: [3]int{256, 1, 1},
		Args: []any{p.values[dst], inputs, order, p.steps, p.base, p.t, data.N, data.Width, kernels.Stride(data.Width), p.batch,
			scale, shift},
	}
}

func (vm *VM) forward(p pass, i kernels.Forward) []Launch {
	layout := vm.shape.Layout
	l := layout.Layers[i.Layer]
	slices := ceil(l.Columns(), forwardColumns)
	slot := p.identity
	if i.Src == vm.shape.dataFirst {
		slot = p.xslot
	}
	var weights Address
	if p.weights != 0 && vm.shape.wOffset[i.Layer] >= 0 {
		weights = p.weights + Address(4*vm.shape.wOffset[i.Layer])
	}
	phiStride := 0
	if layout.Sharing == kernels.PerNeuron {
		phiStride = 1
	}
	launches := []Launch{{
		Kernel: vm.kernels["forward_"+p.kind],
		Grid:   [3]int{ceil(l.Out, forwardRows) * ceil(p.batch, batchTile), slices, p.instances}, Block: [3]int{160, 1, 1},
		Args: []any{p.values[i.Dst], p.part, weights, p.values[i.Src], slot, vm.memory.state, vm.memory.members,
			p.steps, p.base, p.t, p.halts, vm.shape.stateSize, layout.Offset(i.Layer),
			3*vm.shape.slots + layout.PhiOffset(i.Layer), phiStride, l.In, l.Out, p.batch, p.groups, vm.shape.wSize,
			uint32(p.stream)<<16 | uint32(i.Layer), p.draw0, p.drawStride, int(i.Activation)},
	}}
	if slices == 1 {
		return launches
	}
	return append(launches, Launch{
		Kernel: vm.kernels["activate"], Grid: [3]int{ceil(p.batch*l.Out, 256), 1, p.instances}, Block: [3]int{256, 1, 1},
		Args: []any{p.values[i.Dst], p.part, p.base, p.t, p.halts, l.Out, p.batch, p.groups, slices, int(i.Activation)},
	})
}

func (vm *VM) loss(p pass, i kernels.Loss) Launch {
	kernel := "loss_categorical"
	if i.Likelihood == kernels.Gaussian {
		kernel = "loss_gaussian"
	}
	m := vm.memory
	return Launch{
		Kernel: vm.kernels[kernel], Grid: [3]int{1, 1, p.instances}, Block: [3]int{256, 1, 1}, Shared: 4 * p.batch,
		Args: []any{m.deltas[i.Src], m.losses, m.halts, m.values[i.Src], m.answers, m.order, m.slots, m.members, p.steps, p.base,
			p.t, vm.train.N, vm.shape.Widths[i.Src], p.batch, int(i.Activation)},
	}
}

func (vm *VM) backward(p pass, i kernels.Backward) Launch {
	m, l := vm.memory, vm.shape.Layout.Layers[i.Layer]
	return Launch{
		Kernel: vm.kernels["backward"], Grid: [3]int{ceil(l.In, backwardCols), ceil(p.batch, batchTile), p.instances},
		Block: [3]int{128, 1, 1},
		Args: []any{m.deltas[i.Src], m.deltas[i.Dst], m.weights + Address(4*vm.shape.wOffset[i.Layer]), m.values[i.Src], p.base,
			p.t, p.halts, l.In, l.Out, p.batch, vm.shape.wSize, int(i.Activation)},
	}
}

func (vm *VM) update(p pass, i kernels.Update) Launch {
	m, layout := vm.memory, vm.shape.Layout
	l := layout.Layers[i.Layer]
	slot := p.identity
	if i.Src == vm.shape.dataFirst {
		slot = p.xslot
	}
	return Launch{
		Kernel: vm.kernels["update_"+p.kind],
		Grid:   [3]int{ceil(l.Columns(), groupColumns), ceil(l.Out, updateRows), p.instances}, Block: [3]int{256, 1, 1},
		Args: []any{m.state, m.sums, p.halts, m.bad, m.values[i.Src], slot, m.deltas[i.Dst], m.members, p.steps, p.base, p.t,
			vm.shape.stateSize, vm.shape.slots, vm.shape.phiSlots, layout.Offset(i.Layer),
			3*vm.shape.slots + layout.PhiOffset(i.Layer), l.In, l.Out, p.batch, i.Layer, len(layout.Layers),
			vm.shape.firstRow[i.Layer], vm.shape.rows, vm.shape.sumGroups, uint32(p.stream)<<16 | uint32(i.Layer),
			float32(i.MagnitudeTerms), float32(i.ReliabilityTerms)},
	}
}

func (vm *VM) updateSigma(p pass, i kernels.UpdateShared) Launch {
	m := vm.memory
	return Launch{
		Kernel: vm.kernels["update_sigma"], Grid: [3]int{len(vm.shape.Layout.Groups()), 1, p.instances}, Block: [3]int{64, 1, 1},
		Args: []any{m.state, m.sums, p.halts, m.bad, m.members, p.steps, p.base, p.t, m.rowsOf, m.synapses, m.layerOf,
			vm.shape.stateSize, 3 * vm.shape.slots, vm.shape.phiSlots, len(vm.shape.Layout.Layers), vm.shape.rows,
			vm.shape.sumGroups, float32(i.ReliabilityTerms)},
	}
}
