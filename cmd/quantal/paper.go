package main

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"quantal/analysis"
	"quantal/results"
	"quantal/synapse"
)

// paperFigure is one of the paper's figures and how it is made. One that needs what is not at hand has no draw, and says so.
type paperFigure struct {
	name    string
	draw    func() (results.Illustration, error)
	missing string
}

// paperFigures lists the figures in the order of the paper. Without measurements the experiment is nil.
func paperFigures(c *cli.Context, experiment *analysis.Experiment) []paperFigure {
	fig6 := paperFigure{name: "fig6", missing: "needs the authors' files of measurements: --ko FILE and --sjostrom FILE"}
	if experiment != nil {
		fig6.draw = experiment.Illustration
	}
	seed, quick := c.Uint64("seed"), c.Bool("quick")
	return []paperFigure{
		{name: "fig1", draw: func() (results.Illustration, error) {
			const draws = 10000
			return illustrate(analysis.AnalyseRelease(synapse.Release{N: 10, P: 0.3, Q: 1}, draws, seed))
		}},
		{name: "fig4", draw: func() (results.Illustration, error) { return illustrate(analysis.DefaultTwoWeights(seed)) }},
		fig6,
		{name: "fig7", draw: func() (results.Illustration, error) { return illustrate(analysis.DefaultPosterior()) }},
		{name: "appendix2", draw: func() (results.Illustration, error) {
			return illustrate(analysis.TrainGLM(c.Context, seed, bootstrap(c), quick))
		}},
		{name: "appendix4", draw: func() (results.Illustration, error) {
			return illustrate(analysis.TrainRegression(c.Context, seed, quick))
		}},
	}
}

// illustrate draws what an analysis has found.
func illustrate(found interface {
	Illustration() (results.Illustration, error)
}, err error) (results.Illustration, error) {
	if err != nil {
		return results.Illustration{}, err
	}
	return found.Illustration()
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
	experiment, err := readExperiment(c, c.Args().Slice())
	if err != nil {
		return err
	}
	files, leftOut := []string{}, map[string]string{}
	for _, f := range paperFigures(c, experiment) {
		if f.draw == nil {
			leftOut[f.name] = f.missing
			fmt.Fprintf(c.App.ErrWriter, "%s: left out: %s\n", f.name, f.missing)
			continue
		}
		drawing, err := f.draw()
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
