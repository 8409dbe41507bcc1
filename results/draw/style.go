package draw

import (
	"cmp"
	"fmt"
	"image/color"
	"math"
	"strconv"
	"strings"

	stdfont "golang.org/x/image/font"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// The house style of all figures: sizes as journals ask for them, nothing on the page that carries no meaning.
const (
	OneColumn = 120 * vg.Millimeter // width of a figure with one panel
	TwoColumn = 180 * vg.Millimeter // width of a figure with two panels side by side
	RowHeight = 66 * vg.Millimeter  // height of a row of panels

	labelSize  = 8   // points: axis labels and keys
	tickSize   = 7   // points: numbers at the axes
	MarkSize   = 1.6 // points: radius of a data point
	CurveWidth = 1.2 // points: width of a curve
	Hairline   = 0.6 // points: width of axes and reference lines

	margin = 3 * vg.Millimeter

	paletteSize = 6
)

// ink and the greys; the grid is light enough to stay behind the data.
func ink() color.Color      { return color.Gray{Y: 0x22} }
func grey() color.Color     { return color.Gray{Y: 0x66} }
func gridGrey() color.Color { return color.Gray{Y: 0xe4} }

// Palette returns colour i of Okabe and Ito's set, which readers with any colour vision can tell apart (M. Okabe and K.
// Ito, Color Universal Design, 2008). Yellow, too light for a line, is left out.
func Palette(i int) color.NRGBA {
	colors := [paletteSize]uint32{0x0072b2, 0xd55e00, 0x009e73, 0xcc79a7, 0x56b4e9, 0xe69f00}
	c := colors[i%paletteSize]
	return color.NRGBA{R: uint8(c >> 16), G: uint8(c >> 8), B: uint8(c), A: 0xff}
}

// Translucent is a colour for areas under a curve.
func Translucent(c color.NRGBA) color.NRGBA {
	c.A = 0x30
	return c
}

// Solid is a line without gaps.
func Solid(c color.Color, width vg.Length) draw.LineStyle {
	return draw.LineStyle{Color: c, Width: width}
}

// Dashed is a line of dashes.
func Dashed(c color.Color, width vg.Length) draw.LineStyle {
	return draw.LineStyle{Color: c, Width: width, Dashes: []vg.Length{3, 2}}
}

// Outlined is the line of item i in its colour; when colours come a second time, it is dashed.
func Outlined(i int) draw.LineStyle {
	if i/paletteSize%2 == 1 {
		return Dashed(Palette(i), CurveWidth)
	}
	return Solid(Palette(i), CurveWidth)
}

// Style is the style of text.
type Style struct{ handler text.Handler }

// NewStyle returns the house style.
func NewStyle() Style { return Style{newOutlineText()} }

// Text is the style of text of a size.
func (h Style) Text(size vg.Length) text.Style {
	return text.Style{
		Color:   ink(),
		Font:    font.Font{Typeface: "Liberation", Variant: "Sans", Size: size},
		Handler: h.handler,
	}
}

// Bold is the style of bold text of a size.
func (h Style) Bold(size vg.Length) text.Style {
	s := h.Text(size)
	s.Font.Weight = stdfont.WeightBold
	return s
}

// Axes returns an empty plot in the house style, with labels such as "Training time (epochs)".
func (h Style) Axes(x, y string) *plot.Plot {
	p := plot.New()
	p.BackgroundColor = nil // the figure has one
	p.TextHandler = h.handler
	p.Title.TextStyle, p.Legend.TextStyle = h.Text(labelSize), h.Text(labelSize)
	for _, a := range []struct {
		axis  *plot.Axis
		label string
	}{{&p.X, x}, {&p.Y, y}} {
		label, tick := h.Text(labelSize), h.Text(tickSize)
		label.XAlign, label.YAlign = a.axis.Label.TextStyle.XAlign, a.axis.Label.TextStyle.YAlign
		tick.XAlign, tick.YAlign = a.axis.Tick.Label.XAlign, a.axis.Tick.Label.YAlign
		a.axis.Label.Text, a.axis.Label.TextStyle, a.axis.Label.Padding = a.label, label, 3
		a.axis.Tick.Label, a.axis.Tick.LineStyle, a.axis.Tick.Length = tick, Solid(ink(), Hairline), 4
		a.axis.LineStyle, a.axis.Padding = Solid(ink(), Hairline), 0
		a.axis.Tick.Marker = NiceTicks{}
	}
	grid := plotter.NewGrid()
	grid.Horizontal, grid.Vertical = Solid(gridGrey(), Hairline), Solid(gridGrey(), Hairline)
	p.Add(grid)
	return p
}

// NiceTicks marks multiples of 1, 2 or 5 times a power of ten.
type NiceTicks struct {
	Whole bool // integers only, for counts
}

// Ticks returns about six labelled ticks and the smaller ones between them.
func (t NiceTicks) Ticks(low, high float64) []plot.Tick {
	const about = 6
	decade := math.Floor(math.Log10((high - low) / about))
	step, parts := 10.0, 5.0
	for _, c := range []struct{ step, parts float64 }{{5, 5}, {2, 4}, {1, 5}} {
		if c.step*math.Pow(10, decade) >= (high-low)/about {
			step, parts = c.step, c.parts
		}
	}
	step *= math.Pow(10, decade)
	if t.Whole && step < 1 {
		step = 1
	}
	minor := step / parts
	if t.Whole {
		minor = math.Max(1, math.Round(minor))
		if math.Mod(step, minor) != 0 {
			minor = step
		}
	}
	digits := max(0, -int(math.Floor(math.Log10(step)+1e-9)))
	format := byte('f')
	if max(math.Abs(low), math.Abs(high)) >= 1e6 {
		format, digits = 'g', 6
	}
	var ticks []plot.Tick
	per := math.Round(step / minor)
	for i := math.Ceil(low/minor - 1e-9); i*minor <= high+1e-9*minor; i++ {
		tick := plot.Tick{Value: i * minor}
		if math.Mod(i, per) == 0 {
			tick.Label = strings.Replace(strconv.FormatFloat(tick.Value+0, format, digits, 64), "-", "−", -1)
		}
		ticks = append(ticks, tick)
	}
	return ticks
}

// DecadeTicks marks an axis of logarithms to base 10 by what they are the logarithms of: powers of ten, and where there
// are few of them also 2 and 5, or 3, times those. The axis itself is linear, as gonum's logarithmic one misplaces its
// label.
type DecadeTicks struct {
	Room  int  // labels that the axis has room for; 0 for many
	Plain bool // write 0.05 and 200 for 5×10^{−2} and 2×10^{2}, which takes less room, from 0.001 to 1000
}

// Ticks returns labelled ticks, and one at each whole mantissa, or decade if not all of these have labels.
func (t DecadeTicks) Ticks(low, high float64) []plot.Tick {
	const many = 10
	room, span := cmp.Or(t.Room, many), high-low
	labelled, every := "1", 1
	if span < 2 {
		labelled = "13"
		if math.Log10(2)*float64(room) >= 1.5*span { // a label such as 2×10^-3 is half as wide again as room is counted for
			labelled = "125"
		}
	}
	for math.Floor(high/float64(every))-math.Ceil(low/float64(every))+1 > float64(room) {
		every++
	}
	var ticks []plot.Tick
	for k := int(math.Floor(low)); k <= int(math.Ceil(high)); k++ {
		for m := 1; m <= 9; m++ {
			tick := plot.Tick{Value: float64(k) + math.Log10(float64(m))}
			if tick.Value < low || tick.Value > high || every > 1 && m > 1 {
				continue
			}
			if strings.Contains(labelled, strconv.Itoa(m)) && k%every == 0 {
				tick.Label = scientific(m, k)
				if t.Plain && low > -3.1 && high < 3.1 {
					tick.Label = strconv.FormatFloat(float64(m)*math.Pow10(k), 'g', 6, 64)
				}
			}
			ticks = append(ticks, tick)
		}
	}
	return ticks
}

// unlabelled has the ticks of another axis beside it, which has their labels.
type unlabelled struct{ plot.Ticker }

// Ticks returns the ticks with a space in place of each label: a tick without one is a minor tick.
func (t unlabelled) Ticks(low, high float64) []plot.Tick {
	ticks := t.Ticker.Ticks(low, high)
	for i := range ticks {
		if !ticks[i].IsMinor() {
			ticks[i].Label = " "
		}
	}
	return ticks
}

// scientific writes m 10^k for the text handler, which knows ^{...}.
func scientific(m, k int) string {
	power := fmt.Sprintf("10^{%s}", strings.Replace(strconv.Itoa(k), "-", "−", 1))
	if m == 1 {
		return power
	}
	return fmt.Sprintf("%d×%s", m, power)
}
