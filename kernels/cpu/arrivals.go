//go:build amd64 || arm64

package cpu

import "quantal/kernels"

// spikes wraps the kernels of spiking neurons in Go's bounds.
func (a *assembly) spikes() kernels.SpikeKernels[float32] {
	k := portable.spikes
	k.Uniforms = func(u []float32, n kernels.Noise, row int) {
		if len(u)%groupOfNumbers != 0 {
			kernels.Uniforms(u, n, row)
			return
		}
		keys := n.Keys()
		a.uniforms(&u[0], &keys, kernels.FirstBlock(row, len(u)), len(u))
	}
	if a.leak == nil {
		return k
	}
	k.Arrivals = func(x []float32, weight float32, bits []uint64, rows []uint32) {
		words := len(x) / 64
		for _, r := range rows {
			_ = bits[(int(r)+1)*words-1]
		}
		for ; len(rows) > 0; rows = rows[min(kernels.ArrivalRows, len(rows)):] {
			a.arrivals(&x[0], &bits[0], &rows[0], words*8, min(kernels.ArrivalRows, len(rows)), weight)
		}
	}
	k.Currents = func(drift, x []float32, gain, decay float32) {
		drift = drift[:len(x)]
		a.currents(&drift[0], &x[0], len(x), gain, decay)
	}
	k.Leak = func(v, jump, left, input, drift []float32, approach, theta float32, fired []uint64) {
		n := len(v)
		jump, left, input, drift, fired = jump[:n], left[:n], input[:n], drift[:n], fired[:n/64]
		a.leak(&v[0], &jump[0], &left[0], &input[0], &drift[0], &fired[0], n, approach, theta)
	}
	k.Steps = func(x, u, thresholds []float32, weight float32) {
		u = u[:len(x)]
		a.steps(&x[0], &u[0], &thresholds[0], len(x), len(thresholds), weight)
	}
	return k
}
