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

// Figure is a grid of panels, ready to be saved.
type Figure struct {
	style         house
	key           []keyEntry // across the top, for all panels
	rows          [][]panel  // all of one length
	note          string     // below, broken into lines
	width, height vg.Length
}

// panel is a plot with a title and its key above, where they cannot cover data.
type panel struct {
	plot   *plot.Plot
	letter string // by which a text refers to it, or to its row
	title  string
	key    []keyEntry
}

// keyEntry explains one colour, line or mark.
type keyEntry struct {
	label string
	line  draw.LineStyle
	fill  color.Color     // of the area under the line, or nil
	mark  draw.GlyphStyle // on the line, if it has a shape
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

// Distances between the parts of a figure.
const (
	keySpace    = vg.Length(4)              // below a key or a title
	lineSpacing = vg.Length(1.5)            // of keys, in font sizes
	rowGap      = margin                    // between rows of panels
	columnGap   = 2 * margin                // between columns that each have numbers at their axis
	noteSpace   = vg.Length(1.3) * tickSize // between lines of a note
)

// draw draws the rows of panels, their data areas of equal size, between the key and the note.
func (f *Figure) draw(c draw.Canvas) {
	c.SetColor(color.White)
	c.Fill(c.Rectangle.Path())
	c = draw.Crop(c, margin, -margin, margin, -margin)
	if len(f.key) > 0 {
		height := f.drawKey(f.key, &c, vg.Point{X: c.Min.X, Y: c.Max.Y}, c.Max.X-c.Min.X)
		c = draw.Crop(c, 0, 0, 0, -height)
	}
	c = draw.Crop(c, 0, 0, f.drawNote(c), 0)

	plots := make([][]*plot.Plot, len(f.rows))
	for j, row := range f.rows {
		for _, p := range row {
			plots[j] = append(plots[j], p.plot)
		}
	}
	place := func(first, others vg.Length) [][]draw.Canvas {
		tiles := draw.Tiles{Rows: len(plots), Cols: len(plots[0]), PadX: columnGap, PadY: rowGap + others}
		return plot.Align(plots, tiles, draw.Crop(c, 0, 0, 0, -first))
	}
	// Headings break into lines by the width of the data areas, which does not depend on the height left for them.
	first, others := vg.Length(0), vg.Length(0)
	for j, row := range place(0, 0) {
		height := vg.Length(0)
		for i, tile := range row {
			height = max(height, f.drawHeading(f.rows[j][i], nil, tile, tile.Max.Y))
		}
		if j == 0 {
			first = height
		} else {
			others = max(others, height)
		}
	}
	for j, row := range place(first, others) {
		top := row[0].Max.Y
		for _, tile := range row { // which differ by what marks at an edge need
			top = max(top, tile.Max.Y)
		}
		if j == 0 {
			top += first
		} else {
			top += others
		}
		for i, tile := range row {
			f.rows[j][i].plot.Draw(tile)
			f.drawHeading(f.rows[j][i], &c, tile, top)
		}
	}
}

// drawHeading draws letter, title and key of a panel, whose plot has a tile, from y = top downwards, and returns the height
// that they need. Without a canvas it only measures.
func (f *Figure) drawHeading(p panel, c *draw.Canvas, tile draw.Canvas, top vg.Length) vg.Length {
	data, y := p.plot.DataCanvas(tile), top
	if p.title != "" {
		style := f.style.bold(labelSize)
		style.XAlign, style.YAlign = draw.XCenter, draw.YTop
		if c != nil {
			c.FillText(style, vg.Point{X: (data.Min.X + data.Max.X) / 2, Y: y}, p.title)
		}
		y -= style.Height(p.title) + keySpace
	}
	if len(p.key) > 0 {
		y -= f.drawKey(p.key, c, vg.Point{X: data.Min.X, Y: y}, data.Max.X-data.Min.X)
	}
	if p.letter != "" {
		style := f.style.bold(labelSize + 2)
		style.YAlign = draw.YTop
		if c != nil {
			c.FillText(style, vg.Point{X: tile.Min.X, Y: top}, p.letter)
		}
		y = min(y, top-style.Height(p.letter))
	}
	return top - y
}

// drawNote draws the note at the bottom of a canvas, broken between words, and returns its height.
func (f *Figure) drawNote(c draw.Canvas) vg.Length {
	if f.note == "" {
		return 0
	}
	style := f.style.text(tickSize)
	style.Color = grey()
	lines := []string{""}
	for word := range strings.FieldsSeq(f.note) {
		last := &lines[len(lines)-1]
		longer := strings.TrimSpace(*last + " " + word)
		if style.Width(longer) > c.Max.X-c.Min.X && *last != "" {
			lines = append(lines, word)
		} else {
			*last = longer
		}
	}
	height := noteSpace * vg.Length(len(lines))
	style.YAlign = draw.YTop
	for i, line := range lines {
		c.FillText(style, vg.Point{X: c.Min.X, Y: c.Min.Y + height - noteSpace*vg.Length(i)}, line)
	}
	return height + rowGap
}

// drawKey draws a key whose upper left corner is at a point, in lines of the given width, and returns its height. Without
// a canvas it only measures.
func (f *Figure) drawKey(key []keyEntry, c *draw.Canvas, at vg.Point, width vg.Length) vg.Length {
	const (
		sample = vg.Length(16) // length of the piece of line shown
		gap    = vg.Length(4)
		space  = vg.Length(12) // between entries
		line   = lineSpacing * labelSize
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
			k.draw(c, x, y, sample)
			descent := style.FontExtents().Descent
			c.FillText(style, vg.Point{X: x + sample + gap, Y: y + descent}, k.label)
		}
		x += w + space
	}
	return at.Y - y + line/2 + keySpace
}

// draw draws the sample of an entry, which begins at x and is centred on y.
func (k keyEntry) draw(c *draw.Canvas, x, y, length vg.Length) {
	const half = 3 // height of an area
	if k.fill != nil {
		c.FillPolygon(k.fill, []vg.Point{{X: x, Y: y - half}, {X: x + length, Y: y - half},
			{X: x + length, Y: y + half}, {X: x, Y: y + half}})
		y += half
	}
	if k.line.Width > 0 {
		c.StrokeLine2(k.line, x, y, x+length, y)
	}
	if k.mark.Shape != nil {
		c.DrawGlyph(k.mark, vg.Point{X: x + length/2, Y: y})
	}
}

// letter names panel or row i: A, B, ...
func letter(i int) string { return string(rune('A' + i)) }
