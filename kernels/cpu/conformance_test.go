package cpu_test

import (
	"fmt"
	"os"
	"testing"

	"quantal/kernels"
	"quantal/kernels/conformance"
	"quantal/kernels/cpu"
)

// machine is a kernel set, with its ways to divide the work among threads: shares need not be even.
func machine(set string) conformance.Machine {
	on := func(threads int) conformance.Open {
		return func(p *kernels.Program, members []kernels.Member, train *kernels.Data) (kernels.VM, error) {
			vm, err := cpu.OpenWith(set, p, members, train, threads)
			if err != nil {
				return nil, err
			}
			return vm, nil
		}
	}
	m := conformance.Machine{Name: set, Open: on(1), Ways: map[string]conformance.Open{}, Slow: testing.Short()}
	for _, threads := range []int{2, 3, 4, 5, 1000} { // the last is reduced to a few for each processor
		m.Ways[fmt.Sprintf("%d threads", threads)] = on(threads)
	}
	return m
}

// machines are all kernel sets that the processor runs, or the one that the environment asks for.
func machines() []conformance.Machine {
	var list []conformance.Machine
	for _, set := range cpu.KernelSets() {
		if want := os.Getenv(cpu.KernelVariable); want == "" || want == set {
			list = append(list, machine(set))
		}
	}
	return list
}

func TestConformance(t *testing.T) { conformance.Test(t, machines()...) }
