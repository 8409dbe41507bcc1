package dynamics

import (
	"math"

	"quantal/results/draw"
)

// Sheet assembles a figure from panels, and keeps the numbers drawn in them.
type Sheet struct {
	panels  []draw.Panel
	numbers []series
}

// series is one curve, or set of points, in the numbers of a figure.
type series struct {
	Panel  string    `json:"panel"`
	Label  string    `json:"label"`
	Source string    `json:"source"`
	X      []float64 `json:"x,omitempty"`
	Y      []float64 `json:"y,omitempty"`
	// HalfWidth is half of the 95 % interval around y, if there is one.
	HalfWidth []float64 `json:"half_width,omitempty"`
	// Rows are those of a matrix, instead of x and y.
	Rows [][]float64 `json:"rows,omitempty"`
}

// Panel starts a panel, with the next letter.
func (s *Sheet) Panel(title string, x, y draw.Axis) {
	s.panels = append(s.panels, draw.Panel{Letter: draw.Letter(len(s.panels)), Title: title, X: x, Y: y})
}

// Last is the panel that was started last.
func (s *Sheet) Last() *draw.Panel { return &s.panels[len(s.panels)-1] }

// Curve draws a curve into the last panel. The source says where its numbers come from, for the file of numbers.
func (s *Sheet) Curve(source string, c draw.Curve) {
	s.Last().Layers = append(s.Last().Layers, c)
	s.numbers = append(s.numbers, series{Panel: s.Last().Letter, Label: c.Label, Source: source, X: c.X, Y: c.Y})
}

// Points draws points into the last panel; see Curve.
func (s *Sheet) Points(source string, p draw.Points) {
	s.Last().Layers = append(s.Last().Layers, p)
	s.numbers = append(s.numbers, series{Panel: s.Last().Letter, Label: p.Label, Source: source, X: p.X, Y: p.Y})
}

// Banded draws a curve with a band of plus and minus a half-width of each point, 0 for a NaN; see Curve.
func (s *Sheet) Banded(source string, c draw.Curve, halfWidth []float64) {
	for i, h := range halfWidth {
		if math.IsNaN(h) {
			h = 0
		}
		c.Low, c.High = append(c.Low, c.Y[i]-h), append(c.High, c.Y[i]+h)
	}
	s.Curve(source, c)
	s.numbers[len(s.numbers)-1].HalfWidth = halfWidth
}

// Area draws an area into the last panel, such as an interval around a curve; see Curve. Its numbers are its corners.
func (s *Sheet) Area(source string, a draw.Area) {
	s.Last().Layers = append(s.Last().Layers, a)
	s.numbers = append(s.numbers, series{Panel: s.Last().Letter, Label: a.Label, Source: source, X: a.X, Y: a.Y})
}

// Heat draws a matrix of values as shades into the last panel; see Curve.
func (s *Sheet) Heat(source string, h draw.Heat) {
	s.Last().Layers = append(s.Last().Layers, h)
	s.numbers = append(s.numbers, series{Panel: s.Last().Letter, Label: h.Label, Source: source, Rows: h.Rows})
}

// FromZero makes the last panel's y axis begin at 0 and end above all curves and points in it.
func (s *Sheet) FromZero() {
	top := 0.0
	for _, n := range s.numbers {
		for _, y := range n.Y {
			if n.Panel == s.Last().Letter && y > top { // not a NaN
				top = y
			}
		}
	}
	s.Last().Y.Min, s.Last().Y.Max = 0, 1.06*top
}

// Illustration arranges the panels, the given number in a row of a height in millimetres, and adds figure and numbers
// to an illustration that has the rest.
func (s *Sheet) Illustration(perRow int, height float64, i draw.Illustration) (*draw.Illustration, error) {
	var err error
	i.Figure, err = draw.NewFigure(draw.Grid(perRow, height, s.panels...))
	i.Numbers = map[string]any{"series": s.numbers}
	return &i, err
}
