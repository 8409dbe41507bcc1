package assemblies

import (
	"context"
	"math"
	"slices"

	"quantal/kernels"
	"quantal/kernels/cpu"
)

// Layers of the noise of stream dynamics from which this package draws.
const (
	layerFluctuation = 0 // Step is that of the intrinsic dynamics
	layerStart       = 1
	layerInput       = 2 // Step is that of plasticity, Draw the pattern in it
)

// Regime says which processes change the synapses.
type Regime struct {
	Plasticity bool
	Intrinsic  bool    // drift and fluctuation
	Strength   float64 // of the fluctuation
}

// Life is a network over time.
type Life struct {
	Network
	Excitability []float32 // of each neuron: a part of its input
	Age          int       // steps of plasticity done

	config  Config
	seed    uint64
	kernels string // set that moves the weights
}

// NewLife makes a network whose weights have the stationary distribution of the intrinsic dynamics.
func (c Config) NewLife(seed uint64) *Life {
	n := c.Neurons
	l := &Life{Network: Network{n, make([]float32, n*(n-1))}, Excitability: make([]float32, n), config: c, seed: seed}
	kernels.Uniforms(l.W, l.noise(layerStart, 0), 0)
	k := c.law(1).Coefficients()
	k.Stationary(k.Grid(stationaryCells)).Draw(l.W)
	return l
}

// stationaryCells are those of densities in closed form.
const stationaryCells = 2000

// Clone returns an independent copy of the network.
func (l *Life) Clone() *Life {
	c := *l
	c.W, c.Excitability = slices.Clone(l.W), slices.Clone(l.Excitability)
	return &c
}

func (l *Life) noise(layer uint16, step int) kernels.Noise {
	return kernels.Noise{Seed: l.seed, Stream: kernels.StreamDynamics, Layer: layer, Step: uint32(step)}
}

// circuit is how the neurons of a network act on each other.
func (c Config) circuit() Circuit {
	size := float64(c.size())
	return Circuit{Excitation: c.Excitation / size, Inhibition: c.Inhibition / size}
}

// Advance simulates some steps of the network: in each there are a few patterns of activity, from random input and, if
// stimulated, from the stimulus to one assembly after the other; then plasticity, then intrinsic dynamics.
func (l *Life) Advance(ctx context.Context, r Regime, stimulated bool, steps int) error {
	c := l.config
	k := c.law(r.Strength).Coefficients()
	diffuser, err := cpu.NewDiffuser(kernels.NewDiffusion[float32](k.Low, k.High, k.Mu, k.Sigma, c.Step/float64(c.Moves)))
	if err != nil {
		return err
	}
	l.kernels = diffuser.Kernels()
	patterns := make([][]float32, c.Patterns)
	for p := range patterns {
		patterns[p] = make([]float32, l.Neurons)
	}
	for range steps {
		if err := ctx.Err(); err != nil {
			return err
		}
		for p := range patterns {
			assembly := -1
			if stimulated {
				assembly = (l.Age*c.Patterns + p) % c.Assemblies
			}
			l.respond(p, assembly, patterns[p])
		}
		if r.Plasticity {
			l.Learn(c.Plasticity*c.Step/float64(c.Patterns), c.share(), patterns, c.Low, c.High)
		}
		if r.Intrinsic {
			diffuser.Advance(l.W, l.noise(layerFluctuation, l.Age*c.Moves), 0, c.Moves)
		}
		l.Age++
	}
	return nil
}

// respond writes to rates the activity in a pattern of this step, with a stimulus to an assembly unless that is
// negative, and updates the excitability.
func (l *Life) respond(pattern, assembly int, rates []float32) {
	c := l.config
	input := make([]float32, l.Neurons)
	noise := l.noise(layerInput, l.Age)
	noise.Draw = uint32(pattern)
	kernels.Normals(input, noise, 0)
	for i := range input {
		input[i] = float32(c.Noise)*input[i] + l.Excitability[i]
		if assembly >= 0 && i/c.size() == assembly {
			input[i] += float32(c.Stimulus)
		}
	}
	l.Settle(c.circuit(), input, rates)
	for i, r := range rates {
		l.Excitability[i] += float32(c.Homeostasis) * (float32(c.share()) - r)
	}
}

// Recall measures how well assemblies complete themselves: half of one is stimulated, without random input, and the
// mean rate of the neurons outside it is subtracted from that of the other half; the mean is over both halves of all
// assemblies. It is 1 if a half activates the whole and nothing else, and around 0 by chance.
func (l *Life) Recall() float64 {
	c := l.config
	size, sum := c.size(), 0.0
	input, rates := make([]float32, l.Neurons), make([]float32, l.Neurons)
	for a := range c.Assemblies {
		for half := range 2 {
			from, to := a*size+half*(size/2), a*size+size/2+half*(size-size/2)
			copy(input, l.Excitability)
			for i := from; i < to; i++ {
				input[i] += float32(c.Stimulus)
			}
			l.Settle(c.circuit(), input, rates)
			other, elsewhere := 0.0, 0.0
			for i, r := range rates {
				switch {
				case i/size != a:
					elsewhere += float64(r)
				case i < from || i >= to:
					other += float64(r)
				}
			}
			sum += other/float64(size-(to-from)) - elsewhere/float64(l.Neurons-size)
		}
	}
	return sum / float64(2*c.Assemblies)
}

// Measurement is the state of a network at some time.
type Measurement struct {
	Day        float64 `json:"day"` // since the imprint
	Recall     float64 `json:"recall"`
	Separation float64 `json:"separation"`
	Inside     float64 `json:"inside"`  // mean weight within assemblies, µm³
	Outside    float64 `json:"outside"` // and between them
}

func (l *Life) measure() (Measurement, Tally) {
	c := l.config
	t := l.Tally(c.size(), c.Low, c.High)
	inside := float64(total(t.Inside))
	return Measurement{
		Day: float64(l.Age-c.steps(c.Imprint)) * c.Step, Recall: l.Recall(), Separation: t.Separation(),
		Inside: t.InsideSum / inside, Outside: (t.AllSum - t.InsideSum) / (float64(t.synapses()) - inside),
	}, t
}

// Threshold is the recall below which memory is lost.
const threshold = 0.5

// retention is the first day without memory, or the last measured one if there is none; lost says which.
func retention(course []Measurement) (day float64, lost bool) {
	for _, m := range course {
		if m.Recall < threshold {
			return m.Day, true
		}
	}
	return course[len(course)-1].Day, false
}

// blocks are the mean weights between each two of n groups of neurons, as [presynaptic][postsynaptic].
func (n *Network) blocks(groups int) [][]float64 {
	sum, count := make([][]float64, groups), make([][]float64, groups)
	for g := range sum {
		sum[g], count[g] = make([]float64, groups), make([]float64, groups)
	}
	for j := range n.Neurons {
		before, after := n.From(j)
		from := j * groups / n.Neurons
		take := func(i int, w float32) {
			to := i * groups / n.Neurons
			sum[from][to] += float64(w)
			count[from][to]++
		}
		for i, w := range before {
			take(i, w)
		}
		for i, w := range after {
			take(j+1+i, w)
		}
	}
	for g := range sum {
		for h := range sum[g] {
			if sum[g][h] /= count[g][h]; count[g][h] == 0 {
				sum[g][h] = math.NaN() // a single neuron has no synapse onto itself
			}
		}
	}
	return sum
}

// inside returns the weights within assemblies of the given size.
func (n *Network) inside(size int) []float32 {
	var list []float32
	for j := range n.Neurons {
		before, after := n.From(j)
		first := j / size * size
		list = append(append(list, before[first:]...), after[:first+size-1-j]...)
	}
	return list
}
