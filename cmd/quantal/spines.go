package main

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"quantal/dynamics"
	"quantal/dynamics/spines"
	"quantal/kernels/cpu"
)

func spinesCommand() *cli.Command {
	return &cli.Command{
		Name:  "spines",
		Usage: "sizes of dendritic spines as a diffusion, dw = mu(w) dt + sigma(w) dB: distributions, turnover, survival",
		UsageText: "quantal dynamics spines [--condition control,fmr1] [--out FOLDER] [--quick] [--json]\n" +
			"quantal dynamics spines --table measured.csv\n" +
			"quantal dynamics spines --mu 0.008,-0.06 --sigma 0.01,0.22 --bounds reflecting",
		Description: "Simulates the spines, solves the Fokker-Planck equation beside them, and compares both with the stationary density in\n" +
			"closed form. Sizes are in µm³, times in days. `go doc quantal/dynamics/spines` has the equations and the " +
			"conditions.",
		Flags: append([]cli.Flag{
			&cli.StringSliceFlag{Name: "condition", Usage: "named laws of drift and noise: a list of " +
				strings.Join(spines.ConditionNames(), ", "), DefaultText: "all, unless --table or --mu is given"},
			&cli.StringFlag{Name: "table",
				Usage: "a law of your own: a CSV `FILE` with the columns w (µm³), mu (µm³/day) and sigma (µm³/sqrt(day))"},
			&cli.StringFlag{Name: "mu", Usage: "a law of your own: drift `A,B` for mu = A + B w; goes with --sigma"},
			&cli.StringFlag{Name: "sigma", Usage: "noise `A,B` for sigma = A + B w; goes with --mu"},
			&cli.StringFlag{Name: "low", Usage: "lower bound of every condition, µm³",
				DefaultText: "each its own, 0.02 for your own laws"},
			&cli.StringFlag{Name: "high", Usage: "upper bound, µm³", DefaultText: "each its own, 1 for your own laws"},
			&cli.StringFlag{Name: "bounds", Usage: "what the lower bound does: reflecting, turnover, or both",
				DefaultText: "each its own, both for your own laws"},
			&cli.StringFlag{Name: "spines", Usage: "spines to simulate, or sites with turnover", DefaultText: "1000000"},
			&cli.StringFlag{Name: "days", Usage: "days to simulate", DefaultText: "200"},
			&cli.StringFlag{Name: "step", Usage: "length of a step, days", DefaultText: "0.04"},
			&cli.StringFlag{Name: "start", Usage: "reflected spines start between two sizes, `A,B`, µm³",
				DefaultText: "0.3,0.4"},
			&cli.StringFlag{Name: "births", Usage: "births per empty site and day", DefaultText: "0.05"},
			&cli.StringFlag{Name: "newborn", Usage: "new spines are between two sizes, `A,B`, µm³", DefaultText: "0.03,0.06"},
			&cli.StringFlag{Name: "follow", Usage: "days at the end over which survival is followed", DefaultText: "40"},
			&cli.StringFlag{Name: "cells", Usage: "cells of a density", DefaultText: "2000"},
		}, dynamicsFlags()...),
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return usage("spines: want flags only, got %q", c.Args().First())
			}
			config, err := spinesConfig(c)
			if err != nil {
				return err
			}
			kernels, err := cpu.Kernels()
			if err != nil {
				return &usageError{err}
			}
			logger(c).Info("spines", "conditions", config.Names(), "spines", config.Spines,
				"days", config.Days, "step", config.Step, "kernels", kernels)
			return runExperiment(c, "cpu", kernels, config, func(ctx context.Context, p dynamics.Job) (spines.Findings, error) {
				return spines.Run(ctx, config, p)
			}, printSpines)
		},
	}
}

// spinesConfig puts the configuration together: defaults, the file on top, the flags on top of both.
func spinesConfig(c *cli.Context) (spines.Config, error) {
	config := spines.DefaultConfig()
	if c.String("config") != "" {
		config.Conditions = nil // the file's would be added to them
	}
	config, err := readConfig(c, config)
	if err != nil {
		return config, err
	}
	if err := spinesConditions(c, &config); err != nil {
		return config, err
	}
	if err := readNumbers(c,
		numberFlag{"seed", &config.Seed}, numberFlag{"threads", &config.Threads},
		numberFlag{"spines", &config.Spines}, numberFlag{"cells", &config.Cells}, numberFlag{"days", &config.Days},
		numberFlag{"step", &config.Step},
		numberFlag{"follow", &config.Follow}, numberFlag{"start", []*float64{&config.Start[0], &config.Start[1]}},
		numberFlag{"births", &config.Turnover.Rate}, numberFlag{"newborn",
			[]*float64{&config.Turnover.Smallest, &config.Turnover.Largest}},
	); err != nil {
		return config, err
	}
	return checked(c, config)
}

// spinesConditions are the named conditions, and those that the user brings.
func spinesConditions(c *cli.Context, config *spines.Config) error {
	var list []spines.Condition
	for _, names := range c.StringSlice("condition") {
		for name := range strings.SplitSeq(names, ",") {
			k, err := spines.Named(strings.TrimSpace(name))
			if err != nil {
				return usage("--%w", err)
			}
			if !slices.ContainsFunc(list, func(other spines.Condition) bool { return other.Name == k.Name }) {
				list = append(list, k)
			}
		}
	}
	if path := c.String("table"); path != "" {
		table, err := spines.ReadTable(path)
		if err != nil {
			return err
		}
		list = append(list, spines.Own(strings.TrimSuffix(filepath.Base(path), filepath.Ext(path)), table))
	}
	if c.IsSet("mu") != c.IsSet("sigma") {
		return usage("--mu and --sigma: want both or none")
	}
	if c.IsSet("mu") {
		own := spines.Own("own", nil)
		if err := readNumbers(c,
			numberFlag{"mu", []*float64{&own.Mu.Offset, &own.Mu.Slope}},
			numberFlag{"sigma", []*float64{&own.Sigma.Offset, &own.Sigma.Slope}},
		); err != nil {
			return err
		}
		list = append(list, own)
	}
	if list != nil {
		config.Conditions = list
	}
	for i := range config.Conditions {
		k := &config.Conditions[i]
		if c.IsSet("bounds") {
			k.Bounds = strings.Split(c.String("bounds"), ",")
			if c.String("bounds") == "both" {
				k.Bounds = []string{spines.Reflecting, spines.WithTurnover}
			}
		}
		if err := readNumbers(c, numberFlag{"low", &k.Low}, numberFlag{"high", &k.High}); err != nil {
			return err
		}
	}
	return nil
}

// printSpines writes what came out, for a person.
func printSpines(out io.Writer, f spines.Findings) error {
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
