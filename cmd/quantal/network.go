package main

import (
	"context"
	"io"

	"github.com/urfave/cli/v2"

	"quantal/dynamics"
	"quantal/mnist"
	"quantal/train"
)

// networkFlags are those of the experiments of dynamics that start from a trained network: dynamicsFlags, and where the
// data are.
func networkFlags() []cli.Flag {
	return append([]cli.Flag{
		&cli.StringFlag{Name: "data",
			Usage: "mnist, glyphs or a `FOLDER`: what a network is trained on first, or where the data of RUN are now, if " +
				"they have moved",
			DefaultText: "as RUN, else MNIST from the cache; glyphs with --quick"},
		&cli.StringFlag{Name: "device", Usage: "auto, cpu, cuda or cuda:N", DefaultText: "auto"},
	}, dynamicsFlags()...)
}

// applyStart puts the argument RUN and the flags of networkFlags into a Start that has the defaults of an experiment,
// and looks at the run, so that what cannot be used is said before anything is made.
func applyStart(c *cli.Context, s *dynamics.Start) error {
	if c.Args().Len() > 1 {
		return usage("%s: want at most one argument, the run folder of a trained network; got %d", c.Command.Name,
			c.Args().Len())
	}
	if c.Args().Present() {
		s.Network = c.Args().First()
	}
	if c.Bool("quick") {
		*s = s.Quick()
	}
	if err := s.ReadTraining(host(c)); err != nil {
		return err
	}
	if c.IsSet("data") {
		var err error
		if s.Training.Data, err = mnist.FullName(c.String("data")); err != nil {
			return err
		}
	}
	// Where it runs is the experiment's affair, not the run's.
	s.Training.Device, s.Training.Threads = "auto", c.Int("threads")
	if c.IsSet("device") {
		s.Training.Device = c.String("device")
	}
	return check(s.Training)
}

// runOnNetwork is runExperiment for an experiment on a trained network.
func runOnNetwork[Summary, Row any](c *cli.Context, start dynamics.Start, config any,
	run func(context.Context, *dynamics.Network, dynamics.Job) (dynamics.Findings[Summary, Row], error),
	print func(io.Writer, dynamics.Findings[Summary, Row]) error) error {
	device, err := train.ChooseDevice(start.Training.Device)
	if err != nil {
		return err
	}
	return runExperiment(c, device.Name, device.Kernels, config,
		func(ctx context.Context, p dynamics.Job) (dynamics.Findings[Summary, Row], error) {
			watch := newWatcher(c)
			network, err := start.Open(ctx, host(c), c.String("out"), watch.events())
			watch.close()
			if err == nil {
				err = network.Claim(host(c), p)
			}
			if err != nil {
				return dynamics.Findings[Summary, Row]{}, err
			}
			return run(ctx, network, p)
		}, print)
}
