package tables

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"quantal/internal/measured"
	"quantal/internal/nearest"
	"quantal/results/store"
)

// Published is the published values of one network, in the units of the paper. A missing value is NaN.
type Published struct {
	store.Settings          // of the network; no seed
	AccuracyPercent float64 `json:"accuracy_percent"`
	LossNats        float64 `json:"loss_nats"`
	SigmaRMS        float64 `json:"sigma_rms"`
	ReliabilityCost float64 `json:"reliability_cost"`
}

// sameNumber is the largest relative difference of two numbers that are the same setting: files have them with a few
// digits.
const sameNumber = 1e-3

func sameValue(a, b float64) bool { return math.Abs(a-b) <= sameNumber*math.Abs(a) }

func (p Published) hasRho(rho float64) bool { return sameValue(rho, p.RhoValue) }

// isAt reports whether the values have the rho, c and noise of a network. Without noise rho and c do not matter.
func (p Published) isAt(s store.Settings) bool {
	return p.Noise == s.Noise && (p.Noise == store.WithoutNoise || p.hasRho(s.RhoValue) && sameValue(p.C, s.C))
}

// Difference is a setting in which a network differs from the published one.
type Difference struct {
	Setting   string `json:"setting"`
	Ours      string `json:"ours"`
	Published string `json:"published"`
}

func (d Difference) String() string {
	return fmt.Sprintf("%s is %s, in the reference %s", d.Setting, d.Ours, d.Published)
}

// differences lists the settings, other than rho, c, noise and seed, in which a network differs from the published one.
func (p Published) differences(s store.Settings) []Difference {
	var list []Difference
	columns := columnsOf(cellsIn(s), [][]cell{cellsIn(p.Settings)})
	for _, c := range columns {
		ours, theirs := c.in(cellsIn(s)), c.in(cellsIn(p.Settings))
		x, number := ours.(float64)
		y, both := theirs.(float64)
		a, b := fieldText(s, c.name), fieldText(p.Settings, c.name)
		if slices.Contains([]string{"noise", "rho", "rho_value", "c", "seed"}, c.name) || a == b ||
			number && both && sameValue(x, y) {
			continue
		}
		list = append(list, Difference{c.name, a, b})
	}
	return list
}

// settingText is the value of a setting for people.
func settingText(f store.NamedField) string {
	if f.Text != "" {
		return f.Text
	}
	return fmt.Sprint(f.Value)
}

// fieldText is the value of a setting for people; nothing if the network has none of that name.
func fieldText(s store.Settings, name string) string {
	for _, f := range store.FieldsOf(reflect.ValueOf(s)) {
		if f.Name == name {
			return settingText(f)
		}
	}
	return ""
}

// UnfitError says that published values are for networks of another kind than those in the comparison.
type UnfitError struct {
	Differences []Difference // of one of our networks from the published one that is nearest to it
}

func (e *UnfitError) Error() string {
	var texts []string
	for _, d := range e.Differences {
		texts = append(texts, d.String())
	}
	return "tables: the reference is of other networks: " + strings.Join(texts, "; ") +
		" (columns of these names describe the networks of a reference)"
}

// Fits reports whether published values are of the kind of some of the networks, for any rho, c and noise: otherwise
// the error is an UnfitError.
func Fits(records []store.Record, published []Published) error {
	var least []Difference
	for _, r := range records {
		for _, p := range published {
			d := p.differences(r.Settings)
			if len(d) == 0 {
				return nil
			}
			if least == nil || len(d) < len(least) {
				least = d
			}
		}
	}
	if least == nil {
		return nil // one of the sides is empty
	}
	return &UnfitError{least}
}

// Kinds reads what a published network is.
type Kinds struct {
	Columns []string // that may say it, besides rho, c and noise, with the names that they have in table.csv
	// Read reads texts by the names of their columns; what none says is of a standard. The error names the column.
	Read func(texts map[string]string) (store.Settings, error)
}

// ReadPublished reads published values from a CSV file, in any of the forms that package internal/measured reads. The
// first line names the columns: rho, c and noise, and one or more of accuracy_percent, loss_nats, sigma_rms and
// reliability_cost; a cell of these may be empty, and so may rho and c where the noise is none or the cost of that
// column does not read them. More columns may say what else the networks are; an empty cell says nothing. Anything else
// gives a CorruptError with line and column.
func ReadPublished(path string, kinds Kinds) ([]Published, error) {
	table, err := measured.Read(path)
	var bad *measured.Error
	var disk syscall.Errno
	switch {
	case errors.As(err, &disk):
		return nil, store.FileError(path, disk)
	case errors.As(err, &bad):
		return nil, store.Corrupt(path, "%v", bad.Err)
	case err != nil:
		return nil, err
	}
	list, err := publishedIn(table, kinds)
	if err != nil {
		return nil, store.Corrupt(path, "%v", err)
	}
	return list, nil
}

func publishedIn(table *measured.Table, kinds Kinds) ([]Published, error) {
	var names []string
	for _, name := range table.Names {
		names = append(names, strings.ReplaceAll(name, "-", "_"))
	}
	if err := checkNames(names, kinds.Columns); err != nil {
		return nil, fmt.Errorf("line %d, %w", table.Line, err)
	}
	var list []Published
	for _, row := range table.Rows {
		p, err := publishedRow(names, row.Cells, kinds)
		if err != nil {
			return nil, fmt.Errorf("line %d, %w", row.Line, err)
		}
		for i, other := range list {
			if other.isAt(p.Settings) && len(other.differences(p.Settings)) == 0 {
				return nil, fmt.Errorf("line %d: rho %s, c %g, %s is already in line %d", row.Line, p.Rho, p.C, p.Noise,
					table.Rows[i].Line)
			}
		}
		list = append(list, p)
	}
	return list, nil
}

func publishedColumns() []string {
	return []string{"rho", "c", "noise", "accuracy_percent", "loss_nats", "sigma_rms", "reliability_cost"}
}

func checkNames(names, kinds []string) error {
	known := publishedColumns()
	all := append(slices.Clone(known), kinds...)
	for i, name := range names {
		if !slices.Contains(all, name) {
			return fmt.Errorf("column %d: %q is not known: %s", i+1, name, nearest.OneOf(name, all))
		}
		if slices.Index(names, name) < i {
			return fmt.Errorf("column %d: %s occurs twice", i+1, name)
		}
	}
	for _, name := range known[:3] {
		if !slices.Contains(names, name) {
			return fmt.Errorf("the names of the columns: there is no %s", name)
		}
	}
	if !slices.ContainsFunc(known[3:], func(name string) bool { return slices.Contains(names, name) }) {
		return fmt.Errorf("the names of the columns: there is nothing to compare: want one or more of %s",
			strings.Join(known[3:], ", "))
	}
	return nil
}

func publishedRow(header, row []string, kinds Kinds) (p Published, err error) {
	texts := map[string]string{}
	for i, name := range header {
		if texts[name] = row[i]; row[i] == "" && slices.Contains(kinds.Columns, name) {
			delete(texts, name)
		}
	}
	for _, name := range []string{"rho", "c"} {
		if texts[name] == "" && texts["noise"] == store.WithoutNoise {
			delete(texts, name)
		}
	}
	figures := []struct {
		name      string
		to        *float64
		low, high float64
		want      string
	}{
		{"accuracy_percent", &p.AccuracyPercent, 0, 100, "a number from 0 to 100"},
		{"loss_nats", &p.LossNats, -math.MaxFloat64, math.MaxFloat64, "a number"},
		{"sigma_rms", &p.SigmaRMS, 0, math.MaxFloat64, "a number from 0 on"},
		{"reliability_cost", &p.ReliabilityCost, -math.MaxFloat64, math.MaxFloat64, "a number"},
	}
	for _, f := range figures {
		if *f.to, err = numberOrNone(texts[f.name], f.low, f.high, f.want); err != nil {
			return p, fmt.Errorf("column %s: %w", f.name, err)
		}
		delete(texts, f.name)
	}
	s, err := kinds.Read(texts)
	p.Settings = seedless(s)
	return p, err
}

// numberOrNone reads a number, or NaN from an empty cell.
func numberOrNone(text string, low, high float64, want string) (float64, error) {
	if text == "" {
		return math.NaN(), nil
	}
	x, err := strconv.ParseFloat(text, 64)
	if err != nil || !(x >= low && x <= high) {
		return 0, fmt.Errorf("%q: want %s", text, want)
	}
	return x, nil
}
