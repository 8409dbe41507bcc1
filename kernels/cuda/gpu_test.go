//go:build gpu && linux

package cuda

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"quantal/graph"
	"quantal/kernels"
)

// gpu opens the first GPU, or skips.
func gpu(t testing.TB) Driver {
	t.Helper()
	d, err := Device(0)
	var unavailable *Unavailable
	if errors.As(err, &unavailable) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func (n network) openOn(t testing.TB, d Driver) *VM {
	t.Helper()
	vm, err := OpenOn(d, n.program, n.members, n.data)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := vm.Close(); err != nil {
			t.Error(err)
		}
	})
	n.load(t, vm)
	return vm
}

// What the interpreter's tests say of the kernels, on a real GPU: every kernel against float64, ten steps against the CPU, and
// the same bytes twice.
func TestOnGPU(t *testing.T) {
	gpu(t)
	for _, d := range designs() {
		t.Run(d.String(), func(t *testing.T) {
			n := d.network(t)
			for _, rule := range []kernels.Rule{n.program.Rule, accumulations[0], accumulations[1]} {
				driver, p := gpu(t), n.under(t, rule).program
				deviations, err := Check(driver, p, n.members, n.data, n.start, 2)
				if err = errors.Join(err, driver.Close()); err != nil {
					t.Fatal(err)
				}
				for _, d := range deviations {
					if !d.OK() {
						t.Errorf("%v: %v", rule, d)
					}
				}
			}
			first, second, want := n.openOn(t, gpu(t)), n.openOn(t, gpu(t)), n.cpu(t)
			a, b := run(t, first, 0, 40), run(t, second, 0, 40)
			if !cmp.Equal(a, b) {
				t.Errorf("progress %v, the second time %v", a, b)
			}
			for m := range n.members {
				if !cmp.Equal(stateOf(t, first, m), stateOf(t, second, m)) {
					t.Errorf("member %d: the state differs the second time", m)
				}
			}
			n.load(t, first)
			run(t, first, 0, 10)
			run(t, want, 0, 10)
			if worst, where := n.excess(t, first, want, tenSteps); worst > 1 {
				t.Error(where)
			}
			for _, rule := range accumulations {
				n := n.under(t, rule)
				first, second, want := n.openOn(t, gpu(t)), n.openOn(t, gpu(t)), n.cpu(t)
				for _, vm := range []kernels.VM{first, second, want} {
					run(t, vm, 0, 40)
				}
				for m := range n.members {
					if !same(sumsOf(t, first, m), sumsOf(t, second, m)) {
						t.Errorf("%v: member %d: the sums differ the second time", rule, m)
					}
				}
				if worst, where := n.sumExcess(t, first, want, sumTolerance); worst > 1 {
					t.Errorf("%v: %s", rule, where)
				}
			}
		})
	}
}

// A step of M published networks.
func BenchmarkStep(b *testing.B) {
	for _, sharing := range []kernels.Sharing{kernels.PerSynapse, kernels.PerNetwork} {
		for _, members := range []int{1, 8, 64, 120, 240} {
			b.Run(fmt.Sprintf("%v/M=%d", sharing, members), func(b *testing.B) {
				d := gpu(b)
				p, err := graph.CompileSpec(graph.Spec{
					Sizes: []int{784, 100, 100, 10}, Batch: 20, Activation: kernels.ReLU, Sharing: sharing, Magnitude: true, Reliability: true,
				}, kernels.DefaultAdam())
				if err != nil {
					b.Fatal(err)
				}
				n := network{program: p, data: synthetic(p, 60000)}
				for i := range members {
					n.members = append(n.members, kernels.Member{Seed: uint64(i % 10), C: 0.1, Rho: 2, Lambda: 0.01, LearningRate: 1e-4})
					n.start = append(n.start, initial(p.Layout, 3))
				}
				vm := n.openOn(b, d)
				run(b, vm, 0, 2*chunkSteps)
				step := 2 * chunkSteps
				for b.Loop() {
					if _, err := vm.Run(context.Background(), step, chunkSteps); err != nil {
						b.Fatal(err)
					}
					step += chunkSteps
				}
				steps := float64(b.N) * chunkSteps
				b.ReportMetric(b.Elapsed().Seconds()*1e6/steps, "us/step")
				b.ReportMetric(steps*float64(members)/b.Elapsed().Seconds(), "network-steps/s")
			})
		}
	}
}
