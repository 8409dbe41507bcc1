package train

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"quantal/internal/memory"
	"quantal/mnist"
	"quantal/results/store"
)

// Host says where data sets come from and where messages go. The zero value reads data sets on this machine and logs
// nothing.
type Host struct {
	Data mnist.Options // how data sets are opened; Classes is that of each Config
	Log  *slog.Logger  // nil for none
}

// Logger is Log, or one that discards messages.
func (h Host) Logger() *slog.Logger {
	if h.Log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return h.Log
}

// OpenData opens the data set of a configuration and logs what a user should know about it.
func (h Host) OpenData(ctx context.Context, c Config) (*mnist.Set, error) {
	options := h.Data
	options.Classes, options.Likelihood, options.Target = c.Classes, c.Likelihood, c.Target
	set, err := mnist.Open(ctx, c.Data, options)
	if err != nil {
		return nil, err
	}
	h.Logger().Debug("data read", "name", set.Name, "from", set.Source, "training", set.Train.N(), "test", set.Test.N(),
		"pixels", fmt.Sprintf("%dx%d", set.Rows, set.Columns), "classes", set.Classes)
	switch {
	case set.Pinned:
		h.Logger().Info("no checksum is published for this data set: it is as at the first download", "data", set.Source)
	case !set.Known:
		h.Logger().Info("no checksum is known for this data set: taken as it is", "data", set.Source)
	}
	if set.Dealt {
		h.Logger().Info("the data have no test examples: a tenth is held out for them", "training", set.Train.N(), "test",
			set.Test.N())
	}
	if training, test := set.Absent(); len(training)+len(test) > 0 {
		h.Logger().Warn("labels that never occur: the network has an output for each, and pays for its synapses",
			"classes", set.Classes, "never_in_training", mnist.FormatLabels(training), "never_in_test",
			mnist.FormatLabels(test))
	}
	return set, nil
}

// SettingsError says that the settings do not fit the data set, or what a run has done.
type SettingsError struct{ Err error }

func (e *SettingsError) Error() string { return e.Err.Error() }
func (e *SettingsError) Unwrap() error { return e.Err }

// prepare is New, until ctx is cancelled, and distinguishes mistakes in the settings, which only the data set reveals,
// from failures.
func prepare(ctx context.Context, set *mnist.Set, c Config) (*Run, error) {
	run, err := Prepare(ctx, func() (*Run, error) { return New(set, c) })
	if err == nil || errors.Is(err, ErrInterrupted) {
		return run, err
	}
	var device *DeviceError
	var short *memory.Error
	var data *mnist.DataError
	if errors.As(err, &device) || errors.As(err, &short) || errors.As(err, &data) {
		return nil, err
	}
	return nil, &SettingsError{err}
}

// Environment is what the results of networks on a data set and a device depend on in addition to their settings.
func Environment(set *mnist.Set, device, kernels string) store.Environment {
	e := store.ReadEnvironmentHere()
	e.Kernels, e.Device = kernels, device
	e.Data, e.DataSource, e.DataSHA256 = set.Name, set.Source, set.SHA256
	return e
}
