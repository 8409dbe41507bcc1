package tables

import (
	"errors"
	"os"
	"quantal/kernels"
	"quantal/results/store"
	"strings"
	"testing"
)

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// wantError checks an error's text, and that it is one line that names the package.
func wantError(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want one with %q", parts)
	}
	text := err.Error()
	if !strings.HasPrefix(text, "results: ") || strings.Contains(text, "\n") {
		t.Errorf("error is not one line that begins with the package: %s", text)
	}
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("error lacks %q: %s", part, text)
		}
	}
}

func isCorrupt(err error) bool {
	var c *store.CorruptError
	return errors.As(err, &c)
}

// layoutOf makes a layout of layers with the given sizes.
func layoutOf(sharing kernels.Sharing, sizes ...int) kernels.Layout {
	l := kernels.Layout{Sharing: sharing}
	for i, out := range sizes[1:] {
		l.Layers = append(l.Layers, kernels.Layer{In: sizes[i], Out: out})
	}
	return l
}

// filled is a checkpoint whose every mean and phi is another number, with zeros in the pads.
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

// names lists a folder, hidden files included.
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
