package cpu

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"

	"quantal/graph"
	"quantal/kernels"
)

// countdown is a context that is cancelled after a number of checks.
type countdown struct {
	context.Context
	checks, left atomic.Int64
}

func (c *countdown) Err() error {
	c.checks.Add(1)
	if c.left.Add(-1) < 0 {
		return context.Canceled
	}
	return nil
}

// An evaluation checks its context before each pass of a group through a network, so that it stops within one pass per
// thread for any number of draws.
func TestEvaluateStopsWithinAPass(t *testing.T) {
	const groups, draws, threads = 3, 50, 2
	for _, sharing := range []kernels.Sharing{kernels.PerSynapse, kernels.NoNoise} {
		spec := graph.Spec{Sizes: []int{9, 5, 3}, Batch: 2, Sharing: sharing, Costs: graph.PaperCosts(sharing)}
		p, err := graph.CompileSpec(spec, kernels.DefaultAdam())
		if err != nil {
			t.Fatal(err)
		}
		n := groups * kernels.EvaluationGroup
		data := &kernels.Data{N: n, Width: 9, Floats: make([]float32, 9*n), Labels: make([]byte, n)}
		vm, err := Open(p, make([]kernels.Member, 2), nil, threads)
		if err != nil {
			t.Fatal(err)
		}
		whole := &countdown{Context: context.Background()}
		whole.left.Store(1 << 40)
		if _, err := vm.Evaluate(whole, data, 0, draws); err != nil {
			t.Fatal(err)
		}
		passes := int64(2 * groups * (2 + draws)) // of two networks: at the means, one draw, and K draws
		if whole.checks.Load() < passes {
			t.Errorf("%v: checked the context %d times in %d passes", sharing, whole.checks.Load(), passes)
		}
		for _, left := range []int64{0, 1, 3, 10, passes / 2} {
			cut := &countdown{Context: context.Background()}
			cut.left.Store(left)
			if _, err := vm.Evaluate(cut, data, 0, draws); !errors.Is(err, context.Canceled) {
				t.Errorf("%v, cancelled after %d checks: %v, want context.Canceled", sharing, left, err)
			}
			// Each thread notices once or twice in its job, each job once at its start, and Evaluate at its end.
			if after := cut.checks.Load() - left; after > 2*threads+2+1 {
				t.Errorf("%v, cancelled after %d checks: %d more", sharing, left, after)
			}
		}
	}
}
