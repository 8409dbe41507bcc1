package tables

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"quantal/results/store"
)

// Names of the tables in a grid's folder.
const (
	tableCSVName   = "table.csv"
	tableJSONLName = "table.jsonl"
	meansName      = "means.csv"
)

// TableNames lists the files that WriteTables writes.
func TableNames() []string { return []string{tableCSVName, tableJSONLName, meansName} }

// WriteTables writes table.csv and table.jsonl, one row per record in the order of their settings, and means.csv, one
// row per group, into a folder; the package documentation has the columns. The bytes depend only on the records, not on
// their order.
func WriteTables(dir string, records []store.Record) error {
	points, err := tableOf(slices.SortedFunc(slices.Values(records), store.CompareRecords), recordRow)
	if err != nil {
		return err
	}
	means, err := tableOf(Groups(records), meanRow)
	if err != nil {
		return err
	}
	for name, data := range map[string][]byte{
		tableCSVName: points.csv(), tableJSONLName: points.jsonl(), meansName: means.csv(),
	} {
		if err := store.WriteBytes(filepath.Join(dir, name), data); err != nil {
			return err
		}
	}
	return nil
}

// EncodeTable writes the content of table.csv.
func EncodeTable(w io.Writer, records []store.Record) error {
	points, err := tableOf(slices.SortedFunc(slices.Values(records), store.CompareRecords), recordRow)
	if err != nil {
		return err
	}
	_, err = w.Write(points.csv())
	return err
}

// MeansJSON is the rows of means.csv as JSON objects.
func MeansJSON(records []store.Record) ([]json.RawMessage, error) {
	means, err := tableOf(Groups(records), meanRow)
	if err != nil {
		return nil, err
	}
	list := []json.RawMessage{}
	for _, row := range means.rows {
		list = append(list, means.object(row))
	}
	return list, nil
}

// RowsJSON is the rows of table.csv as JSON objects, in the order of the records.
func RowsJSON(records []store.Record) ([]json.RawMessage, error) {
	t, err := tableOf(records, recordRow)
	list := []json.RawMessage{}
	for _, row := range t.rows {
		list = append(list, t.object(row))
	}
	return list, err
}

// WriteTable writes a CSV file with a row for each item, which is replaced as a whole or not at all. The columns are
// the fields of the items, structs, under their names in JSON; null in JSON is an empty cell.
func WriteTable[T any](path string, items []T) error {
	t, err := tableOf(items, func(item T) []cell { return cellsIn(item) })
	if err != nil {
		return err
	}
	return store.WriteBytes(path, t.csv())
}

// WriteJoined is WriteTable for rows that are several structs each, whose columns follow one another, without some
// columns. Those of store.Settings are as in table.csv.
func WriteJoined(path string, rows [][]any, without ...string) error {
	t, err := tableOf(rows, func(row []any) (cells []cell) {
		for _, part := range row {
			if s, ok := part.(store.Settings); ok {
				cells = append(cells, cellsOf(s, s)...)
			} else {
				cells = append(cells, cellsIn(part)...)
			}
		}
		return slices.DeleteFunc(cells, func(c cell) bool { return slices.Contains(without, c.name) })
	})
	if err != nil {
		return err
	}
	return store.WriteBytes(path, t.csv())
}

// table is rows of cells, each the JSON text of a value; null where there is none.
type table struct {
	names []string
	rows  [][]string
}

const null = "null"

// cell is a value under the name of its column.
type cell struct {
	name  string
	value any // nil if there is none
	kind  reflect.Type
}

// cellsIn are the fields of a struct.
func cellsIn(v any) []cell {
	var cells []cell
	for _, f := range store.FieldsOf(reflect.ValueOf(v)) {
		cells = append(cells, cell{f.Name, f.Value.Interface(), f.Value.Type()})
	}
	return cells
}

// columnsOf lists the columns of rows, each with a cell of it: those of an empty row are there without any others, and
// what some rows have besides comes behind what it follows there.
func columnsOf(empty []cell, rows [][]cell) []cell {
	columns := slices.Clone(empty)
	for _, row := range rows {
		at := 0
		for _, c := range row {
			if i := slices.IndexFunc(columns, func(k cell) bool { return k.name == c.name }); i >= 0 {
				at = i + 1
				continue
			}
			columns = slices.Insert(columns, at, c)
			at++
		}
	}
	return columns
}

// in is the value of a row in a column; nil if there is none.
func (c cell) in(row []cell) any {
	for _, k := range row {
		if k.name == c.name {
			return k.value
		}
	}
	return nil
}

// tableOf makes a table with a row for each item.
func tableOf[T any](items []T, row func(T) []cell) (table, error) {
	var t table
	var rows [][]cell
	for _, item := range items {
		rows = append(rows, row(item))
	}
	columns := columnsOf(row(*new(T)), rows)
	for _, c := range columns {
		t.names = append(t.names, c.name)
	}
	for _, cells := range rows {
		var texts []string
		for _, c := range columns {
			text, err := store.EncodeJSON(c.in(cells))
			if err != nil {
				return t, fmt.Errorf("tables: table: %s: %w", c.name, err)
			}
			texts = append(texts, string(text))
		}
		t.rows = append(t.rows, texts)
	}
	return t, nil
}

// only is the table with those columns that a function wants, given a name and the different values.
func (t table) only(want func(name string, values map[string]bool) bool) (kept table) {
	kept.rows = make([][]string, len(t.rows))
	for i, name := range t.names {
		values := map[string]bool{}
		for _, row := range t.rows {
			values[row[i]] = true
		}
		if !want(name, values) {
			continue
		}
		kept.names = append(kept.names, name)
		for j, row := range t.rows {
			kept.rows[j] = append(kept.rows[j], row[i])
		}
	}
	return kept
}

// write writes NAME.csv and NAME.jsonl into a folder, which is made if needed, and returns the names of the files.
func (t table) write(dir, name string) (files []string, err error) {
	if err := store.MakeFolder(dir); err != nil {
		return nil, err
	}
	for _, file := range []struct {
		ending string
		data   []byte
	}{{".csv", t.csv()}, {".jsonl", t.jsonl()}} {
		path := filepath.Join(dir, name+file.ending)
		if err := store.WriteBytes(path, file.data); err != nil {
			return nil, err
		}
		files = append(files, path)
	}
	return files, nil
}

// r2 is in the names of columns that only networks which fit numbers have.
const r2 = "r2_"

// recordRow is the content of a record, under its names in JSON. The terms of costs other than the paper's have a
// column each.
func recordRow(r store.Record) []cell {
	var row []cell
	for _, c := range cellsOf(r, r.Settings) {
		switch {
		case c.name == "converged" && r.Converged == "", c.name == "stopped_epoch" && r.StoppedEpoch == 0,
			strings.Contains(c.name, r2) && reflect.ValueOf(c.value).IsNil():
			continue
		}
		if c.name != "objective_costs" {
			row = append(row, c)
			continue
		}
		row = append(row, termCells(r.ObjectiveCosts)...)
	}
	return row
}

// termCells has a cell for each term.
func termCells(terms store.Terms) (cells []cell) {
	for _, name := range terms.Names() {
		cells = append(cells, cell{termColumn + name, terms[name], reflect.TypeFor[float64]()})
	}
	return cells
}

// termColumn begins the names of columns that have a term of costs other than the paper's.
const termColumn = "cost_"

// meanRow is the settings of a group, how many seeds finished and how many diverged, and the mean and the half-width of
// the 95 % interval of each figure.
func meanRow(g Group) []cell {
	cells := slices.DeleteFunc(cellsOf(g.Settings, g.Settings), func(c cell) bool { return c.name == "seed" })
	cells = append(cells, cell{name: "seeds", value: len(g.Done)}, cell{name: "diverged", value: len(g.Diverged)})
	for _, m := range measures(g.terms()) {
		i := g.Interval(m.of)
		if strings.Contains(m.name, r2) && math.IsNaN(i.Mean) {
			continue
		}
		cells = append(cells, cell{name: m.name, value: i.Mean}, cell{name: m.name + "_ci95", value: i.HalfWidth})
	}
	return cells
}

// cellsOf is the fields of a struct that has those of Settings. rho and c are left out where they have no meaning.
func cellsOf(v any, s store.Settings) []cell {
	cells := withNumbers(cellsIn(v), s)
	s = seedless(s)
	for i, c := range cells {
		switch {
		case c.value == "", c.name == "rho" && s.Rho == "", c.name == "rho_value" && s.Rho == "", c.name == "c" && s.C == 0:
			cells[i].value = nil
		}
	}
	return cells
}

// csv writes the table with a header. A number is as in JSON, the shortest that reads back the same; the numbers of a
// list are joined by semicolons; an empty cell has no value.
func (t table) csv() []byte {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	_ = w.Write(t.names) // a buffer accepts everything
	for _, row := range t.rows {
		fields := make([]string, len(row))
		for i, text := range row {
			fields[i] = csvField(text)
		}
		_ = w.Write(fields)
	}
	w.Flush()
	return b.Bytes()
}

func csvField(text string) string {
	var s string
	switch {
	case text == null:
		return ""
	case strings.HasPrefix(text, "["):
		return strings.ReplaceAll(strings.ReplaceAll(strings.Trim(text, "[]"), ",", ";"), null, "")
	case json.Unmarshal([]byte(text), &s) == nil:
		return TextCell(s)
	}
	return text
}

// TextCell is text as a cell that spreadsheets show: text that begins like a formula is prefixed with ', so that they
// treat it as text. A number is left as it is.
func TextCell(s string) string {
	if s == "" || !strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return s
	}
	if _, err := strconv.ParseFloat(s, 64); err == nil {
		return s
	}
	return "'" + s
}

// jsonl writes each row as a JSON object on its own line, with all columns.
func (t table) jsonl() []byte {
	var b bytes.Buffer
	for _, row := range t.rows {
		b.Write(t.object(row))
		b.WriteByte('\n')
	}
	return b.Bytes()
}

func (t table) object(row []string) []byte {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, text := range row {
		if i > 0 {
			b.WriteByte(',')
		}
		name, _ := json.Marshal(t.names[i]) // a string can always be written
		b.Write(name)
		b.WriteByte(':')
		b.WriteString(text)
	}
	b.WriteByte('}')
	return b.Bytes()
}
