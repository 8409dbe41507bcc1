package tables

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"quantal/internal/recordstest"
	"quantal/internal/resultstest"
	"quantal/results/draw"
	"quantal/results/store"
)

// What stands in the panels is what the records say, on the axes' scales.
func TestFiguresShowTheRecords(t *testing.T) {
	lose := func(r *store.Record) {
		if r.C == 1 && r.Noise == "homogeneous" || r.C == 10 && r.Seed == 2 {
			*r = diverged(r.RhoValue, r.C, r.Seed)
			r.Noise = "homogeneous"
		}
	}
	records := recordstest.GridRecords([]float64{2, 0.5}, append(recordstest.BothNoises, "none"),
		[]float64{1e-2, 0.1, 1, 10}, 3, lose)
	reference := []Published{heterogeneous(2, 0.1, 60, 0.25), heterogeneous(3, 0.1, 1, 1),
		{Settings: store.Settings{Noise: "neuron", Rho: "2", RhoValue: 2, C: 1}}}
	v := variantsOf(records)
	if len(v) != 1 || v[0].label != "" {
		t.Fatalf("%d variants, label %q", len(v), v[0].label)
	}
	s := newSheet(v[0], []relation{{testAccuracy(), multiplierC()}, {reliabilityCost(), noiseLevel()}},
		recordstest.RhoTitle, reference)
	if fmt.Sprint(s.titles) != "[mechanism, ρ = 0.5 mechanism, ρ = 2]" || s.hidden != 0 ||
		!near(s.rows[0].level, 98, 1e-12) || !math.IsNaN(s.rows[1].level) {
		t.Errorf("titles %v, hidden %d, levels %v and %v", s.titles, s.hidden, s.rows[0].level, s.rows[1].level)
	}
	accuracy, cost := s.rows[0].panels[1], s.rows[1].panels[1]
	// Heterogeneous: four values of c. Homogeneous: cut at c = 1, where all diverged.
	if len(accuracy) != 2 || accuracy[0].noise != "heterogeneous" || len(accuracy[0].segments) != 1 ||
		len(accuracy[0].segments[0]) != 4 ||
		len(accuracy[1].segments) != 2 || len(accuracy[1].segments[0]) != 2 || len(accuracy[1].segments[1]) != 1 {
		t.Fatalf("traces %+v", accuracy)
	}
	if p := accuracy[0].published; len(p) != 1 || !near(p[0].X, -1, 1e-12) || p[0].Y != 60 ||
		len(accuracy[1].published) != 0 || len(s.rows[0].panels[0][0].published) != 0 {
		t.Errorf("published marks %v", p)
	}
	if p := cost[0].published; len(p) != 1 || p[0].X != math.Log10(0.25) || p[0].Y != math.Log10(800) {
		t.Errorf("published marks %v", p)
	}
	for _, g := range Groups(records) {
		if g.RhoValue != 2 || g.C != 0.1 || g.Noise != "homogeneous" {
			continue
		}
		var sum, squares, sigma float64
		for _, r := range g.Done {
			sum, sigma = sum+100*r.AccuracySampled/3, sigma+r.SigmaRMS/3
		}
		for _, r := range g.Done {
			squares += (100*r.AccuracySampled - sum) * (100*r.AccuracySampled - sum)
		}
		half := 4.302653 * math.Sqrt(squares/2/3)
		d := accuracy[1].segments[0][1]
		if !near(d.x, -1, 1e-12) || !near(d.y, sum, 1e-12) || !near(d.low, sum-half, 1e-6) || !near(d.high, sum+half, 1e-6) {
			t.Errorf("dot %+v, want mean %v ± %v", d, sum, half)
		}
		if d := cost[1].segments[0][1]; !near(d.x, math.Log10(sigma), 1e-9) {
			t.Errorf("cost stands over %v, want %v", d.x, math.Log10(sigma))
		}
	}
	if want := "Means over 2 to 3 seeds, bands: 95 % intervals. 8 networks diverged and are left out. Remark."; s.note("Remark.") != want {
		t.Errorf("note %q", s.note("Remark."))
	}
	var key []string
	for _, k := range s.key() {
		key = append(key, fmt.Sprintf("%s %v", k.Label, k.Fill != nil))
	}
	if want := "heterogeneous true, homogeneous true, without noise false, heterogeneous, published false"; strings.Join(key, ", ") != want {
		t.Errorf("key %v", key)
	}
}

func TestNetworksThatLogarithmicAxesCannotShow(t *testing.T) {
	// sigma above 1 at the last: a negative cost
	records := recordstest.GridRecords([]float64{0}, recordstest.BothNoises[:1], []float64{0.1, 1, 1e3}, 2, nil)
	s := newSheet(variantsOf(records)[0], []relation{{reliabilityCost(), noiseLevel()},
		{testAccuracy(), reliabilityCost()}}, recordstest.RhoTitle, nil)
	if s.hidden != 2 || len(s.rows[0].panels[0][0].segments[0]) != 2 {
		t.Errorf("hidden %d, traces %+v", s.hidden, s.rows[0].panels)
	}
	if note := s.note(""); !strings.Contains(note, "−Σ ln σ") ||
		!strings.Contains(note, "2 networks without a positive") {
		t.Errorf("note %q", note)
	}
}

func TestBands(t *testing.T) {
	nan := math.NaN()
	segment := []dot{{0, 5, 4, 6}, {1, 5, math.Inf(-1), 20}, {2, 5, nan, nan}, {3, 5, 1, 9}}
	got := fmt.Sprint(bands(segment, draw.Span{Low: 0, High: 10}))
	if want := "[[{0 6} {1 10} {1 0} {0 4}] [{3 9} {3 1}]]"; got != want {
		t.Errorf("bands %s, want %s", got, want)
	}
}

func TestVariants(t *testing.T) {
	records := recordstest.GridRecords([]float64{2}, recordstest.BothNoises, []float64{0.1, 1}, 1, nil)
	for _, r := range recordstest.GridRecords([]float64{2}, recordstest.BothNoises, []float64{0.1, 1}, 1, nil) {
		r.Lambda, r.Batch = 0.5, 50
		r.ID += "-other"
		records = append(records, r)
	}
	g := &Grid{Dir: "grid", Points: 9, Records: records}
	figures, err := g.Figures(recordstest.RhoTitle, nil)
	check(t, err)
	var got []string
	for _, f := range figures {
		got = append(got, f.Name)
	}
	if want := "fig2-lambda0-batch0 fig3-lambda0-batch0 fig2-lambda0.5-batch50 fig3-lambda0.5-batch50"; strings.Join(got,
		" ") != want {
		t.Errorf("figures %v", got)
	}
	if want := "lambda 0.5, batch 50. 1 of 9 points have not finished."; figures[2].Note != want {
		t.Errorf("note %q", figures[2].Note)
	}
}

func TestNothingToDrawOfAGrid(t *testing.T) {
	for what, records := range map[string][]store.Record{
		"no point has finished yet":         nil,
		"every finished point has diverged": {diverged(2, 0.1, 1)},
		"without noise":                     recordstest.GridRecords([]float64{2}, []string{"none"}, []float64{1}, 2, nil),
	} {
		_, err := (&Grid{Dir: "grid", Records: records}).Figures(recordstest.RhoTitle, nil)
		wantError(t, err, "grid: ", what)
		if !errors.Is(err, store.ErrNothing) {
			t.Errorf("%s: want ErrNothing", what)
		}
	}
}

func TestGridFigures(t *testing.T) {
	dir := t.TempDir()
	for name, g := range recordstest.GridCases() {
		g := &Grid{Points: g.Points, Records: g.Records}
		saved := func() map[string][]byte {
			figures, err := g.Figures(recordstest.RhoTitle, []Published{heterogeneous(2, 0.1, 50, 0.3)})
			check(t, err)
			files := map[string][]byte{}
			for _, f := range figures {
				path := filepath.Join(dir, f.Name+".svg")
				check(t, f.Save(path))
				files[f.Name], err = os.ReadFile(path)
				check(t, err)
			}
			return files
		}
		files, again := saved(), saved()
		for _, figure := range []string{"fig2", "fig3"} {
			resultstest.WellFormed(t, name+" "+figure, files[figure])
			if !bytes.Equal(files[figure], again[figure]) {
				t.Errorf("%s: the same records gave another picture", name)
			}
		}
	}
}
