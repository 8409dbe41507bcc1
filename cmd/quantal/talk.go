package main

import (
	"io"
	"log/slog"
	"slices"

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
