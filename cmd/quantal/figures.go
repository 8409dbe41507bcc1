package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"quantal/grid"
	"quantal/results/store"
	"quantal/results/tables"
	"quantal/train"
)

func figuresCommand() *cli.Command {
	return &cli.Command{
		Name:  "figures",
		Usage: "draw the figures of a run, of a grid, or of the paper",
		UsageText: "quantal figures RUN|GRID/ID [--out FOLDER] [--pdf]\n" +
			"quantal figures RUN|GRID/ID... --out FOLDER    networks in the same panels, labelled by what differs\n" +
			"quantal figures GRID [--reference FILE.csv] [--out FOLDER] [--pdf]\n" +
			"quantal figures GRID [--curves] [--x NAME] [--y NAME,...] [--by NAME] [--where NAME=VALUE]\n" +
			"quantal figures --paper FOLDER [GRID...] [--quick] [--ko FILE --sjostrom FILE...]",
		Description: "Of a run: the learning curve and the distribution of sigma. Of a grid: fig2, accuracy\n" +
			"and sigma over c, and fig3, accuracy over sigma, cost over sigma and accuracy over cost,\n" +
			"with a column for each rho; networks that differ in more have separate figures, and one\n" +
			"over whatever varies. --x, --y, --by and --where choose that, by the names of columns of\n" +
			"table.csv, and --curves draws the learning curves (curves.csv). Of the\n" +
			"paper: each figure as SVG and PNG, with its caption (data, seeds, configuration, slopes)\n" +
			"as text and its numbers as JSON. Fig. 2, 3, 5 and Appendix 5 and 6 show the networks of\n" +
			"the named grids (or runs); with --quick and none named, small ones are trained for them,\n" +
			"which takes a few minutes, and kept in FOLDER/networks. The others take seconds.",
		Flags: append([]cli.Flag{
			&cli.StringFlag{Name: "out", Usage: "`FOLDER` for the pictures of a run or a grid",
				DefaultText: "its own folder, GRID/ID for a network of a grid"},
			&cli.BoolFlag{Name: "pdf", Usage: "write PDF in addition to SVG and PNG"},
			referenceFlag(),
			&cli.BoolFlag{Name: "curves", Usage: "of a grid: the learning curves"},
			&cli.StringFlag{Name: "x", Usage: "of a grid: draw over the setting `NAME`, or over a column that networks reach",
				DefaultText: "what has most values"},
			&cli.StringSliceFlag{Name: "y",
				Usage: "of a grid: draw the column `NAME`; several have a row of panels each, as accuracy_mean,sigma_rms_layers"},
			&cli.StringFlag{Name: "by", Usage: "of a grid: a series for each value of the setting `NAME`"},
			&cli.StringSliceFlag{Name: "where",
				Usage: "of a grid: only networks with `NAME=VALUE`, as noise=homogeneous; may be given several times"},
			&cli.StringFlag{Name: "paper", Usage: "draw the paper's figures into this `FOLDER`"},
			&cli.BoolFlag{Name: "quick", Usage: "train networks for the paper's figures only as long as the figures need"},
			&cli.StringFlag{Name: "data", Usage: "data set of --quick: mnist, glyphs or a `FOLDER`",
				DefaultText: "MNIST if available, else glyphs"},
			&cli.Uint64Flag{Name: "seed", Value: 1, Usage: "seed of everything random in the paper's figures"},
			jsonFlag(),
		}, experimentFlags()...),
		Action: func(c *cli.Context) error {
			if c.IsSet("paper") {
				if c.IsSet("data") && !c.Bool("quick") {
					return usage("figures: --data goes with --quick: networks know their data")
				}
				return drawPaper(c)
			}
			for _, name := range []string{"quick", "data", "seed", "ko", "sjostrom"} {
				if c.IsSet(name) {
					return usage("figures: --%s goes with --paper only", name)
				}
			}
			dir, err := c.Args().First(), error(nil)
			if !several(c) {
				dir, err = oneArgument(c, "the run or grid folder")
			}
			if err != nil {
				return err
			}
			out := c.String("out")
			if out == "" {
				out = dir
			}
			endings := []string{".svg", ".png"}
			if c.Bool("pdf") {
				endings = append(endings, ".pdf")
			}
			var figures []tables.NamedFigure
			switch {
			case several(c):
				figures, err = besideFigures(c)
			case grid.Is(dir):
				figures, err = gridFigures(c, dir)
			default:
				figures, err = runFigures(c, dir)
			}
			var choice *tables.ChoiceError
			if errors.As(err, &choice) {
				return usage("--%w", choice)
			}
			if err != nil {
				return err
			}
			files, err := saveFigures(figures, out, endings)
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

// saveFigures writes figures into a folder, a file for each extension, and names the files.
func saveFigures(figures []tables.NamedFigure, out string, endings []string) ([]string, error) {
	if err := os.MkdirAll(out, 0o755); err != nil {
		return nil, err
	}
	var files []string
	for _, figure := range figures {
		for _, ending := range endings {
			path := filepath.Join(out, figure.Name+ending)
			if err := figure.Save(path); err != nil {
				return nil, err
			}
			files = append(files, path)
		}
	}
	return files, nil
}

// gridFigures draws the figures of a grid.
func gridFigures(c *cli.Context, dir string) ([]tables.NamedFigure, error) {
	chart := tables.Chart{X: c.String("x"), By: c.String("by"), Where: c.StringSlice("where")}
	for _, list := range c.StringSlice("y") {
		chart.Y = append(chart.Y, strings.Split(list, ",")...)
	}
	if c.IsSet("reference") && (c.Bool("curves") || !chart.IsZero()) {
		return nil, usage("figures: --reference goes with fig2 and fig3: leave --curves, --x, --y, --by and --where out")
	}
	published, err := readReference(c)
	if err != nil {
		return nil, err
	}
	g, folder, err := grid.ReadFinished(host(c), dir)
	if err != nil {
		return nil, err
	}
	switch {
	case c.Bool("curves"):
		return drawCurves(c, folder, chart)
	case !chart.IsZero():
		return g.Chart(chart)
	}
	warnUnfit(c, g.Records, published)
	return g.Figures(train.DescribeSettings, published)
}

// drawCurves draws the learning curves of a grid.
func drawCurves(c *cli.Context, folder *grid.Folder, chart tables.Chart) ([]tables.NamedFigure, error) {
	curves, damaged, err := folder.Curves()
	if err != nil {
		return nil, err
	}
	warnDamaged(c, damaged)
	return tables.ChartCurves(curves, chart)
}

// drawRun draws the figures of a run as SVG and PNG into a folder, and names the files.
func drawRun(c *cli.Context, dir, out string) ([]string, error) {
	figures, err := runFigures(c, dir)
	if err != nil {
		return nil, err
	}
	return saveFigures(figures, out, []string{".svg", ".png"})
}

// noGridFlags refuses flags that choose figures of a grid.
func noGridFlags(c *cli.Context, dir string) error {
	for _, name := range []string{"reference", "curves", "x", "y", "by", "where"} {
		if c.IsSet(name) {
			return usage("--%s goes with the folder of a grid, which %s is not", name, dir)
		}
	}
	return nil
}

// runFigures draws the figures of a run.
func runFigures(c *cli.Context, dir string) ([]tables.NamedFigure, error) {
	if err := noGridFlags(c, dir); err != nil {
		return nil, err
	}
	if _, _, ok := grid.Locate(dir); ok {
		network, err := grid.ReadNetwork(host(c), dir)
		if err != nil {
			return nil, err
		}
		curve, err := learningCurve(c, dir, network)
		if err != nil {
			return nil, err
		}
		if len(curve) == 0 {
			logger(c).Info("this network has no learning curve to draw: those of earlier versions have none")
		}
		figures, err := tables.Trained{Epochs: curve, Checkpoint: network.State,
			SigmaInit: network.Config.SigmaInit}.Figures()
		if err == nil && len(figures) == 0 {
			err = fmt.Errorf("quantal: %s: a network without noise has no sigma to draw, and this one has no learning curve",
				dir)
		}
		return figures, err
	}
	folder, err := store.View(dir)
	if err != nil {
		return nil, err
	}
	defer folder.Close()
	config, err := host(c).ReadConfig(folder)
	if err != nil {
		return nil, err
	}
	epochs, err := folder.Metrics()
	if err != nil {
		return nil, err
	}
	if len(epochs) == 0 {
		return nil, fmt.Errorf("quantal: %s: no epoch has been finished yet: nothing to draw", dir)
	}
	if config.Noise == store.WithoutNoise {
		logger(c).Info("a network without noise has no sigma to draw")
	}
	checkpoint, err := host(c).LastCheckpoint(folder)
	if err != nil {
		return nil, fmt.Errorf("quantal: %s: %w", dir, err)
	}
	return tables.Trained{Epochs: epochs, Checkpoint: checkpoint, SigmaInit: config.SigmaInit}.Figures()
}
