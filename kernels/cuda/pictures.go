package cuda

import "quantal/kernels"

// slot is where the examples of an instance are in a buffer: that of its seed in the inputs of the network.
func (vm *VM) slot(p pass, b kernels.Buffer) Address {
	if vm.shape.origin(b) == vm.shape.dataFirst {
		return p.xslot
	}
	return p.identity
}

// window is that of a layer; nil unless it is a convolution.
func (s shape) window(layer int) *kernels.Window {
	for _, instruction := range s.Instructions {
		if i, ok := instruction.(kernels.Convolve); ok && i.Layer == layer {
			return &i.Window
		}
	}
	return nil
}

// newWindow is how the kernels see a picture in a buffer.
func (vm *VM) newWindow(w kernels.Window, src kernels.Buffer) window {
	n, out := vm.counts.of, w.Output()
	position, channel := w.Strides()
	return window{
		height: n(w.Height), width: n(w.Width), channels: n(w.Channels), rows: n(w.Rows), columns: n(w.Columns),
		step: n(w.Step), pad: n(w.Pad), position: n(position), channel: n(channel), slots: n(vm.shape.Slots(src)),
		outHeight: n(out.Height), outWidth: n(out.Width),
	}
}

// drawShared draws the weights of the convolutions, which many blocks use.
func (vm *VM) drawShared(p pass) []Launch {
	if vm.shape.shared == 0 {
		return nil
	}
	n := vm.counts.of
	return []Launch{vm.call("forward_"+p.kind, [3]int{ceil(vm.tasks(), forwardTasks), 1, p.instances}, 160,
		forwardParameters{
			clock: p.clock, members: vm.memory.members, state: vm.memory.state, sampledW: p.drawn,
			sampled: vm.memory.sampled, sampledCount: n(len(vm.sampledRecords())), stateSize: n(vm.shape.stateSize),
			groups: n(p.groups), wSize: n(p.drawnSize), streamLayer: uint32(p.stream) << 16, draw0: p.draw0,
			drawStride: p.drawStride,
		})}
}

func (vm *VM) convolve(p pass, i kernels.Convolve) Launch {
	l, n := vm.shape.Layout.Layers[i.Layer], vm.counts.of
	tiles := ceil(p.batch*i.Window.Output().Positions(), batchTile)
	return vm.call("convolve", [3]int{ceil(l.Out, forwardRows) * tiles, 1, p.instances}, 160, convolveParameters{
		clock: p.clock, x: p.values[i.Src], xslot: vm.slot(p, i.Src), y: p.values[i.Dst], slope: p.kept(i.Dst),
		w: p.drawn + Address(4*vm.shape.wOffset[i.Layer]), window: vm.newWindow(i.Window, i.Src), in: n(l.In), out: n(l.Out),
		batch: n(p.batch), groups: n(p.groups), wSize: n(p.drawnSize), activation: activations[i.Activation],
	})
}

func (vm *VM) convolveBack(p pass, i kernels.ConvolveBackward) Launch {
	m, w, n := vm.memory, i.Window, vm.counts.of
	blocks := ceil(w.Channels, backwardCols) * ceil(p.batch*w.Positions(), batchTile)
	return vm.call("convolve_back", [3]int{blocks, 1, p.instances}, 128, convolveBackParameters{
		clock: p.clock, dy: m.deltas[i.Dst], w: m.weights + Address(4*vm.shape.wOffset[i.Layer]),
		x: vm.slopeOf(i.Activation, i.Src), dx: m.deltas[i.Src], window: vm.newWindow(w, i.Src),
		out: n(vm.shape.Layout.Layers[i.Layer].Out), batch: n(p.batch), wSize: n(vm.shape.wSize),
		activation: activations[i.Activation],
	})
}

// convolveGradient forms dW of a convolution, which the kernels that use it read.
func (vm *VM) convolveGradient(p pass, g kernels.Gradient) []Launch {
	m, l, n := vm.memory, vm.shape.Layout.Layers[g.Layer], vm.counts.of
	parts, dw := vm.shape.parts[g.Layer], m.parts+Address(4*vm.shape.partAt[g.Layer])
	launches := []Launch{vm.call("convolve_gradient", [3]int{gradientTiles(l) * parts, 1, p.instances}, 256,
		convolveGradientParameters{
			clock: p.clock, x: m.values[g.Src], xslot: vm.slot(p, g.Src), dy: m.deltas[g.Dst],
			dw: dw, window: vm.newWindow(*g.Window, g.Src), in: n(l.In), out: n(l.Out), batch: n(p.batch), parts: n(parts),
			dwSize: n(vm.shape.partsSize),
		})}
	if parts == 1 {
		return launches
	}
	return append(launches, vm.each("convolve_reduce", p, l.Slots(), convolveReduceParameters{
		clock: p.clock, dw: dw, slots: n(l.Slots()), parts: n(parts), dwSize: n(vm.shape.partsSize),
	}))
}

// average is 1 for an average pool.
func average(p kernels.Pooling) int32 {
	if p == kernels.AveragePool {
		return 1
	}
	return 0
}

// each is a launch with a thread for each of so many values of an instance.
func (vm *VM) each(kernel string, p pass, values int, parameters any) Launch {
	return vm.call(kernel, [3]int{ceil(values, 256), 1, p.instances}, 256, parameters)
}

func (vm *VM) pool(p pass, i kernels.Pool) Launch {
	n := vm.counts.of
	return vm.each("pool", p, p.batch*i.Window.Output().Units(), poolParameters{
		clock: p.clock, x: p.values[i.Src], xslot: vm.slot(p, i.Src), y: p.values[i.Dst],
		window: vm.newWindow(i.Window, i.Src), batch: n(p.batch), groups: n(p.groups), average: average(i.Pooling),
	})
}

func (vm *VM) poolBack(p pass, i kernels.PoolBackward) Launch {
	m, n := vm.memory, vm.counts.of
	return vm.each("pool_back", p, p.batch*i.Window.Units(), poolBackParameters{
		clock: p.clock, dy: m.deltas[i.Dst], y: m.values[i.Dst], x: m.values[i.Src], of: vm.slopeOf(i.Activation, i.Src),
		dx: m.deltas[i.Src], window: vm.newWindow(i.Window, i.Src), batch: n(p.batch), average: average(i.Pooling),
		activation: activations[i.Activation],
	})
}

func (vm *VM) flatten(p pass, i kernels.Flatten) Launch {
	n := vm.counts.of
	return vm.each("flatten", p, p.batch*i.Picture.Units(), flattenParameters{
		clock: p.clock, x: p.values[i.Src], xslot: vm.slot(p, i.Src), y: p.values[i.Dst],
		positions: n(i.Picture.Positions()), channels: n(i.Picture.Channels), batch: n(p.batch), groups: n(p.groups),
	})
}

func (vm *VM) flattenBack(p pass, i kernels.FlattenBackward) Launch {
	m, n := vm.memory, vm.counts.of
	return vm.each("flatten_back", p, p.batch*i.Picture.Units(), flattenBackParameters{
		clock: p.clock, dy: m.deltas[i.Dst], of: vm.slopeOf(i.Activation, i.Src), dx: m.deltas[i.Src],
		positions: n(i.Picture.Positions()), channels: n(i.Picture.Channels), batch: n(p.batch),
		activation: activations[i.Activation],
	})
}

// pairs calls f for the sums of two that add buffers in their order, the first of which may have been added before: of
// one buffer with none, if there are no more.
func pairs(all []kernels.Buffer, sum kernels.Buffer, f func(left kernels.Buffer, right *kernels.Buffer, last bool)) {
	if len(all) == 1 {
		f(all[0], nil, true)
		return
	}
	left := all[0]
	for k := 1; k < len(all); k++ {
		f(left, &all[k], k == len(all)-1)
		left = sum
	}
}

// join adds two buffers at a time; the last launch applies the activation.
func (vm *VM) join(p pass, i kernels.Join) (launches []Launch) {
	n, width := vm.counts.of, vm.shape.Widths[i.Dst]
	rows := p.batch * vm.shape.RowsOf(i.Dst)
	pairs(i.Srcs, i.Dst, func(left kernels.Buffer, right *kernels.Buffer, last bool) {
		j := joinParameters{
			clock: p.clock, left: p.values[left], leftSlot: vm.slot(p, left), y: p.values[i.Dst], rows: n(rows),
			width: n(width), groups: n(p.groups),
		}
		if right != nil {
			j.right, j.rightSlot = p.values[*right], vm.slot(p, *right)
		}
		if last {
			j.slope, j.activation = p.kept(i.Dst), activations[i.Activation]
		}
		launches = append(launches, vm.each("join", p, rows*width, j))
	})
	return launches
}

// joinBack adds the gradients of buffers to that of src, and takes them through its activation.
func (vm *VM) joinBack(p pass, src kernels.Buffer, dsts []kernels.Buffer, a kernels.Activation) (launches []Launch) {
	m, n, width := vm.memory, vm.counts.of, vm.shape.Widths[src]
	rows := p.batch * vm.shape.RowsOf(src)
	pairs(dsts, src, func(left kernels.Buffer, right *kernels.Buffer, last bool) {
		j := joinBackParameters{
			clock: p.clock, left: m.deltas[left], of: vm.slopeOf(a, src), dx: m.deltas[src], rows: n(rows), width: n(width),
		}
		if right != nil {
			j.right = m.deltas[*right]
		}
		if last {
			j.activation = activations[a]
		}
		launches = append(launches, vm.each("join_back", p, rows*width, j))
	})
	return launches
}
