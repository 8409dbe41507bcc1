package balance

import (
	"context"
	"math"
	"slices"

	"gonum.org/v1/gonum/stat"

	"quantal/dynamics/spiking"
	"quantal/kernels"
)

// Uses of the noise by what is not package spiking's, in the upper byte of draw.
const (
	wiringNoise = 0x80 + iota
	redrawNoise
	startNoise
	patternNoise
	keptNoise
)

func noise(seed uint64, use, layer, draw int) kernels.Noise {
	return kernels.Noise{Seed: seed, Stream: kernels.StreamDynamics, Layer: uint16(layer),
		Draw: uint32(use)<<24 | uint32(draw)}
}

// block is the contacts from a population onto another, with the efficacies of each if they differ.
type block struct {
	spiking.Contacts
	weights []float64
}

// wiring has the blocks of a network, [to][from].
type wiring [populations][populations]block

// wire makes the contacts of a network.
func (c Config) wire(seed uint64) (w wiring) {
	for to := range populations {
		for from := range populations {
			w[to][from].Contacts = spiking.Bernoulli(noise(seed, wiringNoise, 2*to+from, 0), c.size(from), c.size(to),
				c.connection(from), to != from)
		}
	}
	return w
}

// redraw decides a share of the contacts from a population onto another anew. Those that are made have the efficacy of
// their type, also where there was one before; the others keep theirs.
func (c Config) redraw(w wiring, seed uint64, to, from, which int, share float64) wiring {
	old := w[to][from]
	made := block{Contacts: old.Redraw(noise(seed, redrawNoise, 2*to+from, which), c.size(to), c.connection(from), share,
		to != from)}
	if old.weights != nil {
		p := c.connection(from)
		kept := (1 - share) / (1 - share + share*p) // if there is one before and after
		u := make([]float64, made.Len())
		kernels.Uniforms(u, noise(seed, keptNoise, 2*to+from, which), 0)
		made.weights = slices.Repeat([]float64{c.efficacy(to, from)}, made.Len())
		for j := range c.size(from) {
			k := old.Start[j]
			for m := made.Start[j]; m < made.Start[j+1]; m++ {
				for k < old.Start[j+1] && old.Target[k] < made.Target[m] {
					k++
				}
				if k < old.Start[j+1] && old.Target[k] == made.Target[m] && u[m] < kept {
					made.weights[m] = old.weights[k]
				}
			}
		}
	}
	w[to][from] = made
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

// steps is a number of seconds in steps.
func (c Config) steps(seconds float64) int { return int(math.Round(seconds * 1000 / c.Step)) }

// network makes a network with random potentials, of which there is one set for each start.
func (c Config) network(w wiring, drive [populations]float64, seed uint64, start int) (*spiking.Network[float32],
	error) {
	// Each start has external noise of its own: with the same one, rates would be correlated by it.
	m := &spiking.Model{Step: c.Step, Seed: seed ^ uint64(start+1)<<32}
	for a := range populations {
		m.Populations = append(m.Populations, spiking.Population{Size: c.size(a), Neuron: &spiking.Neuron{Tau: c.Tau[a],
			Threshold: c.Threshold, Reset: c.Reset, Refractory: c.Refractory, Input: drive[a],
			Receptors: []spiking.Receptor{{Name: "jump"}}}, Drives: c.external(a)})
		for b := range populations {
			p := spiking.Projection{From: b, To: a, Contacts: w[a][b].Contacts, Weights: w[a][b].weights,
				Delay: int(math.Round(c.Delay / c.Step))}
			if p.Weights == nil {
				p.Weight = c.efficacy(a, b)
			}
			m.Projections = append(m.Projections, p)
		}
	}
	n, err := spiking.New[float32](m)
	if err != nil {
		return nil, err
	}
	n.Threads = 1
	for a := range populations {
		u := make([]float64, c.size(a))
		kernels.Uniforms(u, noise(seed, startNoise, a, start), 0)
		for i, x := range u {
			n.SetPotential(a, i, c.Threshold*x)
		}
	}
	return n, nil
}

// advance simulates some steps and reports them.
func advance(ctx context.Context, n *spiking.Network[float32], steps int, did func(steps int)) error {
	for ; steps > 0; steps -= 2000 {
		k := min(steps, 2000)
		if err := n.Advance(ctx, k); err != nil {
			return err
		}
		did(k)
	}
	return nil
}

// simulate simulates a network after network has made it.
func (c Config) simulate(ctx context.Context, w wiring, drive [populations]float64, seed uint64, start int,
	did func(steps int)) (Activity, error) {
	n, err := c.network(w, drive, seed, start)
	if err != nil {
		return Activity{}, err
	}
	settle, steps := c.steps(c.Settle), c.steps(c.Seconds)
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
	if err := advance(ctx, n, settle+steps, did); err != nil {
		return Activity{}, err
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
