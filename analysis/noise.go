package analysis

import "quantal/kernels"

// purpose separates the draws of this package from each other and from those of others on the analysis stream: it is
// the upper byte of kernels.Noise.Draw.
type purpose uint32

const (
	forInputs  purpose = iota + 2 // inputs of generated problems
	forTargets                    // the noise on their targets, and the weights that made them
	forWeights                    // initial means of networks
	forClouds                     // weights drawn for figures
	forPredictions
	forChains // momenta and acceptance
)

// noise is the randomness of a seed for a purpose.
func noise(seed uint64, p purpose) kernels.Noise {
	return kernels.Noise{Seed: seed, Stream: kernels.StreamAnalysis, Draw: uint32(p) << 24}
}

// normals are the first n standard normals of a row.
func normals(n int, from kernels.Noise, row int) []float64 {
	xi := make([]float64, n)
	kernels.Normals(xi, from, row)
	return xi
}

// uniforms are the first n uniforms in (0, 1) of a row.
func uniforms(n int, from kernels.Noise, row int) []float64 {
	u := make([]float64, n)
	kernels.Uniforms(u, from, row)
	return u
}
