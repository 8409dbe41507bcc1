package draw

import (
	"bytes"
	"fmt"
	"image/color"
	"io"
	"math"
	"path/filepath"
	"regexp"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgpdf"
	"gonum.org/v1/plot/vg/vgsvg"

	"quantal/results/store"
)

// Figure is blocks of panels, ready to be saved.
type Figure struct {
	style         Style
	Blocks        []PlotBlock // from top to bottom
	Note          string      // below, broken into lines
	width, height vg.Length
}

// PlotBlock is panels under one key, in straight rows and columns with data areas of one size.
type PlotBlock struct {
	Key    []KeyEntry
	Rows   [][]PlotPanel // all of one length
	Height vg.Length     // of all this
}

// PlotPanel is a plot with a title and its key above, where they cannot cover data.
type PlotPanel struct {
	Plot   *plot.Plot // nil for an empty place
	Letter string     // by which a text refers to it, or to its row
	Title  string
	Key    []KeyEntry
	note   string // inside, at the upper right
}

// Stack stacks blocks.
func Stack(style Style, width vg.Length, note string, blocks ...PlotBlock) *Figure {
	f := &Figure{style: style, Blocks: blocks, Note: note, width: width}
	f.height = 2*margin + blockGap*vg.Length(len(blocks)-1) + f.noteHeight()
	for _, b := range blocks {
		f.height += b.Height
	}
	return f
}

// KeyEntry explains one colour, line or mark.
type KeyEntry struct {
	Label string
	Line  draw.LineStyle
	Fill  color.Color     // of the area under the line, or nil
	Mark  draw.GlyphStyle // on the line, if it has a shape
}

// Save writes the figure to a file: SVG, PNG (300 dots per inch) or PDF, as the name ends. The file is replaced as a
// whole or not at all, and the same figure gives the same bytes.
func (f *Figure) Save(path string) error {
	ext := strings.ToLower(filepath.Ext(path))
	var b bytes.Buffer
	if err := f.encode(&b, ext); err != nil {
		return fmt.Errorf("draw: %s: %w", path, err)
	}
	return store.WriteBytes(path, b.Bytes())
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

// pdfCanvas gives gonum's PDF writer colours as it takes them: it writes the premultiplied values of a translucent
// colour, where PDF wants plain ones, so those colours would come out dark.
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
	blockGap    = 2 * margin                // between blocks
	noteSpace   = vg.Length(1.3) * tickSize // between lines of a note
)

// draw draws the blocks, and the note below them.
func (f *Figure) draw(c draw.Canvas) {
	c.SetColor(color.White)
	c.Fill(c.Rectangle.Path())
	c = draw.Crop(c, margin, -margin, margin, -margin)
	f.drawNote(c)
	for _, b := range f.Blocks {
		area := draw.Canvas{Canvas: c.Canvas, Rectangle: c.Rectangle}
		area.Min.Y = c.Max.Y - b.Height
		f.drawBlock(b, area)
		c.Max.Y -= b.Height + blockGap
	}
}

// drawBlock draws rows of panels under their key.
func (f *Figure) drawBlock(b PlotBlock, c draw.Canvas) {
	if len(b.Key) > 0 {
		height := f.style.drawKey(b.Key, &c, vg.Point{X: c.Min.X, Y: c.Max.Y}, c.Max.X-c.Min.X)
		c = draw.Crop(c, 0, 0, 0, -height)
	}
	headings := f.headings(b, c)
	placed := b.place(c, headings)
	left := make([]vg.Length, len(placed[0])) // of the letters in each column
	for i := range left {
		left[i] = vg.Length(math.Inf(1))
		for j, row := range placed {
			if b.Rows[j][i].Plot != nil {
				left[i] = min(left[i], row[i].Min.X)
			}
		}
	}
	for j, row := range placed {
		top := row[0].data.Max.Y
		for i, tile := range row { // which differ by what marks at an edge need
			if b.Rows[j][i].Plot != nil {
				top = max(top, tile.Max.Y)
			}
		}
		top += headings[j]
		for i, tile := range row {
			p := b.Rows[j][i]
			if p.Plot == nil {
				continue
			}
			p.Plot.Draw(tile.Canvas)
			f.drawHeading(p, &c, tile.data, top)
			if p.Letter != "" {
				c.FillText(f.letterStyle(), vg.Point{X: left[i], Y: top}, p.Letter)
			}
			f.drawInside(p, c, tile.data)
		}
	}
}

// headings is the height of titles, letters and keys above each row of a block. They break into lines by the width of
// the data areas, which does not depend on the height left for them.
func (f *Figure) headings(b PlotBlock, c draw.Canvas) []vg.Length {
	heights := make([]vg.Length, len(b.Rows))
	for j, row := range b.place(c, heights) {
		for i, tile := range row {
			heights[j] = max(heights[j], f.drawHeading(b.Rows[j][i], nil, tile.data, 0))
		}
	}
	return heights
}

// drawInside writes the note of a panel into its data area.
func (f *Figure) drawInside(p PlotPanel, c draw.Canvas, data vg.Rectangle) {
	if p.note == "" {
		return
	}
	const inset = 3
	style := f.style.Text(tickSize)
	style.XAlign, style.YAlign = text.XRight, text.YTop
	c.FillText(style, vg.Point{X: data.Max.X - inset, Y: data.Max.Y - inset}, p.note)
}

// tile is the place of a plot with its axes, and of the data in it.
type tile struct {
	draw.Canvas
	data vg.Rectangle
}

// place divides a canvas into tiles with data areas of one size, in straight rows and columns, leaving the given
// heights above each row. An empty place has a data area too, and needs nothing beside it.
func (b PlotBlock) place(c draw.Canvas, headings []vg.Length) [][]tile {
	parts := draw.Tiles{Rows: len(b.Rows), Cols: len(b.Rows[0]), PadX: columnGap, PadY: rowGap}
	tiles := make([][]tile, len(b.Rows))
	for j, row := range b.Rows {
		for i, p := range row {
			part := parts.At(c, i, j)
			data := part.Rectangle
			if p.Plot != nil {
				data = p.Plot.DataCanvas(part).Rectangle
			}
			tiles[j] = append(tiles[j], tile{part, data})
		}
	}
	// What the axes need beside the data depends a little on the size of the data area: a label may be wider.
	for range 3 {
		tiles = b.arrange(c, headings, tiles)
	}
	return tiles
}

// arrange makes tiles like others, but with data areas of one size in straight rows and columns.
func (b PlotBlock) arrange(c draw.Canvas, headings []vg.Length, like [][]tile) [][]tile {
	rows, columns := len(like), len(like[0])
	left, right := make([]vg.Length, columns), make([]vg.Length, columns) // of the data: the most that a column needs
	bottom, top := make([]vg.Length, rows), make([]vg.Length, rows)
	for j, row := range like {
		for i, t := range row {
			left[i], right[i] = max(left[i], t.data.Min.X-t.Min.X), max(right[i], t.Max.X-t.data.Max.X)
			bottom[j], top[j] = max(bottom[j], t.data.Min.Y-t.Min.Y), max(top[j], t.Max.Y-t.data.Max.Y)
		}
	}
	width, height := c.Max.X-c.Min.X-columnGap*vg.Length(columns-1), c.Max.Y-c.Min.Y-rowGap*vg.Length(rows-1)
	for i := range columns {
		width -= left[i] + right[i]
	}
	for j := range rows {
		height -= headings[j] + bottom[j] + top[j]
	}
	width, height = width/vg.Length(columns), height/vg.Length(rows)

	tiles := make([][]tile, rows)
	y := c.Max.Y
	for j, row := range b.Rows {
		y -= headings[j] + top[j]
		x := c.Min.X
		for i, p := range row {
			x += left[i]
			data := vg.Rectangle{Min: vg.Point{X: x, Y: y - height}, Max: vg.Point{X: x + width, Y: y}}
			tiles[j] = append(tiles[j], around(p.Plot, data, c))
			x += width + right[i] + columnGap
		}
		y -= height + bottom[j] + rowGap
	}
	return tiles
}

// around is the tile of a plot whose data area is the given one.
func around(p *plot.Plot, data vg.Rectangle, c draw.Canvas) tile {
	t := tile{draw.Canvas{Canvas: c.Canvas, Rectangle: data}, data}
	if p == nil {
		return t
	}
	for range 5 { // each corrects what is left by some hundredths
		got := p.DataCanvas(t.Canvas)
		t.Min.X, t.Min.Y = t.Min.X+data.Min.X-got.Min.X, t.Min.Y+data.Min.Y-got.Min.Y
		t.Max.X, t.Max.Y = t.Max.X+data.Max.X-got.Max.X, t.Max.Y+data.Max.Y-got.Max.Y
	}
	return t
}

func (f *Figure) letterStyle() text.Style {
	style := f.style.Bold(labelSize + 2)
	style.YAlign = draw.YTop
	return style
}

// drawHeading draws title and key of a panel over its data area, from y = top downwards, and returns the height that
// they and the letter need. Without a canvas it only measures.
func (f *Figure) drawHeading(p PlotPanel, c *draw.Canvas, data vg.Rectangle, top vg.Length) vg.Length {
	y := top
	if p.Title != "" {
		style := f.style.Bold(labelSize)
		style.XAlign, style.YAlign = draw.XCenter, draw.YTop
		if c != nil {
			c.FillText(style, vg.Point{X: (data.Min.X + data.Max.X) / 2, Y: y}, p.Title)
		}
		y -= style.Height(p.Title) + keySpace
	}
	if len(p.Key) > 0 {
		y -= f.style.drawKey(p.Key, c, vg.Point{X: data.Min.X, Y: y}, data.Max.X-data.Min.X)
	}
	if p.Letter != "" {
		y = min(y, top-f.letterStyle().Height(p.Letter))
	}
	return top - y
}

// drawNote draws the note at the bottom of a canvas.
func (f *Figure) drawNote(c draw.Canvas) {
	style := f.noteStyle()
	style.YAlign = draw.YTop
	lines := f.noteLines()
	for i, line := range lines {
		c.FillText(style, vg.Point{X: c.Min.X, Y: c.Min.Y + noteSpace*vg.Length(len(lines)-i)}, line)
	}
}

// noteHeight is the height of the note, with the space above it.
func (f *Figure) noteHeight() vg.Length {
	if n := len(f.noteLines()); n > 0 {
		return noteSpace*vg.Length(n) + rowGap
	}
	return 0
}

func (f *Figure) noteStyle() text.Style {
	style := f.style.Text(tickSize)
	style.Color = grey()
	return style
}

// noteLines breaks the note between words into lines as wide as the figure.
func (f *Figure) noteLines() []string {
	style, width := f.noteStyle(), f.width-2*margin
	var lines []string
	for word := range strings.FieldsSeq(f.Note) {
		last := len(lines) - 1
		if last >= 0 && style.Width(lines[last]+" "+word) <= width {
			lines[last] += " " + word
		} else {
			lines = append(lines, word)
		}
	}
	return lines
}

// HeightOf is the height of a block in a figure of a width, whose rows each have the given height besides titles and
// letters.
func (h Style) HeightOf(b PlotBlock, row, width vg.Length) vg.Length {
	const heading = 1.5 * (labelSize + 2)
	n := vg.Length(len(b.Rows))
	height := n*(row+heading) + (n-1)*rowGap
	if len(b.Key) > 0 {
		height += h.drawKey(b.Key, nil, vg.Point{}, width-2*margin)
	}
	return height
}

// drawKey draws a key whose upper left corner is at a point, in lines of the given width, and returns its height.
// Without a canvas it only measures.
func (h Style) drawKey(key []KeyEntry, c *draw.Canvas, at vg.Point, width vg.Length) vg.Length {
	const (
		sample = vg.Length(16) // length of the piece of line shown
		gap    = vg.Length(4)
		space  = vg.Length(12) // between entries
		line   = lineSpacing * labelSize
	)
	style := h.Text(labelSize)
	style.YAlign = draw.YCenter
	x, y := at.X, at.Y-line/2
	for i, k := range key {
		w := sample + gap + style.Width(k.Label)
		if i > 0 && x+w > at.X+width {
			x, y = at.X, y-line
		}
		if c != nil {
			k.draw(c, x, y, sample)
			descent := style.FontExtents().Descent
			c.FillText(style, vg.Point{X: x + sample + gap, Y: y + descent}, k.Label)
		}
		x += w + space
	}
	return at.Y - y + line/2 + keySpace
}

// draw draws the sample of an entry, which begins at x and is centred on y.
func (k KeyEntry) draw(c *draw.Canvas, x, y, length vg.Length) {
	const half = 3 // height of an area
	if k.Fill != nil {
		c.FillPolygon(k.Fill, []vg.Point{{X: x, Y: y - half}, {X: x + length, Y: y - half},
			{X: x + length, Y: y + half}, {X: x, Y: y + half}})
		if k.Mark.Shape == nil {
			y += half // the line is the area's upper edge
		}
	}
	if k.Line.Width > 0 {
		c.StrokeLine2(k.Line, x, y, x+length, y)
	}
	if k.Mark.Shape != nil {
		c.DrawGlyph(k.Mark, vg.Point{X: x + length/2, Y: y})
	}
}

// Letter names panel or row i: A, B, ...
func Letter(i int) string { return string(rune('A' + i)) }
