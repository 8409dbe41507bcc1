package main

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"quantal/internal/measured"
	"quantal/internal/setting"
	"quantal/kernels"
	"quantal/results/store"
	"quantal/train"
)

// settingFlags are the flags of settings, without those that a command defines itself. Their defaults are the values
// that the settings have.
func settingFlags(settings setting.List, without ...string) []cli.Flag {
	var flags []cli.Flag
	for _, s := range settings {
		if name := s.FlagName(); name != "" && !slices.Contains(without, name) {
			flags = append(flags, settingFlag(s))
		}
	}
	return flags
}

func settingFlag(s setting.Setting) cli.Flag {
	if s.Separator() != "" {
		return &cli.StringSliceFlag{Name: s.FlagName(), DefaultText: s.Default(), Usage: s.Help}
	}
	return &cli.StringFlag{Name: s.FlagName(), DefaultText: s.Default(), Usage: s.Help}
}

// trainingFlags are the flags that determine what a run computes, without those that a command defines itself. Their
// defaults are the published preset's.
func trainingFlags(without ...string) []cli.Flag {
	published, _ := train.Preset("published") // which there is
	return settingFlags(published.Settings(), without...)
}

// presets are the names of the presets, with what is not as in the first.
func presets() []string {
	list := train.Presets()
	published, _ := train.Preset(list[0]) // which there is, as the others
	for i, name := range list {
		preset, _ := train.Preset(name)
		var parts []string
		for _, s := range preset.Differences(published) {
			parts = append(parts, s.Name+" "+s.Text())
		}
		if len(parts) > 0 {
			list[i] += " (" + strings.Join(parts, ", ") + ")"
		}
	}
	return list
}

// devicesUsage is the usage of the flag --device if networks are spread over several devices.
const devicesUsage = "auto, cpu, cuda (all GPUs), cuda:N or cuda:N,N"

// oneOfBoth says why two settings are not given together.
const oneOfBoth = "want one of the two: the former says what the latter does, too"

// checkBeside refuses what is given beside what sets it too.
func checkBeside(settings setting.List, given func(name string) bool) error {
	for _, s := range settings {
		for _, other := range s.Sets {
			if given(s.Name) && given(other) {
				return usage("--%s and --%s: %s", s.Name, other, oneOfBoth)
			}
		}
	}
	return nil
}

// giveWay resets what sets the hidden layers in a file if they are given elsewhere.
func giveWay(settings setting.List, given func(name string) bool) error {
	for _, s := range settings {
		if len(s.Sets) > 0 && given(s.Sets[0]) {
			return s.Set(s.Before)
		}
	}
	return nil
}

// applyFlags overrides settings with the given flags.
func applyFlags(c *cli.Context, settings setting.List, without ...string) error {
	if err := errors.Join(checkBeside(settings, c.IsSet), giveWay(settings, c.IsSet)); err != nil {
		return err
	}
	for _, s := range settings {
		name := s.FlagName()
		if name == "" || !c.IsSet(name) || slices.Contains(without, name) {
			continue
		}
		text := c.String(name)
		if separator := s.Separator(); separator != "" {
			text = strings.Join(c.StringSlice(name), separator)
		}
		err := s.Set(text)
		var table *measured.Error // its file is named
		switch {
		case errors.As(err, &table):
			return err
		case err != nil && strings.HasPrefix(err.Error(), name+" "): // it names the wrong part of the text
			return usage("--%w", err)
		case err != nil:
			return usage("--%s %q: %w", name, text, err)
		}
	}
	return nil
}

// sayThreads says if --threads asks for more threads than will work.
func sayThreads(c *cli.Context) error {
	if asked, err := strconv.Atoi(fmt.Sprint(c.Value("threads"))); err == nil && c.IsSet("threads") {
		warnThreads(c, asked)
	}
	return nil
}

func warnThreads(c *cli.Context, asked int) {
	if working := kernels.Threads(asked); working < asked {
		logger(c).Warn("fewer threads work than requested: a few for each processor", "asked", asked, "working", working,
			"processors", runtime.GOMAXPROCS(0))
	}
}

// resolve assembles a configuration: the preset, overridden by the configuration file, both overridden by the flags.
func resolve(c *cli.Context) (train.Config, error) {
	preset := c.String("preset")
	config, err := train.Preset(preset)
	if err != nil {
		return config, usage("--%w", err)
	}
	if path := c.String("config"); path != "" {
		missing, err := store.ReadSettings(path, config.Settings())
		if err == nil && store.IsRunConfig(path) {
			err = missing.SetBefore() // the run that it is to repeat had no other
		}
		if err != nil {
			return config, &usageError{err}
		}
	}
	if err := applyFlags(c, config.Settings()); err != nil {
		return config, err
	}
	return config, checked(c, config)
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
