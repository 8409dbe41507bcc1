package grid

import (
	"context"
	"time"

	"quantal/mnist"
	"quantal/train"
)

// Estimate is what training points will take.
type Estimate struct {
	Cohort  string  `json:"cohort"` // what the networks have in common
	Points  int     `json:"points"`
	Steps   int     `json:"steps"`        // of each network
	Beside  int     `json:"side_by_side"` // networks at a time
	Memory  int64   `json:"memory_bytes"` // for these: of the GPU, or for parameters and Adam's moments on the CPU
	Seconds float64 `json:"seconds"`
}

// Estimates measures, for the given time per cohort, how fast points train on this machine, and says what all of them will
// take. Nothing is written.
func Estimates(ctx context.Context, set *mnist.Set, points []Point, o Options, each time.Duration) ([]Estimate, error) {
	var estimates []Estimate
	for _, cohort := range cohorts(points) {
		if ctx.Err() != nil {
			return nil, train.ErrInterrupted
		}
		e, err := estimate(ctx, set, cohort, o, each)
		if err != nil {
			return nil, err
		}
		estimates = append(estimates, e)
	}
	return estimates, nil
}

func estimate(ctx context.Context, set *mnist.Set, cohort []Point, o Options, each time.Duration) (Estimate, error) {
	configs := networks(cohort, o)
	e := Estimate{Cohort: configs[0].Cohort(), Points: len(cohort), Steps: steps(set, cohort[0])}
	device, err := train.ChooseDevice(o.Device)
	if err != nil {
		return e, err
	}
	if e.Beside, err = device.Capacity(set, configs); err != nil {
		return e, err
	}
	e.Beside = min(e.Beside, len(cohort))
	// Networks from all along the axes, for the exponent decides how fast a step is.
	var sample []train.Config
	for i := range e.Beside {
		sample = append(sample, configs[i*len(configs)/e.Beside])
	}
	run, err := train.New(set, sample...)
	if err != nil {
		return e, err
	}
	defer run.Close()
	e.Memory = run.Memory()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var began time.Time
	first, last, lastAt := 0, 0, time.Time{}
	err = run.Train(ctx, train.Events{Progress: func(p train.Progress) {
		now := time.Now()
		if began.IsZero() { // the first slice warms up
			began, first = now, p.Step
		} else {
			last, lastAt = p.Step, now
		}
		if now.Sub(began) > each {
			cancel()
		}
	}})
	if err != nil && last == 0 {
		return e, err
	}
	perStep := run.Busy().Seconds() / float64(max(1, run.Step()))
	if last > first {
		perStep = lastAt.Sub(began).Seconds() / float64(last-first)
	}
	began = time.Now()
	if _, err := run.Outcomes(context.WithoutCancel(ctx), 0); err != nil {
		return e, err
	}
	// A test with K draws takes about K times as long as the one with a single draw.
	test := float64(set.Test.N()*(2+cohort[0].Config.Draws)+set.Train.N()) / float64(2*set.Test.N()+set.Train.N())
	batches := float64(len(cohort)) / float64(e.Beside)
	e.Seconds = batches * (perStep*float64(e.Steps) + test*time.Since(began).Seconds())
	return e, nil
}
