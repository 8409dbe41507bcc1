package explore

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"quantal/dynamics"
	"quantal/internal/nearest"
	"quantal/internal/setting"
	"quantal/results/store"
)

// Config is all that decides what the experiment computes; Settings describes it.
type Config struct {
	Sizes     []int // of deep sea
	Episodes  int   // in deep sea
	Contexts  int   // of the bandit
	Arms      int
	Choices   int // episodes of the bandit
	Seeds     int // agents of each kind: Seed, Seed+1, ...
	Untrained int // episodes of networks that do not learn, for their chance of the far reward
	Learner   Learner
	Tuning    Tuning
	Explorers []Explorer
	Seed      store.Seed
	Threads   int // 0 for all processors
}

// Settings describes the settings.
func (c *Config) Settings() setting.List {
	sizes := setting.Between(2, largestSize).Rising()
	episodes := setting.Between(blocks, mostEpisode)
	l := &c.Learner
	return append(setting.List{
		{Name: "explorer", Value: &c.Explorers, Write: func() string { return "" }, Unset: "all", Check: c.checkExplorers,
			Help: "strategies: a list of " + strings.Join(Explorers(), ", "), Read: func(text string) (err error) {
				c.Explorers, err = Named(strings.Split(text, ","))
				return err
			}},
		{Name: "sizes", Value: &c.Sizes, Want: sizes, Help: "sizes of deep sea, a list"},
		{Name: "episodes", Value: &c.Episodes, Want: episodes, Help: "episodes in deep sea"},
		{Name: "contexts", Value: &c.Contexts, Want: setting.Between(1, 1000), Help: "contexts of the bandit"},
		{Name: "arms", Value: &c.Arms, Want: setting.Between(2, 1000), Help: "its arms"},
		{Name: "choices", Value: &c.Choices, Want: episodes, Help: "episodes of the bandit"},
		{Name: "seeds", Value: &c.Seeds, Want: setting.Between(2, 10_000).With(", for intervals"),
			Help: "agents of each kind"},
		{Name: "untrained", Value: &c.Untrained, Want: setting.Between(1, mostEpisode).With(" episodes"),
			Help: "episodes of networks that have learned nothing, at each size"},
		{Name: "learner.rate", Value: &l.Rate, Flag: "rate", Want: setting.Above(0), Help: "learning rate"},
		{Name: "learner.replay", Value: &l.Replay, Flag: "replay", Want: setting.Between(0, 10_000),
			Help: "remembered steps in a minibatch"},
		{Name: "learner.momentum", Value: &l.Momentum, Want: setting.Want{Text: "a number from 0, below 1",
			Holds: func(x float64) bool { return x >= 0 && x < 1 }}},
		{Name: "learner.adam-epsilon", Value: &l.AdamEpsilon, Want: setting.Above(0)},
		{Name: "learner.every", Value: &l.Every, Want: setting.Between(1, 1000)},
		{Name: "tuning.seeds", Value: &c.Tuning.Seeds, Want: setting.Between(1, 10_000)},
		{Name: "tuning.sizes", Value: &c.Tuning.Sizes, Want: sizes},
	}, dynamics.SeedAndThreads(&c.Seed, &c.Threads)...)
}

// Learner says how values are learned, the same for all agents.
type Learner struct {
	Rate        float64 // learning rate of Adam
	Momentum    float64 // its beta1
	AdamEpsilon float64
	Every       int // steps of acting for one of learning
	Replay      int // remembered steps in a minibatch, in addition to those of the last episode
}

// Tuning says how the strength of each explorer is chosen for a world: from its list, the one with the largest mean
// return over all episodes of agents that are used only for this.
type Tuning struct {
	Seeds int
	Sizes []int // of deep sea; the mean over them is used
}

// Explorer is a strategy, with the strengths it may have: see [Synapses] and the other strategies.
type Explorer struct {
	Name      string    `toml:"name" json:"name"`
	Strengths []float64 `toml:"strengths" json:"strengths"`
}

// DefaultConfig is the experiment in full, with all strategies.
func DefaultConfig() Config {
	return Config{
		Sizes: []int{5, 7, 10, 12, 15, 20, 25, 30}, Episodes: 2000,
		Contexts: 10, Arms: 10, Choices: 2000, Seeds: 20, Untrained: 20000,
		Learner: Learner{Rate: 0.03, Momentum: 0, AdamEpsilon: 0.1, Every: 2, Replay: 20},
		Tuning:  Tuning{Seeds: 5, Sizes: []int{10, 20}},
		Explorers: []Explorer{
			{Synapses, []float64{0.1, 0.2, 0.5, 1, 2, 5}},
			{Frozen, []float64{0.01, 0.02, 0.05, 0.1, 0.2, 0.5}},
			{Linear, []float64{0.05, 0.1, 0.2, 0.5, 1}},
			{Falling, []float64{0.05, 0.1, 0.2, 0.5, 1}},
			{Softmax, []float64{0.01, 0.03, 0.1, 0.2, 0.5, 1}},
			{Epsilon, []float64{0.03, 0.1, 0.2, 0.4, 0.7, 1}},
			{Greedy, []float64{0}},
		},
		Seed: 1,
	}
}

// Quick makes the experiment small enough for two cores to do in well under a minute.
func (c Config) Quick() Config {
	c.Sizes, c.Episodes, c.Choices, c.Seeds, c.Untrained = []int{5, 10, 15}, 1000, 1000, 10, 2000
	c.Tuning = Tuning{Seeds: 3, Sizes: []int{8, 12}}
	return c
}

// Limits of what can be numbered and kept.
const (
	largestSize = 60
	mostEpisode = 1_000_000
)

// Check reports the first value that cannot be used, by its flag's name.
func (c Config) Check() error { return c.Settings().Check() }

func (c *Config) checkExplorers() error {
	if len(c.Explorers) == 0 {
		return errors.New("explorer: want one or more")
	}
	var names []string
	for _, x := range c.Explorers {
		if !slices.Contains(Explorers(), x.Name) {
			return fmt.Errorf("explorer %q: %s", x.Name, nearest.OneOf(x.Name, Explorers()))
		}
		if slices.Contains(names, x.Name) {
			return fmt.Errorf("explorer %s: want it once", x.Name)
		}
		names = append(names, x.Name)
		if err := x.check(); err != nil {
			return err
		}
	}
	return nil
}

func (x Explorer) check() error {
	if len(x.Strengths) == 0 {
		return fmt.Errorf("strengths of explorer %s: want one or more", x.Name)
	}
	for _, s := range x.Strengths {
		switch {
		case x.Name == Greedy && s != 0:
			return fmt.Errorf("strengths of explorer %s: %g: want 0", x.Name, s)
		case x.Name == Epsilon && !(s > 0 && s <= 1):
			return fmt.Errorf("strengths of explorer %s: %g: want probabilities above 0, up to 1", x.Name, s)
		case x.Name != Greedy && !(s > 0 && s <= 1000):
			return fmt.Errorf("strengths of explorer %s: %g: want numbers above 0, up to 1000", x.Name, s)
		}
	}
	return nil
}

// Named returns the named strategies, with their default strengths.
func Named(names []string) ([]Explorer, error) {
	var named []Explorer
	for _, name := range names {
		all := DefaultConfig().Explorers
		i := slices.IndexFunc(all, func(x Explorer) bool { return x.Name == name })
		if i < 0 {
			return nil, fmt.Errorf("explorer %q: %s", name, nearest.OneOf(name, Explorers()))
		}
		named = append(named, all[i])
	}
	return named, nil
}
