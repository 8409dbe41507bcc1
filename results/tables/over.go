package tables

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"quantal/results/draw"
	"quantal/results/store"
)

// Row is a row of table.csv by its columns: each value as JSON, null where there is none. Of a list, such as
// sigma_rms_layers, there is also each number in a column of its own, sigma_rms_layers_1.
type Row struct {
	ID       string
	Columns  []string // in their order
	Settings int      // so many of them, the first ones after id, are settings
	Values   map[string]string
}

// NewRow is the row of a record.
func NewRow(r store.Record) (Row, error) {
	row := Row{ID: r.ID, Values: map[string]string{}}
	add := func(name string, value any) error {
		text, err := store.EncodeJSON(value)
		row.Columns, row.Values[name] = append(row.Columns, name), string(text)
		return err
	}
	row.Settings = len(settingCells(r.Settings))
	for _, c := range recordRow(r) {
		cells := inLayers(c)
		if _, list := c.value.([]float64); list {
			cells = append([]cell{c}, cells...)
		}
		for _, c := range cells {
			if err := add(c.name, c.value); err != nil {
				return row, err
			}
		}
	}
	return row, nil
}

// number is the value of a column; NaN if there is none.
func (r Row) number(column string) float64 {
	if v, err := strconv.ParseFloat(r.Values[column], 64); err == nil {
		return v
	}
	return math.NaN()
}

// Text is the value of a column for people; empty if there is none.
func (r Row) Text(column string) string {
	text := r.Values[column]
	var s string
	switch {
	case text == null:
		return ""
	case json.Unmarshal([]byte(text), &s) == nil:
		return s
	}
	return text
}

// isSetting reports whether a column of the row is a setting.
func (r Row) isSetting(column string) bool {
	at := slices.Index(r.Columns, column)
	return at > 0 && at <= r.Settings
}

// Table is rows side by side.
type Table struct {
	Rows    []Row
	Columns []string // of any row, in their order
	numbers map[string]int
	texts   map[string]map[string]bool
}

// NewTable puts rows side by side.
func NewTable(rows []Row) Table {
	t := Table{Rows: rows, numbers: map[string]int{}, texts: map[string]map[string]bool{}}
	for _, r := range rows {
		at := 0
		for _, name := range r.Columns {
			if t.texts[name] == nil {
				t.texts[name] = map[string]bool{}
				t.Columns = slices.Insert(t.Columns, at, name)
				at++
			} else if at < len(t.Columns) && t.Columns[at] == name {
				at++
			} else {
				at = slices.Index(t.Columns, name) + 1
			}
			t.texts[name][r.Values[name]] = true
			if !math.IsNaN(r.number(name)) {
				t.numbers[name]++
			}
		}
	}
	return t
}

// Numeric lists the columns that have numbers, which axes may show.
func (t Table) Numeric() []string {
	return slices.DeleteFunc(slices.Clone(t.Columns), func(name string) bool { return t.numbers[name] == 0 })
}

// Varying lists the settings in which the rows differ.
func (t Table) Varying() (names []string) {
	for _, name := range t.Columns {
		said := name == setColumn || name == "rho" && t.texts["rho_value"] != nil && t.differ("rho_value") // by another one
		if t.isSetting(name) && t.differ(name) && !said {
			names = append(names, name)
		}
	}
	return names
}

func (t Table) isSetting(name string) bool {
	return slices.ContainsFunc(t.Rows, func(r Row) bool { return r.isSetting(name) })
}

// differ reports whether rows have different values in a column, or only some have one.
func (t Table) differ(name string) bool {
	return len(t.texts[name]) > 1 ||
		slices.ContainsFunc(t.Rows, func(r Row) bool { _, there := r.Values[name]; return !there })
}

// Over draws a column over another: a mark for each row, and where x is a setting a line through the means of rows with
// one x. By is the settings that make a series of their own, Varying without x and seed if it is nil. IDs are those of
// the rows of each layer; none of a line of means.
func (t Table) Over(x, y string, by []string) (p draw.Panel, ids [][]string, err error) {
	for _, name := range append([]string{x, y}, by...) {
		if t.texts[name] == nil {
			return p, nil, fmt.Errorf("tables: there is no column %q", name)
		}
	}
	if by == nil {
		by = slices.DeleteFunc(t.Varying(), func(name string) bool { return name == x || name == "seed" })
	}
	type series struct {
		label string
		rows  []Row
	}
	var list []*series
	at := map[string]*series{}
	var scale [2]float64
	p.X, scale[0] = scaled(x)
	p.Y, scale[1] = scaled(y)
	low, high := [2]float64{math.Inf(1), math.Inf(1)}, [2]float64{math.Inf(-1), math.Inf(-1)}
	for _, r := range t.Rows {
		place := [2]float64{scale[0] * r.number(x), scale[1] * r.number(y)}
		if math.IsNaN(place[0] + place[1]) {
			continue
		}
		for i, v := range place {
			low[i], high[i] = min(low[i], v), max(high[i], v)
		}
		var parts []string
		for _, name := range by {
			if text := r.Text(name); name == "noise" {
				parts = append(parts, text)
			} else if text != "" {
				parts = append(parts, strings.TrimSuffix(name, "_value")+" "+ShortNumber(text))
			}
		}
		label := strings.Join(parts, ", ")
		if at[label] == nil {
			at[label] = &series{label: label}
			list = append(list, at[label])
		}
		at[label].rows = append(at[label].rows, r)
	}
	if len(list) == 0 {
		return p, nil, store.Nothing("there is no network yet that has both " + x + " and " + y)
	}
	p.X.Log, p.Y.Log = low[0] > 0 && high[0] >= 10*low[0], low[1] > 0 && high[1] >= 100*low[1]
	for i, s := range list {
		slices.SortStableFunc(s.rows, func(a, b Row) int { return cmp.Compare(a.number(x), b.number(x)) })
		look := draw.Series(i)
		look.Label = s.label
		marks := draw.Points{Color: look.Color, Mark: draw.Dot, Small: len(s.rows) > 100}
		var of []string
		n := 0
		for _, r := range s.rows {
			vx, vy := scale[0]*r.number(x), scale[1]*r.number(y)
			marks.X, marks.Y, of = append(marks.X, vx), append(marks.Y, vy), append(of, r.ID)
			if last := len(look.X) - 1; last >= 0 && look.X[last] == vx {
				n++
				look.Y[last] += (vy - look.Y[last]) / float64(n)
			} else {
				look.X, look.Y, n = append(look.X, vx), append(look.Y, vy), 1
			}
		}
		if t.isSetting(x) {
			p.Layers, ids = append(p.Layers, look), append(ids, nil)
		} else {
			marks.Label = s.label
		}
		p.Layers, ids = append(p.Layers, marks), append(ids, of)
	}
	return p, ids, nil
}

// ShortNumber is a number with few digits, and other text as it is.
func ShortNumber(text string) string {
	if v, err := strconv.ParseFloat(text, 64); err == nil {
		return strconv.FormatFloat(v, 'g', 4, 64)
	}
	return text
}

// Learned is a network with its learning curve.
type Learned struct {
	Label  string
	Epochs []store.Epoch
}

// CurveColumns lists the numbers of learning curves by their names in metrics.jsonl, and those of each layer and term.
func CurveColumns(networks []Learned) (names []string) {
	for _, n := range networks {
		for _, e := range n.Epochs[max(0, len(n.Epochs)-1):] { // the others have the same
			for _, v := range epochValues(e) {
				if finite(v.value) && !slices.Contains(names, v.name) {
					names = append(names, v.name)
				}
			}
		}
	}
	return names
}

type epochValue struct {
	name  string
	value float64
}

// epochValues are the numbers of an epoch.
func epochValues(e store.Epoch) (list []epochValue) {
	for _, c := range append(epochCells(e), cell{name: "seconds", value: e.Seconds}) {
		switch v := c.value.(type) {
		case float64:
			list = append(list, epochValue{c.name, v})
		case int:
			list = append(list, epochValue{c.name, float64(v)})
		case *float64:
			if v != nil {
				list = append(list, epochValue{c.name, *v})
			}
		}
	}
	return list
}

// scaled is the axis of a column, and the factor of its values on it.
func scaled(name string) (draw.Axis, float64) {
	axis := axisOf(name)
	if strings.HasSuffix(axis.Label, "(%)") {
		return axis, 100
	}
	return axis, 1
}

// Curves draws a column of learning curves over another, such as accuracy_sampled over epoch, for several networks.
func Curves(networks []Learned, x, y string) (draw.Panel, error) {
	var p draw.Panel
	var scaleX, scaleY float64
	p.X, scaleX = scaled(x)
	p.Y, scaleY = scaled(y)
	low, high := math.Inf(1), math.Inf(-1)
	for i, n := range networks {
		look := draw.Series(i)
		look.Label = n.Label
		for _, e := range n.Epochs {
			vx, vy := math.NaN(), math.NaN()
			for _, v := range epochValues(e) {
				if v.name == x {
					vx = scaleX * v.value
				}
				if v.name == y {
					vy = scaleY * v.value
				}
			}
			if finite(vx) && finite(vy) {
				look.X, look.Y = append(look.X, vx), append(look.Y, vy)
				low, high = min(low, vy), max(high, vy)
			}
		}
		if len(look.X) == 1 {
			look.Mark = draw.Dot
		}
		if len(look.X) > 0 {
			p.Layers = append(p.Layers, look)
		}
	}
	if len(p.Layers) == 0 {
		return p, store.Nothing("there is no epoch yet that has both " + x + " and " + y)
	}
	p.Y.Log = low > 0 && high >= 20*low
	return p, nil
}
