package cuda

import (
	"cmp"
	"fmt"
	"time"
)

// LoadAll loads every kernel, which compiles it for the device, and returns how long that took. An error is an
// [Unavailable] if the device is too old for them.
func LoadAll(d Driver) (time.Duration, error) {
	start := time.Now()
	_, err := loadKernels(d, nil)
	return time.Since(start), err
}

// Rates are the measured rates of a device.
type Rates struct {
	Launch time.Duration // a launch that does nothing, one of many in a row
	Replay time.Duration // the same within a recorded graph
	Bytes  float64       // of memory, read and written per second, by a copy
}

// Measure measures the rates of a device, with a copy of the given number of bytes.
func Measure(d Driver, bytes int64) (r Rates, err error) {
	all, err := loadKernels(d, nil)
	if err != nil {
		return r, err
	}
	bytes = max(16, bytes/16*16)
	var from, to Address
	for _, a := range []*Address{&from, &to} {
		if *a, err = d.Alloc(bytes); err != nil {
			return r, fmt.Errorf("cuda: measure: allocate %d bytes: %w", bytes, err)
		}
		defer func() { err = cmp.Or(err, d.Free(*a)) }()
		if err := d.Zero(*a, bytes); err != nil {
			return r, fmt.Errorf("cuda: measure: clear: %w", err)
		}
	}
	var count counts
	words := count.of(int(bytes / 16))
	if count.err != nil {
		return r, fmt.Errorf("cuda: measure: copy %d bytes: %w", bytes, count.err)
	}
	processors := d.Info().Processors
	copying := func(n int32) Launch {
		return Launch{
			Kernel: all["copy"], Grid: [3]int{max(1, min(32*processors, ceil(int(n), 256))), 1, 1}, Block: [3]int{256, 1, 1},
			Parameters: copyParameters{to: to, from: from, n: n},
		}
	}
	const launches = 200
	nothing := make([]Launch, launches)
	for i := range nothing {
		nothing[i] = copying(0)
	}
	one := func() error {
		for _, l := range nothing {
			if err := d.Launch(l); err != nil {
				return err
			}
		}
		return nil
	}
	graph, err := d.Record(nothing)
	if err != nil {
		return r, fmt.Errorf("cuda: measure: record: %w", err)
	}
	defer func() { err = cmp.Or(err, graph.Release()) }()
	// The best of a few: the first includes waking the device.
	best := func(f func() error) (time.Duration, error) {
		fastest := time.Duration(1<<63 - 1)
		for range 5 {
			took, err := d.Time(f)
			if err != nil {
				return 0, err
			}
			fastest = min(fastest, took)
		}
		return fastest, nil
	}
	took, err := best(one)
	if err != nil {
		return r, fmt.Errorf("cuda: measure: launch: %w", err)
	}
	r.Launch = took / launches
	if took, err = best(func() error { return d.Replay(graph) }); err != nil {
		return r, fmt.Errorf("cuda: measure: replay: %w", err)
	}
	r.Replay = took / launches
	if took, err = best(func() error { return d.Launch(copying(words)) }); err != nil {
		return r, fmt.Errorf("cuda: measure: copy: %w", err)
	}
	r.Bytes = 2 * float64(bytes) / max(took, 1).Seconds()
	return r, nil
}
