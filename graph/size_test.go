package graph

import (
	"runtime"
	"testing"

	"quantal/kernels"
)

// Compiling a network needs no memory for its parameters, however many there are: code that allocates them first checks
// whether there is room.
func TestCompileTakesNoMemory(t *testing.T) {
	spec := Spec{Sizes: []int{784, 3_000_000, 10}, Batch: 20, Activation: kernels.ReLU, Costs: PaperCosts(0)}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := CompileSpec(spec, kernels.DefaultAdam()); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > 50e6 { // a field of the parameters has 9.6 GB
		t.Errorf("%d bytes were allocated", n)
	}
}

// Sizes that cannot be counted are refused, without overflow on the way.
func TestSpecCheckSizes(t *testing.T) {
	for _, c := range []struct {
		sizes []int
		ok    bool
	}{
		{[]int{784, 100, 10}, true},
		{[]int{784, kernels.MaxUnits, 10}, false}, // 2^30 rows of 13 blocks of 64
		{[]int{784, kernels.MaxUnits + 1, 10}, false},
		{[]int{784, 1 << 62, 10}, false},
		{[]int{63, 1<<28 - 1, 10}, true}, // a row of 63 and a bias is a block of 64, with 16 numbers
		{[]int{63, 1 << 28, 10}, false},
		{[]int{64, 1<<28 - 1, 10}, false},
	} {
		s := Spec{Sizes: c.sizes, Batch: 20}
		// The last layer of the third and fourth may read any number of inputs, because it has few rows.
		if err := s.Check(); (err == nil) != c.ok {
			t.Errorf("%v: %v, want an error: %v", c.sizes, err, !c.ok)
		}
	}
}
