package assemblies

import (
	"context"
	"math"
	"slices"

	"quantal/dynamics/spiking"
	"quantal/kernels"
)

// Constants of the network of spiking neurons: a step is 1 ms. Potentials are in mV above rest.
const (
	window    = 100 // ms in which the random current into a neuron, and the stimulus, stay
	moveEvery = 100 // ms between two moves of the intrinsic dynamics

	tauE, tauI               = 20., 10. // ms, of the membranes
	refractoryE, refractoryI = 10., 1.  // ms
	threshold0               = 15.      // mV; the reset is to rest
	tauFast, tauSlow         = 5., 20.  // ms: all synapses, and those between excitatory neurons
	spikeDelay               = 2        // ms
	connected                = 0.5      // probability of each contact from or onto inhibitory neurons
	weightEI, weightIE       = 1., -8.  // mV
	weightII                 = -2.      // mV
	constantE, constantI     = 6., 2.   // mV, constant current
	poissonRate, poissonJump = 500., 4. // Hz and mV, of the noise into each neuron

	settling = 3. // days before the imprint in which only excitability changes

	probeTime, probeRest, probeRestCurrent = 200, 100, -40. // ms and mV, of a test of recall

	// The stimulus of a test and of pairs of assemblies, in units of that of the imprint: inhibition lets only one of two
	// assemblies respond to that.
	strongly = 2.
)

// Uses of the noise in layers of stream dynamics, beside those of Life.
const (
	layerWiring = 8  // and the next three
	layerWindow = 12 // Step is that of the window
	layerChosen = 13
)

// moveDays is the time of a move, in days.
func moveDays(day float64) float64 { return moveEvery / 1000.0 / day }

// What is stimulated in a window.
const (
	nothing = iota
	oneAssembly
	pairs // of assemblies; one that has no partner, alone
)

// SpikingLife is a network of spiking neurons over time. Its state between two advances is Network and Excitability:
// potentials start at rest.
type SpikingLife struct {
	Network
	Excitability []float64 // of each excitatory neuron: a part of its current, mV
	Windows      int       // done

	config SpikingConfig
	seed   uint64
}

// NewLife makes a network whose weights have the stationary distribution of the intrinsic dynamics.
func (c SpikingConfig) NewLife(seed uint64) *SpikingLife {
	return &SpikingLife{Network: c.rates().NewLife(seed).Network, Excitability: make([]float64, c.Neurons), config: c,
		seed: seed}
}

// Clone returns an independent copy of the network.
func (l *SpikingLife) Clone() *SpikingLife {
	c := *l
	c.W, c.Excitability = slices.Clone(l.W), slices.Clone(l.Excitability)
	return &c
}

func (l *SpikingLife) noise(layer, step int) kernels.Noise {
	return kernels.Noise{Seed: l.seed, Stream: kernels.StreamDynamics, Layer: uint16(layer), Step: uint32(step)}
}

// model is the network as it is now, whose synapses change as a regime says.
func (l *SpikingLife) model(r Regime) *spiking.Model {
	c := l.config
	weights := make([]float64, len(l.W))
	for i, w := range l.W {
		weights[i] = float64(w)
	}
	// Currents onto excitatory neurons are in units of Efficacy, so that weights are in µm³.
	unit := 1 / c.Efficacy
	receptors := []spiking.Receptor{{Name: "excitatory", Tau: tauFast}, {Name: "inhibitory", Tau: tauFast},
		{Name: "recurrent", Tau: tauSlow}}
	noise := func(unit float64) []spiking.Poisson {
		return []spiking.Poisson{{Rate: poissonRate, Weight: poissonJump * unit}}
	}
	between := func(k, from, to int, self bool) spiking.Contacts {
		return spiking.Bernoulli(l.noise(layerWiring+k, 0), from, to, connected, self)
	}
	recurrent := spiking.Projection{Name: "E to E", Receptor: 2, Delay: spikeDelay, Weights: weights,
		Contacts: spiking.Bernoulli(l.noise(layerWiring, 0), c.Neurons, c.Neurons, 1, false)}
	if r.Plasticity {
		// On average over uncorrelated spikes at the target rate a weight stays.
		net := c.Plasticity * (1 - c.Depression) * c.TauSTDP / 1000 * c.Target
		recurrent.Plasticity = &spiking.Plasticity{TauPre: c.TauSTDP, TauPost: c.TauSTDP, Plus: c.Plasticity,
			Minus: c.Plasticity * c.Depression, Offset: -net, Low: c.Low, High: c.High}
	}
	if r.Intrinsic {
		k := c.rates().law(r.Strength).Coefficients()
		recurrent.Intrinsic = &spiking.Intrinsic{Low: c.Low, High: c.High, Mu: k.Mu, Sigma: k.Sigma, Every: moveEvery,
			Time: moveDays(c.Day), Substeps: 1}
	}
	return &spiking.Model{Step: 1, Seed: l.seed ^ uint64(l.Windows+1)<<32, Populations: []spiking.Population{
		{Name: "excitatory", Size: c.Neurons, Drives: noise(unit), Neuron: &spiking.Neuron{Tau: tauE,
			Threshold: threshold0 * unit, Refractory: refractoryE, Receptors: receptors}},
		{Name: "inhibitory", Size: c.Inhibitory, Drives: noise(1), Neuron: &spiking.Neuron{Tau: tauI, Threshold: threshold0,
			Refractory: refractoryI, Input: constantI, Receptors: receptors[:2]}}},
		Projections: []spiking.Projection{recurrent,
			{Name: "E to I", To: 1, Delay: spikeDelay, Weight: weightEI, Contacts: between(1, c.Neurons, c.Inhibitory, true)},
			{Name: "I to E", From: 1, Receptor: 1, Delay: spikeDelay, Weight: weightIE * unit,
				Contacts: between(2, c.Inhibitory, c.Neurons, true)},
			{Name: "I to I", From: 1, To: 1, Receptor: 1, Delay: spikeDelay, Weight: weightII,
				Contacts: between(3, c.Inhibitory, c.Inhibitory, false)}}}
}

// Spikes are what neurons did in some time.
type Spikes struct {
	E, I   float64     // mean rates, Hz
	Raster [][2]uint16 // of the last rasterTime: ms and neuron, inhibitory ones after excitatory ones
}

const rasterTime = 2000 // ms

// Advance simulates some windows. In each, every excitatory neuron has a normal random current, and what is stimulated
// is drawn.
func (l *SpikingLife) Advance(ctx context.Context, r Regime, stimulated, windows int) (Spikes, error) {
	c := l.config
	var seen Spikes
	n, err := spiking.New[float32](l.model(r))
	if err != nil {
		return seen, err
	}
	n.Threads = 1
	counts, all := make([]float64, c.Neurons), [2]int{}
	n.OnSpikes = func(population, step int, neurons []uint32) {
		all[population] += len(neurons)
		for _, i := range neurons {
			if population == 0 {
				counts[i]++
			}
			if late := step - (windows*window - rasterTime); late >= 0 {
				seen.Raster = append(seen.Raster, [2]uint16{uint16(late), uint16(int(i) + population*c.Neurons)})
			}
		}
	}
	xi, u := make([]float64, c.Neurons), make([]float64, 1)
	for range windows {
		kernels.Normals(xi, l.noise(layerWindow, l.Windows), 0)
		kernels.Uniforms(u, l.noise(layerChosen, l.Windows), 0)
		chosen, partner, stimulus := -1, -1, c.Stimulus
		if stimulated != nothing {
			chosen = min(int(u[0]*float64(c.Assemblies)), c.Assemblies-1)
		}
		if stimulated == pairs {
			partner, stimulus = c.partner(chosen), strongly*c.Stimulus
		}
		for i, x := range xi {
			current := constantE + l.Excitability[i] + c.Spread*x
			if a := i / c.size(); a == chosen || a == partner {
				current += stimulus
			}
			n.SetInput(0, i, current/c.Efficacy)
		}
		if err := n.Advance(ctx, window); err != nil {
			return seen, err
		}
		l.Windows++
		for i := range counts {
			l.Excitability[i] += c.Homeostasis * (c.Target*window/1000 - counts[i])
		}
		clear(counts)
	}
	copy(l.W, n.Weights(0))
	seconds := float64(windows) * window / 1000
	seen.E, seen.I = float64(all[0])/float64(c.Neurons)/seconds, float64(all[1])/float64(c.Inhibitory)/seconds
	return seen, nil
}

// Recall stimulates parts of the network without random current, while synapses and excitability stay. Recall is the
// mean over both halves of all assemblies of the rate of the half that is not stimulated, less that of the neurons of
// others but a partner, in units of the rate of the stimulated half; association that of the partner of a stimulated
// assembly, less that of the others, in units of the rate of the assembly. So that an assembly that has just been
// active is as excitable as others, all neurons have the median excitability.
func (l *SpikingLife) Recall(ctx context.Context) (recall, association float64, err error) {
	c := l.config
	n, err := spiking.New[float32](l.model(Regime{}))
	if err != nil {
		return 0, 0, err
	}
	n.Threads = 1
	counts := make([]float64, c.Neurons)
	n.OnSpikes = func(population, _ int, neurons []uint32) {
		if population == 0 {
			for _, i := range neurons {
				counts[i]++
			}
		}
	}
	excitability := slices.Sorted(slices.Values(l.Excitability))[c.Neurons/2]
	respond := func(from, to int) error {
		for i := range c.Neurons {
			n.SetInput(0, i, probeRestCurrent/c.Efficacy)
		}
		if err := n.Advance(ctx, probeRest); err != nil {
			return err
		}
		for i := range c.Neurons {
			current := constantE + excitability
			if i >= from && i < to {
				current += strongly * c.Stimulus
			}
			n.SetInput(0, i, current/c.Efficacy)
		}
		clear(counts)
		return n.Advance(ctx, probeTime)
	}
	mean := func(in func(i int) bool) float64 {
		sum, number := 0., 0.
		for i, k := range counts {
			if in(i) {
				sum += k
				number++
			}
		}
		return sum / max(number, 1)
	}
	size, partners := c.size(), 0.
	for a := range c.Assemblies {
		of := func(b int) func(i int) bool { return func(i int) bool { return i/size == b } }
		elsewhere := func(i int) bool { return !of(a)(i) && !of(c.partner(a))(i) }
		for half := range 2 {
			from, to := a*size+half*(size/2), a*size+size/2+half*(size-size/2)
			if err := respond(from, to); err != nil {
				return 0, 0, err
			}
			cued := func(i int) bool { return i >= from && i < to }
			other := mean(func(i int) bool { return of(a)(i) && !cued(i) })
			recall += (other - mean(elsewhere)) / max(mean(cued), 1) / float64(2*c.Assemblies)
		}
		if p := c.partner(a); p >= 0 {
			if err := respond(a*size, (a+1)*size); err != nil {
				return 0, 0, err
			}
			association += (mean(of(p)) - mean(elsewhere)) / max(mean(of(a)), 1)
			partners++
		}
	}
	return recall, association / max(partners, 1), nil
}

// between counts the weights between assemblies, of partners and of others, and their means.
func (l *SpikingLife) between() (paired, others []int, meanPaired, meanOthers float64) {
	c := l.config
	paired, others = make([]int, logCells), make([]int, logCells)
	perLog := logCells / math.Log(c.High/c.Low)
	var sums [2]float64
	for j := range c.Neurons {
		before, after := l.From(j)
		count := func(i int, w float32) {
			from, to := j/c.size(), i/c.size()
			if from == to {
				return
			}
			cells, k := others, 1
			if c.partner(from) == to {
				cells, k = paired, 0
			}
			cells[min(max(int(math.Log(float64(w)/c.Low)*perLog), 0), logCells-1)]++
			sums[k] += float64(w)
		}
		for i, w := range before {
			count(i, w)
		}
		for i, w := range after {
			count(j+1+i, w)
		}
	}
	return paired, others, sums[0] / float64(total(paired)), sums[1] / float64(total(others))
}
