package bench

import (
	"strings"
	"testing"
)

// Impossible measurements are doubted, and nothing else.
func TestDoubt(t *testing.T) {
	sound := Report{Parts: []Part{{Instruction: "b0 = gather", MemoryShare: 0.3, OperationShare: 0.9}}}
	sound.Rates.MemoryBytes, sound.Rates.CacheBytes = 2e10, 8e10
	if sound.doubt(nil); len(sound.Doubts) > 0 {
		t.Errorf("doubts of what may well be: %q", sound.Doubts)
	}
	odd := Report{Parts: []Part{{Instruction: "b0 = gather", MemoryShare: 5},
		{Instruction: "update layer 0", OperationShare: 1.2}}}
	odd.Rates.MemoryBytes, odd.Rates.CacheBytes = 8e10, 2e8
	odd.doubt([]string{"operations"})
	for i, want := range []string{"operations: ", "memory: ", "b0 = gather: ", "update layer 0: "} {
		if i >= len(odd.Doubts) || !strings.HasPrefix(odd.Doubts[i], want) {
			t.Fatalf("doubts %q, want number %d on %s", odd.Doubts, i, want)
		}
	}
}
