package cuda

import "quantal/kernels"

// goesBack reports whether the gradient goes back through a dense layer.
func (s shape) goesBack(layer int) bool {
	for _, instruction := range s.Instructions {
		if i, ok := instruction.(kernels.Backward); ok && i.Layer == layer {
			return true
		}
	}
	return false
}

// exampleForward computes the means and the variances of pre-activations, and then their noise.
func (vm *VM) exampleForward(p pass, i kernels.Forward) []Launch {
	layout, n := vm.shape.Layout, vm.counts.of
	l := layout.Layers[i.Layer]
	blocks := ceil(l.Out, forwardRows) * ceil(p.batch, batchTile)
	quarters := p.batch * ceil(l.Out+1, groupColumns) * groupColumns / 4
	return []Launch{
		vm.call("example_forward_"+p.kind, [3]int{blocks, 1, p.instances}, 160, exampleForwardParameters{
			clock: p.clock, state: vm.memory.state, x: p.values[i.Src], xslot: vm.slot(p, i.Src), y: p.values[i.Dst],
			v: p.noise[i.Dst], stateSize: n(vm.shape.stateSize), muOffset: n(layout.Offset(i.Layer)),
			phiOffset: n(vm.shape.phiOffset() + layout.PhiOffset(i.Layer)), phiStride: n(vm.phiStride()), in: n(l.In),
			out: n(l.Out), batch: n(p.batch), groups: n(p.groups),
		}),
		vm.each("example_noise", p, quarters, exampleNoiseParameters{
			clock: p.clock, members: vm.memory.members, y: p.values[i.Dst], slope: p.kept(i.Dst), v: p.noise[i.Dst],
			out: n(l.Out), batch: n(p.batch), groups: n(p.groups), activation: activations[i.Activation],
			streamLayer: uint32(p.stream+kernels.StreamOfExamples)<<16 | uint32(i.Layer), draw0: p.draw0,
			drawStride: p.drawStride,
		}),
	}
}

// exampleSlopes computes the gradients of a buffer's variances, once that of its values is there.
func (vm *VM) exampleSlopes(p pass, b kernels.Buffer) Launch {
	m, n, width := vm.memory, vm.counts.of, vm.shape.Widths[b]
	return vm.each("example_slopes", p, p.batch*width, exampleSlopesParameters{
		clock: p.clock, dy: m.deltas[b], v: m.noise[b], out: n(width), batch: n(p.batch),
	})
}

func (vm *VM) exampleBack(p pass, i kernels.Backward) Launch {
	m, layout, n := vm.memory, vm.shape.Layout, vm.counts.of
	l := layout.Layers[i.Layer]
	grid := [3]int{ceil(l.In, backwardCols), ceil(p.batch, batchTile), p.instances}
	return vm.call("example_back_"+p.kind, grid, 128, exampleBackParameters{
		clock: p.clock, state: m.state, dy: m.deltas[i.Dst], v: m.noise[i.Dst], x: m.values[i.Src],
		of: vm.slopeOf(i.Activation, i.Src), dx: m.deltas[i.Src], stateSize: n(vm.shape.stateSize),
		muOffset: n(layout.Offset(i.Layer)), phiOffset: n(vm.shape.phiOffset() + layout.PhiOffset(i.Layer)),
		phiStride: n(vm.phiStride()), in: n(l.In), out: n(l.Out), batch: n(p.batch), activation: activations[i.Activation],
	})
}

// exampleGradient forms the gradients of the sigmas of all layers.
func (vm *VM) exampleGradient(p pass) Launch {
	m, s, n := vm.memory, vm.shape, vm.counts.of
	of := vm.layers(p)
	of.gradients = m.ofSigma
	return vm.call("example_gradient_"+p.kind, [3]int{s.tiles(), 1, p.instances}, 256, exampleGradientParameters{
		clock: p.clock, layers: of, state: m.state, spread: m.spread, stateSize: n(s.stateSize), phiStride: n(vm.phiStride()),
		slots: n(s.slots),
	})
}

// sigmaRecords are the layers as the kernel sees them that forms the gradients of their sigmas.
func (vm *VM) sigmaRecords() []gradientRecord {
	records := vm.gradientRecords()
	for i, g := range vm.shape.Gradients() {
		records[i].dy = vm.memory.noise[g.Dst]
	}
	return records
}
