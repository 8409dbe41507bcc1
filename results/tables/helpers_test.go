package tables

import (
	"os"
	"testing"

	"quantal/internal/resultstest"
	"quantal/kernels"
	"quantal/results/store"
)

var (
	check     = resultstest.Check
	wantError = resultstest.WantError
	isCorrupt = resultstest.IsA[*store.CorruptError]
	layoutOf  = resultstest.LayoutOf
)

// filled is a checkpoint whose means and phis all differ, with zeros in the pads.
func filled(l kernels.Layout, step int, next func() float32) *store.Checkpoint {
	c := &store.Checkpoint{Step: step, Seed: 7, Layout: l, State: kernels.NewState(l, 2), Rule: "adam"}
	perSynapse := [][]float32{c.State.Mu}
	if l.Sharing == kernels.PerSynapse {
		perSynapse = append(perSynapse, c.State.Phi)
	} else {
		for i := range c.State.Phi {
			c.State.Phi[i] = next()
		}
	}
	for _, field := range perSynapse {
		for i, layer := range l.Layers {
			for r := range layer.Out {
				for k := range layer.In + 1 {
					field[l.Slot(i, r, k)] = next()
				}
			}
		}
	}
	return c
}

// names lists a folder, including hidden files.
func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	check(t, err)
	var list []string
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return list
}
