package cpu

import (
	"context"
	"errors"
	"slices"
	"time"

	"quantal/kernels"
)

// Timing is the time of an instruction in a training step. A Sample is drawn and multiplied block by block, so its time is
// within that of the Forward of its layer, and its own is zero.
type Timing struct {
	Instruction kernels.Instruction
	Time        time.Duration // median over steps
}

// Profile trains the first network for n steps of an epoch, from firstStep, and times every instruction. Reading the clock
// costs about 50 ns each time.
func (vm *VM) Profile(ctx context.Context, firstStep, n int) ([]Timing, error) {
	if vm.train == nil {
		return nil, errors.New("cpu: Profile: this VM was opened without training data")
	}
	if perEpoch := vm.train.N / vm.program.Batch; n < 1 || firstStep/perEpoch != (firstStep+n-1)/perEpoch {
		return nil, errors.New("cpu: Profile: want one or more steps of one epoch")
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	vm.order(firstStep / (vm.train.N / vm.program.Batch))
	k := vm.workers[0]
	times := make([][]time.Duration, len(vm.program.Instructions))
	last := time.Now()
	k.clock = func(instruction int) {
		now := time.Now()
		times[instruction] = append(times[instruction], now.Sub(last))
		last = now
	}
	defer func() { k.clock = nil }()
	var losses []float64
	var diverged *kernels.Divergence
	k.together(func() {
		last = time.Now()
		diverged = k.step(vm, 0, firstStep, firstStep+n, &losses)
	})
	if diverged != nil {
		return nil, errors.New("cpu: Profile: " + diverged.String())
	}
	timings := make([]Timing, len(times))
	for i, instruction := range vm.program.Instructions {
		slices.Sort(times[i])
		timings[i] = Timing{instruction, times[i][len(times[i])/2]}
	}
	return timings, nil
}

// Rates is what the machine can do on one thread.
type Rates struct {
	MemoryBytes float64 // bytes per second, read and written, over memory that fits no cache
	CacheBytes  float64 // the same over 1 MB in and 1 MB out, which fit most second caches
	Operations  float64 // float32 additions and multiplications per second, in the product kernel on data in the nearest cache
}

// Measure measures the rates with a kernel set, taking about half a second.
func Measure(set string) (Rates, error) {
	var chosen *kernelSet
	for _, s := range available() {
		if s.name == set {
			chosen = s
		}
	}
	if chosen == nil {
		return Rates{}, errors.New("cpu: Measure: no kernel set " + set)
	}
	copied := func(megabytes int) float64 {
		from, to := aligned(megabytes<<18), aligned(megabytes<<18)
		return best(func() float64 {
			copy(to, from)
			return float64(8 * len(from))
		})
	}
	// 16 KB of weights and 20 KB of activations.
	p := product{Layer: kernels.Layer{In: 255, Out: 16}, batch: 20}
	w, x, y := aligned(p.Slots()), aligned(p.batch*p.Stride()), aligned(p.batch*kernels.Stride(p.Out))
	return Rates{
		MemoryBytes: copied(256),
		CacheBytes:  copied(1),
		Operations: best(func() float64 {
			for range 50 {
				chosen.forward(&p, y, x, w, 0, p.Out)
			}
			return 50 * 2 * float64(p.Out*p.Stride()*p.batch)
		}),
	}, nil
}

// best repeats f, which says how much it did, for a sixth of a second and returns the highest rate.
func best(f func() float64) float64 {
	highest := 0.0
	for began := time.Now(); time.Since(began) < time.Second/6; {
		start := time.Now()
		done := f()
		highest = max(highest, done/time.Since(start).Seconds())
	}
	return highest
}
