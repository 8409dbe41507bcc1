package train

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"quantal/internal/memory"
	"quantal/kernels"
	"quantal/mnist"
	"quantal/results/store"
)

// Kept is a run of one network whose folder keeps its results: settings, environment, metrics, checkpoints, summary.
type Kept struct {
	*Run
	Folder *store.Folder
	host   Host
}

// Begin prepares a run from its beginning, in a folder that holds none yet. Mistakes in the settings that only the data
// set reveals are a SettingsError, and leave no folder.
func (h Host) Begin(ctx context.Context, dir string, set *mnist.Set, c Config) (*Kept, error) {
	c.Settle(set)
	run, err := prepare(ctx, set, c)
	if err != nil {
		return nil, err
	}
	folder, err := store.Create(dir)
	if err != nil {
		return nil, errors.Join(err, run.Close())
	}
	k := &Kept{run, folder, h}
	if err = folder.WriteConfig(c.Settings().Document()); err == nil {
		err = folder.WriteEnvironment(Environment(set, run.Device.Name, run.Device.Kernels))
	}
	return k, k.closeIf(err)
}

// Continue prepares the run of a folder at its last valid checkpoint. Change, if not nil, may change settings that do
// not affect the steps done.
func (h Host) Continue(ctx context.Context, dir string, change func(*Config) error) (*Kept, error) {
	folder, err := store.Open(dir)
	if err != nil {
		return nil, err
	}
	run, err := h.reopen(ctx, folder, change)
	if err != nil {
		return nil, errors.Join(err, folder.Close())
	}
	k := &Kept{run, folder, h}
	if err = k.restore(); err == nil {
		err = folder.WriteConfig(run.Networks[0].Settings().Document())
	}
	if err == nil {
		if _, missing := folder.ReadEnvironment(); errors.Is(missing, fs.ErrNotExist) {
			err = folder.WriteEnvironment(Environment(run.Set, run.Device.Name, run.Device.Kernels))
		}
	}
	return k, k.closeIf(err)
}

// closeIf closes a value that cannot be used because of an error, and returns the error.
func (k *Kept) closeIf(err error) error {
	if err == nil {
		return nil
	}
	return errors.Join(err, k.Close())
}

// Close frees the network and the folder.
func (k *Kept) Close() error { return errors.Join(k.Run.Close(), k.Folder.Close()) }

// reopen prepares the run of a folder, at its beginning.
func (h Host) reopen(ctx context.Context, folder *store.Folder, change func(*Config) error) (*Run, error) {
	config, err := h.ReadConfig(folder)
	if err != nil {
		return nil, err
	}
	before := config
	if change != nil {
		if err := change(&config); err != nil {
			return nil, err
		}
	}
	if config.Schedule != kernels.Constant && config.Epochs != before.Epochs {
		return nil, &SettingsError{fmt.Errorf("epochs %d: want %d as before, for the learning rate falls over all epochs "+
			"of a run (lr-schedule %v): with more of them it would have been another from the start", config.Epochs,
			before.Epochs, config.Schedule)}
	}
	set, err := h.OpenData(ctx, config)
	if err != nil {
		return nil, err
	}
	sums, err := trainedOn(folder)
	if err == nil {
		err = h.sameData(folder.Path(""), sums, set)
	}
	if err == nil {
		config.Data, err = mnist.FullName(config.Data)
	}
	if err != nil {
		return nil, err
	}
	return prepare(ctx, set, config)
}

// restore takes the run to its last valid checkpoint, or leaves it at the beginning if it has none yet.
func (k *Kept) restore() error {
	log, folder := k.host.Logger(), k.Folder
	checkpoint, err := k.host.LastCheckpoint(folder)
	if errors.Is(err, store.ErrNoCheckpoint) {
		log.Info("no checkpoint yet: starting from the beginning")
		return k.cutMetrics(0)
	}
	if err != nil {
		return err
	}
	if e, err := folder.ReadEnvironment(); err == nil && e.Kernels != k.Device.Kernels {
		log.Warn("other kernels than before: the last bits may differ from an uninterrupted run", "before", e.Kernels, "now",
			k.Device.Kernels)
	}
	log.Info("resuming", "run", folder.Path(""), "step", checkpoint.Step, "of", k.Steps())
	if err := k.Resume(k.host.timesAt(folder, checkpoint.Step), checkpoint); err != nil {
		return fmt.Errorf("train: %s: %w", folder.Path(""), err)
	}
	return k.cutMetrics(k.Measured())
}

// cutMetrics cuts the metrics back to the epochs that the checkpoint includes.
func (k *Kept) cutMetrics(epochs int) error {
	damaged, err := k.Folder.CutMetrics(epochs)
	for _, d := range damaged {
		k.host.Logger().Warn("a line of the metrics is damaged, and removed", "reason", d)
	}
	return err
}

// Finish trains the run to its end, measures it, and writes the summary. Only the events Progress and Epoch are used.
// An interruption during training is ErrInterrupted, one during measurement context.Canceled; Continue resumes after
// either.
func (k *Kept) Finish(ctx context.Context, events Events) (Summary, error) {
	log, c := k.host.Logger(), k.Networks[0]
	about := []any{"device", k.Device.Name, "why", k.Device.Reason, "kernels", k.Device.Kernels,
		"network", cmp.Or(c.Network, strings.Trim(strings.ReplaceAll(fmt.Sprint(k.Spec.Sizes), " ", "-"), "[]")),
		"noise", c.Noise}
	if len(c.Costs) > 0 {
		about = append(about, "cost", c.Costs)
	}
	for _, number := range []struct {
		name  string
		value any
	}{{"rho", c.Rho}, {"c", c.CText()}} {
		if c.Reads(number.name) {
			about = append(about, number.name, number.value)
		}
	}
	log.Info("training", append(about, "run", k.Folder.Path(""))...)
	switch rule := c.NormaliseRule(); {
	case k.Pixels.Means != nil:
		log.Info("inputs", "normalise", rule, "columns", len(k.Pixels.Means))
	case rule != "":
		log.Info("pixels", "normalise", rule, "mean", k.Pixels.Mean, "sd", k.Pixels.SD)
	}
	if k.Device.MemoryFree > 0 {
		log.Info("GPU memory", "needed", megabytes(k.Memory()), "free", megabytes(k.Device.MemoryFree))
	}
	left := memory.Left()
	log.Debug("memory", "networks", megabytes(k.Memory()), "left", memory.Text(left.Bytes), "where", left.By)
	told := events.Epoch
	events.Epoch = func(network int, e store.Epoch) error {
		if told != nil {
			if err := told(network, e); err != nil {
				return err
			}
		}
		return k.Folder.AppendMetrics(e)
	}
	events.Checkpoint = func(networks map[int]*store.Checkpoint) error {
		log.Debug("checkpoint", "step", networks[0].Step)
		if err := k.Folder.KeepTimes(k.Step(), k.Run.Times()); err != nil {
			return err
		}
		return k.Folder.SaveCheckpoint(networks[0])
	}
	if err := k.Train(ctx, events); err != nil {
		return Summary{}, err
	}
	log.Info("measuring", "draws", c.Draws)
	summary, err := k.Summarise(ctx, c.Draws)
	if err != nil {
		return Summary{}, err
	}
	summary.RunFolder = k.Folder.Path("")
	return summary, k.Folder.WriteSummary(summary)
}

func megabytes(bytes int64) string { return fmt.Sprintf("%.0f MB", float64(bytes)/1e6) }
