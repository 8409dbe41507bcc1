package train

import (
	"fmt"
	"math"
	"slices"

	"quantal/graph"
	"quantal/internal/nearest"
	"quantal/kernels"
	"quantal/mnist"
	"quantal/results/store"
)

// Config is all that decides what a run computes, besides the data. The keys of its TOML form are the names of the
// flags.
type Config struct {
	Data            string     `toml:"data" json:"data"` // "mnist", "glyphs", a folder, or empty for MNIST from the cache
	Hidden          []int      `toml:"hidden" json:"hidden"`
	Noise           string     `toml:"noise" json:"noise"` // see Noises
	Rho             Exponent   `toml:"rho" json:"rho"`
	C               float64    `toml:"c" json:"c"`           // reliability cost multiplier
	Lambda          float64    `toml:"lambda" json:"lambda"` // magnitude cost multiplier
	Epochs          int        `toml:"epochs" json:"epochs"`
	Batch           int        `toml:"batch" json:"batch"`
	Rule            Rule       `toml:"rule,omitempty" json:"rule,omitempty"`
	LearningRate    float64    `toml:"lr" json:"lr"`
	MuInit          float64    `toml:"mu-init" json:"mu-init"`       // initial means are uniform in (-MuInit, MuInit)
	SigmaInit       float64    `toml:"sigma-init" json:"sigma-init"` // initial standard deviation of every synapse
	Seed            store.Seed `toml:"seed" json:"seed"`
	Validation      int        `toml:"validation" json:"validation"` // training examples held out
	Draws           int        `toml:"draws" json:"draws"`           // K of the K-draw figures at the end; 0 for none
	Device          string     `toml:"device" json:"device"`
	Threads         int        `toml:"threads" json:"threads"`                   // 0 for all processors
	CheckpointEvery int        `toml:"checkpoint-every" json:"checkpoint-every"` // epochs; the last epoch always has one

	// What older files do not have.
	// of pixels: mnist, auto, none, or MEAN,SD; empty for mnist
	Normalise string `toml:"normalise,omitempty" json:"normalise,omitempty"`
	Classes   int    `toml:"classes,omitempty" json:"classes,omitempty"` // 0 to take them from the labels
}

// noises maps how users call the noise to which synapses share a sigma.
var noises = []struct {
	name    string
	sharing kernels.Sharing
}{
	{"heterogeneous", kernels.PerSynapse},
	{"homogeneous", kernels.PerNetwork},
	{"neuron", kernels.PerNeuron},
	{"layer", kernels.PerLayer},
	{"none", kernels.NoNoise},
}

// Noises lists the values of Config.Noise.
func Noises() []string {
	var names []string
	for _, n := range noises {
		names = append(names, n.name)
	}
	return names
}

// Presets lists the names that Preset knows.
func Presets() []string { return []string{"published", "quick", "text"} }

// Preset returns a named configuration. "published" reproduces the published figures; "text" has the learning rate and
// lambda that the paper's text states, with which it does not. "quick" shows what noise does in three epochs: the
// published learning rate and initial sigma would leave every sigma where it started in that time, for Adam moves phi,
// the logarithm of a small sigma, by about the learning rate per step at most.
func Preset(name string) (Config, error) {
	switch name {
	case "published":
		return published(), nil
	case "text":
		text := published()
		text.LearningRate, text.Lambda = 5e-4, 1e-4
		return text, nil
	case "quick":
		quick := published()
		quick.Epochs, quick.LearningRate, quick.SigmaInit, quick.C, quick.Draws = 3, 1e-3, 0.02, 0.01, 5
		return quick, nil
	}
	return Config{}, fmt.Errorf("preset %q: %s", name, nearest.OneOf(name, Presets()))
}

// Before is what a kept configuration means that lacks a key: each setting as it was before there was the key. A
// setting that is added to Config gets here what all runs did until then, which need not be what new runs do.
func Before() Config { return published() }

func published() Config {
	return Config{
		Hidden: []int{100, 100}, Noise: "heterogeneous", Rho: Exponent{"2", 2}, C: 0.1, Lambda: 0.01,
		Epochs: 50, Batch: 20, LearningRate: 1e-4, MuInit: 0.1, SigmaInit: 1e-4, Seed: 1, Draws: 20,
		Device: "auto", CheckpointEvery: 1,
	}
}

// Check reports the first value that cannot be used, by its flag's name.
func (c Config) Check() error {
	positive := func(x float64) bool { return x > 0 && !math.IsInf(x, 0) }
	for i, h := range c.Hidden {
		if h < 1 || h > kernels.MaxUnits {
			return fmt.Errorf("hidden %v: want 1 or more units in each hidden layer, and at most %d, got %d in layer %d",
				c.Hidden, kernels.MaxUnits, h, i+1)
		}
	}
	switch {
	case !slices.Contains(Noises(), c.Noise):
		return fmt.Errorf("noise %q: %s", c.Noise, nearest.OneOf(c.Noise, Noises()))
	case c.Rho.name == "":
		return fmt.Errorf("rho is missing: want a number or fraction above 0, or the name of a mechanism")
	case !positive(c.C):
		return fmt.Errorf("c %g: want a number above 0", c.C)
	case !(c.Lambda >= 0) || math.IsInf(c.Lambda, 0):
		return fmt.Errorf("lambda %g: want 0 or more", c.Lambda)
	case c.Epochs < 1:
		return fmt.Errorf("epochs %d: want 1 or more", c.Epochs)
	case c.Batch < 1:
		return fmt.Errorf("batch %d: want 1 or more", c.Batch)
	case !positive(c.LearningRate):
		return fmt.Errorf("lr %g: want a number above 0", c.LearningRate)
	case !positive(c.MuInit):
		return fmt.Errorf("mu-init %g: want a number above 0", c.MuInit)
	case !positive(c.SigmaInit):
		return fmt.Errorf("sigma-init %g: want a number above 0", c.SigmaInit)
	case c.Validation < 0:
		return fmt.Errorf("validation %d: want 0 or more examples", c.Validation)
	case c.Draws < 0:
		return fmt.Errorf("draws %d: want 0 or more", c.Draws)
	case c.Threads < 0:
		return fmt.Errorf("threads %d: want 0 (all processors) or more", c.Threads)
	case c.CheckpointEvery < 1:
		return fmt.Errorf("checkpoint-every %d: want 1 or more epochs", c.CheckpointEvery)
	case c.Classes != 0 && (c.Classes < 2 || c.Classes > mnist.MaxClasses):
		return fmt.Errorf("classes %d: want 2 to %d, or 0 to take them from the labels", c.Classes, mnist.MaxClasses)
	}
	if _, _, err := parseNormalise(c.Normalise); err != nil {
		return fmt.Errorf("normalise %q: %w", c.Normalise, err)
	}
	if _, err := c.mover(); err != nil {
		return err
	}
	return checkDevice(c.Device)
}

// Cohort names what networks must have in common to train side by side as members of one Program: structure, data,
// rule, and the number of steps. They may differ in seed, c, rho, lambda, lr and how they start.
func (c Config) Cohort() string {
	text := fmt.Sprintf("data %s, hidden %v, noise %s, batch %d, epochs %d, validation %d", c.Data, c.Hidden, c.Noise,
		c.Batch, c.Epochs, c.Validation)
	if rule := c.NormaliseRule(); rule != "" {
		text += ", normalise " + rule
	}
	if c.Classes != 0 {
		text += fmt.Sprintf(", classes %d", c.Classes)
	}
	if c.Rule != "" {
		text += fmt.Sprintf(", rule %v", c.Rule)
	}
	if c.Rho.Entropic() {
		text += ", rho entropic" // a law of its own
	}
	return text
}

// Spec is the structure of the network for examples of the given number of values and classes.
func (c Config) Spec(inputs, classes int) graph.Spec {
	s := graph.Spec{
		Sizes: append(append([]int{inputs}, c.Hidden...), classes), Batch: c.Batch,
		Activation: kernels.ReLU, Likelihood: kernels.Categorical,
	}
	for _, n := range noises {
		if n.name == c.Noise {
			s.Sharing = n.sharing
		}
	}
	s.Costs = graph.PaperCosts(s.Sharing)
	if c.Rho.Entropic() {
		s.Costs = graph.EntropicCosts(s.Sharing)
	}
	return s
}

// Member holds the numbers of the network.
func (c Config) Member() kernels.Member {
	return kernels.Member{Seed: uint64(c.Seed), C: c.C, Rho: c.Rho.Value(), Lambda: c.Lambda, LearningRate: c.LearningRate}
}

// InitialState draws the means from U(-MuInit, MuInit) and sets every sigma to SigmaInit.
func (c Config) InitialState(l kernels.Layout) *kernels.State {
	s := kernels.NewState(l, 0)
	for n := range l.Rows() {
		row := s.Mu[n.First:][:n.Columns()]
		kernels.Uniforms(row, kernels.Noise{Seed: uint64(c.Seed), Stream: kernels.StreamInitialMu, Layer: uint16(n.Layer)},
			n.Row)
		for k := range row {
			row[k] = float32(c.MuInit) * (2*row[k] - 1)
		}
	}
	phi := float32(kernels.SoftplusInverse(c.SigmaInit))
	if l.Sharing != kernels.PerSynapse {
		for g := range s.Phi {
			s.Phi[g] = phi
		}
		return s
	}
	for n := range l.Rows() {
		for k := range n.Columns() {
			s.Phi[n.First+k] = phi
		}
	}
	return s
}
