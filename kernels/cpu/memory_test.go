package cpu_test

import (
	"context"
	"runtime"
	"testing"

	"quantal/graph"
	"quantal/kernels"
	"quantal/kernels/conformance"
	"quantal/kernels/cpu"
)

// Memory is what a VM allocates, training and testing, or a little more: the sigmas of networks with frozen parameters
// are computed when first needed.
func TestMemory(t *testing.T) {
	for _, sharing := range []kernels.Sharing{kernels.PerSynapse, kernels.PerNetwork, kernels.NoNoise} {
		const members, threads = 3, 2
		p, err := graph.CompileSpec(graph.Spec{
			Sizes: []int{784, 300, 10}, Batch: 20, Sharing: sharing, Activation: kernels.ReLU,
			Costs: graph.PaperCosts(sharing),
		}, kernels.DefaultAdam())
		if err != nil {
			t.Fatal(err)
		}
		data := conformance.Synthetic(p, 4000) // two evaluation jobs for each network
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		vm, err := cpu.OpenWith("portable", p, make([]kernels.Member, members), data, threads)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := vm.Evaluate(context.Background(), data, 0, 0); err != nil {
			t.Fatal(err)
		}
		runtime.ReadMemStats(&after)
		got, want := float64(after.TotalAlloc-before.TotalAlloc), cpu.Memory(p, members, threads)
		if got > 1.02*want || got < 0.6*want { // one of two threads may have done all evaluation
			t.Errorf("sharing per %v: a VM takes %.0f bytes, Memory says %.0f", sharing, got, want)
		}
		if err := vm.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
