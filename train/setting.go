package train

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"quantal/internal/nearest"
	"quantal/results/store"
)

// setting reads one value of a configuration from text.
type setting func(c *Config, value string) error

func number[T any](field func(c *Config) *T, parse func(string) (T, error), what string) setting {
	return func(c *Config, value string) error {
		v, err := parse(strings.TrimSpace(value))
		if err != nil {
			return fmt.Errorf("want %s", what)
		}
		*field(c) = v
		return nil
	}
}

func float(field func(c *Config) *float64) setting {
	return number(field, func(s string) (float64, error) { return strconv.ParseFloat(s, 64) }, "a number")
}

func whole(field func(c *Config) *int) setting {
	return number(field, strconv.Atoi, "a whole number")
}

func word(field func(c *Config) *string) setting {
	return func(c *Config, value string) error {
		*field(c) = value
		return nil
	}
}

// settings says what each name sets: the names of the flags, which are the keys of a configuration file.
func settings() map[string]setting {
	return map[string]setting{
		"data":   word(func(c *Config) *string { return &c.Data }),
		"noise":  word(func(c *Config) *string { return &c.Noise }),
		"device": word(func(c *Config) *string { return &c.Device }),
		"hidden": parseHidden,
		"normalise": func(c *Config, value string) error {
			c.Normalise = strings.TrimSpace(value)
			_, _, err := parseNormalise(c.Normalise)
			return err
		},
		"classes":          whole(func(c *Config) *int { return &c.Classes }),
		"rho":              func(c *Config, value string) (err error) { c.Rho, err = ParseExponent(value); return err },
		"c":                float(func(c *Config) *float64 { return &c.C }),
		"lambda":           float(func(c *Config) *float64 { return &c.Lambda }),
		"rule":             parseRule,
		"lr":               float(func(c *Config) *float64 { return &c.LearningRate }),
		"mu-init":          float(func(c *Config) *float64 { return &c.MuInit }),
		"sigma-init":       float(func(c *Config) *float64 { return &c.SigmaInit }),
		"epochs":           whole(func(c *Config) *int { return &c.Epochs }),
		"batch":            whole(func(c *Config) *int { return &c.Batch }),
		"validation":       whole(func(c *Config) *int { return &c.Validation }),
		"draws":            whole(func(c *Config) *int { return &c.Draws }),
		"threads":          whole(func(c *Config) *int { return &c.Threads }),
		"checkpoint-every": whole(func(c *Config) *int { return &c.CheckpointEvery }),
		"seed": number(func(c *Config) *store.Seed { return &c.Seed }, store.ParseSeed,
			"a whole number from 0 to 2^64-1"),
	}
}

// SettingNames lists what Config.Set can set, in alphabetical order.
func SettingNames() []string { return slices.Sorted(maps.Keys(settings())) }

// Set reads one value, named as its flag, from text. The error says what was wanted; Check judges the whole.
func (c *Config) Set(name, value string) error {
	set := settings()[name]
	if set == nil {
		return fmt.Errorf("%q is no setting: %s", name, nearest.OneOf(name, SettingNames()))
	}
	return set(c, value)
}

// NamedValue is a setting as text.
type NamedValue struct{ Name, Value string }

// Differences lists the settings that are not as in another configuration, in alphabetical order.
func (c Config) Differences(other Config) []NamedValue {
	var list []NamedValue
	ours, theirs := c.values(), other.values()
	for _, name := range SettingNames() {
		if ours[name] != theirs[name] {
			list = append(list, NamedValue{name, ours[name]})
		}
	}
	return list
}

// values are the settings as Set reads them.
func (c Config) values() map[string]string {
	values := map[string]string{}
	fields := reflect.ValueOf(c)
	for i := range fields.NumField() {
		text := fmt.Sprint(fields.Field(i).Interface())
		if hidden, ok := fields.Field(i).Interface().([]int); ok {
			text = FormatHidden(hidden)
		}
		name, _, _ := strings.Cut(fields.Type().Field(i).Tag.Get("toml"), ",")
		values[name] = text
	}
	values["normalise"] = cmp.Or(c.NormaliseRule(), asMNIST)
	return values
}

// parseRule reads the name of a rule.
func parseRule(c *Config, value string) error {
	if !slices.Contains(Rules(), value) {
		return errors.New(nearest.OneOf(value, Rules()))
	}
	return c.Rule.UnmarshalText([]byte(value))
}

// parseHidden reads the units of the hidden layers: 100,100 or 100x100, the latter where commas separate something
// else.
func parseHidden(c *Config, value string) error {
	c.Hidden = []int{}
	if value == "none" {
		return nil
	}
	for _, part := range strings.Split(strings.ReplaceAll(value, "x", ","), ",") {
		n, err := strconv.Atoi(strings.TrimSpace(part))
		if err != nil {
			return fmt.Errorf("want numbers like 100,100, or none")
		}
		c.Hidden = append(c.Hidden, n)
	}
	return nil
}

// FormatHidden writes hidden layers as 100x100, or none.
func FormatHidden(hidden []int) string {
	if len(hidden) == 0 {
		return "none"
	}
	return strings.ReplaceAll(strings.Trim(fmt.Sprint(hidden), "[]"), " ", "x")
}
