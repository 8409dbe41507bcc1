package main

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"quantal/dynamics"
	"quantal/dynamics/assemblies"
	"quantal/kernels/cpu"
)

func assembliesCommand() *cli.Command {
	return &cli.Command{
		Name: "assemblies",
		Usage: "cell assemblies in a recurrent network under Hebbian plasticity and fluctuation: weights, recall, how " +
			"long memory lasts",
		UsageText: "quantal dynamics assemblies [--neurons 300] [--seeds 10] [--out FOLDER] [--quick] [--json]\n" +
			"quantal dynamics assemblies --strengths 0,1,1.5,2",
		Description: "Assemblies are imprinted by stimulation and left alone, with plasticity and fluctuation, with one of them, and with fluctuation\n" +
			"of several strengths. Weights are in µm³, times in days. `go doc quantal/dynamics/assemblies` has the equations.",
		Flags: append([]cli.Flag{
			&cli.StringFlag{Name: "neurons", Usage: "neurons, a multiple of the assemblies", DefaultText: "300"},
			&cli.StringFlag{Name: "assemblies", Usage: "assemblies, of equal size", DefaultText: "10"},
			&cli.StringFlag{Name: "plasticity", Usage: "rate of Hebbian plasticity, µm³ per day", DefaultText: "0.42"},
			&cli.StringFlag{Name: "mu", Usage: "intrinsic drift `A,B` for mu = A + B w, µm³ per day",
				DefaultText: "0.00175,-0.06"},
			&cli.StringFlag{Name: "sigma", Usage: "fluctuation `A,B` for sigma = A + B w, µm³ per square root of a day",
				DefaultText: "0.015,0.2"},
			&cli.StringFlag{Name: "strengths", Usage: "factors of the fluctuation after the imprint, ascending, with 0 and 1",
				DefaultText: "0,0.5,1,1.2,1.3,1.4,1.5,1.6,1.8,2.2"},
			&cli.StringFlag{Name: "homeostasis",
				Usage: "how fast excitability keeps each neuron's mean rate, per pattern; 0 for not at all", DefaultText: "0.02"},
			&cli.StringFlag{Name: "moves", Usage: "steps of the intrinsic dynamics to one of plasticity", DefaultText: "8"},
			&cli.StringFlag{Name: "imprint", Usage: "days of stimulation", DefaultText: "40"},
			&cli.StringFlag{Name: "alone", Usage: "days after it", DefaultText: "160"},
			&cli.StringFlag{Name: "seeds", Usage: "networks, with consecutive seeds from --seed", DefaultText: "10"},
		}, dynamicsFlags()...),
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return usage("assemblies: want flags only, got %q", c.Args().First())
			}
			config, err := assembliesConfig(c)
			if err != nil {
				return err
			}
			kernels, err := cpu.Kernels()
			if err != nil {
				return &usageError{err}
			}
			logger(c).Info("assemblies", "neurons", config.Neurons, "assemblies", config.Assemblies, "networks", config.Seeds,
				"days", config.Imprint+config.Alone, "kernels", kernels)
			return runExperiment(c, "cpu", kernels, config, func(ctx context.Context, p dynamics.Job) (assemblies.Findings,
				error) {
				return assemblies.Run(ctx, config, p)
			}, printAssemblies)
		},
	}
}

// assembliesConfig puts the configuration together: defaults, the file on top, the flags on top of both.
func assembliesConfig(c *cli.Context) (assemblies.Config, error) {
	config, err := readConfig(c, assemblies.DefaultConfig())
	if err != nil {
		return config, err
	}
	if err := readNumbers(c,
		numberFlag{"seed", &config.Seed}, numberFlag{"threads", &config.Threads},
		numberFlag{"neurons", &config.Neurons}, numberFlag{"assemblies", &config.Assemblies},
		numberFlag{"seeds", &config.Seeds},
		numberFlag{"moves", &config.Moves}, numberFlag{"plasticity", &config.Plasticity},
		numberFlag{"homeostasis", &config.Homeostasis},
		numberFlag{"mu", []*float64{&config.Mu.Offset, &config.Mu.Slope}},
		numberFlag{"sigma", []*float64{&config.Sigma.Offset, &config.Sigma.Slope}},
		numberFlag{"strengths", &config.Strengths}, numberFlag{"imprint", &config.Imprint},
		numberFlag{"alone", &config.Alone},
	); err != nil {
		return config, err
	}
	return checked(c, config)
}

// printAssemblies writes what came out, for a person.
func printAssemblies(out io.Writer, f assemblies.Findings) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	s := f.Summary
	fmt.Fprintln(w,
		"at the end\trecall\tseparation\tweight within (µm³)\tbetween\tat the bounds\tsecond peak of w f(w)\tmemory "+
			"lost\tretention (days)")
	for _, a := range s.Averages {
		peak := "none"
		if a.SecondPeak.Height > 1 {
			peak = fmt.Sprintf("%.2f µm³, %.2f of the valley", a.SecondPeak.Size, a.SecondPeak.Height)
		}
		fmt.Fprintf(w, "%s\t%.2f\t%.3f\t%.3f\t%.4f\t%.1f %%\t%s\t%d of %d\t%.1f\n", a.Condition, a.Recall.Mean,
			a.Separation.Mean,
			a.Inside.Mean, a.Outside.Mean, 100*a.AtBounds.Mean, peak, a.Lost, a.Networks, a.Retention.Mean)
	}
	fmt.Fprintln(w)
	for _, c := range s.Claims {
		fmt.Fprintf(w, "%s:\tin %d of %d networks\n", c.Claim, c.Seen, c.Of)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(out, "\n%.1f s, %s kernels\n", s.Seconds, s.Kernels)
	return err
}
