package tables

import (
	"slices"
	"testing"

	"quantal/results/store"
)

// Labels name what differs, and nothing else.
func TestLabels(t *testing.T) {
	a := store.Settings{Noise: "heterogeneous", Rho: "2", RhoValue: 2, C: 0.1, Lambda: 0.01, Batch: 20, Seed: 1}
	b, c, d := a, a, a
	b.C, b.Seed = 3, 2
	c.Noise, c.Rho, c.RhoValue, c.C, c.Batch = store.WithoutNoise, "", 0, 0, 50
	d.C, d.Later = 0, store.NewLater(store.InLayers("c", "1x2x3"))
	for _, test := range []struct {
		all  []store.Settings
		want []string
	}{
		{[]store.Settings{a}, []string{""}},
		{[]store.Settings{a, a}, []string{"", ""}},
		{[]store.Settings{a, b}, []string{"c 0.1, seed 1", "c 3, seed 2"}},
		{[]store.Settings{a, c}, []string{"heterogeneous, rho 2, c 0.1, batch 20", "none, batch 50"}},
		{[]store.Settings{a, d}, []string{"c 0.1", "c 1x2x3"}},
	} {
		if got := Labels(test.all); !slices.Equal(got, test.want) {
			t.Errorf("%q, want %q", got, test.want)
		}
	}
}
