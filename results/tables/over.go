package tables

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"quantal/results/draw"
	"quantal/results/store"
)

// Row is a row of a table by its columns: for each a text, in which numbers read back the same, empty if there is no
// value, and a number, NaN if it is none. Of a list, such as sigma_rms_layers, each number has a column of its own,
// sigma_rms_layers_1.
type Row struct {
	ID       string
	Settings store.Settings
	columns  []string // in their order
	settings int      // so many of them, the first ones after id, are settings
	texts    []string
	numbers  []float64
}

// NewRow is the row of table.csv of a record.
func NewRow(r store.Record) (Row, error) {
	row := Row{ID: r.ID, Settings: r.Settings, settings: len(settingCells(r.Settings))}
	for _, listed := range recordRow(r) {
		for _, c := range inLayers(listed) {
			text, err := store.EncodeJSON(c.value)
			if err != nil {
				return row, err
			}
			row.add(c.name, string(text))
		}
	}
	return row, nil
}

// add adds a column with a value as JSON.
func (r *Row) add(name, value string) {
	text, v := plainText(value), math.NaN()
	if n, err := strconv.ParseFloat(text, 64); err == nil {
		v = n
	}
	r.columns, r.texts, r.numbers = append(r.columns, name), append(r.texts, text), append(r.numbers, v)
}

// folderColumn says in which folder a network is, where they are from several.
const folderColumn = "folder"

// In is the row with a first setting that says in which folder it is.
func (r Row) In(folder string) Row {
	r.columns = slices.Insert(slices.Clone(r.columns), 1, folderColumn)
	r.texts = slices.Insert(slices.Clone(r.texts), 1, folder)
	r.numbers, r.settings = slices.Insert(slices.Clone(r.numbers), 1, math.NaN()), r.settings+1
	return r
}

// plainText is a value in JSON for people.
func plainText(value string) string {
	var s string
	switch {
	case value == null:
		return ""
	case strings.HasPrefix(value, `"`) && json.Unmarshal([]byte(value), &s) == nil:
		return s
	}
	return value
}

// Table is rows side by side. A number in which layers differ, as c_layers says, has its text in the column c.
type Table struct {
	Columns []string // of any row, in their order
	Rows    []Row    // with texts and numbers of all Columns

	at       map[string]int // of each column
	settings []string
}

// NewTable puts rows side by side.
func NewTable(rows []Row) Table {
	t := Table{at: map[string]int{}}
	var last []string
	settings := map[string]bool{}
	for _, r := range rows {
		if slices.Equal(r.columns, last) {
			continue
		}
		last = r.columns
		at := 0
		for i, name := range r.columns {
			switch place := slices.Index(t.Columns, name); place {
			case -1:
				t.Columns = slices.Insert(t.Columns, at, name)
				at++
			default:
				at = place + 1
			}
			settings[name] = settings[name] || i > 0 && i <= r.settings
		}
	}
	layered, ownSettings := false, 0
	for i, name := range t.Columns {
		if settings[name] {
			ownSettings++
		}
		t.at[name] = i
		own, inLayers := strings.CutSuffix(name, "_layers")
		_, there := t.at[own]
		layered = layered || inLayers && there && settings[name]
		if settings[name] && name != setColumn && !(inLayers && there) { // which others say
			t.settings = append(t.settings, name)
		}
	}
	for _, r := range rows {
		if !layered && slices.Equal(r.columns, t.Columns) {
			t.Rows = append(t.Rows, r)
			continue
		}
		all := Row{ID: r.ID, Settings: r.Settings, columns: t.Columns, settings: ownSettings,
			texts: make([]string, len(t.Columns)), numbers: make([]float64, len(t.Columns))}
		for i := range all.numbers {
			all.numbers[i] = math.NaN()
		}
		for i, name := range r.columns {
			all.texts[t.at[name]], all.numbers[t.at[name]] = r.texts[i], r.numbers[i]
		}
		for i, name := range r.columns {
			if own, ok := strings.CutSuffix(name, "_layers"); ok && r.texts[i] != "" && settings[name] {
				if to, there := t.at[own]; there && all.texts[to] == "" {
					all.texts[to] = r.texts[i]
				}
			}
		}
		t.Rows = append(t.Rows, all)
	}
	return t
}

// Text is what a row has in a column; empty if there is no value.
func (t Table) Text(r Row, column string) string {
	if at, there := t.at[column]; there {
		return r.texts[at]
	}
	return ""
}

// number is what a row has in a column; NaN if there is no number.
func (t Table) number(r Row, column string) float64 {
	if at, there := t.at[column]; there {
		return r.numbers[at]
	}
	return math.NaN()
}

// Numeric lists the columns that have numbers, which axes may show.
func (t Table) Numeric() (names []string) {
	for i, name := range t.Columns {
		if slices.ContainsFunc(t.Rows, func(r Row) bool { return r.numbers[i] == r.numbers[i] }) {
			names = append(names, name)
		}
	}
	return names
}

// Settings lists the columns that say which network a row is of.
func (t Table) Settings() []string { return t.settings }

// Varying lists the settings in which the rows differ.
func (t Table) Varying() (names []string) {
	differ := func(name string) bool {
		at, there := t.at[name]
		return there && slices.ContainsFunc(t.Rows, func(r Row) bool { return r.texts[at] != t.Rows[0].texts[at] })
	}
	for _, name := range t.settings {
		if differ(name) && !(name == "rho" && differ("rho_value")) { // which says it
			names = append(names, name)
		}
	}
	return names
}

// Range says for people which values a column has: 0.1, 1; or 30 values, 0.001 to 100.
func (t Table) Range(column string) string {
	const few = 3
	values, numbers := t.values(column)
	list := shownValues(values)
	switch n := len(list); {
	case n <= few:
		return strings.Join(list, ", ")
	case numbers:
		return fmt.Sprintf("%d values, %s to %s", n, list[0], list[n-1])
	default:
		return fmt.Sprintf("%s and %d more", strings.Join(list[:few], ", "), n-few)
	}
}

// Over draws a column over another: a mark for each row, and where x is a setting a line through the means of rows with
// one x. By is the settings that make a series of their own; if it is nil, those with several values, without x and
// seed. IDs are those of the rows of each layer; none of a line of means. Series and the axis of a setting are those of
// all rows, also of those that have no y yet.
func (t Table) Over(x, y string, by []string) (p draw.Panel, ids [][]string, err error) {
	for name, column := range map[string]string{"x": x, "y": y} {
		if err := t.check(name, column); err != nil {
			return p, nil, err
		}
	}
	for _, name := range by {
		if err := t.check("by", name); err != nil {
			return p, nil, err
		}
	}
	if by == nil {
		by = slices.DeleteFunc(t.Varying(), func(name string) bool {
			values, _ := t.values(name)
			return name == x || name == "seed" || len(values) < 2
		})
		if whole := len(t.combinations(by)); slices.Contains(by, folderColumn) { // which may say it all
			for _, name := range slices.Clone(by) {
				rest := slices.DeleteFunc(slices.Clone(by), func(other string) bool { return other == name })
				if name != folderColumn && len(t.combinations(rest)) == whole {
					by = rest
				}
			}
		}
	}
	d := drawing{x: x, y: y, by: by, each: true}
	p = t.panel(t.Rows, &d)
	if len(p.Layers) == 0 {
		return p, nil, store.Nothing("there is no network yet that has both " + x + " and " + y)
	}
	return p, d.ids, nil
}

// ShortNumber is a number with few digits, and other text as it is.
func ShortNumber(text string) string { return shortNumber(text, 4) }

func shortNumber(text string, digits int) string {
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || v == math.Trunc(v) && math.Abs(v) < 1e15 {
		return text
	}
	return strconv.FormatFloat(v, 'g', digits, 64)
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
