package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"quantal/grid"
	"quantal/results/store"
	"quantal/results/tables"
)

// several reports whether a command is to show networks side by side.
func several(c *cli.Context) bool { return c.Args().Len() > 1 }

// beside reports whether a command is to make tables of networks, and not of a grid.
func beside(c *cli.Context) bool {
	folder, err := store.View(c.Args().First())
	_, _, point := grid.Locate(c.Args().First())
	return several(c) || c.Args().Len() == 1 && (point || err == nil && folder.Close() == nil)
}

// seen reads what is known of the networks that the arguments name.
func seen(c *cli.Context) (list []grid.Seen, err error) {
	for _, path := range c.Args().Slice() {
		if grid.Is(path) {
			return nil, usage("%s: %s is the folder of a grid: want runs, or networks of grids, GRID/ID", c.Command.Name, path)
		}
		s, err := grid.ReadSeen(host(c), path)
		if err != nil {
			return nil, err
		}
		list = append(list, s)
	}
	return list, nil
}

// besideTables writes the tables of several networks, and prints the most important figures.
func besideTables(c *cli.Context) error {
	networks, err := seen(c)
	if err != nil {
		return err
	}
	var records []store.Record
	var curves []tables.Curve
	for _, s := range networks {
		r := s.Record
		if slices.ContainsFunc(curves, func(c tables.Curve) bool { return c.ID == r.ID }) {
			r.ID = s.Path
		}
		curves = append(curves, tables.Curve{ID: r.ID, Settings: r.Settings, Epochs: s.Epochs})
		if r.Status == "" {
			logger(c).Warn("has not finished: it has no row", "path", s.Path)
			continue
		}
		records = append(records, r)
	}
	out := c.String("out")
	if out == standardOutput {
		if _, err := outputEnding(c, "out", ".csv"); err != nil {
			return err
		}
	}
	if c.Bool("curves") {
		if out == "" {
			return usage("tables: --out is missing: want a folder for the tables of curves, or -")
		}
		return writeCurves(c, curves, out)
	}
	if out == standardOutput {
		return writeOutput(c, out, func(w io.Writer) error { return tables.EncodeTable(w, records) })
	}
	files := []string{}
	if out != "" {
		if err := os.MkdirAll(out, 0o755); err != nil {
			return err
		}
		if err := tables.WriteTables(out, records); err != nil {
			return err
		}
		for _, name := range tables.TableNames() {
			files = append(files, filepath.Join(out, name))
		}
	}
	list := grid.Labelled(networks)
	if c.Bool("json") {
		var labels []map[string]string
		for i, n := range list {
			labels = append(labels, map[string]string{"path": networks[i].Path, "label": n.Label})
		}
		rows, err := tables.RowsJSON(records)
		if err != nil {
			return err
		}
		return printJSON(c, map[string]any{"files": files, "labels": labels, "networks": rows})
	}
	w := tabwriter.NewWriter(c.App.Writer, 0, 0, 2, ' ', 0)
	table := tables.SideTable(list)
	for _, row := range append([][]string{table.Header}, table.Rows...) {
		fmt.Fprintln(w, strings.Join(row, "\t"))
	}
	if len(files) > 0 {
		fmt.Fprintln(w, strings.Join(files, ", "))
	}
	return w.Flush()
}

// besideFigures draws several networks into the same panels.
func besideFigures(c *cli.Context) ([]tables.NamedFigure, error) {
	if err := noGridFlags(c, c.Args().First()); err != nil {
		return nil, err
	}
	if !c.IsSet("out") {
		return nil, usage("figures: --out is missing: want a folder for the pictures of several networks")
	}
	networks, err := seen(c)
	if err != nil {
		return nil, err
	}
	list := grid.Labelled(networks)
	for i, s := range networks {
		network, err := grid.ReadNetwork(host(c), s.Path)
		if err != nil {
			logger(c).Warn("there is no sigma to draw", "path", s.Path, "reason", err)
			continue
		}
		list[i].Checkpoint = network.State
	}
	return tables.SideBySide(list)
}

func diffCommand() *cli.Command {
	return &cli.Command{
		Name:      "diff",
		Usage:     "say in what two networks differ: settings, environment, and what they reached",
		UsageText: "quantal diff RUN|GRID/ID RUN|GRID/ID [--json]",
		Description: "The environment is the program, the machine, the kernels and the data set. Networks of equal\n" +
			"settings and kernels have equal outcomes, to the last digit. The exit status is 0 also if they\n" +
			"differ.",
		Flags: []cli.Flag{jsonFlag()},
		Action: func(c *cli.Context) error {
			if c.Args().Len() != 2 {
				return usage("diff: want two arguments, run folders or networks of grids, GRID/ID; got %d", c.Args().Len())
			}
			networks, err := seen(c)
			if err != nil {
				return err
			}
			a, b := networks[0], networks[1]
			d, err := grid.Diff(a, b)
			if err != nil {
				return err
			}
			if c.Bool("json") {
				return printJSON(c, struct {
					A string `json:"a"`
					B string `json:"b"`
					grid.Differences
				}{a.Path, b.Path, d})
			}
			return printDiff(c.App.Writer, a.Path, b.Path, d)
		},
	}
}

// printDiff writes the differences of two networks, for a person.
func printDiff(out io.Writer, a, b string, d grid.Differences) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "\t%s\t%s\t\n", a, b)
	for _, part := range []struct {
		title string
		list  []grid.Differing
	}{{"settings", d.Settings}, {"environment", d.Environment}, {"outcomes", d.Outcomes}} {
		if len(part.list) == 0 {
			fmt.Fprintf(w, "%s\tno difference\n", part.title)
			continue
		}
		fmt.Fprintln(w, part.title)
		for _, x := range part.list {
			fmt.Fprintf(w, "  %s\t%s\t%s\t%s\n", x.Name, plain(x.A), plain(x.B), change(x))
		}
	}
	return w.Flush()
}

// plain is a value for a person: a text without its quotes, a dash for none, six digits of a fraction.
func plain(raw json.RawMessage) string {
	var text string
	var list []json.RawMessage
	var number float64
	switch {
	case string(raw) == "null":
		return "-"
	case json.Unmarshal(raw, &text) == nil:
		return text
	case json.Unmarshal(raw, &list) == nil:
		var parts []string
		for _, x := range list {
			parts = append(parts, plain(x))
		}
		return strings.Join(parts, " ")
	case json.Unmarshal(raw, &number) == nil && number != math.Trunc(number):
		return fmt.Sprintf("%.6g", number)
	}
	return string(raw)
}

// change is how much larger the second of two numbers is.
func change(x grid.Differing) string {
	var a, b *float64
	if json.Unmarshal(x.A, &a) != nil || json.Unmarshal(x.B, &b) != nil || a == nil || b == nil {
		return ""
	}
	text := fmt.Sprintf("%+.4g", *b-*a)
	if relative := (*b - *a) / math.Abs(*a); *a != 0 {
		text += fmt.Sprintf(" (%+.3g %%)", 100*relative)
	}
	return text
}
