package search

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"quantal/grid"
	"quantal/internal/nearest"
	"quantal/internal/setting"
	"quantal/kernels"
	"quantal/results/store"
	"quantal/results/tables"
	"quantal/train"
)

// requestName is the file of the request in the folder of the grid.
const requestName = "search.json"

// Request is what is searched for. It is all that a search keeps besides the points of its grid.
type Request struct {
	Base      train.Config `json:"base"`
	Axes      []grid.Axis  `json:"axes"` // in which mechanisms differ, and the seeds
	Target    string       `json:"target"`
	Value     float64      `json:"value"` // that the target, a column of table.csv, should have
	Over      string       `json:"over"`  // the setting that is searched over
	Low       float64      `json:"low"`
	High      float64      `json:"high"`
	Tolerance Tolerance    `json:"tolerance"`
}

// Tolerance is how narrow a bracket must be: in decades of the setting (its own units if the range begins at 0 or
// below) or, of the target, how near to its value one end must come.
type Tolerance struct {
	On     string  `json:"on"` // Over or Target
	Within float64 `json:"within"`
}

// DefaultTolerance is that of the setting, without another: 0.05 decades are 12 %.
const DefaultTolerance = 0.05

// New makes a request of what a user wrote: target as in accuracy_sampled=0.9, over as in c=1e-4:100, and tolerance,
// which may be empty, as in c=0.05 or accuracy_sampled=0.002. The error names what is wrong.
func New(base train.Config, axes []grid.Axis, target, over, tolerance string) (Request, error) {
	r := Request{Base: base, Axes: axes}
	bad := func(flag, text, format string, args ...any) (Request, error) {
		return r, fmt.Errorf("%s %q: %w", flag, text, fmt.Errorf(format, args...))
	}
	name, text, _ := strings.Cut(over, "=")
	low, high, _ := strings.Cut(text, ":")
	axis, err := r.parse(strings.TrimSpace(name), low+","+high)
	if r.Over = axis.Name; err != nil && r.Over == "" || low == "" || high == "" {
		return bad("over", over, "want a setting and the range of its values, as in c=1e-4:100")
	}
	if err != nil {
		return bad("over", over, "%w", err)
	}
	var errLow, errHigh error
	r.Low, errLow = strconv.ParseFloat(low, 64)
	r.High, errHigh = strconv.ParseFloat(high, 64)
	if errLow != nil || errHigh != nil || !(r.Low < r.High) || math.IsInf(r.High-r.Low, 0) {
		return bad("over", over, "want a number and a larger one, as in c=1e-4:100")
	}
	for _, a := range axes {
		if a.Name == r.Over || a.Name == "c" && r.Over == "s" || a.Name == "s" && r.Over == "c" {
			return bad("over", over, "%s has values already: want it once", a.Name)
		}
	}
	if r.Over == "seed" {
		return bad("over", over, "the seeds are those of which an interval is taken: want another setting")
	}
	r.Target, text, _ = strings.Cut(target, "=")
	r.Target = strings.TrimSpace(r.Target)
	if r.Value, err = strconv.ParseFloat(text, 64); err != nil || math.IsInf(r.Value, 0) || r.Value != r.Value {
		return bad("target", target, "want a column of table.csv and its value, as in accuracy_sampled=0.9")
	}
	tracks, err := r.tracks()
	if err != nil {
		return r, err
	}
	for _, t := range tracks {
		columns := Figures(t.config)
		if !slices.Contains(columns, r.Target) {
			return bad("target", target, "%q is not a column with numbers: %s", r.Target, nearest.OneOf(r.Target, columns))
		}
		if want := t.lacks(r.Target); want != "" {
			return bad("target", target, "networks with these settings have no %s: want %s", r.Target, want)
		}
	}
	r.Tolerance = Tolerance{r.Over, DefaultTolerance}
	if tolerance == "" {
		return r, nil
	}
	name, text, given := strings.Cut(tolerance, "=")
	if !given {
		name, text = r.Over, tolerance
	}
	r.Tolerance.On = strings.TrimSpace(name)
	r.Tolerance.Within, err = strconv.ParseFloat(text, 64)
	if r.Tolerance.On != r.Over && r.Tolerance.On != r.Target || err != nil ||
		!(r.Tolerance.Within > 0) || math.IsInf(r.Tolerance.Within, 0) {
		return bad("tolerance", tolerance, "want %s or %s and a number above 0, as in %s=0.05", r.Over, r.Target, r.Over)
	}
	return r, nil
}

// parse reads values of a setting, or of a number that any of the costs reads.
func (r Request) parse(name, text string) (grid.Axis, error) {
	base := r.Base
	for _, a := range r.Axes {
		if a.Name == "cost" {
			base = a.AllCosts(base)
		}
	}
	return grid.ParseAxis(base, name, text)
}

// Read reads the request of a folder, and Write writes it there.
func Read(dir string) (r Request, err error) {
	folder := grid.Folder{Dir: dir}
	if err = store.ReadJSONFile(folder.Path(requestName), &r); errors.Is(err, fs.ErrNotExist) {
		return r, &store.MissingError{Err: fmt.Errorf("grid: %s: is not the folder of a search (there is no %s in it)", dir,
			requestName)}
	}
	return r, err
}

// Write writes the request into a folder.
func (r Request) Write(folder *grid.Folder) error {
	return store.WriteJSONFile(folder.Path(requestName), r)
}

// setting is the setting, or the number, that the search changes: c if that is over s.
func (r Request) setting() string {
	if r.Over == "s" {
		return "c"
	}
	return r.Over
}

// column is the column of the tables that has it.
func (r Request) column() string {
	if s, err := r.Base.Settings().Find(r.setting()); err == nil {
		return s.Column()
	}
	return "set_" + r.Over
}

// track is a network whose value of the setting is searched for: a mechanism and a seed.
type track struct {
	config   train.Config
	settings store.Settings // without the seed; the setting has the value of the request
}

// Figures are the columns with a number that such a network may have, besides its settings: what a target may be.
func Figures(c train.Config) []string {
	r := store.Record{Settings: grid.SettingsOf(c, ""), Outcome: store.NoOutcome()}
	r.StoppedEpoch = 1
	if c.Likelihood != kernels.Categorical.String() {
		r.R2Sampled, r.R2Mean, r.ValidationR2Sampled = new(float64), new(float64), new(float64)
	}
	for _, law := range c.Costs {
		if r.ObjectiveCosts == nil {
			r.ObjectiveCosts = store.Terms{}
		}
		r.ObjectiveCosts[law.Name] = math.NaN()
	}
	settings := tables.SettingCells(r.Settings)
	return slices.DeleteFunc(tables.NumberColumns(r), func(name string) bool {
		_, is := settings[name]
		return is || name == "draws" || strings.HasPrefix(name, "diverged_")
	})
}

// lacks says what must be for such a network to have a figure; it is empty if it has it, or if nobody knows before.
func (t track) lacks(target string) string {
	c := t.config
	switch ending := target[strings.LastIndex(target, "_")+1:]; {
	case strings.HasPrefix(target, "validation_") && c.Validation == 0:
		return "--validation with a number of examples"
	case strings.Contains(target, "accuracy") && c.Likelihood == kernels.Gaussian.String():
		return "r2_sampled, or a loss: they fit numbers"
	case (ending == "predictive" || ending == "log") && c.Draws == 0:
		return "--draws with 1 or more"
	case target == "stopped_epoch" && c.Patience == 0:
		return "--patience with a number of epochs"
	}
	return ""
}

// tracks lists the networks. Each must read the setting.
func (r Request) tracks() ([]track, error) {
	axis := grid.Axis{Name: r.Over, Values: []string{setting.Format(r.Low)}}
	points, err := grid.Points(r.Base, append(slices.Clone(r.Axes), axis)...)
	if err != nil {
		return nil, err
	}
	var tracks []track
	for _, p := range points {
		t := track{config: p.Config}
		low, errLow := r.point(t, r.Low)
		high, errHigh := r.point(t, r.High)
		if err := cmp.Or(errLow, errHigh); err != nil {
			return nil, fmt.Errorf("over %s: %w", r.Over, err)
		}
		if low.ID == high.ID {
			return nil, fmt.Errorf("over %s: the network %s is the same with any %s: there is nothing to search", r.Over, low.ID,
				r.Over)
		}
		plain := p.Config
		plain.Seed = 0
		if s, err := r.Base.Settings().Find(r.setting()); err == nil {
			if err := plain.Set(s.Name, s.Text()); err != nil {
				return nil, err
			}
		} else {
			plain.Numbers = maps.Clone(plain.Numbers)
			delete(plain.Numbers, r.Over)
		}
		t.settings = grid.SettingsOf(plain, "")
		tracks = append(tracks, t)
	}
	return tracks, nil
}

// point is the network of a track with a value of the setting.
func (r Request) point(t track, x float64) (grid.Point, error) {
	points, err := grid.Points(t.config, grid.Axis{Name: r.Over, Values: []string{setting.Format(x)}})
	if err != nil {
		return grid.Point{}, err
	}
	return points[0], nil
}

// logarithmic reports whether the range is halved on a logarithmic scale.
func (r Request) logarithmic() bool { return r.Low > 0 }

// place is where a value lies on the scale, in decades if that is logarithmic, and at is the value of a place.
func (r Request) place(x float64) float64 {
	if r.logarithmic() {
		return math.Log10(x)
	}
	return x
}

func (r Request) at(place float64) float64 {
	if r.logarithmic() {
		return math.Pow(10, place)
	}
	return place
}

// whole reports whether the setting takes only whole numbers.
func (r Request) whole() bool {
	_, err := r.parse(r.Over, "1.5")
	return err != nil
}

// value is a value near a place that is short to write: six digits are less than any tolerance can ask for.
func (r Request) value(place float64) float64 {
	x := r.at(place)
	if r.whole() {
		return math.Round(x)
	}
	short, _ := strconv.ParseFloat(strconv.FormatFloat(x, 'g', 6, 64), 64) // a number reads back
	return short
}

// coarse are the values at which every track begins.
func (r Request) coarse() []float64 {
	low, high := r.place(r.Low), r.place(r.High)
	intervals := 4
	if r.logarithmic() {
		intervals = max(2, int(math.Ceil(high-low-1e-9)))
	}
	values := []float64{r.Low}
	for i := 1; i < intervals; i++ {
		values = append(values, r.value(low+(high-low)*float64(i)/float64(intervals)))
	}
	return slices.Compact(append(values, r.High))
}
