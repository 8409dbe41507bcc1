package main

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"quantal/dynamics"
	"quantal/dynamics/tolerance"
)

func toleranceCommand() *cli.Command {
	return &cli.Command{
		Name:  "tolerance",
		Usage: "a trained network whose synapses fluctuate, are rewired or deleted: accuracy over how much and which",
		UsageText: "quantal dynamics tolerance [RUN] [--data mnist] [--out FOLDER] [--quick] [--json]\n" +
			"quantal dynamics tolerance runs/a --share 0.25",
		Description: "Perturbs all synapses, the most and the least important ones (by Fisher information, |mu| and |mu|/sigma), the positive, the\n" +
			"negative and random ones; gives each connection several contacts, one strength to all connections, and noise of other profiles of\n" +
			"equal cost. Without RUN it trains a network first. `go doc quantal/dynamics/tolerance` has the definitions.",
		Flags: append([]cli.Flag{
			&cli.StringFlag{Name: "share",
				Usage: "share of each layer's synapses that count as the most, or the least, important ones", DefaultText: "0.5"},
			&cli.StringFlag{Name: "draws", Usage: "perturbed networks behind each accuracy and its interval", DefaultText: "20"},
		}, networkFlags()...),
		Action: func(c *cli.Context) error {
			config, err := toleranceConfig(c)
			if err != nil {
				return err
			}
			return runOnNetwork(c, config.Start, config, func(ctx context.Context, n *dynamics.Network,
				p dynamics.Job) (tolerance.Findings, error) {
				return tolerance.Run(ctx, config, n, p)
			}, printTolerance)
		},
	}
}

// toleranceConfig puts the configuration together: defaults, the file on top, the flags on top of both.
func toleranceConfig(c *cli.Context) (tolerance.Config, error) {
	config, err := tolerance.DefaultConfig()
	if err != nil {
		return config, err
	}
	if config, err = readConfig(c, config); err != nil {
		return config, err
	}
	if err := applyStart(c, &config.Start); err != nil {
		return config, err
	}
	if err := readNumbers(c,
		numberFlag{"seed", &config.Seed}, numberFlag{"threads", &config.Threads},
		numberFlag{"share", &config.Share}, numberFlag{"draws", &config.Draws},
	); err != nil {
		return config, err
	}
	return checked(c, config)
}

// printTolerance writes what came out, for a person.
func printTolerance(out io.Writer, f tolerance.Findings) error {
	s := f.Summary
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "unperturbed: %.2f %% of %d test examples, loss %.4f\n\n", 100*s.Accuracy, s.Test, s.Loss)
	fmt.Fprintf(w, "perturbation\tsubset\tsynapses\ttolerated (%g points lost)\taccuracy at most\n", 100*tolerance.Drop)
	for _, t := range s.Tolerances {
		fmt.Fprintf(w, "%s\t%s\t%d\t%s\t%.2f %%\n", t.Perturbation, t.Subset, t.Synapses, known(t.Tolerated, 3),
			100*t.Accuracy)
	}
	fmt.Fprintln(w, "\ncontacts\tamplitude\tvariance of the logits\tlinearised\tn var(n) / var(1)")
	for _, v := range s.Contacts {
		fmt.Fprintf(w, "%d\t%g\t%.4g ± %.2g\t%.4g\t%.3f\n", v.Contacts, v.Amplitude, v.Variance, v.VarianceCI95,
			v.Linearised, v.Law)
	}
	fmt.Fprintln(w, "\none weight for all: wiring\tkept\tbest weight\taccuracy")
	for _, b := range s.SharedWeights {
		fmt.Fprintf(w, "%s\t%g\t%g\t%.2f %%\n", b.Wiring, b.Kept, b.Strength, 100*b.Accuracy)
	}
	if p := s.Profiles; p != nil {
		fmt.Fprintln(w, "\nprofile of sigma\taccuracy\ttolerated factor")
		for _, o := range p.Outcomes {
			fmt.Fprintf(w, "%s\t%.2f ± %.2f %%\t%s\n", o.Profile, 100*o.Accuracy, 100*o.AccuracyCI95, known(o.Tolerated, 3))
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(out, "\n%.1f s, %s kernels\n", s.Seconds, s.Kernels)
	return err
}
