package grid

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"quantal/internal/nearest"
	"quantal/internal/setting"
	"quantal/train"
)

// Axis is a setting and the values it takes, as text that train.Config.Set reads.
type Axis struct {
	Name   string   `json:"name"`
	Values []string `json:"values"`
}

// maxValues bounds an axis, as a guard against slips such as seeds 1-1e9.
const maxValues = 100_000

// ParseAxis reads the values of a setting of a configuration: a list such as 0.1,1,10, or for numbers
// logspace:FROM:TO:N (powers of ten, both ends included) or linspace:FROM:TO:N, or for seeds ranges such as 1-5. Hidden
// layers are written 100x100, and the MEAN,SD of a normalisation 0.5x0.25. Networks are names, as in lenet5,mlp-9, or
// texts and names with semicolons between them. A value given twice counts once.
func ParseAxis(base train.Config, name, text string) (Axis, error) {
	axis := Axis{Name: name}
	settings := slices.DeleteFunc(base.Settings(), func(s setting.Setting) bool { return s.Axis == "" })
	of := name
	if name == scale {
		of = "c"
	}
	probe, err := settings.Find(of)
	if err != nil && base.IsNumber(name) {
		probe = setting.Setting{Name: name, Axis: "0.1,1,10 or logspace:-2:0:9", Read: func(v string) error {
			return base.Set(name, v)
		}}
		err = nil
	}
	if err != nil {
		if name == "set" {
			return axis, errors.New("set cannot be an axis, but each number by its name, as in --vary k=1,2")
		}
		names := append(settings.Names(), scale)
		for _, l := range base.Costs {
			for _, number := range l.Numbers() {
				if base.IsNumber(number) && !slices.Contains(names, number) {
					names = append(names, number)
				}
			}
		}
		return axis, fmt.Errorf("%q cannot be an axis: %s", name, nearest.OneOf(name, names))
	}
	if name != scale {
		axis.Name = probe.Name
	}
	for _, part := range separate(probe, text) {
		if part = strings.TrimSpace(part); part == "" {
			return axis, fmt.Errorf("want values such as %s, got an empty one", probe.Axis)
		}
		values, err := expand(axis.Name, part)
		if err != nil {
			return axis, within(text, part, err)
		}
		for _, v := range values {
			if err := probe.Set(v); err != nil {
				if probe.Between != "" && strings.Contains(v, ",") {
					err = fmt.Errorf("%w (between values stands %q)", err, probe.Between)
				}
				return axis, within(text, v, err)
			}
			if !slices.Contains(axis.Values, v) {
				axis.Values = append(axis.Values, v)
			}
		}
		if len(axis.Values) > maxValues {
			return axis, fmt.Errorf("want at most %d values", maxValues)
		}
	}
	return axis, nil
}

// AllCosts is a configuration with the terms of all laws on an axis, for ParseAxis of the numbers that they read.
func (a Axis) AllCosts(base train.Config) train.Config {
	base.Costs = nil
	for _, text := range a.Values {
		var costs train.Costs
		_ = costs.UnmarshalText([]byte(text)) // ParseAxis has read it
		base.Costs = append(base.Costs, costs...)
	}
	return base
}

// separate splits a list of values of a setting. Names are a list with commas, too, where the setting has another.
func separate(s setting.Setting, text string) []string {
	if s.Between == "" {
		return apart(text)
	}
	names := strings.Split(text, ",")
	blank := func(name string) bool { return strings.ContainsAny(strings.TrimSpace(name), " \t") }
	if strings.Contains(text, s.Between) || slices.ContainsFunc(names, blank) {
		return strings.Split(text, s.Between)
	}
	return names
}

// apart splits a list at the commas that are not within brackets.
func apart(text string) []string {
	var parts []string
	depth, from := 0, 0
	for i, r := range text {
		switch {
		case r == '(':
			depth++
		case r == ')':
			depth--
		case r == ',' && depth == 0:
			parts = append(parts, text[from:i])
			from = i + 1
		}
	}
	return append(parts, text[from:])
}

// within names the value that an error is about, unless it is all that was given.
func within(text, value string, err error) error {
	if value == "" || value == strings.TrimSpace(text) {
		return err
	}
	return fmt.Errorf("%q: %w", value, err)
}

// expand turns one part of a list into values.
func expand(name, part string) ([]string, error) {
	fields := strings.Split(part, ":")
	switch kind := fields[0]; {
	case name == "cost": // which may have colons
		return []string{part}, nil
	case kind == "logspace" || kind == "linspace":
		return space(kind, fields[1:])
	case name == "seed" && strings.Contains(part, "-"):
		return seeds(part)
	}
	return []string{part}, nil
}

func space(kind string, fields []string) ([]string, error) {
	bad := fmt.Errorf("want %s:FROM:TO:N with N from 1 to %d", kind, maxValues)
	if len(fields) != 3 {
		return nil, bad
	}
	from, err1 := strconv.ParseFloat(fields[0], 64)
	to, err2 := strconv.ParseFloat(fields[1], 64)
	n, err3 := strconv.Atoi(fields[2])
	if err1 != nil || err2 != nil || err3 != nil || n < 1 || n > maxValues || math.IsInf(from, 0) || math.IsInf(to, 0) {
		return nil, bad
	}
	values := make([]string, n)
	for i := range values {
		x := from
		if n > 1 {
			x = from + (to-from)*float64(i)/float64(n-1)
		}
		if kind == "logspace" {
			x = math.Pow(10, x)
		}
		values[i] = strconv.FormatFloat(x, 'g', -1, 64)
	}
	return values, nil
}

func seeds(part string) ([]string, error) {
	bad := fmt.Errorf("want a seed or a range of seeds such as 1-5, of at most %d", maxValues)
	low, high, _ := strings.Cut(part, "-")
	first, err1 := strconv.ParseUint(low, 10, 64)
	last, err2 := strconv.ParseUint(high, 10, 64)
	if err1 != nil || err2 != nil || last < first || last-first >= maxValues {
		return nil, bad
	}
	var values []string
	for s := first; ; s++ {
		values = append(values, strconv.FormatUint(s, 10))
		if s == last {
			return values, nil
		}
	}
}
