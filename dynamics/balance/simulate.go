package balance

import (
	"context"
	"math"

	"gonum.org/v1/gonum/stat"

	"quantal/dynamics/spiking"
	"quantal/kernels"
)

// Uses of the noise by what is not package spiking's, in the upper byte of draw.
const (
	wiringNoise = 0x80 + iota
	redrawNoise
	startNoise
)

func noise(seed uint64, use, layer, draw int) kernels.Noise {
	return kernels.Noise{Seed: seed, Stream: kernels.StreamDynamics, Layer: uint16(layer),
		Draw: uint32(use)<<24 | uint32(draw)}
}

// wiring is the contacts from a population onto another, [to][from].
type wiring [populations][populations]spiking.Contacts

// wire makes the contacts of a network.
func (c Config) wire(seed uint64) (w wiring) {
	for to := range populations {
		for from := range populations {
			w[to][from] = spiking.Bernoulli(noise(seed, wiringNoise, 2*to+from, 0), c.size(from), c.size(to), c.connection(from),
				to != from)
		}
	}
	return w
}

// redraw decides a share of the contacts from a population onto another anew.
func (c Config) redraw(w wiring, seed uint64, to, from, which int, share float64) wiring {
	w[to][from] = w[to][from].Redraw(noise(seed, redrawNoise, 2*to+from, which), c.size(to), c.connection(from), share,
		to != from)
	return w
}

// Activity is what was seen of a network.
type Activity struct {
	Rates  [populations][]float64 // Hz, of each neuron
	CV     [populations]float64   // of intervals, the mean over neurons with at least fewestIntervals
	Raster [][2]float32           // time in ms and neuron, inhibitory ones after excitatory ones, of some at the end
}

const fewestIntervals = 10

// Of a raster: its length, and how many neurons it has of each population.
const rasterTime = 300.

var rasterNeurons = [populations]int{80, 20}

// simulate simulates a network from random potentials, of which there is one set for each start.
func (c Config) simulate(ctx context.Context, w wiring, drive [populations]float64, seed uint64, start int,
	did func(steps int)) (Activity, error) {
	// Each start has external noise of its own: with the same one, rates would be correlated by it.
	m := &spiking.Model{Step: c.Step, Seed: seed ^ uint64(start+1)<<32}
	for a := range populations {
		m.Populations = append(m.Populations, spiking.Population{Size: c.size(a), Neuron: &spiking.Neuron{Tau: c.Tau[a],
			Threshold: c.Threshold, Reset: c.Reset, Refractory: c.Refractory, Input: drive[a],
			Receptors: []spiking.Receptor{{Name: "jump"}}}, Drives: c.external(a)})
		for b := range populations {
			m.Projections = append(m.Projections, spiking.Projection{From: b, To: a, Contacts: w[a][b],
				Delay: int(math.Round(c.Delay / c.Step)), Weight: c.efficacy(a, b)})
		}
	}
	n, err := spiking.New[float32](m)
	if err != nil {
		return Activity{}, err
	}
	n.Threads = 1
	for a := range populations {
		u := make([]float64, c.size(a))
		kernels.Uniforms(u, noise(seed, startNoise, a, start), 0)
		for i, x := range u {
			n.SetPotential(a, i, c.Threshold*x)
		}
	}
	settle, steps := int(c.Settle*1000/c.Step), int(c.Seconds*1000/c.Step)
	var seen Activity
	trains := [populations][]train{make([]train, c.size(excitatory)), make([]train, c.size(inhibitory))}
	drawn := settle + steps - int(rasterTime/c.Step)
	n.OnSpikes = func(p, step int, neurons []uint32) {
		if step < settle {
			return
		}
		for _, i := range neurons {
			trains[p][i].spike(step)
			if step >= drawn && int(i) < rasterNeurons[p] {
				seen.Raster = append(seen.Raster, [2]float32{float32(float64(step-drawn) * c.Step),
					float32(p*rasterNeurons[excitatory] + int(i))})
			}
		}
	}
	for left := settle + steps; left > 0; {
		k := min(left, 2000)
		if err := n.Advance(ctx, k); err != nil {
			return Activity{}, err
		}
		left -= k
		did(k)
	}
	for a := range populations {
		var cvs []float64
		for _, t := range trains[a] {
			seen.Rates[a] = append(seen.Rates[a], float64(t.spikes)/c.Seconds)
			if cv, ok := t.cv(); ok {
				cvs = append(cvs, cv)
			}
		}
		seen.CV[a] = stat.Mean(cvs, nil)
	}
	return seen, nil
}

// external is the external noise of a population, without which it would have no Poisson drive.
func (c Config) external(population int) []spiking.Poisson {
	if c.External == 0 {
		return nil
	}
	return []spiking.Poisson{{Rate: c.externalRate(population), Weight: externalJump}}
}

// train sums up the spikes of a neuron.
type train struct {
	spikes, last int
	sum, squares float64 // of the intervals, steps
}

func (t *train) spike(step int) {
	if t.spikes > 0 {
		interval := float64(step - t.last)
		t.sum += interval
		t.squares += sq(interval)
	}
	t.spikes++
	t.last = step
}

// cv is the coefficient of variation of the intervals, if there are enough.
func (t *train) cv() (float64, bool) {
	n := float64(t.spikes - 1)
	if n < fewestIntervals {
		return 0, false
	}
	mean := t.sum / n
	return math.Sqrt(max(t.squares/n-sq(mean), 0)*n/(n-1)) / mean, true
}
