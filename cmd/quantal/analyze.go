package main

import (
	"fmt"
	"io"
	"maps"
	"math"
	"path/filepath"
	"slices"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"quantal/analysis"
	"quantal/grid"
	"quantal/mnist"
	"quantal/results/store"
	"quantal/results/tables"
	"quantal/train"
)

// analysisFolder is where `analyze` writes unless told otherwise, in the folder of the run or grid; `report` looks
// there.
const analysisFolder = "analysis"

func analyzeCommand() *cli.Command {
	return &cli.Command{
		Name:      "analyze",
		Aliases:   []string{"analyse"},
		Usage:     "how the noise of trained synapses goes with their importance",
		UsageText: "quantal analyze RUN|GRID [--epochs 10] [--points ID,ID,...] [--out FOLDER] [--npz] [--json]",
		Description: "For each network with a sigma per synapse, the training set is passed through it with its parameters as they are: the empirical\n" +
			"Fisher information (the Hessian of the paper), learning rate and input of every synapse, and the slope of sigma^2 over each on\n" +
			"log axes, with a bootstrap interval, beside the analytic one. slopes.csv and slopes.jsonl have a row for each network, layer and\n" +
			"signature; the pictures have columns for rho. `go doc quantal/analysis` has definitions and units.",
		Flags: []cli.Flag{
			&cli.IntFlag{Name: "epochs", Value: 10,
				Usage: "passes through the training set, with a draw of the weights per minibatch"},
			&cli.StringFlag{Name: "points", Usage: "ids of a grid's points, separated by commas",
				DefaultText: "all that have a sigma per synapse"},
			&cli.StringFlag{Name: "out", Usage: "`FOLDER` for tables and pictures",
				DefaultText: analysisFolder + " in the run or grid folder"},
			&cli.BoolFlag{Name: "npz", Usage: "write the signatures of every synapse as arrays too: signatures.npz"},
			&cli.Uint64Flag{Name: "seed", Value: 1, Usage: "seed of the bootstrap"},
			&cli.StringFlag{Name: "data", Usage: "where the data set is now, if it has moved: a `FOLDER`",
				DefaultText: "as the networks"},
			&cli.StringFlag{Name: "device", Value: "auto", Usage: "auto, cpu, cuda or cuda:N"},
			&cli.IntFlag{Name: "threads", Usage: "threads on the CPU", DefaultText: "all processors"},
			jsonFlag(),
		},
		Action: func(c *cli.Context) error {
			dir, err := oneArgument(c, "the run or grid folder")
			if err != nil {
				return err
			}
			if c.Int("epochs") < 1 {
				return usage("--epochs %d: want 1 or more", c.Int("epochs"))
			}
			out := c.String("out")
			if out == "" {
				out = filepath.Join(dir, analysisFolder)
			}
			t, err := readTrained(c, dir, func(train.Config) bool { return true })
			if err != nil {
				return err
			}
			if len(t.networks) == 0 {
				return fmt.Errorf("quantal: %s: no finished network has a sigma per synapse (noise heterogeneous): nothing "+
					"to analyse", dir)
			}
			patterns, err := t.measure(c, c.Int("epochs"))
			if err != nil {
				return err
			}
			warnUnsettled(c, patterns.Unsettled())
			files, err := tables.WriteRows(out, "slopes", patterns.Rows())
			if err != nil {
				return err
			}
			drawings, err := patterns.Illustrations()
			if err != nil {
				return err
			}
			for _, d := range drawings {
				saved, err := d.Save(out)
				if err != nil {
					return err
				}
				files = append(files, saved...)
			}
			if c.Bool("npz") {
				path := filepath.Join(out, "signatures.npz")
				if err := store.WriteNPZ(path, patterns.Tensors()); err != nil {
					return err
				}
				files = append(files, path)
			}
			if c.Bool("json") {
				return printJSON(c, map[string]any{"files": files, "slopes": patterns.Rows()})
			}
			if err := printSlopes(c.App.Writer, patterns.Rows()); err != nil {
				return err
			}
			_, err = fmt.Fprintf(c.App.Writer, "\nwritten to %s\n", out)
			return err
		},
	}
}

// trained is networks with a sigma per synapse that learned one data set.
type trained struct {
	set      *mnist.Set
	networks []analysis.Network
}

// readTrained reads the finished networks of a run or grid that have a sigma per synapse and a configuration to keep.
// The flags data, device and threads count where a command has them.
func readTrained(c *cli.Context, dir string, keep func(train.Config) bool) (*trained, error) {
	t, checksums, err := &trained{}, map[string]string(nil), error(nil)
	if grid.Is(dir) {
		checksums, err = t.readGrid(c, dir, keep)
	} else {
		checksums, err = t.readRun(c, dir, keep)
	}
	if err != nil || len(t.networks) == 0 {
		return t, err
	}
	name, classes := t.networks[0].Config.Data, t.networks[0].Config.Classes
	for i := range t.networks {
		config := &t.networks[i].Config
		if config.Data != name {
			return nil, usage("quantal: %s: its networks learned %s and %s: choose those of one data set with --points",
				dir, name, config.Data)
		}
		if config.Classes != classes {
			return nil, usage("quantal: %s: its networks have %d and %d classes: choose those of one number with --points",
				dir, classes, config.Classes)
		}
		config.Device, config.Threads = "auto", 0
		if c.IsSet("device") {
			config.Device = c.String("device")
		}
		if c.IsSet("threads") {
			config.Threads = c.Int("threads")
		}
		if err := check(*config); err != nil {
			return nil, err
		}
	}
	if c.IsSet("data") {
		name = c.String("data")
	}
	if t.set, err = openData(c, name, classes); err != nil {
		return nil, err
	}
	if !maps.Equal(checksums, t.set.SHA256) {
		return nil, &mnist.DataError{File: t.set.Source, Reason: "its checksums are not those of the data set that " + dir +
			" was trained on"}
	}
	return t, nil
}

const perSynapse = "heterogeneous"

func (t *trained) readGrid(c *cli.Context, dir string, keep func(train.Config) bool) (map[string]string, error) {
	g, folder, err := finishedGrid(c, dir)
	if err != nil {
		return nil, err
	}
	records, err := chosen(c, g.Records)
	if err != nil {
		return nil, err
	}
	points := folder.Points()
	for _, r := range records {
		at := slices.IndexFunc(points, func(p grid.Point) bool { return p.ID == r.ID })
		if at < 0 || r.Status != store.Done || r.Noise != perSynapse || !keep(points[at].Config) {
			continue
		}
		state, err := folder.Network(r.ID)
		if err != nil {
			return nil, err
		}
		t.networks = append(t.networks, analysis.Network{ID: r.ID, Config: points[at].Config, State: state})
	}
	return g.Environment.DataSHA256, nil
}

func (t *trained) readRun(c *cli.Context, dir string, keep func(train.Config) bool) (map[string]string, error) {
	if c.IsSet("points") {
		return nil, usage("--points goes with the folder of a grid, which %s is not", dir)
	}
	folder, config, err := viewRun(c, dir)
	if err != nil {
		return nil, err
	}
	defer folder.Close()
	environment, err := folder.ReadEnvironment()
	if err != nil {
		return nil, err
	}
	if config.Noise != perSynapse || !keep(config) {
		return environment.DataSHA256, nil
	}
	state, err := lastCheckpoint(c, folder)
	if err != nil {
		return nil, err
	}
	t.networks = []analysis.Network{{ID: filepath.Base(filepath.Clean(dir)), Config: config, State: state}}
	return environment.DataSHA256, nil
}

// measure computes the patterns of the networks, with a bar on a terminal.
func (t *trained) measure(c *cli.Context, epochs int) (*analysis.Patterns, error) {
	bar := newBar(c.App.ErrWriter)
	defer bar.close()
	progress := func(done, steps int) { bar.show(float64(done)/float64(steps), -1, "gradients") }
	return analysis.MeasurePatterns(c.Context, t.set, t.networks, epochs, bootstrap(c), progress)
}

// printSlopes writes the table of slopes for people.
func printSlopes(out io.Writer, rows []analysis.SignatureSlope) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "hidden\trho\tc\tseed\tlayer\tsignature\tslope\t95 % interval\tr\tanalytic\tsigma^2 / Eq. 66")
	for _, r := range rows {
		fmt.Fprintf(w, "%s\t%s\t%.4g\t%d\t%d\t%s\t%s\t[%s, %s]\t%s\t%s\t%s\n", r.Hidden, r.Rho, r.C, r.Seed, r.Layer,
			r.Signature,
			known(r.Value, 3), known(r.Low, 3), known(r.High, 3), known(r.Correlation, 2), known(r.Analytic, 3),
			known(r.VarianceRatio, 2))
	}
	return w.Flush()
}

// known writes a number, or a dash for NaN.
func known(x float64, digits int) string {
	if math.IsNaN(x) {
		return "-"
	}
	return fmt.Sprintf("%.*f", digits, x)
}
