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
	StepSize    float64 // eps
	Temperature float64 // T
	Batch       int
	Steps       int
	Looks       int // the last at the end
	Probes      int // the first test images, or all if there are fewer
	Resamples   int // of the bootstrap intervals
	Seed        store.Seed
	Threads     int // 0 for all processors
}

// Settings describes the settings, without those of Start.
func (c *Config) Settings() setting.List {
	const most = 1_000_000 // of each kept part
	return append(setting.List{
		{Name: "step-size", Value: &c.StepSize, Want: setting.Above(0),
			Help: "eps, of the gradient of the whole data set's objective"},
		{Name: "temperature", Value: &c.Temperature, Help: "T of the noise; 1 samples the posterior",
			Want: setting.Above(0).With("; the run without noise is made beside it")},
		{Name: "batch", Value: &c.Batch, Want: setting.From(1), Help: "examples in the gradient of a step"},
		{Name: "steps", Value: &c.Steps, Want: setting.Between(1, math.MaxInt32), Check: c.checkSteps, Help: "steps"},
		{Name: "looks", Value: &c.Looks, Want: setting.Between(2, most), Help: "looks at the networks, equally spaced"},
		{Name: "probes", Value: &c.Probes, Want: setting.From(3).With(", for correlations over them"),
			Help: "test images whose representations are followed"},
		{Name: "resamples", Value: &c.Resamples, Want: setting.Between(1, most)},
	}, dynamics.SeedAndThreads(&c.Seed, &c.Threads)...)
}

func (c *Config) checkSteps() error {
	if c.Steps < c.Looks {
		return fmt.Errorf("steps %d: want %d or more, one for each look", c.Steps, c.Looks)
	}
	return nil
}

// DefaultConfig is the experiment in full; the package documentation says how step size, temperature and number of
// steps were chosen. The network that it trains has weights without noise.
func DefaultConfig() (Config, error) {
	training, err := train.Preset("published")
	training.Noise, training.Epochs, training.LearningRate = "none", 20, 5e-4
	return Config{
		Start: dynamics.Start{Training: training}, StepSize: 1e-6, Temperature: 0.3, Batch: 100, Steps: 280_000, Looks: 40,
		Probes:    1000,
		Resamples: 200, Seed: 1,
	}, err
}

// Quick makes the experiment small enough for two cores to do in well under a minute with the network that Start.Quick
// trains.
func (c Config) Quick() Config {
	c.Temperature, c.Steps, c.Looks, c.Probes, c.Resamples = 1, 30_000, 20, 500, 100
	return c
}

// Check reports the first value that cannot be used, by its flag's name.
func (c Config) Check() error { return cmp.Or(c.Settings().Check(), c.Training.Check()) }
