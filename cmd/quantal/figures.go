package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"quantal/results"
	"quantal/train"
)

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
