package sampling

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"quantal/dynamics"
	"quantal/results/store"
	"quantal/train"
)

// Parts of the experiment.
const (
	partRegression = "regression" // chains in float64 on regressions
	partGraph      = "graph"      // the rule Langevin of the compiled graph, on a linear regression
	partNetwork    = "network"    // the same on a trained network
)

// Parts lists the parts of the experiment.
func Parts() []string { return []string{partRegression, partGraph, partNetwork} }

// Config is all that decides what the experiment computes. The keys of its TOML form are the names of the flags where
// there is one.
type Config struct {
	dynamics.Start
	Parts   []string   `toml:"parts" json:"parts"`
	Seed    store.Seed `toml:"seed" json:"seed"`
	Threads int        `toml:"threads" json:"threads"` // 0 for all processors

	// Of the regressions. Steps are in units of 1 over the largest eigenvalue of the Hessian of U, beyond 2 of which they
	// are unstable.
	Step         float64   `toml:"step" json:"step"`
	Temperature  float64   `toml:"temperature" json:"temperature"`
	Chains       int       `toml:"chains" json:"chains"`             // a multiple of Block
	Linear       []Problem `toml:"linear" json:"linear"`             //
	Logistic     []Problem `toml:"logistic" json:"logistic"`         //
	Graph        Problem   `toml:"graph" json:"graph"`               // linear, in the compiled graph; its prior is flat
	Steps        []float64 `toml:"steps" json:"steps"`               // on the first linear problem
	Temperatures []float64 `toml:"temperatures" json:"temperatures"` // on the first linear problem
	Batches      []int     `toml:"batches" json:"batches"`           // on the first linear problem
	Posterior    Posterior `toml:"posterior" json:"posterior"`       // of the trained network
}

// Problem is a regression on examples that are made up: each input has variance 1 and a correlation with its neighbour.
type Problem struct {
	Dimension   int     `toml:"dimension" json:"dimension"` // parameters
	Examples    int     `toml:"examples" json:"examples"`
	Correlation float64 `toml:"correlation" json:"correlation"`
	// of the answers of linear regression
	NoiseVariance float64 `toml:"noise-variance,omitempty" json:"noise_variance,omitempty"`
	PriorVariance float64 `toml:"prior-variance" json:"prior_variance"` // of each parameter
	// effective samples wanted, in the direction where they are fewest
	Effective int `toml:"effective" json:"effective"`
}

// DefaultConfig is the experiment in full.
func DefaultConfig() (Config, error) {
	training, err := train.Preset("published")
	return Config{
		Start: dynamics.Start{Training: training}, Parts: Parts(), Seed: 1,
		Step: 0.05, Temperature: 1, Chains: 512,
		Linear: []Problem{
			{Dimension: 2, Examples: 20, Correlation: 0.7, NoiseVariance: 1, PriorVariance: 1, Effective: 100_000},
			{Dimension: 50, Examples: 1000, Correlation: 0.1, NoiseVariance: 1, PriorVariance: 1, Effective: 60_000},
		},
		Logistic: []Problem{
			{Dimension: 2, Examples: 40, Correlation: 0.5, PriorVariance: 4, Effective: 50_000},
			{Dimension: 10, Examples: 100, Correlation: 0.3, PriorVariance: 1, Effective: 20_000},
		},
		Graph: Problem{Dimension: 5, Examples: 50, Correlation: 0.3, NoiseVariance: 1, PriorVariance: 1, Effective: 20_000},
		Steps: []float64{0.1, 0.2, 0.4, 0.8, 1.2, 1.6}, Temperatures: []float64{0.25, 0.5, 2, 4},
		Batches: []int{1, 2, 5, 10, 20},
		Posterior: Posterior{
			Temperatures: []float64{0, 0.1, 0.3, 1}, Step: 0.2, Decay: 0.55, Delay: 20, Batch: 100, Chains: 4, Burn: 20,
			Samples: 40,
		},
	}, err
}

// Quick makes the experiment small enough for two cores to do in well under a minute, together with Start.Quick.
func (c Config) Quick() Config {
	c.Chains = 256
	for _, problems := range []*[]Problem{&c.Linear, &c.Logistic} {
		*problems = slices.Clone(*problems)
		for i := range *problems {
			p := &(*problems)[i]
			p.Effective = min(p.Effective, 10_000)
		}
	}
	c.Posterior.Chains, c.Posterior.Burn, c.Posterior.Samples = 2, 5, 10
	c.Graph.Effective = min(c.Graph.Effective, 4000)
	return c
}

func positive(x float64) bool { return x > 0 && !math.IsInf(x, 0) }

// maxChains is more than anyone waits for, and few enough for what they need to be held against memory.
const maxChains = 1 << 20

// Check reports the first value that cannot be used, by its flag's name.
func (c Config) Check() error {
	switch {
	case len(c.Parts) == 0:
		return fmt.Errorf("parts: want one or more of %s", strings.Join(Parts(), ", "))
	case !positive(c.Step) || c.Step >= 2:
		return fmt.Errorf("step %g: want a number above 0 and below 2, in units of 1 over the largest eigenvalue of the "+
			"Hessian", c.Step)
	case !positive(c.Temperature):
		return fmt.Errorf("temperature %g: want a number above 0", c.Temperature)
	case c.Chains < Block || c.Chains%Block != 0 || c.Chains > maxChains:
		return fmt.Errorf("chains %d: want a multiple of %d, at most %d", c.Chains, Block, maxChains)
	case c.Threads < 0:
		return fmt.Errorf("threads %d: want 0 (all processors) or more", c.Threads)
	}
	for i, p := range c.Parts {
		if !slices.Contains(Parts(), p) {
			return fmt.Errorf("parts %q: want %s", p, strings.Join(Parts(), ", "))
		}
		if slices.Contains(c.Parts[:i], p) {
			return fmt.Errorf("parts %s: want it once", p)
		}
	}
	for _, s := range c.Steps {
		if !positive(s) || s >= 2 {
			return fmt.Errorf("steps %g: want numbers above 0 and below 2", s)
		}
	}
	for _, t := range c.Temperatures {
		if !positive(t) {
			return fmt.Errorf("temperatures %g: want numbers above 0", t)
		}
	}
	for _, b := range c.Batches {
		if b < 1 {
			return fmt.Errorf("batches %d: want 1 example or more", b)
		}
	}
	for _, p := range c.Linear {
		if err := p.checkLinear(); err != nil {
			return fmt.Errorf("linear: %w", err)
		}
	}
	if c.has(partNetwork) {
		if err := c.Posterior.check(); err != nil {
			return fmt.Errorf("posterior: %w", err)
		}
	}
	if c.has(partGraph) {
		if err := c.Graph.checkLinear(); err != nil {
			return fmt.Errorf("graph: %w", err)
		}
		if c.Graph.Dimension < 2 {
			return fmt.Errorf("graph: dimension %d: want 2 or more, of which one is the bias", c.Graph.Dimension)
		}
	}
	for _, p := range c.Logistic {
		if err := p.check(); err != nil {
			return fmt.Errorf("logistic: %w", err)
		}
	}
	return nil
}

func (p Problem) check() error {
	switch {
	case p.Dimension < 1 || p.Dimension > 1000:
		return fmt.Errorf("dimension %d: want 1 to 1000", p.Dimension)
	case p.Examples < 1:
		return fmt.Errorf("examples %d: want 1 or more", p.Examples)
	case !(math.Abs(p.Correlation) < 1):
		return fmt.Errorf("correlation %g: want a number between -1 and 1", p.Correlation)
	case !positive(p.PriorVariance):
		return fmt.Errorf("prior-variance %g: want a number above 0", p.PriorVariance)
	case p.Effective < 100:
		return fmt.Errorf("effective %d: want 100 samples or more", p.Effective)
	}
	return nil
}

func (p Problem) checkLinear() error {
	if err := p.check(); err != nil {
		return err
	}
	if !positive(p.NoiseVariance) {
		return fmt.Errorf("noise-variance %g: want a number above 0", p.NoiseVariance)
	}
	return nil
}

// has reports whether a part is to be made.
func (c Config) has(part string) bool { return slices.Contains(c.Parts, part) }

// NeedsNetwork reports whether a part is to be made that samples from a trained network.
func (c Config) NeedsNetwork() bool { return c.has(partNetwork) }
