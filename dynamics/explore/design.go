package explore

import (
	"context"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"quantal/dynamics"
)

// Experiment is the experiment as a value.
func Experiment() dynamics.Experiment {
	return dynamics.Design[Config, Summary, Row]{
		Help: dynamics.Help{
			Name:  "explore",
			Usage: "noise on synapses as exploration in reinforcement learning, against noise on actions and none",
			UsageText: "quantal dynamics explore [--out FOLDER] [--quick] [--json]\n" +
				"quantal dynamics explore --explorer synapses,softmax,greedy --sizes 10,20 --episodes 1000",
			Description: "Agents learn the values of actions on a contextual bandit and in deep sea, a grid with\n" +
				"one far reward. They differ in where their noise is: on synapses with a learned sigma\n" +
				"each (synapses), a fixed one (frozen) or one that falls on schedule (linear, falling),\n" +
				"on actions (softmax, epsilon), or nowhere (greedy). The strength of each noise is chosen on other agents.\n" +
				"`go doc quantal/dynamics/explore` has the equations.",
		},
		Default:  func() (Config, error) { return DefaultConfig(), nil },
		Settings: (*Config).Settings,
		// The portable kernels, in 64-bit floats, whatever the processor.
		Kernels: func() (string, error) { return "portable", nil },
		About: func(c Config) []any {
			return []any{"sizes", strings.Trim(fmt.Sprint(c.Sizes), "[]"), "episodes", c.Episodes, "choices", c.Choices,
				"seeds", c.Seeds}
		},
		Run: func(ctx context.Context, c Config, _ *dynamics.Network, job dynamics.Job) (Findings, error) {
			return Run(ctx, c, job)
		}, Print: printTables,
	}.Experiment()
}

// printTables writes what came out, for a person.
func printTables(out io.Writer, f Findings) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "world\tnoise\thow much\treturn of an episode\tin the last tenth\tregret\tmet the reward\tlearned it")
	for _, o := range f.Summary.Outcomes {
		world := o.World
		if o.Size > 0 {
			world = fmt.Sprintf("%s of %d", o.World, o.Size)
		}
		fmt.Fprintf(w, "%s\t%s\t%g\t%.3f ± %.3f\t%.3f ± %.3f\t%.3f ± %.3f", world, o.Explorer, o.Strength,
			o.Return, o.ReturnHalfWidth, o.Late, o.LateHalfWidth, o.Regret, o.RegretHalfWidth)
		if r := o.FarReward; r != nil {
			fmt.Fprintf(w, "\t%d of %d\t%d", r.Found, o.Agents, r.Learned)
		}
		fmt.Fprintln(w)
	}
	fmt.Fprintln(w, "\ndepth to which agents meet the reward\tat least half\tnine in ten")
	for _, d := range f.Summary.Depths {
		fmt.Fprintf(w, "%s\t%d\t%d\n", d.Explorer, d.Half, d.NineTenths)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(out, "\n%.1f s\n", f.Summary.Seconds)
	return err
}
