package results

import (
	"bytes"
	"fmt"
	"image/color"
	"io"
	"path/filepath"
	"regexp"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgpdf"
	"gonum.org/v1/plot/vg/vgsvg"
)

// Figure is a row of panels, or blocks of them, ready to be saved.
type Figure struct {
	style         house
	panels        []panel
	blocks        []laidBlock
	width, height vg.Length
}

// panel is a plot with its key above, where it cannot cover data.
type panel struct {
	plot *plot.Plot
	key  []keyEntry
}

// keyEntry explains one colour or line.
type keyEntry struct {
	label string
	line  draw.LineStyle
	fill  color.Color     // of the area under the line, or nil
	dot   draw.GlyphStyle // in place of a line, unless its radius is 0
}

// Save writes the figure to a file: SVG, PNG (300 dots per inch) or PDF, as the name ends. The file is replaced as a
// whole or not at all, and the same figure gives the same bytes.
func (f *Figure) Save(path string) error {
	ext := strings.ToLower(filepath.Ext(path))
	var b bytes.Buffer
	if err := f.encode(&b, ext); err != nil {
		return fmt.Errorf("results: %s: %w", path, err)
	}
	return writeAtomicBytes(path, b.Bytes())
}

func (f *Figure) encode(w io.Writer, ext string) error {
	var canvas vg.CanvasWriterTo
	switch ext {
	case ".svg":
		canvas = vgsvg.New(f.width, f.height)
	case ".png":
		canvas = vgimg.PngCanvas{Canvas: vgimg.NewWith(vgimg.UseWH(f.width, f.height), vgimg.UseDPI(300))}
	case ".pdf":
		canvas = pdfCanvas{vgpdf.New(f.width, f.height)}
	default:
		return fmt.Errorf("figures are saved as .svg, .png or .pdf, not as %q", ext)
	}
	f.draw(draw.New(canvas))
	var b bytes.Buffer
	if _, err := canvas.WriteTo(&b); err != nil {
		return err
	}
	data := b.Bytes()
	if ext == ".pdf" {
		data = withoutClock(data)
	}
	_, err := w.Write(data)
	return err
}

// pdfCanvas gives gonum's PDF writer colours as it takes them: it writes the premultiplied values of a translucent colour,
// where PDF wants plain ones, so those colours would come out dark.
type pdfCanvas struct{ *vgpdf.Canvas }

// SetColor sets the colour of lines and areas.
func (c pdfCanvas) SetColor(clr color.Color) {
	c.Canvas.SetColor(plainColor(color.NRGBAModel.Convert(clr).(color.NRGBA)))
}

// plainColor is a colour whose RGBA method does not premultiply.
type plainColor color.NRGBA

// RGBA returns the components as they are, in 16 bits.
func (c plainColor) RGBA() (r, g, b, a uint32) {
	return uint32(c.R) * 0x101, uint32(c.G) * 0x101, uint32(c.B) * 0x101, uint32(c.A) * 0x101
}

// withoutClock puts zeros in place of the times that the PDF writer notes; a PDF's offsets do not allow another length.
func withoutClock(pdf []byte) []byte {
	return regexp.MustCompile(`/(CreationDate|ModDate) \(D:[0-9]+`).ReplaceAllFunc(pdf, func(b []byte) []byte {
		for i := bytes.IndexByte(b, ':') + 1; i < len(b); i++ {
			b[i] = '0'
		}
		return b
	})
}

// draw draws the panels side by side, their data areas of equal size, keys above, letters A, B, ... if there are several.
func (f *Figure) draw(c draw.Canvas) {
	c.SetColor(color.White)
	c.Fill(c.Rectangle.Path())
	c = draw.Crop(c, margin, -margin, margin, -margin)
	if f.blocks != nil {
		f.drawBlocks(c)
		return
	}
	plots := make([]*plot.Plot, len(f.panels))
	for i, p := range f.panels {
		plots[i] = p.plot
	}
	tiles := draw.Tiles{Cols: len(plots), Rows: 1, PadX: 2 * margin}
	place := func(top vg.Length) []draw.Canvas {
		return plot.Align([][]*plot.Plot{plots}, tiles, draw.Crop(c, 0, 0, 0, -top))[0]
	}
	// Keys break into lines by the width of the data areas, which does not depend on the height left for them.
	top := vg.Length(0)
	for i, tile := range place(0) {
		data := plots[i].DataCanvas(tile)
		top = max(top, f.drawKey(f.panels[i].key, nil, vg.Point{}, data.Max.X-data.Min.X))
	}
	for i, tile := range place(top) {
		plots[i].Draw(tile)
		data := plots[i].DataCanvas(tile)
		f.drawKey(f.panels[i].key, &c, vg.Point{X: data.Min.X, Y: c.Max.Y}, data.Max.X-data.Min.X)
		if len(f.panels) > 1 {
			letter := f.style.bold(labelSize + 2)
			letter.YAlign = draw.YTop
			c.FillText(letter, vg.Point{X: tile.Min.X, Y: c.Max.Y}, string(rune('A'+i)))
		}
	}
}

// drawKey draws a key whose upper left corner is at a point, in lines of the given width, and returns its height. Without
// a canvas it only measures.
func (f *Figure) drawKey(key []keyEntry, c *draw.Canvas, at vg.Point, width vg.Length) vg.Length {
	const (
		sample = vg.Length(16) // length of the piece of line shown
		gap    = vg.Length(4)
		space  = vg.Length(12) // between entries
		line   = vg.Length(1.5 * labelSize)
	)
	style := f.style.text(labelSize)
	style.YAlign = draw.YCenter
	x, y := at.X, at.Y-line/2
	for i, k := range key {
		w := sample + gap + style.Width(k.label)
		if i > 0 && x+w > at.X+width {
			x, y = at.X, y-line
		}
		if c != nil {
			if k.fill != nil {
				const half = 3
				c.FillPolygon(k.fill, []vg.Point{{X: x, Y: y - half}, {X: x + sample, Y: y - half},
					{X: x + sample, Y: y + half}, {X: x, Y: y + half}})
				if k.line.Width > 0 {
					c.StrokeLine2(k.line, x, y+half, x+sample, y+half)
				}
			} else if k.dot.Radius > 0 {
				c.DrawGlyph(k.dot, vg.Point{X: x + sample/2, Y: y})
			} else {
				c.StrokeLine2(k.line, x, y, x+sample, y)
			}
			descent := style.FontExtents().Descent
			c.FillText(style, vg.Point{X: x + sample + gap, Y: y + descent}, k.label)
		}
		x += w + space
	}
	return at.Y - y + line/2 + gap
}
