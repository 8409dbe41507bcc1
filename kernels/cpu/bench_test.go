package cpu_test

import (
	"context"
	"testing"

	"quantal/graph"
	"quantal/kernels"
	"quantal/kernels/cpu"
)

// BenchmarkStep times a training step of the published preset on one thread.
func BenchmarkStep(b *testing.B) {
	for _, c := range []struct {
		name    string
		sharing kernels.Sharing
		rho     float64
	}{
		{"heterogeneous/rho=2", kernels.PerSynapse, 2}, {"heterogeneous/rho=2÷3", kernels.PerSynapse, 2. / 3},
		{"homogeneous/rho=2", kernels.PerNetwork, 2}, {"none", kernels.NoNoise, 2},
	} {
		b.Run(c.name, func(b *testing.B) {
			p, err := graph.CompileSpec(graph.Spec{
				Sizes: []int{784, 100, 100, 10}, Batch: 20, Activation: kernels.ReLU, Sharing: c.sharing, Magnitude: true, Reliability: true,
			}, kernels.DefaultAdam())
			if err != nil {
				b.Fatal(err)
			}
			m := kernels.Member{Seed: 1, C: 0.1, Rho: c.rho, Lambda: 0.01, LearningRate: 1e-4}
			vm, err := cpu.Open(p, []kernels.Member{m}, synthetic(p, 2000), 1)
			if err != nil {
				b.Fatal(err)
			}
			if err := vm.Load(0, initial(p.Layout, 1, 0.1)); err != nil {
				b.Fatal(err)
			}
			step := 0
			for b.Loop() {
				if _, err := vm.Run(context.Background(), step, 1); err != nil {
					b.Fatal(err)
				}
				step++
			}
		})
	}
}
