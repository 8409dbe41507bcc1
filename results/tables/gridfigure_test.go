package tables

import (
	"bytes"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"quantal/internal/recordstest"
	"quantal/internal/resultstest"
	"quantal/results/draw"
	"quantal/results/store"
)

// No line leads past published values between two of ours.
func TestLinesStopAtPublishedValues(t *testing.T) {
	records := recordstest.GridRecords([]float64{2}, recordstest.BothNoises, []float64{1e-2, 0.1, 1, 10}, 1,
		func(*store.Record) {})
	for _, c := range []struct {
		published []float64
		want      []int // points of each curve
	}{{nil, []int{4}}, {[]float64{0.01, 0.1, 1, 10}, []int{4}}, {[]float64{0.1, 0.3, 1}, []int{2, 2}},
		{[]float64{0.1000001, 0.003, 30}, []int{4}}, {[]float64{0.03, 0.3, 3}, []int{1, 1, 1, 1}}} {
		var reference []Published
		for _, at := range c.published {
			reference = append(reference, heterogeneous(2, at, 60, 0.25))
		}
		s := newSheet(variantsOf(records, alongC)[0], []relation{{testAccuracy(nil), noiseLevel()}}, recordstest.RhoTitle,
			reference)
		var got []int
		for _, curve := range curvesOf(s.Rows[0][0], "heterogeneous") {
			got = append(got, len(curve.X))
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("published at %v: curves of %v points, want %v", c.published, got, c.want)
		}
		if same := curvesOf(s.Rows[0][0], "homogeneous"); len(same) != 1 {
			t.Errorf("published at %v: %d curves of another noise", c.published, len(same))
		}
	}
}

// The panels contain the values of the records, on the axes' scales.
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
	v := variantsOf(records, alongC)
	if len(v) != 1 || v[0].label != "" {
		t.Fatalf("%d variants, label %q", len(v), v[0].label)
	}
	s := newSheet(v[0], []relation{{testAccuracy(nil), alongC.quantity(nil)}, {reliabilityCost(nil), noiseLevel()}},
		recordstest.RhoTitle, reference)
	accuracy, cost := s.Rows[0][1], s.Rows[1][1]
	if s.Rows[0][0].Title != "mechanism, ρ = 0.5" || accuracy.Title != "mechanism, ρ = 2" || len(s.Rows[0]) != 2 ||
		s.hidden != 0 || !near(accuracy.Layers[0].(draw.Level).Y, 98, 1e-12) ||
		!math.IsNaN(cost.Layers[0].(draw.Level).Y) {
		t.Errorf("rows %+v, hidden %d", s.Rows, s.hidden)
	}
	// Heterogeneous: four values of c. Homogeneous: cut at c = 1, where all diverged.
	apart, same := curvesOf(accuracy, "heterogeneous"), curvesOf(accuracy, "homogeneous")
	if len(apart) != 1 || len(apart[0].X) != 4 || len(same) != 2 || len(same[0].X) != 2 || len(same[1].X) != 1 {
		t.Fatalf("curves %+v and %+v", apart, same)
	}
	if p := publishedOf(accuracy); len(p) != 1 || p[0].Label != "heterogeneous, published" || p[0].X[0] != 0.1 ||
		p[0].Y[0] != 60 || len(publishedOf(s.Rows[0][0])) != 0 {
		t.Errorf("published marks %v", p)
	}
	if p := publishedOf(cost); len(p) != 1 || p[0].X[0] != 0.25 || p[0].Y[0] != 800 {
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
		if d := same[0]; d.X[1] != 0.1 || !near(d.Y[1], sum, 1e-12) || !near(d.Low[1], sum-half, 1e-6) ||
			!near(d.High[1], sum+half, 1e-6) {
			t.Errorf("curve %+v, want mean %v ± %v", d, sum, half)
		}
		if d := curvesOf(cost, "homogeneous")[0]; !near(d.X[1], sigma, 1e-9) {
			t.Errorf("cost is over %v, want %v", d.X[1], sigma)
		}
	}
	want := "Means over 2 to 3 seeds, bands: 95 % intervals. 8 networks diverged and are left out. Remark."
	if s.note("Remark.") != want {
		t.Errorf("note %q", s.note("Remark."))
	}
	want = "heterogeneous homogeneous neuron layer none without noise heterogeneous, published"
	if got := strings.Join(s.Key[:7], " "); got != want {
		t.Errorf("the key begins with %s", got)
	}
}

// curvesOf are the curves of a noise in a panel.
func curvesOf(p draw.Panel, noise string) (list []draw.Curve) {
	for _, l := range p.Layers {
		if c, ok := l.(draw.Curve); ok && c.Label == noise {
			list = append(list, c)
		}
	}
	return list
}

// publishedOf are the points in a panel, where there are any.
func publishedOf(p draw.Panel) (list []draw.Points) {
	for _, l := range p.Layers {
		if d, ok := l.(draw.Points); ok && len(d.X) > 0 {
			list = append(list, d)
		}
	}
	return list
}

func TestNetworksThatLogarithmicAxesCannotShow(t *testing.T) {
	// sigma above 1 at the last: a negative cost
	records := recordstest.GridRecords([]float64{0}, recordstest.BothNoises[:1], []float64{0.1, 1, 1e3}, 2, nil)
	s := newSheet(variantsOf(records, alongC)[0], []relation{{reliabilityCost(nil), noiseLevel()},
		{testAccuracy(nil), reliabilityCost(nil)}}, recordstest.RhoTitle, nil)
	if c := curvesOf(s.Rows[0][0], "heterogeneous"); s.hidden != 2 || len(c) != 1 || len(c[0].X) != 2 {
		t.Errorf("hidden %d, curves %+v", s.hidden, c)
	}
	if note := s.note(""); !strings.Contains(note, "−Σ ln σ") ||
		!strings.Contains(note, "2 networks without a positive") {
		t.Errorf("note %q", note)
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
	if want := "fig2-lambda0-batch0 fig3-lambda0-batch0 fig2-lambda0.5-batch50 fig3-lambda0.5-batch50 " +
		"over-c"; strings.Join(got, " ") != want {
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
		"no two finished networks differ":   recordstest.GridRecords([]float64{2}, []string{"none"}, []float64{1}, 1, nil),
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
