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
	"quantal/kernels/conformance"
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

// The suite on a real GPU.
func TestConformanceOnGPU(t *testing.T) {
	gpu(t)
	conformance.Test(t, machine("gpu", func(memory int64) (Driver, error) {
		d, err := Device(0)
		return limited{d, memory}, err
	}))
}

// limited is a GPU with less memory.
type limited struct {
	Driver
	memory int64
}

func (d limited) Info() Info {
	i := d.Driver.Info()
	i.MemoryFree = min(i.MemoryFree, d.memory)
	return i
}

// Every kernel against float64, and the same bytes twice.
func TestOnGPU(t *testing.T) {
	device := func() (Driver, error) { return gpu(t), nil }
	for _, d := range conformance.Designs() {
		t.Run(d.String(), func(t *testing.T) {
			n := d.Network(t)
			for _, n := range []*conformance.Network{n, n.Under(t, conformance.Accumulations[0]),
				n.Under(t, conformance.Accumulations[1])} {
				driver := gpu(t)
				deviations, err := Check(driver, n.Program, n.Members, n.Data, n.Start, 2)
				if err = errors.Join(err, driver.Close()); err != nil {
					t.Fatal(err)
				}
				for _, d := range deviations {
					if !d.OK() {
						t.Errorf("%v: %v", n.Program.Rule, d)
					}
				}
				first, second := n.Open(t, opening(device, asItIs)), n.Open(t, opening(device, asItIs))
				a, b := conformance.Run(t, first, 0, 40), conformance.Run(t, second, 0, 40)
				if !cmp.Equal(a, b) {
					t.Errorf("%v: progress %v, the second time %v", n.Program.Rule, a, b)
				}
				_, sums := n.Program.Rule.(kernels.Accumulate)
				for m := range n.Members {
					if !cmp.Equal(conformance.StateOf(t, first, m), conformance.StateOf(t, second, m)) {
						t.Errorf("%v: member %d: the state differs the second time", n.Program.Rule, m)
					}
					if sums && !conformance.Same(conformance.SumsOf(t, first, m), conformance.SumsOf(t, second, m)) {
						t.Errorf("%v: member %d: the sums differ the second time", n.Program.Rule, m)
					}
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
					Sizes: []int{784, 100, 100, 10}, Batch: 20, Activation: kernels.ReLU, Sharing: sharing,
					Costs: graph.PaperCosts(sharing),
				}, kernels.DefaultAdam())
				if err != nil {
					b.Fatal(err)
				}
				n := conformance.Network{Program: p, Data: conformance.Synthetic(p, 60000)}
				for i := range members {
					n.Members = append(n.Members, kernels.Member{Seed: uint64(i % 10), C: 0.1, Rho: 2, Lambda: 0.01,
						LearningRate: 1e-4})
					n.Start = append(n.Start, conformance.Initial(p.Layout, 3, 0.15))
				}
				vm := n.Open(b, opening(func() (Driver, error) { return d, nil }, asItIs))
				conformance.Run(b, vm, 0, 2*chunkSteps)
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
