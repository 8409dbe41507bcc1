package store

import (
	"errors"
	"io/fs"
	"math"
	"slices"
)

// Times is what a run has taken, all its processes together.
type Times struct {
	Seconds          float64 `json:"seconds"`           // in training steps
	MeasuringSeconds float64 `json:"measuring_seconds"` // in tests
}

// Plus adds times.
func (t Times) Plus(u Times) Times {
	return Times{t.Seconds + u.Seconds, t.MeasuringSeconds + u.MeasuringSeconds}
}

// timesAt is an entry of times.json.
type timesAt struct {
	Step int `json:"step"`
	Times
}

// KeepTimes remembers what the run has taken up to a step, for whoever resumes it there: to be called before
// SaveCheckpoint. It is not in the checkpoint, which depends on the state alone.
func (f *Folder) KeepTimes(step int, t Times) error {
	if err := f.writable(); err != nil {
		return err
	}
	var list []timesAt
	if err := f.readJSON(timesName, &list); err != nil {
		list = nil // there is none yet, or what is damaged is replaced
	}
	list = slices.DeleteFunc(list, func(at timesAt) bool { return at.Step >= step }) // the run has gone back behind them
	list = append(list[max(0, len(list)-kept):], timesAt{step, t})
	return f.writeJSON(timesName, list)
}

// Times is what the run had taken when it stood at a step, as far as that is known: what was kept of the step or the
// last one before, or what metrics.jsonl says where nothing was kept.
func (f *Folder) Times(step int) (Times, error) {
	var list []timesAt
	if err := f.readJSON(timesName, &list); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return Times{}, err
	}
	for _, at := range slices.Backward(list) {
		if at.Step <= step {
			return at.Times, nil
		}
	}
	data, err := f.readMetrics()
	if err != nil {
		return Times{}, err
	}
	lines, _ := f.metricsLines(data) // the damaged are named by who needs them
	known := func(x float64) float64 {
		if math.IsNaN(x) {
			return 0
		}
		return x
	}
	for _, l := range slices.Backward(lines) {
		if e := l.epoch; e.Step <= step {
			return Times{known(e.Seconds), known(e.MeasuringSeconds)}, nil
		}
	}
	return Times{}, nil
}
