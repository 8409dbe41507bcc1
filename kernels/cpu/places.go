package cpu

import "quantal/kernels"

// places is the memory of each buffer, some of which may lie in the same.
func (k *worker) places() (buffers [][]float32) {
	place, slots := k.program.Places()
	all := make([][]float32, len(slots))
	for i, n := range slots {
		all[i] = aligned(k.batch * n)
	}
	for b, at := range place {
		n := k.batch * k.program.Slots(kernels.Buffer(b))
		buffers = append(buffers, all[at][:n:n])
	}
	return buffers
}

// placeSlopes makes room for the slopes that activations keep. Without a way back nothing reads them.
func (k *worker) placeSlopes() {
	keep, most := k.program.GoesBack(), 0
	var kept []int
	for b, values := range k.buffers {
		if k.program.KeepsSlope(kernels.Buffer(b)) {
			kept, most = append(kept, b), max(most, len(values))
		}
	}
	var unread []float32
	if !keep {
		unread = aligned(most)
	}
	for _, b := range kept {
		if k.slopes[b] = unread[:min(len(unread), len(k.buffers[b]))]; keep {
			k.slopes[b] = aligned(len(k.buffers[b]))
		}
	}
}

// constants writes the constant 1 after the values of each row of a buffer, and zeros after that.
func (k *worker) constants(b kernels.Buffer) {
	width, values := k.program.Widths[b], k.buffers[b]
	for stride := kernels.Stride(width); len(values) > 0; values = values[stride:] {
		clear(values[width:stride])
		values[width] = 1
	}
}

// fresh is the task of an instruction that makes a buffer where others of another width have been.
func (k *worker) fresh(instruction kernels.Instruction, do task) task {
	dst, ok := kernels.Makes(instruction)
	if !ok {
		return do
	}
	place, _ := k.program.Places()
	for b, at := range place {
		if at == place[dst] && k.program.Widths[b] != k.program.Widths[dst] {
			return func(p *pass) *kernels.Divergence {
				k.constants(dst)
				return do(p)
			}
		}
	}
	return do
}
