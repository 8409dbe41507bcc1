package balance

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"quantal/dynamics"
	"quantal/internal/setting"
	"quantal/results/store"
)

// Config is all that decides what the experiment computes; Settings describes it. Times are in ms unless they say
// otherwise, potentials in mV relative to rest, rates in Hz.
type Config struct {
	Neurons    int       // four fifths are excitatory
	Contacts   int       // mean number of a neuron's contacts from each population
	Efficacies []float64 // of E to E, E to I, I to E, I to I, mV, times the square root of Contacts
	Rates      []float64 // mean rates of E and of I that the constant inputs are chosen for
	Even       []float64 // the rates in the other regime

	External float64 // standard deviation of the external noise, mV

	Tau                          []float64 // of E and I
	Threshold, Reset, Refractory float64
	Delay, Step                  float64

	Seconds float64   // over which rates are measured
	Settle  float64   // seconds before
	Shares  []float64 // of redrawn contacts, ascending

	Arms []string // of armNames

	// Of volatility: how often a contact is redrawn on average between two times at which rates are measured, and how many
	// times there are after the first.
	Turnover float64
	Windows  int
	// Of memory: how many patterns there are, the share of neurons in one, how far they change efficacies, the input to
	// half of a pattern, mV, and how long it lasts, in seconds.
	Patterns                      int
	Active, Strength, Cue, Cueing float64
	// Of the range: rates of I over those of E, factors of numbers of neurons and contacts, and of all efficacies. Each
	// ratio is combined with each scale, each factor with the rates and numbers of the configuration.
	Ratios, Scales, Factors []float64

	Seeds   int        // networks, with consecutive seeds
	Seed    store.Seed // the first
	Threads int        // 0 for all processors
}

// Settings describes the settings.
func (c *Config) Settings() setting.List {
	above, none := setting.Above(0), setting.From(0)
	return append(setting.List{
		{Name: "neurons", Value: &c.Neurons, Want: setting.Between(50, 200_000),
			Help: "neurons; four fifths are excitatory"},
		{Name: "contacts", Value: &c.Contacts, Want: setting.From(1),
			Help: "mean number of a neuron's contacts from each population"},
		{Name: "efficacies", Value: &c.Efficacies, Want: above, Check: c.want("efficacies", &c.Efficacies, 4),
			Help: "efficacies of E to E, E to I, I to E, I to I, mV, times the square root of the contacts"},
		{Name: "rates", Value: &c.Rates, Want: above, Check: c.want("rates", &c.Rates, 2),
			Help: "mean rates of excitatory and inhibitory neurons, Hz"},
		{Name: "even", Value: &c.Even, Want: above, Check: c.want("even", &c.Even, 2),
			Help: "the same in the other regime, Hz"},
		{Name: "external", Value: &c.External, Want: none, Help: "external noise of each neuron, mV"},
		{Name: "seconds", Value: &c.Seconds, Want: above, Help: "seconds over which rates are measured"},
		{Name: "settle", Value: &c.Settle, Want: none, Help: "seconds before that"},
		{Name: "shares", Value: &c.Shares, Want: setting.Want{Text: "numbers above 0 and up to 1",
			Holds: func(x float64) bool { return x > 0 && x <= 1 }}.Rising(),
			Help: "shares of the contacts of one type that are redrawn, ascending"},
		{Name: "arms", Value: &c.Arms, Check: c.checkArms, Help: "what to do: " + strings.Join(armNames, ", ")},
		{Name: "turnover", Value: &c.Turnover, Want: above,
			Help: "volatility: how often a contact is redrawn between measurements, on average"},
		{Name: "windows", Value: &c.Windows, Want: setting.Between(1, 1000),
			Help: "volatility: measurements after the first"},
		{Name: "patterns", Value: &c.Patterns, Want: setting.Between(1, 1000), Help: "memory: embedded patterns"},
		{Name: "active", Value: &c.Active, Want: setting.Want{Text: "a number above 0 and below 1",
			Holds: func(x float64) bool { return x > 0 && x < 1 }}, Help: "memory: share of neurons in a pattern"},
		{Name: "strength", Value: &c.Strength, Want: none, Help: "memory: how far a pattern changes efficacies"},
		{Name: "cue", Value: &c.Cue, Want: none, Help: "memory: input to half of a pattern's neurons, mV"},
		{Name: "cueing", Value: &c.Cueing, Want: setting.From(0.1), Help: "memory: seconds of a cue"},
		{Name: "ratios", Value: &c.Ratios, Want: above.Rising(), Help: "range: rates of I over those of E, ascending"},
		{Name: "scales", Value: &c.Scales, Want: above.Rising(),
			Help: "range: factors of neurons and contacts, ascending"},
		{Name: "factors", Value: &c.Factors, Want: above.Rising(), Help: "range: factors of all efficacies, ascending"},
		{Name: "seeds", Value: &c.Seeds, Want: setting.Between(1, 10_000),
			Help: "networks, with consecutive seeds from --seed"},
		{Name: "tau", Value: &c.Tau, Want: above, Check: c.want("tau", &c.Tau, 2)},
		{Name: "threshold", Value: &c.Threshold, Want: above}, {Name: "reset", Value: &c.Reset},
		{Name: "refractory", Value: &c.Refractory, Want: none}, {Name: "delay", Value: &c.Delay, Want: above},
		{Name: "step", Value: &c.Step, Want: above},
	}, dynamics.SeedAndThreads(&c.Seed, &c.Threads)...)
}

func (c *Config) checkArms() error {
	for _, arm := range c.Arms {
		if !slices.Contains(armNames, arm) {
			return fmt.Errorf("arms: want some of %s, got %s", strings.Join(armNames, ", "), arm)
		}
	}
	if len(c.Arms) == 0 {
		return fmt.Errorf("arms: want some of %s", strings.Join(armNames, ", "))
	}
	return nil
}

// want is a check that a list has a length.
func (c *Config) want(name string, list *[]float64, n int) func() error {
	return func() error {
		if len(*list) != n {
			return fmt.Errorf("%s: want %d numbers, got %d", name, n, len(*list))
		}
		return nil
	}
}

// DefaultConfig is the experiment in full.
func DefaultConfig() Config {
	return Config{
		Neurons: 5000, Contacts: 250, Efficacies: []float64{4, 8, 6, 8}, Rates: []float64{3, 12},
		Even: []float64{5, 5}, External: 3, Tau: []float64{20, 10}, Threshold: 20, Reset: 10, Refractory: 2,
		Delay: 1.5, Step: 0.25,
		Seconds: 5, Settle: 0.3, Shares: []float64{0.5, 1}, Seeds: 10, Seed: 1, Arms: []string{rewiring},
		Turnover: 0.4, Windows: 5, Patterns: 3, Active: 0.2, Strength: 0.2, Cue: 6, Cueing: 0.3,
		Ratios: []float64{0.5, 1, 2, 4, 8}, Scales: []float64{0.5, 1, 2}, Factors: []float64{0.5, 0.7, 1.4, 2},
	}
}

// Quick makes the experiment small enough for two cores to do in well under a minute.
func (c Config) Quick() Config {
	c.Neurons, c.Contacts, c.Seconds, c.Shares, c.Seeds = 2000, 100, 3, []float64{1}, 2
	c.Windows, c.Ratios, c.Scales, c.Factors = 3, []float64{1, 4}, []float64{0.5, 1}, []float64{0.5}
	return c
}

// Check reports the first value that cannot be used, by its flag's name.
func (c Config) Check() error {
	if err := c.Settings().Check(); err != nil {
		return err
	}
	switch {
	case c.Contacts >= c.size(inhibitory):
		return fmt.Errorf("contacts %d: want less than the %d inhibitory neurons", c.Contacts, c.size(inhibitory))
	case c.Reset >= c.Threshold:
		return fmt.Errorf("reset %g: want less than the threshold, %g mV", c.Reset, c.Threshold)
	case c.Delay < c.Step || math.Abs(c.Delay/c.Step-math.Round(c.Delay/c.Step)) > 1e-9:
		return fmt.Errorf("delay %g: want a multiple of the step, %g ms", c.Delay, c.Step)
	case (c.Seconds+c.Settle)*1000/c.Step > math.MaxInt32:
		return fmt.Errorf("seconds %g: want at most %d steps", c.Seconds, math.MaxInt32)
	}
	for _, r := range c.regimes() {
		if _, err := r.newTheory(); err != nil {
			return err
		}
	}
	if !c.does(ranges) {
		return nil
	}
	for _, p := range c.points() {
		at := c.at(p)
		if at.Contacts < 1 || at.Contacts >= at.size(inhibitory) {
			return fmt.Errorf("scales: at %g there are %d contacts from %d inhibitory neurons", p.scale, at.Contacts,
				at.size(inhibitory))
		}
		if _, err := at.newTheory(); err != nil {
			return fmt.Errorf("ratios: at %g, with factors of %g and %g: %w", p.ratio, p.scale, p.factor, err)
		}
	}
	return nil
}

// does says whether an arm is made.
func (c Config) does(arm string) bool { return slices.Contains(c.Arms, arm) }

// size is the number of neurons of a population.
func (c Config) size(population int) int {
	if i := c.Neurons / 5; population == inhibitory {
		return i
	}
	return c.Neurons - c.Neurons/5
}

// connection is the probability of a contact from a neuron of a population.
func (c Config) connection(from int) float64 { return float64(c.Contacts) / float64(c.size(from)) }

// efficacy is what a spike adds to a potential, mV. Balanced scaling: it falls with the square root of the number of
// contacts (C. van Vreeswijk, H. Sompolinsky, Neural Comput. 10, 1321, 1998).
func (c Config) efficacy(to, from int) float64 {
	e := c.Efficacies[2*from+to] / math.Sqrt(float64(c.Contacts))
	if from == inhibitory {
		return -e
	}
	return e
}

// externalJump is what a spike of the external noise, a Poisson process of each neuron, adds to its potential, mV.
const externalJump = 1

// externalRate is the rate of those spikes, Hz, with which the noise has its variance.
func (c Config) externalRate(population int) float64 {
	return sq(c.External/externalJump) / (c.Tau[population] / 1000)
}

// regimes are the configurations of both regimes.
func (c Config) regimes() [2]Config {
	even := c
	even.Rates = c.Even
	return [2]Config{c, even}
}
