package draw

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/recorder"

	"quantal/internal/resultstest"
)

// everything is a figure with a panel of each kind.
func everything(t *testing.T) *Figure {
	t.Helper()
	x := []float64{0.01, 0.1, 1, 10}
	nan := math.NaN()
	logs := Panel{
		Letter: "A", Title: "power laws", X: Axis{Label: "x", Log: true}, Y: Axis{Label: "y", Log: true, Min: 0.01, Max: 100},
		Note: "c = 1\nd = 2",
		Layers: []Layer{
			Curve{Label: "a", X: x, Y: x, Color: Green}, Curve{Label: "b", X: x, Y: []float64{1, 0, -1, nan}, Color: Blue,
				Dashed: true, Pale: 0.5},
			Points{Label: "dots", X: x, Y: x, Color: Red}, Points{X: x, Y: x, Color: Grey, Small: true},
		},
	}
	areas := Panel{
		X: Axis{Label: "w", Bare: true}, Y: Axis{Label: "cost"},
		Layers: []Layer{
			Band("band", x, []float64{0, 0, 0, 0}, x, Sky), Box("box", 1, 2, 0, 3, Purple, true),
			Curve{Label: "a", X: x, Y: x, Thin: true, Color: Ink},
		},
	}
	empty := Panel{Layers: []Layer{Curve{X: []float64{nan}, Y: []float64{1}, Color: Orange}}}
	f, err := NewFigure(Block{Rows: [][]Panel{{logs, areas}, {{}, empty}}, Height: 100},
		Block{Rows: [][]Panel{{areas}}, Height: 40})
	check(t, err)
	return f
}

func TestPanels(t *testing.T) {
	dir := t.TempDir()
	f := everything(t)
	labels := ""
	page, err := f.lay()
	check(t, err)
	for _, k := range page.blocks[0].key {
		labels += k.label + ";"
	}
	if labels != "a;b;dots;band;box;" {
		t.Errorf("key %s", labels)
	}
	for _, name := range []string{"a.svg", "a.png", "a.pdf"} {
		path := filepath.Join(dir, name)
		check(t, f.Save(path))
		first, err := os.ReadFile(path)
		check(t, err)
		check(t, everything(t).Save(path))
		second, err := os.ReadFile(path)
		check(t, err)
		if !bytes.Equal(first, second) {
			t.Errorf("%s: the same figure gave other bytes", name)
		}
		if name == "a.svg" {
			resultstest.WellFormed(t, name, first)
		}
	}
}

func TestPanelsRefuse(t *testing.T) {
	line := func(x, y []float64) Panel { return Panel{Layers: []Layer{Curve{X: x, Y: y}}} }
	good := line([]float64{1, 2}, []float64{1, 2})
	figure := func(p ...[]Panel) error {
		_, err := NewFigure(Block{Rows: p, Height: 50})
		return err
	}
	wantError(t, figure([]Panel{good, good}, []Panel{good}), "a row of 1 panels under one of 2")
	wantError(t, figure([]Panel{line([]float64{1}, nil)}), "1 values of x, 0 of y")
	wantError(t, figure([]Panel{{}}), "nothing to draw")
	good.X = Axis{Log: true, Min: 0, Max: 1}
	wantError(t, figure([]Panel{good}), "an axis from 0 to 1")
	good.X = Axis{Min: 2, Max: 1}
	wantError(t, figure([]Panel{good}), "an axis from 2 to 1")
	_, err := NewFigure()
	wantError(t, err, "nothing to draw")
}

// Bands are cut off at the ends of the axis and at its limits, and interrupted where there is no interval.
func TestBands(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	c := Curve{X: []float64{1, 10, 100, 1000}, Y: []float64{5, 5, 5, 5}, Low: []float64{4, -3, nan, 1},
		High: []float64{6, 20, nan, 9}}
	outlines := func(y Axis, low, high float64) (list []plotter.XYs) {
		bands, err := c.bands(Axis{Log: true}, y)
		check(t, err)
		for _, b := range bands {
			list = append(list, b.outline(low, high))
		}
		return list
	}
	for want, got := range map[string][]plotter.XYs{
		"[[{0 6} {1 10} {1 0} {0 4}] [{3 9} {3 1}]]": outlines(Axis{}, 0, 10),
		"[[{0 6} {1 8} {1 2} {0 4}] [{3 8} {3 2}]]":  outlines(Axis{Least: 2, Most: 8}, 0, 10),
	} {
		if fmt.Sprint(got) != want {
			t.Errorf("bands %v, want %s", got, want)
		}
	}
	if got := fmt.Sprint(outlines(Axis{Log: true}, -1, 1)); !strings.HasPrefix(got, "[[{0 0.778") ||
		!strings.Contains(got, "{1 1} {1 -1}") {
		t.Errorf("bands on a logarithmic axis: %v", got)
	}
	bands, err := c.bands(Axis{Log: true}, Axis{Most: 10, Least: 0})
	check(t, err)
	x0, x1, y0, y1 := bands[0].DataRange()
	if x0 != 0 || x1 != 1 || y0 != 0 || y1 != 10 {
		t.Errorf("range %v to %v, %v to %v", x0, x1, y0, y1)
	}
	if bands, err = c.bands(Axis{Log: true}, Axis{Log: true}); err != nil {
		t.Fatal(err)
	}
	if _, _, y0, y1 = bands[0].DataRange(); y0 != inf || y1 != -inf {
		t.Errorf("range on a logarithmic axis: %v to %v, want none", y0, y1)
	}
	c.Low = c.Low[:2]
	_, err = NewFigure(Block{Rows: [][]Panel{{{Layers: []Layer{c}}}}, Height: 50})
	wantError(t, err, "4 values of x, 2 and 4 ends of intervals")
}

// Hatching must stay inside of its polygon.
func TestHatch(t *testing.T) {
	p := newStyle().axes("", "")
	p.X.Min, p.X.Max, p.Y.Min, p.Y.Max = 0, 10, 0, 10
	var rec recorder.Canvas
	canvas := draw.NewCanvas(&rec, 200, 200)
	h := hatch{plotter.XYs{{X: 2, Y: 1}, {X: 6, Y: 1}, {X: 6, Y: 9}, {X: 2, Y: 9}}, solid(Ink.rgba(), hairline)}
	h.Plot(canvas, p)
	lines := 0
	for _, a := range rec.Actions {
		stroke, ok := a.(*recorder.Stroke)
		if !ok {
			continue
		}
		lines++
		for _, c := range stroke.Path {
			x, y := c.Pos.X/20, c.Pos.Y/20
			if x < 2-1e-9 || x > 6+1e-9 || y < 1-1e-9 || y > 9+1e-9 {
				t.Errorf("a line goes to %v, %v", x, y)
			}
		}
	}
	if lines < 40 || lines > 80 { // 240 points of y-x, every 4
		t.Errorf("%d lines", lines)
	}
}

func TestPale(t *testing.T) {
	c := Blue.rgba()
	if pale(c, 0) != c {
		t.Error("no white changes the colour")
	}
	if w := pale(c, 1); w.R != 255 || w.G != 255 || w.B != 255 {
		t.Errorf("all white is %v", w)
	}
}

func TestIllustration(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "folder")
	i := Illustration{Name: "fig", Title: "A title", Caption: "What is seen.", Figure: everything(t),
		Numbers: map[string]any{"slope": 2, "nan": math.NaN()}}
	files, err := i.Save(dir)
	check(t, err)
	var names []string
	for _, f := range files {
		if filepath.Dir(f) != dir {
			t.Errorf("%s is not in %s", f, dir)
		}
		names = append(names, filepath.Ext(f))
	}
	if got := strings.Join(names, " "); got != ".svg .png .txt .json" {
		t.Fatalf("files %s", got)
	}
	text, err := os.ReadFile(filepath.Join(dir, "fig.txt"))
	check(t, err)
	if string(text) != "A title\n\nWhat is seen.\n" {
		t.Errorf("caption %q", text)
	}
	raw, err := os.ReadFile(filepath.Join(dir, "fig.json"))
	check(t, err)
	var numbers map[string]any
	check(t, json.Unmarshal(raw, &numbers))
	if numbers["slope"] != 2. || numbers["nan"] != nil {
		t.Errorf("numbers %v", numbers)
	}
	picture, err := os.ReadFile(filepath.Join(dir, "fig.png"))
	check(t, err)
	image, err := png.Decode(bytes.NewReader(picture))
	check(t, err)
	if w, h := image.Bounds().Dx(), image.Bounds().Dy(); w != 2126 ||
		math.Abs(float64(h)-float64(152*vg.Millimeter/vg.Inch*300)) > 2 {
		t.Errorf("%d x %d dots", w, h) // 180 mm by 3 + 100 + 6 + 40 + 3 mm
	}
	i.Numbers = func() {}
	_, err = i.Save(dir)
	wantError(t, err, "numbers of fig")
}

func TestPanelsStandStraight(t *testing.T) { Straight(t, "panels", everything(t)) }
