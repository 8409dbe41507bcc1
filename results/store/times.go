package store

import (
	"errors"
	"io/fs"
	"math"
	"slices"
)

// Times is the time that a run has taken, over all its processes.
type Times struct {
	Seconds          float64 `json:"seconds"`           // time that training steps took
	MeasuringSeconds float64 `json:"measuring_seconds"` // time that evaluation took
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

// KeepTimes records the time that the run has taken up to a step, for a process that resumes it there: call it before
// SaveCheckpoint. It is not in the checkpoint, which depends only on the state.
func (f *Folder) KeepTimes(step int, t Times) error {
	if err := f.writable(); err != nil {
		return err
	}
	var list []timesAt
	if err := f.readJSON(timesName, &list); err != nil {
		list = nil // there is none yet, or it is damaged and replaced
	}
	list = slices.DeleteFunc(list, func(at timesAt) bool { return at.Step >= step }) // the run went back
	list = append(list[max(0, len(list)-kept):], timesAt{step, t})
	return f.writeJSON(timesName, list)
}

// Times is the time that the run had taken at a step, as far as that is known: that recorded for the step or the last
// one before, or that in metrics.jsonl if nothing was recorded.
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
	lines, _ := metricsLines(f.Path(metricsName), data) // functions that need the damaged lines name them
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
