package tables

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"quantal/internal/measured"
	"quantal/internal/nearest"
	"quantal/results/store"
)

// Published is the published values of one network, in the units of the paper. NaN where there is none.
type Published struct {
	store.Settings          // of the network; no seed
	AccuracyPercent float64 `json:"accuracy_percent"`
	LossNats        float64 `json:"loss_nats"`
	SigmaRMS        float64 `json:"sigma_rms"`
	ReliabilityCost float64 `json:"reliability_cost"`
}

// sameNumber is how far two numbers may be apart, relative, to be the same setting: files have them with a few digits.
const sameNumber = 1e-3

func sameValue(a, b float64) bool { return math.Abs(a-b) <= sameNumber*math.Abs(a) }

func (p Published) hasRho(rho float64) bool { return sameValue(rho, p.RhoValue) }

// isAt reports whether the values have the rho, c and noise of a network. Without noise rho and c do not matter.
func (p Published) isAt(s store.Settings) bool {
	return p.Noise == s.Noise && (p.Noise == store.WithoutNoise || p.hasRho(s.RhoValue) && sameValue(p.C, s.C))
}

// Difference is a setting in which a network is not as the published one.
type Difference struct {
	Setting   string `json:"setting"`
	Ours      string `json:"ours"`
	Published string `json:"published"`
}

func (d Difference) String() string {
	return fmt.Sprintf("%s is %s, in the reference %s", d.Setting, d.Ours, d.Published)
}

// differences lists the settings, besides rho, c, noise and seed, in which a network is not as the published one.
func (p Published) differences(s store.Settings) []Difference {
	var list []Difference
	theirs := store.FieldsOf(reflect.ValueOf(p.Settings))
	for i, f := range store.FieldsOf(reflect.ValueOf(s)) {
		if slices.Contains([]string{"noise", "rho", "rho_value", "c", "seed"}, f.Name) || f.Value.Equal(theirs[i].Value) ||
			f.Value.Kind() == reflect.Float64 && sameValue(f.Value.Float(), theirs[i].Value.Float()) {
			continue
		}
		list = append(list, Difference{f.Name, settingText(f), settingText(theirs[i])})
	}
	return list
}

// settingText is the value of a setting for people.
func settingText(f store.NamedField) string {
	switch text := fmt.Sprint(f.Value); {
	case f.Name == "normalise" && text == "":
		return asMNIST
	case f.Name == "classes" && text == "0":
		return "that of the labels"
	default:
		return text
	}
}

// UnfitError says that published values are of networks of another kind than those that they were to be compared with.
type UnfitError struct {
	Differences []Difference // of a network of ours from the published one that is nearest to it
}

func (e *UnfitError) Error() string {
	var texts []string
	for _, d := range e.Differences {
		texts = append(texts, d.String())
	}
	return "tables: the reference is of other networks: " + strings.Join(texts, "; ") +
		" (columns of these names say what a reference is of)"
}

// Fits reports whether published values are of the kind of some of the networks, wherever these are in rho, c and
// noise: else the error is an UnfitError.
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
		return nil // there is nothing on one of the sides
	}
	return &UnfitError{least}
}

// ReadPublished reads published values from a CSV file, in any of the forms that package internal/measured reads. The
// first line names the columns: rho, c and noise, and one or more of accuracy_percent, loss_nats, sigma_rms and
// reliability_cost; a cell of these may be empty, and so may rho and c where the noise is none. rho is what parseRho
// reads. More columns may say what else the networks are, under their names in table.csv: data, hidden, lambda, lr,
// batch, epochs, mu_init, sigma_init, validation, normalise, classes. Without such a column, or in an empty cell, it is
// that of standard. Anything else gives a CorruptError with line and column.
func ReadPublished(path string, standard store.Settings, parseRho func(string) (float64, error)) ([]Published, error) {
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
	list, err := publishedIn(table, standard, parseRho)
	if err != nil {
		return nil, store.Corrupt(path, "%v", err)
	}
	return list, nil
}

func publishedIn(table *measured.Table, standard store.Settings,
	parseRho func(string) (float64, error)) ([]Published, error) {
	if err := checkNames(table.Names); err != nil {
		return nil, fmt.Errorf("line %d, %w", table.Line, err)
	}
	var list []Published
	for _, row := range table.Rows {
		p, err := publishedRow(table.Names, row.Cells, standard, parseRho)
		if err != nil {
			return nil, fmt.Errorf("line %d, %w", row.Line, err)
		}
		for i, other := range list {
			if other.isAt(p.Settings) && len(other.differences(p.Settings)) == 0 {
				return nil, fmt.Errorf("line %d: rho %s, c %g, %s is in line %d already", row.Line, p.Rho, p.C, p.Noise,
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

// kindColumns may say what published networks are besides.
func kindColumns() []string {
	return []string{"data", "hidden", "lambda", "lr", "batch", "epochs", "mu_init", "sigma_init", "validation",
		"normalise", "classes"}
}

func checkNames(names []string) error {
	known := publishedColumns()
	all := append(slices.Clone(known), kindColumns()...)
	for i, name := range names {
		if !slices.Contains(all, name) {
			return fmt.Errorf("column %d: %q is not known: %s", i+1, name, nearest.OneOf(name, all))
		}
		if slices.Index(names, name) < i {
			return fmt.Errorf("column %d: %s is there twice", i+1, name)
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

func publishedRow(header, row []string, standard store.Settings,
	parseRho func(string) (float64, error)) (Published, error) {
	nan := math.NaN()
	p := Published{Settings: standard, AccuracyPercent: nan, LossNats: nan, SigmaRMS: nan, ReliabilityCost: nan}
	p.Rho, p.RhoValue, p.C, p.Seed = "", 0, 0, 0
	texts := map[string]string{}
	for i, name := range header {
		texts[name] = row[i]
	}
	noise := texts["noise"]
	for _, name := range header {
		text := texts[name]
		if (name == "rho" || name == "c") && text == "" && noise == store.WithoutNoise || text == "" &&
			slices.Contains(kindColumns(), name) {
			continue
		}
		var err error
		switch name {
		case "noise":
			if p.Noise = text; !slices.Contains(store.NoiseNames(), text) {
				err = fmt.Errorf("%q: %s", text, nearest.OneOf(text, store.NoiseNames()))
			}
		case "rho":
			p.Rho = text
			if p.RhoValue, err = parseRho(text); err != nil {
				err = fmt.Errorf("%q: %w", text, err)
			}
		case "c":
			p.C, err = numberIn(text, math.SmallestNonzeroFloat64, math.MaxFloat64, "a number above 0")
		case "accuracy_percent":
			p.AccuracyPercent, err = numberOrNone(text, 0, 100, "a number from 0 to 100")
		case "loss_nats":
			p.LossNats, err = numberOrNone(text, -math.MaxFloat64, math.MaxFloat64, "a number")
		case "sigma_rms":
			p.SigmaRMS, err = numberOrNone(text, 0, math.MaxFloat64, "a number from 0 on")
		case "reliability_cost":
			p.ReliabilityCost, err = numberOrNone(text, -math.MaxFloat64, math.MaxFloat64, "a number")
		default:
			err = p.setKind(name, text)
		}
		if err != nil {
			return p, fmt.Errorf("column %s: %w", name, err)
		}
	}
	return p, nil
}

// setKind reads a cell of kindColumns.
func (p *Published) setKind(name, text string) (err error) {
	count := func(least int) (n int) {
		if n, err = strconv.Atoi(text); err != nil || n < least {
			err = fmt.Errorf("%q: want a whole number from %d on", text, least)
		}
		return n
	}
	number := func() (x float64) {
		x, err = numberIn(text, 0, math.MaxFloat64, "a number from 0 on")
		return x
	}
	switch name {
	case "data":
		p.Data = text
	case "hidden":
		if p.Hidden = text; !regexp.MustCompile(`^(none|[1-9][0-9]*(x[1-9][0-9]*)*)$`).MatchString(text) {
			err = fmt.Errorf("%q: want units as in 100x100, or none", text)
		}
	case "normalise":
		if p.Normalise = text; text == asMNIST {
			p.Normalise = ""
		}
	case "lambda":
		p.Lambda = number()
	case "lr":
		p.LearningRate = number()
	case "mu_init":
		p.MuInit = number()
	case "sigma_init":
		p.SigmaInit = number()
	case "batch":
		p.Batch = count(1)
	case "epochs":
		p.Epochs = count(1)
	case "validation":
		p.Validation = count(0)
	case "classes":
		p.Classes = count(0)
	}
	return err
}

// numberOrNone reads a number, or NaN from an empty cell.
func numberOrNone(text string, low, high float64, want string) (float64, error) {
	if text == "" {
		return math.NaN(), nil
	}
	return numberIn(text, low, high, want)
}

func numberIn(text string, low, high float64, want string) (float64, error) {
	x, err := strconv.ParseFloat(text, 64)
	if err != nil || !(x >= low && x <= high) {
		return 0, fmt.Errorf("%q: want %s", text, want)
	}
	return x, nil
}
