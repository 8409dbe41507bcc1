package spiking

import (
	"math"

	"quantal/kernels"
)

// mostArrivals is the largest mean number of Poisson spikes of a neuron in a step.
const mostArrivals = 100.

// drive is a Poisson drive of the neurons of a shard.
type drive[T kernels.Float] struct {
	receptor int
	weight   T
	noise    kernels.Noise
	kernels  kernels.SpikeKernels[T]
	below    []T // the probability of 0, ..., k arrivals in a step, but for the largest
}

func newDrive[T kernels.Float](m *Model, fast kernels.SpikeKernels[T], population, k int) drive[T] {
	p := m.Populations[population].Drives[k]
	d := drive[T]{receptor: p.Receptor, weight: T(p.Weight), kernels: fast,
		noise: noise(m.Seed, driveNoise, population, 0)}
	d.noise.Draw |= uint32(k)
	mean := p.Rate * m.Step / 1000
	chance := math.Exp(-mean)
	// The largest uniform is 1 - 2^-25.
	for sum, n := chance, 0; ; n++ {
		// What is at or above this is so in float64 as well.
		limit := T(sum)
		if float64(limit) < sum {
			limit = T(math.Nextafter32(float32(limit), 2))
		}
		d.below = append(d.below, limit)
		if sum >= 1-0x1p-26 || n == math.MaxUint8-1 {
			return d
		}
		chance *= mean / float64(n+1)
		sum += chance
	}
}

// arrive adds the spikes of a step to x of a shard, of whose neurons the first is given and how many there are. The
// number of spikes is the smallest with a uniform below the probability of as many or fewer.
func (d *drive[T]) arrive(x []T, first, size, step int) {
	d.noise.Step = uint32(step)
	var buffer [shardSize]T
	row := noiseRow
	if len(x) == shardSize {
		row = shardSize // the same uniforms in one call
	}
	for i := 0; i < size; i += row {
		d.kernels.Uniforms(buffer[i:i+row], d.noise, (first+i)/row)
	}
	d.kernels.Steps(x, buffer[:len(x)], d.below, d.weight)
}
