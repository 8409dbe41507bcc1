package train

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"quantal/internal/input"
	"quantal/internal/sentence"
	"quantal/internal/setting"
	"quantal/mnist"
	"quantal/results/store"
)

// Network is a trained network from the folder of a run or a grid.
type Network struct {
	ID     string // in tables
	Config Config
	State  *store.Checkpoint

	Folder string            // of the run or the grid
	Data   map[string]string // SHA-256 of the files of its data set; nil if the folder does not say
	store.Times
}

// ReadNetwork reads the network of a run folder from the last valid checkpoint, and reports newer ones that are not
// valid. A missing folder gives a store.MissingError, one without a checkpoint store.ErrNoCheckpoint.
func (h Host) ReadNetwork(dir string) (*Network, error) {
	folder, err := store.View(dir)
	if err != nil {
		return nil, err
	}
	defer folder.Close()
	n := &Network{ID: filepath.Base(filepath.Clean(dir)), Folder: dir}
	if n.Config, err = h.ReadConfig(folder); err != nil {
		return nil, err
	}
	if n.State, err = h.LastCheckpoint(folder); err != nil {
		return nil, fmt.Errorf("train: %s: %w", dir, err)
	}
	n.Times = h.timesAt(folder, n.State.Step)
	n.Data, err = trainedOn(folder)
	return n, err
}

// OpenData opens the data set of the network, perhaps under another name, and checks that it is the one on which the
// network was trained.
func (n *Network) OpenData(ctx context.Context, h Host) (*mnist.Set, error) {
	set, err := h.OpenData(ctx, n.Config)
	if err != nil {
		return nil, err
	}
	return set, h.sameData(n.Folder, n.Data, set)
}

// Reopen is the run of the network, at its present step. A mistake in settings is a SettingsError.
func (n *Network) Reopen(ctx context.Context, set *mnist.Set) (*Run, error) {
	run, err := prepare(ctx, set, n.Config)
	if err != nil {
		return nil, err
	}
	if err := run.Resume(n.Times, n.State); err != nil {
		return nil, errors.Join(err, run.Close())
	}
	return run, nil
}

// trainedOn is the SHA-256 of the files that a run was trained on; nil if the folder does not say.
func trainedOn(folder *store.Folder) (map[string]string, error) {
	e, err := folder.ReadEnvironment()
	if errors.Is(err, fs.ErrNotExist) { // the process that began the run was killed before it wrote that
		return nil, nil
	}
	return e.DataSHA256, err
}

// sameData checks that a data set is that of a folder.
func (h Host) sameData(dir string, sums map[string]string, set *mnist.Set) error {
	switch {
	case sums == nil:
		h.Logger().Warn("the run does not record its data set: used unchecked", "missing",
			filepath.Join(dir, store.EnvironmentName), "data", set.Source)
	case !maps.Equal(sums, set.SHA256):
		return &mnist.DataError{File: set.Source, Reason: "its checksums are not those of the data set that " + dir +
			" was trained on"}
	}
	return nil
}

// ReadConfig reads the settings of a run. A missing one is reported, and has the value that it had before it could be
// set.
func (h Host) ReadConfig(folder *store.Folder) (Config, error) {
	data, err := store.ReadFile(folder.Path(store.ConfigName), input.Settings)
	if err != nil {
		return Config{}, err
	}
	return h.DecodeConfig(folder.Path(store.ConfigName), data)
}

// DecodeConfig is ReadConfig of the content of the file at a path.
func (h Host) DecodeConfig(path string, data []byte) (Config, error) {
	config := Before()
	missing, err := store.DecodeRunConfig(path, data, config.Settings())
	if err != nil {
		return config, err
	}
	missing = slices.DeleteFunc(missing, func(s setting.Setting) bool { return s.Before != "" })
	if len(missing) > 0 {
		h.Logger().Info("a setting that the run does not have has its value from before it could be set",
			"run", filepath.Dir(path), "settings", strings.Join(missing.Names(), ","))
	}
	if err := config.Check(); err != nil {
		return config, &store.CorruptError{Path: path, Reason: sentence.Of(err)}
	}
	return config, nil
}

// LastCheckpoint reads the last valid checkpoint of a run, and names newer ones that cannot be read and what is used
// instead.
func (h Host) LastCheckpoint(folder *store.Folder) (*store.Checkpoint, error) {
	checkpoint, skipped, err := folder.LastCheckpoint()
	for _, s := range skipped {
		if checkpoint == nil {
			h.Logger().Warn("checkpoint skipped, there is none before it", "reason", s)
		} else {
			h.Logger().Warn("checkpoint skipped, taking an earlier one", "reason", s, "step", checkpoint.Step)
		}
	}
	return checkpoint, err
}

// timesAt is the time that a run had taken at a step. Only a report depends on it.
func (h Host) timesAt(folder *store.Folder, step int) store.Times {
	times, err := folder.Times(step)
	if err != nil {
		h.Logger().Warn("the time that the run has taken so far is not known", "reason", err)
	}
	return times
}
