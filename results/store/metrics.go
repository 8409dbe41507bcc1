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

// Epoch is a line of metrics.jsonl, or of the learning curve of a network of a grid: what was measured at the end of an
// epoch. Losses are in nats per example, objectives are sums over the training set, accuracies are fractions of the
// test set, or of its first examples. A number that is not finite, or not measured, is null in the file and NaN here.
type Epoch struct {
	Epoch int `json:"epoch"` // epochs done
	Step  int `json:"step"`  // training steps done
	Times     // since the start of the run

	NLL float64 `json:"nll"` // mean negative log-likelihood of the training examples during the epoch

	Objective            float64 `json:"objective"` // nats, the sum of the negative log-likelihood and the costs
	ObjectiveNLL         float64 `json:"objective_nll"`
	ObjectiveMagnitude   float64 `json:"objective_magnitude"` // nats, the cost of |mu|; NaN under other costs
	ObjectiveReliability float64 `json:"objective_reliability"`
	ObjectiveCosts       Terms   `json:"objective_costs,omitempty"` // nats, the terms of other costs, by name

	AccuracySampled float64 `json:"accuracy_sampled"` // share of right answers, a draw of the weights per 20 images
	LossSampled     float64 `json:"loss_sampled"`
	AccuracyMean    float64 `json:"accuracy_mean"` // the same with the weights at mu
	LossMean        float64 `json:"loss_mean"`
	TestExamples    int     `json:"test_examples,omitempty"` // that these four are of, if not of the whole test set

	// accuracy on the held-out examples, sampled; absent without a validation split
	ValidationAccuracySampled *float64 `json:"validation_accuracy_sampled,omitempty"`
	ValidationLossSampled     *float64 `json:"validation_loss_sampled,omitempty"`

	// R^2, the share of the variance of the test answers that is explained, with one draw of the weights per 20 examples;
	// absent for classes
	R2Sampled           *float64 `json:"r2_sampled,omitempty"`
	R2Mean              *float64 `json:"r2_mean,omitempty"`               // R^2 of the test set, with the weights at mu
	ValidationR2Sampled *float64 `json:"validation_r2_sampled,omitempty"` // r2_sampled of the held-out examples

	SigmaRMS        float64   `json:"sigma_rms"`        // root mean square of sigma over weights, biases not included
	ReliabilityCost float64   `json:"reliability_cost"` // (1/rho) sum sigma^-rho over weights, as often as they pay
	SigmaRMSLayers  []float64 `json:"sigma_rms_layers"` // sigma_rms of each layer
	// SigmaQuantiles are those at SigmaLevels of the weights of each layer, to 0.2 %; absent if they share a sigma.
	SigmaQuantiles [][]float64 `json:"sigma_quantiles_layers,omitempty"`

	StepsPerSecond float64 `json:"steps_per_second"` // training steps, while training
}

// SigmaLevels are the probabilities of the quantiles of sigma.
func SigmaLevels() []float64 { return []float64{0.05, 0.25, 0.5, 0.75, 0.95} }

// NoEpoch is a line without measurements: each number is NaN.
func NoEpoch() Epoch {
	nan := math.NaN()
	return Epoch{
		Times: Times{nan, nan}, NLL: nan, Objective: nan, ObjectiveNLL: nan, ObjectiveMagnitude: nan,
		ObjectiveReliability: nan,
		AccuracySampled:      nan, LossSampled: nan, AccuracyMean: nan, LossMean: nan,
		SigmaRMS: nan, ReliabilityCost: nan, StepsPerSecond: nan,
	}
}

// SetCosts sets the terms of the objective besides the likelihood: the paper's two, or, if there are others, these.
func (e *Epoch) SetCosts(terms Terms, others bool) {
	e.ObjectiveMagnitude, e.ObjectiveReliability = terms["magnitude"], terms["reliability"]
	if others {
		e.ObjectiveMagnitude, e.ObjectiveReliability, e.ObjectiveCosts = math.NaN(), math.NaN(), terms
	}
	e.Objective = Objective(e.ObjectiveNLL, e.ObjectiveMagnitude, e.ObjectiveReliability, e.ObjectiveCosts)
}

// SetTest sets what the network reached on so many test examples, 0 for the whole test set.
func (e *Epoch) SetTest(o Outcome, examples int) {
	e.AccuracySampled, e.LossSampled, e.AccuracyMean, e.LossMean = o.AccuracySampled, o.LossSampled, o.AccuracyMean,
		o.LossMean
	e.R2Sampled, e.R2Mean, e.TestExamples = o.R2Sampled, o.R2Mean, examples
}

// SetSigmas sets the figures of the sigmas of each layer's weights; apart says that they do not share one.
func (e *Epoch) SetSigmas(layers [][]float32, apart bool) {
	sum, weights := 0.0, 0
	e.SigmaRMSLayers, e.SigmaQuantiles = nil, nil
	for _, sigmas := range layers {
		squares := 0.0
		for _, sigma := range sigmas {
			squares += float64(sigma) * float64(sigma)
		}
		sum, weights = sum+squares, weights+len(sigmas)
		e.SigmaRMSLayers = append(e.SigmaRMSLayers, math.Sqrt(squares/float64(len(sigmas))))
		if apart {
			e.SigmaQuantiles = append(e.SigmaQuantiles, quantiles(sigmas, SigmaLevels()))
		}
	}
	e.SigmaRMS = math.Sqrt(sum / float64(weights))
}

// quantiles are those of values that are not negative, to 0.2 %: the order of such numbers is that of their bits, so
// the first bits are counted, which is a twentieth of the work of sorting.
func quantiles(values []float32, levels []float64) (found []float64) {
	const dropped = 15
	counts := make([]int, 1<<(31-dropped))
	for _, v := range values {
		counts[math.Float32bits(v)&math.MaxInt32>>dropped]++
	}
	below, bin := 0, 0
	for _, level := range levels {
		for rank := int(level * float64(len(values)-1)); below+counts[bin] <= rank; bin++ {
			below += counts[bin]
		}
		found = append(found, float64(math.Float32frombits(uint32(bin)<<dropped|1<<(dropped-1))))
	}
	return found
}

// WriteCurve writes the learning curve of a network of a grid as a file in the format of metrics.jsonl, which is
// replaced as a whole or not at all.
func WriteCurve(path string, epochs []Epoch) error {
	var all []byte
	for _, e := range epochs {
		line, err := EncodeJSON(e)
		if err != nil {
			return fmt.Errorf("store: %s: %w", path, err)
		}
		all = append(append(all, line...), '\n')
	}
	return writeAtomicBytes(path, all)
}

// ReadCurve reads a file of WriteCurve. Damaged has a CorruptError for each damaged line, which is left out. Without a
// file there are no epochs.
func ReadCurve(path string) (epochs []Epoch, damaged []error, err error) {
	data, err := ReadFile(path, input.Own)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, nil, err
	}
	epochs, damaged = DecodeMetrics(path, data)
	return epochs, damaged, nil
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

// metricsLines reads the complete lines of a file. Damaged has a CorruptError for each damaged line: one that is
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
	nan, e := math.NaN(), NoEpoch()
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
