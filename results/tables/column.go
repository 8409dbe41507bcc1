package tables

import (
	"math"
	"reflect"
	"slices"

	"quantal/results/store"
)

// NumberColumns lists the columns of table.csv that have one number for a network such as that of the record.
func NumberColumns(r store.Record) (names []string) {
	for _, c := range recordRow(r) {
		kind := c.kind
		if kind.Kind() == reflect.Pointer {
			kind = kind.Elem()
		}
		if slices.Contains([]reflect.Kind{reflect.Float64, reflect.Int, reflect.Uint64}, kind.Kind()) {
			names = append(names, c.name)
		}
	}
	return names
}

// Number is what a record has in a column of table.csv; NaN without a number there.
func Number(r store.Record, column string) float64 {
	for _, c := range recordRow(r) {
		v := reflect.ValueOf(c.value)
		if v.Kind() == reflect.Pointer {
			v = v.Elem()
		}
		if c.name == column && v.IsValid() && v.CanConvert(reflect.TypeFor[float64]()) {
			return v.Convert(reflect.TypeFor[float64]()).Float()
		}
	}
	return math.NaN()
}

// SettingCells are settings under the names of their columns in table.csv, without some columns; nil is an empty cell.
func SettingCells(s store.Settings, without ...string) map[string]any {
	cells := map[string]any{}
	for _, c := range cellsOf(s, s) {
		if !slices.Contains(without, c.name) {
			cells[c.name] = c.value
		}
	}
	return cells
}
