package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"slices"
	"strings"
	"syscall"

	"github.com/urfave/cli/v2"

	"quantal/internal/fault"
	"quantal/internal/measured"
	"quantal/internal/memory"
	"quantal/internal/nearest"
	"quantal/internal/sentence"
	"quantal/mnist"
	"quantal/results/store"
	"quantal/results/tables"
	"quantal/train"
)

// The least that the program needs to do anything: memory for a data set such as MNIST and for a small network, and a
// few files.
const (
	leastMemory = 256e6
	leastFiles  = 32
)

func main() { os.Exit(run(os.Args, os.Stdout, os.Stderr)) }

// run is the whole program except the exit.
func run(args []string, stdout, stderr io.Writer) int {
	if err := start(); err != nil {
		fmt.Fprintf(printable{stderr}, "quantal: %s\n", sentence.Of(err))
		return 1
	}
	stop, signalled := catchSignals()
	defer stop.release()
	app := newApp(stdout, stderr)
	err := fault.Guard(func() error { return app.RunContext(stop.ctx, intersperse(app, args)) })
	err = keepFault(err)
	code := exitCode(err, signalled())
	if err != nil {
		fmt.Fprintf(printable{stderr}, "quantal: %s\n", sentence.Of(err))
	}
	return code
}

// start checks that the resources exist that Go's runtime and every command need: without them they end in traces.
func start() error {
	if most := openFiles(); most < leastFiles { // first: without a few, Go cannot even read how much memory there is
		return fmt.Errorf("want a limit of %d open files or more, got %d (ulimit -n)", leastFiles, most)
	}
	memory.Obey()
	if left := memory.Own(); left.Bytes < leastMemory {
		return &memory.Error{What: "this program", Need: leastMemory, Limit: left}
	}
	return nil
}

func newApp(stdout, stderr io.Writer) *cli.App {
	app := &cli.App{
		Name:  "quantal",
		Usage: "train neural networks whose synapses are unreliable and pay for reliability",
		Description: "Start with `quantal demo`, or `quantal train --preset quick`. Each command explains itself:\n" +
			"quantal train --help.",
		Version:     store.Version,
		HideVersion: true, // --version is among the flags
		// The library adds its flag for help only where its own command of that name is.
		Flags: append(talkFlags(nil), cli.HelpFlag, &cli.BoolFlag{Name: "version",
			Usage: "say which version this is; quantal version says more"}),
		Before:               setTalk,
		Metadata:             map[string]any{talkKey: &talk{to: stderr}},
		Writer:               printable{stdout},
		ErrWriter:            stderr,
		EnableBashCompletion: true,
		// A comma separates the values of an axis, not flags.
		DisableSliceFlagSeparator: true,
		ExitErrHandler:            func(*cli.Context, error) {}, // run decides
		OnUsageError:              onUsageError,
		Commands: []*cli.Command{
			demoCommand(), trainCommand(), gridCommand(), searchCommand(), statusCommand(), serveCommand(), evalCommand(),
			exportCommand(), figuresCommand(), tablesCommand(), diffCommand(), reportCommand(), compareCommand(),
			analyzeCommand(), convergeCommand(), energyCommand(), synapseCommand(), costCommand(), experimentCommand(),
			dynamicsCommand(), dataCommand(), networkCommand(),
			benchCommand(), doctorCommand(), citeCommand(), versionCommand(), completionCommand(), helpCommand(),
		},
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return noCommand("command", c.Args().First(), "quantal help", c.App.Commands)
			}
			if c.Bool("version") {
				_, err := fmt.Fprintln(c.App.Writer, "quantal", store.Version)
				return err
			}
			return cli.ShowAppHelp(c)
		},
	}
	withTalk(app.Commands)
	withValues(nil, app.Commands)
	for _, command := range app.Commands {
		command.OnUsageError, command.Before = onUsageError, before
		for _, sub := range command.Subcommands {
			sub.OnUsageError, sub.Before = onUsageError, before
		}
	}
	return app
}

// before runs before every command.
func before(c *cli.Context) error {
	if err := setTalk(c); err != nil {
		return err
	}
	return sayThreads(c)
}

// onUsageError is called for arguments that the library could not read. About a value the library says only that it is
// invalid.
func onUsageError(c *cli.Context, err error, _ bool) error {
	if name, unknown := strings.CutPrefix(err.Error(), "flag provided but not defined: -"); unknown {
		name = strings.TrimPrefix(name, "-")
		hint := ""
		if meant := nearest.Name(name, flagNames(c)); meant != "" {
			hint = "; did you mean --" + meant + "?"
		}
		return usage("--%s: there is no such flag: `%s --help` lists them%s", name, c.Command.HelpName, hint)
	}
	pattern := regexp.MustCompile(`^invalid (?:boolean )?value "(.*)" for (?:flag )?-(\S+):`)
	invalid := pattern.FindStringSubmatch(err.Error())
	if invalid == nil {
		return &usageError{err}
	}
	value, name := invalid[1], invalid[2]
	want := "another value"
	for _, f := range c.Command.Flags {
		if !slices.Contains(f.Names(), name) {
			continue
		}
		switch f.(type) {
		case *cli.IntFlag:
			want = "a whole number"
		case *cli.Uint64Flag:
			want = "a whole number of 0 or more"
		case *cli.Float64Flag:
			want = "a number"
		case *cli.DurationFlag:
			want = "a time such as 30s or 5m"
		case *cli.GenericFlag: // see axisText
			want = "all values in one list: the flag was given before"
		case *cli.BoolFlag:
			want = "true, false, or the flag alone"
		}
	}
	return usage("--%s %q: want %s", name, value, want)
}

// flagNames lists the flags of a command as they are written, without the dashes.
func flagNames(c *cli.Context) []string {
	flags := c.Command.Flags
	if len(flags) == 0 {
		flags = c.App.Flags
	}
	var names []string
	for _, f := range flags {
		names = append(names, f.Names()...)
	}
	return names
}

// noCommand says that there is no command, or anything that the parser treats as one, of the given name.
func noCommand(what, name, help string, commands []*cli.Command) error {
	var names []string
	for _, c := range commands {
		names = append(names, c.Names()...)
	}
	return usage("there is no %s %q: `%s` lists them%s", what, name, help, nearest.Hint(name, names))
}

// usageError is a mistake in how the program was called.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

func usage(format string, args ...any) error { return &usageError{fmt.Errorf(format, args...)} }

// exitCode maps an error to the exit status of doc.go.
func exitCode(err error, got os.Signal) int {
	var (
		usageError *usageError
		diverged   *train.DivergedError
		device     *train.DeviceError
		data       *mnist.DataError
		fetch      *mnist.FetchError
		corrupt    *store.CorruptError
		missing    *store.MissingError
		settings   *train.SettingsError
		table      *measured.Error
		unfit      *tables.UnfitError
	)
	switch {
	case err == nil:
		return 0
	case got != nil && (errors.Is(err, train.ErrInterrupted) || errors.Is(err, context.Canceled)):
		return 128 + int(got.(syscall.Signal))
	case errors.As(err, &usageError), errors.As(err, &settings):
		return 2
	case errors.As(err, &diverged):
		return 4
	case errors.As(err, &device):
		return 5
	case errors.As(err, &data), errors.As(err, &fetch), errors.As(err, &corrupt), errors.As(err, &missing),
		errors.As(err, &table), errors.As(err, &unfit), errors.Is(err, store.ErrNoCheckpoint):
		return 3
	}
	return 1
}

type stopper struct {
	ctx     context.Context
	release func()
}

// catchSignals returns a context that the first SIGINT, SIGTERM or SIGHUP cancels, and which signal it was. A second
// SIGINT or SIGTERM ends the program the usual way. A second SIGHUP does not: a closed terminal sends several, from the
// shell and the system. A signal that the caller made the program ignore, as nohup does, stays ignored. From the first
// signal on, output may have no reader: Ctrl-C also ends the tee or less that reads this program's output.
func catchSignals() (stopper, func() os.Signal) {
	ctx, cancel := context.WithCancelCause(context.Background())
	stop, hangUp := make(chan os.Signal, 1), make(chan os.Signal, 1)
	for s, c := range map[os.Signal]chan os.Signal{os.Interrupt: stop, syscall.SIGTERM: stop, syscall.SIGHUP: hangUp} {
		if !signal.Ignored(s) {
			signal.Notify(c, s)
		}
	}
	released := make(chan struct{})
	go func() {
		for {
			select {
			case s := <-stop:
				signal.Stop(stop)
				signal.Ignore(syscall.SIGPIPE)
				cancel(signalled{s}) // the first cause counts
			case s := <-hangUp:
				signal.Ignore(syscall.SIGPIPE)
				cancel(signalled{s})
			case <-released:
				return
			}
		}
	}()
	release := func() {
		signal.Stop(stop) // not hangUp: what remains is to exit with the right status
		close(released)
		cancel(nil)
	}
	return stopper{ctx, release}, func() os.Signal {
		var s signalled
		if errors.As(context.Cause(ctx), &s) {
			return s.Signal
		}
		return nil
	}
}

// signalled is the cause of a cancellation by signal; to other code it is a context.Canceled.
type signalled struct{ os.Signal }

func (s signalled) Error() string        { return "interrupted" }
func (s signalled) Is(target error) bool { return target == context.Canceled }

// intersperse moves the flags of a command before its arguments, where the parser needs them: `quantal eval runs/a
// --json`.
func intersperse(app *cli.App, args []string) []string {
	words := 1 // the program, its own flags, and the command
	for words < len(args) && strings.HasPrefix(args[words], "-") {
		words++
	}
	if len(args) < words+2 || args[len(args)-1] == "--generate-bash-completion" {
		return args
	}
	command := app.Command(args[words])
	if command == nil {
		return args
	}
	words++
	for _, sub := range command.Subcommands {
		if sub.HasName(args[words]) {
			command = sub
			words++
			break
		}
	}
	takesValue := map[string]bool{}
	for _, f := range command.Flags {
		_, isBool := f.(*cli.BoolFlag)
		for _, name := range f.Names() {
			takesValue[name] = !isBool
		}
	}
	var flags, rest []string
	for i := words; i < len(args); i++ {
		arg := args[i]
		if arg == "--" {
			rest = append(rest, args[i+1:]...)
			break
		}
		if !strings.HasPrefix(arg, "-") || arg == "-" {
			rest = append(rest, arg)
			continue
		}
		if name, value, given := strings.Cut(arg, "="); strings.Contains(name, "_") { // --mu_init is --mu-init
			arg = strings.ReplaceAll(name, "_", "-")
			if given {
				arg += "=" + value
			}
		}
		flags = append(flags, arg)
		if takesValue[strings.TrimLeft(arg, "-")] && i+1 < len(args) {
			i++
			flags = append(flags, args[i])
		}
	}
	out := append(append([]string{}, args[:words]...), flags...)
	if len(rest) > 0 {
		out = append(append(out, "--"), rest...)
	}
	return out
}

// printJSON writes the result of a command.
func printJSON(c *cli.Context, v any) error {
	line, err := store.EncodeJSON(v)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.App.Writer, "%s\n", line)
	return err
}

func jsonFlag() cli.Flag {
	return &cli.BoolFlag{Name: "json", Usage: "write the result as one JSON object on standard output"}
}

// oneArgument returns the only argument of a command.
func oneArgument(c *cli.Context, what string) (string, error) {
	if c.Args().Len() != 1 {
		return "", usage("%s: want one argument, %s; got %d", c.Command.Name, what, c.Args().Len())
	}
	return c.Args().First(), nil
}
