package main

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"quantal/grid"
	"quantal/internal/nearest"
	"quantal/results/store"
	"quantal/results/tables"
	"quantal/train"
)

// finishedPoint is a network that a grid has finished, as GRID/ID names it.
type finishedPoint struct {
	path   string // as it was named
	grid   *grid.Folder
	config train.Config
	state  *store.Checkpoint
}

// readPoint reads the network that GRID/ID names, or the path of one of its files in GRID/points. It is nil if the path
// does not lie in the folder of a grid: then it is that of a run.
func readPoint(path string) (*finishedPoint, error) {
	dir, id := filepath.Split(filepath.Clean(path))
	dir = filepath.Clean(dir)
	for _, ending := range []string{".safetensors", ".json"} {
		id = strings.TrimSuffix(id, ending)
	}
	if !grid.Is(dir) {
		if filepath.Base(dir) != "points" || !grid.Is(filepath.Dir(dir)) {
			return nil, nil
		}
		dir = filepath.Dir(dir)
	}
	folder, err := viewGrid(dir)
	if err != nil {
		return nil, err
	}
	points := folder.Points()
	at := slices.IndexFunc(points, func(p grid.Point) bool { return p.ID == id })
	if at < 0 {
		var ids []string
		for _, p := range points {
			ids = append(ids, p.ID)
		}
		return nil, &missingError{fmt.Errorf("quantal: %s: the grid has no network %s: table.csv lists them%s", dir, id,
			nearest.Hint(id, ids))}
	}
	state, err := folder.Network(id)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &missingError{fmt.Errorf("quantal: %s: the network has not finished, or has diverged: quantal status %s",
			path, dir)}
	}
	if err != nil {
		return nil, err
	}
	return &finishedPoint{path, folder, points[at].Config, state}, nil
}

// eval tests the network.
func (p *finishedPoint) eval(c *cli.Context) error {
	if err := applyFlags(c, &p.config); err != nil {
		return err
	}
	if err := check(p.config); err != nil {
		return err
	}
	set, err := openData(c, p.config.Data, p.config.Classes)
	if err != nil {
		return err
	}
	if err := p.grid.CheckData(set); err != nil {
		return err
	}
	run, err := newRun(c, p.config, set)
	if err != nil {
		return err
	}
	defer run.Close()
	if err := run.Resume(store.Times{}, p.state); err != nil {
		return err
	}
	summary, err := run.Summarise(c.Context, p.config.Draws)
	if err != nil {
		return err
	}
	summary.RunFolder = p.path
	return printOutcome(c, summary)
}

// figures draws the network. A grid keeps no learning curves.
func (p *finishedPoint) figures(c *cli.Context) ([]tables.NamedFigure, error) {
	if p.config.Noise == "none" {
		return nil, fmt.Errorf("quantal: %s: a network without noise has no sigma to draw, and a grid keeps no learning curves",
			p.path)
	}
	logger(c).Info("a grid keeps no learning curves: only sigma is drawn")
	return sigmaFigure(p.state, p.config)
}

// sigmaFigure draws the standard deviations of a network.
func sigmaFigure(state *store.Checkpoint, config train.Config) ([]tables.NamedFigure, error) {
	sigma, err := tables.SigmaDistribution(state, config.SigmaInit)
	if err != nil {
		return nil, err
	}
	return []tables.NamedFigure{{Name: "sigma", Caption: "Distribution of sigma over the weights of each layer.",
		Figure: sigma}}, nil
}
