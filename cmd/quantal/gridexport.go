package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"quantal/grid"
	"quantal/internal/nearest"
	"quantal/results/tables"
)

func gridExportCommand() *cli.Command {
	return &cli.Command{
		Name:      "export",
		Usage:     "write the finished points of a grid for Python",
		UsageText: "quantal grid export GRID --out FILE.npz [--what WHAT] [--points ID,ID,...]",
		Description: "Every column of table.csv is an array with one entry per point. With --what sigma or mu\n" +
			"there are also ID/layerN.weight.sigma of [out][in] and ID/layerN.bias.sigma of [out], or\n" +
			"the same of mu, float32, of each network that has not diverged, and ID/pixel_mean and\n" +
			"ID/pixel_sd: inputs are (pixel/255 - pixel_mean)/pixel_sd. Of quantal synapses also n, p\n" +
			"and q, or with all everything that a network has.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "out", Usage: "`FILE`.npz to write, or - for standard output"},
			&cli.StringFlag{Name: "what", Value: tables.ExportSummary, Usage: strings.Join(tables.ExportNames(), ", ")},
			&cli.StringFlag{Name: "points", Usage: "ids of points, separated by commas", DefaultText: "all that have finished"},
			jsonFlag(),
		},
		Action: func(c *cli.Context) error {
			dir, err := oneArgument(c, "the grid folder")
			if err != nil {
				return err
			}
			out, what := c.String("out"), c.String("what")
			if _, err := outputEnding(c, "out", ".npz"); err != nil {
				return err
			}
			if !slices.Contains(tables.ExportNames(), what) {
				return usage("--what %q: %s", what, nearest.OneOf(what, tables.ExportNames()))
			}
			g, folder, err := grid.ReadFinished(host(c), dir)
			if err != nil {
				return err
			}
			records, err := tables.Choose(g.Records, pointIDs(c))
			if err != nil {
				return usage("--%w", err)
			}
			var damaged []error
			err = writeOutput(c, out, func(w io.Writer) (err error) {
				damaged, err = tables.ExportGrid(w, records, what, folder.Network)
				return err
			})
			if err != nil {
				return err
			}
			warnDamaged(c, damaged)
			if out == standardOutput {
				return nil
			}
			if c.Bool("json") {
				return printJSON(c, map[string]any{"file": out, "what": what, "points": len(records), "damaged": len(damaged)})
			}
			_, err = fmt.Fprintf(c.App.Writer, "wrote %s: %s of %d points\n", out, what, len(records))
			return err
		},
	}
}

// pointIDs are those of --points; nil without it.
func pointIDs(c *cli.Context) []string {
	if !c.IsSet("points") {
		return nil
	}
	return strings.Split(c.String("points"), ",")
}
