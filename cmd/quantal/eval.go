package main

import (
	"cmp"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"quantal/grid"
	"quantal/internal/sentence"
	"quantal/results/store"
)

func evalCommand() *cli.Command {
	return &cli.Command{
		Name:      "eval",
		Usage:     "test the network of a run's last checkpoint, or one of a grid",
		UsageText: "quantal eval RUN|GRID/ID [--data DIR] [--draws 20] [--json]",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "data", Usage: "the present place of the run's data set, if it has moved: a `FOLDER`",
				DefaultText: "as the run"},
			&cli.StringFlag{Name: "draws", Usage: "draws of the weights for the predictive figures", DefaultText: "as the run"},
			&cli.StringFlag{Name: "device", Usage: "auto, cpu, cuda or cuda:N", DefaultText: "as the run"},
			&cli.StringFlag{Name: "threads", Usage: "threads on the CPU", DefaultText: "as the run"},
			jsonFlag(),
		},
		Action: func(c *cli.Context) error {
			dir, err := oneArgument(c, "the run folder")
			if err != nil {
				return err
			}
			network, err := grid.ReadNetwork(host(c), dir)
			if err != nil {
				return err
			}
			if err := changeSettings(c, &network.Config); err != nil {
				return err
			}
			set, err := network.OpenData(c.Context, host(c))
			if err != nil {
				return err
			}
			run, err := network.Reopen(c.Context, set)
			if err != nil {
				return err
			}
			defer run.Close()
			summary, err := run.Summarise(c.Context, run.Networks[0].Draws)
			if err != nil {
				return err
			}
			summary.RunFolder = dir
			return printOutcome(c, summary)
		},
	}
}

func exportCommand() *cli.Command {
	return &cli.Command{
		Name:      "export",
		Usage:     "write mu and sigma of a run's last checkpoint for Python",
		UsageText: "quantal export RUN|GRID/ID [--out FILE.npz|FILE.safetensors]",
		Description: "Per layer N: layerN.weight.mu, layerN.weight.sigma of [out][in] and layerN.bias.mu,\n" +
			"layerN.bias.sigma of [out], float32, in the shapes of PyTorch's Linear. Inputs are\n" +
			"pixels as (x/255 - pixel_mean)/pixel_sd, two numbers that are also written (for\n" +
			"safetensors in the metadata).",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "format", Usage: "npz or safetensors", DefaultText: "by the extension of the file, or npz"},
			&cli.StringFlag{Name: "out", Usage: "`FILE`.npz or FILE.safetensors to write, or - for standard output",
				DefaultText: "export.npz or .safetensors in the folder RUN or GRID/ID"},
			jsonFlag(),
		},
		Action: func(c *cli.Context) error {
			dir, err := oneArgument(c, "the run folder")
			if err != nil {
				return err
			}
			out := c.String("out")
			format, err := exportFormat(c)
			if err != nil {
				return err
			}
			network, err := grid.ReadNetwork(host(c), dir)
			if err != nil {
				return err
			}
			checkpoint := network.State
			if err := checkpoint.CheckFinite(); err != nil {
				return &store.CorruptError{Path: dir, Reason: "the last checkpoint is not exported: " + sentence.Of(err)}
			}
			if out == "" {
				out = filepath.Join(dir, "export."+format)
				if err := store.MakeFolder(dir); err != nil { // that of a network of a grid
					return err
				}
			}
			tensors := checkpoint.Export()
			err = writeOutput(c, out, func(w io.Writer) error {
				if format == "npz" {
					return store.EncodeNPZ(w, tensors, checkpoint.ExportPixels()...)
				}
				return store.EncodeSafetensors(w, tensors, checkpoint.ExportMetadata())
			})
			if err != nil || out == standardOutput {
				return err
			}
			if c.Bool("json") {
				return printJSON(c, map[string]any{"file": out, "format": format, "step": checkpoint.Step,
					"synapses": checkpoint.Synapses()})
			}
			_, err = fmt.Fprintf(c.App.Writer, "wrote %s: mu and sigma of %d synapses at step %d\n", out, checkpoint.Synapses(),
				checkpoint.Step)
			return err
		},
	}
}

// exportFormat is npz or safetensors, by --format and the extension of the file, which must agree.
func exportFormat(c *cli.Context) (string, error) {
	format := c.String("format")
	if c.IsSet("format") && format != "npz" && format != "safetensors" {
		return "", usage("--format %q: want npz or safetensors", format)
	}
	if c.String("out") == "" {
		return cmp.Or(format, "npz"), nil
	}
	ending, err := outputEnding(c, "out", ".npz", ".safetensors")
	if err != nil {
		return "", err
	}
	named := strings.TrimPrefix(ending, ".")
	switch {
	case format == "":
		return named, nil
	case c.String("out") != standardOutput && format != named:
		return "", usage("--format %s --out %q: the name ends in %s, want .%s or no --format", format, c.String("out"),
			ending, format)
	}
	return format, nil
}
