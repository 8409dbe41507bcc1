package dynamics

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"path/filepath"
	"reflect"

	"quantal/grid"
	"quantal/internal/setting"
	"quantal/mnist"
	"quantal/results/store"
	"quantal/train"
)

// Start says from which network an experiment starts: that of a run folder, or otherwise one that it trains first; or
// from which ones, which differ only in the seed.
type Start struct {
	Network  string       // run folder or GRID/ID; empty for a network that the experiment trains
	Networks []string     // several of these
	Seeds    Seeds        // of networks that the experiment trains; none for one with the seed of Training
	Training train.Config // how these are trained; with a run folder, how its network was trained
}

// Quick trains a smaller network, on the built-in digits, in a few seconds.
func (s Start) Quick() Start {
	if len(s.paths()) == 0 {
		s.Training.Data, s.Training.Hidden, s.Training.Epochs, s.Training.LearningRate = "glyphs", []int{30, 30}, 2, 1e-3
		s.Training.SigmaInit = 0.02 // Adam would not move a smaller one far in so few steps
	}
	return s
}

// settings are those of experiments that start from a trained network: which, where its data are, and where it works.
func (s *Start) settings() setting.List {
	return append(setting.List{
		{Name: "data", Unset: "as RUN, else MNIST from the cache; glyphs with --quick",
			Help: "mnist, glyphs or a `FOLDER`: the data for training a network first, or the present place of RUN's data, if " +
				"they have moved",
			Read: func(text string) (err error) {
				s.Training.Data, err = mnist.FullName(text)
				return err
			}},
		{Name: "device", Unset: "auto", Help: "auto, cpu, cuda or cuda:N",
			Read: func(text string) error { s.Training.Device = text; return nil }},
		{Name: "seeds", Value: &s.Seeds, Several: ",", Unset: "one network",
			Help: "networks to train first, as 1-10 or 1,3,5: the experiment is made with each, and has means over them"},
		{Name: "network", Value: &s.Network}, {Name: "networks", Value: &s.Networks},
	}, s.Training.Settings().In("training")...)
}

// Network is a trained network, with the data it was trained on.
type Network struct {
	Set *mnist.Set
	train.Network
}

// NetworkFolder is the run folder, within that of an experiment, of the network that the experiment trains first.
const NetworkFolder = "network"

// ReadTraining reads how the networks of run folders were trained, if any are named, so that unusable settings are
// reported before anything is made.
func (s *Start) ReadTraining(h train.Host) error {
	all, err := s.trained(h)
	if err != nil || len(all) == 0 {
		return err
	}
	s.Training = all[0].Config
	return alike(all)
}

// trained is how the network of a path was trained, and the SHA-256 of the files of its data; nil if it is not known.
type trained struct {
	path string
	train.Config
	data map[string]string
}

// trained reads how the networks of run folders, or GRID/ID, were trained.
func (s *Start) trained(h train.Host) (all []trained, err error) {
	for _, path := range s.paths() {
		t := trained{path: path}
		if _, _, ok := grid.Locate(path); ok {
			n, err := grid.ReadNetwork(h, path)
			if err != nil {
				return nil, err
			}
			t.Config, t.data = n.Config, n.Data
		} else {
			folder, err := store.View(path)
			if err != nil {
				return nil, err
			}
			if t.Config, err = h.ReadConfig(folder); err != nil {
				return nil, errors.Join(err, folder.Close())
			}
			if e, err := folder.ReadEnvironment(); err == nil { // otherwise Open says so
				t.data = e.DataSHA256
			}
			if err := folder.Close(); err != nil {
				return nil, err
			}
		}
		if err := t.ChainOnly(path); err != nil {
			return nil, err
		}
		all = append(all, t)
	}
	return all, nil
}

// Open reads the network that an experiment starts from, or trains it in the experiment's run folder, unless that was
// done before the experiment was interrupted. After an interruption Open continues.
func (s Start) Open(ctx context.Context, h train.Host, runFolder string,
	watch func() (train.Events, func())) (*Network, error) {
	dir := s.Network
	if dir == "" {
		dir = filepath.Join(runFolder, NetworkFolder)
		if err := s.train(ctx, h, dir, watch); err != nil {
			return nil, err
		}
	}
	n, err := grid.ReadNetwork(h, dir)
	if err != nil {
		return nil, err
	}
	trained := n.Config
	n.Config = s.Training
	n.Config.Normalise, n.Config.Classes = trained.Normalise, trained.Classes // as the network was trained
	n.Config.Likelihood, n.Config.Target = trained.Likelihood, trained.Target
	if err := trained.Classifies(dir); err != nil {
		return nil, err
	}
	set, err := n.OpenData(ctx, h)
	return &Network{set, *n}, err
}

// train trains the network in its folder, continuing the work of an earlier process.
func (s Start) train(ctx context.Context, h train.Host, dir string, watch func() (train.Events, func())) error {
	run, err := s.begin(ctx, h, dir)
	if err != nil || run == nil {
		return err
	}
	defer run.Close()
	var events train.Events
	if watch != nil {
		var done func()
		events, done = watch()
		defer done()
	}
	summary, err := run.Finish(ctx, events)
	if err != nil {
		return err
	}
	unsettled, err := grid.UnsettledRun(run, summary)
	if unsettled != "" {
		h.Logger().Warn(unsettled)
	}
	return err
}

// begin prepares the training of the network; nil if it is done.
func (s Start) begin(ctx context.Context, h train.Host, dir string) (*train.Kept, error) {
	if folder, err := store.View(dir); err == nil { // otherwise nothing was written there yet
		defer folder.Close()
		earlier, err := h.ReadConfig(folder)
		if err != nil {
			return nil, err
		}
		earlier.Device, earlier.Threads = s.Training.Device, s.Training.Threads
		earlier.Normalise, earlier.Likelihood = s.Training.Normalise, s.Training.Likelihood // those of the network count
		if reflect.DeepEqual(earlier, s.Training) {
			if store.Finished(dir) {
				return nil, nil
			}
			return h.Continue(ctx, dir, func(c *train.Config) error {
				c.Device, c.Threads = s.Training.Device, s.Training.Threads
				return nil
			})
		}
	}
	set, err := h.OpenData(ctx, s.Training)
	if err != nil {
		return nil, err
	}
	return h.Begin(ctx, dir, set, s.Training)
}

// claim checks that the kept parts of an experiment belong to this network: that of a run folder may have been trained
// further.
func (n *Network) claim(h train.Host, job Job) error {
	sum := sha256.New()
	for _, values := range [][]float32{n.State.State.Mu, n.State.State.Phi} {
		if err := binary.Write(sum, binary.LittleEndian, values); err != nil {
			return err
		}
	}
	dropped, err := job.Parts.Claim("network", hex.EncodeToString(sum.Sum(nil)))
	if dropped {
		h.Logger().Warn("the kept parts are of another network: starting from the beginning", "network", n.ID)
	}
	return err
}
