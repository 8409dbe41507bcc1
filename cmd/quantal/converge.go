package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v2"

	"quantal/analysis"
	"quantal/results/tables"
	"quantal/train"
)

func convergeCommand() *cli.Command {
	usual := analysis.DefaultConvergence()
	return &cli.Command{
		Name:  "converge",
		Usage: "take the sigma of trained synapses to its optimum, with the means held",
		UsageText: "quantal converge RUN|GRID [--out FOLDER] [--points ID,ID,...] [--both EPOCHS] [--json]\n" +
			"quantal converge grids/appendix5 --out grids/converged",
		Description: "Training moves sigma slowly where its gradient is mostly noise: after the usual epochs it\n" +
			"still depends on where it began. From each network with a sigma per synapse, converge goes\n" +
			"on to the sigma at which performance and reliability balance (Eq. 66 of the paper), with\n" +
			"the means held. The result is a run or a grid like any other, for figures, analyze, export\n" +
			"and eval.\n\n" +
			"fixed-point, for networks without hidden layers, sets ln sigma two thirds of the way to the\n" +
			"optimum for the curvature of the noisy network, sum p(1-p) x^2, which has no labels in it,\n" +
			"until no synapse moves. training, for others, trains phi at a rate that falls whenever the\n" +
			"gap to the optimum stops shrinking; there H is the empirical Fisher information, and sigma\n" +
			"comes close to the optimum, how close the sampled gradient says.\n\n" +
			"The table has the slope of sigma^2 over H from draws of its own, and the slope that the\n" +
			"sampled gradient of phi asks for, which takes no H for granted; by decile of H, the median\n" +
			"of sigma^2 over its optimum, and that gradient over its part from the reliability cost,\n" +
			"which is 0 at the optimum. converged.csv and deciles.csv have all digits.\n\n" +
			"Interrupt it at any time: the same command continues.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "out", Usage: "`FOLDER` of the converged run or grid", DefaultText: "RUN-converged"},
			&cli.StringFlag{Name: "points", Usage: "ids of a grid's points, separated by commas",
				DefaultText: "all that have a sigma per synapse"},
			&cli.StringFlag{Name: "method", Usage: fmt.Sprintf("%s or %s", analysis.FixedPoint, analysis.Training),
				DefaultText: string(analysis.FixedPoint) + " without hidden layers"},
			&cli.IntFlag{Name: "both", Usage: "then train means and sigma together, for so many `EPOCHS` at the network's " +
				"learning rate, a third and a ninth of it, and converge again"},
			&cli.IntFlag{Name: "rounds", Value: usual.Rounds, Usage: "the most rounds"},
			&cli.IntFlag{Name: "epochs", Value: usual.Epochs, Usage: "of a round of training"},
			&cli.Float64Flag{Name: "lr", Value: usual.Rate, Usage: "the first learning rate of training phi"},
			&cli.IntFlag{Name: "gradients", Value: usual.Gradients,
				Usage: "epochs over which the gradient of phi is sampled; 0 for no test"},
			&cli.Uint64Flag{Name: "seed", Value: 1, Usage: "seed of the bootstrap"},
			&cli.StringFlag{Name: "data", Usage: "the data set's present place, if it has moved: a `FOLDER`",
				DefaultText: "as the networks"},
			&cli.StringFlag{Name: "device", Value: "auto", Usage: "auto, cpu, cuda or cuda:N"},
			&cli.IntFlag{Name: "threads", Usage: "threads on the CPU", DefaultText: "all processors"},
			jsonFlag(),
		},
		Action: converge,
	}
}

func converge(c *cli.Context) error {
	dir, err := oneArgument(c, "the run or grid folder")
	if err != nil {
		return err
	}
	for name, least := range map[string]int{"both": 0, "rounds": 1, "epochs": 1, "gradients": 0} {
		if c.Int(name) < least {
			return usage("--%s %d: want %d or more", name, c.Int(name), least)
		}
	}
	if rate := c.Float64("lr"); !(rate > 0) || math.IsInf(rate, 0) {
		return usage("--lr %g: want a number above 0", rate)
	}
	o := analysis.DefaultConvergence()
	o.Method, o.Both, o.Rounds = analysis.Method(c.String("method")), c.Int("both"), c.Int("rounds")
	o.Epochs, o.Rate, o.Gradients, o.Bootstrap = c.Int("epochs"), c.Float64("lr"), c.Int("gradients"), bootstrap(c)
	out := c.String("out")
	if out == "" {
		out = filepath.Clean(dir) + "-converged"
	}
	t, err := readTrained(c, dir)
	if err != nil {
		return err
	}
	if len(t.Networks) == 0 {
		return fmt.Errorf("quantal: %s: no finished network has a sigma per synapse (noise heterogeneous): nothing to "+
			"converge", dir)
	}
	bar := newBar(c.App.ErrWriter)
	defer bar.close()
	ready, began := 0, time.Now()
	all, err := t.ConvergeInto(c.Context, dir, out, commandLine(), o, func(id, what string, done, of int) {
		bar.show((float64(ready)+float64(done)/float64(of))/float64(len(t.Networks)), -1, what, id)
	}, func(n analysis.Convergence) {
		ready++
		bar.close()
		logger(c).Info("converged", "network", n.ID, "rounds", n.Rounds, "done", ready, "of", len(t.Networks),
			"elapsed", time.Since(began).Round(time.Second))
		if !n.Settled {
			logger(c).Warn("sigma still moves after the last round: more --rounds take it further", "network", n.ID)
		}
	})
	bar.close()
	switch {
	case errors.Is(err, train.ErrInterrupted), errors.Is(err, context.Canceled):
		return fmt.Errorf("%w with %d of %d networks done; to continue: %s", err, ready, len(t.Networks), commandLine())
	case err != nil:
		return settingsUsage(err)
	}
	means := analysis.MeansOf(all)
	if c.Bool("json") {
		return printJSON(c, map[string]any{"folder": out, "networks": all, "means": means})
	}
	return printConverged(c.App.Writer, out, all, means)
}

// printConverged writes the results for people: the deciles of a single network, and slopes of all.
func printConverged(out io.Writer, folder string, all []analysis.Convergence, means []analysis.ConvergedMean) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	if len(all) == 1 {
		for _, l := range all[0].Layers {
			fmt.Fprintf(w, "layer %d, H\tsynapses\tsigma^2 / optimum\tgradient / reliability part\tstandard error\n", l.Layer)
			for _, d := range l.Deciles {
				fmt.Fprintf(w, "%.3g to %.3g\t%d\t%.3f\t%s\t%s\n", d.Low, d.High, d.Synapses, d.Ratio,
					tables.Known(d.Gradient, 4), tables.Known(d.Error, 4))
			}
			fmt.Fprintln(w)
		}
	}
	fmt.Fprintln(w, "hidden\trho\tc\tseed\tlayer\tslope\t95 % interval\tasked by the gradient\tanalytic\t"+
		"sigma^2 / optimum\tlargest |z|")
	for _, n := range all {
		for _, r := range n.Rows() {
			fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%d\t%.4f\t[%.4f, %.4f]\t%s ± %s\t%.4f\t%.3f\t%s\n", r.Hidden, cmp.Or(r.Rho, "-"),
				price(r.C), r.Seed, r.Layer, r.Value, r.Low, r.High, tables.Known(r.Sampled, 4),
				tables.Known(r.SampledError, 4), r.Analytic, r.Ratio, tables.Known(r.Largest, 2))
		}
	}
	if len(all) > len(means) {
		fmt.Fprintln(w, "\nhidden\trho\tc\tlayer\tnetworks\tslope, 95 % interval over networks\tasked by the gradient\t"+
			"analytic")
		for _, m := range means {
			fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%d\t%.4f ± %s\t%s ± %s\t%.4f\n", m.Hidden, cmp.Or(m.Rho, "-"), price(m.C), m.Layer,
				m.Networks, m.Slope, tables.Known(m.Interval, 2), tables.Known(m.Sampled, 4), tables.Known(m.Between, 2),
				m.Analytic)
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(out, "\n%d of %d networks: the sampled gradient of phi is zero within three errors in every "+
		"decile\nwritten to %s\n", levels(all), len(all), folder)
	return err
}

func levels(all []analysis.Convergence) (n int) {
	for _, c := range all {
		if c.Level() {
			n++
		}
	}
	return n
}

// price is c for people, which some costs do not read.
func price(c float64) string {
	if math.IsNaN(c) {
		return "-"
	}
	return fmt.Sprintf("%.4g", c)
}
