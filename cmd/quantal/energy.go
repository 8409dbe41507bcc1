package main

import (
	"errors"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"quantal/analysis"
	"quantal/grid"
	"quantal/synapse"
	"quantal/train"
)

func energyCommand() *cli.Command {
	return &cli.Command{
		Name:      "energy",
		Usage:     "the vesicles and the ATP that trained synapses would need",
		UsageText: "quantal energy RUN|GRID/ID|GRID [--mechanism calcium] [--hold n=10|p=0.5] [--out FOLDER] [--json]",
		Description: "For each network with noise, the number of vesicles n, release probability p and\n" +
			"quantal size q that the mean and the standard deviation of each synapse need.\n" +
			"Two moments do not give three numbers: one is held. Then the ATP of a presynaptic\n" +
			"spike, and of an image of the test set, with each unit at its mean rate. energy.csv\n" +
			"and energy.jsonl have a row for each network and layer; pictures have the\n" +
			"distributions. Of a GRID, energy-networks has the ATP of each network, over c and\n" +
			"over the accuracy. `go doc quantal/synapse` has equations and constants, with sources.",
		Flags: []cli.Flag{
			mechanismFlag(), holdFlag(),
			&cli.Float64Flag{Name: "spikes", Value: 1,
				Usage: "spikes of a unit for an image and unit of activation; inputs below 0 count by their size"},
			&cli.Float64Flag{Name: "quantum", Usage: "weight of a vesicle of the usual size",
				DefaultText: "the mean |mu| of the network"},
			&cli.StringFlag{Name: "points", Usage: "ids of a grid's points, separated by commas",
				DefaultText: "all that have noise"},
			&cli.StringFlag{Name: "out", Usage: "`FOLDER` for tables and pictures",
				DefaultText: analysisFolder + " in the run or grid folder"},
			&cli.StringFlag{Name: "data", Usage: "where the data set is now, if it has moved: a `FOLDER`",
				DefaultText: "as the networks"},
			&cli.IntFlag{Name: "threads", Usage: "threads on the CPU", DefaultText: "all processors"},
			jsonFlag(),
		},
		Action: func(c *cli.Context) error {
			dir, err := oneArgument(c, "the run, grid or GRID/ID")
			if err != nil {
				return err
			}
			plan, err := energyPlan(c)
			if err != nil {
				return &usageError{err}
			}
			r, silent := reading(c), 0
			r.Device = "cpu"
			r.Keep = func(c train.Config) bool {
				if c.Noise == "none" {
					silent++
				}
				return c.Noise != "none"
			}
			t, err := analysis.ReadTrained(c.Context, dir, r)
			if err != nil {
				return settingsUsage(err)
			}
			switch {
			case len(t.Networks) == 0 && silent > 0:
				return fmt.Errorf("quantal: %s: without noise, sigma is 0, and each synapse would need certain release, "+
					"p = 1, or vesicles without end: want a network with noise", dir)
			case len(t.Networks) == 0:
				return fmt.Errorf("quantal: %s: no network has finished", dir)
			case silent > 0:
				logger(c).Warn("networks without noise are left out: their synapses would need certain release",
					"networks", silent)
			}
			energies, err := analysis.MeasureEnergy(c.Context, t.Set, t.Networks, plan)
			if err != nil {
				return settingsUsage(err)
			}
			out := c.String("out")
			if out == "" {
				out = filepath.Join(dir, analysisFolder)
				if grid, id, ok := grid.Locate(dir); ok { // not over the tables of the whole grid
					out = filepath.Join(grid, analysisFolder, id)
				}
			}
			files, err := energies.Save(out)
			if err == nil && len(t.Records) > 1 {
				var overview []string
				overview, err = energies.SaveOverview(out, t.Records)
				files = append(files, overview...)
			}
			if err != nil {
				return err
			}
			if c.Bool("json") {
				return printJSON(c, struct {
					*analysis.Energies
					Files []string `json:"files"`
				}{energies, files})
			}
			if err := printEnergies(c.App.Writer, energies); err != nil {
				return err
			}
			_, err = fmt.Fprintf(c.App.Writer, "\nwritten to %s\n", out)
			return err
		},
	}
}

// settingsUsage makes a mistake in what is asked for one of usage.
func settingsUsage(err error) error {
	var settings *train.SettingsError
	if errors.As(err, &settings) {
		return usage("--%w", err)
	}
	return err
}

// energyPlan reads the flags.
func energyPlan(c *cli.Context) (analysis.EnergyPlan, error) {
	p := analysis.EnergyPlan{Spikes: c.Float64("spikes"), Quantum: c.Float64("quantum"), Threads: c.Int("threads")}
	above := func(v float64) bool { return v > 0 && !math.IsInf(v, 0) }
	if !above(p.Spikes) {
		return p, fmt.Errorf("--spikes %g: want a number above 0", p.Spikes)
	}
	if c.IsSet("quantum") && !above(p.Quantum) {
		return p, fmt.Errorf("--quantum %g: want a weight above 0", p.Quantum)
	}
	err := releasePlan(c, &p)
	return p, err
}

// mechanismFlag and holdFlag say which releases synapses need.
func mechanismFlag() cli.Flag {
	return &cli.StringFlag{Name: "mechanism", Usage: "calcium, membrane, actin or trafficking",
		DefaultText: "the one that the network pays for"}
}

func holdFlag() cli.Flag {
	return &cli.StringFlag{Name: "hold", Usage: "`n=N or p=P`, the same at all synapses",
		DefaultText: fmt.Sprintf("n=%g for calcium, p=%g for the others", synapse.TypicalN, synapse.TypicalP)}
}

// releasePlan reads these flags.
func releasePlan(c *cli.Context, p *analysis.EnergyPlan) error {
	above := func(v float64) bool { return v > 0 && !math.IsInf(v, 0) }
	if c.IsSet("mechanism") {
		m, err := synapse.NamedMechanism(c.String("mechanism"))
		if err != nil {
			return fmt.Errorf("--%w", err)
		}
		p.Mechanism = &m
	}
	if !c.IsSet("hold") {
		return nil
	}
	text := c.String("hold")
	name, value, _ := strings.Cut(text, "=")
	v, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
	held, known := map[string]synapse.Parameter{"n": synapse.N, "p": synapse.P}[strings.TrimSpace(name)]
	if err != nil || !known || !above(v) || held == synapse.P && v >= 1 {
		return fmt.Errorf("--hold %q: want n=N with N above 0, or p=P with P between 0 and 1, such as n=10", text)
	}
	p.Held, p.Value = &held, v
	return nil
}

// printEnergies writes tables for people: of one network in detail, of several a row for each layer.
func printEnergies(out io.Writer, e *analysis.Energies) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	few := func(v float64) string { return fmt.Sprintf("%.3g", v) }
	if len(e.Networks) == 1 {
		printEnergy(w, e.Networks[0], few)
	} else {
		fmt.Fprintf(w, "layer  median n  median p  median |q|  n < 1  p > %g  q < 0  ATP/image\n", synapse.NearCertain)
		for _, n := range e.Networks {
			fmt.Fprintf(w, "%s, %s\n", n.ID, strings.Split(heldText(n), " (")[0])
			for _, l := range n.Layers {
				percent := func(of int) float64 { return 100 * float64(of) / float64(l.Inputs*l.Outputs) }
				fmt.Fprintf(w, "%5d  %8s  %8s  %10s  %3.0f %%  %6.0f %%  %3.0f %%  %9s\n", l.Layer, few(l.N.Median),
					few(l.P.Median), few(l.Q.Median), percent(l.BelowOne), percent(l.NearCertain), percent(l.Inhibitory),
					few(l.PerImage.Total()))
			}
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if len(e.Networks) > 1 {
		fmt.Fprintln(out)
	}
	_, err := fmt.Fprintf(out, "Spikes of a unit for an image: %g times its mean |activation|. Constants and\n"+
		"their sources: `go doc quantal/synapse`, or --json.\n", e.Spikes)
	return err
}

func printEnergy(w io.Writer, n analysis.NetworkEnergy, few func(float64) string) {
	mechanism := ""
	if n.Mechanism != "" {
		mechanism = "mechanism " + n.Mechanism + ", "
	}
	fmt.Fprintf(w, "%s\n%s%s\na quantum is a weight of %.3g\n\n", n.ID, mechanism, heldText(n), n.Quantum)
	fmt.Fprint(w, "layer\t\t5 %\t25 %\tmedian\t75 %\t95 %\t\n")
	for _, l := range n.Layers {
		for i, q := range []analysis.Quantiles{l.N, l.P, l.Q} {
			fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\t%s\t%s\t\n", l.Layer, [...]string{"n", "p", "|q|"}[i], few(q.P05), few(q.P25),
				few(q.Median), few(q.P75), few(q.P95))
		}
	}
	fmt.Fprintf(w, "\nlayer\tsynapses\tq below 0\tn below 1\tp above %g\tmean 0\tspikes per input\t\n",
		synapse.NearCertain)
	for _, l := range n.Layers {
		fmt.Fprintf(w, "%d\t%d\t%d\t%d\t%d\t%d\t%s\t\n", l.Layer, l.Inputs*l.Outputs, l.Inhibitory, l.BelowOne,
			l.NearCertain, l.Silent, few(l.Rate))
	}
	fmt.Fprint(w, "\nATP\tpostsynaptic\ttransmitter\tcalcium\tvesicle cycle\tall\t\n")
	row := func(name string, e synapse.Energy) {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t\n", name, few(e.Postsynaptic), few(e.Transmitter), few(e.Calcium),
			few(e.Cycle), few(e.Total()))
	}
	for _, l := range n.Layers {
		row(fmt.Sprintf("layer %d, spike", l.Layer), l.PerSpike)
	}
	for _, l := range n.Layers {
		row(fmt.Sprintf("layer %d, image", l.Layer), l.PerImage)
	}
	row("network, image", n.PerImage)
	fmt.Fprintln(w)
}

// heldText says which of n and p is held.
func heldText(n analysis.NetworkEnergy) string {
	if math.IsNaN(n.Value) {
		return "n, p and q as learned"
	}
	return fmt.Sprintf("%s held at %g (%s)", n.Held, n.Value, sourceName(n.Source))
}

// sourceName is a source without its volume and pages.
func sourceName(source string) string {
	name, _, _ := strings.Cut(source, ", J ")
	name, _, _ = strings.Cut(name, ", Neuron")
	return name
}
