package spines

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"quantal/dynamics"
	"quantal/internal/setting"
	"quantal/kernels/cpu"
)

// Experiment is the experiment as a value.
func Experiment() dynamics.Experiment {
	return dynamics.Design[Config, Summary, Row]{
		Help: dynamics.Help{
			Name:  "spines",
			Usage: "sizes of dendritic spines as a diffusion, dw = mu(w) dt + sigma(w) dB: distributions, turnover, survival",
			UsageText: "quantal dynamics spines [--condition control,fmr1] [--out FOLDER] [--quick] [--json]\n" +
				"quantal dynamics spines --table measured.csv\n" +
				"quantal dynamics spines --mu 0.008,-0.06 --sigma 0.01,0.22 --bounds reflecting",
			Description: "Simulates the spines, solves the Fokker-Planck equation, and compares both with the\n" +
				"stationary density in closed form. Sizes are in µm³, times in days.\n" +
				"`go doc quantal/dynamics/spines` has the equations and the conditions.",
		},
		Default:  func() (Config, error) { return DefaultConfig(), nil },
		Settings: (*Config).Settings,
		Kernels:  cpu.Kernels,
		About: func(c Config) []any {
			return []any{"conditions", c.Names(), "spines", c.Spines, "days", c.Days, "step", c.Step}
		},
		Run: func(ctx context.Context, c Config, _ *dynamics.Network, job dynamics.Job) (Findings, error) {
			return Run(ctx, c, job)
		}, Print: printTables,
	}.Experiment()
}

// Settings describes the settings.
func (c *Config) Settings() setting.List {
	own := Own("own", nil)
	none := func() string { return "" }
	var asked []Condition // instead of those of the configuration
	ask := func(k Condition) {
		asked = append(asked, k)
		c.Conditions = asked
	}
	each := func(bound func(k *Condition) *float64) func(string) error {
		return func(text string) error {
			for i := range c.Conditions {
				if err := (setting.Setting{Value: bound(&c.Conditions[i])}).Set(text); err != nil {
					return err
				}
			}
			return nil
		}
	}
	var drift, noise bool // of the user's own law are given
	half := func(given *bool, l *Line) func(string) error {
		return func(text string) error {
			*given = true
			if drift && noise {
				defer func() { ask(own) }()
			}
			return setting.Setting{Value: []*float64{&l.Offset, &l.Slope}}.Set(text)
		}
	}
	return append(setting.List{
		{Name: "condition", Help: "named laws of drift and noise: a list of " + strings.Join(ConditionNames(), ", "),
			Unset: "all, unless --table or --mu is given", Value: &c.Conditions, Write: none, Read: func(text string) error {
				for name := range strings.SplitSeq(text, ",") {
					k, err := Named(strings.TrimSpace(name))
					if err != nil {
						return err
					}
					if !slices.ContainsFunc(asked, func(other Condition) bool { return other.Name == k.Name }) {
						ask(k)
					}
				}
				return nil
			}},
		{Name: "table",
			Help:  "a law of your own: a CSV `FILE` with the columns w (µm³), mu (µm³/day) and sigma (µm³/sqrt(day))",
			Write: none, Read: func(path string) error {
				table, err := ReadTable(path)
				if err != nil {
					return err
				}
				ask(Own(strings.TrimSuffix(filepath.Base(path), filepath.Ext(path)), table))
				return nil
			}},
		{Name: "mu", Help: "a law of your own: drift `A,B` for mu = A + B w; goes with --sigma", Read: half(&drift, &own.Mu),
			Write: none, Check: func() error {
				if drift != noise {
					return errors.New("mu and --sigma: want both or none")
				}
				return nil
			}},
		{Name: "sigma", Help: "noise `A,B` for sigma = A + B w; goes with --mu", Read: half(&noise, &own.Sigma), Write: none},
		{Name: "low", Help: "lower bound of every condition, µm³", Unset: "each its own, 0.02 for your own laws",
			Read: each(func(k *Condition) *float64 { return &k.Low })},
		{Name: "high", Help: "upper bound, µm³", Unset: "each its own, 1 for your own laws",
			Read: each(func(k *Condition) *float64 { return &k.High })},
		{Name: "bounds", Help: "kind of lower bound: reflecting, turnover, or both",
			Unset: "each its own, both for your own laws", Read: func(text string) error {
				bounds := strings.Split(text, ",")
				if text == "both" {
					bounds = []string{Reflecting, WithTurnover}
				}
				for i := range c.Conditions {
					c.Conditions[i].Bounds = bounds
				}
				return nil
			}},
		{Name: "spines", Value: &c.Spines, Want: setting.Between(100, maxSpines),
			Help: "spines to simulate, or sites with turnover"},
		{Name: "days", Value: &c.Days, Want: setting.Above(0), Help: "days to simulate"},
		{Name: "step", Value: &c.Step, Want: setting.Above(0).With(", in days"), Help: "length of a step, days"},
		{Name: "start", Value: &c.Start, Help: "reflected spines start between two sizes, `A,B`, µm³"},
		{Name: "turnover.rate", Flag: "births", Value: &c.Turnover.Rate,
			Help: "births per empty site and day; fmr1 has twice as many"},
		{Name: "turnover.smallest", Value: &c.Turnover.Smallest}, {Name: "turnover.largest", Value: &c.Turnover.Largest},
		{Name: "newborn", Value: []*float64{&c.Turnover.Smallest, &c.Turnover.Largest},
			Help: "new spines are between two sizes, `A,B`, µm³"},
		{Name: "follow", Value: &c.Follow, Want: setting.Above(0), Help: "days at the end over which survival is followed"},
		{Name: "cells", Value: &c.Cells, Want: setting.Between(10, 1_000_000), Help: "cells of a density"},
	}, dynamics.SeedAndThreads(&c.Seed, &c.Threads)...)
}

// printTables writes the results, for a person.
func printTables(out io.Writer, f Findings) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	s := f.Summary
	fmt.Fprintln(w,
		"simulated (closed form)\tmean (µm³)\tmedian\tskewness\ttail exponent\tKS distance\tsites with a spine\tlost")
	for _, o := range s.Outcomes {
		both := func(format string, simulated, closed float64) string {
			return fmt.Sprintf(format+" ("+format+")", simulated, closed)
		}
		a, b := o.Simulation, o.ClosedForm
		fmt.Fprintf(w, "%s, %s\t%s\t%s\t%s\t%s\t%.4f", o.Condition, o.Bounds, both("%.4f", a.Mean, b.Mean),
			both("%.4f", a.Median, b.Median),
			both("%.2f", a.Skewness, b.Skewness), both("%.2f", a.TailExponent, b.TailExponent), o.KSClosedForm)
		if t := o.Turnover; t != nil {
			fmt.Fprintf(w, "\t%s\t%.1f %% in %.3g days", both("%.1f %%", 100*t.Occupied, 100*t.OccupiedClosedForm), 100*t.Lost,
				t.LostDays)
		}
		fmt.Fprintln(w)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(out, "\n%.3g spine steps in %.1f s, %.3g per second while they moved, %s kernels\n",
		float64(s.SpineSteps), s.Seconds, s.SpineStepsPerSecond, s.Kernels)
	return err
}
