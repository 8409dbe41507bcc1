package spines

import (
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
)

// Line is a quantity that is linear in the size of a spine: Offset + Slope w.
type Line struct {
	Offset float64 `toml:"offset" json:"offset"`
	Slope  float64 `toml:"slope" json:"slope"`
}

func (l Line) at(w float64) float64 { return l.Offset + l.Slope*w }

// Strong is what cell assemblies add to the drift: a pull towards strong synapses that multiplies the stationary density by
//
//	1 + Gain exp(-ln(w/Size)^2 / (2 Width^2))
type Strong struct {
	Gain  float64 `toml:"gain" json:"gain"`
	Size  float64 `toml:"size" json:"size"`   // µm³, around which strong synapses gather
	Width float64 `toml:"width" json:"width"` // standard deviation of their ln w
}

// drift is the mu that multiplies the stationary density so: sigma^2/2 times the derivative of the logarithm of the factor.
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

// Condition is a law of spine sizes between two bounds: dw = mu(w) dt + sigma(w) dB in Ito's sense, w in µm³ and t in days.
type Condition struct {
	Name   string        `toml:"name" json:"name"`
	Low    float64       `toml:"low" json:"low"`   // µm³; the smallest spine that can be seen
	High   float64       `toml:"high" json:"high"` // µm³
	Mu     Line          `toml:"mu" json:"mu"`
	Sigma  Line          `toml:"sigma" json:"sigma"`
	Strong *Strong       `toml:"strong,omitempty" json:"strong,omitempty"`
	Table  []Measurement `toml:"table,omitempty" json:"table,omitempty"` // in place of Mu and Sigma: linear in between, constant beyond
}

// The bounds of the conditions after Fig. 2C of the review: about the smallest spine that two-photon microscopy resolves, and where
// the review says that the tail of the distribution ends.
const (
	smallestSpine = 0.02
	largestSpine  = 1.0
)

// Conditions returns the named conditions. See the package documentation for where their shapes come from; their numbers are
// illustrations.
func Conditions() []Condition {
	control := Condition{Name: "control", Low: smallestSpine, High: largestSpine, Mu: Line{0.008, -0.06}, Sigma: Line{0.010, 0.22}}
	silenced := control
	silenced.Name, silenced.Mu, silenced.Sigma = "silenced", Line{0.005, -0.04}, Line{0.005, 0.22}
	fmr1 := control
	fmr1.Name, fmr1.Sigma.Slope = "fmr1", 0.30
	additive := control
	additive.Name, additive.Sigma = "additive", Line{0.022, 0}
	network := Condition{Name: "network", Low: 0.002, High: largestSpine, Mu: Line{0.0015, -0.06}, Sigma: Line{0.010, 0.20}}
	assembly := network
	assembly.Name, assembly.Strong = "assembly", &Strong{Gain: 4, Size: 0.45, Width: 0.3}
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
	return Condition{}, fmt.Errorf("condition %q: want one of %s", name, strings.Join(ConditionNames(), ", "))
}

// Check reports the first value that cannot be used.
func (c Condition) Check() error {
	finite := func(v ...float64) bool {
		return !slices.ContainsFunc(v, func(x float64) bool { return math.IsNaN(x) || math.IsInf(x, 0) })
	}
	switch {
	case c.Name == "":
		return errors.New("a condition without a name")
	case !finite(c.Low, c.High) || c.Low < 0 || c.High <= c.Low:
		return fmt.Errorf("condition %s: bounds from %g to %g: want 0 <= low < high", c.Name, c.Low, c.High)
	case !finite(c.Mu.Offset, c.Mu.Slope, c.Sigma.Offset, c.Sigma.Slope):
		return fmt.Errorf("condition %s: mu and sigma: want finite numbers", c.Name)
	case c.Strong != nil && !(c.Strong.Gain >= 0 && c.Strong.Size > 0 && c.Strong.Width > 0 && finite(c.Strong.Gain, c.Strong.Size, c.Strong.Width)):
		return fmt.Errorf("condition %s: strong: want gain 0 or more, size and width above 0", c.Name)
	case c.Strong != nil && c.Low == 0:
		return fmt.Errorf("condition %s: strong: want low above 0", c.Name)
	case len(c.Table) == 1:
		return fmt.Errorf("condition %s: table: want two rows or more", c.Name)
	}
	for i, m := range c.Table {
		if !finite(m.Size, m.Mu, m.Sigma) || !(m.Sigma > 0) || i > 0 && !(m.Size > c.Table[i-1].Size) {
			return fmt.Errorf("condition %s: table, row %d: want w above that of the row before, sigma above 0, finite numbers", c.Name, i+1)
		}
	}
	if c.Table == nil {
		for _, w := range []float64{c.Low, c.High} {
			if s := c.Sigma.at(w); !(s > 0) {
				return fmt.Errorf("condition %s: sigma is %g at %g: want it above 0 between the bounds, also there", c.Name, s, w)
			}
		}
	}
	return nil
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

// tabulated is the number of cells that drift and noise are linear in, unless they are linear throughout.
const tabulated = 1024

// Coefficients are the law as it is used by everything that computes: linear between equally spaced sizes.
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

// TableError says that a table of measurements is missing or is not one.
type TableError struct {
	Path string
	Err  error
}

func (e *TableError) Error() string { return fmt.Sprintf("%s: %v", e.Path, e.Err) }
func (e *TableError) Unwrap() error { return e.Err }

// ReadTable reads measurements from a CSV file whose first line has the names w (µm³), mu (µm³ per day) and sigma (µm³ per square
// root of a day), in any order and beside others, and whose rows may come in any order. The errors are TableErrors.
func ReadTable(path string) ([]Measurement, error) {
	file, err := os.Open(path)
	if err != nil {
		var reason *os.PathError
		if errors.As(err, &reason) {
			err = reason.Err
		}
		return nil, &TableError{path, err}
	}
	defer file.Close()
	table, err := readTable(file)
	if err != nil {
		return nil, &TableError{path, err}
	}
	return table, nil
}

func readTable(r io.Reader) ([]Measurement, error) {
	lines := csv.NewReader(r)
	lines.TrimLeadingSpace, lines.FieldsPerRecord = true, -1
	rows, err := lines.ReadAll()
	if err != nil {
		return nil, err
	}
	if len(rows) < 3 {
		return nil, errors.New("want a line with the names w, mu and sigma, and two or more lines of numbers, separated by commas")
	}
	header := rows[0]
	header[0] = strings.TrimPrefix(header[0], "\ufeff")
	var at [3]int
	for i, name := range []string{"w", "mu", "sigma"} {
		at[i] = slices.IndexFunc(header, func(h string) bool { return strings.EqualFold(strings.TrimSpace(h), name) })
		if at[i] < 0 {
			return nil, fmt.Errorf("want a column %q, got %s", name, strings.Join(header, ", "))
		}
	}
	var table []Measurement
	for i, row := range rows[1:] {
		var m Measurement
		for j, v := range []*float64{&m.Size, &m.Mu, &m.Sigma} {
			text := ""
			if at[j] < len(row) {
				text = strings.TrimSpace(row[at[j]])
			}
			if *v, err = strconv.ParseFloat(text, 64); err != nil {
				return nil, fmt.Errorf("row %d: %s: want a number, got %q", i+1, header[at[j]], text)
			}
		}
		table = append(table, m)
	}
	slices.SortStableFunc(table, func(a, b Measurement) int { return cmp.Compare(a.Size, b.Size) })
	return table, nil
}
