package draw

import (
	"image/color"
	"math"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

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
func (p *page) draw(c draw.Canvas) {
	c.SetColor(color.White)
	c.Fill(c.Rectangle.Path())
	c = draw.Crop(c, margin, -margin, margin, -margin)
	style := p.noteStyle()
	for i, line := range p.note {
		c.FillText(style, vg.Point{X: c.Min.X, Y: c.Min.Y + noteSpace*vg.Length(len(p.note)-i)}, line)
	}
	for _, b := range p.blocks {
		area := draw.Canvas{Canvas: c.Canvas, Rectangle: c.Rectangle}
		area.Min.Y = c.Max.Y - b.height
		p.drawBlock(b, area)
		c.Max.Y -= b.height + blockGap
	}
}

// drawBlock draws rows of panels under their key.
func (h style) drawBlock(b laid, c draw.Canvas) {
	if len(b.key) > 0 {
		height := h.drawKey(b.key, &c, vg.Point{X: c.Min.X, Y: c.Max.Y}, c.Max.X-c.Min.X)
		c = draw.Crop(c, 0, 0, 0, -height)
	}
	h.fitLabels(b, c)
	headings := h.headings(b, c)
	placed := b.place(c, headings)
	left := make([]vg.Length, len(placed[0])) // of the letters in each column
	for i := range left {
		left[i] = vg.Length(math.Inf(1))
		for j, row := range placed {
			if b.rows[j][i].plot != nil {
				left[i] = min(left[i], row[i].Min.X)
			}
		}
	}
	for j, row := range placed {
		top := row[0].data.Max.Y
		for i, tile := range row { // which differ by what marks at an edge need
			if b.rows[j][i].plot != nil {
				top = max(top, tile.Max.Y)
			}
		}
		top += headings[j]
		for i, tile := range row {
			p := b.rows[j][i]
			if p.plot == nil {
				continue
			}
			p.plot.Draw(tile.Canvas)
			h.drawHeading(p, &c, tile.data, top)
			if p.Letter != "" {
				c.FillText(h.letterStyle(), vg.Point{X: left[i], Y: top}, p.Letter)
			}
			h.drawInside(p.Note, c, tile.data)
		}
	}
}

// fitLabels breaks labels that are longer than their axes into lines: the layout gives a label the room that it needs
// along its axis, and has none to give beyond the data area.
func (h style) fitLabels(b laid, c draw.Canvas) {
	each := func(do func(row, column int, p plotted)) {
		for j, row := range b.rows {
			for i, p := range row {
				if p.plot != nil {
					do(j, i, p)
				}
			}
		}
	}
	labels := map[*string]string{}
	note := func(text *string) {
		if *text != "" {
			labels[text], *text = *text, "X" // as high as a line, and not wide
		}
	}
	each(func(_, _ int, p plotted) { note(&p.plot.X.Label.Text); note(&p.plot.Y.Label.Text) })
	for range 2 { // lines of one label take room from the other
		placed := b.place(c, h.headings(b, c))
		each(func(j, i int, p plotted) {
			data := placed[j][i].data
			for text, room := range map[*string]vg.Length{&p.plot.X.Label.Text: data.Max.X - data.Min.X,
				&p.plot.Y.Label.Text: data.Max.Y - data.Min.Y} {
				if *text != "" {
					*text = h.fit(labels[text], room)
				}
			}
		})
	}
}

// fit breaks a label between words into lines of a length, at most three, and shortens what is still longer.
func (h style) fit(label string, room vg.Length) string {
	const most = 3
	style := h.text(labelSize)
	if style.Width(label) <= room {
		return label
	}
	lines := broken(style, label, room)
	if len(lines) > most {
		lines = append(lines[:most-1], strings.Join(lines[most-1:], " "))
	}
	for i, line := range lines {
		if style.Width(line) > room {
			lines[i] = shortened(style, line, room)
		}
	}
	return strings.Join(lines, "\n")
}

// shortened cuts a line to a length. What is raised or lowered in it stands on the line, as its braces may be cut.
func shortened(style text.Style, line string, room vg.Length) string {
	runes := []rune(strings.NewReplacer("^{", "^", "_{", "_", "}", "").Replace(line))
	for len(runes) > 1 && style.Width(string(runes)+"…") > room {
		runes = runes[:len(runes)-1]
	}
	return strings.TrimRight(string(runes), " ") + "…"
}

// headings is the height of titles, letters and keys above each row of a block. They break into lines by the width of
// the data areas, which does not depend on the height left for them.
func (h style) headings(b laid, c draw.Canvas) []vg.Length {
	heights := make([]vg.Length, len(b.rows))
	for j, row := range b.place(c, heights) {
		for i, tile := range row {
			heights[j] = max(heights[j], h.drawHeading(b.rows[j][i], nil, tile.data, 0))
		}
	}
	return heights
}

// drawInside writes the note of a panel into its data area.
func (h style) drawInside(note string, c draw.Canvas, data vg.Rectangle) {
	const inset = 3
	style := h.text(tickSize)
	style.XAlign, style.YAlign = text.XRight, text.YTop
	c.FillText(style, vg.Point{X: data.Max.X - inset, Y: data.Max.Y - inset}, note)
}

// tile is the place of a plot with its axes, and of the data in it.
type tile struct {
	draw.Canvas
	data vg.Rectangle
}

// place divides a canvas into tiles with data areas of one size, in straight rows and columns, leaving the given
// heights above each row. An empty place has a data area too, and needs nothing beside it.
func (b laid) place(c draw.Canvas, headings []vg.Length) [][]tile {
	parts := draw.Tiles{Rows: len(b.rows), Cols: len(b.rows[0]), PadX: columnGap, PadY: rowGap}
	tiles := make([][]tile, len(b.rows))
	for j, row := range b.rows {
		for i, p := range row {
			part := parts.At(c, i, j)
			data := part.Rectangle
			if p.plot != nil {
				data = p.plot.DataCanvas(part).Rectangle
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
func (b laid) arrange(c draw.Canvas, headings []vg.Length, like [][]tile) [][]tile {
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
	const least = 2 * tickSize // where axes need more than there is
	width, height = max(width/vg.Length(columns), least), max(height/vg.Length(rows), least)
	side := vg.Length(0) // left free at either side of a data area
	if b.square {
		side = max(0, width-height) / 2
		width, height = min(width, height), min(width, height)
	}

	tiles := make([][]tile, rows)
	y := c.Max.Y
	for j, row := range b.rows {
		y -= headings[j] + top[j]
		x := c.Min.X
		for i, p := range row {
			x += left[i] + side
			data := vg.Rectangle{Min: vg.Point{X: x, Y: y - height}, Max: vg.Point{X: x + width, Y: y}}
			tiles[j] = append(tiles[j], around(p.plot, data, c))
			x += width + side + right[i] + columnGap
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

func (h style) letterStyle() text.Style {
	style := h.bold(labelSize + 2)
	style.YAlign = draw.YTop
	return style
}

// drawHeading draws title and key of a panel over its data area, from y = top downwards, and returns the height that
// they and the letter need. Without a canvas it only measures.
func (h style) drawHeading(p plotted, c *draw.Canvas, data vg.Rectangle, top vg.Length) vg.Length {
	y := top
	if p.Title != "" {
		style := h.bold(labelSize)
		style.XAlign, style.YAlign = draw.XCenter, draw.YTop
		if c != nil {
			c.FillText(style, vg.Point{X: (data.Min.X + data.Max.X) / 2, Y: y}, p.Title)
		}
		y -= style.Height(p.Title) + keySpace
	}
	if len(p.key) > 0 {
		y -= h.drawKey(p.key, c, vg.Point{X: data.Min.X, Y: y}, data.Max.X-data.Min.X)
	}
	if p.Letter != "" {
		y = min(y, top-h.letterStyle().Height(p.Letter))
	}
	return top - y
}

func (h style) noteStyle() text.Style {
	style := h.text(tickSize)
	style.Color, style.YAlign = Grey.rgba(), draw.YTop
	return style
}

// lines breaks a note into lines of a width.
func (h style) lines(note string, width vg.Length) []string {
	return broken(h.noteStyle(), note, width)
}

// broken breaks a text between words into lines of a width.
func broken(style text.Style, words string, width vg.Length) (lines []string) {
	for word := range strings.FieldsSeq(words) {
		last := len(lines) - 1
		if last >= 0 && style.Width(lines[last]+" "+word) <= width {
			lines[last] += " " + word
		} else {
			lines = append(lines, word)
		}
	}
	return lines
}
