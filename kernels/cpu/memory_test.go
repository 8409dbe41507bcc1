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

// Memory is what a VM holds, training and testing, or a little more: the sigmas of networks with frozen parameters
// are computed when first needed.
func TestMemory(t *testing.T) {
	picture := graph.Input{Picture: kernels.Picture{Height: 28, Width: 28, Channels: 1}, Arrangement: kernels.ByPlane}
	lenet, err := graph.ParseNetwork("lenet5")
	if err != nil {
		t.Fatal(err)
	}
	for _, spec := range []graph.Spec{{}, {Sharing: kernels.PerNetwork}, {Sharing: kernels.NoNoise},
		{Draw: kernels.PerExample}, {Network: lenet, Input: picture},
		{Network: lenet, Input: picture, Sharing: kernels.NoNoise}} {
		const members, threads = 3, 2
		spec.Sizes, spec.Batch, spec.Costs = []int{784, 300, 10}, 20, graph.PaperCosts(spec.Sharing)
		if spec.Activation = kernels.ReLU; spec.Network != nil {
			spec.Sizes, spec.Activation = []int{784, 10}, kernels.Linear
		}
		p, err := graph.CompileSpec(spec, kernels.DefaultAdam())
		if err != nil {
			t.Fatal(err)
		}
		data := conformance.Synthetic(p, 400)
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
		runtime.GC()
		runtime.ReadMemStats(&after)
		got, want := float64(after.HeapAlloc)-float64(before.HeapAlloc), cpu.Memory(p, members, threads)
		if got > 1.03*want || got < 0.6*want { // one of two threads may have done all evaluation
			t.Errorf("%v: a VM takes %.0f bytes, Memory says %.0f", p, got, want)
		}
		if err := vm.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// A law takes at most 8 bytes per synapse more than the paper's costs, scratch included, and Memory knows of them.
func TestMemoryOfLaws(t *testing.T) {
	allocated := func(law string) (bytes, said float64, slots int) {
		costs := graph.PaperCosts(kernels.PerSynapse)
		if law != "" {
			l, err := graph.ParseLaw("reliability = " + law)
			if err != nil {
				t.Fatal(err)
			}
			costs[1] = l
		}
		p, err := graph.CompileSpec(graph.Spec{Sizes: []int{784, 300, 10}, Batch: 20, Activation: kernels.ReLU, Costs: costs},
			kernels.DefaultAdam())
		if err != nil {
			t.Fatal(err)
		}
		data, start := conformance.Synthetic(p, 200), conformance.Initial(p.Layout, 1, 0.1)
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		vm, err := cpu.OpenWith("portable", p, []kernels.Member{{C: 0.1, Rho: 2, Lambda: 0.01, LearningRate: 1e-4}}, data, 1)
		if err != nil {
			t.Fatal(err)
		}
		defer vm.Close()
		if err := vm.Load(0, start); err != nil {
			t.Fatal(err)
		}
		if _, err := vm.Run(context.Background(), 0, 2); err != nil {
			t.Fatal(err)
		}
		runtime.ReadMemStats(&after)
		return float64(after.TotalAlloc - before.TotalAlloc), cpu.Memory(p, 1, 1), p.Layout.Slots()
	}
	paper, paperSaid, slots := allocated("")
	for law, more := range map[string]float64{"c*exp(-sigma)": 0, "c*mu^2/sigma^2": 4} {
		bytes, said, _ := allocated(law)
		if got := (bytes - paper) / float64(slots); got < more-0.5 || got > more+1.5 {
			t.Errorf("%s: %.2f bytes per synapse more than the paper's costs, want %g", law, got, more)
		}
		if got := (said - paperSaid) / float64(slots); got != more {
			t.Errorf("%s: Memory says %g bytes per synapse more than the paper's costs, want %g", law, got, more)
		}
	}
}
