package tables

import (
	"slices"
	"testing"

	"quantal/kernels"
	"quantal/results/draw"
	"quantal/results/store"
)

// Networks are drawn in the same panels, under their labels, each with its own numbers; those without sigma or curves
// are left out where they have nothing to show.
func TestSideBySide(t *testing.T) {
	curve := func(n int, height float64) (epochs []store.Epoch) {
		for i := 1; i <= n; i++ {
			y := height / float64(i)
			epochs = append(epochs, store.Epoch{Epoch: i, AccuracySampled: y, NLL: 2 * y, SigmaRMS: 3 * y, Objective: 4 * y})
		}
		return epochs
	}
	long, short := curve(40, 1), curve(3, 0.5)
	list := []Beside{
		{Label: "first", Epochs: long, Checkpoint: spread(kernels.PerSynapse, 0.1, 3, 8, 4, 2)},
		{Label: "second", Epochs: short, Checkpoint: spread(kernels.PerNetwork, 0.2, 1, 8, 4, 2)},
		{Label: "third", Checkpoint: spread(kernels.NoNoise, 0.2, 1, 8, 4, 2)},
	}
	figures, err := SideBySide(list)
	check(t, err)
	if len(figures) != 2 || figures[0].Name != "learning-curves" || figures[1].Name != "sigmas" {
		t.Fatalf("figures %v", figures)
	}
	var panels []draw.Panel
	for _, row := range figures[0].Blocks[0].Rows {
		panels = append(panels, row...)
	}
	if len(panels) != 4 {
		t.Fatalf("%d panels", len(panels))
	}
	for i, of := range []func(store.Epoch) float64{
		func(e store.Epoch) float64 { return 100 * e.AccuracySampled }, func(e store.Epoch) float64 { return e.NLL },
		func(e store.Epoch) float64 { return e.SigmaRMS }, func(e store.Epoch) float64 { return e.Objective },
	} {
		if len(panels[i].Layers) != 2 {
			t.Fatalf("panel %d has %d curves", i, len(panels[i].Layers))
		}
		for j, epochs := range [][]store.Epoch{long, short} {
			c := panels[i].Layers[j].(draw.Curve)
			var want []float64
			for _, e := range epochs {
				want = append(want, of(e))
			}
			if c.Label != list[j].Label || !slices.Equal(c.Y, want) {
				t.Errorf("panel %d, curve %d: %s, %v, want %s, %v", i, j, c.Label, c.Y, list[j].Label, want)
			}
		}
	}
	// In all panels a network has one colour, wherever those without noise are.
	figures, err = SideBySide([]Beside{list[2], list[0], list[1]})
	check(t, err)
	sigma, accuracy := figures[1].Blocks[0].Rows[0][0], figures[0].Blocks[0].Rows[0][0]
	for _, name := range []string{"first", "second"} {
		s, a := curvesOf(sigma, name), curvesOf(accuracy, name)
		if len(s) != 1 || len(a) != 1 || s[0].Color != a[0].Color {
			t.Errorf("%s: sigma %+v, accuracy %+v", name, s, a)
		}
	}
	if only, err := SideBySide(list[2:]); err == nil {
		t.Errorf("nothing to show, but %v", only)
	}
}

// The table has the labels, the states and what was measured.
func TestSideTable(t *testing.T) {
	done := store.Record{Status: store.Done, Outcome: store.NoOutcome()}
	done.AccuracySampled, done.SigmaRMS, done.StoppedEpoch = 0.9, 0.25, 7
	got := SideTable([]Beside{{Label: "a", Record: done}, {Label: "b", Record: store.Record{Outcome: store.NoOutcome()}}})
	if !slices.Equal(got.Header, []string{"network", "status", "accuracy sampled (%)", "sigma rms", "stopped epoch"}) ||
		!slices.Equal(got.Rows[0], []string{"a", "done", "90.00", "0.25", "7"}) ||
		!slices.Equal(got.Rows[1], []string{"b", "not finished", "", "", ""}) {
		t.Errorf("%q, %q", got.Header, got.Rows)
	}
}
