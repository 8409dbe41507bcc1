package results

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"quantal/internal/measured"
	"quantal/internal/nearest"
)

// Published is the published values of one network, in the units of the paper. NaN where there is none.
type Published struct {
	Rho             string  `json:"rho"` // as written
	RhoValue        float64 `json:"rho_value"`
	C               float64 `json:"c"`
	Noise           string  `json:"noise"`
	AccuracyPercent float64 `json:"accuracy_percent"`
	LossNats        float64 `json:"loss_nats"`
	SigmaRMS        float64 `json:"sigma_rms"`
	ReliabilityCost float64 `json:"reliability_cost"`
}

// sameNumber is how far two multipliers, or exponents, may be apart, relative, to be the same: files have them with a few digits.
const sameNumber = 1e-3

func (p Published) hasRho(rho float64) bool { return math.Abs(p.RhoValue-rho) <= sameNumber*rho }

// is reports whether the values are those of a network. Without noise rho and c do not matter.
func (p Published) is(s Settings) bool {
	return p.Noise == s.Noise && (p.Noise == withoutNoise || p.hasRho(s.RhoValue) && math.Abs(p.C-s.C) <= sameNumber*p.C)
}

// ReadPublished reads published values from a CSV file, in any of the forms that package internal/measured reads. The first line
// names the columns: rho, c and noise, and one or more of accuracy_percent, loss_nats, sigma_rms and reliability_cost; a cell of
// these may be empty, and so may rho and c where the noise is none. rho is what parseRho reads. Anything else gives a CorruptError
// with line and column.
func ReadPublished(path string, parseRho func(string) (float64, error)) ([]Published, error) {
	table, err := measured.Read(path)
	var bad *measured.Error
	var disk syscall.Errno
	switch {
	case errors.As(err, &disk):
		return nil, fileError(path, disk)
	case errors.As(err, &bad):
		return nil, corrupt(path, "%v", bad.Err)
	case err != nil:
		return nil, err
	}
	list, err := publishedIn(table, parseRho)
	if err != nil {
		return nil, corrupt(path, "%v", err)
	}
	return list, nil
}

func publishedIn(table *measured.Table, parseRho func(string) (float64, error)) ([]Published, error) {
	if err := checkNames(table.Names); err != nil {
		return nil, fmt.Errorf("line %d, %w", table.Line, err)
	}
	var list []Published
	for _, row := range table.Rows {
		p, err := publishedRow(table.Names, row.Cells, parseRho)
		if err != nil {
			return nil, fmt.Errorf("line %d, %w", row.Line, err)
		}
		for i, other := range list {
			if other.is(Settings{Noise: p.Noise, RhoValue: p.RhoValue, C: p.C}) {
				return nil, fmt.Errorf("line %d: rho %s, c %g, %s is in line %d already", row.Line, p.Rho, p.C, p.Noise, table.Rows[i].Line)
			}
		}
		list = append(list, p)
	}
	return list, nil
}

func publishedColumns() []string {
	return []string{"rho", "c", "noise", "accuracy_percent", "loss_nats", "sigma_rms", "reliability_cost"}
}

func checkNames(names []string) error {
	known := publishedColumns()
	for i, name := range names {
		if !slices.Contains(known, name) {
			return fmt.Errorf("column %d: %q is not known: %s", i+1, name, nearest.OneOf(name, known))
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
	if len(names) == 3 {
		return fmt.Errorf("the names of the columns: there is nothing to compare: want one or more of %s", strings.Join(known[3:], ", "))
	}
	return nil
}

func publishedRow(header, row []string, parseRho func(string) (float64, error)) (Published, error) {
	nan := math.NaN()
	p := Published{AccuracyPercent: nan, LossNats: nan, SigmaRMS: nan, ReliabilityCost: nan}
	texts := map[string]string{}
	for i, name := range header {
		texts[name] = row[i]
	}
	noise := texts["noise"]
	for _, name := range header {
		text := texts[name]
		if (name == "rho" || name == "c") && text == "" && noise == withoutNoise {
			continue
		}
		var err error
		switch name {
		case "noise":
			if p.Noise = text; !slices.Contains(noiseNames(), text) {
				err = fmt.Errorf("%q: %s", text, nearest.OneOf(text, noiseNames()))
			}
		case "rho":
			p.Rho = text
			p.RhoValue, err = parseRho(text)
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
		}
		if err != nil {
			return p, fmt.Errorf("column %s: %w", name, err)
		}
	}
	return p, nil
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
