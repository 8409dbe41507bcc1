package analysis

import (
	"context"
	"errors"
	"slices"
	"testing"

	"quantal/grid"
	"quantal/mnist"
	"quantal/results/store"
)

// Figures that need more than this program say what; all others need nothing.
func TestPaperWithoutAnythingAtHand(t *testing.T) {
	p := Paper{Seed: 1}
	var names []string
	for _, f := range p.Figures() {
		names = append(names, f.Name)
		if f.Needs == "" {
			continue
		}
		if _, err := f.Draw(context.Background()); !errors.Is(err, ErrNoNetworks) {
			t.Errorf("%s: %v", f.Name, err)
		}
	}
	if want := []string{"fig1", "fig2", "fig3", "fig4", "fig5", "fig6", "fig7", "appendix2", "appendix4", "appendix5",
		"appendix6-fig1", "appendix6-fig2"}; !slices.Equal(names, want) {
		t.Errorf("figures %v, want %v", names, want)
	}
}

// The small grids have what the figures show: several c for each mechanism, and the paper's c with a tenth and ten
// times of it, with and without hidden layers.
func TestQuickGrids(t *testing.T) {
	grids, err := QuickGrids(mnist.Glyphs(), "glyphs", 5)
	if err != nil || len(grids) != 2 {
		t.Fatalf("%d grids: %v", len(grids), err)
	}
	var records []store.Record
	for _, p := range grids[0].Points {
		records = append(records, store.Record{ID: p.ID, Settings: grid.SettingsOf(p.Config, "glyphs")})
	}
	if !severalCosts(records) || severalCosts(records[:1]) {
		t.Error("the grid over c is not taken for one, or a single network is")
	}
	kinds := map[string]int{}
	for _, p := range grids[1].Points {
		factor, ok := PaperFactor(p.Config)
		if !ok || p.Config.Seed != 5 || p.Config.Data != "glyphs" {
			t.Errorf("%+v is no network of the paper's", p.Config)
		}
		kind := "deep"
		if len(p.Config.Hidden) == 0 {
			kind = "flat"
		}
		if factor != 1 {
			kind += ", another c"
		}
		kinds[kind]++
	}
	if kinds["deep"] != 4 || kinds["flat"] != 4 || kinds["deep, another c"] != 8 || len(kinds) != 3 {
		t.Errorf("networks %v", kinds)
	}
}
