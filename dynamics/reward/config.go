package reward

import (
	"fmt"
	"math"

	"quantal/dynamics"
	"quantal/internal/setting"
	"quantal/results/store"
)

// Config is all that decides what the experiment computes; Settings describes it. Times are in ms unless they say
// otherwise, rates in Hz. Package reward has the equations.
type Config struct {
	Inputs, Pool, Sites int     // Pool: neurons of each
	High, Low           float64 // rates of inputs that a pattern has, and of the others
	Trial, Window       float64 // a pattern is shown for, and the reward is of

	Rate, Target, Adapt, Refractory        float64
	TauEligibility, TauGradient, TauReward float64
	Offset, Gain, Speed, Temperature       float64 // Speed is per second
	PriorMean, PriorSD                     float64
	W0, Theta0                             float64
	LowTheta, HighTheta                    float64

	Temperatures, Speeds []float64 // others at which the same networks live

	Seconds float64    // of each of the three phases
	Period  float64    // seconds over which measures are
	Seeds   int        // networks, with consecutive seeds
	Seed    store.Seed // the first
	Threads int        // 0 for all processors
}

// Settings describes the settings.
func (c *Config) Settings() setting.List {
	above, none := setting.Above(0), setting.From(0)
	return append(setting.List{
		{Name: "inputs", Value: &c.Inputs, Want: setting.Between(2, 10_000), Help: "inputs; each pattern has half of them"},
		{Name: "pool", Value: &c.Pool, Want: setting.Between(2, 10_000), Help: "neurons of each of the two pools"},
		{Name: "sites", Value: &c.Sites, Want: setting.Between(1, 100),
			Help: "most contacts that an input has onto a neuron"},
		{Name: "temperature", Value: &c.Temperature, Want: above,
			Help: "temperature of the noise; the same networks live without noise, and without reward, as well"},
		{Name: "gain", Value: &c.Gain, Want: none, Help: "exponent of the expected reward, beside the prior"},
		{Name: "speed", Value: &c.Speed, Want: above, Help: "how fast contacts move, per second"},
		{Name: "temperatures", Value: &c.Temperatures, Want: above,
			Help: "other temperatures at which the networks live, for the range of the claims"},
		{Name: "speeds", Value: &c.Speeds, Want: above,
			Help: "other speeds at which the networks live, also without noise"},
		{Name: "seconds", Value: &c.Seconds, Want: above,
			Help: "seconds of each phase: the task is learnt, goes on, and is swapped"},
		{Name: "period", Value: &c.Period, Want: above, Help: "seconds over which each measure is taken"},
		{Name: "seeds", Value: &c.Seeds, Want: setting.Between(1, 10_000),
			Help: "networks, with consecutive seeds from --seed"},
		{Name: "high", Value: &c.High, Want: setting.Between(0, 1000)},
		{Name: "low", Value: &c.Low, Want: setting.Between(0, 1000)},
		{Name: "trial", Value: &c.Trial, Want: above}, {Name: "window", Value: &c.Window, Want: above},
		{Name: "rate", Value: &c.Rate, Want: above}, {Name: "target", Value: &c.Target, Want: none},
		{Name: "adapt", Value: &c.Adapt, Want: none},
		{Name: "refractory", Value: &c.Refractory, Want: setting.Between(0, 1000)},
		{Name: "tau_eligibility", Value: &c.TauEligibility, Want: above},
		{Name: "tau_gradient", Value: &c.TauGradient, Want: above},
		{Name: "tau_reward", Value: &c.TauReward, Want: above}, {Name: "offset", Value: &c.Offset},
		{Name: "prior_mean", Value: &c.PriorMean}, {Name: "prior_sd", Value: &c.PriorSD, Want: above},
		{Name: "w0", Value: &c.W0, Want: above}, {Name: "theta0", Value: &c.Theta0},
		{Name: "low_theta", Value: &c.LowTheta}, {Name: "high_theta", Value: &c.HighTheta},
	}, dynamics.SeedAndThreads(&c.Seed, &c.Threads)...)
}

// DefaultConfig is the experiment in full.
func DefaultConfig() Config {
	return Config{
		Inputs: 40, Pool: 5, Sites: 2, High: 30, Low: 2, Trial: 1000, Window: 100,
		Rate: 1, Target: 5, Adapt: 0.02, Refractory: 5,
		TauEligibility: 1000, TauGradient: 50_000, TauReward: 50_000,
		Offset: -1, Gain: 100, Speed: 0.01, Temperature: 0.1, PriorMean: 0, PriorSD: 2,
		W0: 10, Theta0: 3, LowTheta: -2, HighTheta: 5,
		Temperatures: []float64{0.01, 0.03, 0.3, 1}, Speeds: []float64{0.0025, 0.04},
		Seconds: 1000, Period: 50, Seeds: 10, Seed: 1,
	}
}

// Quick makes the experiment small enough for two cores to do in well under a minute.
func (c Config) Quick() Config {
	c.Seeds, c.Temperatures, c.Speeds = 2, []float64{}, []float64{}
	return c
}

// Check reports the first value that cannot be used, by its flag's name.
func (c Config) Check() error {
	if err := c.Settings().Check(); err != nil {
		return err
	}
	for _, m := range []struct {
		name          string
		value, of     float64
		unit, ofUnits string
	}{
		{"window", c.Window, every, "ms", "ms between two moves of the contacts"},
		{"trial", c.Trial, c.Window, "ms", "ms of the window"},
		{"period", c.Period, c.Trial / 1000, "s", "s of a trial"},
		{"seconds", c.Seconds, c.Period, "s", "s of a period"},
	} {
		if r := m.value / m.of; math.Abs(r-math.Round(r)) > 1e-9 || r < 1 {
			return fmt.Errorf("%s %g %s: want a multiple of the %g %s", m.name, m.value, m.unit, m.of, m.ofUnits)
		}
	}
	switch {
	case c.LowTheta >= 0 || c.HighTheta <= 0:
		return fmt.Errorf("low_theta %g: want less than 0, and high_theta, %g, above", c.LowTheta, c.HighTheta)
	case c.periods() < 5:
		return fmt.Errorf("seconds %g: want 5 or more periods of %g s", c.Seconds, c.Period)
	case 3*c.Seconds*1000 > math.MaxInt32:
		return fmt.Errorf("seconds %g: want at most %d ms in all", c.Seconds, math.MaxInt32)
	}
	return nil
}

// periods are those of a phase.
func (c Config) periods() int { return int(math.Round(c.Seconds / c.Period)) }

// contacts is how many a network can have.
func (c Config) contacts() int { return c.Inputs * 2 * c.Pool * c.Sites }
