package assemblies

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"quantal/dynamics"
	"quantal/dynamics/spines"
	"quantal/internal/setting"
	"quantal/kernels"
	"quantal/results/store"
)

// Config is all that decides what the experiment computes; Settings describes it. Weights are spine volumes in µm³,
// times in days, rates as fractions of the highest rate, and inputs in units of the input that drives a neuron from its
// threshold to its highest rate.
type Config struct {
	Neurons    int // excitatory, each connected to all others
	Assemblies int // of equal size; each neuron is in one

	Low, High float64     // bounds of a weight, µm³
	Mu        spines.Line // intrinsic drift, µm³ per day
	Sigma     spines.Line // intrinsic fluctuation, µm³ per square root of a day

	Excitation  float64 // input from an assembly at its highest rate through weights of 1 µm³
	Inhibition  float64 // inhibition of all neurons by as many neurons as an assembly has, at their highest rate
	Stimulus    float64 // input to a stimulated neuron
	Noise       float64 // standard deviation of the random input to each neuron in each pattern
	Homeostasis float64 // change of a neuron's excitability per pattern and unit of rate

	Plasticity float64 // K, µm³ per day
	Step       float64 // days between changes of the weights by plasticity
	Patterns   int     // of activity in a step
	Moves      int     // steps of the intrinsic dynamics in a step

	Imprint   float64   // days in which the assemblies are stimulated
	Alone     float64   // days after it
	Every     float64   // days between measurements
	Strengths []float64 // of the fluctuation, times Sigma, ascending

	Seeds   int        // networks, with consecutive seeds
	Seed    store.Seed // the first
	Threads int        // 0 for all processors
}

// Settings describes the settings.
func (c *Config) Settings() setting.List {
	days, none := setting.Above(0), setting.From(0)
	return append(setting.List{
		{Name: "neurons", Value: &c.Neurons, Want: setting.Between(1, 20_000), Help: "neurons, a multiple of the assemblies"},
		{Name: "assemblies", Value: &c.Assemblies, Want: setting.From(2), Help: "assemblies, of equal size"},
		{Name: "plasticity", Value: &c.Plasticity, Want: none, Help: "rate of Hebbian plasticity, µm³ per day"},
		{Name: "mu", Value: []*float64{&c.Mu.Offset, &c.Mu.Slope},
			Help: "intrinsic drift `A,B` for mu = A + B w, µm³ per day"},
		{Name: "sigma", Value: []*float64{&c.Sigma.Offset, &c.Sigma.Slope},
			Help: "fluctuation `A,B` for sigma = A + B w, µm³ per square root of a day"},
		{Name: "strengths", Value: &c.Strengths, Want: none.Rising(), Check: c.checkStrengths,
			Help: "factors of the fluctuation after the imprint, ascending, with 0 and 1"},
		{Name: "homeostasis", Value: &c.Homeostasis, Want: none,
			Help: "how fast excitability keeps each neuron's mean rate, per pattern; 0 for not at all"},
		{Name: "moves", Value: &c.Moves, Want: setting.From(1), Help: "steps of the intrinsic dynamics to one of plasticity"},
		{Name: "imprint", Value: &c.Imprint, Want: days, Help: "days of stimulation"},
		{Name: "alone", Value: &c.Alone, Want: days, Help: "days after it"},
		{Name: "seeds", Value: &c.Seeds, Want: setting.Between(1, 10_000),
			Help: "networks, with consecutive seeds from --seed"},
		{Name: "step", Value: &c.Step, Want: days},
		{Name: "patterns", Value: &c.Patterns, Want: setting.From(1)},
		{Name: "every", Value: &c.Every, Want: days},
		{Name: "low", Value: &c.Low, Want: setting.Above(0)},
		{Name: "high", Value: &c.High},
		{Name: "excitation", Value: &c.Excitation, Want: none},
		{Name: "inhibition", Value: &c.Inhibition, Want: none},
		{Name: "stimulus", Value: &c.Stimulus, Want: none},
		{Name: "noise", Value: &c.Noise, Want: none},
		{Name: "mu.offset", Value: &c.Mu.Offset}, {Name: "mu.slope", Value: &c.Mu.Slope},
		{Name: "sigma.offset", Value: &c.Sigma.Offset}, {Name: "sigma.slope", Value: &c.Sigma.Slope},
	}, dynamics.SeedAndThreads(&c.Seed, &c.Threads)...)
}

func (c *Config) checkStrengths() error {
	if !slices.Contains(c.Strengths, 0) || !slices.Contains(c.Strengths, 1) {
		return errors.New("strengths: want 0 and 1 among them")
	}
	return nil
}

// DefaultConfig is the experiment in full.
func DefaultConfig() Config {
	law, _ := spines.Named("network") // that of ISD Fig. 3 without assemblies, which always exists
	return Config{
		Neurons: 300, Assemblies: 10,
		Low: law.Low, High: law.High, Mu: law.Mu, Sigma: law.Sigma,
		Excitation: 10, Inhibition: 2, Stimulus: 1, Noise: 0.3, Homeostasis: 0.02,
		Plasticity: 0.42, Step: 0.2, Patterns: 4, Moves: 8,
		Imprint: 40, Alone: 160, Every: 2, Strengths: []float64{0, 0.5, 1, 1.2, 1.3, 1.4, 1.5, 1.6, 1.8, 2.2},
		Seeds: 10, Seed: 1,
	}
}

// Quick makes the experiment small enough for two cores to do in well under a minute, also without vector instructions.
func (c Config) Quick() Config {
	c.Neurons, c.Alone, c.Every, c.Moves, c.Strengths, c.Seeds = 150, 120, 4, 5, []float64{0, 1, 1.3, 1.6, 1.9}, 3
	return c
}

// Check reports the first value that cannot be used, by its flag's name.
func (c Config) Check() error {
	if err := c.Settings().Check(); err != nil {
		return err
	}
	switch {
	case c.Neurons < 4*c.Assemblies || c.Neurons%c.Assemblies != 0:
		return fmt.Errorf("neurons %d: want a multiple of the %d assemblies, 4 or more for each", c.Neurons, c.Assemblies)
	case c.Imprint < c.Step:
		return fmt.Errorf("imprint %g: want a number of days, a step or more", c.Imprint)
	case c.Every < c.Step:
		return fmt.Errorf("every %g: want a number of days, a step or more", c.Every)
	case c.Alone < c.Every:
		return fmt.Errorf("alone %g: want a number of days, at least as long as between measurements", c.Alone)
	case (c.Imprint+c.Alone)/c.Step*float64(c.Moves) > math.MaxInt32:
		return fmt.Errorf("step %g: want at most %d steps of the intrinsic dynamics", c.Step, math.MaxInt32)
	}
	if err := c.law(1).Check(); err != nil {
		return fmt.Errorf("sigma: %w", err)
	}
	// A step of the intrinsic dynamics must be shorter than half of the range, for the bounds to reflect it.
	strongest, dt := slices.Max(c.Strengths), c.Step/float64(c.Moves)
	for _, w := range []float64{c.Low, c.High} {
		mu, sigma := c.Mu.Offset+c.Mu.Slope*w, c.Sigma.Offset+c.Sigma.Slope*w
		if move := math.Abs(mu)*dt + kernels.MaxNormal*strongest*sigma*math.Sqrt(dt); move > (c.High-c.Low)/2 {
			return fmt.Errorf("moves %d: at strength %g a weight of %g µm³ may move by %.3g in one step, more than half of the "+
				"range: want more moves in a step",
				c.Moves, strongest, w, move)
		}
	}
	return nil
}

// law is the intrinsic dynamics with its fluctuation multiplied by a strength.
func (c Config) law(strength float64) spines.Condition {
	return spines.Condition{
		Name: "intrinsic", Bounds: []string{spines.Reflecting}, Low: c.Low, High: c.High,
		Mu: c.Mu, Sigma: spines.Line{Offset: strength * c.Sigma.Offset, Slope: strength * c.Sigma.Slope},
	}
}

// size is the number of neurons in an assembly.
func (c Config) size() int { return c.Neurons / c.Assemblies }

// share is the share of the neurons that are in an assembly: the mean rate at which activity is kept, and the threshold
// of plasticity.
func (c Config) share() float64 { return 1 / float64(c.Assemblies) }

// steps is the number of steps for a number of days.
func (c Config) steps(days float64) int { return int(math.Round(days / c.Step)) }
