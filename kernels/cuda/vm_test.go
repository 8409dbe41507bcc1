package cuda

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"quantal/kernels"
	"quantal/kernels/conformance"
)

const testMemory = 4 << 30

// small is a network for tests of a VM's behaviour.
var small = conformance.Design{Sizes: []int{30, 17, 4}, Activation: kernels.ReLU, Batch: 5, Rho: 2, Members: 5}

// opening opens VMs on drivers of a kind; change is made to each.
func opening(driver func() (Driver, error), change func(vm *VM) error) conformance.Open {
	return func(p *kernels.Program, members []kernels.Member, train *kernels.Data) (kernels.VM, error) {
		d, err := driver()
		if err != nil {
			return nil, err
		}
		vm, err := OpenOn(d, p, members, train)
		if err != nil {
			return nil, err
		}
		if err := change(vm); err != nil {
			return nil, errors.Join(err, vm.Close())
		}
		return vm, nil
	}
}

func interpreter() (Driver, error) { return Interpreted(testMemory), nil }

func asItIs(*VM) error { return nil }

// single makes a VM work by single operations instead of the middle kernel.
func single(vm *VM) error { return vm.setFused(false) }

// interpret opens a network on an interpreter.
func interpret(t testing.TB, n *conformance.Network) *VM {
	t.Helper()
	return n.Open(t, opening(interpreter, asItIs)).(*VM)
}

// machine is a kind of driver for a given memory, with the ways in which it can divide the work.
func machine(name string, driver func(memory int64) (Driver, error)) conformance.Machine {
	plenty := func() (Driver, error) { return driver(testMemory) }
	return conformance.Machine{
		Name:           name,
		Laws:           400, // each is a module of its own
		SharedPictures: true,
		Open:           opening(plenty, asItIs),
		Ways: map[string]conformance.Open{
			"by single operations": opening(plenty, single),
			"two at a time": func(p *kernels.Program, members []kernels.Member, train *kernels.Data) (kernels.VM, error) {
				two := min(2, len(members))
				limited := func() (Driver, error) { return driver(Memory(p, members[:two], train) + 256) }
				return opening(limited, func(vm *VM) error {
					if vm.size != two {
						return errors.New("memory for two members, and not two at a time")
					}
					return nil
				})(p, members, train)
			},
		},
	}
}

func TestConformance(t *testing.T) {
	m := machine("interpreter", func(memory int64) (Driver, error) { return Interpreted(memory), nil })
	m.Slow = true
	conformance.Test(t, m)
}

// The middle kernel computes the same as the single operations, to the last bit where no layer after the first is cut
// into slices.
func TestMiddleIsTheSingleOperations(t *testing.T) {
	for i, d := range conformance.Designs() {
		if i%3 != 0 {
			continue
		}
		n := d.Network(t)
		operations, middle := n.Open(t, opening(interpreter, single)), interpret(t, n)
		if !middle.shape.fused {
			t.Errorf("%v: does not go through the middle kernel", d)
		}
		a, b := conformance.Run(t, operations, 0, 3), conformance.Run(t, middle, 0, 3)
		if !cmp.Equal(a, b) {
			t.Errorf("%v: progress %v by single operations, %v through the middle kernel", d, a, b)
		}
		for m := range n.Members {
			if !cmp.Equal(conformance.StateOf(t, operations, m), conformance.StateOf(t, middle, m)) {
				t.Errorf("%v: member %d: the state differs", d, m)
			}
		}
	}
}
