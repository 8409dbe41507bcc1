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

// activate applies the activation of the Forward under way to the first n examples.
func (k *worker) activate(n int) {
	k.forwarding.examples = n
	k.fork(n*kernels.Stride(k.product.Out), (*worker).activatePart)
}

func (k *worker) activatePart(s share) {
	a, width, stride := k.forwarding.Activation, k.product.Out, kernels.Stride(k.product.Out)
	first, n := s.of(k.forwarding.examples, shareExamples)
	if n == 0 {
		return
	}
	y, slope := k.buffers[k.forwarding.Dst][first*stride:(first+n)*stride], []float32(nil)
	if a.KeepsSlope() {
		slope = k.slopes[k.forwarding.Dst][first*stride : (first+n)*stride]
	}
	k.set.activate(a, y, slope)
	for b := range n {
		pads := y[b*stride+width : (b+1)*stride]
		clear(pads)
		pads[0] = 1
	}
}
