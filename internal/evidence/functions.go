package main

import (
	"fmt"
	"math"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"

	"quantal/internal/measured"
)

func float(v any) (float64, bool) {
	switch v := v.(type) {
	case float64:
		return v, !math.IsNaN(v)
	case int:
		return float64(v), true
	}
	return 0, false
}

func floats(v any) ([]float64, error) {
	switch v := v.(type) {
	case []float64:
		return v, nil
	case []any:
		xs := make([]float64, len(v))
		for i, e := range v {
			x, ok := float(e)
			if !ok {
				return nil, fmt.Errorf("%v is not a number", e)
			}
			xs[i] = x
		}
		return xs, nil
	}
	return nil, fmt.Errorf("%v is not a list of numbers", v)
}

func (c *comments) functions() map[string]any {
	ofList := func(f func([]float64) float64) func(any) (float64, error) {
		return func(v any) (float64, error) {
			xs, err := floats(v)
			if err == nil && len(xs) < 2 {
				err = fmt.Errorf("there are %d numbers", len(xs))
			}
			if err != nil {
				return 0, err
			}
			return f(xs), nil
		}
	}
	sd := func(xs []float64) float64 { return stat.StdDev(xs, nil) }
	return map[string]any{
		"column": c.column,
		"value": func(query, name string) (float64, error) {
			xs, err := c.column(query, name)
			if err == nil && len(xs) != 1 {
				err = fmt.Errorf("%q has %d numbers in the column %s, want one", query, len(xs), name)
			}
			if err != nil {
				return 0, err
			}
			return xs[0], nil
		},
		"number": func(query string) (int, error) {
			_, rows, err := c.rows(query)
			return len(rows), err
		},
		"sd": ofList(sd),
		"ci": ofList(func(xs []float64) float64 {
			n := float64(len(xs))
			return distuv.StudentsT{Sigma: 1, Nu: n - 1}.Quantile(0.975) * sd(xs) / math.Sqrt(n)
		}),
		"slope": func(v, w any) (float64, error) {
			xs, err := floats(v)
			if err != nil {
				return 0, err
			}
			ys, err := floats(w)
			if err != nil || len(xs) != len(ys) {
				return 0, fmt.Errorf("want as many numbers x as y: %v", err)
			}
			_, b := stat.LinearRegression(xs, ys, nil, false)
			return b, nil
		},
		"exact": func(k, n any) ([]float64, error) {
			x, ok1 := float(k)
			m, ok2 := float(n)
			if !ok1 || !ok2 || x < 0 || x > m {
				return nil, fmt.Errorf("want k of n: %v, %v", k, n)
			}
			low, high := 0.0, 1.0
			if x > 0 {
				low = distuv.Beta{Alpha: x, Beta: m - x + 1}.Quantile(0.025)
			}
			if x < m {
				high = distuv.Beta{Alpha: x + 1, Beta: m - x}.Quantile(0.975)
			}
			return []float64{low, high}, nil
		},
		"ln": func(v any) (float64, error) {
			x, ok := float(v)
			if !ok || x <= 0 {
				return 0, fmt.Errorf("ln of %v", v)
			}
			return math.Log(x), nil
		},
		"to": func(v, unit any) (float64, error) {
			x, ok1 := float(v)
			u, ok2 := float(unit)
			if !ok1 || !ok2 || u <= 0 {
				return 0, fmt.Errorf("want to(x, unit): %v, %v", v, unit)
			}
			return math.Round(x/u) * u, nil
		},
	}
}

var comparison = regexp.MustCompile(`^(\w+)(!=|=|<=|>=|<|>|~)(.*)$`)

// rows are those of a table that match a query.
func (c *comments) rows(query string) (*measured.Table, []measured.Row, error) {
	file := c.first
	if f, q, ok := strings.Cut(query, ".csv:"); ok {
		file, query = f+".csv", q
	}
	t := c.tables[file]
	if t == nil {
		var err error
		if t, err = measured.Read(filepath.Join(c.folder, file)); err != nil {
			return nil, nil, err
		}
		c.tables[file] = t
	}
	rows := t.Rows
	for _, condition := range fields(query, ";") {
		if condition == "" {
			continue
		}
		m := comparison.FindStringSubmatch(condition)
		if m == nil {
			return nil, nil, fmt.Errorf("want column=value, not %q", condition)
		}
		i := slices.Index(t.Names, m[1])
		if i < 0 {
			return nil, nil, fmt.Errorf("%s has no column %q", file, m[1])
		}
		var kept []measured.Row
		for _, row := range rows {
			if matches(row.Cells[i], m[2], m[3]) {
				kept = append(kept, row)
			}
		}
		rows = kept
	}
	return t, rows, nil
}

func matches(cell, operator, want string) bool {
	x, err1 := strconv.ParseFloat(cell, 64)
	y, err2 := strconv.ParseFloat(want, 64)
	both := err1 == nil && err2 == nil
	switch equal := cell == want || both && math.Abs(x-y) <= 1e-5*math.Abs(y); operator {
	case "=":
		return equal
	case "!=":
		return !equal
	case "<=":
		return both && (x < y || equal)
	case ">=":
		return both && (x > y || equal)
	case "~":
		return strings.Contains(cell, want)
	case "<":
		return both && x < y && !equal
	default:
		return both && x > y && !equal
	}
}

func (c *comments) column(query, name string) ([]float64, error) {
	t, rows, err := c.rows(query)
	if err != nil {
		return nil, err
	}
	i := slices.Index(t.Names, name)
	if i < 0 {
		return nil, fmt.Errorf("there is no column %q", name)
	}
	xs := []float64{}
	for _, row := range rows {
		if row.Cells[i] == "" {
			continue
		}
		x, err := strconv.ParseFloat(row.Cells[i], 64)
		if err != nil {
			return nil, fmt.Errorf("line %d, column %s: %q is not a number", row.Line, name, row.Cells[i])
		}
		xs = append(xs, x)
	}
	if len(xs) == 0 {
		return nil, fmt.Errorf("no row with a %s matches %q", name, query)
	}
	return xs, nil
}
