package cpu

import (
	"runtime"
	"slices"
	"syscall"
	"testing"
)

// Neither interruptions nor one lucky measurement determine the rate, and measurements that vary are flagged.
func TestSummarise(t *testing.T) {
	steady := slices.Repeat([]float64{20, 19, 20.5, 19.5}, 16)
	for name, c := range map[string]struct {
		rates     []float64
		low, high float64
		disturbed bool
	}{
		"steady":               {steady, 19.5, 20.5, false},
		"a slow start":         {append([]float64{0.2, 0.3}, steady...), 19.5, 20.5, false},
		"a stop of the clock":  {append([]float64{1e9}, steady...), 19.5, 20.5, false},
		"interrupted at times": {append(slices.Repeat([]float64{2}, 20), steady...), 19.5, 20.5, false},
		"interrupted mostly":   {append(slices.Repeat([]float64{2}, 100), steady...), 19, 20.5, true},
	} {
		rate, disturbed := summarise(c.rates)
		if rate < c.low || rate > c.high || disturbed != c.disturbed {
			t.Errorf("%s: rate %g, disturbed %v; want %g to %g, %v", name, rate, disturbed, c.low, c.high, c.disturbed)
		}
	}
}

// While memory is timed, the system has already allocated all of its pages.
func TestCopierTouchesFirst(t *testing.T) {
	const megabytes = 64
	runtime.LockOSThread() // the faults of this thread are counted
	defer runtime.UnlockOSThread()
	next := copier(megabytes, farPiece)
	var before, after syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_THREAD, &before); err != nil {
		t.Fatal(err)
	}
	moved := 0.
	for range megabytes / farPiece {
		moved += next()
	}
	if err := syscall.Getrusage(syscall.RUSAGE_THREAD, &after); err != nil {
		t.Fatal(err)
	}
	if want := 2. * megabytes * (1 << 20); moved != want {
		t.Errorf("once around moves %g bytes, want %g", moved, want)
	}
	if faults := after.Minflt - before.Minflt; faults > megabytes*256/10 { // pages of 4 KiB
		t.Errorf("%d pages were given out while %d MB were copied", faults, megabytes)
	}
}
