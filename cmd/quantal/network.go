package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"quantal/graph"
	"quantal/internal/memory"
	"quantal/kernels"
	"quantal/kernels/cpu"
)

func networkCommand() *cli.Command {
	return &cli.Command{
		Name:  "network",
		Usage: "the layers of a network, their sizes and synapses",
		UsageText: "quantal network 'conv 16 5x5 relu, pool 2, conv 32 5x5 relu, pool 2, dense 100 relu, dense'\n" +
			"quantal network lenet5 [--input 3x32x32] [--outputs 100] [--json]\n" +
			"quantal network --list",
		Description: "Reads what `quantal train --network` takes. Each layer reads the one before it:\n" +
			"dense N              N neurons that read everything; the last is dense, and the data say N\n" +
			"conv N RxC           N filters of R rows and C columns; stride S, pad P (zeros around the picture)\n" +
			"pool N, pool RxC     the largest of each window, or with average their mean; stride S\n" +
			"add NAME ...         the sum of the layer before it and of others\n" +
			"A layer may have an activation (" + strings.Join(activationNames(), ", ") + "), but\n" +
			"for pools; be called, as NAME; and read another, from NAME, or from input. Filters are applied at\n" +
			"every position with the same synapses: unlike in the brain, a synapse is in many places. Its cost is\n" +
			"paid once, or at each with --cost-per position. mlp-100-100 is dense layers of these sizes, with\n" +
			"rectifiers. In TOML a network is the same text, or a list: network = [\"conv 16 5x5 relu\", \"dense\"].\n" +
			"A grid varies it by name, --vary network=lenet5,mlp-100-100, or with semicolons between texts,\n" +
			"--vary 'network=lenet5; conv 16 5x5 relu, dense'.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "input", Value: "1x28x28",
				Usage: "what it reads: `CHANNELSxROWSxCOLUMNS`, or a number of values"},
			&cli.IntFlag{Name: "outputs", Value: 10, Usage: "`NUMBER` of outputs"},
			&cli.BoolFlag{Name: "list", Usage: "the networks that have a name"},
			jsonFlag(),
		},
		Action: func(c *cli.Context) error {
			if c.Bool("list") {
				if c.Args().Present() {
					return usage("network: --list goes with no network")
				}
				return listNetworks(c)
			}
			text, err := oneArgument(c, "a network, as in 'conv 16 5x5 relu, pool 2, dense', or its name")
			if err != nil {
				return err
			}
			return describeNetwork(c, text)
		},
	}
}

func activationNames() (names []string) {
	for _, a := range kernels.Activations()[1:] {
		names = append(names, a.String())
	}
	return names
}

func listNetworks(c *cli.Context) error {
	all := graph.NetworkNames()
	if c.Bool("json") {
		return printJSON(c, all)
	}
	w := tabwriter.NewWriter(c.App.Writer, 0, 0, 2, ' ', 0)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		fmt.Fprintf(w, "%s\t%s\n", name, all[name])
	}
	return w.Flush()
}

// layerRow is a layer of a network for people and programs.
type layerRow struct {
	Layer       string `json:"layer"`
	Output      string `json:"output"` // channels x rows x columns, or units
	Synapses    int    `json:"synapses"`
	Connections int    `json:"connections"` // synapses, counted at every position
}

func describeNetwork(c *cli.Context, text string) error {
	in, err := parseInput(c.String("input"))
	if err != nil {
		return err
	}
	if c.Int("outputs") < 1 {
		return usage("--outputs %d: want 1 or more", c.Int("outputs"))
	}
	n, err := graph.ParseNetwork(text)
	if err != nil {
		return &usageError{err}
	}
	shaped, err := n.Shape(in, c.Int("outputs"))
	if err != nil {
		return &usageError{err}
	}
	rows, total := []layerRow{}, layerRow{Layer: "all"}
	for _, s := range shaped {
		r := layerRow{s.Node.String(), s.Output.String(), s.Synapses(), s.Synapses() * s.Output.Positions()}
		if s.Output.Positions() == 1 {
			r.Output = fmt.Sprint(s.Output.Channels)
		}
		rows = append(rows, r)
		total.Synapses += r.Synapses
		total.Connections += r.Connections
	}
	p, err := graph.CompileSpec(graph.Spec{Sizes: []int{in.Units(), c.Int("outputs")}, Network: n, Input: in,
		Batch: networkBatch, Costs: graph.PaperCosts(kernels.PerSynapse)}, kernels.DefaultAdam())
	if err != nil {
		return &usageError{err}
	}
	bytes := cpu.Memory(p, 1, 1)
	if c.Bool("json") {
		return printJSON(c, struct {
			Network     string     `json:"network"`
			Layers      []layerRow `json:"layers"`
			Synapses    int        `json:"synapses"`
			Connections int        `json:"connections"`
			Memory      float64    `json:"memory_bytes"` // of a processor
		}{n.String(), rows, total.Synapses, total.Connections, bytes})
	}
	if err := printLayers(c.App.Writer, c.String("input"), append(rows, total)); err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.App.Writer, "\nTraining and testing it take %s: on a processor, with one thread and "+
		"minibatches of %d.\n", memory.Text(bytes), networkBatch)
	return err
}

// networkBatch is the size of minibatches for which memory is said: that of the published preset.
const networkBatch = 20

func printLayers(out io.Writer, input string, rows []layerRow) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "Layer\tOutput\tSynapses\tConnections\ninput\t%s\t\t\n", input)
	for _, r := range rows {
		fmt.Fprintf(w, "%s\t%s\t%d\t%d\n", r.Layer, r.Output, r.Synapses, r.Connections)
	}
	return w.Flush()
}

// parseInput reads 1x28x28 or 784.
func parseInput(text string) (graph.Input, error) {
	var of []int
	for part := range strings.SplitSeq(text, "x") {
		var n int
		if _, err := fmt.Sscanf(part, "%d", &n); err != nil || n < 1 || n > 1<<16 || fmt.Sprint(n) != part {
			of = nil
			break
		}
		of = append(of, n)
	}
	switch len(of) {
	case 1:
		return graph.Row(of[0]), nil
	case 3:
		return graph.Input{Picture: kernels.Picture{Channels: of[0], Height: of[1], Width: of[2]},
			Arrangement: kernels.ByPlane}, nil
	}
	return graph.Input{}, usage("--input %q: want channels x rows x columns, as in 1x28x28, or a number of values", text)
}
