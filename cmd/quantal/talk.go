package main

import (
	"io"
	"log/slog"
	"regexp"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// talk is how much the program prints in addition to the results of a command.
type talk struct {
	to    io.Writer // standard error
	level slog.Level
}

// talkKey is where the App keeps its talk.
const talkKey = "talk"

// talkFlags say how much to talk, on the App and on every command.
func talkFlags(command *cli.Command) []cli.Flag {
	letter := func(l string) []string {
		if command != nil && slices.ContainsFunc(command.Flags,
			func(f cli.Flag) bool { return slices.Contains(f.Names(), l) }) {
			return nil // the command has another use for it
		}
		return []string{l}
	}
	return []cli.Flag{
		&cli.BoolFlag{Name: "quiet", Aliases: letter("q"),
			Usage: "no progress and no remarks, only results, warnings and errors"},
		&cli.BoolFlag{Name: "verbose", Aliases: letter("v"),
			Usage: "more remarks: what is read and written, how much memory, how long"},
	}
}

// setTalk obeys the talkFlags of a command.
func setTalk(c *cli.Context) error {
	quiet, verbose := c.Bool("quiet"), c.Bool("verbose")
	if quiet && verbose {
		return usage("--quiet and --verbose: want one of them")
	}
	t, _ := c.App.Metadata[talkKey].(*talk)
	switch {
	case quiet:
		t.level = slog.LevelWarn
		c.App.ErrWriter = io.Discard // the destination of progress
	case verbose:
		t.level = slog.LevelDebug
	}
	return nil
}

// withTalk gives commands, and their subcommands, the talkFlags; their Before must call setTalk.
func withTalk(commands []*cli.Command) {
	for _, command := range commands {
		command.Flags = append(command.Flags, talkFlags(command)...)
		withTalk(command.Subcommands)
	}
}

// packages are those whose names precede their errors, for programmers; quantal, the name of this one, precedes errors
// that begin with a name that the user chose.
func packages() []string {
	return []string{
		"analysis", "assemblies", "bench", "cpu", "cuda", "draw", "drift", "dynamics", "explore", "graph", "grid", "kernels",
		"libcuda", "mnist", "ptx", "quantal", "sampling", "slurm", "spines", "store", "synapse", "tables", "tolerance",
		"train",
	}
}

// sentence is an error for people: without the names of packages, and without Go's words for an interruption.
func sentence(err error) string {
	text := plain(err)
	const canceled = "context canceled"
	if strings.Contains(text, "interrupted") {
		text = strings.ReplaceAll(text, ": "+canceled, "")
	}
	return strings.ReplaceAll(text, canceled, "interrupted")
}

// plain is the text of an error without the names of packages. Text after the first name stays, although it may look
// like another: a user's folder can be called grid.
func plain(err error) string {
	var inner []error
	switch e := err.(type) {
	case interface{ Unwrap() []error }:
		inner = e.Unwrap()
	case interface{ Unwrap() error }:
		inner = []error{e.Unwrap()}
	}
	head, tail := err.Error(), ""
	for _, e := range slices.Backward(inner) {
		if e == nil {
			continue
		}
		if i := strings.LastIndex(head, e.Error()); i >= 0 {
			tail = plain(e) + own(head[i+len(e.Error()):]) + tail
			head = head[:i]
		}
	}
	return own(head) + tail
}

// own is the text that an error adds to those it wraps, without the name before it, and without those of errors that it
// contains as text.
func own(text string) string {
	names := `(?:` + strings.Join(packages(), "|") + `): `
	text = regexp.MustCompile(`(?m)^`+names).ReplaceAllString(text, "")
	for further := regexp.MustCompile(`: ` + names); further.MatchString(text); {
		text = further.ReplaceAllString(text, ": ")
	}
	return text
}
