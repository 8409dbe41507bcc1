package cpu

import "quantal/kernels"

// fused reports whether the products of every kernel set apply an activation themselves. The others are applied after
// them, to whole rows, whose pads are then as they were.
func fused(a kernels.Activation) bool { return a == kernels.Linear || a == kernels.ReLU }

// slopeOf is what the gradient of an activation is made of: its output, in the given buffer, or the slope kept beside.
func (k *worker) slopeOf(a kernels.Activation, b kernels.Buffer) []float32 {
	if a.KeepsSlope() {
		return k.slopes[b]
	}
	return k.buffers[b]
}

// activation applies the activation of a Forward to a share of the examples.
func (k *worker) activation(i kernels.Forward) func(p *pass, s share) {
	a, width, positions := i.Activation, k.program.Widths[i.Dst], k.program.RowsOf(i.Dst)
	stride := kernels.Stride(width)
	return func(p *pass, s share) {
		first, n := s.of(len(p.examples), shareExamples)
		if n == 0 {
			return
		}
		first, n = first*positions, n*positions
		y, slope := k.buffers[i.Dst][first*stride:(first+n)*stride], []float32(nil)
		if a.KeepsSlope() {
			slope = k.slopes[i.Dst][first*stride : (first+n)*stride]
		}
		k.set.activate(a, y, slope)
		for b := range n {
			pads := y[b*stride+width : (b+1)*stride]
			clear(pads)
			pads[0] = 1
		}
	}
}
