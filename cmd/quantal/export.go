package main

import (
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"quantal/grid"
	"quantal/internal/nearest"
	"quantal/internal/sentence"
	"quantal/results/formats"
	"quantal/results/store"
	"quantal/train"
)

func exportCommand() *cli.Command {
	description := "The formats, and what --out is without a name:\n"
	var endings, names []string
	for _, f := range formats.All() {
		description += wrapped(fmt.Sprintf("%s (%s): %s.", f.Name, f.File, f.About), 77) + "\n"
		names = append(names, f.Name)
		if ending := filepath.Ext(f.File); !slices.Contains(endings, ending) {
			endings = append(endings, ending)
		}
	}
	return &cli.Command{
		Name:      "export",
		Usage:     "write the network of a run's last checkpoint for other programs",
		UsageText: "quantal export RUN|GRID/ID [--format FORMAT] [--out FILE]",
		Description: description + "Inputs of a network are pixels as (x/255 - pixel_mean)/pixel_sd. The package in the\n" +
			"source's folder python reads runs and grids without an export.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "format", Usage: strings.Join(names, ", "),
				DefaultText: "by the extension of the file, or npz"},
			&cli.StringFlag{Name: "out", DefaultText: "the format's own, in the folder RUN or GRID/ID",
				Usage: "`FILE` to write (" + strings.Join(endings, ", ") + "), or - for standard output"},
			jsonFlag(),
		},
		Action: func(c *cli.Context) error {
			dir, err := oneArgument(c, "the run folder")
			if err != nil {
				return err
			}
			out := c.String("out")
			format, err := exportFormat(c, names, endings)
			if err != nil {
				return err
			}
			network, err := grid.ReadNetwork(host(c), dir)
			if err != nil {
				return err
			}
			if format.Chain {
				if err := network.Config.ChainOnly(dir + ": the format " + format.Name); err != nil {
					return err
				}
			}
			trained := formats.Trained{Checkpoint: network.State, Activation: network.Config.Activation,
				Network: network.Config.Network}
			if err := trained.CheckFinite(); err != nil {
				return &store.CorruptError{Path: dir, Reason: "the last checkpoint is not exported: " + sentence.Of(err)}
			}
			if format.Curve {
				if trained.Epochs, err = learningCurve(c, dir, network); err != nil {
					return err
				}
			}
			if out == "" {
				out = filepath.Join(dir, format.File)
				if err := store.MakeFolder(dir); err != nil { // that of a network of a grid
					return err
				}
			}
			err = writeOutput(c, out, func(w io.Writer) error { return format.Encode(w, trained) })
			if err != nil || out == standardOutput {
				return err
			}
			if c.Bool("json") {
				return printJSON(c, map[string]any{"file": out, "format": format.Name, "step": trained.Step,
					"synapses": trained.Synapses()})
			}
			_, err = fmt.Fprintf(c.App.Writer, "wrote %s: %s of %d synapses at step %d\n", out, format.What, trained.Synapses(),
				trained.Step)
			return err
		},
	}
}

// learningCurve is what a run measured up to the step of its network, or a grid of one of its own.
func learningCurve(c *cli.Context, dir string, network *train.Network) ([]store.Epoch, error) {
	if of, id, ok := grid.Locate(dir); ok {
		folder, err := grid.View(of)
		if err != nil {
			return nil, err
		}
		curve, damaged, err := folder.Curve(id)
		warnDamaged(c, damaged)
		return curve, err
	}
	folder, err := store.View(dir)
	if err != nil {
		return nil, err
	}
	defer folder.Close()
	epochs, err := folder.Metrics()
	return slices.DeleteFunc(epochs, func(e store.Epoch) bool { return e.Step > network.State.Step }), err
}

// exportFormat is the format by --format and the extension of the file, which must agree.
func exportFormat(c *cli.Context, names, endings []string) (formats.Format, error) {
	all := formats.All()
	format := all[0]
	if c.IsSet("format") {
		i := slices.Index(names, c.String("format"))
		if i < 0 {
			return format, usage("--format %q: %s", c.String("format"), nearest.OneOf(c.String("format"), names))
		}
		format = all[i]
	}
	if c.String("out") == "" {
		return format, nil
	}
	ending, err := outputEnding(c, "out", endings...)
	if err != nil {
		return format, err
	}
	switch want := filepath.Ext(format.File); {
	case c.String("out") == standardOutput || ending == want:
	case c.IsSet("format"):
		return format, usage("--format %s --out %q: the name ends in %s, want %s or no --format", format.Name,
			c.String("out"), ending, want)
	default:
		format = all[slices.IndexFunc(all, func(f formats.Format) bool { return filepath.Ext(f.File) == ending })]
	}
	return format, nil
}
