package cpu

import "quantal/kernels"

// sum adds rows of examples. Their pads are not those of values: of the constants 1 only one stays.
func (k *worker) join(i kernels.Join) task {
	width, rows := k.program.Widths[i.Dst], k.program.RowsOf(i.Dst)
	stride := kernels.Stride(width)
	return k.examples(i.Dst, func(e int) {
		y, slope := k.value(i.Dst, e), []float32(nil)
		k.add(y, e, i.Srcs, k.value)
		if i.Activation != kernels.Linear {
			if i.Activation.KeepsSlope() {
				slope = k.slopes[i.Dst][e*rows*stride:][:rows*stride]
			}
			k.set.activate(i.Activation, y, slope)
		}
		for r := range rows {
			pads := y[r*stride+width : (r+1)*stride]
			clear(pads)
			pads[0] = 1
		}
	})
}

// add sums rows of an example of several buffers, in their order.
func (k *worker) add(dst []float32, example int, of []kernels.Buffer, values func(kernels.Buffer, int) []float32) {
	copy(dst, values(of[0], example))
	sum := k.set.operations[kernels.OpAdd]
	for _, b := range of[1:] {
		src := values(b, example)[:len(dst)]
		sum(&dst[0], &dst[0], &src[0], nil, nil, 1, 1, 0, 0, len(dst))
	}
}

func (k *worker) joinBackward(i kernels.JoinBackward) task {
	return k.examples(i.Dst, func(e int) {
		copy(k.delta(i.Src, e), k.delta(i.Dst, e))
		k.through(i.Activation, i.Src, e, 1)
	})
}

func (k *worker) merge(i kernels.Merge) task {
	return k.examples(i.Src, func(e int) {
		k.add(k.delta(i.Src, e), e, i.Dsts, k.delta)
		k.through(i.Activation, i.Src, e, 1)
	})
}
