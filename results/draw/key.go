package draw

import (
	"image/color"
	"slices"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// keyEntry explains one colour, line or mark, or a scale of shades.
type keyEntry struct {
	label     string
	line      draw.LineStyle
	fill      color.Color     // of the area under the line, or nil
	around    bool            // the area lies around the line
	mark      draw.GlyphStyle // on the line, if it has a shape
	shades    []color.NRGBA   // of a colour bar
	low, high string          // what its ends stand for
}

// join adds an entry to a key, in which a label stands once, for all that is drawn with it.
func join(key []keyEntry, e keyEntry) []keyEntry {
	i := slices.IndexFunc(key, func(k keyEntry) bool { return k.label == e.label })
	switch {
	case e.label == "":
		return key
	case i < 0:
		return append(key, e)
	}
	k := &key[i]
	if k.line.Width == 0 {
		k.line = e.line
	}
	if k.fill == nil {
		k.fill, k.around = e.fill, e.around
	}
	if k.mark.Shape == nil {
		k.mark = e.mark
	}
	if k.low != e.low || k.high != e.high {
		k.low, k.high = "", ""
	}
	return key
}

const (
	sampleSize = vg.Length(16) // length of the piece of line shown
	barSize    = vg.Length(42) // length of a colour bar
	keyGap     = vg.Length(4)  // between sample and label
)

// drawKey draws a key whose upper left corner is at a point, in lines of the given width, and returns its height.
// Without a canvas it only measures.
func (h style) drawKey(key []keyEntry, c *draw.Canvas, at vg.Point, width vg.Length) vg.Length {
	const (
		space = vg.Length(12) // between entries
		line  = lineSpacing * labelSize
	)
	x, y := at.X, at.Y-line/2
	for i, k := range key {
		w := h.drawEntry(k, nil, x, y)
		if i > 0 && x+w > at.X+width {
			x, y = at.X, y-line
		}
		h.drawEntry(k, c, x, y)
		x += w + space
	}
	return at.Y - y + line/2 + keySpace
}

// drawEntry draws an entry, which begins at x and is centred on y, and returns its width. Without a canvas it only
// measures.
func (h style) drawEntry(k keyEntry, c *draw.Canvas, x, y vg.Length) vg.Length {
	const half = 3 // height of an area
	style, start := h.text(labelSize), x
	style.YAlign = draw.YCenter
	write := func(text string, before vg.Length) {
		if text == "" {
			return
		}
		x += before
		if c != nil {
			c.FillText(style, vg.Point{X: x, Y: y + style.FontExtents().Descent}, text)
		}
		x += style.Width(text)
	}
	area := func(fill color.Color, length vg.Length) {
		if c != nil {
			c.FillPolygon(fill, []vg.Point{{X: x, Y: y - half}, {X: x + length, Y: y - half}, {X: x + length, Y: y + half},
				{X: x, Y: y + half}})
		}
	}
	if len(k.shades) > 0 {
		write(k.low, 0)
		if k.low != "" {
			x += keyGap
		}
		for _, shade := range k.shades {
			area(shade, barSize/vg.Length(len(k.shades)))
			x += barSize / vg.Length(len(k.shades))
		}
		write(k.high, keyGap)
		write(k.label, 2*keyGap)
		return x - start
	}
	if k.fill != nil {
		area(k.fill, sampleSize)
	}
	if c != nil && k.line.Width > 0 {
		at := y
		if k.fill != nil && !k.around {
			at += half // the line is the area's upper edge
		}
		c.StrokeLine2(k.line, x, at, x+sampleSize, at)
	}
	if c != nil && k.mark.Shape != nil {
		c.DrawGlyph(k.mark, vg.Point{X: x + sampleSize/2, Y: y})
	}
	x += sampleSize
	write(k.label, keyGap)
	return x - start
}
