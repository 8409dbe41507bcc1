package main

import (
	"errors"
	"fmt"

	"github.com/urfave/cli/v2"

	"quantal/analysis"
	"quantal/results"
	"quantal/synapse"
)

// paperFigure is one of the paper's figures and how it is made.
type paperFigure struct {
	name string
	draw func(c *cli.Context) (results.Illustration, error)
}

// errNoMeasurements says that a figure is left out, for its data are not at hand.
var errNoMeasurements = errors.New("needs the authors' files of measurements: --ko FILE and --sjostrom FILE")

// paperFigures lists the figures in the order of the paper.
func paperFigures() []paperFigure {
	return []paperFigure{
		{"fig1", func(c *cli.Context) (results.Illustration, error) {
			const draws = 10000
			a, err := analysis.AnalyseRelease(synapse.Release{N: 10, P: 0.3, Q: 1}, draws, c.Uint64("seed"))
			if err != nil {
				return results.Illustration{}, err
			}
			return a.Illustration()
		}},
		{"fig4", func(c *cli.Context) (results.Illustration, error) {
			t, err := analysis.DefaultTwoWeights(c.Uint64("seed"))
			if err != nil {
				return results.Illustration{}, err
			}
			return t.Illustration()
		}},
		{"fig6", func(c *cli.Context) (results.Illustration, error) {
			e, err := readExperiment(c, c.Args().Slice())
			if err != nil {
				return results.Illustration{}, err
			}
			if e == nil {
				return results.Illustration{}, errNoMeasurements
			}
			return e.Illustration()
		}},
		{"fig7", func(*cli.Context) (results.Illustration, error) {
			p, err := analysis.DefaultPosterior()
			if err != nil {
				return results.Illustration{}, err
			}
			return p.Illustration()
		}},
		{"appendix2", func(c *cli.Context) (results.Illustration, error) {
			g, err := analysis.TrainGLM(c.Context, c.Uint64("seed"), bootstrap(c), c.Bool("quick"))
			if err != nil {
				return results.Illustration{}, err
			}
			return g.Illustration()
		}},
		{"appendix4", func(c *cli.Context) (results.Illustration, error) {
			r, err := analysis.TrainRegression(c.Context, c.Uint64("seed"), c.Bool("quick"))
			if err != nil {
				return results.Illustration{}, err
			}
			return r.Illustration()
		}},
	}
}

// bootstrap is that of the commands, with the seed of the flag.
func bootstrap(c *cli.Context) analysis.Bootstrap {
	b := analysis.DefaultBootstrap()
	b.Seed = c.Uint64("seed")
	return b
}

// drawPaper draws the paper's figures into the folder of --paper.
func drawPaper(c *cli.Context) error {
	if c.IsSet("out") {
		return usage("figures: --out does not go with --paper, which names the folder")
	}
	files, leftOut := []string{}, map[string]string{}
	for _, f := range paperFigures() {
		drawing, err := f.draw(c)
		if errors.Is(err, errNoMeasurements) {
			leftOut[f.name] = err.Error()
			fmt.Fprintf(c.App.ErrWriter, "%s: left out: %v\n", f.name, err)
			continue
		}
		if err != nil {
			return fmt.Errorf("%s: %w", f.name, err)
		}
		saved, err := drawing.Save(c.String("paper"))
		if err != nil {
			return err
		}
		files = append(files, saved...)
		if !c.Bool("json") {
			fmt.Fprintf(c.App.Writer, "%s\t%s\n", saved[1], drawing.Title)
		}
	}
	if c.Bool("json") {
		return printJSON(c, map[string]any{"files": files, "left_out": leftOut})
	}
	return nil
}
