package drift

import (
	"fmt"
	"math"

	"quantal/dynamics"
	"quantal/results/store"
	"quantal/train"
)

// Config is all that decides what the experiment computes. The keys of its TOML form are the names of the flags where
// there is one.
type Config struct {
	dynamics.Start
	StepSize    float64 `toml:"step-size" json:"step-size"`     // eps
	Temperature float64 `toml:"temperature" json:"temperature"` // T; 1 samples the posterior
	Batch       int     `toml:"batch" json:"batch"`             // examples in the gradient of a step
	Steps       int     `toml:"steps" json:"steps"`             //
	Looks       int     `toml:"looks" json:"looks"`             // at the networks, equally spaced, the last at the end
	// test examples whose representations are followed: the first, or all if there are fewer
	Probes    int        `toml:"probes" json:"probes"`
	Resamples int        `toml:"resamples" json:"resamples"` // of the bootstrap intervals
	Seed      store.Seed `toml:"seed" json:"seed"`           // of noise and minibatches
	Threads   int        `toml:"threads" json:"threads"`     // 0 for all processors
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
func (c Config) Check() error {
	positive := func(x float64) bool { return x > 0 && !math.IsInf(x, 0) }
	const most = 1_000_000 // of what is kept each
	switch {
	case !positive(c.StepSize):
		return fmt.Errorf("step-size %g: want a number above 0", c.StepSize)
	case !positive(c.Temperature):
		return fmt.Errorf("temperature %g: want a number above 0; the run without noise is made beside it", c.Temperature)
	case c.Batch < 1:
		return fmt.Errorf("batch %d: want 1 or more", c.Batch)
	case c.Looks < 2 || c.Looks > most:
		return fmt.Errorf("looks %d: want 2 to %d", c.Looks, most)
	case c.Steps < c.Looks:
		return fmt.Errorf("steps %d: want %d or more, one for each look", c.Steps, c.Looks)
	case c.Steps > math.MaxInt32:
		return fmt.Errorf("steps %d: want at most %d", c.Steps, math.MaxInt32)
	case c.Probes < 3:
		return fmt.Errorf("probes %d: want 3 or more, for correlations over them", c.Probes)
	case c.Resamples < 1 || c.Resamples > most:
		return fmt.Errorf("resamples %d: want 1 to %d", c.Resamples, most)
	case c.Threads < 0:
		return fmt.Errorf("threads %d: want 0 (all processors) or more", c.Threads)
	}
	return c.Training.Check()
}
