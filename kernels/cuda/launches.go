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
	draw0       uint
	drawStride  uint
	xslot       Address // place of an instance's examples in the input buffer
	identity    Address // 0, 1, ...
	values      []Address
	part        Address
	weights     Address
	ahead       bool // the first layer's launch draws the weights of the others too
	steps, base Address
	t           int
}

// training is the pass of a step of the program, the t-th from the base index.
func (vm *VM) training(t int) pass {
	stream, drawn := vm.shape.Rule.Draws()
	kind := vm.kind()
	if !drawn {
		kind = "means"
	}
	return pass{
		instances: vm.resident.len(), groups: 1, batch: vm.shape.Batch, halts: vm.memory.halts,
		stream: stream, kind: kind, xslot: vm.memory.slots, identity: vm.memory.identity,
		values: vm.memory.values, part: vm.memory.part, weights: vm.memory.weights,
		ahead: vm.shape.fused, steps: vm.memory.steps, base: vm.memory.base, t: t,
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

// step lists the launches of a step. Updates come last: until then mu and phi are those that drew the weights.
func (vm *VM) step(t int) []Launch {
	var launches []Launch
	p := vm.training(t)
	for _, instruction := range vm.shape.Instructions {
		switch i := instruction.(type) {
		case kernels.Gather:
			if !vm.shape.fused {
				launches = append(launches, vm.gatherTraining(p))
			}
		case kernels.Forward:
			switch {
			case !vm.shape.fused:
				launches = append(launches, vm.forward(p, i)...)
			case i.Src == vm.shape.dataFirst: // the other weights are drawn in the same launch
				launches = append(launches, vm.forward(p, i)[0], vm.middle(p))
			}
		case kernels.Loss:
			if !vm.shape.fused {
				launches = append(launches, vm.loss(p, i))
			}
		case kernels.Backward:
			if !vm.shape.fused {
				launches = append(launches, vm.backward(p, i))
			}
		}
	}
	return append(launches, vm.useGradients(p)...)
}

// useGradients lists the launches that form dW of all layers, and what follows them.
func (vm *VM) useGradients(p pass) []Launch {
	switch {
	case vm.shape.sums:
		return []Launch{vm.accumulate(p)}
	case vm.shape.walks:
		return []Launch{vm.langevin(p)}
	}
	launches := []Launch{vm.update(p)}
	for _, instruction := range vm.shape.Instructions {
		if i, ok := instruction.(kernels.UpdateShared); ok {
			launches = append(launches, vm.updateSigma(p, i))
		}
	}
	return launches
}

// advance moves the base index of the steps.
func (vm *VM) advance(steps int) Launch {
	return Launch{
		Kernel: vm.kernels["advance"], Grid: [3]int{1, 1, 1}, Block: [3]int{1, 1, 1}, Args: []any{vm.memory.base, steps},
	}
}

// gatherTraining gathers the minibatches of a training step.
func (vm *VM) gatherTraining(p pass) Launch {
	return vm.gather(p, len(vm.slots), vm.train, vm.memory.inputs, vm.memory.order)
}

// parity is the distance between the halves of the input buffer that steps take turns with, in numbers.
func (vm *VM) parity(p pass) int {
	if !p.ahead {
		return 0
	}
	return vm.shape.parity(vm.most, vm.train)
}

func (vm *VM) gather(p pass, slots int, data *kernels.Data, inputs, order Address) Launch {
	kernel, scale, shift := "gather_bytes", data.Scale, data.Shift
	if data.Bytes == nil {
		kernel, scale, shift = "gather_floats", 1, 0
	}
	return Launch{
		Kernel: vm.kernels[kernel], Grid: [3]int{ceil(data.Width, 256), p.batch, slots}, Block: [3]int{256, 1, 1},
		Args: []any{p.values[vm.shape.dataFirst], inputs, order, p.steps, p.base, p.t, data.N, data.Width, p.batch, vm.parity(p),
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
	parity := 0
	if i.Src == vm.shape.dataFirst {
		parity = vm.parity(p)
	}
	blocks := ceil(l.Out, forwardRows) * ceil(p.batch, batchTile)
	if p.ahead {
		blocks += ceil(vm.tasks(), forwardTasks*slices)
	}
	launches := []Launch{{
		Kernel: vm.kernels["forward_"+p.kind], Grid: [3]int{blocks, slices, p.instances}, Block: [3]int{160, 1, 1},
		Args: []any{p.values[i.Dst], p.part, weights, p.values[i.Src], slot, vm.memory.state, vm.memory.members,
			p.steps, p.base, p.t, p.halts, vm.shape.stateSize, layout.Offset(i.Layer),
			3*vm.shape.slots + layout.PhiOffset(i.Layer), vm.phiStride(), l.In, l.Out, p.batch, p.groups, vm.shape.wSize,
			uint32(p.stream)<<16 | uint32(i.Layer), p.draw0, p.drawStride, int(i.Activation),
			p.weights, vm.memory.sampled, len(vm.shape.Layout.Layers) - 1, parity},
	}}
	if slices == 1 {
		return launches
	}
	return append(launches, Launch{
		Kernel: vm.kernels["activate"], Grid: [3]int{ceil(p.batch*l.Out, 256), 1, p.instances}, Block: [3]int{256, 1, 1},
		Args: []any{p.values[i.Dst], p.part, p.base, p.t, p.halts, l.Out, p.batch, p.groups, slices, int(i.Activation)},
	})
}

// answers are the addresses of labels and of targets, one of which is 0.
func (vm *VM) answers() (labels, targets Address) {
	if vm.shape.Likelihood == kernels.Gaussian {
		return 0, vm.memory.answers
	}
	return vm.memory.answers, 0
}

// closed is 1 if the gradients of a loss are to be closed: see kernels.CloseGradient.
func (vm *VM) closed() int {
	if vm.shape.sums {
		return 1
	}
	return 0
}

func (vm *VM) loss(p pass, i kernels.Loss) Launch {
	m := vm.memory
	labels, targets := vm.answers()
	return Launch{
		Kernel: vm.kernels["loss"], Grid: [3]int{1, 1, p.instances}, Block: [3]int{256, 1, 1}, Shared: lossBytes * p.batch,
		Args: []any{m.deltas[i.Src], m.losses, m.halts, m.values[i.Src], labels, targets, m.order, m.slots, m.members, p.steps,
			p.base, p.t, vm.train.N, vm.shape.Widths[i.Src], p.batch, int(i.Activation), vm.closed()},
	}
}

func (vm *VM) middle(p pass) Launch {
	m := vm.memory
	labels, targets := vm.answers()
	data, bytes, floats := vm.train, m.inputs, Address(0)
	if data.Bytes == nil {
		bytes, floats = 0, m.inputs
	}
	gathering := ceil(p.batch*data.Width, gatherValues)
	return Launch{
		Kernel: vm.kernels["middle"], Grid: [3]int{p.instances + len(vm.slots)*gathering, 1, 1}, Block: [3]int{512, 1, 1},
		Shared: lossBytes * p.batch,
		Args: []any{m.operations, len(vm.operationRecords()), m.part, m.weights, m.losses, m.halts, labels, targets, m.order,
			m.slots, m.members, p.steps, p.base, p.t, data.N, p.batch, vm.shape.wSize, m.values[vm.shape.dataFirst], bytes, floats,
			data.Width, vm.parity(p), p.instances, len(vm.slots), data.Scale, data.Shift, vm.closed()},
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

// update moves mu, and phi where it is per synapse, of all layers.
func (vm *VM) update(p pass) Launch {
	m, layout := vm.memory, vm.shape.Layout
	return Launch{
		Kernel: vm.kernels["update_"+p.kind], Grid: [3]int{vm.shape.tiles(), 1, p.instances}, Block: [3]int{256, 1, 1},
		Args: []any{m.state, m.sums, p.halts, m.bad, m.gradients, len(layout.Layers), m.members, p.steps, p.base, p.t,
			vm.shape.stateSize, vm.shape.slots, vm.shape.phiSlots, p.batch, vm.shape.rows, vm.shape.sumGroups,
			uint32(p.stream) << 16},
	}
}

// accumulate adds the gradients of all layers up.
func (vm *VM) accumulate(p pass) Launch {
	m := vm.memory
	return Launch{
		Kernel: vm.kernels["accumulate"], Grid: [3]int{vm.shape.tiles(), 1, p.instances}, Block: [3]int{256, 1, 1},
		Args: []any{m.totals, p.halts, m.bad, m.gradients, len(vm.shape.Layout.Layers), p.base, p.t, vm.shape.totalSize,
			vm.shape.slots, vm.shape.inputs, p.batch},
	}
}

// langevin moves mu of all layers down the gradient and by noise.
func (vm *VM) langevin(p pass) Launch {
	m := vm.memory
	return Launch{
		Kernel: vm.kernels["langevin"], Grid: [3]int{vm.shape.tiles(), 1, p.instances}, Block: [3]int{256, 1, 1},
		Args: []any{m.state, p.halts, m.bad, m.gradients, len(vm.shape.Layout.Layers), m.members, m.walks, p.steps, p.base, p.t,
			vm.shape.stateSize, p.batch, uint32(p.stream) << 16},
	}
}

// tiles counts the blocks that form dW of all layers.
func (s shape) tiles() int {
	tiles := 0
	for _, l := range s.Layout.Layers {
		tiles += gradientTiles(l)
	}
	return tiles
}

func gradientTiles(l kernels.Layer) int {
	return ceil(l.Columns(), groupColumns) * ceil(l.Out, gradientRows)
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

// phiStride is the distance between the phis of neighbouring rows that have one each, else 0.
func (vm *VM) phiStride() int {
	if vm.shape.Layout.Sharing == kernels.PerNeuron {
		return 1
	}
	return 0
}

// sampledRecords are the layers after the first, whose weights the first one's launch draws.
func (vm *VM) sampledRecords() []sampledRecord {
	var records []sampledRecord
	layout, task := vm.shape.Layout, 0
	for i, l := range layout.Layers[1:] {
		records = append(records, sampledRecord{
			In: int32(l.In), Out: int32(l.Out), MuOffset: int32(layout.Offset(1 + i)),
			PhiOffset: int32(3*vm.shape.slots + layout.PhiOffset(1+i)), PhiStride: int32(vm.phiStride()),
			WOffset: int32(vm.shape.wOffset[1+i]), Layer: int32(1 + i), FirstTask: int32(task),
		})
		task += layerTasks(l)
	}
	return records
}

func layerTasks(l kernels.Layer) int { return l.Out * ceil(l.Columns(), groupColumns) }

// tasks counts the pieces in which the weights of the layers after the first are drawn.
func (vm *VM) tasks() int {
	tasks := 0
	for _, l := range vm.shape.Layout.Layers[1:] {
		tasks += layerTasks(l)
	}
	return tasks
}

// gradientRecords are the layers as the kernels that form dW see them.
func (vm *VM) gradientRecords() []gradientRecord {
	var records []gradientRecord
	m, layout, tile := vm.memory, vm.shape.Layout, 0
	for _, u := range vm.shape.Gradients() {
		l, slot, parity := layout.Layers[u.Layer], m.identity, 0
		if u.Src == vm.shape.dataFirst {
			slot, parity = m.slots, vm.parity(vm.training(0))
		}
		records = append(records, gradientRecord{
			X: m.values[u.Src], XSlot: slot, DY: m.deltas[u.Dst], In: int32(l.In), Out: int32(l.Out),
			MuOffset: int32(layout.Offset(u.Layer)), PhiOffset: int32(3*vm.shape.slots + layout.PhiOffset(u.Layer)),
			Layer: int32(u.Layer), FirstRow: int32(vm.shape.firstRow[u.Layer]), FirstTile: int32(tile),
			MagnitudeTerms: float32(u.MagnitudeTerms), ReliabilityTerms: float32(u.ReliabilityTerms),
			Parity: int32(parity),
		})
		tile += gradientTiles(l)
	}
	return records
}

// operationRecords are the instructions that the middle kernel takes over: all between the product of the first layer and
// those that form dW.
func (vm *VM) operationRecords() []operationRecord {
	var records []operationRecord
	m, layers := vm.memory, vm.shape.Layout.Layers
	for _, instruction := range vm.shape.Instructions {
		switch i := instruction.(type) {
		case kernels.Forward:
			l := layers[i.Layer]
			slices := ceil(l.Columns(), forwardColumns)
			r := operationRecord{
				Kind: forwardOperation, In: int32(l.In), Out: int32(l.Out), Activation: int32(i.Activation),
				WOffset: int32(vm.shape.wOffset[i.Layer]), Slices: int32(slices), X: m.values[i.Src], Y: m.values[i.Dst],
			}
			if i.Src == vm.shape.dataFirst {
				if slices == 1 {
					continue
				}
				r.Kind = activateOperation
			}
			records = append(records, r)
		case kernels.Loss:
			records = append(records, operationRecord{
				Kind: lossOperation, Out: int32(vm.shape.Widths[i.Src]), Activation: int32(i.Activation),
				X: m.values[i.Src], Y: m.deltas[i.Src],
			})
		case kernels.Backward:
			l := layers[i.Layer]
			records = append(records, operationRecord{
				Kind: backwardOperation, In: int32(l.In), Out: int32(l.Out), Activation: int32(i.Activation),
				WOffset: int32(vm.shape.wOffset[i.Layer]), X: m.values[i.Src], DY: m.deltas[i.Dst], DX: m.deltas[i.Src],
			})
		}
	}
	return records
}
