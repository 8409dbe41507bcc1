package draw

import (
	"math"
	"strings"
	"testing"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/recorder"
)

// Straight checks the positions of a figure's panels.
func Straight(t *testing.T, name string, f *Figure) {
	t.Helper()
	p, err := f.lay()
	check(t, err)
	var canvas recorder.Canvas
	page := draw.NewCanvas(&canvas, p.width, p.height)
	inner := draw.Crop(page, margin, -margin, margin, -margin)
	for _, b := range p.blocks {
		area := inner
		area.Min.Y = area.Max.Y - b.height
		inner.Max.Y = area.Min.Y - blockGap
		tiles := b.place(area, p.headings(b, area))
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
				if drawn := b.rows[j][i].plot.DataCanvas(tile.Canvas); !near(float64(drawn.Min.X), float64(tile.data.Min.X),
					1e-3) ||
					!near(float64(drawn.Max.X), float64(tile.data.Max.X), 1e-3) ||
					!near(float64(drawn.Max.Y), float64(tile.data.Max.Y), 1e-3) ||
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
				apart(t, name, p.style, b.rows[j][i], tile)
			}
		}
	}
}

// apart checks that the numbers along both axes of a panel do not touch, nor its title the next one.
func apart(t *testing.T, name string, h style, p plotted, at tile) {
	t.Helper()
	style := h.text(tickSize)
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
	if w := h.bold(labelSize).Width(p.Title); w > at.Size().X+columnGap/2 {
		t.Errorf("%s: the title %q is wider than its panel", name, p.Title)
	}
}

func near(x, want, tolerance float64) bool { return math.Abs(x-want) <= tolerance*math.Abs(want) }
