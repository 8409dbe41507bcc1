package draw

import (
	"math"
	"strings"

	"golang.org/x/image/font/sfnt"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/font/liberation"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
)

// outlineText draws text as filled outlines. So a figure looks the same in every format and program, whether the font
// is installed there or not, and has Greek letters in PDF, whose writer knows only Western European text. ^{...} is a
// superscript.
type outlineText struct{ fonts *font.Cache }

func newOutlineText() text.Handler {
	return outlineText{font.NewCache(liberation.Collection())}
}

// Superscripts, in units of the font size.
const (
	superscriptSize = 0.7
	superscriptRise = 0.36
)

// Cache returns the fonts.
func (h outlineText) Cache() *font.Cache { return h.fonts }

// Extents returns the measures of a font.
func (h outlineText) Extents(f font.Font) font.Extents {
	face := h.fonts.Lookup(f, f.Size)
	return face.Extents()
}

// Lines splits text at line ends.
func (h outlineText) Lines(s string) []string { return strings.Split(strings.TrimRight(s, "\n"), "\n") }

// Box returns the size of a line of text: its width, and the font's height above and below the baseline.
func (h outlineText) Box(s string, f font.Font) (width, height, depth vg.Length) {
	width = h.outline(nil, s, f, vg.Point{})
	extents := h.Extents(f)
	return width, extents.Ascent, extents.Descent
}

// Draw draws text at a point, which XAlign, YAlign and Rotation of the style refer to.
func (h outlineText) Draw(c vg.Canvas, s string, style text.Style, at vg.Point) {
	s = strings.TrimRight(s, "\n")
	if s == "" {
		return
	}
	c.SetColor(style.Color)
	if style.Rotation != 0 {
		c.Push()
		defer c.Pop()
		c.Rotate(style.Rotation)
		sin, cos := math.Sincos(style.Rotation)
		at = vg.Point{X: at.Y*vg.Length(sin) + at.X*vg.Length(cos), Y: at.Y*vg.Length(cos) - at.X*vg.Length(sin)}
	}
	lines := h.Lines(s)
	at.Y += style.Height(s)*vg.Length(style.YAlign) - h.Extents(style.Font).Ascent + vg.Length(len(lines))*style.Font.Size
	for _, line := range lines {
		width, _, _ := h.Box(line, style.Font)
		var path vg.Path
		h.outline(&path, line, style.Font, vg.Point{X: at.X + vg.Length(style.XAlign)*width, Y: at.Y})
		c.Fill(path)
		at.Y -= style.Font.Size
	}
}

// outline adds the outline of a line of text whose baseline begins at a point to a path, unless that is nil, and
// returns its width.
func (h outlineText) outline(path *vg.Path, s string, f font.Font, at vg.Point) vg.Length {
	start := at.X
	for s != "" {
		normal, rest, found := strings.Cut(s, "^{")
		at.X += h.run(path, normal, f, at)
		if !found {
			break
		}
		raised, rest, _ := strings.Cut(rest, "}")
		small := f
		small.Size *= superscriptSize
		at.X += h.run(path, raised, small, vg.Point{X: at.X, Y: at.Y + superscriptRise*f.Size})
		s = rest
	}
	return at.X - start
}

// run adds the outlines of a piece of text in one size to a path, unless that is nil, and returns its width. A
// character that the font lacks is left out.
func (h outlineText) run(path *vg.Path, s string, f font.Font, at vg.Point) vg.Length {
	const em = 1000 << 6 // glyphs are loaded at 1000 pixels per em, in 26.6 fixed point
	face := h.fonts.Lookup(f, f.Size)
	scale := f.Size / em
	var buffer sfnt.Buffer
	start, before := at.X, sfnt.GlyphIndex(0)
	for _, r := range s {
		glyph, err := face.Face.GlyphIndex(&buffer, r)
		if err != nil || glyph == 0 {
			continue
		}
		if kern, err := face.Face.Kern(&buffer, before, glyph, em, 0); err == nil && before != 0 {
			at.X += vg.Length(kern) * scale
		}
		if path != nil {
			if segments, err := face.Face.LoadGlyph(&buffer, glyph, em, nil); err == nil {
				addGlyph(path, segments, scale, at)
			}
		}
		if advance, err := face.Face.GlyphAdvance(&buffer, glyph, em, 0); err == nil {
			at.X += vg.Length(advance) * scale
		}
		before = glyph
	}
	return at.X - start
}

func addGlyph(path *vg.Path, segments sfnt.Segments, scale vg.Length, at vg.Point) {
	for i, s := range segments {
		var p [3]vg.Point
		for j, a := range s.Args {
			p[j] = vg.Point{X: at.X + vg.Length(a.X)*scale, Y: at.Y - vg.Length(a.Y)*scale} // a font's y points down
		}
		switch s.Op {
		case sfnt.SegmentOpMoveTo:
			if i > 0 {
				path.Close()
			}
			path.Move(p[0])
		case sfnt.SegmentOpLineTo:
			path.Line(p[0])
		case sfnt.SegmentOpQuadTo:
			path.QuadTo(p[0], p[1])
		case sfnt.SegmentOpCubeTo:
			path.CubeTo(p[0], p[1], p[2])
		}
	}
	if len(segments) > 0 {
		path.Close()
	}
}
