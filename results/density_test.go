package results

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/recorder"
)

func TestBins(t *testing.T) {
	b := bin(plotter.XYs{{X: 0, Y: 0}, {X: 0.1, Y: 0.2}, {X: 4, Y: 8}, {X: 3.9, Y: 0}, {X: 2, Y: 4}}, 4)
	want := []int{2, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1}
	for i := range want {
		if b.counts[i] != want[i] {
			t.Fatalf("counts %v, want %v", b.counts, want)
		}
	}
	if b.most != 2 || b.shade(0) != -1 || b.shade(1) != 0 || b.shade(2) != shades-1 {
		t.Errorf("most %d; shades %d, %d, %d", b.most, b.shade(0), b.shade(1), b.shade(2))
	}
	if b := bin(plotter.XYs{{X: 1, Y: 2}, {X: 1, Y: 2}}, 3); b.counts[4] != 2 { // all in one place, which is in the middle
		t.Errorf("counts %v", b.counts)
	}
	list := shadesOf(Green.nrgba())
	for i := range list[1:] {
		light := func(i int) int { return int(list[i].R) + int(list[i].G) + int(list[i].B) }
		if light(i+1) >= light(i) {
			t.Errorf("shade %d is not darker than the one before: %v", i+1, list)
		}
	}
}

func TestDensity(t *testing.T) {
	d := Density{Label: "many", X: []float64{1, 1, 10, 100, 0, math.NaN()}, Y: []float64{1, 1, 1, 100, 1, 1}, Color: Green, Bins: 10}
	axes := Axis{Log: true}
	p := newHouse().axes("x", "y")
	entry, err := d.draw(p, axes, axes)
	check(t, err)
	if entry.label != "many" || entry.fill == nil {
		t.Errorf("key %+v", entry)
	}
	if p.X.Min != 0 || p.X.Max != 2 || p.Y.Max != 2 {
		t.Errorf("axes to %g and %g, want the logarithms of the points", p.X.Max, p.Y.Max)
	}
	fills := func(p *plot.Plot) (n int) {
		var canvas recorder.Canvas
		p.Draw(draw.NewCanvas(&canvas, 300, 300))
		for _, action := range canvas.Actions {
			if strings.HasPrefix(action.Call(), "Fill(") {
				n++
			}
		}
		return n
	}
	empty := newHouse().axes("x", "y") // the letters are areas, too
	empty.X.Min, empty.X.Max, empty.Y.Min, empty.Y.Max = p.X.Min, p.X.Max, p.Y.Min, p.Y.Max
	if n := fills(p) - fills(empty); n != 3 { // three bins that are not neighbours
		t.Errorf("%d areas, want 3", n)
	}
	_, err = NewFigure(Block{Rows: [][]Panel{{{Layers: []Layer{Density{X: d.X, Y: d.Y}}}}}, Height: 50})
	wantError(t, err, "density: want 1 or more bins, got 0")
}

func TestRows(t *testing.T) {
	type base struct {
		Slope float64 `json:"slope"`
	}
	type row struct {
		ID string `json:"id"`
		base
		N int `json:"n"`
	}
	dir := filepath.Join(t.TempDir(), "new")
	files, err := WriteRows(dir, "slopes", []row{{"a,b", base{0.1}, 3}, {"c", base{math.NaN()}, 4}})
	check(t, err)
	for i, want := range []string{
		"id,slope,n\n\"a,b\",0.1,3\nc,,4\n",
		`{"id":"a,b","slope":0.1,"n":3}` + "\n" + `{"id":"c","slope":null,"n":4}` + "\n",
	} {
		got, err := os.ReadFile(files[i])
		check(t, err)
		if string(got) != want {
			t.Errorf("%s:\n%s", files[i], got)
		}
	}
}

func TestDrawings(t *testing.T) {
	dir := t.TempDir()
	if none, err := ReadDrawings(filepath.Join(dir, "none")); none != nil || err != nil {
		t.Errorf("no folder: %v, %v", none, err)
	}
	i := Illustration{Name: "b", Title: "A <title>", Caption: "first & line\nsecond", Figure: everything(t), Numbers: []int{1}}
	_, err := i.Save(dir)
	check(t, err)
	i.Name = "a"
	_, err = i.Save(dir)
	check(t, err)
	check(t, os.WriteFile(filepath.Join(dir, "notes.txt"), []byte("no picture"), 0o644))
	drawings, err := ReadDrawings(dir)
	check(t, err)
	if len(drawings) != 2 || drawings[0].Name != "a" || drawings[1].Title != "A <title>" || len(drawings[0].Caption) != 2 {
		t.Fatalf("%+v", drawings)
	}
	p := parsed(t, Report{Title: "t", Sections: []Section{{Title: "Analyses", Drawings: drawings}}})
	if p.elements["svg"] != 2 || p.elements["figcaption"] != 2 || !strings.Contains(p.text, "first & line") {
		t.Errorf("%v %s", p.elements, p.text)
	}
	svg := filepath.Join(dir, "a.svg")
	picture, err := os.ReadFile(svg)
	check(t, err)
	for _, bad := range [][]byte{
		bytes.Replace(picture, []byte("</svg>"), []byte("<script>alert(1)</script></svg>"), 1), picture[:len(picture)/2], []byte("<svg></svg>"),
	} {
		check(t, os.WriteFile(svg, bad, 0o644))
		_, err = ReadDrawings(dir)
		wantError(t, err, "a.svg: ")
	}
}
