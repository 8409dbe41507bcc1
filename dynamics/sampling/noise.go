package sampling

import "quantal/kernels"

// Draws of the noise of stream dynamics. The layer numbers runs of chains and data sets, and the step of a chain is
// that of the noise.
const (
	drawSteps   = 0 // normals: row i + Dimension*block, a column for each chain of the block
	drawBatches = 1 // examples of minibatches
	drawAccept  = 2 // uniforms for Metropolis: row block, a column for each chain
	drawStart   = 3 // normals, as those of steps
	drawInputs  = 4
	drawTruth   = 5
	drawAnswers = 6
	drawSeeds   = 7 // of chains that are members of a Program
	// Weights of a network, w = mu + sigma xi: draw n of them from here on, the step numbers the network's layer.
	drawWeightsFrom = 8
)

func at(seed uint64, layer uint16, draw uint32) kernels.Noise {
	return kernels.Noise{Seed: seed, Stream: kernels.StreamDynamics, Layer: layer, Draw: draw}
}
