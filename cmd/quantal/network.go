package main

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"path/filepath"
	"reflect"

	"github.com/urfave/cli/v2"

	"quantal/analysis"
	"quantal/dynamics"
	"quantal/train"
)

// networkFolder is the run folder, in that of an experiment, of the network that the experiment trains first.
const networkFolder = "network"

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
	if s.Network != "" {
		folder, config, err := viewRun(c, s.Network)
		if err != nil {
			return err
		}
		if err := folder.Close(); err != nil {
			return err
		}
		s.Training = config
	} else if c.Bool("quick") {
		*s = s.Quick()
	}
	if c.IsSet("data") {
		var err error
		if s.Training.Data, err = dataName(c.String("data")); err != nil {
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

// startNetwork reads the network that an experiment starts from, or trains it in the experiment's run folder.
func startNetwork(c *cli.Context, s dynamics.Start) (*dynamics.Network, error) {
	dir := s.Network
	if dir == "" {
		out, err := experimentFolder(c)
		if err != nil {
			return nil, err
		}
		dir = filepath.Join(out, networkFolder)
		if err := trainOnce(c, s.Training, dir); err != nil {
			return nil, err
		}
	}
	folder, config, err := viewRun(c, dir)
	if err != nil {
		return nil, err
	}
	defer folder.Close()
	s.Training.Normalise, s.Training.Classes = config.Normalise, config.Classes // as the network was trained
	set, err := openRunData(c, folder, s.Training.Data, s.Training.Classes)
	if err != nil {
		return nil, err
	}
	state, err := lastCheckpoint(c, folder)
	if err != nil {
		return nil, err
	}
	return &dynamics.Network{Set: set, Network: analysis.Network{ID: filepath.Base(filepath.Clean(dir)),
		Config: s.Training, State: state}}, nil
}

// trainOnce trains a network in a run folder, unless an experiment that was interrupted has done so before.
func trainOnce(c *cli.Context, config train.Config, dir string) error {
	set, err := openData(c, config.Data, config.Classes)
	if err != nil {
		return err
	}
	if finished, err := trainedAlready(c, dir, config); finished || err != nil {
		return err
	}
	_, err = startRun(c, config, set, dir)
	return err
}

// trainedAlready reports whether a folder holds the finished run of a configuration, on whatever device.
func trainedAlready(c *cli.Context, dir string, config train.Config) (bool, error) {
	folder, earlier, err := viewRun(c, dir)
	var missing *missingError
	if errors.As(err, &missing) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer folder.Close()
	earlier.Device, earlier.Threads = config.Device, config.Threads
	earlier.Normalise = config.Normalise // an experiment takes what the network has
	var summary train.Summary
	err = folder.ReadSummary(&summary)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil && reflect.DeepEqual(earlier, config), err
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
			network, err := startNetwork(c, start)
			if err != nil {
				return dynamics.Findings[Summary, Row]{}, err
			}
			if err := claimNetwork(c, p, network); err != nil {
				return dynamics.Findings[Summary, Row]{}, err
			}
			return run(ctx, network, p)
		}, print)
}

// claimNetwork makes sure that what is kept of an experiment is of this network: that of a run folder may have been
// trained on.
func claimNetwork(c *cli.Context, job dynamics.Job, n *dynamics.Network) error {
	sum := sha256.New()
	for _, values := range [][]float32{n.State.State.Mu, n.State.State.Phi} {
		if err := binary.Write(sum, binary.LittleEndian, values); err != nil {
			return err
		}
	}
	dropped, err := job.Parts.Claim("network", hex.EncodeToString(sum.Sum(nil)))
	if dropped {
		logger(c).Warn("what was kept is of another network: starting from the beginning", "network", n.ID)
	}
	return err
}
