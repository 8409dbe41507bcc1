package drift

import (
	"cmp"
	"fmt"
	"math"

	"quantal/dynamics"
	"quantal/internal/setting"
	"quantal/results/store"
	"quantal/train"
)

// Config is all that decides what the experiment computes; Settings describes it.
type Config struct {
	dynamics.Start
	Prior       float64 // alpha, the precision of the prior of every synapse
	StepSize    float64 // eps
	Temperature float64 // T
	Batch       int
	BurnIn      int // steps before the reference, from which drift is measured
	Steps       int // after it
	Looks       int // after the reference, the last at the end
	Probes      int // the first test images, or all if there are fewer
	Examples    int // of the Fisher information: the first training images, or all if there are fewer
	Products    int // of the Fisher information with vectors, for each of its spectra
	Seed        store.Seed
	Threads     int // 0 for all processors
}

// Settings describes the settings, without those of Start.
func (c *Config) Settings() setting.List {
	const most = 1_000_000 // of each kept part
	return append(setting.List{
		{Name: "prior", Value: &c.Prior, Want: setting.Above(0),
			Help: "precision of the normal prior of every synapse, in place of the network's costs"},
		{Name: "step-size", Value: &c.StepSize, Want: setting.Above(0),
			Help: "eps, of the gradient of the whole data set's objective"},
		{Name: "temperature", Value: &c.Temperature, Help: "T of the noise; 1 samples the posterior",
			Want: setting.Above(0).With("; the run without noise is made beside it")},
		{Name: "batch", Value: &c.Batch, Want: setting.From(1), Help: "examples in the gradient of a step"},
		{Name: "burn-in", Value: &c.BurnIn, Want: setting.Between(1, math.MaxInt32/2),
			Help: "steps before drift is measured"},
		{Name: "steps", Value: &c.Steps, Want: setting.Between(1, math.MaxInt32/2), Check: c.checkSteps,
			Help: "steps after burn-in"},
		{Name: "looks", Value: &c.Looks, Want: setting.Between(4, most),
			Help: "looks at the networks after burn-in, equally spaced"},
		{Name: "probes", Value: &c.Probes, Want: setting.From(3).With(", for correlations over them"),
			Help: "test images whose representations are followed"},
		{Name: "fisher-examples", Value: &c.Examples, Want: setting.From(1),
			Help: "training images in the Fisher information"},
		{Name: "products", Value: &c.Products, Want: setting.Between(1, most),
			Help: "products with the Fisher information for each spectrum: more resolve more of it"},
	}, dynamics.SeedAndThreads(&c.Seed, &c.Threads)...)
}

func (c *Config) checkSteps() error {
	if c.Steps < c.Looks {
		return fmt.Errorf("steps %d: want %d or more, one for each look", c.Steps, c.Looks)
	}
	return nil
}

// DefaultConfig is the experiment in full; the package documentation says how the regime was chosen. The network that
// it trains has weights without noise.
func DefaultConfig() (Config, error) {
	training, err := train.Preset("published")
	training.Noise, training.Epochs, training.Batch, training.LearningRate = "none", 3, 50, 1e-3
	return Config{
		Start: dynamics.Start{Training: training}, Prior: 800, StepSize: 1e-6, Temperature: 4, Batch: 100,
		BurnIn: 15_000, Steps: 7500, Looks: 10, Probes: 1000, Examples: 2500, Products: 40, Seed: 1,
	}, err
}

// Quick makes the experiment small enough for two cores to do in well under a minute with the network that Start.Quick
// trains.
func (c Config) Quick() Config {
	c.BurnIn, c.Steps, c.Looks, c.Probes, c.Examples, c.Products = 15_000, 15_000, 15, 500, 1000, 40
	return c
}

// Check reports the first value that cannot be used, by its flag's name.
func (c Config) Check() error { return cmp.Or(c.Settings().Check(), c.Training.Check()) }

// burnInLooks is the number of looks before the reference, about as far apart as those after it.
func (c Config) burnInLooks() int {
	return min(c.BurnIn, max(1, int(math.Round(float64(c.BurnIn)*float64(c.Looks)/float64(c.Steps)))))
}

// relaxation is in how many steps a direction that the data leave free forgets where it was, 1 / (eps alpha).
func (c Config) relaxation() float64 { return 1 / (c.StepSize * c.Prior) }
