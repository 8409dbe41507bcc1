package sampling

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"quantal/dynamics"
	"quantal/internal/setting"
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

// Config is all that decides what the experiment computes; Settings describes it.
type Config struct {
	dynamics.Start
	Parts   []string
	Seed    store.Seed
	Threads int // 0 for all processors

	// Of the regressions. Steps are in units of 1 over the largest eigenvalue of the Hessian of U, beyond 2 of which they
	// are unstable.
	Step         float64
	Temperature  float64
	Chains       int // a multiple of Block
	Linear       []Problem
	Logistic     []Problem
	Graph        Problem   // linear, in the compiled graph; its prior is flat
	Steps        []float64 // on the first linear problem
	Temperatures []float64 // on the first linear problem
	Batches      []int     // on the first linear problem
	Posterior    Posterior // of the trained network
}

// Settings describes the settings, without those of Start.
func (c *Config) Settings() setting.List {
	stable := setting.Want{Text: "a number above 0 and below 2, in units of 1 over the largest eigenvalue of the Hessian",
		Holds: func(x float64) bool { return x > 0 && x < 2 }}
	p, g := &c.Posterior, &c.Graph
	list := setting.List{
		{Name: "parts", Value: &c.Parts, OneOf: Parts(), Check: c.checkParts,
			Help: "what is made: a list of " + strings.Join(Parts(), ", ")},
		{Name: "step", Value: &c.Step, Want: stable,
			Help: "length of the steps on regressions, in units of 1 over the largest eigenvalue of the Hessian, below 2"},
		{Name: "temperature", Value: &c.Temperature, Want: setting.Above(0), Help: "T on regressions"},
		{Name: "chains", Value: &c.Chains, Want: setting.Want{Text: fmt.Sprintf("a multiple of %d, at most %d", Block,
			maxChains),
			Holds: func(x float64) bool { return x >= Block && x <= maxChains && int(x)%Block == 0 }},
			Help: "chains on regressions"},
		{Name: "posterior.temperatures", Flag: "temperatures", Value: &p.Temperatures, Want: setting.From(0),
			Check: c.checkTemperatures,
			Help:  "list of `T,...` at which the posterior of the network is sampled"},
		{Name: "posterior.step", Flag: "network-step", Value: &p.Step, Want: setting.Above(0),
			Help: "N eps on the network: the learning rate of descent on the mean loss of an example"},
		{Name: "posterior.burn", Flag: "burn", Value: &p.Burn, Want: setting.From(0).With(" epochs"),
			Help: "epochs on the network before the first sample"},
		{Name: "posterior.samples", Flag: "samples", Value: &p.Samples, Want: setting.From(1),
			Help: "samples of each chain on the network, one per epoch"},
		{Name: "posterior.chains", Flag: "network-chains", Value: &p.Chains, Want: setting.From(1),
			Help: "chains on the network, at each temperature"},
		{Name: "effective", Help: "effective samples on each regression", Write: c.effective, Read: c.setEffective},
		{Name: "linear", Value: &c.Linear}, {Name: "logistic", Value: &c.Logistic},
		{Name: "steps", Value: &c.Steps, Want: stable},
		{Name: "temperatures", Value: &c.Temperatures, Want: setting.Above(0)},
		{Name: "batches", Value: &c.Batches, Want: setting.From(1).With(" examples")},
		{Name: "posterior.decay", Value: &p.Decay, Want: setting.Between(0, 1)},
		{Name: "posterior.delay", Value: &p.Delay, Check: c.checkDelay},
		{Name: "posterior.batch", Value: &p.Batch, Want: setting.From(1).With(" examples")},
		{Name: "graph.dimension", Value: &g.Dimension}, {Name: "graph.examples", Value: &g.Examples},
		{Name: "graph.correlation", Value: &g.Correlation}, {Name: "graph.noise-variance", Value: &g.NoiseVariance},
		{Name: "graph.prior-variance", Value: &g.PriorVariance}, {Name: "graph.effective", Value: &g.Effective},
	}
	return append(list, dynamics.SeedAndThreads(&c.Seed, &c.Threads)...)
}

func (c *Config) checkParts() error {
	if len(c.Parts) == 0 {
		return fmt.Errorf("parts: want one or more of %s", strings.Join(Parts(), ", "))
	}
	return nil
}

func (c *Config) checkTemperatures() error {
	list := c.Posterior.Temperatures
	for i, t := range list {
		if slices.Contains(list[:i], t) {
			return fmt.Errorf("temperatures %g: want it once", t)
		}
	}
	if len(list) == 0 {
		return errors.New("temperatures: want one or more")
	}
	return nil
}

func (c *Config) checkDelay() error {
	if p := c.Posterior; p.Decay > 0 && !positive(p.Delay) {
		return fmt.Errorf("posterior.delay %g: want a number of epochs above 0", p.Delay)
	}
	return nil
}

// effective is how many effective samples the problems want, from the fewest to the most.
func (c *Config) effective() string {
	var all []int
	for _, p := range slices.Concat(c.Linear, c.Logistic) {
		all = append(all, p.Effective)
	}
	if len(all) == 0 {
		return ""
	}
	if low, high := slices.Min(all), slices.Max(all); low < high {
		return fmt.Sprintf("%d to %d by problem", low, high)
	}
	return fmt.Sprint(all[0])
}

func (c *Config) setEffective(text string) error {
	var effective int
	if err := (setting.Setting{Value: &effective}).Set(text); err != nil {
		return err
	}
	for _, problems := range [][]Problem{c.Linear, c.Logistic} {
		for i := range problems {
			problems[i].Effective = effective
		}
	}
	return nil
}

// Problem is a regression on generated examples: each input has variance 1 and a correlation with its neighbour.
type Problem struct {
	Dimension   int     `toml:"dimension" json:"dimension"` // parameters
	Examples    int     `toml:"examples" json:"examples"`
	Correlation float64 `toml:"correlation" json:"correlation"`
	// of the answers of linear regression
	NoiseVariance float64 `toml:"noise-variance,omitempty" json:"noise_variance,omitempty"`
	PriorVariance float64 `toml:"prior-variance" json:"prior_variance"` // of each parameter
	// required effective samples, in the direction with the fewest
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

// maxChains is more than anyone would wait for, and few enough that their memory can be computed.
const maxChains = 1 << 20

// Check reports the first value that cannot be used, by its flag's name.
func (c Config) Check() error {
	if err := c.Settings().Check(); err != nil {
		return err
	}
	for _, p := range c.Linear {
		if err := p.checkLinear(); err != nil {
			return fmt.Errorf("linear: %w", err)
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

// has reports whether a part is requested.
func (c Config) has(part string) bool { return slices.Contains(c.Parts, part) }

// NeedsNetwork reports whether a requested part samples from a trained network.
func (c Config) NeedsNetwork() bool { return c.has(partNetwork) }
