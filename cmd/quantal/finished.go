package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"quantal/grid"
	"quantal/results/draw"
	"quantal/results/store"
	"quantal/results/tables"
	"quantal/train"
)

// warnDamaged names files that are left out.
func warnDamaged(c *cli.Context, damaged []error) {
	for _, err := range damaged {
		logger(c).Warn("damaged, left out", "reason", err)
	}
}

func referenceFlag() cli.Flag {
	return &cli.StringFlag{Name: "reference",
		Usage: "published values of a grid, a CSV `FILE` with the columns rho, c, noise, and of " +
			"accuracy_percent, loss_nats, sigma_rms, reliability_cost the published ones; `quantal compare --help` has " +
			"the rest"}
}

// readReference reads the published values of --reference; none without it.
func readReference(c *cli.Context) ([]tables.Published, error) {
	if !c.IsSet("reference") {
		return nil, nil
	}
	return readPublished(c.String("reference"))
}

func readPublished(path string) ([]tables.Published, error) {
	list, err := tables.ReadPublished(path, grid.Kinds())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &store.MissingError{Err: err}
	}
	return list, err
}

func tablesCommand() *cli.Command {
	return &cli.Command{
		Name:  "tables",
		Usage: "write the tables of a grid, or of runs beside each other: a row for each network, and means over seeds",
		UsageText: "quantal tables GRID [--curves] [--out FOLDER] [--json]\n" +
			"quantal tables GRID [--curves] --out - | ...   table.csv, or curves.csv, to standard output\n" +
			"quantal tables RUN|GRID/ID... [--out FOLDER]   networks labelled by the settings that differ",
		Description: "table.csv and table.jsonl have a row for each finished point, means.csv the mean and\n" +
			"half of the 95 % interval over seeds. With --curves, curves.csv and curves.jsonl have a\n" +
			"row for each line of each learning curve. `go doc quantal/results/tables` has columns and\n" +
			"units. With --json the means are also printed.",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "curves", Usage: "the tables of the learning curves instead"},
			&cli.StringFlag{Name: "out", Usage: "`FOLDER` for the tables, or - for table.csv on standard output",
				DefaultText: "the grid folder; of runs, none are written"},
			jsonFlag(),
		},
		Action: func(c *cli.Context) error {
			if beside(c) {
				return besideTables(c)
			}
			dir, err := oneArgument(c, "the grid folder")
			if err != nil {
				return err
			}
			out := c.String("out")
			if out == standardOutput {
				if _, err := outputEnding(c, "out", ".csv"); err != nil {
					return err
				}
			}
			g, folder, err := grid.ReadFinished(host(c), dir)
			if err != nil {
				return err
			}
			if c.Bool("curves") {
				curves, damaged, err := folder.Curves()
				if err != nil {
					return err
				}
				warnDamaged(c, damaged)
				return writeCurves(c, curves, cmp.Or(out, dir))
			}
			if out == standardOutput {
				return writeOutput(c, out, func(w io.Writer) error { return tables.EncodeTable(w, g.Records) })
			}
			if out == "" {
				out = dir
			}
			if err := os.MkdirAll(out, 0o755); err != nil {
				return err
			}
			if err := tables.WriteTables(out, g.Records); err != nil {
				return err
			}
			var files []string
			for _, name := range tables.TableNames() {
				files = append(files, filepath.Join(out, name))
			}
			if !c.Bool("json") {
				_, err = fmt.Fprintf(c.App.Writer, "%d points: %s\n", len(g.Records), strings.Join(files, ", "))
				return err
			}
			means, err := tables.MeansJSON(g.Records)
			if err != nil {
				return err
			}
			return printJSON(c, map[string]any{"files": files, "points": len(g.Records), "missing": g.Missing(), "means": means})
		},
	}
}

// writeCurves writes the tables of learning curves.
func writeCurves(c *cli.Context, curves []tables.Curve, out string) error {
	if out == standardOutput {
		return writeOutput(c, out, func(w io.Writer) error { return tables.EncodeCurves(w, curves) })
	}
	files, err := tables.WriteCurves(out, curves)
	if err != nil {
		return err
	}
	if c.Bool("json") {
		return printJSON(c, map[string]any{"files": files, "curves": len(curves)})
	}
	_, err = fmt.Fprintf(c.App.Writer, "%d curves: %s\n", len(curves), strings.Join(files, ", "))
	return err
}

func reportCommand() *cli.Command {
	return &cli.Command{
		Name:  "report",
		Usage: "write the results of a run, a grid or an experiment as one HTML page",
		UsageText: "quantal report GRID [--reference FILE.csv] [--illustrations FOLDER] [--out FILE.html]\n" +
			"quantal report RUN|EXPERIMENT [--illustrations FOLDER] [--out FILE.html]",
		Description: "The page begins with the answer, has figures and tables, the configuration and the\n" +
			"command that repeats it, and needs no other file. It includes the figures of `quantal analyze`, or with\n" +
			"--illustrations those of another folder, such as the paper's figures.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "out", Usage: "`FILE`.html to write, or - for standard output",
				DefaultText: "report.html in the run or grid folder"},
			&cli.StringFlag{Name: "illustrations", Usage: "`FOLDER` of pictures with captions",
				DefaultText: analysisFolder + " in the run or grid folder"},
			referenceFlag(),
			jsonFlag(),
		},
		Action: func(c *cli.Context) error {
			dir, err := oneArgument(c, "the run or grid folder")
			if err != nil {
				return err
			}
			out := c.String("out")
			if out == "" {
				out = filepath.Join(dir, "report.html")
			} else if _, err := outputEnding(c, "out", ".html", ".htm"); err != nil {
				return err
			}
			drawings, err := readDrawings(c, dir)
			if err != nil {
				return err
			}
			var report tables.Report
			switch {
			case grid.Is(dir):
				report, err = gridReport(c, dir)
			case store.IsExperiment(dir):
				report, err = experimentReport(c, dir)
			default:
				report, err = runReport(c, dir)
			}
			if err != nil {
				return err
			}
			if len(drawings) > 0 {
				report.Sections = append(report.Sections, tables.Section{Title: "Analyses", Drawings: drawings})
			}
			if err := writeOutput(c, out, report.Encode); err != nil || out == standardOutput {
				return err
			}
			if c.Bool("json") {
				return printJSON(c, map[string]any{"file": out})
			}
			_, err = fmt.Fprintf(c.App.Writer, "wrote %s\n", out)
			return err
		},
	}
}

// readDrawings reads the illustrations for a report: those of --illustrations, which must exist, or those of an
// analysis.
func readDrawings(c *cli.Context, dir string) ([]draw.Drawing, error) {
	if !c.IsSet("illustrations") {
		return drawingsIn(filepath.Join(dir, analysisFolder))
	}
	from := c.String("illustrations")
	drawings, err := drawingsIn(from)
	if err == nil && len(drawings) == 0 {
		err = &store.MissingError{Err: fmt.Errorf("--illustrations %s: want a folder with pictures (NAME.svg) and their "+
			"captions "+
			"(NAME.txt)", from)}
	}
	return drawings, err
}

func drawingsIn(dir string) ([]draw.Drawing, error) { return draw.ReadDrawings(os.DirFS(dir), dir) }

// warnUnfit says that published values are for other networks than the grid's.
func warnUnfit(c *cli.Context, records []store.Record, published []tables.Published) {
	if err := tables.Fits(records, published); err != nil {
		logger(c).Warn("the published values are not shown, and not compared", "reason", err)
	}
}

// gridReport makes the report of a grid. It says what cannot be drawn or compared.
func gridReport(c *cli.Context, dir string) (tables.Report, error) {
	published, err := readReference(c)
	if err != nil {
		return tables.Report{}, err
	}
	g, folder, err := grid.ReadFinished(host(c), dir)
	if err != nil {
		return tables.Report{}, err
	}
	warnUnfit(c, g.Records, published)
	figures, err := g.Figures(train.DescribeSettings, published)
	if err != nil && !errors.Is(err, store.ErrNothing) {
		return tables.Report{}, err
	}
	learned, err := drawCurves(c, folder, tables.Chart{})
	if err != nil && !errors.Is(err, store.ErrNothing) {
		return tables.Report{}, err
	}
	if len(figures) > 0 { // else the report says why there are none
		figures = append(figures, learned...)
	}
	var comparison *tables.Comparison
	if published != nil {
		comparison, err = tables.Compare(g.Records, published, tables.Tolerances{})
		if errors.Is(err, store.ErrNothing) {
			logger(c).Warn("no comparison in the report", "reason", err)
		} else if err != nil {
			return tables.Report{}, err
		}
	}
	return g.Report(figures, comparison), nil
}

// experimentReport makes the report of an experiment.
func experimentReport(c *cli.Context, dir string) (tables.Report, error) {
	if c.IsSet("reference") {
		return tables.Report{}, usage("--reference goes with the folder of a grid, which %s is not", dir)
	}
	drawings, err := drawingsIn(dir)
	if err != nil {
		return tables.Report{}, err
	}
	return tables.ExperimentReport(os.DirFS(dir), dir, drawings)
}

// runReport makes the report of a single run.
func runReport(c *cli.Context, dir string) (tables.Report, error) {
	figures, err := runFigures(c, dir)
	if err != nil {
		return tables.Report{}, err
	}
	folder, err := store.View(dir)
	if err != nil {
		return tables.Report{}, err
	}
	defer folder.Close()
	return tables.RunReport(folder, figures)
}
