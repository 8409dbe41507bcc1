package main

import (
	"errors"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"quantal/analysis"
	"quantal/grid"
	"quantal/synapse"
	"quantal/train"
)

func evalCommand() *cli.Command {
	return &cli.Command{
		Name:      "eval",
		Usage:     "test the network of a run's last checkpoint, or one of a grid",
		UsageText: "quantal eval RUN|GRID/ID [--data DIR] [--draws 20] [--draw example] [--release binomial] [--json]",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "data", Usage: "the present place of the run's data set, if it has moved: a `FOLDER`",
				DefaultText: "as the run"},
			&cli.StringFlag{Name: "draws", Usage: "draws of the weights for the predictive figures", DefaultText: "as the run"},
			&cli.StringFlag{Name: "draw", Usage: "which examples share a draw of the weights: those of a minibatch (20) or " +
				"none, example", DefaultText: "as the run"},
			&cli.StringFlag{Name: "release", Usage: "normal, or binomial: test also with weights of binomial numbers of " +
				"vesicles, whose n, p and q are those of quantal energy", Value: "normal", DefaultText: "normal"},
			mechanismFlag(), holdFlag(),
			&cli.StringFlag{Name: "device", Usage: "auto, cpu, cuda or cuda:N", DefaultText: "as the run"},
			&cli.StringFlag{Name: "threads", Usage: "threads on the CPU", DefaultText: "as the run"},
			jsonFlag(),
		},
		Description: "--release binomial draws each weight as q times a binomial number of released\n" +
			"vesicles, and prints the results beside those of normal weights of the same mean\n" +
			"and standard deviation, at the same quantiles. n is rounded to a whole number, at\n" +
			"least 1; p and q then follow.",
		Action: func(c *cli.Context) error {
			dir, err := oneArgument(c, "the run folder")
			if err != nil {
				return err
			}
			plan, binomial, err := evalRelease(c)
			if err != nil {
				return err
			}
			network, err := grid.ReadNetwork(host(c), dir)
			if err != nil {
				return err
			}
			trained := network.Config.Draw
			if err := changeSettings(c, &network.Config); err != nil {
				return err
			}
			draw := network.Config.Draw
			if binomial && network.Config.Device == "auto" {
				network.Config.Device = "cpu"
			}
			network.Config.Draw = trained
			set, err := network.OpenData(c.Context, host(c))
			if err != nil {
				return err
			}
			run, err := network.Reopen(c.Context, set)
			if err != nil {
				return err
			}
			defer func() { _ = run.Close() }()
			if draw != trained {
				if err := run.TestPer(draw); err != nil {
					return err
				}
			}
			summary, err := run.Summarise(c.Context, run.Networks[0].Draws)
			if err != nil {
				return err
			}
			summary.RunFolder = dir
			if !binomial {
				return printOutcome(c, summary)
			}
			network.Config.Draw = draw
			test, err := analysis.TestRelease(c.Context, run, *network, plan, run.Networks[0].Draws)
			if err != nil {
				return settingsUsage(err)
			}
			if c.Bool("json") {
				return printJSON(c, struct {
					train.Summary
					Release *analysis.ReleaseTest `json:"release"`
				}{summary, test})
			}
			return errors.Join(printSummary(c.App.Writer, summary), printReleaseTest(c.App.Writer, summary, test))
		},
	}
}

// evalRelease reads the flags of binomial release.
func evalRelease(c *cli.Context) (plan analysis.EnergyPlan, binomial bool, err error) {
	switch of := c.String("release"); {
	case of != "normal" && of != "binomial":
		return plan, false, usage("--release %q: want normal or binomial", of)
	case of == "normal" && (c.IsSet("mechanism") || c.IsSet("hold")):
		return plan, false, usage("--mechanism and --hold say what vesicles a synapse has: want --release binomial, too")
	}
	if err := releasePlan(c, &plan); err != nil {
		return plan, false, &usageError{err}
	}
	return plan, c.String("release") == "binomial", nil
}

// printReleaseTest writes the results of binomial weights beside those of normal ones.
func printReleaseTest(out io.Writer, s train.Summary, r *analysis.ReleaseTest) error {
	mechanism := ""
	if r.Mechanism != "" {
		mechanism = "mechanism " + r.Mechanism + ", "
	}
	held := heldText(analysis.NetworkEnergy{Held: r.Held, Value: r.Value, Source: r.Source})
	fmt.Fprintf(out, "\nvesicles\n%s%s\n\n", mechanism, held)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprint(w, "\tnormal\tbinomial\tloss, normal\tbinomial\t\n")
	row := func(name string, normal, binomial, loss, binomialLoss float64) {
		if s.R2Sampled != nil { // numbers have no accuracy
			fmt.Fprintf(w, "%s\t\t\t%.4f\t%.4f\t\n", name, loss, binomialLoss)
			return
		}
		fmt.Fprintf(w, "%s\t%.2f %%\t%.2f %%\t%.4f\t%.4f\t\n", name, 100*normal, 100*binomial, loss, binomialLoss)
	}
	row("sampled", s.AccuracySampled, r.AccuracySampled, s.LossSampled, r.LossSampled)
	if s.Draws > 0 {
		row("predictive", s.AccuracyPredictive, r.AccuracyPredictive, s.LossPredictive, r.LossPredictive)
		row("expected log", s.AccuracyExpectedLog, r.AccuracyExpectedLog, s.LossExpectedLog, r.LossExpectedLog)
	}
	fmt.Fprintf(w, "\nsynapses\t%d\t\nn below 1\t%d\tthey have one vesicle\np above %g\t%d\t\n", r.Synapses, r.BelowOne,
		synapse.NearCertain, r.NearCertain)
	if r.Silent > 0 {
		fmt.Fprintf(w, "mean 0\t%d\tno release: their weights are normal\n", r.Silent)
	}
	return w.Flush()
}
