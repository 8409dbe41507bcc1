package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"quantal/internal/memory"
	"quantal/mnist"
	"quantal/results/store"
	"quantal/results/tables"
	"quantal/train"
)

func trainCommand() *cli.Command {
	return &cli.Command{
		Name:  "train",
		Usage: "train a network and keep what came out in a run folder",
		UsageText: "quantal train [options]\n" +
			"quantal train --preset quick --out runs/a\n" +
			"quantal train --resume runs/a",
		Flags: append(trainingFlags(),
			&cli.StringFlag{Name: "preset", Value: "published",
				Usage: "where the defaults come from: published, quick (3 epochs, lr 1e-3, sigma-init 0.02, c 0.01), or text " +
					"(lr 5e-4, lambda 1e-4)"},
			&cli.StringFlag{Name: "config",
				Usage: "read settings from a TOML `FILE` with the flags' names as keys; flags override it"},
			&cli.StringFlag{Name: "out", Usage: "run `FOLDER`", DefaultText: "named after the settings, in runs/"},
			&cli.StringFlag{Name: "resume", Usage: "continue the run in `FOLDER` from its last checkpoint"},
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
			set, err := openData(c, config.Data, config.Classes)
			if err != nil {
				return err
			}
			if config.Data, err = dataName(config.Data); err != nil {
				return err
			}
			dir := c.String("out")
			if dir == "" {
				if dir, err = defaultFolder(config, set); err != nil {
					return err
				}
			}
			summary, err := startRun(c, config, set, dir)
			if err != nil {
				return err
			}
			return printOutcome(c, summary)
		},
	}
}

// defaultFolder names a run after its settings: those that a comparison varies, and what else is not as in the preset
// published.
func defaultFolder(config train.Config, set *mnist.Set) (string, error) {
	name := fmt.Sprintf("%s-%s-rho%s-c%g-seed%d", set.Name, config.Noise,
		strings.ReplaceAll(config.Rho.String(), "/", "_"), config.C, config.Seed)
	published, err := train.Preset("published")
	if err != nil {
		return "", err
	}
	for _, difference := range config.Differences(published) {
		if !slices.Contains([]string{"data", "noise", "rho", "c", "seed", "device", "threads", "checkpoint-every"},
			difference.Name) {
			name += "-" + difference.Name + difference.Value
		}
	}
	return filepath.Join("runs", name), nil
}

// openData opens a data set and says what a person should know about it.
func openData(c *cli.Context, name string, classes int) (*mnist.Set, error) {
	set, err := mnist.Open(c.Context, name, mnist.Options{Classes: classes, Progress: downloadProgress(c)})
	if err != nil {
		return nil, err
	}
	logger(c).Debug("data read", "name", set.Name, "from", set.Source, "training", set.Train.N(), "test", set.Test.N(),
		"pixels", fmt.Sprintf("%dx%d", set.Rows, set.Columns), "classes", set.Classes)
	if !set.Known {
		logger(c).Info("no checksum is known for this data set: taken as it is", "data", set.Source)
	}
	if training, test := set.Absent(); len(training)+len(test) > 0 {
		logger(c).Warn("labels that never occur: the network has an output for each, whose synapses are paid for",
			"classes", set.Classes, "never_in_training", listLabels(training), "never_in_test", listLabels(test))
	}
	return set, nil
}

// startRun trains from the beginning in a new folder.
func startRun(c *cli.Context, config train.Config, set *mnist.Set, dir string) (train.Summary, error) {
	config.SettleNormalise(set)
	run, err := newRun(c, config, set)
	if err != nil {
		return train.Summary{}, err
	}
	defer run.Close()
	folder, err := store.Create(dir)
	if err != nil {
		return train.Summary{}, err
	}
	defer folder.Close()
	if err := folder.WriteConfig(run.Networks[0]); err != nil {
		return train.Summary{}, err
	}
	if err := folder.WriteEnvironment(environment(run, set)); err != nil {
		return train.Summary{}, err
	}
	return finish(c, run, folder)
}

// newRun tells mistakes in the settings, which only the data set brings to light, from failures.
func newRun(c *cli.Context, config train.Config, set *mnist.Set) (*train.Run, error) {
	run, err := train.Prepare(c.Context, func() (*train.Run, error) { return train.New(set, config) })
	if err != nil {
		var device *train.DeviceError
		var short *memory.Error
		var data *mnist.DataError
		if errors.As(err, &device) || errors.As(err, &short) || errors.As(err, &data) ||
			errors.Is(err, train.ErrInterrupted) {
			return nil, err
		}
		return nil, &usageError{err}
	}
	return run, nil
}

func environment(run *train.Run, set *mnist.Set) store.Environment {
	e := store.ReadEnvironmentHere(version)
	e.Kernels, e.Device = run.Device.Kernels, run.Device.Name
	e.Data, e.DataSource, e.DataSHA256 = set.Name, set.Source, set.SHA256
	return e
}

// resumable are the flags that may change when a run is continued.
var resumable = []string{"data", "epochs", "draws", "device", "threads", "checkpoint-every"}

// resumeRun continues a run from its last good checkpoint.
func resumeRun(c *cli.Context) error {
	for _, name := range train.SettingNames() {
		if c.IsSet(name) && !slices.Contains(resumable, name) {
			return usage("--%s cannot change when a run is resumed: only %s can", name, strings.Join(resumable, ", "))
		}
	}
	for _, name := range []string{"out", "preset", "config"} {
		if c.IsSet(name) {
			return usage("--%s does not go with --resume: the settings are those of the run folder", name)
		}
	}
	folder, err := existing(store.Open(c.String("resume")))
	if err != nil {
		return err
	}
	defer folder.Close()
	run, err := reopen(c, folder)
	if err != nil {
		return err
	}
	defer run.Close()
	if err := restore(c, run, folder); err != nil {
		return err
	}
	if err := folder.WriteConfig(run.Networks[0]); err != nil {
		return err
	}
	if _, err := folder.ReadEnvironment(); errors.Is(err, fs.ErrNotExist) {
		if err := folder.WriteEnvironment(environment(run, run.Set)); err != nil {
			return err
		}
	}
	summary, err := finish(c, run, folder)
	if err != nil {
		return err
	}
	return printOutcome(c, summary)
}

// reopen prepares the run of a folder, at its beginning, with the flags that override its configuration.
func reopen(c *cli.Context, folder *store.Folder) (*train.Run, error) {
	config, err := runConfig(c, folder)
	if err != nil {
		return nil, err
	}
	if err := applyFlags(c, &config); err != nil {
		return nil, err
	}
	if err := check(config); err != nil {
		return nil, err
	}
	set, err := openRunData(c, folder, config.Data, config.Classes)
	if err != nil {
		return nil, err
	}
	if config.Data, err = dataName(config.Data); err != nil {
		return nil, err
	}
	return newRun(c, config, set)
}

// openRunData opens the data set of an existing run and makes sure that it is the same one.
func openRunData(c *cli.Context, folder *store.Folder, name string, classes int) (*mnist.Set, error) {
	set, err := openData(c, name, classes)
	if err != nil {
		return nil, err
	}
	e, err := folder.ReadEnvironment()
	if errors.Is(err, fs.ErrNotExist) { // the process that began the run was killed before it wrote that
		logger(c).Warn("the run does not say what its data set was: taken as it is", "missing",
			folder.Path("environment.json"), "data", set.Source)
		return set, nil
	}
	if err != nil {
		return nil, err
	}
	if !maps.Equal(e.DataSHA256, set.SHA256) {
		return nil, &mnist.DataError{File: set.Source, Reason: "its checksums are not those of the data set that " +
			folder.Path("") + " was trained on"}
	}
	return set, nil
}

// missingError says that there is no run where the user said there was one.
type missingError struct{ err error }

func (e *missingError) Error() string { return e.err.Error() }
func (e *missingError) Unwrap() error { return e.err }

// existing tells a run folder that is not there from one that cannot be opened.
func existing(folder *store.Folder, err error) (*store.Folder, error) {
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &missingError{err}
	}
	return folder, err
}

// viewRun opens the folder of a run to look at it, and reads its settings.
func viewRun(c *cli.Context, dir string) (*store.Folder, train.Config, error) {
	folder, err := existing(store.View(dir))
	if err != nil {
		return nil, train.Config{}, err
	}
	config, err := runConfig(c, folder)
	if err != nil {
		return nil, config, errors.Join(err, folder.Close())
	}
	return folder, config, nil
}

// runConfig reads the settings of a run. One that is missing is said, and has the value that it had before it could be
// set.
func runConfig(c *cli.Context, folder *store.Folder) (train.Config, error) {
	config := train.Before()
	missing, err := folder.ReadConfig(&config)
	if err != nil {
		return config, err
	}
	if len(missing) > 0 {
		logger(c).Info("a setting that the run does not have is as it was before it could be set", "run", folder.Path(""),
			"settings", strings.Join(missing, ","))
	}
	if err := config.Check(); err != nil {
		return config, &store.CorruptError{Path: folder.Path("config.toml"), Reason: err.Error()}
	}
	return config, nil
}

// timesAt is what a run had taken at a step. Nothing but a report depends on it.
func timesAt(c *cli.Context, folder *store.Folder, step int) store.Times {
	times, err := folder.Times(step)
	if err != nil {
		logger(c).Warn("what the run has taken so far is not known", "reason", err)
	}
	return times
}

// restore takes a run to its last good checkpoint, or leaves it at the beginning if it has none yet.
func restore(c *cli.Context, run *train.Run, folder *store.Folder) error {
	log := logger(c)
	checkpoint, skipped, err := folder.LastCheckpoint()
	warnSkipped(c, skipped, checkpoint)
	if errors.Is(err, store.ErrNoCheckpoint) {
		log.Info("no checkpoint yet: starting from the beginning")
		return cutMetrics(c, folder, 0)
	}
	if err != nil {
		return err
	}
	if e, err := folder.ReadEnvironment(); err == nil && e.Kernels != run.Device.Kernels {
		log.Warn("other kernels than before: the last bits may differ from an uninterrupted run", "before", e.Kernels, "now",
			run.Device.Kernels)
	}
	log.Info("resuming", "run", folder.Path(""), "step", checkpoint.Step, "of", run.Steps())
	if err := run.Resume(timesAt(c, folder, checkpoint.Step), checkpoint); err != nil {
		return fmt.Errorf("quantal: %s: %w", folder.Path(""), err)
	}
	return cutMetrics(c, folder, run.Measured())
}

// cutMetrics cuts the metrics of a run back to the epochs that its checkpoint has behind it.
func cutMetrics(c *cli.Context, folder *store.Folder, epochs int) error {
	damaged, err := folder.CutMetrics(epochs)
	for _, d := range damaged {
		logger(c).Warn("a line of the metrics is damaged, and cut out", "reason", d)
	}
	return err
}

// finish trains to the end, measures, and writes the summary.
func finish(c *cli.Context, run *train.Run, folder *store.Folder) (train.Summary, error) {
	log := logger(c)
	log.Info("training", "device", run.Device.Name, "why", run.Device.Reason, "kernels", run.Device.Kernels,
		"network", sizes(run.Spec.Sizes), "noise", run.Networks[0].Noise, "rho", run.Networks[0].Rho, "c", run.Networks[0].C,
		"run", folder.Path(""))
	if rule := run.Networks[0].NormaliseRule(); rule != "" {
		log.Info("pixels", "normalise", rule, "mean", run.Pixels.Mean, "sd", run.Pixels.SD)
	}
	if run.Device.MemoryFree > 0 {
		log.Info("GPU memory", "needed", megabytes(run.Memory()), "free", megabytes(run.Device.MemoryFree))
	}
	if !c.IsSet("threads") { // then it has been said
		warnThreads(c, run.Networks[0].Threads)
	}
	left := memory.Left()
	log.Debug("memory", "networks", megabytes(run.Memory()), "left", memory.Text(left.Bytes), "where", left.By)
	watch := newWatcher(c)
	err := run.Train(c.Context, train.Events{
		Progress: watch.progress,
		Epoch: func(_ int, e store.Epoch) error {
			watch.epoch(e)
			return folder.AppendMetrics(e)
		},
		Checkpoint: func(networks map[int]*store.Checkpoint) error {
			log.Debug("checkpoint", "step", networks[0].Step)
			if err := folder.KeepTimes(run.Step(), run.Times()); err != nil {
				return err
			}
			return folder.SaveCheckpoint(networks[0])
		},
	})
	watch.close()
	if errors.Is(err, train.ErrInterrupted) {
		return train.Summary{}, fmt.Errorf("%w at step %d of %d; to continue: quantal train --resume %s", err, run.Step(),
			run.Steps(), folder.Path(""))
	}
	if err != nil {
		return train.Summary{}, err
	}
	log.Info("measuring", "draws", run.Networks[0].Draws)
	summary, err := run.Summarise(c.Context, run.Networks[0].Draws)
	if err != nil {
		if errors.Is(err, context.Canceled) {
			err = fmt.Errorf("interrupted while measuring the trained network: quantal train --resume %s: %w", folder.Path(""),
				err)
		}
		return train.Summary{}, err
	}
	summary.RunFolder = folder.Path("")
	if err := folder.WriteSummary(summary); err != nil {
		return summary, err
	}
	config := run.Networks[0]
	if config.Noise == "none" {
		return summary, nil
	}
	epochs, err := folder.Metrics()
	travel := math.NaN() // only Adam bounds the way of sigma
	if config.Rule.String() == "adam" {
		travel = tables.SigmaTravel(config.SigmaInit, summary.SigmaRMS, config.LearningRate, summary.Steps)
	}
	warnUnsettled(c, tables.UnsettledRun(epochs, travel))
	return summary, err
}

// warnUnsettled passes on the sentence that says that sigma has not settled, if there is one.
func warnUnsettled(c *cli.Context, sentence string) {
	if sentence != "" {
		logger(c).Warn(sentence)
	}
}

// printOutcome prints what a run reached, for a person or as JSON.
func printOutcome(c *cli.Context, summary train.Summary) error {
	if c.Bool("json") {
		return printJSON(c, summary)
	}
	return printSummary(c.App.Writer, summary)
}

func megabytes(bytes int64) string { return fmt.Sprintf("%.0f MB", float64(bytes)/1e6) }

func sizes(s []int) string { return strings.Trim(strings.ReplaceAll(fmt.Sprint(s), " ", "-"), "[]") }
