package reward

import (
	"context"
	"math"

	"quantal/dynamics/spiking"
	"quantal/kernels"
)

// Constants of the simulation: a step is 1 ms.
const (
	tauMembrane, tauSynapse = 20, 2 // ms
	delay                   = 5     // steps
	every                   = 100   // steps between two moves of the contacts
	// most limits Gain times the gradient, so that a rare reward after a long time without cannot move a contact far.
	most = 100
)

// Uses of the noise by what is not package spiking's, in the upper byte of draw.
const (
	patternNoise = 0x80 + iota
	trialNoise
	startNoise
)

func noise(seed uint64, use, layer int) kernels.Noise {
	return kernels.Noise{Seed: seed, Stream: kernels.StreamDynamics, Layer: uint16(layer), Draw: uint32(use) << 24}
}

// Life is what was seen of a network, in each period.
type Life struct {
	Reward []float64
	Rates  [][]float64    // of each neuron under pattern 1, then under pattern 2, Hz
	Theta  [][]float32    // at the end, by input, then neuron, then site
	Raster [3][][2]uint16 // at the end of each phase: ms and neuron
}

// rasterTime is how long a raster is, ms.
const rasterTime = 3000

// patterns says which inputs each pattern has: a random half.
func (c Config) patterns(seed uint64) (has [2][]bool) {
	for p := range has {
		has[p] = make([]bool, c.Inputs)
		u := make([]float64, c.Inputs)
		kernels.Uniforms(u, noise(seed, patternNoise, p), 0)
		left := c.Inputs / 2
		for i, x := range u { // one after the other, each with the chance that the rest leave it
			if x*float64(c.Inputs-i) < float64(left) {
				has[p][i] = true
				left--
			}
		}
	}
	return has
}

// model is the network of a seed under the conditions of an arm.
func (c Config) model(seed uint64, a arm) *spiking.Model {
	neurons := 2 * c.Pool
	pairs := make([][2]int, 0, c.contacts())
	for j := range c.Inputs {
		for i := range neurons {
			for range c.Sites {
				pairs = append(pairs, [2]int{j, i})
			}
		}
	}
	start := make([]float64, len(pairs))
	kernels.Normals(start, noise(seed, startNoise, 0), 0)
	for k, x := range start {
		theta := c.PriorMean + c.PriorSD*math.Sqrt(c.Temperature)*x
		start[k] = min(max(theta, c.LowTheta), c.HighTheta)
	}
	return &spiking.Model{Step: 1, Seed: seed, Populations: []spiking.Population{
		{Name: "inputs", Size: c.Inputs, Rate: 1},
		{Name: "pools", Size: neurons, Neuron: &spiking.Neuron{Tau: tauMembrane, Refractory: c.Refractory,
			Receptors: []spiking.Receptor{{Name: "potential", Tau: tauSynapse}},
			Escape:    &spiking.Escape{Rate: c.Rate, Target: c.Target, Adapt: c.Adapt}}}},
		Projections: []spiking.Projection{{From: 0, To: 1, Delay: delay, Contacts: spiking.Pairs(c.Inputs, pairs),
			Sampling: &spiking.Sampling{Start: start, TauEligibility: c.TauEligibility, TauGradient: c.TauGradient,
				TauReward: c.TauReward, Offset: c.Offset, Expected: chance, Gain: a.gain, Most: most, Speed: a.speed,
				Temperature: a.temperature, PriorMean: c.PriorMean, PriorSD: c.PriorSD, W0: c.W0, Theta0: c.Theta0,
				Low: c.LowTheta, High: c.HighTheta, Every: every}}}}
}

// chance is the reward without spikes, and on average that of responses by chance.
const chance = 0.5

// live simulates the network of a seed through all phases.
func (c Config) live(ctx context.Context, seed uint64, a arm, did func(steps int)) (Life, error) {
	return c.simulate(ctx, c.model(seed, a), did)
}

// simulate simulates a network through all phases, with the patterns and trials of its seed.
func (c Config) simulate(ctx context.Context, m *spiking.Model, did func(steps int)) (Life, error) {
	seed := m.Seed
	n, err := spiking.New[float32](m)
	if err != nil {
		return Life{}, err
	}
	n.Threads = 1
	has := c.patterns(seed)
	trial, window, period := int(c.Trial), int(c.Window), int(math.Round(c.Period*1000))
	phase := period * c.periods()
	var seen Life
	var inWindow [2]float64 // spikes of each pool
	counts := make([]float64, 4*c.Pool)
	pattern := 0
	n.OnSpikes = func(population, step int, neurons []uint32) {
		if population != 1 {
			return
		}
		late := step%phase - (phase - rasterTime)
		for _, i := range neurons {
			inWindow[int(i)/c.Pool]++
			counts[pattern*2*c.Pool+int(i)]++
			if late >= 0 {
				k := step / phase
				seen.Raster[k] = append(seen.Raster[k], [2]uint16{uint16(late), uint16(i)})
			}
		}
	}
	n.Reward = chance
	rewards, shown := 0., [2]float64{}
	var u [1]float64
	for n.Step() < 3*phase {
		if n.Step()%trial == 0 {
			at := noise(seed, trialNoise, 0)
			at.Step = uint32(n.Step() / trial)
			kernels.Uniforms(u[:], at, 0)
			pattern = int(2 * u[0])
			for i, active := range has[pattern] {
				if n.SetRate(0, i, c.Low); active {
					n.SetRate(0, i, c.High)
				}
			}
		}
		if err := n.Advance(ctx, window); err != nil {
			return Life{}, err
		}
		did(window)
		demanded := pattern
		if n.Step() > 2*phase {
			demanded = 1 - pattern
		}
		n.Reward = chance
		if all := inWindow[0] + inWindow[1]; all > 0 {
			n.Reward = inWindow[demanded] / all
		}
		rewards += n.Reward
		shown[pattern] += c.Window / 1000
		inWindow = [2]float64{}
		if n.Step()%period == 0 {
			seen.Reward = append(seen.Reward, rewards*c.Window/1000/c.Period)
			for k := range counts {
				counts[k] /= max(shown[k/(2*c.Pool)], c.Window/1000)
			}
			seen.Rates = append(seen.Rates, counts)
			seen.Theta = append(seen.Theta, n.Parameters(0))
			rewards, shown, counts = 0, [2]float64{}, make([]float64, 4*c.Pool)
		}
	}
	return seen, nil
}

// weight is that of a contact with a parameter.
func (c Config) weight(theta float32) float64 {
	if theta <= 0 {
		return 0
	}
	return c.W0 * math.Exp(float64(theta)-c.Theta0)
}
