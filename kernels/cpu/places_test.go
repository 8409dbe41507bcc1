package cpu

import (
	"context"
	"fmt"
	"testing"

	"quantal/kernels"
	"quantal/kernels/conformance"
)

// A test with buffers that lie in the same memory has the bytes of one in which each has its own, as in training.
func TestPlacesDoNotChangeTests(t *testing.T) {
	designs := conformance.Pictures(t)
	for draw := range kernels.Draws() {
		designs = append(designs, conformance.Design{Sizes: []int{37, 20, 9, 3}, Activation: kernels.GELU, Batch: 4, Rho: 2,
			Draw: kernels.Draw(draw)})
	}
	for _, name := range KernelSets() {
		for _, d := range designs {
			d.Batch, d.Examples = 4, 47 // a last group that is not full
			n := d.Network(t)
			vm, err := OpenWith(name, n.Program, n.Members, n.Data, 1)
			if err != nil {
				t.Fatal(err)
			}
			n.Load(t, vm)
			got := conformance.ScoresOf(t, vm, n.Data, 5, 2)
			shared := vm.testers[0]
			vm.testers[0] = newWorker(n.Program, vm.set, kernels.EvaluationGroup, 1, 1)
			want, err := vm.Evaluate(context.Background(), n.Data, 5, 2)
			if err != nil {
				t.Fatal(err)
			}
			if fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("%s, %v: %+v, want %+v", name, d, got, want)
			}
			for b, values := range shared.buffers {
				if shared.deltas[b] != nil || len(values) != len(vm.testers[0].buffers[b]) {
					t.Errorf("%s, %v: buffer %d has a gradient, or another size", name, d, b)
				}
			}
			if err := vm.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
}
