package tables

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"quantal/results/store"
)

// Comparison is how a grid's networks compare with published values.
//
// Published accuracies and losses are compared with accuracy_sampled and loss_sampled, one draw of the weights per
// minibatch of 20 test images: at rho = 2, c = 0.1 with homogeneous noise the paper has 63.4 %, as do these, while
// accuracy_predictive and accuracy_expected_log of 20 draws are 86 %.
type Comparison struct {
	Columns []ColumnVerdict `json:"columns"`
	Points  []ComparedPoint `json:"points"` // in the order of their settings

	// Points that could not be compared.
	Unfit        []UnfitPoint `json:"unfit"`         // ours, if the published values are of another kind
	NotTrained   []string     `json:"not_trained"`   // published, but no network of ours has finished or diverged there
	NotPublished []string     `json:"not_published"` // ours
}

// UnfitPoint is a set of our networks that differ in kind from the published one of their rho, c and noise.
type UnfitPoint struct {
	Name        string       `json:"network"`
	Differences []Difference `json:"differences"`
}

// ColumnVerdict sums up a column.
type ColumnVerdict struct {
	Column    string  `json:"column"` // of the published values
	Ours      string  `json:"ours"`   // the figure with which it is compared
	Unit      string  `json:"unit"`   // of deviations and tolerance: percentage points, or relative
	Tolerance string  `json:"tolerance,omitempty"`
	Compared  int     `json:"compared"`
	Beyond    int     `json:"beyond"`    // the tolerance
	Largest   float64 `json:"largest"`   // deviation, by its size
	At        string  `json:"at"`        // its point
	RMS       float64 `json:"rms"`       // root mean square of the deviations, 0 if there is none
	Scattered int     `json:"scattered"` // points whose seeds say how much a network scatters
	Rare      int     `json:"rare"`      // those of them with a probability below RareP
	Verdict   string  `json:"verdict"`   // Within, Beyond, or NotJudged without a tolerance or a value

	valued int // points with a deviation
}

// RareP is the probability below which a deviation is rare among seeds.
const RareP = 0.05

// Verdicts on a column.
const (
	Within    = "within"
	Beyond    = "beyond"
	NotJudged = "not judged"
)

// ComparedPoint compares the networks of one rho, c and noise.
type ComparedPoint struct {
	Rho        string      `json:"rho"`
	RhoValue   float64     `json:"rho_value"`
	C          float64     `json:"c"`
	Noise      string      `json:"noise"`
	About      string      `json:"about,omitempty"` // other settings, if they vary in the grid
	Seeds      int         `json:"seeds"`
	Diverged   int         `json:"diverged"`
	Deviations []Deviation `json:"deviations"`
}

// Deviation is how far a figure is from the published one. The published value is that of a single network, so among n
// seeds of standard deviation s around a mean m it is expected within m ± t(n-1) s sqrt(1 + 1/n): SeedSDs is the
// distance from m in units of s sqrt(1 + 1/n), and P the probability of one as large by Student's t. Both are NaN for
// fewer than three seeds, for which s has little meaning, and if seeds differ only by rounding.
type Deviation struct {
	Column    string  `json:"column"`
	Ours      float64 `json:"ours"` // mean over seeds; NaN if all diverged
	Published float64 `json:"published"`
	Deviation float64 `json:"deviation"` // ours minus published: in percentage points, or relative to published
	SeedSDs   float64 `json:"seed_sds"`
	P         float64 `json:"p"`
	Tolerance float64 `json:"tolerance"` // NaN if there is none
	Verdict   string  `json:"verdict"`
}

// Tolerances are how far columns of the published values may be from ours, by name: accuracy_percent in percentage
// points, the others relative. They replace the defaults: 3 percentage points of accuracy if the published one is up to
// 90 %, 1 above (near chance it scatters by less than 1, but is on the steep flank of the curve for some c), 8 % of
// sigma_rms; none for loss_nats and reliability_cost, which are reported without a verdict.
type Tolerances map[string]float64

// The fewest seeds for a standard deviation to be reported, and its smallest size relative to the mean, above the
// rounding of sums of float32.
const (
	fewSeeds = 3
	rounding = 1e-6
)

// The default tolerances.
const (
	accuracyTolerance     = 3. // percentage points
	highAccuracy          = 90.
	highAccuracyTolerance = 1.
	sigmaTolerance        = 0.08 // relative
)

// Set reads COLUMN=VALUE, as in accuracy_percent=2, sigma_rms=0.05 or sigma_rms=5%.
func (t Tolerances) Set(text string) error {
	name, value, _ := strings.Cut(text, "=")
	at := slices.IndexFunc(comparedColumns(), func(c comparedColumn) bool { return c.name == name })
	if at < 0 {
		return fmt.Errorf("%q: want COLUMN=VALUE with one of the columns %s", text,
			strings.Join(publishedColumns()[3:], ", "))
	}
	number, percent := strings.CutSuffix(value, "%")
	x, err := strconv.ParseFloat(number, 64)
	if err != nil || !(x >= 0) || math.IsInf(x, 0) {
		return fmt.Errorf("%q: want a number from 0 on, got %q", text, value)
	}
	if percent && comparedColumns()[at].relative {
		x /= 100
	}
	t[name] = x
	return nil
}

// of is the tolerance of a column at a published value, NaN if there is none.
func (t Tolerances) of(column string, published float64) float64 {
	x, given := t[column]
	switch {
	case given:
		return x
	case column == "accuracy_percent" && published > highAccuracy:
		return highAccuracyTolerance
	case column == "accuracy_percent":
		return accuracyTolerance
	case column == "sigma_rms":
		return sigmaTolerance
	}
	return math.NaN()
}

// describe describes the tolerance of a column, or is empty.
func (t Tolerances) describe(c comparedColumn) string {
	low, high := t.of(c.name, 0), t.of(c.name, math.Inf(1))
	switch {
	case math.IsNaN(low):
		return ""
	case c.relative:
		return fmt.Sprintf("%.4g %%", 100*low)
	case low != high:
		return fmt.Sprintf("%g points, %g above %g %%", low, high, highAccuracy)
	}
	return fmt.Sprintf("%g points", low)
}

// comparedColumn is a column of published values and our figure with which it is compared.
type comparedColumn struct {
	name, ours string
	relative   bool // deviations are relative to the published value
	of         func(store.Outcome) float64
	published  func(Published) float64
}

func comparedColumns() []comparedColumn {
	return []comparedColumn{
		{"accuracy_percent", "accuracy_sampled", false,
			func(o store.Outcome) float64 { return 100 * o.AccuracySampled },
			func(p Published) float64 { return p.AccuracyPercent }},
		{"loss_nats", "loss_sampled", true,
			func(o store.Outcome) float64 { return o.LossSampled }, func(p Published) float64 { return p.LossNats }},
		{"sigma_rms", "sigma_rms", true,
			func(o store.Outcome) float64 { return o.SigmaRMS }, func(p Published) float64 { return p.SigmaRMS }},
		{"reliability_cost", "reliability_cost", true,
			func(o store.Outcome) float64 { return o.ReliabilityCost }, func(p Published) float64 { return p.ReliabilityCost }},
	}
}

func (c comparedColumn) unit() string {
	if c.relative {
		return "relative"
	}
	return "percentage points"
}

// Compare compares networks with published values. They belong together if rho, c (up to a thousandth), noise and all
// other settings except the seed agree: networks of another kind get no verdict. If no rho, c and noise are shared, it
// returns an error.
func Compare(records []store.Record, published []Published, tolerances Tolerances) (*Comparison, error) {
	c := &Comparison{Points: []ComparedPoint{}, Unfit: []UnfitPoint{}, NotTrained: []string{}, NotPublished: []string{}}
	for _, column := range comparedColumns() {
		c.Columns = append(c.Columns, ColumnVerdict{Column: column.name, Ours: column.ours, Unit: column.unit(),
			Tolerance: tolerances.describe(column), Largest: math.NaN(), Verdict: NotJudged})
	}
	found := make([]bool, len(published))
	groups := Groups(records)
	tell := Distinctions(settingsOf(groups))
	for _, g := range groups {
		about := strings.Join(tell(g.Settings), ", ")
		at, differences := nearestPublished(published, g.Settings)
		switch {
		case at < 0:
			c.NotPublished = append(c.NotPublished, placeOf(g.Settings, about))
		case len(differences) > 0:
			c.Unfit = append(c.Unfit, UnfitPoint{placeOf(g.Settings, about), differences})
		default:
			found[at] = true
			c.add(g, about, published[at], tolerances)
		}
	}
	for i, p := range published {
		if !found[i] {
			c.NotTrained = append(c.NotTrained, placeOf(p.Settings, ""))
		}
	}
	if len(c.Points)+len(c.Unfit) == 0 {
		if len(records) == 0 {
			return nil, store.Nothing("tables: no point has finished yet: nothing to compare")
		}
		return nil, store.Nothing("tables: no finished point has rho, c and noise of a published one: nothing to compare")
	}
	return c, nil
}

// comparedRow is a row of the comparison as a table.
type comparedRow struct {
	Rho      string  `json:"rho"`
	RhoValue float64 `json:"rho_value"`
	C        float64 `json:"c"`
	Noise    string  `json:"noise"`
	About    string  `json:"about"`
	Seeds    int     `json:"seeds"`
	Diverged int     `json:"diverged"`
	Deviation
}

// EncodeCSV writes a row for each figure of each point.
func (c *Comparison) EncodeCSV(w io.Writer) error {
	var rows []comparedRow
	for _, p := range c.Points {
		for _, d := range p.Deviations {
			rows = append(rows, comparedRow{p.Rho, p.RhoValue, p.C, p.Noise, p.About, p.Seeds, p.Diverged, d})
		}
	}
	t, err := tableOf(rows, func(row comparedRow) []cell { return cellsIn(row) })
	if err == nil {
		_, err = w.Write(t.csv())
	}
	return err
}

// nearestPublished finds the published values of a network's rho, c and noise, and their other differences; of several,
// those that differ least. The index is -1 if there are none.
func nearestPublished(published []Published, s store.Settings) (at int, differences []Difference) {
	at = -1
	for i, p := range published {
		if !p.isAt(s) {
			continue
		}
		if d := p.differences(s); at < 0 || len(d) < len(differences) {
			at, differences = i, d
		}
	}
	return at, differences
}

// Fits is nil if there is a verdict on any network; otherwise it is an UnfitError.
func (c *Comparison) Fits() error {
	if len(c.Points) > 0 {
		return nil
	}
	return &UnfitError{c.Unfit[0].Differences}
}

// placeOf names a point: "rho 1/2, c 0.1, homogeneous".
func placeOf(s store.Settings, about string) string {
	return placeName(s.Rho, s.CText("%.6g"), s.Noise, about)
}

// placeName names a point: "rho 1/2, c 0.1, homogeneous".
func placeName(rho, c, noise, about string) string {
	name := noise
	if noise != store.WithoutNoise && c != "0" {
		name = fmt.Sprintf("c %s, %s", c, name)
	}
	if noise != store.WithoutNoise && rho != "" {
		name = fmt.Sprintf("rho %s, %s", rho, name)
	}
	if about != "" {
		name += ", " + about
	}
	return name
}

// Name names the point: "rho 1/2, c 0.1, homogeneous".
func (p ComparedPoint) Name() string {
	return placeName(p.Rho, fmt.Sprintf("%.6g", p.C), p.Noise, p.About)
}

// add compares a group with the published values of its point.
func (c *Comparison) add(g Group, about string, p Published, tolerances Tolerances) {
	point := ComparedPoint{Rho: g.Rho, RhoValue: g.RhoValue, C: g.C, Noise: g.Noise, About: about,
		Seeds: len(g.Done), Diverged: len(g.Diverged), Deviations: []Deviation{}}
	for i, column := range comparedColumns() {
		ours, theirs := g.Interval(column.of), column.published(p)
		if math.IsNaN(theirs) || math.IsNaN(ours.Mean) && ours.N > 0 {
			continue // not published, or not measured
		}
		d := newDeviation(column, ours, theirs, tolerances.of(column.name, theirs))
		point.Deviations = append(point.Deviations, d)
		c.Columns[i].count(d, point.Name())
	}
	c.Points = append(c.Points, point)
}

func newDeviation(column comparedColumn, ours Interval, published, tolerance float64) Deviation {
	d := Deviation{Column: column.name, Ours: ours.Mean, Published: published, Deviation: ours.Mean - published,
		SeedSDs: math.NaN(), P: math.NaN(), Tolerance: tolerance, Verdict: NotJudged}
	if column.relative && d.Deviation != 0 {
		d.Deviation /= math.Abs(published)
	}
	if ours.N >= fewSeeds && ours.SD > rounding*math.Abs(ours.Mean) {
		d.SeedSDs = (ours.Mean - published) / (ours.SD * math.Sqrt(1+1/float64(ours.N)))
		d.P = 2 * studentT(ours.N).CDF(-math.Abs(d.SeedSDs))
	}
	if !math.IsNaN(tolerance) {
		d.Verdict = Beyond // also if there is no value because all diverged
		if math.Abs(d.Deviation) <= tolerance {
			d.Verdict = Within
		}
	}
	return d
}

// count includes a deviation in the verdict on its column.
func (v *ColumnVerdict) count(d Deviation, where string) {
	v.Compared++
	if size := math.Abs(d.Deviation); !math.IsNaN(size) {
		v.valued++
		v.RMS = math.Sqrt((v.RMS*v.RMS*float64(v.valued-1) + size*size) / float64(v.valued))
	}
	if !math.IsNaN(d.P) {
		v.Scattered++
		if d.P < RareP {
			v.Rare++
		}
	}
	if math.IsNaN(v.Largest) || math.Abs(d.Deviation) > math.Abs(v.Largest) {
		v.Largest, v.At = d.Deviation, where
	}
	if d.Verdict == Beyond {
		v.Beyond++
	}
	if d.Verdict != NotJudged && v.Verdict != Beyond {
		v.Verdict = d.Verdict
	}
}

// Beyond lists the columns that are beyond their tolerance, with how often: "sigma_rms at 2 of 24 points".
func (c *Comparison) Beyond() []string {
	var list []string
	for _, v := range c.Columns {
		if v.Verdict == Beyond {
			list = append(list, fmt.Sprintf("%s at %d of %d points", v.Column, v.Beyond, v.Compared))
		}
	}
	return list
}
