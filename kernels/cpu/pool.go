package cpu

import (
	"math"

	"quantal/kernels"
)

// examples is a task that divides the examples among threads; the work is that of the buffer.
func (k *worker) examples(b kernels.Buffer, do func(example int)) task {
	slots := k.program.Slots(b)
	part := func(p *pass, s share) {
		first, n := s.of(len(p.examples), 1)
		for e := first; e < first+n; e++ {
			do(e)
		}
	}
	return func(p *pass) *kernels.Divergence {
		k.fork(len(p.examples)*slots, p, part)
		return nil
	}
}

// value and gradient are those of an example.
func (k *worker) value(b kernels.Buffer, example int) []float32 {
	slots := k.program.Slots(b)
	return k.buffers[b][example*slots:][:slots]
}

func (k *worker) delta(b kernels.Buffer, example int) []float32 {
	slots := k.program.Slots(b)
	return k.deltas[b][example*slots:][:slots]
}

func (k *worker) pool(i kernels.Pool) task {
	return k.examples(i.Src, func(e int) {
		y, x := k.value(i.Dst, e), k.value(i.Src, e)
		if i.Pooling == kernels.MaxPool {
			maxPool(i.Window, y, x)
		} else {
			kernels.PoolForward(i.Pooling, i.Window, y, x)
		}
	})
}

func (k *worker) poolBackward(i kernels.PoolBackward) task {
	return k.examples(i.Src, func(e int) {
		dx, dy, y, x := k.delta(i.Src, e), k.delta(i.Dst, e), k.value(i.Dst, e), k.value(i.Src, e)
		if i.Pooling == kernels.MaxPool && i.Window.Step >= max(i.Window.Rows, i.Window.Columns) {
			if k.set.maxPoolGradient(i.Window, i.Activation, dx, dy, y, x); i.Activation == kernels.ReLU {
				return
			}
		} else {
			kernels.PoolGradient(i.Pooling, i.Window, dx, dy, y, x)
		}
		k.through(i.Activation, i.Src, e, 1)
	})
}

// corners calls f with the first position of the picture that a pool sees, for each of its outputs.
func corners(w kernels.Window, f func(r, at int)) {
	out := w.Output()
	for y := range out.Height {
		for x := range out.Width {
			f(y*out.Width+x, (y*w.Width+x)*w.Step)
		}
	}
}

// maxPool is kernels.PoolForward without branches: no processor foresees where the largest value is.
func maxPool(w kernels.Window, y, x []float32) {
	stride := kernels.Stride(w.Channels)
	corners(w, func(r, at int) {
		to := y[r*stride:][:w.Channels]
		for i := range w.Rows {
			for j := range w.Columns {
				from := x[(at+i*w.Width+j)*stride:][:len(to)]
				if i+j == 0 {
					copy(to, from)
					continue
				}
				for c, v := range from {
					to[c] = max(to[c], v) // a NaN stays one
				}
			}
		}
	})
}

// maxPoolGradient is kernels.PoolGradient, through the activation of x, of windows that do not overlap; it uses up dy.
func (k *kernelSet) maxPoolGradient(w kernels.Window, a kernels.Activation, dx, dy, y, x []float32) {
	stride, out, threshold := kernels.Stride(w.Channels), w.Output(), float32(math.Inf(-1))
	if a == kernels.ReLU { // whose slope is that at the largest value
		threshold = 0
	}
	clear(dx[:w.Positions()*stride])
	for line := range out.Height {
		at := line * out.Width * stride
		for i := range w.Rows {
			for j := range w.Columns {
				first := ((line*w.Step+i)*w.Width + j) * stride
				k.claim(dx[first:], x[first:], y[at:], dy[at:], stride, out.Width, w.Step*stride, threshold)
			}
		}
	}
}

func (k *worker) flatten(i kernels.Flatten) task {
	return k.examples(i.Dst, func(e int) { kernels.Flat(i.Picture, k.value(i.Dst, e), k.value(i.Src, e)) })
}

func (k *worker) flattenBackward(i kernels.FlattenBackward) task {
	return k.examples(i.Dst, func(e int) {
		kernels.Unflat(i.Picture, k.delta(i.Src, e), k.delta(i.Dst, e))
		k.through(i.Activation, i.Src, e, 1)
	})
}
