package cuda

import "quantal/kernels"

// pass is the setting of a forward pass: training on the resident members, or testing them on groups of examples.
type pass struct {
	clock
	instances  int // blocks of the third dimension of the grid: members, times groups
	groups     int // per member
	batch      int // examples of an instance
	stream     kernels.Stream
	kind       string // of forward: means, shared or synapse
	draw0      uint32
	drawStride uint32
	xslot      Address // place of an instance's examples in the input buffer
	identity   Address // 0, 1, ...
	values     []Address
	slopes     []Address // nil where they are not kept: in tests
	noise      []Address
	part       Address
	weights    Address
	drawn      Address // weights of convolutions, drawnSize numbers from one instance to the next
	drawnSize  int
	ahead      bool // the first layer's launch draws the weights of the others too
}

// kept is where the slopes of a buffer go, or 0 where they are not kept.
func (p pass) kept(b kernels.Buffer) Address {
	if p.slopes == nil {
		return 0
	}
	return p.slopes[b]
}

// slopeOf is what the slope of an activation follows from: its output in a buffer, or the slope kept beside.
func (vm *VM) slopeOf(a kernels.Activation, b kernels.Buffer) Address {
	if a.KeepsSlope() {
		return vm.memory.slopes[b]
	}
	return vm.memory.values[b]
}

// training is the pass of a step of the program, the t-th from the base index.
func (vm *VM) training(t int) pass {
	stream, drawn := vm.shape.Rule.Draws()
	kind := vm.kind()
	if !drawn {
		kind = "means"
	}
	m := vm.memory
	return pass{
		clock:     clock{steps: m.steps, base: m.base, halts: m.halts, t: vm.counts.of(t)},
		instances: vm.resident.len(), groups: 1, batch: vm.shape.Batch, stream: stream, kind: kind, xslot: m.slots,
		identity: m.identity, values: m.values, slopes: m.slopes, noise: m.noise, part: m.part,
		weights: m.weights, drawn: m.weights,
		drawnSize: vm.shape.wSize, ahead: vm.shape.fused,
	}
}

// kind is the variant of the kernels that the sharing of sigma needs.
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
	p := vm.training(t)
	launches := vm.drawShared(p)
	for _, instruction := range vm.shape.Instructions {
		f, ok := instruction.(kernels.Forward)
		switch {
		case !vm.shape.fused:
			launches = append(launches, vm.operation(p, instruction)...)
		case ok && f.Src == vm.shape.dataFirst: // the other weights are drawn in the same launch
			launches = append(launches, vm.forward(p, f)[0], vm.middle(p))
		}
	}
	return append(launches, vm.useGradients(p)...)
}

// operation lists the launches of an instruction, but for those that take part in others: a Sample is drawn by its
// Forward, or by drawShared, and dW of all layers is used at once.
func (vm *VM) operation(p pass, instruction kernels.Instruction) []Launch {
	switch i := instruction.(type) {
	case kernels.Gather:
		return []Launch{vm.gatherTraining(p)}
	case kernels.Forward:
		if vm.shape.examples && p.kind != "means" {
			return vm.exampleForward(p, i)
		}
		return vm.forward(p, i)
	case kernels.Loss:
		return []Launch{vm.loss(p, i)}
	case kernels.Backward:
		if vm.shape.drawsExamples {
			return []Launch{vm.exampleSlopes(p, i.Dst), vm.exampleBack(p, i)}
		}
		return []Launch{vm.backward(p, i)}
	case kernels.Convolve:
		return []Launch{vm.convolve(p, i)}
	case kernels.ConvolveBackward:
		return []Launch{vm.convolveBack(p, i)}
	case kernels.Pool:
		return []Launch{vm.pool(p, i)}
	case kernels.PoolBackward:
		return []Launch{vm.poolBack(p, i)}
	case kernels.Flatten:
		return []Launch{vm.flatten(p, i)}
	case kernels.FlattenBackward:
		return []Launch{vm.flattenBack(p, i)}
	case kernels.Join:
		return vm.join(p, i)
	case kernels.JoinBackward:
		return vm.joinBack(p, i.Src, []kernels.Buffer{i.Dst}, i.Activation)
	case kernels.Merge:
		return vm.joinBack(p, i.Src, i.Dsts, i.Activation)
	}
	g, ok := kernels.GradientOf(instruction)
	switch {
	case ok && g.Window != nil:
		return vm.convolveGradient(p, g)
	case ok && vm.shape.drawsExamples && !vm.shape.goesBack(g.Layer):
		return []Launch{vm.exampleSlopes(p, g.Dst)}
	}
	return nil
}

// useGradients lists the launches that form dW of all layers, and what follows them.
func (vm *VM) useGradients(p pass) []Launch {
	switch {
	case vm.shape.sums:
		return []Launch{vm.accumulate(p)}
	case vm.shape.langevin:
		return []Launch{vm.langevin(p)}
	}
	var launches []Launch
	if vm.shape.drawsExamples {
		launches = append(launches, vm.exampleGradient(p))
	}
	if vm.shape.own {
		return append(launches, vm.learn(p))
	}
	launches = append(launches, vm.update(p))
	for _, instruction := range vm.shape.Instructions {
		if i, ok := instruction.(kernels.UpdateShared); ok {
			launches = append(launches, vm.updateSigma(p, i))
		}
	}
	return launches
}

// call is a launch of a kernel on a grid of blocks with the given number of threads each.
func (vm *VM) call(kernel string, grid [3]int, threads int, parameters any) Launch {
	return Launch{Kernel: vm.kernels[kernel], Grid: grid, Block: [3]int{threads, 1, 1}, Parameters: parameters}
}

// advance moves the base index of the steps.
func (vm *VM) advance(steps int) Launch {
	return vm.call("advance", [3]int{1, 1, 1}, 1, advanceParameters{base: vm.memory.base, steps: vm.counts.of(steps)})
}

// gatherTraining gathers the minibatches of a training step.
func (vm *VM) gatherTraining(p pass) Launch {
	return vm.gather(p, len(vm.slots), vm.Train, vm.memory.inputs, vm.memory.order)
}

// parity is the distance, in numbers, between the halves of the input buffer between which steps alternate.
func (vm *VM) parity(p pass) int {
	if !p.ahead {
		return 0
	}
	return vm.shape.parity(vm.most, vm.Train)
}

func (vm *VM) gather(p pass, slots int, data *kernels.Data, inputs, order Address) Launch {
	kernel := "gather_bytes"
	if data.Bytes == nil {
		kernel = "gather_floats"
	}
	return vm.call(kernel, [3]int{ceil(data.Width, 256), p.batch, slots}, 256,
		gatherParameters{clock: p.clock, minibatch: vm.minibatch(p, data, inputs, order)})
}

func (vm *VM) minibatch(p pass, data *kernels.Data, inputs, order Address) minibatch {
	n := vm.counts.of
	m := minibatch{
		x: p.values[vm.shape.dataFirst], bytes: inputs, order: order, n: n(data.N), width: n(data.Width), batch: n(p.batch),
		parity: n(vm.parity(p)), scale: data.Scale, shift: data.Shift,
	}
	if data.Bytes == nil {
		m.bytes, m.floats, m.scale, m.shift = 0, inputs, 1, 0
	}
	return m
}

func (vm *VM) forward(p pass, i kernels.Forward) []Launch {
	layout := vm.shape.Layout
	l := layout.Layers[i.Layer]
	slices := ceil(l.Columns(), forwardColumns)
	slot := vm.slot(p, i.Src)
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
	n := vm.counts.of
	launches := []Launch{vm.call("forward_"+p.kind, [3]int{blocks, slices, p.instances}, 160, forwardParameters{
		clock: p.clock, members: vm.memory.members, state: vm.memory.state, x: p.values[i.Src], xslot: slot,
		y: p.values[i.Dst], slope: p.kept(i.Dst), part: p.part, w: weights, sampledW: p.weights, sampled: vm.memory.sampled,
		sampledCount: n(len(layout.Layers) - 1), stateSize: n(vm.shape.stateSize), muOffset: n(layout.Offset(i.Layer)),
		phiOffset: n(vm.shape.phiOffset() + layout.PhiOffset(i.Layer)), phiStride: n(vm.phiStride()), in: n(l.In),
		out:   n(l.Out),
		batch: n(p.batch), groups: n(p.groups), wSize: n(vm.shape.wSize), activation: activations[i.Activation],
		parity:      n(parity),
		streamLayer: uint32(p.stream)<<16 | uint32(i.Layer), draw0: p.draw0, drawStride: p.drawStride,
	})}
	if slices == 1 {
		return launches
	}
	return append(launches, vm.call("activate", [3]int{ceil(p.batch*l.Out, 256), 1, p.instances}, 256, activateParameters{
		clock: p.clock, y: p.values[i.Dst], slope: p.kept(i.Dst), part: p.part, out: n(l.Out), batch: n(p.batch),
		groups: n(p.groups),
		slices: n(slices), activation: activations[i.Activation],
	}))
}

// answers are the labels or the targets at an address.
func (vm *VM) answers(at Address) answers {
	if vm.shape.Likelihood == kernels.Gaussian {
		return answers{targets: at}
	}
	return answers{labels: at}
}

// closed is 1 if the gradients of a loss must be closed: see kernels.CloseGradient.
func (vm *VM) closed() int32 {
	if vm.shape.sums {
		return 1
	}
	return 0
}

func (vm *VM) loss(p pass, i kernels.Loss) Launch {
	m, n := vm.memory, vm.counts.of
	launch := vm.call("loss", [3]int{1, 1, p.instances}, 256, lossParameters{
		clock: p.clock, answers: vm.answers(m.answers), members: m.members, order: m.order, slots: m.slots,
		y: m.values[i.Src], slope: vm.slopeOf(i.Activation, i.Src), d: m.deltas[i.Src], losses: m.losses, n: n(vm.Train.N),
		out:   n(vm.shape.Widths[i.Src]),
		batch: n(p.batch), activation: activations[i.Activation], closed: vm.closed(),
	})
	launch.Shared = lossBytes * p.batch
	return launch
}

func (vm *VM) middle(p pass) Launch {
	m, n := vm.memory, vm.counts.of
	gathering := ceil(p.batch*vm.Train.Width, gatherValues)
	launch := vm.call("middle", [3]int{p.instances + len(vm.slots)*gathering, 1, 1}, 512, middleParameters{
		clock: p.clock, answers: vm.answers(m.answers), next: vm.minibatch(p, vm.Train, m.inputs, m.order),
		operations: m.operations, members: m.members, slots: m.slots, part: m.part, w: m.weights, losses: m.losses,
		operationCount: n(len(vm.operationRecords())), memberCount: n(p.instances), slotCount: n(len(vm.slots)),
		wSize: n(vm.shape.wSize), closed: vm.closed(),
	})
	launch.Shared = lossBytes * p.batch
	return launch
}

func (vm *VM) backward(p pass, i kernels.Backward) Launch {
	m, l, n := vm.memory, vm.shape.Layout.Layers[i.Layer], vm.counts.of
	grid := [3]int{ceil(l.In, backwardCols), ceil(p.batch, batchTile), p.instances}
	return vm.call("backward", grid, 128, backwardParameters{
		clock: p.clock, dy: m.deltas[i.Dst], w: m.weights + Address(4*vm.shape.wOffset[i.Layer]),
		x: vm.slopeOf(i.Activation, i.Src), dx: m.deltas[i.Src], in: n(l.In), out: n(l.Out), batch: n(p.batch),
		wSize:      n(vm.shape.wSize),
		activation: activations[i.Activation],
	})
}

// layers are what the kernels that form dW take.
func (vm *VM) layers(p pass) layers {
	m, n := vm.memory, vm.counts.of
	return layers{gradients: m.gradients, bad: m.bad, count: n(len(vm.shape.Layout.Layers)), batch: n(p.batch)}
}

// activations are those that the kernels know, with their numbers in src/common.cuh.
var activations = map[kernels.Activation]int32{
	kernels.Linear: 0, kernels.ReLU: 1, kernels.Tanh: 2, kernels.LeakyReLU: 3, kernels.Sigmoid: 4,
	kernels.SoftplusActivation: 5, kernels.GELU: 6,
}

// movers are the rules that train, with the suffixes of their kernels' names.
var movers = map[string]string{"adam": "", "sgd": "_sgd", "momentum": "_momentum", "rmsprop": "_rmsprop"}

// update moves mu of all layers, and phi if it is per synapse.
func (vm *VM) update(p pass) Launch {
	m, s, n := vm.memory, vm.shape, vm.counts.of
	kernel := "update" + movers[s.Rule.Name()] + s.form() + "_" + p.kind
	return vm.call(kernel, [3]int{s.tiles(), 1, p.instances}, 256, updateParameters{
		clock: p.clock, layers: vm.layers(p), members: m.members, prices: m.prices, numbers: m.numbers, spread: m.spread,
		state: m.state, sums: m.sums, stateSize: n(s.stateSize), muSlots: n(s.slots), phiSlots: n(s.phiSlots),
		rows: n(s.rows), sumGroups: n(s.sumGroups), phiStride: n(vm.phiStride()), numberCount: n(len(s.numbers.Outputs)),
		stream: uint32(p.stream) << 16,
	})
}

// learn moves the parameters that synapses have of their own, in all layers, and sets mu and phi.
func (vm *VM) learn(p pass) Launch {
	m, s, n := vm.memory, vm.shape, vm.counts.of
	return vm.call("learn"+movers[s.Rule.Name()], [3]int{s.tiles(), 1, p.instances}, 256, learnParameters{
		clock: p.clock, layers: vm.layers(p), members: m.members, prices: m.prices, numbers: m.numbers, spread: m.spread,
		state:     m.state,
		stateSize: n(s.stateSize), thetaOffset: n(s.thetaOffset()), slots: n(s.slots),
		parameters: n(len(s.Layout.Parameters)), numberCount: n(len(s.numbers.Outputs)), stream: uint32(p.stream) << 16,
	})
}

// accumulate adds up the gradients of all layers.
func (vm *VM) accumulate(p pass) Launch {
	s, n := vm.shape, vm.counts.of
	return vm.call("accumulate", [3]int{s.tiles(), 1, p.instances}, 256, accumulateParameters{
		clock: p.clock, layers: vm.layers(p), totals: vm.memory.totals, totalSize: n(s.totalSize), muSlots: n(s.slots),
		inputs: n(s.inputs),
	})
}

// langevin moves mu of all layers down the gradient, with noise.
func (vm *VM) langevin(p pass) Launch {
	m, s, n := vm.memory, vm.shape, vm.counts.of
	return vm.call("langevin"+s.form(), [3]int{s.tiles(), 1, p.instances}, 256, langevinParameters{
		clock: p.clock, layers: vm.layers(p), members: m.members, langevin: m.langevin, prices: m.prices, numbers: m.numbers,
		state: m.state, stateSize: n(s.stateSize), phiStride: n(vm.phiStride()), numberCount: n(len(s.numbers.Outputs)),
		noise: noiseKinds[vm.kind()], stream: uint32(p.stream) << 16,
	})
}

// noiseKinds are the numbers of Kind in src/update.cuh.
var noiseKinds = map[string]int32{"means": 0, "shared": 1, "synapse": 2}

// form is what the kernels for formulas have in their names.
func (s shape) form() string {
	if s.priced {
		return "_priced"
	}
	return ""
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
	m, s, n := vm.memory, vm.shape, vm.counts.of
	return vm.call("update"+movers[s.Rule.Name()]+"_sigma", [3]int{len(s.Layout.Groups()), 1, p.instances}, 64,
		updateSigmaParameters{
			clock: p.clock, layers: vm.layers(p), members: m.members, prices: m.prices, rowsOf: m.rowsOf, synapses: m.synapses,
			layerOf: m.layerOf, sums: m.sums, state: m.state, stateSize: n(s.stateSize), phiOffset: n(s.phiOffset()),
			phiSlots: n(s.phiSlots),
			rows:     n(s.rows), sumGroups: n(s.sumGroups),
		})
}

// phiStride is the distance between the phis of neighbouring rows that have one each, else 0.
func (vm *VM) phiStride() int {
	if vm.shape.Layout.Sharing == kernels.PerNeuron {
		return 1
	}
	return 0
}

// sampledRecords are the layers whose weights are drawn ahead: convolutions, or else the layers after the first, by the
// first one's launch.
func (vm *VM) sampledRecords() []sampledRecord {
	var records []sampledRecord
	layout, task, n := vm.shape.Layout, 0, vm.counts.of
	for i, l := range layout.Layers {
		if !vm.drawnAhead(i) {
			continue
		}
		records = append(records, sampledRecord{
			in: n(l.In), out: n(l.Out), muOffset: n(layout.Offset(i)),
			phiOffset: n(vm.shape.phiOffset() + layout.PhiOffset(i)), phiStride: n(vm.phiStride()),
			wOffset: n(vm.shape.wOffset[i]), layer: n(i), firstTask: n(task),
		})
		task += layerTasks(l)
	}
	return records
}

func layerTasks(l kernels.Layer) int { return l.Out * ceil(l.Columns(), groupColumns) }

// drawnAhead reports whether a layer is one of sampledRecords.
func (vm *VM) drawnAhead(layer int) bool {
	if vm.shape.shared > 0 {
		return vm.shape.window(layer) != nil
	}
	return layer > 0
}

// tasks counts the pieces in which the weights of these layers are drawn.
func (vm *VM) tasks() int {
	tasks := 0
	for i, l := range vm.shape.Layout.Layers {
		if vm.drawnAhead(i) {
			tasks += layerTasks(l)
		}
	}
	return tasks
}

// gradientRecords are the layers as the kernels that form dW see them.
func (vm *VM) gradientRecords() []gradientRecord {
	var records []gradientRecord
	m, layout, tile, n := vm.memory, vm.shape.Layout, 0, vm.counts.of
	for _, u := range vm.shape.Gradients() {
		l, batch := layout.Layers[u.Layer], vm.shape.Batch
		r := gradientRecord{
			x: m.values[u.Src], xslot: vm.slot(vm.training(0), u.Src), dy: m.deltas[u.Dst], in: n(l.In), out: n(l.Out),
			muOffset: n(layout.Offset(u.Layer)), phiOffset: n(vm.shape.phiOffset() + layout.PhiOffset(u.Layer)),
			layer: n(u.Layer), firstRow: n(vm.shape.firstRow[u.Layer]), firstTile: n(tile),
			xSize: n(batch * l.Stride()), dySize: n(batch * kernels.Stride(l.Out)),
		}
		switch {
		case u.Window != nil:
			r.x, r.xslot, r.dy = m.parts+Address(4*vm.shape.partAt[u.Layer]), m.identity, m.units
			r.xSize, r.dySize = n(vm.shape.partsSize), 0
		case u.Src == vm.shape.dataFirst:
			r.parity = n(vm.parity(vm.training(0)))
		}
		records = append(records, r)
		tile += gradientTiles(l)
	}
	return records
}

// operationRecords are the instructions that the middle kernel takes over: all between the product of the first layer
// and those that form dW.
func (vm *VM) operationRecords() []operationRecord {
	var records []operationRecord
	m, layers, n := vm.memory, vm.shape.Layout.Layers, vm.counts.of
	for _, instruction := range vm.shape.Instructions {
		switch i := instruction.(type) {
		case kernels.Forward:
			l := layers[i.Layer]
			slices := ceil(l.Columns(), forwardColumns)
			r := operationRecord{
				kind: forwardOperation, in: n(l.In), out: n(l.Out), activation: activations[i.Activation],
				wOffset: n(vm.shape.wOffset[i.Layer]), slices: n(slices), x: m.values[i.Src], y: m.values[i.Dst],
				slope: m.slopes[i.Dst],
			}
			if i.Src == vm.shape.dataFirst {
				if slices == 1 {
					continue
				}
				r.kind = activateOperation
			}
			records = append(records, r)
		case kernels.Loss:
			records = append(records, operationRecord{
				kind: lossOperation, out: n(vm.shape.Widths[i.Src]), activation: activations[i.Activation],
				x: m.values[i.Src], y: m.deltas[i.Src], slope: vm.slopeOf(i.Activation, i.Src),
			})
		case kernels.Backward:
			l := layers[i.Layer]
			records = append(records, operationRecord{
				kind: backwardOperation, in: n(l.In), out: n(l.Out), activation: activations[i.Activation],
				wOffset: n(vm.shape.wOffset[i.Layer]), x: vm.slopeOf(i.Activation, i.Src), dy: m.deltas[i.Dst],
				dx: m.deltas[i.Src],
			})
		}
	}
	return records
}
