package grid

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"

	"quantal/internal/fault"
	"quantal/mnist"
	"quantal/train"
)

// Estimate is the time and memory that training points will need.
type Estimate struct {
	Cohort  string  `json:"cohort"` // the settings that the networks share
	Points  int     `json:"points"`
	Steps   int     `json:"steps"`        // of each network
	Devices int     `json:"devices"`      // that share them
	Beside  int     `json:"side_by_side"` // networks at a time on the device with the most room
	Memory  int64   `json:"memory_bytes"` // for these: of the GPU, or for parameters and their moments on the CPU
	Seconds float64 `json:"seconds"`
}

// Estimates measures, for the given time per cohort and device, how fast points train on this machine, and estimates
// the time for all of them. Nothing is written.
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

// Total is what all points will need: Steps are those of all networks, Memory that of the cohort that needs most.
func Total(estimates []Estimate) (all Estimate) {
	for _, e := range estimates {
		all.Points += e.Points
		all.Steps += e.Points * e.Steps
		all.Memory = max(all.Memory, e.Memory)
		all.Seconds += e.Seconds
	}
	return all
}

func estimate(ctx context.Context, set *mnist.Set, cohort []Point, o Options, each time.Duration) (Estimate, error) {
	configs := networks(cohort, o)
	set, err := examples(set, configs)
	if err != nil {
		return Estimate{}, err
	}
	e := Estimate{Cohort: configs[0].Cohort(), Points: len(cohort), Steps: steps(set, cohort[0]), Devices: len(o.Devices)}
	share := (len(cohort) + len(o.Devices) - 1) / len(o.Devices)
	found := make([]measured, len(o.Devices))
	var side errgroup.Group
	for i, device := range o.Devices {
		side.Go(fault.Guarded(func() (err error) {
			found[i], err = measure(ctx, set, device, configs, share, each)
			return err
		}))
	}
	if err := side.Wait(); err != nil {
		return e, err
	}
	perSecond := 0. // networks, on all devices together
	for _, m := range found {
		perSecond += float64(m.beside) / m.seconds
		e.Beside, e.Memory = max(e.Beside, m.beside), max(e.Memory, m.memory)
	}
	e.Seconds = float64(len(cohort)) / perSecond
	return e, nil
}

// measured is how a device trains networks of a cohort.
type measured struct {
	beside  int     // networks at a time
	seconds float64 // that these take, with the evaluation at the end
	memory  int64   // that these need
}

// measure lets a device train as many of the networks at the same time as it can, and at most a share of them.
func measure(
	ctx context.Context, set *mnist.Set, device train.Device, configs []train.Config, share int, each time.Duration,
) (m measured, err error) {
	if m.beside, err = device.Capacity(set, configs); err != nil {
		return m, err
	}
	m.beside = min(m.beside, share)
	// Networks from the whole range of the axes, because the exponent determines the speed of a step.
	var sample []train.Config
	for i := range m.beside {
		sample = append(sample, configs[i*len(configs)/m.beside])
	}
	run, err := train.Prepare(ctx, func() (*train.Run, error) { return train.NewOn(device, set, sample...) })
	if err != nil {
		return m, err
	}
	defer run.Close()
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
		return m, err
	}
	perStep := run.Busy().Seconds() / float64(max(1, run.Step()))
	if last > first {
		perStep = lastAt.Sub(began).Seconds() / float64(last-first)
	}
	began = time.Now()
	if _, err := run.Outcomes(context.WithoutCancel(ctx), 0); err != nil {
		return m, err
	}
	// An evaluation with K draws takes about K times as long as with a single draw.
	test := float64(set.Test.N()*(2+configs[0].Draws)+set.Train.N()) / float64(2*set.Test.N()+set.Train.N())
	m.seconds, m.memory = perStep*float64(run.Steps())+test*time.Since(began).Seconds(), run.Memory()
	return m, nil
}
