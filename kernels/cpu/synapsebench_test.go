package cpu_test

import (
	"testing"

	"quantal/kernels"
	"quantal/kernels/conformance"
	"quantal/kernels/cpu"
)

// BenchmarkQuantal times a step of the published preset on one thread with synapses that learn n, p and q.
func BenchmarkQuantal(b *testing.B) {
	for _, set := range cpu.KernelSets() {
		for _, costs := range [][]string{{}, {"magnitude = lambda*abs(mu)", "trafficking = c*n*p"},
			{"membrane = c*n*abs(q)^(2/3)"}} {
			name := "no costs"
			if len(costs) > 0 {
				name = costs[len(costs)-1]
			}
			b.Run(set+"/"+name, func(b *testing.B) {
				b.Setenv(cpu.KernelVariable, set)
				d := conformance.Design{Sizes: published, Batch: 20, Activation: kernels.ReLU, Quantal: true, Laws: costs}
				run(b, d.Network(b).Program, 2, 1, 1, 60000, func(vm *cpu.VM, _ *kernels.Data) { train(b, vm, publishedSynapses) })
			})
		}
	}
}
