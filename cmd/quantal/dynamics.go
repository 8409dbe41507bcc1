package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"quantal/dynamics"
	"quantal/dynamics/assemblies"
	"quantal/dynamics/balance"
	"quantal/dynamics/drift"
	"quantal/dynamics/explore"
	"quantal/dynamics/reward"
	"quantal/dynamics/sampling"
	"quantal/dynamics/spines"
	"quantal/dynamics/tolerance"
	"quantal/internal/setting"
	"quantal/train"
)

// experiments are the subcommands of dynamics.
func experiments() []dynamics.Experiment {
	return []dynamics.Experiment{
		spines.Experiment(),
		sampling.Experiment(),
		drift.Experiment(),
		tolerance.Experiment(),
		assemblies.Experiment(),
		explore.Experiment(),
		balance.Experiment(),
		reward.Experiment(),
	}
}

func dynamicsCommand() *cli.Command {
	var commands []*cli.Command
	for _, e := range experiments() {
		commands = append(commands, dynamicsExperiment(e))
	}
	return &cli.Command{
		Name:      "dynamics",
		Usage:     "synapses that change by themselves: the models of Shimizu, Yoshida, Kasai and Toyoizumi 2021",
		UsageText: "quantal dynamics EXPERIMENT [--out FOLDER] [--quick] [--json]",
		Description: "Each experiment leaves a run folder: config.toml, which repeats it with --config,\n" +
			"environment.json, summary.json, table.csv, and figures with captions and numbers. After\n" +
			"an interruption the same command continues from what it holds.\n\n" +
			"Experiments that start from a trained network take several, by --seeds 1-10, which trains\n" +
			"them, or as run folders, GRID/ID, or GRID for all in it. Each network has a folder in that\n" +
			"of the experiment; table.csv has the rows of all, means.csv means with intervals over\n" +
			"networks, also of differences within a network.",
		Subcommands: commands,
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return noCommand("experiment", c.Args().First(), "quantal dynamics --help", c.Command.Subcommands)
			}
			return cli.ShowSubcommandHelp(c)
		},
	}
}

// dynamicsExperiment is the command of an experiment. Its flags are those of the default configuration.
func dynamicsExperiment(e dynamics.Experiment) *cli.Command {
	command := &cli.Command{Name: e.Name, Usage: e.Usage, UsageText: e.UsageText, Description: e.Description}
	setup, err := e.Setup()
	if err != nil {
		command.Action = func(*cli.Context) error { return err }
		return command
	}
	small, err := e.Setup()
	if err == nil {
		err = small.Settle(train.Host{}, true)
	}
	if err != nil {
		command.Action = func(*cli.Context) error { return err }
		return command
	}
	for i, s := range setup.Settings {
		if s.FlagName() == "" {
			continue
		}
		if quick := small.Settings[i].Default(); quick != s.Default() {
			s.Unset, s.Write = s.Default()+"; "+quick+" with --quick", func() string { return "" }
		}
		command.Flags = append(command.Flags, settingFlag(s))
	}
	if e.Variant != nil {
		flags, err := variantFlags(e, setup.Settings)
		if err != nil {
			command.Action = func(*cli.Context) error { return err }
			return command
		}
		command.Flags = append(command.Flags, flags...)
	}
	command.Flags = append(command.Flags,
		&cli.StringFlag{Name: "config",
			Usage: "read the configuration from a TOML `FILE`, such as config.toml of a run folder; flags override it"},
		&cli.StringFlag{Name: "out", Usage: "run `FOLDER`",
			DefaultText: "runs/ and the experiment's name, with a number if that is taken"},
		&cli.BoolFlag{Name: "quick", Usage: "a small version, under a minute"},
		jsonFlag())
	command.Action = func(c *cli.Context) error {
		setup, err := chosen(c, e)
		if err != nil {
			return err
		}
		if err := configure(c, setup); err != nil {
			return err
		}
		return makeExperiment(c, setup)
	}
	return command
}

// variantFlags are the flag that chooses a variant and the flags of its settings that the experiment does not have.
func variantFlags(e dynamics.Experiment, settings setting.List) ([]cli.Flag, error) {
	v := e.Variant
	setup, err := v.Experiment.Setup()
	if err != nil {
		return nil, err
	}
	var others []cli.Flag
	var different []string
	for _, s := range setup.Settings {
		if s.FlagName() == "" {
			continue
		}
		if here, err := settings.Find(s.Name); err != nil {
			s.Help = "with --" + v.Flag + ": " + s.Help
			others = append(others, settingFlag(s))
		} else if here.Default() != s.Default() {
			different = append(different, s.Name+" "+s.Default())
		}
	}
	usage := v.Usage + "; then the defaults are " + strings.Join(different, ", ")
	return append([]cli.Flag{&cli.BoolFlag{Name: v.Flag, Usage: usage}}, others...), nil
}

// chosen is the experiment or its variant: the one whose flag is given, or whose settings the file of --config has.
func chosen(c *cli.Context, e dynamics.Experiment) (*dynamics.Setup, error) {
	setup, err := e.Setup()
	if err != nil || e.Variant == nil {
		return setup, err
	}
	variant, err := e.Variant.Experiment.Setup()
	if err != nil {
		return nil, err
	}
	other, which := variant, "with"
	path := c.String("config")
	if c.Bool(e.Variant.Flag) || path != "" && setup.ReadFile(path) != nil && variant.ReadFile(path) == nil {
		setup, other, which = variant, setup, "without"
	}
	for _, s := range other.Settings {
		if name := s.FlagName(); name != "" && c.IsSet(name) {
			if _, err := setup.Settings.Find(s.Name); err != nil {
				return nil, usage("--%s: is only %s --%s", name, which, e.Variant.Flag)
			}
		}
	}
	// What has been read is read again, onto the defaults.
	if setup == variant {
		return e.Variant.Experiment.Setup()
	}
	return e.Setup()
}

// configure assembles the configuration: defaults, overridden by the file, both overridden by the argument and the
// flags.
func configure(c *cli.Context, s *dynamics.Setup) error {
	if s.Start == nil && c.Args().Present() {
		return usage("%s: want flags only, got %q", s.Name, c.Args().First())
	}
	if path := c.String("config"); path != "" {
		if err := s.ReadFile(path); err != nil {
			return &usageError{err}
		}
	}
	if err := s.Settle(host(c), c.Bool("quick"), c.Args().Slice()...); err != nil {
		return err
	}
	if err := applyFlags(c, s.Settings); err != nil {
		return err
	}
	return checked(c, s)
}

// checked returns an error if a configuration cannot be used. It begins with the name of the setting, and says whether
// it is from the file of --config or from a flag.
func checked(c *cli.Context, config interface{ Check() error }) error {
	err := config.Check()
	if err == nil {
		return nil
	}
	name, _, _ := strings.Cut(err.Error(), " ")
	if path := c.String("config"); path != "" && !c.IsSet(name) {
		return usage("quantal: %s: %w", path, err)
	}
	return usage("--%w", err)
}

// makeExperiment makes an experiment in its run folder, shows its progress, and prints its findings.
func makeExperiment(c *cli.Context, s *dynamics.Setup) error {
	dir := c.String("out")
	if dir == "" {
		dir = s.FreeFolder()
	}
	bar, told := newBar(c.App.ErrWriter), time.Now()
	result, err := s.Make(c.Context, host(c), dir, dynamics.Watch{
		Progress: func(done float64, what string) {
			if bar == nil && time.Since(told) >= quiet {
				told = time.Now()
				fmt.Fprintf(printable{c.App.ErrWriter}, "%.0f %%  %s\n", 100*done, what)
			}
			bar.show(done, -1, what)
		},
		Training: func() (train.Events, func()) {
			watch := newWatcher(c)
			return watch.events(), watch.close
		},
	})
	bar.close()
	if err != nil {
		if errors.Is(err, context.Canceled) || errors.Is(err, train.ErrInterrupted) {
			err = fmt.Errorf("interrupted; the same command continues from what %s holds: %w", dir, err)
		}
		return err
	}
	var pictures []string
	for _, f := range result.Files {
		if filepath.Ext(f) == ".png" {
			pictures = append(pictures, f)
		}
	}
	if len(pictures) > 0 {
		logger(c).Info("drawn", "figures", strings.Join(pictures, ", "))
	}
	if c.Bool("json") {
		return printJSON(c, result.Summary)
	}
	if err := result.Print(c.App.Writer); err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.App.Writer, "run folder  %s\n", dir)
	return err
}
