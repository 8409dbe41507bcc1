package assemblies

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"quantal/dynamics/spines"
	"quantal/kernels"
	"quantal/results/store"
)

// Config is all that decides what the experiment computes. The keys of its TOML form are the names of the flags where
// there is one. Weights are spine volumes in µm³, times in days, rates shares of the highest rate, and inputs in
// units of what brings a neuron from its threshold to its highest rate.
type Config struct {
	Neurons    int `toml:"neurons" json:"neurons"`       // excitatory, each onto all others
	Assemblies int `toml:"assemblies" json:"assemblies"` // of equal size; each neuron is in one

	Low   float64     `toml:"low" json:"low"`     // bounds of a weight, µm³
	High  float64     `toml:"high" json:"high"`   //
	Mu    spines.Line `toml:"mu" json:"mu"`       // intrinsic drift, µm³ per day
	Sigma spines.Line `toml:"sigma" json:"sigma"` // intrinsic fluctuation, µm³ per square root of a day

	// input from an assembly at its highest rate through weights of 1 µm³
	Excitation float64 `toml:"excitation" json:"excitation"`
	// input taken from all by as many neurons as an assembly has, at their highest rate
	Inhibition float64 `toml:"inhibition" json:"inhibition"`
	Stimulus   float64 `toml:"stimulus" json:"stimulus"` // input to a stimulated neuron
	// standard deviation of the random input to each neuron in each pattern
	Noise float64 `toml:"noise" json:"noise"`
	// change of a neuron's excitability per pattern and unit of rate
	Homeostasis float64 `toml:"homeostasis" json:"homeostasis"`

	Plasticity float64 `toml:"plasticity" json:"plasticity"` // K, µm³ per day
	Step       float64 `toml:"step" json:"step"`             // days between changes of the weights by plasticity
	Patterns   int     `toml:"patterns" json:"patterns"`     // of activity in a step
	Moves      int     `toml:"moves" json:"moves"`           // steps of the intrinsic dynamics in a step

	Imprint   float64   `toml:"imprint" json:"imprint"`     // days in which the assemblies are stimulated
	Alone     float64   `toml:"alone" json:"alone"`         // days after it
	Every     float64   `toml:"every" json:"every"`         // days between measurements
	Strengths []float64 `toml:"strengths" json:"strengths"` // of the fluctuation, times Sigma, ascending

	Seeds   int        `toml:"seeds" json:"seeds"`     // networks, with consecutive seeds
	Seed    store.Seed `toml:"seed" json:"seed"`       // the first
	Threads int        `toml:"threads" json:"threads"` // 0 for all processors
}

// DefaultConfig is the experiment in full.
func DefaultConfig() Config {
	law, _ := spines.Named("network") // that of ISD Fig. 3 without assemblies, which is always there
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
	positive := func(x float64) bool { return x > 0 && !math.IsInf(x, 0) }
	switch {
	case c.Assemblies < 2:
		return fmt.Errorf("assemblies %d: want 2 or more", c.Assemblies)
	case c.Neurons < 4*c.Assemblies || c.Neurons%c.Assemblies != 0 || c.Neurons > 20_000:
		return fmt.Errorf("neurons %d: want a multiple of the %d assemblies, 4 or more for each, at most 20000", c.Neurons,
			c.Assemblies)
	case !positive(c.Step):
		return fmt.Errorf("step %g: want a number of days above 0", c.Step)
	case c.Patterns < 1:
		return fmt.Errorf("patterns %d: want 1 or more", c.Patterns)
	case c.Moves < 1:
		return fmt.Errorf("moves %d: want 1 or more", c.Moves)
	case !positive(c.Imprint) || c.Imprint < c.Step:
		return fmt.Errorf("imprint %g: want a number of days, a step or more", c.Imprint)
	case !positive(c.Every) || c.Every < c.Step:
		return fmt.Errorf("every %g: want a number of days, a step or more", c.Every)
	case !positive(c.Alone) || c.Alone < c.Every:
		return fmt.Errorf("alone %g: want a number of days, as long as it is between measurements or more", c.Alone)
	case (c.Imprint+c.Alone)/c.Step*float64(c.Moves) > math.MaxInt32:
		return fmt.Errorf("step %g: want at most %d steps of the intrinsic dynamics", c.Step, math.MaxInt32)
	case len(c.Strengths) == 0 || !slices.IsSorted(c.Strengths) || !slices.Contains(c.Strengths, 0) ||
		!slices.Contains(c.Strengths, 1):
		return errors.New("strengths: want them ascending, with 0 and 1 among them")
	case len(slices.Compact(slices.Clone(c.Strengths))) < len(c.Strengths):
		return errors.New("strengths: want each once")
	case c.Strengths[0] < 0:
		return fmt.Errorf("strengths: want 0 or more, got %g", c.Strengths[0])
	case c.Seeds < 1 || c.Seeds > 10_000:
		return fmt.Errorf("seeds %d: want 1 to 10000", c.Seeds)
	case c.Threads < 0:
		return fmt.Errorf("threads %d: want 0 (all processors) or more", c.Threads)
	case !positive(c.Low):
		return fmt.Errorf("low %g: want a number above 0", c.Low)
	}
	for _, v := range []struct {
		name  string
		value float64
	}{
		{"excitation", c.Excitation}, {"inhibition", c.Inhibition}, {"stimulus", c.Stimulus}, {"noise", c.Noise},
		{"homeostasis", c.Homeostasis},
		{"plasticity", c.Plasticity},
	} {
		if !(v.value >= 0) || math.IsInf(v.value, 0) {
			return fmt.Errorf("%s %g: want a number, 0 or more", v.name, v.value)
		}
	}
	if err := c.law(1).Check(); err != nil {
		return fmt.Errorf("sigma: %w", err)
	}
	// A step of the intrinsic dynamics must be shorter than half of the range, for the bounds to reflect it.
	strongest, dt := slices.Max(c.Strengths), c.Step/float64(c.Moves)
	for _, w := range []float64{c.Low, c.High} {
		mu, sigma := c.Mu.Offset+c.Mu.Slope*w, c.Sigma.Offset+c.Sigma.Slope*w
		if move := math.Abs(mu)*dt + kernels.MaxNormal*strongest*sigma*math.Sqrt(dt); move > (c.High-c.Low)/2 {
			return fmt.Errorf("moves %d: at strength %g a weight of %g µm³ may move by %.3g at once, more than half of the "+
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

// share is the share of the neurons that are in an assembly: the mean rate that activity is kept at, and the threshold
// of plasticity.
func (c Config) share() float64 { return 1 / float64(c.Assemblies) }

// steps is how many steps take some days.
func (c Config) steps(days float64) int { return int(math.Round(days / c.Step)) }
