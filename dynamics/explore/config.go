package explore

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"quantal/internal/nearest"
	"quantal/results/store"
)

// Config is all that decides what the experiment computes. The keys of its TOML form are the names of the flags where
// there is one.
type Config struct {
	Sizes    []int `toml:"sizes" json:"sizes"`       // of deep sea
	Episodes int   `toml:"episodes" json:"episodes"` // in deep sea
	Contexts int   `toml:"contexts" json:"contexts"` // of the bandit
	Arms     int   `toml:"arms" json:"arms"`         //
	Choices  int   `toml:"choices" json:"choices"`   // episodes of the bandit
	Seeds    int   `toml:"seeds" json:"seeds"`       // agents of each kind: Seed, Seed+1, ...
	// episodes of networks that do not learn, for their chance of the far reward
	Untrained int        `toml:"untrained" json:"untrained"`
	Learner   Learner    `toml:"learner" json:"learner"`   //
	Tuning    Tuning     `toml:"tuning" json:"tuning"`     //
	Explorers []Explorer `toml:"explorer" json:"explorer"` //
	Seed      store.Seed `toml:"seed" json:"seed"`         //
	Threads   int        `toml:"threads" json:"threads"`   // 0 for all processors
}

// Learner is how values are learned, the same for all agents.
type Learner struct {
	Rate        float64 `toml:"rate" json:"rate"`                 // learning rate of Adam
	Momentum    float64 `toml:"momentum" json:"momentum"`         // its beta1
	AdamEpsilon float64 `toml:"adam_epsilon" json:"adam_epsilon"` //
	Every       int     `toml:"every" json:"every"`               // steps of acting for one of learning
	// remembered steps in a minibatch, beside those of the last episode
	Replay int `toml:"replay" json:"replay"`
}

// Tuning says how the strength of each explorer is chosen for a world: of those it may have, the one with the largest
// mean return over all episodes of some agents that are used for nothing else.
type Tuning struct {
	Seeds int   `toml:"seeds" json:"seeds"`
	Sizes []int `toml:"sizes" json:"sizes"` // of deep sea; the mean over them counts
}

// Explorer is a strategy, with the strengths it may have: see [Synapses] and those beside it.
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
func (c Config) Check() error {
	positive := func(x float64) bool { return x > 0 && !math.IsInf(x, 0) }
	l := c.Learner
	switch {
	case !ascending(c.Sizes):
		return fmt.Errorf("sizes %s: want whole numbers from 2 to %d, each larger than the one before", list(c.Sizes),
			largestSize)
	case c.Episodes < blocks || c.Episodes > mostEpisode:
		return fmt.Errorf("episodes %d: want %d to %d", c.Episodes, blocks, mostEpisode)
	case c.Choices < blocks || c.Choices > mostEpisode:
		return fmt.Errorf("choices %d: want %d to %d", c.Choices, blocks, mostEpisode)
	case c.Contexts < 1 || c.Contexts > 1000:
		return fmt.Errorf("contexts %d: want 1 to 1000", c.Contexts)
	case c.Arms < 2 || c.Arms > 1000:
		return fmt.Errorf("arms %d: want 2 to 1000", c.Arms)
	case c.Seeds < 2 || c.Seeds > 10_000:
		return fmt.Errorf("seeds %d: want 2 to 10000, for intervals", c.Seeds)
	case c.Untrained < 1 || c.Untrained > mostEpisode:
		return fmt.Errorf("untrained %d: want 1 to %d episodes", c.Untrained, mostEpisode)
	case !positive(l.Rate):
		return fmt.Errorf("rate %g: want a number above 0", l.Rate)
	case !(l.Momentum >= 0 && l.Momentum < 1):
		return fmt.Errorf("learner: momentum %g: want a number from 0, below 1", l.Momentum)
	case !positive(l.AdamEpsilon):
		return fmt.Errorf("learner: adam_epsilon %g: want a number above 0", l.AdamEpsilon)
	case l.Every < 1 || l.Every > 1000:
		return fmt.Errorf("learner: every %d: want 1 to 1000", l.Every)
	case l.Replay < 0 || l.Replay > 10_000:
		return fmt.Errorf("replay %d: want 0 to 10000", l.Replay)
	case c.Tuning.Seeds < 1 || c.Tuning.Seeds > 10_000:
		return fmt.Errorf("tuning: seeds %d: want 1 to 10000", c.Tuning.Seeds)
	case !ascending(c.Tuning.Sizes):
		return fmt.Errorf("tuning: sizes %s: want whole numbers from 2 to %d, each larger than the one before",
			list(c.Tuning.Sizes), largestSize)
	case c.Threads < 0:
		return fmt.Errorf("threads %d: want 0 (all processors) or more", c.Threads)
	case len(c.Explorers) == 0:
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

// ascending reports whether there are sizes of deep sea, in order.
func ascending(sizes []int) bool {
	for i, n := range sizes {
		if n < 2 || n > largestSize || i > 0 && n <= sizes[i-1] {
			return false
		}
	}
	return len(sizes) > 0
}

// list writes numbers as a flag has them.
func list(numbers []int) string {
	return strings.ReplaceAll(strings.Trim(fmt.Sprint(numbers), "[]"), " ", ",")
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

// Named returns the strategies of some names, with the strengths that they have by default.
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
