package tolerance

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"quantal/dynamics"
	"quantal/results/store"
	"quantal/train"
)

// Names of perturbations, in the configuration and in the table.
const (
	relative      = "relative"
	additive      = "additive"
	rewiredNeuron = "rewired-neuron"
	rewiredLayer  = "rewired-layer"
	deleted       = "deleted"
	contacts      = "contacts"
	sharedWeight  = "shared-weight"
	profile       = "profile"
)

// Perturbations lists those that are made to subsets.
func Perturbations() []string {
	return []string{relative, additive, rewiredNeuron, rewiredLayer, deleted}
}

// Config is all that decides what the experiment computes. The keys of its TOML form are the names of the flags where
// there is one.
type Config struct {
	dynamics.Start
	Seed    store.Seed `toml:"seed" json:"seed"`       // of all perturbations
	Threads int        `toml:"threads" json:"threads"` // 0 for all processors
	Draws   int        `toml:"draws" json:"draws"`     // networks behind an accuracy and its interval

	Perturbations []string `toml:"perturbations" json:"perturbations"` // of subsets
	// of each layer's synapses that are the most, or the least, important ones
	Share      float64   `toml:"share" json:"share"`
	Amplitudes []float64 `toml:"amplitudes" json:"amplitudes"` // of fluctuations
	Hit        []float64 `toml:"hit" json:"hit"`               // shares of a subset that are rewired or deleted

	Contacts []int `toml:"contacts" json:"contacts"` // per connection
	// at which the variance of the logits is measured
	ContactAmplitudes []float64 `toml:"contact-amplitudes" json:"contact-amplitudes"`
	ContactDraws      int       `toml:"contact-draws" json:"contact-draws"` // for that
	// test examples for that: the first, or all if there are fewer
	Probes int `toml:"probes" json:"probes"`

	// shares of each layer's synapses that share a weight
	Kept          []float64 `toml:"kept" json:"kept"`
	SharedWeights []float64 `toml:"shared-weights" json:"shared-weights"` // its values

	Factors []float64 `toml:"factors" json:"factors"` // by which the profiles of sigma are scaled
}

// DefaultConfig is the experiment in full. The network that it trains has heterogeneous noise at a price at which noise
// costs accuracy: the preset of the published figures at rho 2 and c 0.1.
func DefaultConfig() (Config, error) {
	training, err := train.Preset("published")
	return Config{
		Start: dynamics.Start{Training: training}, Seed: 1, Draws: 20,
		Perturbations: Perturbations(), Share: 0.5,
		Amplitudes: []float64{0.1, 0.25, 0.5, 0.75, 1, 1.5, 2, 3},
		Hit:        []float64{0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9, 1},
		Contacts:   []int{1, 2, 4, 8, 16}, ContactAmplitudes: []float64{0.01, 0.1, 0.5}, ContactDraws: 1000, Probes: 500,
		Kept:          []float64{0.05, 0.1, 0.2, 0.4, 1},
		SharedWeights: []float64{0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10},
		Factors:       []float64{0.1, 0.2, 0.3, 0.5, 0.7, 1, 1.4, 2, 3, 5},
	}, err
}

// Quick makes the experiment small enough for two cores to do in well under a minute with the network that Start.Quick
// trains.
func (c Config) Quick() Config {
	c.Draws = 4
	c.Amplitudes, c.Hit = []float64{0.25, 0.5, 1, 2}, []float64{0.1, 0.3, 0.6, 1}
	c.ContactAmplitudes, c.ContactDraws, c.Probes = []float64{0.01, 0.5}, 300, 100
	c.Kept, c.SharedWeights = []float64{0.1, 0.4}, []float64{0.01, 0.1, 1}
	c.Factors = []float64{0.2, 0.5, 1, 2, 5}
	return c
}

// mostDraws bounds the draws, each of which leaves results.
const mostDraws = 1_000_000

// Check reports the first value that cannot be used, by its flag's name.
func (c Config) Check() error {
	const most = 1 << 12 // numbers that a use of noise tells apart
	switch {
	case c.Threads < 0:
		return fmt.Errorf("threads %d: want 0 (all processors) or more", c.Threads)
	case c.Draws < 2 || c.Draws > mostDraws:
		return fmt.Errorf("draws %d: want 2 to %d, for intervals", c.Draws, mostDraws)
	case !(c.Share > 0 && c.Share < 1):
		return fmt.Errorf("share %g: want a number above 0 and below 1", c.Share)
	case c.ContactDraws < 10 || c.ContactDraws > mostDraws:
		return fmt.Errorf("contact-draws %d: want 10 to %d", c.ContactDraws, mostDraws)
	case c.Probes < 1:
		return fmt.Errorf("probes %d: want 1 or more", c.Probes)
	case len(c.Contacts) > 0 && c.Contacts[0] != 1:
		return fmt.Errorf("contacts %v: want 1 first, with which the others are compared", c.Contacts)
	}
	for _, p := range c.Perturbations {
		if !slices.Contains(Perturbations(), p) {
			return fmt.Errorf("perturbation %q: want some of %s", p, strings.Join(Perturbations(), ", "))
		}
	}
	for i, n := range c.Contacts {
		if n >= most || i > 0 && n <= c.Contacts[i-1] {
			return fmt.Errorf("contacts %v: want rising numbers below %d", c.Contacts, most)
		}
	}
	positive := func(v float64) bool { return v > 0 && !math.IsInf(v, 0) }
	share := func(v float64) bool { return v > 0 && v <= 1 }
	for _, list := range []struct {
		name   string
		values []float64
		holds  func(float64) bool
		want   string
	}{
		{"amplitudes", c.Amplitudes, positive, "numbers above 0"},
		{"hit", c.Hit, share, "shares above 0, up to 1"},
		{"contact-amplitudes", c.ContactAmplitudes, positive, "numbers above 0"},
		{"kept", c.Kept, share, "shares above 0, up to 1"},
		{"shared-weights", c.SharedWeights, positive, "numbers above 0"},
		{"factors", c.Factors, positive, "numbers above 0"},
	} {
		for i, v := range list.values {
			if !list.holds(v) || i > 0 && v <= list.values[i-1] {
				return fmt.Errorf("%s %v: want rising %s", list.name, list.values, list.want)
			}
		}
		if len(list.values) == 0 {
			return fmt.Errorf("%s: want one or more", list.name)
		}
	}
	return nil
}
