package draw

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
)

// Figure is blocks of panels, from top to bottom.
type Figure struct {
	Blocks []Block
	Width  float64 // millimetres; TwoColumn if 0
	Note   string  // below, broken into lines
}

// NewFigure returns a figure with blocks from top to bottom. A block without anything to draw is an error.
func NewFigure(blocks ...Block) (*Figure, error) {
	f := &Figure{Blocks: blocks}
	if _, err := f.lay(); err != nil {
		return nil, err
	}
	return f, nil
}

// Block is a grid of panels whose data areas line up, under one key. All rows have the same number of panels; one
// without layers leaves its place empty.
type Block struct {
	Rows      [][]Panel
	Height    float64  // millimetres
	RowHeight float64  // in place of Height, of each row besides titles, letters and the key
	Shared    bool     // a row has one range for all its panels, and numbers of y at the first
	Square    bool     // data areas are as wide as high, so that axes of one range have one scale
	OwnKeys   bool     // each panel has a key of its own, in place of one for all
	Key       []string // labels that stand in the key before others, in this order
}

// Panel is one set of axes and what is drawn on them.
type Panel struct {
	Letter string // by which the text refers to it, or to its row
	Title  string
	X, Y   Axis
	Layers []Layer // later ones over earlier ones
	Note   string  // inside, at the upper right; \n between lines
}

// Grid is a block of panels with the letters A, B, ..., so many in a row of a height in millimetres.
func Grid(perRow int, height float64, panels ...Panel) Block {
	var b Block
	for i, p := range panels {
		if i%perRow == 0 {
			b.Rows = append(b.Rows, make([]Panel, min(perRow, len(panels))))
		}
		p.Letter = Letter(i)
		b.Rows[i/perRow][i%perRow] = p
	}
	b.Height = height * float64(len(b.Rows))
	return b
}

// Letter names panel or row i: A, B, ...
func Letter(i int) string { return string(rune('A' + i)) }

// page is a figure laid out.
type page struct {
	style
	width, height vg.Length
	blocks        []laid
	note          []string // lines
}

// laid is the plots of a block.
type laid struct {
	key    []keyEntry
	rows   [][]plotted // all of one length
	height vg.Length   // of all this
	square bool        // data areas
}

// plotted is a panel and its plot, nil for an empty place. Title and key are above, where they cannot cover data.
type plotted struct {
	Panel
	plot *plot.Plot
	key  []keyEntry
}

// lay makes the plots.
func (f *Figure) lay() (*page, error) {
	if len(f.Blocks) == 0 {
		return nil, errors.New("draw: figure: there is nothing to draw")
	}
	p := &page{style: newStyle(), width: vg.Length(cmp.Or(f.Width, TwoColumn)) * mm}
	p.note = p.lines(f.Note, p.width-2*margin)
	p.height = 2*margin + blockGap*vg.Length(len(f.Blocks)-1)
	if n := len(p.note); n > 0 {
		p.height += noteSpace*vg.Length(n) + rowGap
	}
	for _, b := range f.Blocks {
		l, err := p.lay(b)
		if err != nil {
			return nil, err
		}
		p.blocks, p.height = append(p.blocks, l), p.height+l.height
	}
	return p, nil
}

// lay makes the plots of a block.
func (p *page) lay(b Block) (laid, error) {
	out := laid{square: b.Square}
	fullest, err := b.fullest()
	if err != nil {
		return out, err
	}
	drawn := false
	for _, row := range b.Rows {
		if len(row) != len(b.Rows[0]) {
			return out, fmt.Errorf("draw: figure: a row of %d panels under one of %d", len(row), len(b.Rows[0]))
		}
		panels := make([]plotted, len(row))
		for i := range row {
			if panels[i], err = p.plot(row[i], fullest); err != nil {
				return out, err
			}
		}
		if b.Shared {
			share(panels)
		}
		first := true
		for i := range panels {
			t := &panels[i]
			if t.plot == nil {
				continue
			}
			if err := cmp.Or(t.X.set(&t.plot.X), t.Y.set(&t.plot.Y)); err != nil {
				return out, err
			}
			if b.Shared && !first {
				t.plot.Y.Label.Text, t.plot.Y.Tick.Marker = "", unlabelled{t.plot.Y.Tick.Marker}
			}
			if !b.OwnKeys {
				for _, e := range t.key {
					out.key = join(out.key, e)
				}
				t.key = nil
			}
			first, drawn = false, true
		}
		out.rows = append(out.rows, panels)
	}
	if !drawn {
		return out, errors.New("draw: figure: there is nothing to draw in a block")
	}
	slices.SortStableFunc(out.key, func(a, c keyEntry) int {
		at := func(e keyEntry) uint { return uint(slices.Index(b.Key, e.label)) } // those without a place at the end
		return cmp.Compare(at(a), at(c))
	})
	out.height = vg.Length(b.Height) * mm
	if b.RowHeight > 0 {
		const heading = 1.5 * (labelSize + 2)
		n := vg.Length(len(b.Rows))
		out.height = n*(vg.Length(b.RowHeight)*mm+heading) + (n-1)*rowGap
		if len(out.key) > 0 {
			out.height += p.drawKey(out.key, nil, vg.Point{}, p.width-2*margin)
		}
	}
	return out, nil
}

// plot makes the plot of a panel, whose axes have the range of its data, and its key. Densities have the scale of the
// fullest bin of their label.
func (p *page) plot(d Panel, fullest map[string]int) (plotted, error) {
	out := plotted{Panel: d}
	if len(d.Layers) == 0 {
		return out, nil
	}
	out.plot = p.axes(d.X.Label, d.Y.Label)
	for _, layer := range d.Layers {
		if of, ok := layer.(Density); ok {
			of.most = fullest[of.Label]
			layer = of
		}
		e, err := layer.draw(out.plot, d.X, d.Y)
		if err != nil {
			return out, err
		}
		out.key = join(out.key, e)
	}
	return out, nil
}
