package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"quantal/dynamics"
	"quantal/dynamics/explore"
)

func exploreCommand() *cli.Command {
	return &cli.Command{
		Name:  "explore",
		Usage: "noise on synapses as exploration in reinforcement learning, against noise on actions and none",
		UsageText: "quantal dynamics explore [--out FOLDER] [--quick] [--json]\n" +
			"quantal dynamics explore --explorer synapses,softmax,greedy --sizes 10,20 --episodes 1000",
		Description: "Agents learn the values of actions on a contextual bandit and in deep sea, a grid with one far reward. They differ in where\n" +
			"their noise is: on synapses with a learned sigma each (synapses) or a fixed one (frozen), on actions (softmax, epsilon), or nowhere\n" +
			"(greedy). How much noise each has is chosen on agents of their own. `go doc quantal/dynamics/explore` has the " +
			"equations.",
		Flags: append([]cli.Flag{
			&cli.StringFlag{Name: "explorer", Usage: "strategies: a list of " + strings.Join(explore.Explorers(), ", "),
				DefaultText: "all"},
			&cli.StringFlag{Name: "sizes", Usage: "sizes of deep sea, a list", DefaultText: "5,7,10,12,15,20,25,30"},
			&cli.StringFlag{Name: "episodes", Usage: "episodes in deep sea", DefaultText: "2000"},
			&cli.StringFlag{Name: "contexts", Usage: "contexts of the bandit", DefaultText: "10"},
			&cli.StringFlag{Name: "arms", Usage: "its arms", DefaultText: "10"},
			&cli.StringFlag{Name: "choices", Usage: "episodes of the bandit", DefaultText: "2000"},
			&cli.StringFlag{Name: "seeds", Usage: "agents of each kind", DefaultText: "20"},
			&cli.StringFlag{Name: "untrained", Usage: "episodes of networks that have learned nothing, at each size",
				DefaultText: "20000"},
			&cli.StringFlag{Name: "rate", Usage: "learning rate", DefaultText: "0.03"},
			&cli.StringFlag{Name: "replay", Usage: "remembered steps in a minibatch", DefaultText: "20"},
		}, dynamicsFlags()...),
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return usage("explore: want flags only, got %q", c.Args().First())
			}
			config, err := exploreConfig(c)
			if err != nil {
				return err
			}
			logger(c).Info("explore", "sizes", strings.Trim(fmt.Sprint(config.Sizes), "[]"), "episodes", config.Episodes,
				"choices", config.Choices, "seeds", config.Seeds)
			// The portable kernels, in 64-bit floats, whatever the processor.
			return runExperiment(c, "cpu", "portable", config, func(ctx context.Context, p dynamics.Job) (explore.Findings,
				error) {
				return explore.Run(ctx, config, p)
			}, printExplore)
		},
	}
}

// exploreConfig puts the configuration together: defaults, the file on top, the flags on top of both.
func exploreConfig(c *cli.Context) (explore.Config, error) {
	config := explore.DefaultConfig()
	if c.String("config") != "" {
		config.Explorers = nil // the file's would be added to them
	}
	config, err := readConfig(c, config)
	if err != nil {
		return config, err
	}
	if config.Explorers == nil {
		config.Explorers = explore.DefaultConfig().Explorers
	}
	if c.IsSet("explorer") {
		if config.Explorers, err = explore.Named(strings.Split(c.String("explorer"), ",")); err != nil {
			return config, usage("--%w", err)
		}
	}
	if err := readNumbers(c,
		numberFlag{"seed", &config.Seed}, numberFlag{"threads", &config.Threads},
		numberFlag{"sizes", &config.Sizes}, numberFlag{"episodes", &config.Episodes},
		numberFlag{"contexts", &config.Contexts},
		numberFlag{"arms", &config.Arms}, numberFlag{"choices", &config.Choices}, numberFlag{"seeds", &config.Seeds},
		numberFlag{"untrained", &config.Untrained}, numberFlag{"rate", &config.Learner.Rate},
		numberFlag{"replay", &config.Learner.Replay},
	); err != nil {
		return config, err
	}
	return checked(c, config)
}

// printExplore writes what came out, for a person.
func printExplore(out io.Writer, f explore.Findings) error {
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
