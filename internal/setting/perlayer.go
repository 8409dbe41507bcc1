package setting

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// PerLayer is a setting that is one number for all layers of a network, or one for each. As text the latter are
// separated by x, the first layer first: 0.1x0.1x1. Files have them as a list.
type PerLayer struct {
	One *float64   // NaN if the layers differ
	All *[]float64 // empty if there is one number for all
}

// Set reads 0.1 or 0.1x0.1x1.
func (p *PerLayer) Set(text string) error {
	all, err := ParsePerLayer(text)
	if err == nil {
		*p.One, *p.All = Common(all), nil
		if len(all) > 1 {
			*p.All = all
		}
	}
	return err
}

func (p *PerLayer) String() string {
	if len(*p.All) > 0 {
		return FormatPerLayer(*p.All)
	}
	return Format(*p.One)
}

// value is the number, or the numbers.
func (p *PerLayer) value() any {
	if len(*p.All) > 0 {
		return *p.All
	}
	return *p.One
}

// ParsePerLayer reads one number, or several separated by x.
func ParsePerLayer(text string) ([]float64, error) {
	if v, err := strconv.ParseFloat(text, 64); err == nil { // a hexadecimal number has an x
		return []float64{v}, nil
	}
	var all []float64
	for part := range strings.SplitSeq(text, "x") {
		v, err := strconv.ParseFloat(strings.TrimSpace(part), 64)
		switch {
		case err == nil:
			all = append(all, v)
		case len(all) == 0:
			return nil, errors.New("want a number")
		default:
			return nil, fmt.Errorf("want numbers for the layers, separated by x, got %q", part)
		}
	}
	return all, nil
}

// FormatPerLayer writes numbers as ParsePerLayer reads them.
func FormatPerLayer(all []float64) string {
	var parts []string
	for _, v := range all {
		parts = append(parts, Format(v))
	}
	return strings.Join(parts, "x")
}

// Common is the number that all are; NaN if they differ.
func Common(all []float64) float64 {
	for _, v := range all {
		if v != all[0] {
			return math.NaN()
		}
	}
	return all[0]
}
