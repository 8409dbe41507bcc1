package analysis

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/gonum/floats"

	"quantal/graph"
	"quantal/internal/nearest"
	"quantal/kernels"
	"quantal/results/draw"
)

// LawAnalysis is the price of a synapse by a law: its value and slopes over sigma and mu, and where these are singular.
type LawAnalysis struct {
	Name       string             `json:"name,omitempty"`
	Formula    string             `json:"formula"`     // in canonical form
	SlopeMu    string             `json:"slope_mu"`    // the derivative with respect to mu
	SlopeSigma string             `json:"slope_sigma"` // and to sigma
	Numbers    map[string]float64 `json:"numbers"`
	Assumed    []string           `json:"assumed"` // the numbers that nobody gave, which are 1
	Table      []LawPoint         `json:"table"`
	Singular   []Singular         `json:"singular"`

	slopes        kernels.Formula // value and slopes, of mu and sigma
	ofMu, ofSigma bool            // what the law depends on
}

// LawPoint is a law at one synapse.
type LawPoint struct {
	Mu         float64 `json:"mu"`
	Sigma      float64 `json:"sigma"`
	Value      float64 `json:"value"`
	SlopeMu    float64 `json:"slope_mu"`
	SlopeSigma float64 `json:"slope_sigma"`
	// The exponent of the power law whose slope along sigma goes as this one's, -1 - d ln |slope| / d ln sigma: 0 for an
	// entropic law. NaN without a slope.
	Rho float64 `json:"rho"`
}

// The synapses that laws are analysed for.
const (
	mostMu     = 3
	leastSigma = 1e-6
	mostSigma  = 10
)

// AnalyseLaw analyses a law of mu and sigma, with 1 for numbers that are not given.
func AnalyseLaw(l graph.Law, numbers map[string]float64) (*LawAnalysis, error) {
	a := &LawAnalysis{Name: l.Name, Formula: l.Text(), Numbers: map[string]float64{}, Assumed: []string{}}
	for _, name := range slices.Sorted(maps.Keys(numbers)) {
		if !slices.Contains(l.Numbers(), name) {
			return nil, fmt.Errorf("analysis: law %q has no number %s: %s", l, name, nearest.OneOf(name, l.Numbers()))
		}
	}
	for _, name := range l.Numbers() {
		v, ok := numbers[name]
		if !ok {
			v = 1
			a.Assumed = append(a.Assumed, name)
		}
		a.Numbers[name] = v
	}
	f, err := l.Slopes()
	if err != nil {
		return nil, err
	}
	a.SlopeMu, a.SlopeSigma = outputText(f, 1), outputText(f, 2)
	for _, line := range l.Formula.Lines {
		a.ofMu = a.ofMu || line.Op == kernels.OpInput && line.Args[0] == 0
		a.ofSigma = a.ofSigma || line.Op == kernels.OpInput && line.Args[0] == 1
	}
	a.slopes = f.Bind(a.Numbers)
	mus, sigmas := []float64{0.1}, []float64{0.1}
	if a.ofMu {
		mus = []float64{-1, -0.1, 0, 0.01, 0.1, 1}
	}
	if a.ofSigma {
		sigmas = []float64{0.001, 0.01, 0.03, 0.1, 0.3, 1}
		if a.ofMu {
			sigmas = []float64{0.01, 0.1, 1}
		}
	}
	for _, mu := range mus {
		for _, sigma := range sigmas {
			v := a.at(mu, sigma)
			a.Table = append(a.Table, LawPoint{mu, sigma, v[0], v[1], v[2], a.rho(mu, sigma)})
		}
	}
	a.Singular = a.findSingular()
	return a, nil
}

// at is the value and the slopes along mu and sigma.
func (a *LawAnalysis) at(mu, sigma float64) []float64 { return kernels.Eval(a.slopes, mu, sigma) }

func (a *LawAnalysis) rho(mu, sigma float64) float64 {
	const step = 1e-4 // in ln sigma; the error is of order step^2
	low, high := a.at(mu, sigma*math.Exp(-step))[2], a.at(mu, sigma*math.Exp(step))[2]
	if !(low*high > 0) {
		return math.NaN()
	}
	return -1 - math.Log(high/low)/(2*step)
}

// OfMu reports whether the law depends on the mean.
func (a *LawAnalysis) OfMu() bool { return a.ofMu }

// OfSigma reports whether it depends on the standard deviation.
func (a *LawAnalysis) OfSigma() bool { return a.ofSigma }

// outputText writes an output of a formula. What a formula shares stands in its text each time, so that texts can be
// very long: of those it says how many operations there are.
func outputText(f kernels.Formula, output int) string {
	const most = 300
	f.Outputs = f.Outputs[output : output+1]
	size := make([]int, len(f.Lines))
	for i, l := range f.Lines {
		size[i] = 1
		for j := range l.Op.Arity() {
			size[i] = min(size[i]+size[l.Args[j]], most+1)
		}
	}
	if size[f.Outputs[0]] > most {
		return fmt.Sprintf("(too long to write: %d operations for value and slopes together)", f.Operations())
	}
	return f.String()
}

// Singular is a kind of place where a law's value or one of its slopes is not finite, or jumps.
type Singular struct {
	Of     string  `json:"of"`   // value, slope along mu, slope along sigma
	What   string  `json:"what"` // is not finite; jumps or has no bound
	Along  string  `json:"along"`
	Places []Place `json:"places"`
}

// Place is a singular point, or range, along one variable.
type Place struct {
	From  float64  `json:"from"`
	To    float64  `json:"to"`
	Other *float64 `json:"other"` // of the other variable; nil if the place is the same at several
}

// String is a sentence for people.
func (s Singular) String() string {
	other := map[string]string{"mu": "sigma", "sigma": "mu"}[s.Along]
	var places []string
	for i, p := range s.Places {
		if i == 3 {
			places = append(places, fmt.Sprintf("%d more places", len(s.Places)-i))
			break
		}
		text := fmt.Sprintf("%s = %.4g", s.Along, p.From)
		if p.To != p.From {
			text = fmt.Sprintf("%s from %.4g to %.4g", s.Along, p.From, p.To)
		}
		if p.Other != nil {
			text += fmt.Sprintf(" (where %s = %.4g)", other, *p.Other)
		}
		places = append(places, text)
	}
	return fmt.Sprintf("the %s %s at %s", s.Of, s.What, strings.Join(places, ", "))
}

// findSingular looks along mu at some sigmas, and along sigma at some means.
func (a *LawAnalysis) findSingular() []Singular {
	const points = 241 // odd: 0 is among them
	found := []Singular{}
	mus := floats.Span(make([]float64, points), -mostMu, mostMu)
	mus[points/2] = 0
	sigmas := floats.LogSpan(make([]float64, points), leastSigma, mostSigma)
	someMu, someSigma := []float64{0.1}, []float64{0.1}
	if a.ofMu {
		someMu = []float64{-mostMu, -1, -0.1, 0, 0.1, 1, mostMu}
	}
	if a.ofSigma {
		someSigma = []float64{leastSigma, 1e-3, 0.1, 1, mostSigma}
	}
	for output, of := range []string{"value", "slope along mu", "slope along sigma"} {
		if a.ofMu {
			found = append(found, alongLine(of, "mu", mus, someSigma, func(mu, sigma float64) float64 {
				return a.at(mu, sigma)[output]
			})...)
		}
		if a.ofSigma {
			found = append(found, alongLine(of, "sigma", sigmas, someMu, func(sigma, mu float64) float64 {
				return a.at(mu, sigma)[output]
			})...)
		}
	}
	return found
}

// alongLine looks for the singular places of a function of x, at several values of another variable.
func alongLine(of, along string, x, others []float64, f func(x, other float64) float64) []Singular {
	infinite := Singular{Of: of, What: "is not finite", Along: along}
	jumps := Singular{Of: of, What: "jumps or has no bound", Along: along}
	for _, other := range others {
		f := func(x float64) float64 { return f(x, other) }
		v, scale := make([]float64, len(x)), 0.0
		for i := range x {
			if v[i] = f(x[i]); finite(v[i]) {
				scale = max(scale, math.Abs(v[i]))
			}
		}
		for i := range x {
			switch {
			case !finite(v[i]) && i > 0 && !finite(v[i-1]):
				infinite.Places[len(infinite.Places)-1].To = x[i]
			case !finite(v[i]):
				infinite.add(x[i], other)
			case i > 0 && finite(v[i-1]):
				at, ok := pole(x[i-1], x[i], f)
				if !ok {
					at, ok = jump(x[i-1], x[i], f, 1e-9*scale)
				}
				if ok {
					jumps.add(at, other)
				}
			}
		}
	}
	// A whole line is a place along the other variable, unless it is so for all.
	whole := func(p Place) bool { return p.From == x[0] && p.To == x[len(x)-1] }
	if part := func(p Place) bool { return !whole(p) }; slices.ContainsFunc(infinite.Places, part) ||
		len(infinite.Places) < len(others) {
		infinite.Places = slices.DeleteFunc(infinite.Places, whole)
	}
	var found []Singular
	for _, s := range []Singular{infinite, jumps} {
		if s.merge(len(others)); len(s.Places) > 0 {
			found = append(found, s)
		}
	}
	return found
}

// add adds a point, unless it was found from the other side.
func (s *Singular) add(x, other float64) {
	if n := len(s.Places); n > 0 && samePlace(s.Places[n-1].To, x) && *s.Places[n-1].Other == other {
		return
	}
	s.Places = append(s.Places, Place{x, x, &other})
}

// merge makes one place of those that come again at another value of the other variable, of which so many were tried.
func (s *Singular) merge(tried int) {
	var merged []Place
	for _, p := range s.Places {
		i := slices.IndexFunc(merged, func(q Place) bool { return samePlace(p.From, q.From) && samePlace(p.To, q.To) })
		switch {
		case i >= 0:
			merged[i].Other = nil
			continue
		case tried == 1:
			p.Other = nil
		}
		merged = append(merged, p)
	}
	s.Places = merged
}

func samePlace(a, b float64) bool { return math.Abs(a-b) <= 1e-9+1e-6*math.Abs(a) }

// narrow reports whether an interval is as small as rounding lets one look into.
func narrow(a, b float64) bool { return b-a <= 1e-13*(math.Abs(a)+math.Abs(b))+1e-15 }

// middle is the middle of an interval, 0 if it is that but for rounding.
func middle(a, b float64) float64 {
	if m := a + (b-a)/2; math.Abs(m) > 1e-12 {
		return m
	}
	return 0
}

// pole goes to where the size of a function is largest within an interval. If it still grows when the interval is
// narrow, it has no bound there.
func pole(a, b float64, f func(float64) float64) (float64, bool) {
	const parts = 5
	ends := math.Abs(f(a)) + math.Abs(f(b))
	var x, size [parts + 1]float64
	var tops []float64
	for n := 0; !narrow(a, b); n++ {
		top := 0
		for i := range x {
			x[i] = a + (b-a)*float64(i)/parts
			if i == parts {
				x[i] = b // but for rounding, which matters beside a pole
			}
			if size[i] = math.Abs(f(x[i])); !finite(size[i]) {
				return middle(x[i], x[i]), true
			}
			if size[i] > size[top] {
				top = i
			}
		}
		if tops = append(tops, size[top]); n == 3 && size[top] <= 2*ends {
			return 0, false
		}
		a, b = x[max(top-1, 0)], x[min(top+1, parts)]
	}
	last := len(tops) - 1
	return middle(a, b), last >= 8 && tops[last] > 2*tops[last-8] && tops[last] > 10*ends
}

// jump halves an interval, and keeps the half in which the function differs more between the ends. If the difference
// does not go with the width, the function jumps. Differences below least do not count.
func jump(a, b float64, f func(float64) float64, least float64) (float64, bool) {
	fa, fb := f(a), f(b)
	d, most := 0., 0.
	for n := 0; !narrow(a, b); n++ {
		m := a + (b-a)/2
		fm := f(m)
		if !finite(fm) {
			return m, true
		}
		d = max(fa, fm, fb) - min(fa, fm, fb)
		most = max(most, d)
		if d <= least || d <= 1e-6*(math.Abs(fa)+math.Abs(fb)) || n >= 12 && d < most/16 {
			return 0, false
		}
		if math.Abs(fm-fa) > math.Abs(fb-fm) {
			b, fb = m, fm
		} else {
			a, fa = m, fm
		}
	}
	return middle(a, b), d > most/10
}

// Figure draws value and slopes over sigma, and over mu if the law depends on it.
func (a *LawAnalysis) Figure() (*draw.Figure, error) {
	const points = 401
	some := []float64{0.03, 0.3, 1}
	panels := func(along string, slope int, x, others []float64, axis draw.Axis,
		f func(x, other float64) []float64) draw.Block {
		value, slopes := draw.Panel{X: axis}, draw.Panel{X: axis}
		for i, p := range []*draw.Panel{&value, &slopes} {
			output := i * slope
			all := make([][]float64, len(others))
			for i, other := range others {
				for _, x := range x {
					all[i] = append(all[i], f(x, other)[output])
				}
			}
			sign, log := shown(all)
			p.Y = draw.Axis{Label: "Price of a synapse", Log: log}
			if output > 0 {
				p.Y.Label = "Slope along " + along
			}
			if sign < 0 {
				p.Y.Label = "Minus " + strings.ToLower(p.Y.Label[:1]) + p.Y.Label[1:]
			}
			for i, other := range others {
				label := ""
				if a.ofMu && a.ofSigma {
					label = fmt.Sprintf("%s = %g", map[string]string{"σ": "μ", "μ": "σ"}[along], other)
				}
				color := []draw.Color{draw.Blue, draw.Green, draw.Red}[i]
				p.Layers = append(p.Layers, pieces(label, x, all[i], sign, color)...)
			}
		}
		return draw.Block{Rows: [][]draw.Panel{{value, slopes}}, Height: 66}
	}
	var blocks []draw.Block
	if a.ofSigma {
		others := some
		if !a.ofMu {
			others = some[:1]
		}
		blocks = append(blocks, panels("σ", 2, floats.LogSpan(make([]float64, points), 1e-3, mostSigma), others,
			draw.Axis{Label: "Standard deviation σ", Log: true},
			func(sigma, mu float64) []float64 { return a.at(mu, sigma) }))
	}
	if a.ofMu {
		others := some
		if !a.ofSigma {
			others = some[:1]
		}
		blocks = append(blocks, panels("μ", 1, floats.Span(make([]float64, points), -1, 1), others,
			draw.Axis{Label: "Mean μ", Min: -1, Max: 1}, a.at))
	}
	for i, letter := range []string{"A", "C"}[:len(blocks)] {
		row := blocks[i].Rows[0]
		row[0].Letter, row[1].Letter = letter, string(letter[0]+1)
		if i == 0 && len(a.Formula) <= 40 {
			row[0].Title = a.Formula
		} else if i == 0 {
			row[0].Title = a.Name
		}
	}
	return draw.NewFigure(blocks...)
}

// shown says how to show values: with which sign, and whether on a logarithmic axis, for which all have to have one.
func shown(all [][]float64) (sign float64, log bool) {
	above, below := 0, 0
	for _, values := range all {
		for _, v := range values {
			if v > 0 {
				above++
			} else if v <= 0 {
				below++
			}
		}
	}
	switch {
	case below == 0 && above > 0:
		return 1, true
	case above == 0 && below > 0:
		return -1, !slices.ContainsFunc(all, func(v []float64) bool { return slices.Contains(v, 0) })
	}
	return 1, false
}

// pieces are the curves between places where values are not finite.
func pieces(label string, x, y []float64, sign float64, c draw.Color) []draw.Layer {
	var layers []draw.Layer
	for i := 0; i < len(x); {
		j := i
		for j < len(x) && finite(y[j]) {
			j++
		}
		if j > i {
			v := slices.Clone(y[i:j])
			floats.Scale(sign, v)
			layers = append(layers, draw.Curve{Label: label, X: x[i:j], Y: v, Color: c})
			label = ""
		}
		i = j + 1
	}
	return layers
}
