package tolerance

import (
	"fmt"

	"quantal/dynamics"
	"quantal/internal/setting"
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

// Perturbations lists those that are applied to subsets.
func Perturbations() []string {
	return []string{relative, additive, rewiredNeuron, rewiredLayer, deleted}
}

// Config is all that decides what the experiment computes; Settings describes it.
type Config struct {
	dynamics.Start
	Seed    store.Seed
	Threads int // 0 for all processors
	Draws   int

	Perturbations []string // of subsets
	Share         float64
	Amplitudes    []float64 // of fluctuations
	Hit           []float64 // shares of a subset that are rewired or deleted

	Contacts          []int     // per connection
	ContactAmplitudes []float64 // at which the variance of the logits is measured
	ContactDraws      int       // for that
	Probes            int       // test examples for that: the first, or all if there are fewer

	Kept          []float64 // shares of each layer's synapses that share a weight
	SharedWeights []float64 // its values

	Factors []float64 // by which the profiles of sigma are scaled
}

// Settings describes the settings, without those of Start.
func (c *Config) Settings() setting.List {
	const most = 1 << 12 // numbers that a use of noise distinguishes
	positive := setting.Above(0).Rising()
	share := setting.Want{Text: "a share above 0, up to 1", Holds: func(v float64) bool { return v > 0 && v <= 1 }}
	part := setting.Want{Text: "a number above 0 and below 1", Holds: func(v float64) bool { return v > 0 && v < 1 }}
	return append(setting.List{
		{Name: "share", Value: &c.Share, Want: part,
			Help: "share of each layer's synapses that count as the most, or the least, important ones"},
		{Name: "draws", Value: &c.Draws, Want: setting.Between(2, mostDraws).With(", for intervals"),
			Help: "perturbed networks behind each accuracy and its interval"},
		{Name: "perturbations", Value: &c.Perturbations, OneOf: Perturbations()},
		{Name: "amplitudes", Value: &c.Amplitudes, Want: positive},
		{Name: "hit", Value: &c.Hit, Want: share.Rising()},
		{Name: "contacts", Value: &c.Contacts, Want: setting.Between(1, most-1), Check: c.checkContacts},
		{Name: "contact-amplitudes", Value: &c.ContactAmplitudes, Want: positive},
		{Name: "contact-draws", Value: &c.ContactDraws, Want: setting.Between(10, mostDraws)},
		{Name: "probes", Value: &c.Probes, Want: setting.From(1)},
		{Name: "kept", Value: &c.Kept, Want: share.Rising()},
		{Name: "shared-weights", Value: &c.SharedWeights, Want: positive},
		{Name: "factors", Value: &c.Factors, Want: positive},
	}, dynamics.SeedAndThreads(&c.Seed, &c.Threads)...)
}

// checkContacts wants one contact first, with which the others are compared; none at all will do, too.
func (c *Config) checkContacts() error {
	for i, n := range c.Contacts {
		if i == 0 && n != 1 || i > 0 && n <= c.Contacts[i-1] {
			return fmt.Errorf("contacts %v: want rising numbers, 1 first", c.Contacts)
		}
	}
	return nil
}

// DefaultConfig is the experiment in full. The network that it trains has heterogeneous noise at a price that reduces
// accuracy: the preset of the published figures at rho 2 and c 0.1.
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

// mostDraws bounds the number of draws, each of which has results.
const mostDraws = 1_000_000

// Check reports the first value that cannot be used, by its flag's name.
func (c Config) Check() error { return c.Settings().Check() }
