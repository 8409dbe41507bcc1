package main

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/urfave/cli/v2"

	"quantal/analysis"
	"quantal/grid"
	"quantal/mnist"
	"quantal/results/draw"
)

// trainQuick trains the small grids in folders within dir, or their missing points, and names the folders.
func trainQuick(c *cli.Context, dir string) ([]string, error) {
	set, err := demoData(c)
	if err != nil {
		return nil, err
	}
	name := set.Name
	if c.IsSet("data") {
		if name, err = mnist.FullName(c.String("data")); err != nil {
			return nil, err
		}
	}
	grids, err := analysis.QuickGrids(set, name, c.Uint64("seed"))
	if err != nil {
		return nil, err
	}
	var folders []string
	for _, g := range grids {
		at := filepath.Join(dir, g.Name)
		if err := trainPoints(c, at, set, g.Points); err != nil {
			return nil, fmt.Errorf("quantal: %s: %w", at, err)
		}
		folders = append(folders, at)
	}
	return folders, nil
}

// splitPaperArguments separates folders of networks from files of measurements.
func splitPaperArguments(args []string) (folders, files []string) {
	for _, a := range args {
		if info, err := os.Stat(a); err == nil && info.IsDir() {
			folders = append(folders, a)
		} else {
			files = append(files, a)
		}
	}
	return folders, files
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
		return usage("figures: --out cannot be combined with --paper, which names the folder")
	}
	folders, measurements := splitPaperArguments(c.Args().Slice())
	paper := analysis.Paper{Seed: c.Uint64("seed"), Quick: c.Bool("quick")}
	var err error
	if paper.Experiment, err = readExperiment(c, measurements); err != nil {
		return err
	}
	if paper.Quick && len(folders) == 0 {
		if folders, err = trainQuick(c, filepath.Join(c.String("paper"), "networks")); err != nil {
			return err
		}
	}
	bar := newBar(c.App.ErrWriter)
	err = paper.ReadNetworks(c.Context, folders, reading(c), bar.gradients)
	bar.close()
	if err != nil {
		return err
	}
	leftOut := map[string]string{}
	files, err := paper.Draw(c.Context, c.String("paper"), func(f draw.Illustration, picture string) {
		if !c.Bool("json") {
			fmt.Fprintf(c.App.Writer, "%s\t%s\n", picture, f.Title)
		}
	}, func(f analysis.PaperFigure) {
		leftOut[f.Name] = f.Needs
		fmt.Fprintf(printable{c.App.ErrWriter}, "%s: left out: %s\n", f.Name, f.Needs)
	})
	if err != nil || !c.Bool("json") {
		return err
	}
	return printJSON(c, map[string]any{"files": files, "left_out": leftOut})
}

// checkpointInterval is the time between checkpoints of networks that a command trains for other work.
const checkpointInterval = 5 * time.Minute

// trainPoints trains the missing ones of some points in the folder of a grid.
func trainPoints(c *cli.Context, dir string, set *mnist.Set, points []grid.Point) error {
	folder, err := grid.Open(dir)
	if err != nil {
		return err
	}
	defer folder.Close()
	o := workOptions{Options: grid.Options{Interval: checkpointInterval}, device: "auto"}
	if err := enterGrid(c, folder, set, &o); err != nil {
		return err
	}
	if _, err := folder.Extend(commandLine(), points); err != nil {
		return err
	}
	watch := newGridWatcher(c, folder.Points())
	defer watch.close()
	return folder.Run(c.Context, set, points, o.Options, watch.events(c))
}
