package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"quantal/grid"
	"quantal/internal/setting"
	"quantal/mnist"
	"quantal/train"
)

func trainCommand() *cli.Command {
	return &cli.Command{
		Name:  "train",
		Usage: "train a network and keep its results in a run folder",
		UsageText: "quantal train [options]\n" +
			"quantal train --preset quick --out runs/a\n" +
			"quantal train --resume runs/a",
		Flags: append(trainingFlags(),
			&cli.StringFlag{Name: "preset", Value: "published",
				Usage: "where the defaults come from: " + strings.Join(presets(), ", ")},
			&cli.StringFlag{Name: "config",
				Usage: "read settings from a TOML `FILE` with the flags' names as keys; flags override it"},
			&cli.StringFlag{Name: "out", Usage: "run `FOLDER`", DefaultText: "named after the settings, in runs/"},
			&cli.StringFlag{Name: "resume", Usage: "continue the run in `FOLDER` from its last checkpoint"},
			httpFlag(), tokenFlag(),
			jsonFlag(),
		),
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return usage("train: want flags only, got %q", c.Args().First())
			}
			if c.IsSet("resume") {
				return resumeRun(c)
			}
			config, err := resolve(c)
			if err != nil {
				return err
			}
			screen, err := openDisplay(c)
			if err != nil {
				return err
			}
			defer screen.close()
			set, err := host(c).OpenData(c.Context, config)
			if err != nil {
				return err
			}
			if config.Data, err = mnist.FullName(config.Data); err != nil {
				return err
			}
			dir := c.String("out")
			if dir == "" {
				if dir, err = defaultFolder(config, set); err != nil {
					return err
				}
			}
			screen.show(dir)
			summary, err := startRun(c, config, set, dir)
			if err != nil {
				return err
			}
			return printOutcome(c, summary)
		},
	}
}

// defaultFolder names a run after its settings: those that a comparison varies, and others that differ from the preset
// published.
func defaultFolder(config train.Config, set *mnist.Set) (string, error) {
	name := fmt.Sprintf("%s-%s-rho%s-c%s-seed%d", set.Name, config.Noise,
		strings.ReplaceAll(config.Rho.String(), "/", "_"), config.CText(), config.Seed)
	published, err := train.Preset("published")
	if err != nil {
		return "", err
	}
	for _, difference := range config.Differences(published) {
		if !difference.Place && !difference.Varied {
			name += "-" + difference.Name + difference.Text()
		}
	}
	return filepath.Join("runs", name), nil
}

// startRun trains from the beginning in a new folder.
func startRun(c *cli.Context, config train.Config, set *mnist.Set, dir string) (train.Summary, error) {
	run, err := host(c).Begin(c.Context, dir, set, config)
	if err != nil {
		return train.Summary{}, err
	}
	defer run.Close()
	return finish(c, run)
}

// host is what package train needs from this program.
func host(c *cli.Context) train.Host {
	return train.Host{Data: mnist.Options{Progress: downloadProgress(c)}, Log: logger(c)}
}

// resumeRun continues a run from its last valid checkpoint.
func resumeRun(c *cli.Context) error {
	settings := new(train.Config).Settings()
	resumable := slices.DeleteFunc(slices.Clone(settings), func(s setting.Setting) bool { return !s.Continue })
	for _, s := range settings {
		if c.IsSet(s.Name) && !s.Continue {
			return usage("--%s cannot change when a run is resumed: only %s can", s.Name,
				strings.Join(resumable.Names(), ", "))
		}
	}
	for _, name := range []string{"out", "preset", "config"} {
		if c.IsSet(name) {
			return usage("--%s cannot be combined with --resume: the settings are those of the run folder", name)
		}
	}
	screen, err := openDisplay(c)
	if err != nil {
		return err
	}
	defer screen.close()
	screen.show(c.String("resume"))
	run, err := host(c).Continue(c.Context, c.String("resume"), func(config *train.Config) error {
		return changeSettings(c, config)
	})
	if err != nil {
		return err
	}
	defer run.Close()
	summary, err := finish(c, run)
	if err != nil {
		return err
	}
	return printOutcome(c, summary)
}

// changeSettings overrides the settings of an existing network with the flags.
func changeSettings(c *cli.Context, config *train.Config) error {
	if err := applyFlags(c, config.Settings()); err != nil {
		return err
	}
	return check(*config)
}

// finish trains to the end, and reports what a user should know about the result.
func finish(c *cli.Context, run *train.Kept) (train.Summary, error) {
	config := run.Networks[0]
	if !c.IsSet("threads") { // then it has been reported
		warnThreads(c, config.Threads)
	}
	watch := newWatcher(c)
	summary, err := run.Finish(c.Context, watch.events())
	watch.close()
	switch dir := run.Folder.Path(""); {
	case errors.Is(err, train.ErrInterrupted):
		err = fmt.Errorf("%w at step %d of %d; to continue: quantal train --resume %s", err, run.Step(), run.Steps(), dir)
	case errors.Is(err, context.Canceled):
		err = fmt.Errorf("interrupted while measuring the trained network: quantal train --resume %s: %w", dir, err)
	}
	if err != nil {
		return summary, err
	}
	unsettled, err := grid.UnsettledRun(run, summary)
	warnUnsettled(c, unsettled)
	return summary, err
}

// warnUnsettled logs the sentence that says that sigma has not settled, if there is one.
func warnUnsettled(c *cli.Context, sentence string) {
	if sentence != "" {
		logger(c).Warn(sentence)
	}
}

// printOutcome prints the results of a run, for a person or as JSON.
func printOutcome(c *cli.Context, summary train.Summary) error {
	if c.Bool("json") {
		return printJSON(c, summary)
	}
	return printSummary(c.App.Writer, summary)
}

func megabytes(bytes int64) string { return fmt.Sprintf("%.0f MB", float64(bytes)/1e6) }

func sizes(s []int) string { return strings.Trim(strings.ReplaceAll(fmt.Sprint(s), " ", "-"), "[]") }
