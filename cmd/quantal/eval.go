package main

import (
	"github.com/urfave/cli/v2"

	"quantal/grid"
)

func evalCommand() *cli.Command {
	return &cli.Command{
		Name:      "eval",
		Usage:     "test the network of a run's last checkpoint, or one of a grid",
		UsageText: "quantal eval RUN|GRID/ID [--data DIR] [--draws 20] [--draw example] [--json]",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "data", Usage: "the present place of the run's data set, if it has moved: a `FOLDER`",
				DefaultText: "as the run"},
			&cli.StringFlag{Name: "draws", Usage: "draws of the weights for the predictive figures", DefaultText: "as the run"},
			&cli.StringFlag{Name: "draw", Usage: "which examples share a draw of the weights: those of a minibatch (20) or " +
				"none, example", DefaultText: "as the run"},
			&cli.StringFlag{Name: "device", Usage: "auto, cpu, cuda or cuda:N", DefaultText: "as the run"},
			&cli.StringFlag{Name: "threads", Usage: "threads on the CPU", DefaultText: "as the run"},
			jsonFlag(),
		},
		Action: func(c *cli.Context) error {
			dir, err := oneArgument(c, "the run folder")
			if err != nil {
				return err
			}
			network, err := grid.ReadNetwork(host(c), dir)
			if err != nil {
				return err
			}
			trained := network.Config.Draw
			if err := changeSettings(c, &network.Config); err != nil {
				return err
			}
			draw := network.Config.Draw
			network.Config.Draw = trained
			set, err := network.OpenData(c.Context, host(c))
			if err != nil {
				return err
			}
			run, err := network.Reopen(c.Context, set)
			if err != nil {
				return err
			}
			defer func() { _ = run.Close() }()
			if draw != trained {
				if err := run.TestPer(draw); err != nil {
					return err
				}
			}
			summary, err := run.Summarise(c.Context, run.Networks[0].Draws)
			if err != nil {
				return err
			}
			summary.RunFolder = dir
			return printOutcome(c, summary)
		},
	}
}
