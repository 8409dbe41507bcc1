package spines

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"

	"quantal/internal/measured"
	"quantal/internal/nearest"
)

// Line is a quantity that is linear in the size of a spine: Offset + Slope w.
type Line struct {
	Offset float64 `toml:"offset" json:"offset"`
	Slope  float64 `toml:"slope" json:"slope"`
}

// String writes the line as in 0.008 - 0.06 w.
func (l Line) String() string {
	switch {
	case l.Slope == 0:
		return fmt.Sprintf("%g", l.Offset)
	case l.Slope < 0:
		return fmt.Sprintf("%g - %g w", l.Offset, -l.Slope)
	}
	return fmt.Sprintf("%g + %g w", l.Offset, l.Slope)
}

func (l Line) at(w float64) float64 { return l.Offset + l.Slope*w }

// Strong is the contribution of cell assemblies to the drift: a pull towards strong synapses that multiplies the
// stationary density by
//
//	1 + Gain exp(-ln(w/Size)^2 / (2 Width^2))
type Strong struct {
	Gain  float64 `toml:"gain" json:"gain"`
	Size  float64 `toml:"size" json:"size"`   // µm³, around which strong synapses gather
	Width float64 `toml:"width" json:"width"` // standard deviation of their ln w
}

// drift is the mu with that effect on the stationary density: sigma^2/2 times the derivative of the logarithm of the
// factor.
func (s Strong) drift(w, sigma float64) float64 {
	x := math.Log(w/s.Size) / s.Width
	bump := s.Gain * math.Exp(-x*x/2)
	return -sigma * sigma / 2 * bump / (1 + bump) * x / (s.Width * w)
}

// Measurement is a row of a table of drift and noise.
type Measurement struct {
	Size  float64 `toml:"w" json:"w"`         // µm³
	Mu    float64 `toml:"mu" json:"mu"`       // µm³ per day
	Sigma float64 `toml:"sigma" json:"sigma"` // µm³ per square root of a day
}

// The kinds of lower bound.
const (
	Reflecting   = "reflecting"
	WithTurnover = "turnover"
)

// Condition is a law of spine sizes between two bounds: dw = mu(w) dt + sigma(w) dB in Ito's sense, w in µm³ and t in
// days.
type Condition struct {
	Name string `toml:"name" json:"name"`
	// the kind of lower bound: Reflecting, WithTurnover or both, each of which is computed
	Bounds []string `toml:"bounds" json:"bounds"`
	Low    float64  `toml:"low" json:"low"`   // µm³; the smallest spine that can be seen
	High   float64  `toml:"high" json:"high"` // µm³
	Mu     Line     `toml:"mu" json:"mu"`
	Sigma  Line     `toml:"sigma" json:"sigma"`
	Strong *Strong  `toml:"strong,omitempty" json:"strong,omitempty"`
	Births float64  `toml:"births,omitempty" json:"births,omitempty"` // times Turnover.Rate; 0 is 1
	// instead of Mu and Sigma: linear in between, constant beyond
	Table []Measurement `toml:"table,omitempty" json:"table,omitempty"`
}

// largestMeasured is the largest size that a table may have, in µm³: a hundred times that of the largest spines.
const largestMeasured = 100.

// The bounds of the conditions after Fig. 2C of the review: about the smallest spine that two-photon microscopy
// resolves, and the end of the distribution's tail according to the review.
const (
	smallestSpine = 0.02
	largestSpine  = 1.0
)

// Conditions returns the named conditions. The package documentation says where their shapes come from; their numbers
// are illustrations.
func Conditions() []Condition {
	both, reflecting := []string{Reflecting, WithTurnover}, []string{Reflecting}
	control := Condition{Name: "control", Bounds: both, Low: smallestSpine, High: largestSpine, Mu: Line{0.008, -0.06},
		Sigma: Line{0.010, 0.22}}
	silenced := control
	silenced.Name, silenced.Mu, silenced.Sigma = "silenced", Line{0.005, -0.04}, Line{0.005, 0.22}
	fmr1 := control
	fmr1.Name, fmr1.Sigma.Slope, fmr1.Births = "fmr1", 0.30, 2
	additive := control
	additive.Name, additive.Bounds, additive.Sigma = "additive", reflecting, Line{0.022, 0}
	network := Condition{Name: "network", Bounds: reflecting, Low: 0.002, High: largestSpine, Mu: Line{0.00175, -0.06},
		Sigma: Line{0.015, 0.20}}
	assembly := network
	assembly.Name, assembly.Strong = "assembly", &Strong{Gain: 5, Size: 0.45, Width: 0.35}
	return []Condition{control, silenced, fmr1, additive, network, assembly}
}

// ConditionNames lists the named conditions.
func ConditionNames() []string {
	var names []string
	for _, c := range Conditions() {
		names = append(names, c.Name)
	}
	return names
}

// Named returns the condition of a name.
func Named(name string) (Condition, error) {
	for _, c := range Conditions() {
		if c.Name == name {
			return c, nil
		}
	}
	return Condition{}, fmt.Errorf("condition %q: %s", name, nearest.OneOf(name, ConditionNames()))
}

// Own returns a user's condition, from a table or with mu and sigma to be set. Its bounds are those of the
// table, or of the named conditions.
func Own(name string, table []Measurement) Condition {
	c := Condition{Name: name, Bounds: []string{Reflecting, WithTurnover}, Low: smallestSpine, High: largestSpine,
		Table: table}
	if table != nil {
		c.Low, c.High = table[0].Size, table[len(table)-1].Size
	}
	return c
}

// Check reports the first value that cannot be used.
func (c Condition) Check() error {
	finite := func(v ...float64) bool {
		return !slices.ContainsFunc(v, func(x float64) bool { return math.IsNaN(x) || math.IsInf(x, 0) })
	}
	switch {
	case c.Name == "":
		return errors.New("condition: want a name for each")
	case len(c.Bounds) == 0:
		return fmt.Errorf("bounds of condition %s: want reflecting, turnover or both", c.Name)
	case !finite(c.Low, c.High) || c.Low < 0 || c.High <= c.Low:
		return fmt.Errorf("condition %s: bounds from %g to %g: want 0 <= low < high", c.Name, c.Low, c.High)
	case !finite(c.Mu.Offset, c.Mu.Slope, c.Sigma.Offset, c.Sigma.Slope):
		return fmt.Errorf("condition %s: mu and sigma: want finite numbers", c.Name)
	case !finite(c.Births) || c.Births < 0:
		return fmt.Errorf("births of condition %s: %g: want a factor above 0, or 0 for 1", c.Name, c.Births)
	case c.Strong != nil && !(c.Strong.Gain >= 0 && c.Strong.Size > 0 && c.Strong.Width > 0 &&
		finite(c.Strong.Gain, c.Strong.Size, c.Strong.Width)):
		return fmt.Errorf("condition %s: strong: want gain 0 or more, size and width above 0", c.Name)
	case c.Strong != nil && c.Low == 0:
		return fmt.Errorf("condition %s: strong: want low above 0", c.Name)
	case len(c.Table) == 1:
		return fmt.Errorf("condition %s: table: want two rows or more", c.Name)
	}
	for i, b := range c.Bounds {
		if b != Reflecting && b != WithTurnover || slices.Contains(c.Bounds[:i], b) {
			return fmt.Errorf("bounds of condition %s: %q: want reflecting, turnover or both", c.Name, b)
		}
	}
	for i, m := range c.Table {
		if !finite(m.Size, m.Mu, m.Sigma) || !(m.Sigma > 0) || i > 0 && !(m.Size > c.Table[i-1].Size) {
			return fmt.Errorf("condition %s: table, row %d: want w above that of the row before, sigma above 0, finite numbers",
				c.Name, i+1)
		}
	}
	if c.Table == nil {
		for _, w := range []float64{c.Low, c.High} {
			if s := c.Sigma.at(w); !(s > 0) {
				return fmt.Errorf("condition %s: sigma is %g at %g: want it above 0 between and at the bounds", c.Name, s, w)
			}
		}
	}
	return nil
}

// turnover is that of all conditions, with the births of this one.
func (c Condition) turnover(t Turnover) *Turnover {
	if c.Births > 0 {
		t.Rate *= c.Births
	}
	return &t
}

// at returns mu and sigma of a size.
func (c Condition) at(w float64) (mu, sigma float64) {
	mu, sigma = c.Mu.at(w), c.Sigma.at(w)
	if c.Table != nil {
		mu, sigma = interpolate(c.Table, w)
	}
	if c.Strong != nil {
		mu += c.Strong.drift(w, sigma)
	}
	return mu, sigma
}

func interpolate(table []Measurement, w float64) (mu, sigma float64) {
	i, found := slices.BinarySearchFunc(table, w, func(m Measurement, w float64) int { return cmp.Compare(m.Size, w) })
	switch {
	case found || i == 0:
		return table[i].Mu, table[i].Sigma
	case i == len(table):
		return table[i-1].Mu, table[i-1].Sigma
	}
	a, b := table[i-1], table[i]
	x := (w - a.Size) / (b.Size - a.Size)
	return a.Mu + x*(b.Mu-a.Mu), a.Sigma + x*(b.Sigma-a.Sigma)
}

// tabulated is the number of cells in which drift and noise are linear, unless they are linear throughout.
const tabulated = 1024

// Coefficients are the law in the form that all computations use: linear between equally spaced sizes.
func (c Condition) Coefficients() Coefficients {
	n := tabulated
	if c.Table == nil && c.Strong == nil {
		n = 1
	}
	k := Coefficients{Low: c.Low, High: c.High, Mu: make([]float64, n+1), Sigma: make([]float64, n+1)}
	for i := range k.Mu {
		k.Mu[i], k.Sigma[i] = c.at(k.edge(i))
	}
	return k
}

// ReadTable reads measurements from a CSV file with the columns w (µm³), mu (µm³ per day) and sigma (µm³ per
// square root of a day). Its rows may be in any order. The errors are measured.Errors.
func ReadTable(path string) ([]Measurement, error) {
	t, err := measured.Read(path)
	if err != nil {
		return nil, err
	}
	inf := math.Inf(1)
	size, err := t.Column("w", -inf, inf)
	if err != nil {
		return nil, err
	}
	mu, err := t.Column("mu", -inf, inf)
	if err != nil {
		return nil, err
	}
	sigma, err := t.Column("sigma", 0, inf)
	if err != nil {
		return nil, err
	}
	var table []Measurement
	for i := range size {
		if size[i] < 0 || size[i] > largestMeasured {
			return nil, &measured.Error{Path: path, Err: fmt.Errorf("line %d, column w: want a size of 0 to %g µm³, got %g",
				t.Rows[i].Line, largestMeasured, size[i])}
		}
		table = append(table, Measurement{size[i], mu[i], sigma[i]})
	}
	slices.SortStableFunc(table, func(a, b Measurement) int { return cmp.Compare(a.Size, b.Size) })
	if len(table) < 2 {
		return nil, &measured.Error{Path: path, Err: errors.New("want two sizes or more")}
	}
	for i := range table[1:] {
		if table[i].Size == table[i+1].Size {
			return nil, &measured.Error{Path: path, Err: fmt.Errorf("column w: want each size once, got %g twice",
				table[i].Size)}
		}
	}
	return table, nil
}
