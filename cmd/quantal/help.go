package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"quantal/internal/setting"
	"quantal/results/columns"
	"quantal/train"
)

// helpCommand is the library's command of that name, and what there is to explain besides commands.
func helpCommand() *cli.Command {
	return &cli.Command{
		Name:      "help",
		Aliases:   []string{"h"},
		Usage:     "explain a command, or the columns and keys of a file",
		UsageText: "quantal help COMMAND\nquantal help columns [FILE]\nquantal help man > quantal.1",
		Subcommands: []*cli.Command{
			{
				Name:  "columns",
				Usage: "explain every column, key and array of a file that quantal wrote, or of a kind of files",
				UsageText: "quantal help columns                list the kinds of files\n" +
					"quantal help columns metrics.jsonl  all that such files may have\n" +
					"quantal help columns runs/a/metrics.jsonl",
				Flags:  []cli.Flag{jsonFlag()},
				Action: columnsAction,
			},
			{
				Name: "man", Usage: "write the manual page: all commands, flags, files and columns", UsageText: "quantal help man",
				Action: func(c *cli.Context) error { return manPage(c) },
			},
		},
		Action: func(c *cli.Context) error {
			if !c.Args().Present() {
				return cli.ShowAppHelp(c)
			}
			// As if the words were typed with --help: the library's own command has another text for commands with subcommands.
			path := c.Args().Slice()
			command, of := c.App.Command(path[0]), c.App.Commands
			for i, name := range path {
				if i > 0 {
					command, of = command.Command(name), command.Subcommands
				}
				if command == nil {
					return noCommand("command", name, strings.Join(append([]string{"quantal help"}, path[:i]...), " "), of)
				}
			}
			root := c.Lineage()[1]
			asked := cli.NewContext(c.App, nil, root)
			asked.Command = c.App.Command(path[0])
			return asked.Command.Run(asked, append(path, "--help")...)
		},
	}
}

// explainer knows the settings of all commands besides what package columns knows.
func explainer() (*columns.Explainer, error) {
	list := []columns.Table{settingsTable("train", new(train.Config).Settings())}
	for _, e := range experiments() {
		s, err := e.Setup()
		if err != nil {
			return nil, err
		}
		list = append(list, settingsTable("dynamics "+e.Name, s.Settings))
		if v := e.Variant; v != nil {
			if s, err = v.Experiment.Setup(); err != nil {
				return nil, err
			}
			list = append(list, settingsTable("dynamics "+e.Name+" --"+v.Flag, s.Settings))
		}
	}
	return columns.New(list), nil
}

func settingsTable(name string, settings setting.List) columns.Table {
	t := columns.Table{Name: name}
	for _, s := range settings {
		t.Settings = append(t.Settings, columns.Entry{Name: s.Name, Meaning: strings.ReplaceAll(s.Help, "`", "")})
	}
	return t
}

func columnsAction(c *cli.Context) error {
	e, err := explainer()
	if err != nil {
		return err
	}
	var found []columns.Explained
	switch name := c.Args().First(); c.Args().Len() {
	case 0:
		if c.Bool("json") {
			for _, f := range columns.Files() {
				found = append(found, columns.Explained{File: f.Pattern, About: f.About})
			}
			break
		}
		w := tabwriter.NewWriter(c.App.Writer, 0, 0, 2, ' ', 0)
		for _, f := range columns.Files() {
			fmt.Fprintf(w, "%s\t%s\n", f.Pattern, f.About)
		}
		return w.Flush()
	case 1:
		if _, err := os.Stat(name); errors.Is(err, fs.ErrNotExist) {
			found = e.Kinds(name)
		} else {
			one, err := e.Explain(name)
			if err != nil {
				return err
			}
			found = []columns.Explained{one}
		}
		if len(found) == 0 {
			return usage("help columns %q: want a file, or the name of one that `quantal help columns` lists", name)
		}
	default:
		return usage("help columns: want at most one file; got %d", c.Args().Len())
	}
	if c.Bool("json") {
		return printJSON(c, map[string]any{"files": found})
	}
	return printColumns(c.App.Writer, found)
}

// printColumns writes explanations for people, in lines that fit into a terminal.
func printColumns(w io.Writer, found []columns.Explained) error {
	for i, f := range found {
		if i > 0 {
			fmt.Fprintln(w)
		}
		fmt.Fprintf(w, "%s: %s\n", f.File, wrapped(f.About, 76-len(f.File)))
		for _, entry := range f.Entries {
			const width = 28
			name, meaning := "  "+entry.Name, linesOf(cmp.Or(entry.Meaning, "(not explained)"), 78-width, 78-width)
			if len(name) > width-2 {
				meaning = append([]string{""}, meaning...)
			}
			for _, line := range meaning {
				if _, err := fmt.Fprintln(w, strings.TrimRight(fmt.Sprintf("%-*s%s", width, name, line), " ")); err != nil {
					return err
				}
				name = ""
			}
		}
	}
	return nil
}
