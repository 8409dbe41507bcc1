package train

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"quantal/graph"
	"quantal/internal/nearest"
	"quantal/kernels"
	"quantal/results/store"
	"quantal/synapse"
)

// Config is everything that determines what a run computes, apart from the data; Settings describes it.
type Config struct {
	Data          string
	Network       string // as graph.ParseNetwork reads it; empty for a chain of Hidden layers
	Hidden        []int  // of a network, neurons and filters of its layers but the last
	Noise         string
	Rho           Exponent
	C             float64
	Lambda        float64
	LearningRate  float64
	Batch         int
	Draw          kernels.Draw // which examples share one
	Epochs        int
	Patience      int // in epochs; 0 to train all of them
	MuInit        float64
	SigmaInit     float64
	Synapse       string  // the name of a synapse.Kind
	NInit, PInit  float64 // of quantal synapses
	Validation    int
	Normalise     string  // empty if it is still to be chosen: see Settle
	Likelihood    string  // the same: see Likelihoods
	Classes       int     // 0 to take them from the labels
	Target        string  // columns of a table that are the answers; empty for those with the usual names
	NoiseVariance float64 // of the Gaussian likelihood
	// NormaliseTargets says whether the numbers to be fitted are taken less their mean over their SD, auto, or none.
	NormaliseTargets string
	Activation       kernels.Activation
	Rule             Rule
	Schedule         kernels.Shape
	WeightDecay      float64
	Costs            Costs
	CostPer          kernels.CostPer // how often a synapse of a convolution pays
	Numbers          Numbers
	Seed             store.Seed
	Draws            int // 0 for none
	Device           string
	Threads          int // 0 for all processors
	CheckpointEvery  int
	Layers           Layers // of C, Lambda, LearningRate and SigmaInit
}

// noises maps the users' names of the noise to the synapses that share a sigma.
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

// Presets lists the names that Preset accepts.
func Presets() []string { return []string{"published", "quick", "text"} }

// Preset returns a named configuration. "published" reproduces the published figures; "text" has the learning rate and
// lambda that the paper's text states, which do not reproduce them. "quick" shows the effect of noise in three epochs:
// in that time the published learning rate and initial sigma would leave every sigma where it started, because Adam
// moves phi, the logarithm of a small sigma, by at most about the learning rate per step.
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

// Before has the value of a setting that a stored configuration lacks: the one from before it could be set.
func Before() Config {
	c := published()
	_ = c.Settings().SetBefore()
	return c
}

func published() Config {
	c := Config{
		Hidden: []int{100, 100}, Noise: "heterogeneous", Rho: Exponent{"2", 2}, C: 0.1, Lambda: 0.01,
		Epochs: 50, Batch: 20, LearningRate: 1e-4, MuInit: 0.1, SigmaInit: 1e-4, Seed: 1, Draws: 20,
		Activation: kernels.ReLU, Device: "auto", CheckpointEvery: 1,
	}
	_ = c.Settings().SetBefore()       // what came later; a test reads every Before
	c.Normalise, c.Likelihood = "", "" // to be decided
	return c
}

// Check reports the first value that cannot be used, by its flag's name.
func (c Config) Check() error { return c.Settings().Check() }

// Cohort names what networks must share to train together as members of one Program: structure, data, rule, and the
// number of steps. They may differ in the settings that are a network's own: seed, c, rho, lambda, lr, weight
// decay and how they start.
func (c Config) Cohort() string {
	var parts []string
	for _, s := range c.Settings() {
		if (s.Name == "data" || !s.Place) && !s.Own && (s.Before == "" || s.Text() != s.Before) {
			parts = append(parts, s.Name+" "+s.Text())
		}
	}
	if c.Rho.Entropic() && len(c.Costs) == 0 {
		parts = append(parts, "rho entropic") // another law
	}
	return strings.Join(parts, ", ")
}

// MarshalJSON writes every setting.
func (c Config) MarshalJSON() ([]byte, error) { return json.Marshal(c.Settings().Document()) }

// UnmarshalJSON reads the output of MarshalJSON of this or an earlier version.
func (c *Config) UnmarshalJSON(text []byte) error {
	*c = Before()
	return c.Settings().ReadJSON(text)
}

// Spec is the structure of the network for an input and a number of outputs.
func (c Config) Spec(in graph.Input, outputs int) graph.Spec {
	s := graph.Spec{
		Sizes: append(append([]int{in.Units()}, c.Hidden...), outputs), Batch: c.Batch,
		Activation: c.Activation, Likelihood: kernels.Categorical,
	}
	if c.Network != "" {
		n, _ := graph.ParseNetwork(c.Network) // Check reports the error
		s.Sizes, s.Activation, s.Network, s.Input = []int{in.Units(), outputs}, kernels.Linear, n, in
	}
	if c.Regression() {
		s.Likelihood = kernels.Gaussian
	}
	s.Sharing, s.Draw, s.CostPer = c.sharing(), c.Draw, c.CostPer
	s.Costs = c.costs(s.Sharing)
	s.Synapse = c.kind()
	return s
}

// sharing says which synapses share a sigma.
func (c Config) sharing() kernels.Sharing {
	i := slices.Index(Noises(), c.Noise)
	return noises[max(i, 0)].sharing
}

// Member holds the numbers of the network.
func (c Config) Member() kernels.Member {
	m := kernels.Member{Seed: uint64(c.Seed), C: c.C, Rho: float64(c.Rho.Value()), Lambda: c.Lambda,
		Numbers: c.Numbers.Layer(0), LearningRate: c.LearningRate, WeightDecay: c.WeightDecay}
	if c.Regression() {
		m.NoiseVariance = c.NoiseVariance
	}
	if all := m.C + m.Rho + m.Lambda + m.LearningRate; all == all && !c.Numbers.differ() {
		return m
	}
	for l := range c.Depth() {
		n := c.Layer(l).Member()
		m.Layers = append(m.Layers, kernels.LayerNumbers{C: n.C, Rho: n.Rho, Lambda: n.Lambda,
			LearningRate: n.LearningRate, Numbers: n.Numbers})
	}
	return m
}

// InitialState draws the means from U(-MuInit, MuInit) and sets every sigma to the SigmaInit of its layer, or what
// quantal synapses learn to what makes these means; Program.Derive then sets their phi.
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
	var phi []float32 // by layer
	for i := range l.Layers {
		phi = append(phi, float32(kernels.SoftplusInverse(c.Layer(i).SigmaInit)))
	}
	for g, group := range l.Groups() {
		s.Phi[g] = phi[group.Layer]
	}
	if kind, err := synapse.NamedKind(c.Synapse); err == nil && kind.Start != nil && l.Parameters != nil {
		for n := range l.Rows() {
			for k := range n.Columns() {
				for i, x := range kind.Start(float64(s.Mu[n.First+k]), synapse.Start{N: c.NInit, P: c.PInit}) {
					s.Theta[i].Values[n.First+k] = float32(x)
				}
			}
		}
		return s
	}
	if l.Sharing != kernels.PerSynapse {
		return s
	}
	for n := range l.Rows() {
		for k := range n.Columns() {
			s.Phi[n.First+k] = phi[n.Layer]
		}
	}
	return s
}
