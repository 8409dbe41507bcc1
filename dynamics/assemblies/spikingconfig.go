package assemblies

import (
	"fmt"
	"math"

	"quantal/dynamics"
	"quantal/dynamics/spines"
	"quantal/internal/setting"
	"quantal/kernels"
	"quantal/results/store"
)

// SpikingConfig is all that decides what the experiment with spiking neurons computes; Settings describes it. Weights
// are spine volumes in µm³, potentials in mV above rest, rates in Hz; days are those of the synapses.
type SpikingConfig struct {
	Neurons    int     // excitatory, each connected to all others
	Assemblies int     // of equal size; each excitatory neuron is in one
	Inhibitory int     // neurons
	Day        float64 // seconds of the neurons in a day of the synapses

	Low, High float64     // bounds of a weight, µm³
	Mu        spines.Line // intrinsic drift, µm³ per day
	Sigma     spines.Line // intrinsic fluctuation, µm³ per square root of a day

	Efficacy    float64 // current of a spike through a weight of 1 µm³, mV
	Stimulus    float64 // current into a stimulated neuron, mV
	Spread      float64 // standard deviation of the random current into each neuron in each window, mV
	Target      float64 // rate at which excitability keeps each neuron, Hz
	Homeostasis float64 // change of a neuron's excitability per spike, mV

	Plasticity float64 // by how much a pair of spikes potentiates at most, µm³
	Depression float64 // and depresses, as a share of that
	TauSTDP    float64 // ms

	Imprint   float64   // days in which the assemblies are stimulated
	Alone     float64   // days after it
	Learn     float64   // days in which pairs of assemblies are stimulated together
	Every     float64   // days between measurements
	Strengths []float64 // of the fluctuation, times Sigma, ascending

	Seeds   int        // networks, with consecutive seeds
	Seed    store.Seed // the first
	Threads int        // 0 for all processors
}

// Settings describes the settings.
func (c *SpikingConfig) Settings() setting.List {
	days, none := setting.Above(0), setting.From(0)
	return append(setting.List{
		{Name: "neurons", Value: &c.Neurons, Want: setting.Between(1, 20_000), Help: "neurons, a multiple of the assemblies"},
		{Name: "assemblies", Value: &c.Assemblies, Want: setting.From(2), Help: "assemblies, of equal size"},
		{Name: "inhibitory", Value: &c.Inhibitory, Want: setting.Between(1, 20_000), Help: "inhibitory neurons"},
		{Name: "day", Value: &c.Day, Want: setting.Between(0.1, 86_400),
			Help: "seconds of the neurons in a day of the synapses: time is compressed 86400/day times"},
		{Name: "plasticity", Value: &c.Plasticity, Want: none, Help: "rate of Hebbian plasticity, µm³ per pair of spikes"},
		{Name: "efficacy", Value: &c.Efficacy, Want: setting.Above(0),
			Help: "current of a spike through a weight of 1 µm³, mV"},
		{Name: "mu", Value: []*float64{&c.Mu.Offset, &c.Mu.Slope},
			Help: "intrinsic drift `A,B` for mu = A + B w, µm³ per day"},
		{Name: "sigma", Value: []*float64{&c.Sigma.Offset, &c.Sigma.Slope},
			Help: "fluctuation `A,B` for sigma = A + B w, µm³ per square root of a day"},
		{Name: "strengths", Value: &c.Strengths, Want: setting.From(1).Rising(),
			Help: "factors of the fluctuation after the imprint, ascending from 1"},
		{Name: "homeostasis", Value: &c.Homeostasis, Want: none,
			Help: "how fast excitability keeps each neuron's mean rate, mV per spike; 0 for not at all"},
		{Name: "imprint", Value: &c.Imprint, Want: days, Help: "days of stimulation"},
		{Name: "alone", Value: &c.Alone, Want: days, Help: "days after it"},
		{Name: "learn", Value: &c.Learn, Want: days, Help: "days in which pairs of assemblies are stimulated together"},
		{Name: "seeds", Value: &c.Seeds, Want: setting.Between(1, 10_000),
			Help: "networks, with consecutive seeds from --seed"},
		{Name: "every", Value: &c.Every, Want: days},
		{Name: "low", Value: &c.Low, Want: setting.Above(0)}, {Name: "high", Value: &c.High},
		{Name: "stimulus", Value: &c.Stimulus, Want: none}, {Name: "spread", Value: &c.Spread, Want: none},
		{Name: "target", Value: &c.Target, Want: none},
		{Name: "depression", Value: &c.Depression, Want: setting.Between(0, 1)},
		{Name: "tau_stdp", Value: &c.TauSTDP, Want: setting.Above(0)},
		{Name: "mu.offset", Value: &c.Mu.Offset}, {Name: "mu.slope", Value: &c.Mu.Slope},
		{Name: "sigma.offset", Value: &c.Sigma.Offset}, {Name: "sigma.slope", Value: &c.Sigma.Slope},
	}, dynamics.SeedAndThreads(&c.Seed, &c.Threads)...)
}

// DefaultSpikingConfig is the experiment with spiking neurons in full.
func DefaultSpikingConfig() SpikingConfig {
	rate := DefaultConfig()
	return SpikingConfig{
		Neurons: 200, Assemblies: 5, Inhibitory: 50, Day: 10,
		Low: rate.Low, High: rate.High, Mu: rate.Mu, Sigma: rate.Sigma,
		Efficacy: 3, Stimulus: 15, Spread: 3, Target: 5, Homeostasis: 0.3,
		Plasticity: 0.003, Depression: 0.5, TauSTDP: 20,
		Imprint: 15, Alone: 100, Learn: 10, Every: 10, Strengths: []float64{1, 1.5, 2, 3},
		Seeds: 10, Seed: 1,
	}
}

// Quick makes the experiment small enough for two cores to do in well under a minute.
func (c SpikingConfig) Quick() SpikingConfig {
	c.Alone, c.Strengths, c.Seeds = 30, []float64{1, 2}, 2
	return c
}

// Check reports the first value that cannot be used, by its flag's name.
func (c SpikingConfig) Check() error {
	if err := c.Settings().Check(); err != nil {
		return err
	}
	for _, m := range []struct {
		name  string
		value float64
	}{{"imprint", c.Imprint}, {"alone", c.Alone}, {"learn", c.Learn}, {"every", c.Every}} {
		if r := m.value * c.Day * 1000 / window; math.Abs(r-math.Round(r)) > 1e-6 || r < 1 {
			return fmt.Errorf("%s %g: want a number of days in which there are windows of %d ms", m.name, m.value, window)
		}
	}
	switch {
	case c.Neurons < 4*c.Assemblies || c.Neurons%c.Assemblies != 0:
		return fmt.Errorf("neurons %d: want a multiple of the %d assemblies, 4 or more for each", c.Neurons, c.Assemblies)
	case c.Strengths[0] != 1:
		return fmt.Errorf("strengths %g: want 1 as the first", c.Strengths[0])
	case c.Alone < c.Every:
		return fmt.Errorf("alone %g: want a number of days, at least as long as between measurements", c.Alone)
	case (c.Imprint+c.Alone+c.Learn)*c.Day*1000 > math.MaxInt32:
		return fmt.Errorf("day %g: want at most %d ms in all", c.Day, math.MaxInt32)
	}
	if err := c.rates().law(1).Check(); err != nil {
		return fmt.Errorf("sigma: %w", err)
	}
	for _, w := range []float64{c.Low, c.High} {
		dt, strongest := moveDays(c.Day), c.Strengths[len(c.Strengths)-1]
		mu, sigma := c.Mu.Offset+c.Mu.Slope*w, c.Sigma.Offset+c.Sigma.Slope*w
		if move := math.Abs(mu)*dt + kernels.MaxNormal*strongest*sigma*math.Sqrt(dt); move > (c.High-c.Low)/2 {
			return fmt.Errorf("day %g: at strength %g a weight of %g µm³ may move by %.3g in %d ms, more than half of the "+
				"range: want more seconds", c.Day, strongest, w, move, moveEvery)
		}
	}
	return nil
}

// rates is what the experiment has in common with that on rates.
func (c SpikingConfig) rates() Config {
	return Config{Neurons: c.Neurons, Assemblies: c.Assemblies, Low: c.Low, High: c.High, Mu: c.Mu, Sigma: c.Sigma}
}

func (c SpikingConfig) size() int { return c.Neurons / c.Assemblies }

// windows is the number of windows in a number of days.
func (c SpikingConfig) windows(days float64) int {
	return int(math.Round(days * c.Day * 1000 / window))
}

// partner is the assembly that is stimulated together with another one while associations are learnt; -1 for none.
func (c SpikingConfig) partner(assembly int) int {
	if p := assembly ^ 1; p < c.Assemblies {
		return p
	}
	return -1
}
