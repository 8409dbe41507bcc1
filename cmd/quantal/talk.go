package main

import (
	"io"
	"log/slog"
	"regexp"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// talk is how much the program says beside the results of a command.
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
		c.App.ErrWriter = io.Discard // where progress goes
	case verbose:
		t.level = slog.LevelDebug
	}
	return nil
}

// withTalk gives commands, and those below them, the talkFlags; their Before has to call setTalk.
func withTalk(commands []*cli.Command) {
	for _, command := range commands {
		command.Flags = append(command.Flags, talkFlags(command)...)
		withTalk(command.Subcommands)
	}
}

// packages are those whose names stand in front of their errors, for programmers.
func packages() []string {
	return []string{
		"analysis", "assemblies", "bench", "cpu", "cuda", "drift", "dynamics", "explore", "graph", "grid", "kernels",
		"libcuda",
		"mnist", "ptx", "results", "sampling", "slurm", "spines", "synapse", "tolerance", "train",
	}
}

// sentence is an error for people: without the names of packages, and without Go's words for an interruption.
func sentence(err error) string {
	text := err.Error()
	names := regexp.MustCompile(`(^|: |\n)(?:` + strings.Join(packages(), "|") + `): `)
	for {
		shorter := names.ReplaceAllString(text, "$1")
		if shorter == text {
			break
		}
		text = shorter
	}
	const canceled = "context canceled"
	if strings.Contains(text, "interrupted") {
		text = strings.ReplaceAll(text, ": "+canceled, "")
	}
	return strings.ReplaceAll(text, canceled, "interrupted")
}
