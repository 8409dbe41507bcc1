package spines

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"quantal/results/store"
)

// Config is all that decides what the experiment computes; Settings describes it.
type Config struct {
	Spines     int        // or sites, with turnover
	Days       float64    // that are simulated
	Step       float64    // days
	Start      [2]float64 // reflected spines start uniformly between these sizes, µm³; with turnover sites start empty
	Turnover   Turnover
	Follow     float64 // days at the end over which survival is followed
	Cells      int     // of densities
	Seed       store.Seed
	Threads    int // 0 for all processors
	Conditions []Condition
}

// DefaultConfig is the experiment in full, under all named conditions.
func DefaultConfig() Config {
	return Config{
		Spines: 1_000_000, Days: 200, Step: 0.04, Start: [2]float64{0.3, 0.4},
		Turnover: DefaultTurnover(), Follow: 40, Cells: 2000, Seed: 1, Conditions: Conditions(),
	}
}

// Quick makes the experiment small enough for two cores to do in well under a minute, also without vector instructions.
func (c Config) Quick() Config {
	c.Spines, c.Cells = 50_000, 1000
	return c
}

// maxSpines is the number of spines with their own noise, four in each block of 32 bits.
const maxSpines = 1 << 34

// bytesPerSpine is the approximate memory of a spine: its size and birth, and its size in the sorted list.
const bytesPerSpine = 16

// Check reports the first value that cannot be used, by its flag's name.
func (c Config) Check() error {
	if err := c.Settings().Check(); err != nil {
		return err
	}
	switch {
	case c.Step > c.Days:
		return fmt.Errorf("step %g: want a number of days above 0, up to those simulated", c.Step)
	case c.Days/c.Step > math.MaxInt32:
		return fmt.Errorf("days %g, step %g: want at most %d steps", c.Days, c.Step, math.MaxInt32)
	case c.Follow >= c.Days:
		return fmt.Errorf("follow %g: want a number of days above 0 and below those simulated, %g", c.Follow, c.Days)
	case len(c.Conditions) == 0:
		return errors.New("condition: want one or more")
	}
	var names []string
	for _, k := range c.Conditions {
		if err := k.Check(); err != nil {
			return err
		}
		if slices.Contains(names, k.Name) {
			return fmt.Errorf("condition %s: want it once", k.Name)
		}
		names = append(names, k.Name)
		if err := c.checkBetween(k); err != nil {
			return err
		}
		if err := k.Coefficients().checkStep(c.Step); err != nil {
			return fmt.Errorf("%w, for condition %s", err, k.Name)
		}
	}
	return nil
}

// checkBetween checks that spines start, or appear, between the bounds of a condition.
func (c Config) checkBetween(k Condition) error {
	if from, to := c.Start[0], c.Start[1]; slices.Contains(k.Bounds, Reflecting) &&
		!(k.Low <= from && from < to && to <= k.High) {
		return fmt.Errorf("start %g,%g: want two sizes between the bounds of condition %s, %g and %g, the smaller first",
			from, to, k.Name, k.Low, k.High)
	}
	if !slices.Contains(k.Bounds, WithTurnover) {
		return nil
	}
	t := c.Turnover
	if !(t.Rate > 0) || math.IsInf(t.Rate, 0) {
		return fmt.Errorf("turnover rate %g: want a number of births per empty site and day above 0", t.Rate)
	}
	if !(k.Low < t.Smallest && t.Smallest < t.Largest && t.Largest <= k.High) {
		return fmt.Errorf("turnover: new spines from %g to %g µm³: want sizes between the bounds of condition %s, %g and %g",
			t.Smallest, t.Largest, k.Name, k.Low, k.High)
	}
	return nil
}

// Names lists the conditions.
func (c Config) Names() string {
	var names []string
	for _, k := range c.Conditions {
		names = append(names, k.Name)
	}
	return strings.Join(names, ", ")
}

// steps is the number of steps for a number of days, at least one.
func (c Config) steps(days float64) int { return max(1, int(math.Round(days/c.Step))) }
