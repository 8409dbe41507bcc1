package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"quantal/results"
	"quantal/train"
)

func figuresCommand() *cli.Command {
	return &cli.Command{
		Name:      "figures",
		Usage:     "draw a run, or the figures of the paper",
		UsageText: "quantal figures RUN [--out FOLDER]\nquantal figures --paper FOLDER [--quick] [--ko FILE --sjostrom FILE...]",
		Description: "Of a run: the learning curve and the distribution of sigma. Of the paper: each figure as SVG and PNG, with its\n" +
			"caption (data, seeds, configuration, slopes) as text and its numbers as JSON, from networks trained on the spot.",
		Flags: append([]cli.Flag{
			&cli.StringFlag{Name: "out", Usage: "`FOLDER` for the pictures of a run", DefaultText: "the run folder"},
			&cli.StringFlag{Name: "paper", Usage: "draw the paper's figures into this `FOLDER`"},
			&cli.BoolFlag{Name: "quick", Usage: "train for the paper's figures as little as still shows what they show"},
			&cli.Uint64Flag{Name: "seed", Value: 1, Usage: "seed of everything random in the paper's figures"},
			jsonFlag(),
		}, experimentFlags()...),
		Action: func(c *cli.Context) error {
			if c.IsSet("paper") {
				return drawPaper(c)
			}
			for _, name := range []string{"quick", "seed", "ko", "sjostrom"} {
				if c.IsSet(name) {
					return usage("figures: --%s goes with --paper only", name)
				}
			}
			dir, err := oneArgument(c, "the run folder")
			if err != nil {
				return err
			}
			out := c.String("out")
			if out == "" {
				out = dir
			}
			files, err := drawRun(c, dir, out)
			if err != nil {
				return err
			}
			if c.Bool("json") {
				return printJSON(c, map[string]any{"files": files})
			}
			_, err = fmt.Fprintf(c.App.Writer, "drawn: %s\n", strings.Join(files, ", "))
			return err
		},
	}
}

// drawRun draws the figures of a run as SVG and PNG into a folder, and names the files.
func drawRun(c *cli.Context, dir, out string) ([]string, error) {
	folder, err := existing(results.View(dir))
	if err != nil {
		return nil, err
	}
	defer folder.Close()
	var config train.Config
	if err := folder.ReadConfig(&config); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return nil, err
	}
	var files []string
	save := func(name string, figure *results.Figure) error {
		for _, ending := range []string{".svg", ".png"} {
			path := filepath.Join(out, name+ending)
			if err := figure.Save(path); err != nil {
				return err
			}
			files = append(files, path)
		}
		return nil
	}
	epochs, err := folder.Metrics()
	if err != nil {
		return nil, err
	}
	if len(epochs) == 0 {
		return nil, fmt.Errorf("%s: no epoch has been finished yet: nothing to draw", dir)
	}
	curve, err := results.LearningCurve(epochs)
	if err != nil {
		return nil, err
	}
	if err := save("learning-curve", curve); err != nil {
		return nil, err
	}
	if config.Noise == "none" {
		logger(c).Info("a network without noise has no sigma to draw")
		return files, nil
	}
	checkpoint, err := lastCheckpoint(c, folder)
	if err != nil {
		return nil, err
	}
	sigma, err := results.SigmaDistribution(checkpoint, config.SigmaInit)
	if err != nil {
		return nil, err
	}
	return files, save("sigma", sigma)
}
