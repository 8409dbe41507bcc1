package cuda

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"

	"quantal/kernels"
	"quantal/kernels/conformance"
)

// The orders taken are those asked for, no matter what was begun before.
func TestOrders(t *testing.T) {
	data := &kernels.Data{N: 100, Order: conformance.Order}
	o := orders{data: data}
	defer o.end()
	many, few := make([]uint64, 50), []uint64{7, 3}
	for i := range many {
		many[i] = uint64(i * i)
	}
	type asked struct {
		seeds []uint64
		epoch int
		ahead []uint64 // of the next epoch
	}
	for i, a := range []asked{{many, 0, many}, {many, 1, many}, {many, 2, few}, {many, 3, many}, {many, 9, many},
		{few, 10, nil}, {few, 11, few}, {few, 0, nil}} {
		got := o.take(a.seeds, a.epoch, 3)
		for s, seed := range a.seeds {
			want := make([]int32, data.N)
			conformance.Order(want, seed, a.epoch)
			if !slices.Equal(got[s*data.N:][:data.N], want) {
				t.Errorf("%d: the order of seed %d, epoch %d is not that of the data", i, seed, a.epoch)
			}
		}
		if len(got) != data.N*len(a.seeds) {
			t.Errorf("%d: %d numbers, want %d", i, len(got), data.N*len(a.seeds))
		}
		if a.ahead != nil {
			o.begin(a.ahead, a.epoch+1, 2)
		}
	}
}

// A run computes the next epoch's orders during this one, and Close leaves no goroutine running, even in the middle of
// them.
func TestOrdersAhead(t *testing.T) {
	n := conformance.Design{Sizes: []int{5, 4, 3}, Batch: 2, Members: 64, Rho: 2, Activation: kernels.ReLU}.Network(t)
	if n.Batch != 2 || n.Data.N/2 != 4 {
		t.Fatalf("%d examples in minibatches of %d: the steps below are of 4 an epoch", n.Data.N, n.Batch)
	}
	for i := range n.Members {
		n.Members[i].Seed = uint64(i)
	}
	var vm *VM
	var running, begun atomic.Int64
	ahead := make(chan struct{}, len(n.Members))
	data := *n.Data
	data.Order = func(dst []int32, seed uint64, epoch int) {
		running.Add(1)
		defer running.Add(-1)
		conformance.Order(dst, seed, epoch)
		if epoch == 2 {
			begun.Add(1)
			ahead <- struct{}{}
			<-vm.orders.quit // so that it is still working at Close
		}
	}
	n.Data = &data
	vm = interpret(t, n)
	for epoch := range 2 {
		if _, err := vm.Run(context.Background(), 4*epoch, 1+3*(1-epoch)); err != nil {
			t.Fatal(err)
		}
	}
	if vm.orders.quit == nil || vm.orders.epoch != 2 {
		t.Fatalf("at the first step of epoch 1 the orders at work are %v of epoch %d, want epoch 2", vm.orders.quit != nil,
			vm.orders.epoch)
	}
	<-ahead
	if err := vm.Close(); err != nil {
		t.Fatal(err)
	}
	if n := running.Load(); n != 0 {
		t.Errorf("%d orders are still being computed after Close", n)
	}
	if got := begun.Load(); got >= int64(len(n.Members)) {
		t.Errorf("Close computed all %d orders of an epoch that nobody asked for", got)
	}
}

// Members that take turns on the device, and jumps between epochs, train on the same minibatches.
func TestOrdersOfTurns(t *testing.T) {
	n := conformance.Design{Sizes: []int{5, 4, 3}, Batch: 2, Members: 6, Rho: 2, Activation: kernels.ReLU}.Network(t)
	together, turns := interpret(t, n), interpret(t, n)
	turns.size = 4
	for _, first := range []int{0, 3, 6, 9, 4, 20} {
		for _, vm := range []*VM{together, turns} {
			if _, err := vm.Run(context.Background(), first, 3); err != nil {
				t.Fatal(err)
			}
		}
	}
	for m := range n.Members {
		if !slices.Equal(conformance.StateOf(t, together, m).Mu, conformance.StateOf(t, turns, m).Mu) {
			t.Errorf("member %d differs if members take turns", m)
		}
	}
}
