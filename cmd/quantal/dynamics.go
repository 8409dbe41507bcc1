package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"quantal/dynamics"
	"quantal/results/store"
	"quantal/train"
)

func dynamicsCommand() *cli.Command {
	return &cli.Command{
		Name:      "dynamics",
		Usage:     "synapses that change by themselves: the models of Shimizu, Yoshida, Kasai and Toyoizumi 2021",
		UsageText: "quantal dynamics EXPERIMENT [--out FOLDER] [--quick] [--json]",
		Description: "Each experiment leaves a run folder: config.toml, which repeats it with --config, environment.json, summary.json,\n" +
			"table.csv, and figures with captions and numbers. After an interruption the same command goes on from what it " +
			"holds.",
		Subcommands: []*cli.Command{
			spinesCommand(), samplingCommand(), driftCommand(), toleranceCommand(), assembliesCommand(), exploreCommand(),
		},
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return noCommand("experiment", c.Args().First(), "quantal dynamics --help", c.Command.Subcommands)
			}
			return cli.ShowSubcommandHelp(c)
		},
	}
}

// dynamicsFlags are those that every experiment of dynamics has.
func dynamicsFlags() []cli.Flag {
	return []cli.Flag{
		&cli.Uint64Flag{Name: "seed", Usage: "seed of everything random", DefaultText: "1"},
		&cli.IntFlag{Name: "threads", Usage: "threads", DefaultText: "all processors"},
		&cli.StringFlag{Name: "config",
			Usage: "read the configuration from a TOML `FILE`, such as config.toml of a run folder; flags override it"},
		&cli.StringFlag{Name: "out", Usage: "run `FOLDER`",
			DefaultText: "runs/ and the experiment's name, with a number if that is taken"},
		&cli.BoolFlag{Name: "quick", Usage: "a small version, under a minute"},
		jsonFlag(),
	}
}

// readConfig puts the file of --config on top of the defaults of an experiment, and makes it --quick.
func readConfig[Config interface{ Quick() Config }](c *cli.Context, config Config) (Config, error) {
	if path := c.String("config"); path != "" {
		if err := store.ReadConfigFile(path, &config); err != nil {
			return config, &usageError{err}
		}
	}
	if c.Bool("quick") {
		config = config.Quick()
	}
	return config, nil
}

// numberFlag is a flag and where its numbers go: to a *int, a *store.Seed, a *float64, or, separated by commas, to a
// *[]int, a *[]float64, or the places of a []*float64.
type numberFlag struct {
	name string
	to   any
}

// readNumbers reads the flags that are set.
func readNumbers(c *cli.Context, flags ...numberFlag) error {
	for _, f := range flags {
		if !c.IsSet(f.name) {
			continue
		}
		if err := f.read(c.String(f.name)); err != nil {
			return usage("--%s %q: %w", f.name, c.String(f.name), err)
		}
	}
	return nil
}

func (f numberFlag) read(text string) (err error) {
	parts := strings.Split(text, ",")
	switch to := f.to.(type) {
	case *int:
		*to, err = whole(text)
	case *store.Seed:
		err = to.Set(text)
	case *float64:
		*to, err = number(text)
	case *[]int:
		*to, err = list(parts, whole)
	case *[]float64:
		*to, err = list(parts, number)
	case []*float64:
		if len(parts) != len(to) {
			return fmt.Errorf("want %d numbers, separated by commas", len(to))
		}
		var values []float64
		if values, err = list(parts, number); err != nil {
			return err
		}
		for i, v := range values {
			*to[i] = v
		}
	}
	return err
}

func list[T any](parts []string, read func(string) (T, error)) ([]T, error) {
	var values []T
	for _, p := range parts {
		v, err := read(p)
		if err != nil {
			return nil, err
		}
		values = append(values, v)
	}
	return values, nil
}

func number(text string) (float64, error) {
	v, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	if err != nil {
		return 0, fmt.Errorf("want a number, got %q", text)
	}
	return v, nil
}

func whole(text string) (int, error) {
	n, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil {
		return 0, fmt.Errorf("want a whole number, got %q", text)
	}
	return n, nil
}

// checked returns a configuration, unless it cannot be used. The error, which begins with the name of the setting, says
// whether that is in the file of --config or was given as a flag.
func checked[Config interface{ Check() error }](c *cli.Context, config Config) (Config, error) {
	err := config.Check()
	if err == nil {
		return config, nil
	}
	name, _, _ := strings.Cut(err.Error(), " ")
	if path := c.String("config"); path != "" && !c.IsSet(name) {
		return config, usage("quantal: %s: %w", path, err)
	}
	return config, usage("--%w", err)
}

// experimentFolder is the run folder of an experiment: without --out the first of runs/NAME, runs/NAME-2, ... that
// holds no finished one, or is that of an earlier call of this function.
func experimentFolder(c *cli.Context) (string, error) {
	if c.String("out") == "" {
		dir := filepath.Join("runs", c.Command.Name)
		for n := 2; store.Finished(dir); n++ {
			dir = filepath.Join("runs", fmt.Sprintf("%s-%d", c.Command.Name, n))
		}
		if err := c.Set("out", dir); err != nil {
			return "", err
		}
	}
	return c.String("out"), nil
}

// runExperiment makes an experiment in a new run folder: it writes the configuration and the environment, shows how far
// the experiment is, and saves and prints what it finds. The name is the subcommand's; device and kernels are what it
// will run on.
func runExperiment[Summary, Row any](c *cli.Context, device, kernels string, config any,
	run func(context.Context, dynamics.Job) (dynamics.Findings[Summary, Row], error),
	print func(io.Writer, dynamics.Findings[Summary, Row]) error) error {
	dir, err := experimentFolder(c)
	if err != nil {
		return err
	}
	folder, err := store.CreateExperiment(dir)
	if err != nil {
		return err
	}
	defer folder.Close()
	if err := folder.WriteConfig(config); err != nil {
		return err
	}
	environment := store.ReadEnvironmentHere()
	environment.Device, environment.Kernels = device, kernels
	if err := folder.WriteEnvironment(environment); err != nil {
		return err
	}
	owner, err := partsOwner(folder, kernels)
	if err != nil {
		return err
	}
	parts, dropped, err := dynamics.OpenParts(dir, owner)
	if err != nil {
		return err
	}
	if dropped {
		logger(c).Warn("what was kept in the folder is of other settings, kernels or version: starting from the beginning",
			"folder", dir)
	}
	watch := newExperimentWatcher(c)
	findings, err := run(c.Context, dynamics.Job{Progress: watch.progress, Parts: parts})
	watch.close()
	if err != nil {
		if errors.Is(err, context.Canceled) || errors.Is(err, train.ErrInterrupted) {
			err = fmt.Errorf("interrupted; the same command goes on from what %s holds: %w", dir, err)
		}
		return err
	}
	files, err := findings.Save(folder)
	if err != nil {
		return err
	}
	if err := parts.Remove(); err != nil {
		return err
	}
	var pictures []string
	for _, f := range files {
		if filepath.Ext(f) == ".png" {
			pictures = append(pictures, f)
		}
	}
	logger(c).Info("drawn", "figures", strings.Join(pictures, ", "))
	if c.Bool("json") {
		return printJSON(c, findings.Summary)
	}
	if err := print(c.App.Writer, findings); err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.App.Writer, "run folder  %s\n", dir)
	return err
}

// partsOwner is all that the parts of an experiment depend on. They are the same on any number of threads.
func partsOwner(folder *store.Folder, kernels string) (string, error) {
	config, err := os.ReadFile(folder.Path("config.toml"))
	if err != nil {
		return "", err
	}
	owner := "quantal " + store.Version + ", " + kernels + " kernels\n"
	for line := range strings.Lines(string(config)) {
		if name, _, _ := strings.Cut(line, "="); strings.TrimSpace(name) != "threads" && strings.TrimSpace(name) != "device" {
			owner += line
		}
	}
	return owner, nil
}

// experimentWatcher shows how an experiment goes: a bar on a terminal, now and then a line otherwise.
type experimentWatcher struct {
	out  io.Writer
	bar  *bar
	told time.Time
}

func newExperimentWatcher(c *cli.Context) *experimentWatcher {
	return &experimentWatcher{out: printable{c.App.ErrWriter}, bar: newBar(c.App.ErrWriter), told: time.Now()}
}

func (w *experimentWatcher) progress(done float64, what string) {
	if w.bar == nil && time.Since(w.told) >= quiet {
		w.told = time.Now()
		fmt.Fprintf(w.out, "%.0f %%  %s\n", 100*done, what)
	}
	w.bar.show(done, -1, what)
}

func (w *experimentWatcher) close() { w.bar.close() }
