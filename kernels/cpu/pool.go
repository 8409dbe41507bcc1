package cpu

import "quantal/kernels"

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
		kernels.PoolForward(i.Pooling, i.Window, k.value(i.Dst, e), k.value(i.Src, e))
	})
}

func (k *worker) poolBackward(i kernels.PoolBackward) task {
	return k.examples(i.Src, func(e int) {
		dy, y := k.delta(i.Dst, e), k.value(i.Dst, e)
		// The slope of a rectifier is that at the largest value, of which there are fewer.
		rectified := i.Activation == kernels.ReLU && i.Pooling == kernels.MaxPool
		if rectified {
			kernels.ApplyGradient(i.Activation, dy, y)
		}
		kernels.PoolGradient(i.Pooling, i.Window, k.delta(i.Src, e), dy, y, k.value(i.Src, e))
		if !rectified {
			k.through(i.Activation, i.Src, e, 1)
		}
	})
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
