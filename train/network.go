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

	"quantal/internal/setting"
	"quantal/mnist"
	"quantal/results/store"
)

// Network is a trained network, as the folder of a run or a grid keeps it.
type Network struct {
	ID     string // in tables
	Config Config
	State  *store.Checkpoint

	Folder string            // of the run or the grid
	Data   map[string]string // SHA-256 of the files of its data set; nil if the folder does not say
	store.Times
}

// ReadNetwork reads the network of a run folder as it is in the last good checkpoint, and says which newer ones are
// not. A folder that is not there gives a store.MissingError, one without a checkpoint store.ErrNoCheckpoint.
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

// OpenData opens the data set of the network, or where it is now by another name, and makes sure that it is the one
// that the network was trained on.
func (n *Network) OpenData(ctx context.Context, h Host) (*mnist.Set, error) {
	set, err := h.OpenData(ctx, n.Config)
	if err != nil {
		return nil, err
	}
	return set, h.sameData(n.Folder, n.Data, set)
}

// Reopen is the run of the network, where it stands. A mistake in settings is a SettingsError.
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

// sameData makes sure that a data set is that of a folder.
func (h Host) sameData(dir string, sums map[string]string, set *mnist.Set) error {
	switch {
	case sums == nil:
		h.Logger().Warn("the run does not say what its data set was: taken as it is", "missing",
			filepath.Join(dir, store.EnvironmentName), "data", set.Source)
	case !maps.Equal(sums, set.SHA256):
		return &mnist.DataError{File: set.Source, Reason: "its checksums are not those of the data set that " + dir +
			" was trained on"}
	}
	return nil
}

// ReadConfig reads the settings of a run. One that is missing is said, and has the value that it had before it could be
// set.
func (h Host) ReadConfig(folder *store.Folder) (Config, error) {
	config := Before()
	missing, err := folder.ReadConfig(config.Settings())
	if err != nil {
		return config, err
	}
	missing = slices.DeleteFunc(missing, func(s setting.Setting) bool { return s.Before != "" })
	if len(missing) > 0 {
		h.Logger().Info("a setting that the run does not have is as it was before it could be set", "run", folder.Path(""),
			"settings", strings.Join(missing.Names(), ","))
	}
	if err := config.Check(); err != nil {
		return config, &store.CorruptError{Path: folder.Path(store.ConfigName), Reason: err.Error()}
	}
	return config, nil
}

// LastCheckpoint reads the last good checkpoint of a run, and names newer ones that cannot be read and what is taken in
// their place.
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

// timesAt is what a run had taken at a step. Nothing but a report depends on it.
func (h Host) timesAt(folder *store.Folder, step int) store.Times {
	times, err := folder.Times(step)
	if err != nil {
		h.Logger().Warn("what the run has taken so far is not known", "reason", err)
	}
	return times
}
