package main

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"quantal/analysis"
	"quantal/results/tables"
)

// analysisFolder is where `analyze` writes by default, in the folder of the run or grid; `report` reads it.
const analysisFolder = "analysis"

func analyzeCommand() *cli.Command {
	return &cli.Command{
		Name:      "analyze",
		Aliases:   []string{"analyse"},
		Usage:     "how the noise of trained synapses depends on their importance",
		UsageText: "quantal analyze RUN|GRID [--epochs 10] [--points ID,ID,...] [--out FOLDER] [--npz] [--json]",
		Description: "For each network with a sigma per synapse, the training set is passed through it with\n" +
			"frozen parameters. The output is the empirical Fisher information (the Hessian of the\n" +
			"paper), learning rate and input of every synapse, and the slope of sigma^2 over each on\n" +
			"log axes, with a 95 % interval and the analytic slope. slopes.csv and slopes.jsonl have\n" +
			"a row for each network, layer and signature, with an interval over the units of the layer,\n" +
			"and one for networks that differ only in the seed, with an interval over these; where there\n" +
			"are several seeds, only the latter is printed. The pictures have columns for rho.\n" +
			"`go doc quantal/analysis` has definitions and units.",
		Flags: []cli.Flag{
			&cli.IntFlag{Name: "epochs", Value: 10,
				Usage: "passes through the training set, with a draw of the weights per minibatch"},
			&cli.StringFlag{Name: "points", Usage: "ids of a grid's points, separated by commas",
				DefaultText: "all that have a sigma per synapse"},
			&cli.StringFlag{Name: "out", Usage: "`FOLDER` for tables and pictures",
				DefaultText: analysisFolder + " in the run or grid folder"},
			&cli.BoolFlag{Name: "npz", Usage: "write the signatures of every synapse as arrays too: signatures.npz"},
			&cli.Uint64Flag{Name: "seed", Value: 1, Usage: "seed of the bootstrap"},
			&cli.StringFlag{Name: "data", Usage: "the data set's present place, if it has moved: a `FOLDER`",
				DefaultText: "as the networks"},
			&cli.StringFlag{Name: "device", Value: "auto", Usage: "auto, cpu, cuda or cuda:N"},
			&cli.IntFlag{Name: "threads", Usage: "threads on the CPU", DefaultText: "all processors"},
			jsonFlag(),
		},
		Action: func(c *cli.Context) error {
			dir, err := oneArgument(c, "the run or grid folder")
			if err != nil {
				return err
			}
			if c.Int("epochs") < 1 {
				return usage("--epochs %d: want 1 or more", c.Int("epochs"))
			}
			out := c.String("out")
			if out == "" {
				out = filepath.Join(dir, analysisFolder)
			}
			t, err := readTrained(c, dir)
			if err != nil {
				return err
			}
			if len(t.Networks) == 0 {
				return fmt.Errorf("quantal: %s: no finished network has a sigma per synapse (noise heterogeneous): nothing "+
					"to analyse", dir)
			}
			patterns, err := measure(c, t, c.Int("epochs"))
			if err != nil {
				return err
			}
			warnUnsettled(c, patterns.Unsettled())
			files, err := patterns.Save(out, c.Bool("npz"))
			if err != nil {
				return err
			}
			if c.Bool("json") {
				return printJSON(c, map[string]any{"files": files, "slopes": patterns.Rows()})
			}
			if err := printSlopes(c.App.Writer, patterns.Summary()); err != nil {
				return err
			}
			_, err = fmt.Fprintf(c.App.Writer, "\nwritten to %s\n", out)
			return err
		},
	}
}

// reading says how trained networks are read, from the flags.
func reading(c *cli.Context) analysis.Reading {
	return analysis.Reading{Host: host(c), Points: pointIDs(c), Data: c.String("data"), Device: c.String("device"),
		Threads: c.Int("threads")}
}

// readTrained reads the networks of a run or grid that have a sigma per synapse.
func readTrained(c *cli.Context, dir string) (*analysis.Trained, error) {
	t, err := analysis.ReadTrained(c.Context, dir, reading(c))
	return t, settingsUsage(err)
}

// measure computes the patterns of the networks, with a bar on a terminal.
func measure(c *cli.Context, t *analysis.Trained, epochs int) (*analysis.Patterns, error) {
	bar := newBar(c.App.ErrWriter)
	defer bar.close()
	return analysis.MeasurePatterns(c.Context, t.Set, t.Networks, epochs, bootstrap(c), bar.gradients)
}

// printSlopes writes the table of slopes for people.
func printSlopes(out io.Writer, rows []analysis.SignatureSlope) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "hidden\trho\tc\tseed\tlayer\tsignature\tslope\t95 % interval\tover\twithin one\tr\tanalytic\t"+
		"sigma^2 / optimum")
	for _, r := range rows {
		rho, c, seed, over, within, ratio := cmp.Or(r.Rho, "-"), "-", "-", string(r.Interval), "-", "-"
		if !math.IsNaN(r.C) {
			c = fmt.Sprintf("%.4g", r.C)
		}
		if r.Seed != nil {
			seed = fmt.Sprint(*r.Seed)
		}
		if r.Interval == analysis.OverNetworks {
			over, within = fmt.Sprintf("%d %s", r.Networks, over), "+-"+tables.Known(r.Within, 3)
		}
		if !math.IsNaN(r.VarianceRatio) {
			ratio = fmt.Sprintf("%.2g", r.VarianceRatio)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t%s\t%s\t[%s, %s]\t%s\t%s\t%s\t%s\t%s\n", r.Hidden, rho, c, seed, r.Layer,
			r.Signature, tables.Known(r.Value, 3), tables.Known(r.Low, 3), tables.Known(r.High, 3), over, within,
			tables.Known(r.Correlation, 2), tables.Known(r.Analytic, 3), ratio)
	}
	return w.Flush()
}
