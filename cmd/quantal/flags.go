package main

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"quantal/kernels"
	"quantal/results/store"
	"quantal/train"
)

// trainingFlags are the flags that decide what a run computes, without those that a command has in its own way. Their
// defaults are the published preset's.
func trainingFlags(without ...string) []cli.Flag {
	text := func(name, value, usage string, aliases ...string) cli.Flag {
		return &cli.StringFlag{Name: name, DefaultText: value, Usage: usage, Aliases: aliases}
	}
	flags := []cli.Flag{
		text("data", "MNIST from the cache",
			"data set: mnist (downloaded if need be), glyphs (built in), or a `FOLDER` of IDX files"),
		text("hidden", "100,100", "units of each hidden layer, `N,N,...`, or none"),
		text("noise", "heterogeneous", "who shares a sigma: "+strings.Join(train.Noises(), ", ")),
		text("rho", "2",
			"exponent of the reliability cost: a number, a fraction, calcium (1/2), membrane (2/3), actin (4/3), "+
				"trafficking (2) or entropic"),
		text("c", "0.1", "multiplier of the reliability cost"),
		text("lambda", "0.01", "multiplier of the magnitude cost"),
		text("epochs", "50", "passes through the training set"),
		text("batch", "20", "examples per minibatch, which share one draw of the weights"),
		text("rule", "adam",
			"how parameters follow their gradients: adam, sgd, or momentum (0.9; v = 0.9 v + g, mu -= lr v)"),
		text("lr", "1e-4", "learning rate"),
		text("mu-init", "0.1", "initial means are uniform within plus or minus this"),
		text("sigma-init", "1e-4", "initial standard deviation of every synapse"),
		text("seed", "1", "seed of everything random"),
		text("validation", "0", "training examples to hold out"),
		text("normalise", "mnist; auto for a FOLDER that is not MNIST",
			"what makes inputs of pixels: mnist (less 0.1307, over 0.3081), auto (mean and SD of the "+
				"training examples, without those held out), none (0 to 1), or `MEAN,SD`"),
		text("classes", "the largest label plus one", "number of classes, where the labels do not show it"),
		text("draws", "20", "draws of the weights for the predictive figures at the end"),
		text("device", "auto", "auto, cpu, cuda or cuda:N"),
		text("threads", "all processors", "threads on the CPU, at most 4 for each processor"),
		text("checkpoint-every", "1", "epochs between checkpoints"),
	}
	return slices.DeleteFunc(flags, func(f cli.Flag) bool { return slices.Contains(without, f.Names()[0]) })
}

// devicesUsage is of the flag --device where networks spread over several.
const devicesUsage = "auto, cpu, cuda (all GPUs), cuda:N or cuda:N,N"

// applyFlags overrides a configuration with the flags that were given.
func applyFlags(c *cli.Context, config *train.Config) error {
	for _, name := range train.SettingNames() {
		if !c.IsSet(name) {
			continue
		}
		if err := config.Set(name, c.String(name)); err != nil {
			return usage("--%s %q: %w", name, c.String(name), err)
		}
	}
	return nil
}

// sayThreads says when --threads asks for more than will work.
func sayThreads(c *cli.Context) error {
	if asked, err := strconv.Atoi(fmt.Sprint(c.Value("threads"))); err == nil && c.IsSet("threads") {
		warnThreads(c, asked)
	}
	return nil
}

func warnThreads(c *cli.Context, asked int) {
	if working := kernels.Threads(asked); working < asked {
		logger(c).Warn("fewer threads work than were asked for: a few for each processor", "asked", asked, "working", working,
			"processors", runtime.GOMAXPROCS(0))
	}
}

// resolve puts a configuration together: the preset, the configuration file on top, the flags on top of both.
func resolve(c *cli.Context) (train.Config, error) {
	preset := c.String("preset")
	config, err := train.Preset(preset)
	if err != nil {
		return config, usage("--%w", err)
	}
	if path := c.String("config"); path != "" {
		if err := store.ReadConfigFile(path, &config); err != nil {
			return config, &usageError{err}
		}
		if config.Normalise == "" && store.IsRunConfig(path) {
			config.Normalise = "mnist" // the run that it is to repeat had no other
		}
	}
	if err := applyFlags(c, &config); err != nil {
		return config, err
	}
	return checked(c, config)
}

func check(config train.Config) error {
	if err := config.Check(); err != nil {
		var device *train.DeviceError
		if errors.As(err, &device) {
			return err
		}
		return usage("--%w", err)
	}
	return nil
}
