package draw

import (
	"bytes"
	"fmt"
	"image/png"
	"io"
	"math"
	"slices"
	"strings"
	"testing"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/recorder"
	"gonum.org/v1/plot/vg/vgsvg"
)

// labels are those of a key, with what is shown of each.
func labels(key []keyEntry) string {
	var list []string
	for _, k := range key {
		text := k.label + ":"
		for what, there := range map[string]bool{"line": k.line.Width > 0, "fill": k.fill != nil,
			"mark": k.mark.Shape != nil, "bar": len(k.shades) > 0} {
			if there {
				text += " " + what
			}
		}
		words := strings.Fields(text)
		slices.Sort(words[1:])
		list = append(list, strings.Join(words, " ")+k.low+k.high)
	}
	return strings.Join(list, ", ")
}

// A label stands in the key once, for all that is drawn with it, and those of Block.Key come first.
func TestKeys(t *testing.T) {
	x := []float64{1, 2}
	heat := Heat{Label: "h", Rows: [][]float64{{1}}, Low: 0.5, High: 4}
	other := heat
	other.High = 8
	b := Block{Height: 100, Rows: [][]Panel{{
		{Layers: []Layer{Curve{Label: "a", X: x, Y: x}, Points{X: x, Y: x}, heat}},
		{Layers: []Layer{Points{Label: "b", X: x, Y: x}, Curve{Label: "b", X: x, Y: x, Low: x, High: x},
			Area{Label: "a", X: []float64{1, 2, 2}, Y: []float64{1, 1, 2}}, Level{"c", 1}, Level{"none", math.NaN()},
			Density{Label: "d", X: x, Y: x, Bins: 2}}},
	}}}
	key := func(b Block) string {
		p, err := (&Figure{Blocks: []Block{b}}).lay()
		check(t, err)
		return labels(p.blocks[0].key)
	}
	if got, want := key(b), "a: fill line, h: bar0.54, b: fill line mark, c: line, d: bar11"; got != want {
		t.Errorf("key %s, want %s", got, want)
	}
	b.Key = []string{"c", "none", "b"}
	b.Rows[0][1].Layers = append(b.Rows[0][1].Layers, other) // the bar stands for both, so it has no numbers
	if got, want := key(b), "c: line, b: fill line mark, a: fill line, h: bar, d: bar11"; got != want {
		t.Errorf("key %s, want %s", got, want)
	}
	b.OwnKeys = true
	p, err := (&Figure{Blocks: []Block{b}}).lay()
	check(t, err)
	if got := labels(p.blocks[0].rows[0][0].key); key(b) != "" || got != "a: line, h: bar0.54" {
		t.Errorf("keys %q of the block, %q of the first panel", key(b), got)
	}
}

// A line in the key is one in the panel: a curve of a single point has none.
func TestKeyOfOnePoint(t *testing.T) {
	for i, want := range []string{"a: mark", "a: line mark"} {
		x := []float64{1, 2}[:i+1]
		b := Block{Height: 50, Rows: [][]Panel{{{Layers: []Layer{Curve{Label: "a", X: x, Y: x, Mark: Dot}}}}}}
		p, err := (&Figure{Blocks: []Block{b}}).lay()
		check(t, err)
		if got := labels(p.blocks[0].key); got != want {
			t.Errorf("%d points: key %s, want %s", i+1, got, want)
		}
	}
}

// Data areas of a square block are as wide as high, whatever room there is.
func TestSquare(t *testing.T) {
	x := []float64{1, 2}
	row := []Panel{{Letter: "A", Title: "t", X: Axis{Label: "x"}, Y: Axis{Label: "y"}, Layers: []Layer{Curve{X: x, Y: x}}},
		{Layers: []Layer{Curve{X: x, Y: x}}}}
	for _, height := range []float64{100, 130, 200} {
		f := &Figure{Blocks: []Block{{Rows: [][]Panel{row, row}, Height: height, Square: true}}}
		Straight(t, "square", f)
		p, err := f.lay()
		check(t, err)
		b := p.blocks[0]
		area := draw.NewCanvas(new(recorder.Canvas), p.width, b.height)
		for _, tile := range slices.Concat(b.place(area, p.headings(b, area))...) {
			if size := tile.data.Size(); !near(float64(size.X), float64(size.Y), 1e-6) {
				t.Errorf("%v mm high: a data area of %v", height, size)
			}
		}
	}
}

// The panels of a row have one range, within limits, and the first has the numbers.
func TestSharedAxes(t *testing.T) {
	panel := func(x, y float64) Panel {
		return Panel{X: Axis{Log: true}, Y: Axis{Label: "y", Most: 100},
			Layers: []Layer{Points{X: []float64{x}, Y: []float64{y}}}}
	}
	b := Block{RowHeight: 50, Shared: true, Rows: [][]Panel{{{}, panel(10, 40), panel(1000, 100)}}}
	p, err := (&Figure{Blocks: []Block{b}}).lay()
	check(t, err)
	row := p.blocks[0].rows[0]
	for _, r := range row[1:] {
		if !near(r.plot.X.Min, 0.9, 1e-9) || r.plot.X.Max != 3.1 || r.plot.Y.Min != 37 || r.plot.Y.Max != 102.5 {
			t.Errorf("x from %v to %v, y from %v to %v", r.plot.X.Min, r.plot.X.Max, r.plot.Y.Min, r.plot.Y.Max)
		}
	}
	if row[0].plot != nil || row[1].plot.Y.Label.Text != "y" || row[2].plot.Y.Label.Text != "" {
		t.Error("the numbers of y are not at the first panel")
	}
	if want := 50*mm + 15; p.blocks[0].height != want {
		t.Errorf("the block is %v high, want %v", p.blocks[0].height, want)
	}
}

func TestRangesAroundData(t *testing.T) {
	for _, c := range []struct {
		axis                Axis
		low, high, from, to float64
	}{
		{Axis{}, 0, 10, -0.5, 10.5},
		{Axis{Whole: true}, 0, 10, -0.2, 10.2},
		{Axis{Whole: true}, 1, 1, 0.48, 1.52},
		{Axis{}, 2, 2, 1.89, 2.11},
		{Axis{Log: true}, 1, 1, 0.6, 1.4},
		{Axis{Log: true}, -1, 1, -1.1, 1.1},
		{Axis{Least: 0, Most: 100}, 1, 99, -2.5, 102.5},
		{Axis{Least: 0, Most: 100}, 40, 60, 39, 61},
		{Axis{}, math.Inf(1), math.Inf(-1), -0.05, 1.05},
	} {
		if from, to := c.axis.around(c.low, c.high); !near(from, c.from, 1e-9) || !near(to, c.to, 1e-9) {
			t.Errorf("%+v around %v to %v: %v to %v, want %v to %v", c.axis, c.low, c.high, from, to, c.from, c.to)
		}
	}
	a := plot.Axis{Min: 0, Max: 3}
	check(t, Axis{Names: []Name{{1, "one"}, {2.5, "more"}}}.set(&a))
	if got := fmt.Sprint(a.Tick.Marker.Ticks(0, 3)); got != "[{1 one} {2.5 more}]" {
		t.Errorf("names %s", got)
	}
}

func TestGrid(t *testing.T) {
	b := Grid(2, 30, Panel{Title: "x"}, Panel{}, Panel{Title: "z"})
	if len(b.Rows) != 2 || len(b.Rows[1]) != 2 || b.Rows[1][0].Letter != "C" || b.Rows[1][0].Title != "z" ||
		b.Rows[1][1].Letter != "" || b.Height != 60 {
		t.Errorf("%+v", b)
	}
}

// A figure is data: it can be put together without NewFigure, and what is wrong with it comes to light when it is
// saved.
func TestFigureIsData(t *testing.T) {
	err := (&Figure{}).Save(t.TempDir() + "/a.svg")
	wantError(t, err, "a.svg: ", "there is nothing to draw")
	f := Figure{Width: 85, Note: strings.Repeat("long ", 60), Blocks: everything(t).Blocks[1:]}
	p, err := f.lay()
	check(t, err)
	if lines := len(p.note); lines < 3 || p.width != 85*mm || p.height != 46*mm+rowGap+noteSpace*vg.Length(lines) {
		t.Errorf("%d lines, %v x %v", lines, p.width, p.height)
	}
}

func TestPictures(t *testing.T) {
	const n = 22 // of label 0, and two of label 12
	labels := append(make([]byte, n), 12, 12)
	labels[0], labels[n+1] = 12, 0
	images := make([]byte, (n+2)*4)
	images[4*n] = 0xff // top left of the second of label 12
	f, err := Pictures(images, labels, 2, 2)
	check(t, err)
	var b bytes.Buffer
	check(t, f.Encode(&b, ".png"))
	image, err := png.Decode(&b)
	check(t, err)
	panel := f.Blocks[0].Rows[0][0]
	rows := panel.Layers[0].(Heat).Rows
	// Three lines, of 20, 2 and 2 images of 2 pixels with 1 between them.
	if len(rows) != 3*3+1 || len(rows[0]) != 20*3+1 {
		t.Fatalf("%d x %d", len(rows), len(rows[0]))
	}
	if got := fmt.Sprint(panel.Y.Names); got != "[{8 0} {2 12}]" {
		t.Errorf("labels %s", got)
	}
	line := func(row int) (text string) {
		for _, v := range rows[row][:10] {
			text += map[float64]string{0: ".", 0x1d: "#", 0xff: "X"}[v]
		}
		return text
	}
	for row, want := range []string{"##########", "#..#..#..#", "#..#..#..#", "##########", "#..#..####", "#..#..####",
		"##########", "#..#X.####", "#..#..####", "##########"} {
		if line(row) != want {
			t.Errorf("row %d: %s, want %s", row, line(row), want)
		}
	}
	if dx := image.Bounds().Dx(); math.Abs(float64(dx)-float64((20*8.4+8.4/3+9)*300/25.4)) > 2 {
		t.Errorf("%d dots wide", dx)
	}
	for _, bad := range []int{0, 1, 3} {
		_, err = Pictures(images, labels, 2, bad)
		wantError(t, err, "96 bytes for 24 images of 2 x ")
	}
}

// A label longer than its axis is broken into lines, or shortened: the layout ends, and all of it is on the page.
func TestLongLabels(t *testing.T) {
	long := strings.Repeat("the cost Σσ^{−ρ}/ρ of all synapses ", 9)
	for _, label := range []string{long, strings.ReplaceAll(long, " ", "_"),
		"Cost of all synapses, in nats of a minibatch"} {
		p := Panel{Title: "title", X: Axis{Label: label}, Y: Axis{Label: label, Log: true}, Letter: "A",
			Layers: []Layer{Curve{Label: "a", X: []float64{1, 2, 3}, Y: []float64{1, 20, 300}}}}
		plain := p
		plain.X.Label, plain.Y.Label = "c", "σ"
		for _, rows := range [][][]Panel{{{p, p, p, p}, {plain, plain, plain, plain}, {p, p, p, p}}, {{plain, p}}} {
			for _, high := range []float64{8, 44} {
				f, err := NewFigure(Block{Rows: rows, RowHeight: high, Shared: len(rows) > 1})
				check(t, err)
				page, err := f.lay()
				check(t, err)
				c := draw.Crop(draw.New(vgsvg.New(page.width, page.height)), margin, -margin, margin, -margin)
				b := page.blocks[0]
				page.fitLabels(b, c)
				for j, row := range b.place(c, page.headings(b, c)) {
					for i, tile := range row {
						if tile.Min.X < -1 || tile.Max.X > page.width+1 || high > 8 &&
							(tile.Min.Y < -1 || tile.Max.Y > page.height+1) {
							t.Errorf("%.20q, %g mm: panel %d of row %d is at %v of a page of %v x %v", label, high, i, j,
								tile.Rectangle, page.width, page.height)
						}
						text := b.rows[j][i].plot.Y.Label.Text
						if n := strings.Count(text, "\n") + 1; n > 3 || high > 8 &&
							page.text(labelSize).Width(text) > 1.1*(tile.data.Max.Y-tile.data.Min.Y) {
							t.Errorf("%q, %g mm: a label of %d lines is longer than its axis of %v", text, high, n,
								tile.data.Max.Y-tile.data.Min.Y)
						}
					}
				}
				check(t, f.Encode(io.Discard, ".png"))
			}
		}
	}
}
