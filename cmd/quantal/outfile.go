package main

import (
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"quantal/results/store"
)

// standardOutput is the value of a flag for a file that means standard output.
const standardOutput = "-"

// outputEnding is the kind of the file of a flag: the extension of its name, which must be known, or the first one for
// standard output, to which then nothing else is written.
func outputEnding(c *cli.Context, flag string, known ...string) (string, error) {
	path := c.String(flag)
	if path == standardOutput {
		switch text := slices.Contains([]string{".html", ".csv"}, known[0]); {
		case c.Bool("json"):
			return "", usage("--%s - and --json: both write to standard output, want one of them", flag)
		case !text && isTerminal(bare(c)):
			return "", usage("--%s -: standard output is a terminal, want a pipe or a file", flag)
		}
		return known[0], nil
	}
	ending := strings.ToLower(filepath.Ext(path))
	if !slices.Contains(known, ending) {
		return "", usage("--%s %q: want a name that ends in %s, or - for standard output", flag, path,
			strings.Join(known, " or "))
	}
	return ending, nil
}

// writeOutput writes a file, which is replaced as a whole or not at all, or to standard output.
func writeOutput(c *cli.Context, path string, write func(io.Writer) error) error {
	if path == standardOutput {
		if out := bare(c); !isTerminal(out) {
			return write(out)
		}
		return write(c.App.Writer)
	}
	return store.WriteFile(path, write)
}

// bare is unfiltered standard output, for bytes that are not text.
func bare(c *cli.Context) io.Writer {
	if p, ok := c.App.Writer.(printable); ok {
		return p.to
	}
	return c.App.Writer
}
