package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"quantal/analysis"
)

// experimentFlags name the files of measurements.
func experimentFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "ko",
			Usage: "`FILE` of connections in visual cortex: CSV with mean, var and foopsi_mean (Ko et al. 2013)"},
		&cli.StringSliceFlag{Name: "sjostrom",
			Usage: "`FILE` of quantal parameters before and after plasticity: CSV with Pr and q " +
				"(Sjöström et al., Costa et al. 2017); may be given several times"},
	}
}

func experimentCommand() *cli.Command {
	return &cli.Command{
		Name:      "experiment",
		Usage:     "the variability of synapses in two experiments, and the paper's slopes",
		UsageText: "quantal experiment --ko FILE --sjostrom FILE... [--out FOLDER] [--json]",
		Description: "Variance over mean against the firing rate, and the change in a plasticity protocol\n" +
			"against variability under every reasonable definition, with bootstrap intervals; drawn\n" +
			"as fig6 into the folder. The files are those that the authors of the paper publish.",
		Flags: append(experimentFlags(),
			&cli.Uint64Flag{Name: "seed", Value: 1, Usage: "seed of the bootstrap"},
			&cli.StringFlag{Name: "out", Value: "runs/experiment",
				Usage: "`FOLDER` for the picture, its caption and its numbers"},
			jsonFlag()),
		Action: func(c *cli.Context) error {
			e, err := readExperiment(c, c.Args().Slice()) // the files after the first of --sjostrom
			if err != nil {
				return err
			}
			if e == nil {
				return usage("experiment: want --ko FILE or --sjostrom FILE...")
			}
			drawing, err := e.Illustration()
			if err != nil {
				return err
			}
			files, err := saveIllustration(c, drawing)
			if err != nil {
				return err
			}
			if c.Bool("json") {
				return printJSON(c, struct {
					*analysis.Experiment
					Files []string `json:"files"`
				}{e, files})
			}
			return printExperiment(c.App.Writer, e)
		},
	}
}

// readExperiment reads the files of the flags, and more of --sjostrom; nil if there are none.
func readExperiment(c *cli.Context, more []string) (*analysis.Experiment, error) {
	paths := c.StringSlice("sjostrom")
	if len(more) > 0 && len(paths) == 0 {
		return nil, usage("%s: want flags, got %q", c.Command.Name, more[0])
	}
	paths = append(paths, more...)
	if c.String("ko") == "" && len(paths) == 0 {
		return nil, nil
	}
	var connections *analysis.Connections
	if path := c.String("ko"); path != "" {
		read, err := analysis.ReadConnections(path)
		if err != nil {
			return nil, err
		}
		connections = &read
	}
	var files []analysis.Plasticity
	for _, path := range paths {
		f, err := analysis.ReadPlasticity(path)
		if err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	return analysis.NewExperiment(connections, files, bootstrap(c))
}

func printExperiment(out io.Writer, e *analysis.Experiment) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	if r := e.Rate; r != nil {
		fmt.Fprintf(w, "variance/mean over firing rate\tslope %.3f\t95 %% [%.2f, %.2f]\tr = %.2f\t%d "+
			"connections\tpublished %.2f\n",
			r.Value, r.Low, r.High, r.Correlation, r.Points, r.Published)
	}
	if err := w.Flush(); err != nil || e.Plasticity == nil {
		return err
	}
	fmt.Fprintf(w, "\nchange of the weight and variability, log-log slopes with 95 %% intervals; published %.2f\n\n",
		e.Plasticity.Published)
	// One line for each definition; the connections, whose order repeats, are columns.
	header, lines := "y axis\tx axis", []string{}
	seen := map[string]bool{}
	for _, d := range e.Plasticity.Definitions {
		y, x := d.Axes()
		if !seen[d.Connections] {
			seen[d.Connections] = true
			header += fmt.Sprintf("\t%s (%d)", d.Connections, d.Points)
		}
		if d.Connections == e.Plasticity.Definitions[0].Connections {
			lines = append(lines, y+"\t"+x)
		}
		lines[len(lines)-1] += fmt.Sprintf("\t%.2f [%.2f, %.2f]", d.Value, d.Low, d.High)
	}
	fmt.Fprintf(w, "%s\n%s\n", header, strings.Join(lines, "\n"))
	if err := w.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(out, "\n%s\n", e.Plasticity.Verdict)
	return err
}
