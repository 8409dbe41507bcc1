package cpu

import (
	"context"
	"errors"
	"slices"
	"time"

	"quantal/internal/memory"
	"quantal/kernels"
)

// Timing is the time of an instruction in a training step. A Sample is drawn and multiplied block by block, so its time
// is within that of the Forward of its layer, and its own is zero.
type Timing struct {
	Instruction kernels.Instruction
	Time        time.Duration // median over steps
}

// Profile trains the first network for n steps of an epoch, from firstStep, and times every instruction. Reading the
// clock costs about 50 ns each time.
func (vm *VM) Profile(ctx context.Context, firstStep, n int) ([]Timing, error) {
	if vm.Train == nil {
		return nil, errors.New("cpu: Profile: this VM was opened without training data")
	}
	if perEpoch := vm.StepsPerEpoch(); n < 1 || firstStep/perEpoch != (firstStep+n-1)/perEpoch {
		return nil, errors.New("cpu: Profile: want one or more steps of one epoch")
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	vm.order(firstStep / vm.StepsPerEpoch())
	k := vm.workers[0]
	times := make([][]time.Duration, len(vm.Program.Instructions))
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
		diverged = k.train(vm, 0, firstStep, firstStep+n, &losses)
	})
	if diverged != nil {
		return nil, errors.New("cpu: Profile: " + diverged.String())
	}
	timings := make([]Timing, len(times))
	for i, instruction := range vm.Program.Instructions {
		slices.Sort(times[i])
		timings[i] = Timing{instruction, times[i][len(times[i])/2]}
	}
	return timings, nil
}

// Rates are the measured rates of the machine on one thread.
type Rates struct {
	MemoryBytes float64 // bytes per second, read and written, over memory that fits no cache
	CacheBytes  float64 // the same over 1 MB in and 1 MB out, which fit most second caches
	// float32 additions and multiplications per second, in the product kernel on data in the nearest cache
	Operations float64
	// Disturbed names those of the three that varied so much that something else must have used the machine: memory,
	// second cache, operations.
	Disturbed []string
}

// Memory that fits no cache is copied in pieces, each of which takes less time than the system's time slice for a
// thread.
const (
	farMegabytes  = 256 // read, and as many written
	farPiece      = 4   // megabytes
	nearMegabytes = 1
)

// Measure measures the rates with a kernel set, taking about a second and half a gigabyte of memory, or less if there
// is less.
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
	far := farMegabytes
	for far > 8*farPiece && memory.Check("", float64(2*far<<20)) != nil {
		far /= 2
	}
	if err := memory.Check("the measurement of the memory", float64(2*far<<20)); err != nil {
		return Rates{}, err
	}
	// 16 KB of weights and 20 KB of activations.
	p := product{Layer: kernels.Layer{In: 255, Out: 16}, batch: 20}
	w, x, y := aligned(p.Slots()), aligned(p.batch*p.Stride()), aligned(p.batch*kernels.Stride(p.Out))
	var r Rates
	for _, m := range []struct {
		name string
		to   *float64
		do   func() float64
	}{
		{"memory", &r.MemoryBytes, copier(far, farPiece)},
		{"second cache", &r.CacheBytes, copier(nearMegabytes, nearMegabytes)},
		{"operations", &r.Operations, func() float64 {
			for range 50 {
				chosen.forward(&p, y, x, w, 0, p.Out)
			}
			return 50 * 2 * float64(p.Out*p.Stride()*p.batch)
		}},
	} {
		rate, disturbed := summarise(repeat(m.do))
		if *m.to = rate; disturbed {
			r.Disturbed = append(r.Disturbed, m.name)
		}
	}
	return r, nil
}

// copier returns a function that copies the next piece of the given number of megabytes, cyclically, and returns the
// number of bytes moved.
func copier(megabytes, piece int) func() float64 {
	from, to := touched(megabytes<<18), touched(megabytes<<18)
	n, at := piece<<18, 0
	return func() float64 {
		copy(to[at:at+n], from[at:at+n])
		at = (at + n) % len(from)
		return 8 * float64(n)
	}
}

// touched returns n numbers in memory whose pages exist: a system allocates a page when it is first written to, which
// takes longer than copying it.
func touched(n int) []float32 {
	s := aligned(n)
	for i := range s {
		s[i] = float32(i)
	}
	return s
}

// repeat calls f, which returns how much it did, for a quarter of a second and a number of times, and returns the
// rates.
func repeat(f func() float64) []float64 {
	const least = 64
	var rates []float64
	for began := time.Now(); time.Since(began) < time.Second/4 || len(rates) < least; {
		start := time.Now()
		done := f()
		rates = append(rates, done/max(time.Since(start), 1).Seconds())
	}
	return rates
}

// summarise returns the rate that a quarter of the measurements reach: neither interruptions nor a single lucky
// measurement count. They were disturbed if half of them are not close to it.
func summarise(rates []float64) (rate float64, disturbed bool) {
	sorted := slices.Sorted(slices.Values(rates))
	rate = sorted[len(sorted)-1-len(sorted)/4]
	const near = 0.75
	return rate, sorted[len(sorted)/2] < near*rate
}
