package results

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/recorder"
)

// gridRecords makes networks over c and seed whose accuracy falls and whose sigma rises, for each rho and noise. edit may
// change one.
func gridRecords(rhos []float64, noises []string, cs []float64, seeds int, edit func(*Record)) []Record {
	var records []Record
	next := normal(1)
	for _, rho := range rhos {
		for n, noise := range noises {
			for _, c := range cs {
				for seed := range seeds {
					r := record(rho, c, uint64(seed+1))
					r.ID, r.Noise = noise+"-"+r.ID, noise
					r.SigmaRMS = 0.3 * math.Pow(c, 0.4/(rho+0.5)) * (1 + 0.3*float64(n)) * math.Exp(0.03*float64(next()))
					r.AccuracySampled = 0.1 + 0.88/(1+r.SigmaRMS*r.SigmaRMS*4)
					r.ReliabilityCost = 1000 * math.Pow(r.SigmaRMS, -rho) / rho
					switch {
					case noise == withoutNoise:
						r.AccuracySampled, r.SigmaRMS, r.ReliabilityCost = 0.98, 0, 0
					case rho == 0:
						r.ReliabilityCost = -1000 * math.Log(r.SigmaRMS)
					}
					if edit != nil {
						edit(&r)
					}
					records = append(records, r)
				}
			}
		}
	}
	return records
}

func rhoTitle(rho float64) string { return fmt.Sprintf("mechanism, ρ = %.3g", rho) }

func powers(low, high float64, n int) []float64 {
	var list []float64
	for i := range n {
		list = append(list, math.Pow(10, low+(high-low)*float64(i)/float64(max(1, n-1))))
	}
	return list
}

var bothNoises = []string{"heterogeneous", "homogeneous"}

// What stands in the panels is what the records say, on the axes' scales.
func TestFiguresShowTheRecords(t *testing.T) {
	lose := func(r *Record) {
		if r.C == 1 && r.Noise == "homogeneous" || r.C == 10 && r.Seed == 2 {
			*r = diverged(r.RhoValue, r.C, r.Seed)
			r.Noise = "homogeneous"
		}
	}
	records := gridRecords([]float64{2, 0.5}, append(bothNoises, "none"), []float64{1e-2, 0.1, 1, 10}, 3, lose)
	reference := []Published{heterogeneous(2, 0.1, 60, 0.25), heterogeneous(3, 0.1, 1, 1), {Settings: Settings{Noise: "neuron", Rho: "2", RhoValue: 2, C: 1}}}
	v := variantsOf(records)
	if len(v) != 1 || v[0].label != "" {
		t.Fatalf("%d variants, label %q", len(v), v[0].label)
	}
	s := newSheet(v[0], []relation{{testAccuracy(), multiplierC()}, {reliabilityCost(), noiseLevel()}}, rhoTitle, reference)
	if fmt.Sprint(s.titles) != "[mechanism, ρ = 0.5 mechanism, ρ = 2]" || s.hidden != 0 || !near(s.rows[0].level, 98, 1e-12) || !math.IsNaN(s.rows[1].level) {
		t.Errorf("titles %v, hidden %d, levels %v and %v", s.titles, s.hidden, s.rows[0].level, s.rows[1].level)
	}
	accuracy, cost := s.rows[0].panels[1], s.rows[1].panels[1]
	// Heterogeneous: four values of c. Homogeneous: cut at c = 1, where all diverged.
	if len(accuracy) != 2 || accuracy[0].noise != "heterogeneous" || len(accuracy[0].segments) != 1 || len(accuracy[0].segments[0]) != 4 ||
		len(accuracy[1].segments) != 2 || len(accuracy[1].segments[0]) != 2 || len(accuracy[1].segments[1]) != 1 {
		t.Fatalf("traces %+v", accuracy)
	}
	if p := accuracy[0].published; len(p) != 1 || !near(p[0].X, -1, 1e-12) || p[0].Y != 60 || len(accuracy[1].published) != 0 || len(s.rows[0].panels[0][0].published) != 0 {
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
		key = append(key, fmt.Sprintf("%s %v", k.label, k.fill != nil))
	}
	if want := "heterogeneous true, homogeneous true, without noise false, heterogeneous, published false"; strings.Join(key, ", ") != want {
		t.Errorf("key %v", key)
	}
}

func TestNetworksThatLogarithmicAxesCannotShow(t *testing.T) {
	records := gridRecords([]float64{0}, bothNoises[:1], []float64{0.1, 1, 1e3}, 2, nil) // sigma above 1 at the last: a negative cost
	s := newSheet(variantsOf(records)[0], []relation{{reliabilityCost(), noiseLevel()}, {testAccuracy(), reliabilityCost()}}, rhoTitle, nil)
	if s.hidden != 2 || len(s.rows[0].panels[0][0].segments[0]) != 2 {
		t.Errorf("hidden %d, traces %+v", s.hidden, s.rows[0].panels)
	}
	if note := s.note(""); !strings.Contains(note, "−Σ ln σ") || !strings.Contains(note, "2 networks without a positive") {
		t.Errorf("note %q", note)
	}
}

func TestBands(t *testing.T) {
	nan := math.NaN()
	segment := []dot{{0, 5, 4, 6}, {1, 5, math.Inf(-1), 20}, {2, 5, nan, nan}, {3, 5, 1, 9}}
	got := fmt.Sprint(bands(segment, span{0, 10}))
	if want := "[[{0 6} {1 10} {1 0} {0 4}] [{3 9} {3 1}]]"; got != want {
		t.Errorf("bands %s, want %s", got, want)
	}
}

func TestVariants(t *testing.T) {
	records := gridRecords([]float64{2}, bothNoises, []float64{0.1, 1}, 1, nil)
	for _, r := range gridRecords([]float64{2}, bothNoises, []float64{0.1, 1}, 1, nil) {
		r.Lambda, r.Batch = 0.5, 50
		r.ID += "-other"
		records = append(records, r)
	}
	g := &Grid{Dir: "grid", Points: 9, Records: records}
	figures, err := g.Figures(rhoTitle, nil)
	check(t, err)
	var got []string
	for _, f := range figures {
		got = append(got, f.Name)
	}
	if want := "fig2-lambda0-batch0 fig3-lambda0-batch0 fig2-lambda0.5-batch50 fig3-lambda0.5-batch50"; strings.Join(got, " ") != want {
		t.Errorf("figures %v", got)
	}
	if want := "lambda 0.5, batch 50. 1 of 9 points have not finished."; figures[2].note != want {
		t.Errorf("note %q", figures[2].note)
	}
}

func TestNothingToDrawOfAGrid(t *testing.T) {
	for what, records := range map[string][]Record{
		"no point has finished yet":         nil,
		"every finished point has diverged": {diverged(2, 0.1, 1)},
		"without noise":                     gridRecords([]float64{2}, []string{"none"}, []float64{1}, 2, nil),
	} {
		_, err := (&Grid{Dir: "grid", Records: records}).Figures(rhoTitle, nil)
		wantError(t, err, "grid: ", what)
		if !errors.Is(err, ErrNothing) {
			t.Errorf("%s: want ErrNothing", what)
		}
	}
}

// gridCases are grids of all kinds.
func gridCases() map[string]*Grid {
	four, all := []float64{1. / 2, 2. / 3, 4. / 3, 2}, append(bothNoises, "neuron", "layer", "none")
	lose := func(r *Record) {
		if r.C > 100 {
			r.Status, r.Outcome = Diverged, NoOutcome()
		}
	}
	return map[string]*Grid{
		"paper":            {Records: gridRecords(four, bothNoises, powers(-4, 3.25, 30), 1, nil)},
		"seeds":            {Points: 1000, Records: gridRecords(four, bothNoises, powers(-4, 3.25, 12), 3, lose)},
		"everything":       {Records: gridRecords([]float64{0, 0.5, 2}, all, powers(-4, 3, 8), 2, nil)},
		"six columns":      {Records: gridRecords([]float64{0.1, 0.3, 0.5, 1, 2, 12.345678}, bothNoises, powers(-4, 1, 5), 1, nil)},
		"one point":        {Records: gridRecords([]float64{2}, bothNoises[:1], []float64{0.1}, 1, nil)},
		"one, three seeds": {Records: gridRecords([]float64{2}, bothNoises[:1], []float64{0.1}, 3, nil)},
		"homogeneous":      {Records: gridRecords([]float64{0.5, 2}, bothNoises[1:], powers(-1, 0, 5), 2, nil)},
		"close together":   {Records: gridRecords([]float64{2}, bothNoises, []float64{0.1, 0.1001}, 1, nil)},
	}
}

func TestGridFigures(t *testing.T) {
	dir := t.TempDir()
	for name, g := range gridCases() {
		saved := func() map[string][]byte {
			figures, err := g.Figures(rhoTitle, []Published{heterogeneous(2, 0.1, 50, 0.3)})
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
			wellFormed(t, name+" "+figure, files[figure])
			if !bytes.Equal(files[figure], again[figure]) {
				t.Errorf("%s: the same records gave another picture", name)
			}
		}
	}
}

// Panels stand in straight rows and columns with data areas of one size, nothing reaches over its neighbour or out of the figure,
// and numbers at the axes stay apart.
func TestPanelsStayApart(t *testing.T) {
	straight(t, "panels", everything(t))
	for name, g := range gridCases() {
		figures, err := g.Figures(rhoTitle, nil)
		check(t, err)
		for _, f := range figures {
			straight(t, name+" "+f.Name, f.Figure)
		}
	}
}

// straight checks the places of a figure's panels.
func straight(t *testing.T, name string, f *Figure) {
	t.Helper()
	var canvas recorder.Canvas
	page := draw.NewCanvas(&canvas, f.width, f.height)
	inner := draw.Crop(page, margin, -margin, margin, -margin)
	for _, b := range f.blocks {
		area := inner
		area.Min.Y = area.Max.Y - b.height
		inner.Max.Y = area.Min.Y - blockGap
		tiles := b.place(area, f.headings(b, area))
		first := tiles[0][0].data
		for j, row := range tiles {
			for i, tile := range row {
				size := tile.data.Size()
				if !near(float64(size.X), float64(first.Size().X), 1e-3) || !near(float64(size.Y), float64(first.Size().Y), 1e-3) ||
					tile.data.Min.X != tiles[0][i].data.Min.X || tile.data.Min.Y != row[0].data.Min.Y {
					t.Errorf("%s: panel %d, %d: data area %v", name, j, i, tile.data)
				}
				if b.rows[j][i].plot == nil {
					continue
				}
				if drawn := b.rows[j][i].plot.DataCanvas(tile.Canvas); !near(float64(drawn.Min.X), float64(tile.data.Min.X), 1e-3) ||
					!near(float64(drawn.Max.X), float64(tile.data.Max.X), 1e-3) || !near(float64(drawn.Max.Y), float64(tile.data.Max.Y), 1e-3) ||
					!near(float64(drawn.Min.Y), float64(tile.data.Min.Y), 1e-3) {
					t.Errorf("%s: panel %d, %d: the data are drawn into %v, meant for %v", name, j, i, drawn.Rectangle, tile.data)
				}
				if size.X < 20*vg.Millimeter || size.Y < 20*vg.Millimeter {
					t.Errorf("%s: a data area of %v is too small", name, size)
				}
				if tile.Min.X < page.Min.X || tile.Max.X > page.Max.X || tile.Min.Y < area.Min.Y-1e-3 || tile.Max.Y > page.Max.Y {
					t.Errorf("%s: panel %d, %d reaches out of its block: %v", name, j, i, tile.Rectangle)
				}
				if i > 0 && tile.Min.X < row[i-1].Max.X || j > 0 && tile.Max.Y > tiles[j-1][i].Min.Y {
					t.Errorf("%s: panel %d, %d reaches over its neighbour", name, j, i)
				}
				apart(t, name, f, b.rows[j][i], tile)
			}
		}
	}
}

// apart checks that the numbers along both axes of a panel do not touch, nor its title the next one.
func apart(t *testing.T, name string, f *Figure, p panel, at tile) {
	t.Helper()
	style := f.style.text(tickSize)
	last := vg.Length(math.Inf(-1))
	for _, tick := range p.plot.X.Tick.Marker.Ticks(p.plot.X.Min, p.plot.X.Max) {
		if strings.TrimSpace(tick.Label) == "" {
			continue
		}
		x := at.data.Size().X * vg.Length(p.plot.X.Norm(tick.Value))
		if x-style.Width(tick.Label)/2 < last+2 {
			t.Errorf("%s: the number %s touches the one before", name, tick.Label)
		}
		last = x + style.Width(tick.Label)/2
	}
	last = vg.Length(math.Inf(-1))
	for _, tick := range p.plot.Y.Tick.Marker.Ticks(p.plot.Y.Min, p.plot.Y.Max) {
		if strings.TrimSpace(tick.Label) == "" {
			continue
		}
		y := at.data.Size().Y * vg.Length(p.plot.Y.Norm(tick.Value))
		if y < last+tickSize {
			t.Errorf("%s: the number %s touches the one below", name, tick.Label)
		}
		last = y
	}
	if w := f.style.bold(labelSize).Width(p.title); w > at.Size().X+columnGap/2 {
		t.Errorf("%s: the title %q is wider than its panel", name, p.title)
	}
}
