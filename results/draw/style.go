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

// Sizes of figures in millimetres, as journals ask for them.
const (
	OneColumn = 120. // width with one panel
	TwoColumn = 180. // width with panels side by side
	RowHeight = 66.  // of a row of two panels
)

// The style of all figures: nothing on the page that carries no meaning.
const (
	labelSize  = 8   // points: axis labels and keys
	tickSize   = 7   // points: numbers at the axes
	markSize   = 1.6 // points: radius of a data point
	curveWidth = 1.2 // points: width of a curve
	hairline   = 0.6 // points: width of axes and reference lines

	mm     = vg.Millimeter
	margin = 3 * mm
)

// Color is a colour of the style, by its role in the paper's figures where it has one.
type Color int

// The colours. From Blue on they are Okabe and Ito's set, which readers with any colour vision can tell apart (M. Okabe
// and K. Ito, Color Universal Design, 2008). Yellow, too light for a line, is left out.
const (
	Ink    Color = iota
	Grey         // homogeneous noise, posteriors, what is given
	Blue         // analytic predictions
	Red          // experiments
	Green        // optimised noise
	Purple       // performance cost
	Sky
	Orange
	colors
)

func (c Color) rgba() color.NRGBA {
	v := [colors]uint32{0x222222, 0x666666, 0x0072b2, 0xd55e00, 0x009e73, 0xcc79a7, 0x56b4e9, 0xe69f00}[c]
	return color.NRGBA{R: uint8(v >> 16), G: uint8(v >> 8), B: uint8(v), A: 0xff}
}

// Series is the look of curve i of several: its colour, and dashed when the colours come a second time.
func Series(i int) Curve {
	const n = int(colors - Blue)
	return Curve{Color: Blue + Color(i%n), Dashed: i/n%2 == 1}
}

// mix is a colour on the way from one to another.
func mix(from, to color.NRGBA, t float64) color.NRGBA {
	between := func(a, b uint8) uint8 { return uint8(math.Round(float64(a) + t*(float64(b)-float64(a)))) }
	return color.NRGBA{R: between(from.R, to.R), G: between(from.G, to.G), B: between(from.B, to.B), A: from.A}
}

// pale mixes a colour with white.
func pale(c color.NRGBA, white float64) color.NRGBA {
	return mix(c, color.NRGBA{R: 0xff, G: 0xff, B: 0xff}, white)
}

// translucent is a colour for areas under a curve.
func translucent(c color.NRGBA) color.NRGBA {
	c.A = 0x30
	return c
}

// solid is a line without gaps.
func solid(c color.Color, width vg.Length) draw.LineStyle {
	return draw.LineStyle{Color: c, Width: width}
}

// dashed is a line of dashes.
func dashed(c color.Color, width vg.Length) draw.LineStyle {
	return draw.LineStyle{Color: c, Width: width, Dashes: []vg.Length{3, 2}}
}

// style is the style of text.
type style struct{ handler text.Handler }

func newStyle() style { return style{newOutlineText()} }

// text is the style of text of a size.
func (h style) text(size vg.Length) text.Style {
	return text.Style{
		Color:   Ink.rgba(),
		Font:    font.Font{Typeface: "Liberation", Variant: "Sans", Size: size},
		Handler: h.handler,
	}
}

// bold is the style of bold text of a size.
func (h style) bold(size vg.Length) text.Style {
	s := h.text(size)
	s.Font.Weight = stdfont.WeightBold
	return s
}

// axes returns an empty plot, with labels such as "Training time (epochs)".
func (h style) axes(x, y string) *plot.Plot {
	p := plot.New()
	p.BackgroundColor = nil // the figure has one
	p.TextHandler = h.handler
	p.Title.TextStyle, p.Legend.TextStyle = h.text(labelSize), h.text(labelSize)
	for _, a := range []struct {
		axis  *plot.Axis
		label string
	}{{&p.X, x}, {&p.Y, y}} {
		label, tick := h.text(labelSize), h.text(tickSize)
		label.XAlign, label.YAlign = a.axis.Label.TextStyle.XAlign, a.axis.Label.TextStyle.YAlign
		tick.XAlign, tick.YAlign = a.axis.Tick.Label.XAlign, a.axis.Tick.Label.YAlign
		a.axis.Label.Text, a.axis.Label.TextStyle, a.axis.Label.Padding = a.label, label, 3
		a.axis.Tick.Label, a.axis.Tick.LineStyle, a.axis.Tick.Length = tick, solid(Ink.rgba(), hairline), 4
		a.axis.LineStyle, a.axis.Padding = solid(Ink.rgba(), hairline), 0
	}
	grid := plotter.NewGrid()
	grid.Horizontal = solid(color.Gray{Y: 0xe4}, hairline) // light enough to stay behind the data
	grid.Vertical = grid.Horizontal
	p.Add(grid)
	return p
}

// niceTicks marks multiples of 1, 2 or 5 times a power of ten.
type niceTicks struct {
	whole bool // integers only, for counts
}

// Ticks returns about six labelled ticks and the smaller ones between them.
func (t niceTicks) Ticks(low, high float64) []plot.Tick {
	const about = 6
	decade := math.Floor(math.Log10((high - low) / about))
	step, parts := 10.0, 5.0
	for _, c := range []struct{ step, parts float64 }{{5, 5}, {2, 4}, {1, 5}} {
		if c.step*math.Pow(10, decade) >= (high-low)/about {
			step, parts = c.step, c.parts
		}
	}
	step *= math.Pow(10, decade)
	if t.whole && step < 1 {
		step = 1
	}
	minor := step / parts
	if t.whole {
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

// decadeTicks marks an axis of logarithms to base 10 by what they are the logarithms of: powers of ten, and where there
// are few of them also 2 and 5, or 3, times those. It writes 0.05 and 200 where all is from 0.001 to 1000, else
// 5×10^{−2} and 2×10^{2}. The axis itself is linear, as gonum's logarithmic one misplaces its label.
type decadeTicks struct {
	room int // labels that the axis has room for; 0 for many
}

// Ticks returns labelled ticks, and one at each whole mantissa, or decade if not all of these have labels.
func (t decadeTicks) Ticks(low, high float64) []plot.Tick {
	const many = 10
	room, span := cmp.Or(t.room, many), high-low
	labelled, every := "1", 1
	if span < 2 {
		labelled = "13"
		if math.Log10(2)*float64(room) >= 1.5*span { // a label such as 2×10^-3 is half as wide again as the counted room
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
				if low > -3.1 && high < 3.1 {
					tick.Label = strconv.FormatFloat(float64(m)*math.Pow10(k), 'g', 6, 64)
				}
			}
			ticks = append(ticks, tick)
		}
	}
	return ticks
}

// unlabelled has the ticks of a neighbouring axis, which has their labels.
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
