package tolerance

import "quantal/kernels"

// use separates the uses of noise in this package: it is the upper byte of kernels.Noise.Draw. Draws of networks are
// steps there.
type use uint32

const (
	forFluctuation use = iota
	forHit             // which synapses of a subset are rewired or deleted
	forRewiring        // which synapse gets whose strength
	forSubsets         // subsets at random
	forContacts
	forProfile
	forShuffledSigma
	forShuffledSigns
)

// source is the noise of a use in one draw of a network. Further numbers, below 2^12 each, distinguish several draws
// for the same use.
func source(seed uint64, u use, draw int, further ...int) kernels.Noise {
	n := kernels.Noise{Seed: seed, Stream: kernels.StreamDynamics, Step: uint32(draw), Draw: uint32(u) << 24}
	for i, v := range further {
		n.Draw |= uint32(v) << (12 * i)
	}
	return n
}

// normals draws a standard normal for every synapse, including biases, in the layout of mu.
func normals(l kernels.Layout, n kernels.Noise) []float32 {
	return drawn(l, n, kernels.Normals[float32])
}

// uniforms draws a uniform in (0, 1) for every synapse.
func uniforms(l kernels.Layout, n kernels.Noise) []float32 {
	return drawn(l, n, kernels.Uniforms[float32])
}

func drawn(l kernels.Layout, n kernels.Noise, fill func([]float32, kernels.Noise, int)) []float32 {
	values := make([]float32, l.Slots())
	for r := range l.Rows() {
		n.Layer = uint16(r.Layer)
		fill(values[r.First:][:r.Columns()], n, r.Row)
	}
	return values
}
