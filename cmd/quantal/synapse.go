package main

import (
	"fmt"
	"io"
	"math"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"quantal/analysis"
	"quantal/results/draw"
	"quantal/synapse"
)

func synapseCommand() *cli.Command {
	return &cli.Command{
		Name:      "synapse",
		Usage:     "quantal release at a synapse, and the cost of its reliability",
		UsageText: "quantal synapse --n 10 --p 0.3 --q 1 [--out FOLDER] [--json]",
		Description: "Mean and variance of the postsynaptic potential, draws of it, and the four costs of\n" +
			"reliability with their exponents at a fixed mean; drawn as fig1 into the folder.",
		Flags: []cli.Flag{
			&cli.Float64Flag{Name: "n", Value: 10, Usage: "vesicles ready for release, a whole number"},
			&cli.Float64Flag{Name: "p", Value: 0.3, Usage: "release probability of each"},
			&cli.Float64Flag{Name: "q", Value: 1, Usage: "quantal size: what a vesicle adds to the potential"},
			&cli.IntFlag{Name: "draws", Value: 10000, Usage: "spikes to simulate"},
			&cli.Uint64Flag{Name: "seed", Value: 1, Usage: "seed of the draws"},
			&cli.StringFlag{Name: "out", Value: "runs/synapse", Usage: "`FOLDER` for the picture, its caption and its numbers"},
			jsonFlag(),
		},
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return usage("synapse: want flags only, got %q", c.Args().First())
			}
			r := synapse.Release{N: c.Float64("n"), P: c.Float64("p"), Q: c.Float64("q")}
			a, err := analysis.AnalyseRelease(r, c.Int("draws"), c.Uint64("seed"))
			if err != nil {
				return &usageError{err} // only requested values can be wrong
			}
			drawing, err := a.Illustration()
			if err != nil {
				return err
			}
			files, err := saveIllustration(c, drawing)
			if err != nil {
				return err
			}
			if c.Bool("json") {
				return printJSON(c, struct {
					*analysis.ReleaseAnalysis
					Files []string `json:"files"`
				}{a, files})
			}
			return printRelease(c.App.Writer, a)
		},
	}
}

// saveIllustration writes a drawing into the folder of --out and reports it.
func saveIllustration(c *cli.Context, i draw.Illustration) ([]string, error) {
	files, err := i.Save(c.String("out"))
	if err == nil {
		fmt.Fprintf(printable{c.App.ErrWriter}, "drawn: %s, with %s and %s\n", files[0], files[2], files[3])
	}
	return files, err
}

func printRelease(out io.Writer, a *analysis.ReleaseAnalysis) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "potential\tmean\tvariance\tsd\tcv\tfailures\n")
	for _, m := range []struct {
		name string
		analysis.ReleaseMoments
	}{{"binomial", a.Binomial}, {fmt.Sprintf("%d draws", a.Draws), a.Simulated}} {
		fmt.Fprintf(w, "%s\t%.4g\t%.4g\t%.4g\t%.4g\t%.4g\n", m.name, m.Mean, m.Variance, m.SD, m.CV, m.Failure)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(w, "\ncost at this mean, q compensating\n\tformula\tchanges\tcost\tlog-log slope\tpaper: -rho\n")
	for _, c := range a.Costs {
		fmt.Fprintf(w, "%s\t%s\t%s\t%.4g\t%.4f\t%.4f\n", c.Mechanism, c.Formula, c.Drives, c.Cost, c.Slope.Value, -c.Rho)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(w, "\nexponent here, if two parameters change and one is held\n\tn held\tp held\tq held\n")
	for _, c := range a.Costs {
		fmt.Fprintf(w, "%s\t%.3f\t%.3f\t%.3f\n", c.Mechanism, round(c.Exponents.N), round(c.Exponents.P),
			round(c.Exponents.Q))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(w, "\ntrafficking through p (Eq. 18), n held: 2 is reached only for small p\np")
	for _, e := range a.Equation18 {
		fmt.Fprintf(w, "\t%g", e.P)
	}
	fmt.Fprintf(w, "\nexponent")
	for _, e := range a.Equation18 {
		fmt.Fprintf(w, "\t%.3f", e.Exponent)
	}
	fmt.Fprintln(w)
	return w.Flush()
}

// round keeps a number that is zero up to rounding from being printed as -0.
func round(x float64) float64 { return math.Round(1000*x)/1000 + 0 }
