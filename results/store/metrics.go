package store

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"

	"quantal/internal/input"
	"quantal/internal/safefile"
)

// Epoch is a line of metrics.jsonl: what was measured at the end of an epoch. Losses are in nats per example,
// objectives are sums over the training set, accuracies are fractions of the test set. A number that is not finite, or
// not measured, is null in the file and NaN here.
type Epoch struct {
	Epoch int `json:"epoch"` // epochs done
	Step  int `json:"step"`  // training steps done
	Times     // since the start of the run

	NLL float64 `json:"nll"` // mean negative log-likelihood of the training examples during the epoch

	Objective            float64 `json:"objective"` // the sum of the next four
	ObjectiveNLL         float64 `json:"objective_nll"`
	ObjectiveMagnitude   float64 `json:"objective_magnitude"` // the terms of the paper's costs; NaN under others
	ObjectiveReliability float64 `json:"objective_reliability"`
	ObjectiveCosts       Terms   `json:"objective_costs,omitempty"` // the terms of other costs, by name

	AccuracySampled float64 `json:"accuracy_sampled"` // with one draw of the weights per 20 test examples
	LossSampled     float64 `json:"loss_sampled"`
	AccuracyMean    float64 `json:"accuracy_mean"` // with the weights at mu
	LossMean        float64 `json:"loss_mean"`

	// The same on the held-out examples; absent without a validation split.
	ValidationAccuracySampled *float64 `json:"validation_accuracy_sampled,omitempty"`
	ValidationLossSampled     *float64 `json:"validation_loss_sampled,omitempty"`

	SigmaRMS        float64   `json:"sigma_rms"`        // over weights, biases not included
	ReliabilityCost float64   `json:"reliability_cost"` // over weights, biases not included
	SigmaRMSLayers  []float64 `json:"sigma_rms_layers"` // SigmaRMS of each layer

	StepsPerSecond float64 `json:"steps_per_second"` // while training
}

// AppendMetrics adds one line to metrics.jsonl, with null for NaN and infinities, and flushes it to disk. If that fails
// the file is as it was. To continue a run without a gap, append an epoch's line before saving its checkpoint.
func (f *Folder) AppendMetrics(v any) error {
	if err := f.writable(); err != nil {
		return err
	}
	path := f.Path(metricsName)
	line, err := EncodeJSON(v)
	if err != nil {
		return fmt.Errorf("store: %s: %w", path, err)
	}
	file, err := safefile.Open(path, os.O_WRONLY|os.O_CREATE)
	if err != nil {
		return FileError(path, err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return FileError(path, err)
	}
	size := info.Size()
	_, err = file.WriteAt(append(line, '\n'), size)
	if err == nil {
		err = file.Sync()
	}
	if err != nil {
		return FileError(path, errors.Join(err, file.Truncate(size)))
	}
	if size == 0 {
		return syncFolder(f.dir)
	}
	return nil
}

// CutMetrics keeps the lines of the first epochs and drops the rest, for a run that continues after them. A damaged
// line is also dropped: the epoch has been trained, but its measurements are lost. Damaged says which lines and why.
func (f *Folder) CutMetrics(epochs int) (damaged []error, err error) {
	if err := f.writable(); err != nil {
		return nil, err
	}
	data, err := f.readMetrics()
	if err != nil {
		return nil, err
	}
	var keep []byte
	lines, damaged := metricsLines(f.Path(metricsName), data)
	for _, l := range lines {
		if l.epoch.Epoch <= epochs {
			keep = append(append(keep, l.text...), '\n')
		}
	}
	if bytes.Equal(keep, data) {
		return damaged, nil
	}
	return damaged, writeAtomicBytes(f.Path(metricsName), keep)
}

// dropHalfLine removes what follows the last complete line: AppendMetrics was cut off by a crash.
func (f *Folder) dropHalfLine() error {
	data, err := f.readMetrics()
	if err != nil {
		return err
	}
	if end := bytes.LastIndexByte(data, '\n') + 1; end < len(data) {
		return writeAtomicBytes(f.Path(metricsName), data[:end])
	}
	return nil
}

// readMetrics returns the content of metrics.jsonl, which is empty before the first epoch.
func (f *Folder) readMetrics() ([]byte, error) {
	data, err := ReadFile(f.Path(metricsName), input.Own)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return data, nil
}

// Metrics reads metrics.jsonl. A half-written last line is skipped; any other line that cannot be read gives a
// CorruptError. Before the first epoch the list is empty.
func (f *Folder) Metrics() ([]Epoch, error) {
	data, err := f.readMetrics()
	if err != nil {
		return nil, err
	}
	epochs, damaged := DecodeMetrics(f.Path(metricsName), data)
	if len(damaged) > 0 {
		return nil, damaged[0]
	}
	return epochs, nil
}

// DecodeMetrics is Metrics of the content of the file at a path, without its damaged lines.
func DecodeMetrics(path string, data []byte) (epochs []Epoch, damaged []error) {
	lines, damaged := metricsLines(path, data)
	for _, l := range lines {
		epochs = append(epochs, l.epoch)
	}
	return epochs, damaged
}

// metricsLine is an undamaged line of metrics.jsonl.
type metricsLine struct {
	text  []byte
	epoch Epoch
}

// metricsLines reads the complete lines of metrics.jsonl. Damaged has a CorruptError for each damaged line: one that is
// not an epoch, or does not follow those before it.
func metricsLines(path string, data []byte) (lines []metricsLine, damaged []error) {
	last := 0
	for number := 1; ; number++ {
		text, rest, complete := bytes.Cut(data, []byte("\n"))
		if !complete {
			return lines, damaged
		}
		data = rest
		e, err := decodeEpoch(text)
		if err == nil && e.Epoch <= last {
			err = fmt.Errorf("epoch %d does not follow epoch %d", e.Epoch, last)
		}
		if err != nil {
			damaged = append(damaged, Corrupt(path, "line %d: %v", number, err))
			continue
		}
		lines, last = append(lines, metricsLine{text, e}), e.Epoch
	}
}

// decodeEpoch reads a line. encoding/json leaves a number as it is if the file has null or nothing, so all are NaN
// first.
func decodeEpoch(line []byte) (Epoch, error) {
	nan := math.NaN()
	e := Epoch{
		Times: Times{nan, nan}, NLL: nan, Objective: nan, ObjectiveNLL: nan, ObjectiveMagnitude: nan,
		ObjectiveReliability: nan,
		AccuracySampled:      nan, LossSampled: nan, AccuracyMean: nan, LossMean: nan,
		SigmaRMS: nan, ReliabilityCost: nan, StepsPerSecond: nan,
	}
	read := struct {
		*Epoch
		SigmaRMSLayers []*float64 `json:"sigma_rms_layers"`
	}{Epoch: &e}
	if err := json.Unmarshal(line, &read); err != nil {
		return Epoch{}, err
	}
	for _, x := range read.SigmaRMSLayers {
		if x == nil {
			x = &nan
		}
		e.SigmaRMSLayers = append(e.SigmaRMSLayers, *x)
	}
	return e, nil
}
