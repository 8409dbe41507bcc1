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
	uniforms func(u []T, n kernels.Noise, row int)
	below    []float64 // the probability of 0, ..., k arrivals in a step
	from     [64]uint8 // the number of arrivals at uniform k/64
}

func newDrive[T kernels.Float](m *Model, fast kernels.SpikeKernels[T], population, k int) drive[T] {
	p := m.Populations[population].Drives[k]
	d := drive[T]{receptor: p.Receptor, weight: T(p.Weight), uniforms: fast.Uniforms,
		noise: noise(m.Seed, driveNoise, population, 0)}
	d.noise.Draw |= uint32(k)
	mean := p.Rate * m.Step / 1000
	chance := math.Exp(-mean)
	// The largest uniform is 1 - 2^-25.
	for sum, n := chance, 0; ; n++ {
		d.below = append(d.below, sum)
		if sum >= 1-0x1p-26 || n == math.MaxUint8 {
			break
		}
		chance *= mean / float64(n+1)
		sum += chance
	}
	d.below[len(d.below)-1] = 2
	for i := range d.from {
		for d.below[d.from[i]] <= float64(i)/64 {
			d.from[i]++
		}
	}
	return d
}

// arrive adds the spikes of a step to x of a shard's neurons, the first of which is given. The number of spikes is the
// smallest with a uniform below the probability of as many or fewer.
func (d *drive[T]) arrive(x []T, first, step int) {
	d.noise.Step = uint32(step)
	var buffer [shardSize]T
	row := noiseRow
	if len(x) == shardSize {
		row = shardSize // the same uniforms in one call
	}
	for i := 0; i < len(x); i += row {
		u := buffer[:row]
		d.uniforms(u, d.noise, (first+i)/row)
		for k, y := range u[:min(row, len(x)-i)] {
			n := d.from[min(int(y*64), 63)]
			for d.below[n] <= float64(y) {
				n++
			}
			if n > 0 {
				x[i+k] += T(n) * d.weight
			}
		}
	}
}
