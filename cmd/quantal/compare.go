package main

import (
	"fmt"
	"io"
	"math"
	"strings"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"quantal/grid"
	"quantal/results/tables"
)

func compareCommand() *cli.Command {
	return &cli.Command{
		Name:      "compare",
		Usage:     "compare a grid with published values, and say whether it reproduces them",
		UsageText: "quantal compare GRID FILE.csv [--tolerance COLUMN=VALUE]... [--csv | --json]",
		Description: "Networks and published values belong together if rho, c and noise agree. The file may give\n" +
			"other settings of the published networks in columns named as in table.csv:\n" +
			strings.Join(grid.Kinds().Columns, ", ") + ".\n" +
			"Settings without a column are those of the preset published on MNIST. Networks that differ\n" +
			"in them get no verdict, and the exit status is 3 if there is none at all. Deviations are of\n" +
			"the mean over seeds: percentage points for accuracy_percent (ours: accuracy_sampled),\n" +
			"relative for loss_nats (loss_sampled), sigma_rms and reliability_cost; with three seeds or\n" +
			"more also in standard deviations of a seed, s sqrt(1 + 1/n). Tolerances: 3 points of\n" +
			"accuracy if the published one is up to 90 %, 1 above, 8 % of sigma_rms. The exit status is\n" +
			"1 if anything is beyond its tolerance.",
		Flags: []cli.Flag{
			&cli.StringSliceFlag{Name: "tolerance",
				Usage: "another tolerance, `COLUMN=VALUE`, as in accuracy_percent=2, sigma_rms=5% or loss_nats=0.1; " +
					"may be given several times"},
			&cli.BoolFlag{Name: "csv", Usage: "write a table, with a row for each figure of each point"},
			jsonFlag(),
		},
		Action: func(c *cli.Context) error {
			if c.Bool("csv") && c.Bool("json") {
				return usage("--csv and --json: want one of them")
			}
			if c.Args().Len() != 2 {
				return usage("compare: want two arguments, the grid folder and a CSV file; got %d", c.Args().Len())
			}
			dir, path := c.Args().Get(0), c.Args().Get(1)
			tolerances := tables.Tolerances{}
			for _, text := range c.StringSlice("tolerance") {
				if err := tolerances.Set(text); err != nil {
					return usage("--tolerance %w", err)
				}
			}
			published, err := readPublished(path)
			if err != nil {
				return err
			}
			g, _, err := grid.ReadFinished(host(c), dir)
			if err != nil {
				return err
			}
			comparison, err := tables.Compare(g.Records, published, tolerances)
			if err != nil {
				return fmt.Errorf("quantal: %s: %w", dir, err)
			}
			unfit := comparison.Fits()
			switch {
			case c.Bool("json"):
				err = printJSON(c, comparison)
			case unfit == nil && c.Bool("csv"):
				err = comparison.EncodeCSV(c.App.Writer)
			case unfit == nil:
				err = printComparison(c.App.Writer, comparison)
			}
			if err == nil && unfit != nil {
				return fmt.Errorf("quantal: %s: no verdict by %s: %w", dir, path, unfit)
			}
			if beyond := comparison.Beyond(); err == nil && len(beyond) > 0 {
				err = fmt.Errorf("quantal: %s is not within the tolerances of %s: %s", dir, path,
					strings.Join(beyond, ", "))
			}
			return err
		},
	}
}

// printComparison writes a comparison for a person: a line for each point, then the verdicts.
func printComparison(out io.Writer, c *tables.Comparison) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	header := []string{"ours / published, deviation", "seeds"}
	for _, v := range c.Columns {
		header = append(header, v.Column)
	}
	fmt.Fprintln(w, strings.Join(header, "\t"))
	for _, p := range c.Points {
		row := []string{p.Name(), fmt.Sprint(p.Seeds)}
		if p.Diverged > 0 {
			row[1] += fmt.Sprintf(" + %d diverged", p.Diverged)
		}
		for _, v := range c.Columns {
			row = append(row, deviationText(p, v.Column))
		}
		fmt.Fprintln(w, strings.Join(row, "\t"))
	}
	fmt.Fprintf(w, "\ncolumn\ttolerance\tverdict\tbeyond\trms\tp < %g by seeds\tlargest deviation\n", tables.RareP)
	for _, v := range c.Columns {
		tolerance, largest := v.Tolerance, "-"
		if tolerance == "" {
			tolerance = "-"
		}
		if !math.IsNaN(v.Largest) {
			largest = fmt.Sprintf("%s at %s", tables.FormatDeviation(v.Column, v.Largest), v.At)
		}
		rare := "-"
		if v.Scattered > 0 {
			rare = fmt.Sprintf("%d of %d", v.Rare, v.Scattered)
		}
		rms := strings.TrimPrefix(tables.FormatDeviation(v.Column, v.RMS), "+")
		fmt.Fprintf(w, "%s\t%s\t%s\t%d of %d\t%s\t%s\t%s\n", v.Column, tolerance, v.Verdict, v.Beyond, v.Compared, rms,
			rare, largest)
	}
	if n := len(c.Unfit); n > 0 {
		fmt.Fprintf(w,
			"\n%d points of the grid are of another kind than the published ones, so there is no verdict on them: %s, ...\n", n,
			c.Unfit[0].Differences[0])
	}
	fmt.Fprintf(w, "\n%d published points have no counterpart in the grid, %d points of the grid are not published\n",
		len(c.NotTrained), len(c.NotPublished))
	return w.Flush()
}

// deviationText is a point's deviation in a column; ! marks one beyond the tolerance.
func deviationText(p tables.ComparedPoint, column string) string {
	for _, d := range p.Deviations {
		if d.Column != column {
			continue
		}
		text := fmt.Sprintf("%.4g / %.4g, %s", d.Ours, d.Published, tables.FormatDeviation(column, d.Deviation))
		if sds := tables.FormatSDs(d.SeedSDs); sds != "" {
			text += fmt.Sprintf(" (%s SD)", sds)
		}
		if d.Verdict == tables.Beyond {
			text += " !"
		}
		return text
	}
	return "-"
}
