package synapse

import (
	"fmt"
	"math"

	"quantal/kernels"
)

// purpose separates the draws of release from others of the analysis stream; see kernels.StreamAnalysis.
const purpose = 1 << 24

// CheckDraws reports why the given number of draws is not possible: see Sample.
func (r Release) CheckDraws(draws int) error {
	if err := r.Check(); err != nil {
		return fmt.Errorf("synapse: %w", err)
	}
	if r.N != math.Round(r.N) {
		return fmt.Errorf("synapse: n %g: want a whole number of vesicles to draw from", r.N)
	}
	// 64 columns a block of 16; see kernels.Noise.
	if r.N > math.MaxInt32 || float64(draws)*(r.N+63)/4 > math.MaxUint32 {
		return fmt.Errorf("synapse: %d draws of %g vesicles: want fewer: the noise numbers them in 32 bits", draws, r.N)
	}
	return nil
}

// Sample fills potentials with draws of the potential that follows a spike: q times the number of vesicles released.
// Draw i depends only on seed and i. Vesicle k of draw i is released if the uniform of column k of row i of the
// analysis stream is below p. N must be whole, and draws times vesicles below 2^32.
func (r Release) Sample(potentials []float64, seed uint64) error {
	if err := r.CheckDraws(len(potentials)); err != nil {
		return err
	}
	noise := kernels.Noise{Seed: seed, Stream: kernels.StreamAnalysis, Draw: purpose}
	u := make([]float64, int(r.N))
	for i := range potentials {
		kernels.Uniforms(u, noise, i)
		released := 0
		for _, v := range u {
			if v < r.P {
				released++
			}
		}
		potentials[i] = r.Q * float64(released)
	}
	return nil
}
