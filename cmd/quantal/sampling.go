package main

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"quantal/dynamics"
	"quantal/dynamics/sampling"
	"quantal/train"
)

func samplingCommand() *cli.Command {
	return &cli.Command{
		Name: "sampling",
		Usage: "synaptic sampling, dtheta = b grad log p*(theta) dt + sqrt(2 b T) dW: posteriors of regressions and of " +
			"trained networks",
		UsageText: "quantal dynamics sampling [RUN] [--data mnist] [--out FOLDER] [--quick] [--json]\n" +
			"quantal dynamics sampling --parts regression --step 0.02",
		Description: "Langevin chains on Bayesian linear and logistic regression beside the exact posterior; the same rule in the compiled graph;\n" +
			"and the posterior of a trained network, RUN or one that is trained first: accuracy and calibration of the average of its\n" +
			"samples' predictions. `go doc quantal/dynamics/sampling` has the equations.",
		Flags: append([]cli.Flag{
			&cli.StringFlag{Name: "parts", Usage: "what is made: a list of " + strings.Join(sampling.Parts(), ", "),
				DefaultText: "all"},
			&cli.StringFlag{Name: "step",
				Usage: "length of the steps on regressions, in units of 1 over the largest eigenvalue of the " +
					"Hessian, below 2", DefaultText: "0.05"},
			&cli.StringFlag{Name: "temperature", Usage: "T on regressions", DefaultText: "1"},
			&cli.StringFlag{Name: "chains", Usage: "chains on regressions", DefaultText: "512; 256 with --quick"},
			&cli.StringFlag{Name: "temperatures", Usage: "list of `T,...` at which the posterior of the network is " +
				"sampled", DefaultText: "0,0.1,0.3,1"},
			&cli.StringFlag{Name: "network-step",
				Usage: "N eps on the network: the learning rate of descent on the mean loss of an " +
					"example", DefaultText: "0.2"},
			&cli.StringFlag{Name: "burn", Usage: "epochs on the network before the first sample",
				DefaultText: "20; 5 with --quick"},
			&cli.StringFlag{Name: "samples", Usage: "samples of each chain on the network, one per epoch",
				DefaultText: "40; 10 with --quick"},
			&cli.StringFlag{Name: "network-chains", Usage: "chains on the network, at each temperature",
				DefaultText: "4; 2 with --quick"},
			&cli.StringFlag{Name: "effective", Usage: "effective samples on each regression",
				DefaultText: "20000 to 100000 by problem; 10000 " +
					"with --quick"},
		}, networkFlags()...),
		Action: func(c *cli.Context) error {
			config, err := samplingConfig(c)
			if err != nil {
				return err
			}
			run := func(ctx context.Context, n *dynamics.Network, p dynamics.Job) (sampling.Findings, error) {
				return sampling.Run(ctx, config, n, p)
			}
			if config.NeedsNetwork() {
				return runOnNetwork(c, config.Start, config, run, printSampling)
			}
			device, err := train.ChooseDevice(config.Training.Device) // for the compiled graph
			if err != nil {
				return err
			}
			return runExperiment(c, device.Name, device.Kernels, config,
				func(ctx context.Context, p dynamics.Job) (sampling.Findings, error) {
					return run(ctx, nil, p)
				}, printSampling)
		},
	}
}

// samplingConfig puts the configuration together: defaults, the file on top, the flags on top of both.
func samplingConfig(c *cli.Context) (sampling.Config, error) {
	config, err := sampling.DefaultConfig()
	if err != nil {
		return config, err
	}
	if c.String("config") != "" {
		config.Linear, config.Logistic = nil, nil // the file's would be added to them
	}
	if config, err = readConfig(c, config); err != nil {
		return config, err
	}
	if c.IsSet("parts") {
		config.Parts = nil
		for part := range strings.SplitSeq(c.String("parts"), ",") {
			config.Parts = append(config.Parts, strings.TrimSpace(part))
		}
	}
	if config.NeedsNetwork() || c.Args().Present() {
		if err := applyStart(c, &config.Start); err != nil {
			return config, err
		}
	}
	var effective int
	posterior := &config.Posterior
	if err := readNumbers(c,
		numberFlag{"seed", &config.Seed}, numberFlag{"threads", &config.Threads},
		numberFlag{"step", &config.Step}, numberFlag{"temperature", &config.Temperature},
		numberFlag{"chains", &config.Chains},
		numberFlag{"effective", &effective}, numberFlag{"network-step", &posterior.Step},
		numberFlag{"temperatures", &posterior.Temperatures},
		numberFlag{"network-chains", &posterior.Chains}, numberFlag{"burn", &posterior.Burn},
		numberFlag{"samples", &posterior.Samples},
	); err != nil {
		return config, err
	}
	if c.IsSet("effective") {
		for _, problems := range [][]sampling.Problem{config.Linear, config.Logistic} {
			for i := range problems {
				problems[i].Effective = effective
			}
		}
	}
	return checked(c, config)
}

// printSampling writes what came out, for a person.
func printSampling(out io.Writer, f sampling.Findings) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	heading := "problem\tmethod\tT\tstep\tbatch\teffective samples\tbeside\tmean off by (s.d.)\tcovariance off by\n"
	for _, r := range f.Table {
		if r.CovarianceError == nil {
			continue
		}
		fmt.Fprint(w, heading)
		heading = ""
		batch := "all"
		if r.Batch != nil {
			batch = strconv.Itoa(*r.Batch)
		}
		fmt.Fprintf(w, "%s\t%s\t%g\t%.3g\t%s\t%.0f\t%s\t%.4f\t%.2f %%\n", r.Problem, r.Method, *r.Temperature, *r.StepShare,
			batch,
			*r.Effective, r.Reference, *r.MeanError, 100**r.CovarianceError)
	}
	if n := f.Summary.Network; n != nil {
		fmt.Fprintf(w, "\n%s, %d test images\taveraged\taccuracy\tNLL\tECE\taccuracy and NLL over w = μ\tover descent\n",
			n.Network, n.Tested)
		for _, p := range n.Predictors {
			fmt.Fprintf(w, "%s\t%d\t%.2f %%\t%.4f\t%.2f %%\t%s\t%s\n", p.Name, p.Averaged, 100*p.Accuracy, p.NLL, 100*p.ECE,
				gain(&p.OverTrained), gain(p.OverDescent))
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(out, "\n%.1f s\n", f.Summary.Seconds)
	return err
}

// gain writes differences with their intervals.
func gain(g *sampling.Gain) string {
	if g == nil {
		return ""
	}
	return fmt.Sprintf("%+.2f ± %.2f points, %+.4f ± %.4f", 100*g.Accuracy, 100*g.AccuracyInterval, -g.NLL,
		g.NLLInterval)
}
