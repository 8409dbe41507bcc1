package search

import (
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
	axis, err := grid.ParseAxis(base, strings.TrimSpace(name), low+","+high)
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
		if columns := tables.NumberColumns(t.sample()); !slices.Contains(columns, r.Target) || r.Target == r.column() {
			columns = slices.DeleteFunc(columns, func(name string) bool { return name == r.column() })
			return bad("target", target, "%q is not a column with numbers: %s", r.Target, nearest.OneOf(r.Target, columns))
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

// column is the column of the tables that has the setting.
func (r Request) column() string {
	if r.Over == "s" {
		return "c"
	}
	return strings.ReplaceAll(r.Over, "-", "_")
}

// track is a network whose value of the setting is searched for: a mechanism and a seed.
type track struct {
	config   train.Config
	settings store.Settings // without the seed; the setting has the value of the request
}

// sample is a record that has every figure of such a network.
func (t track) sample() store.Record {
	r := store.Record{Settings: t.settings, Outcome: store.NoOutcome()}
	r.StoppedEpoch = 1
	for _, law := range t.config.Costs {
		if r.ObjectiveCosts == nil {
			r.ObjectiveCosts = store.Terms{}
		}
		r.ObjectiveCosts[law.Name] = math.NaN()
	}
	return r
}

// tracks lists the networks. Each must read the setting.
func (r Request) tracks() ([]track, error) {
	points, err := grid.Points(r.Base, r.Axes...)
	if err != nil {
		return nil, err
	}
	var tracks []track
	for _, p := range points {
		t := track{config: p.Config}
		low, err := r.point(t, r.Low)
		if err != nil {
			return nil, err
		}
		high, err := r.point(t, r.High)
		if err != nil {
			return nil, err
		}
		if low.ID == high.ID {
			return nil, fmt.Errorf("over %s: the network %s is the same with any %s: there is nothing to search", r.Over, low.ID,
				r.Over)
		}
		plain := p.Config
		plain.Seed = 0
		if plain.IsNumber(r.Over) {
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
	_, err := grid.ParseAxis(r.Base, r.Over, "1.5")
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
