package cpu

import (
	"runtime"
	"testing"

	"quantal/graph"
	"quantal/kernels"
)

// Threads wait in a loop for each other, so more of them than processors would take the processor from those with work.
func TestNoMoreThreadsThanProcessors(t *testing.T) {
	p, err := graph.CompileSpec(graph.Spec{Sizes: []int{9, 5, 3}, Batch: 2, Costs: graph.PaperCosts(0)},
		kernels.DefaultAdam())
	if err != nil {
		t.Fatal(err)
	}
	processors := runtime.GOMAXPROCS(0)
	for _, threads := range []int{0, 1, 2, 3, processors, 4 * processors, 400, 1 << 40} {
		for _, members := range []int{1, 2, 3, 7, 50} {
			vm, err := Open(p, make([]kernels.Member, members), nil, threads)
			if err != nil {
				t.Fatal(err)
			}
			want := threads
			if threads == 0 {
				want = processors
			}
			want = min(want, 4*processors)
			if len(vm.testers) != want {
				t.Errorf("%d threads: %d test networks, want %d", threads, len(vm.testers), want)
			}
			waiting, shares := 0, 0
			for _, w := range vm.workers {
				shares += w.team.shares
				if len(w.team.scratch) > 1 {
					waiting += len(w.team.scratch)
				}
			}
			if waiting > processors {
				t.Errorf("%d threads, %d networks: %d wait in a loop, there are %d processors", threads, members, waiting,
					processors)
			}
			if shares > want || shares < min(want, members) {
				t.Errorf("%d threads, %d networks: the work is divided into %d shares, want at most %d", threads, members, shares,
					want)
			}
		}
	}
}
