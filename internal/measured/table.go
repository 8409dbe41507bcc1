// Package measured reads files of measurements: tables of numbers in CSV, with a line of names.
package measured

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
)

// Error says that a file of measurements is missing or not what it has to be.
type Error struct {
	Path string
	Err  error
}

func (e *Error) Error() string { return fmt.Sprintf("%s: %v", e.Path, e.Err) }
func (e *Error) Unwrap() error { return e.Err }

// Table is a CSV file with a line of names.
type Table struct {
	path  string
	names []string
	rows  [][]string
	lines []int // of the file, of each row
}

// Read reads a table; its errors, and those of its columns, are Errors.
func Read(path string) (*Table, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		var p *fs.PathError
		if errors.As(err, &p) {
			err = p.Err
		}
		return nil, &Error{path, err}
	}
	r := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(data, []byte("\ufeff"))))
	r.TrimLeadingSpace, r.FieldsPerRecord = true, -1 // the files have spaces behind commas, and a comma behind the last name
	t := &Table{path: path}
	for {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, &Error{path, err}
		}
		if t.names == nil {
			for _, name := range row {
				t.names = append(t.names, strings.TrimSpace(name))
			}
			continue
		}
		line, _ := r.FieldPos(0)
		t.rows, t.lines = append(t.rows, row), append(t.lines, line)
	}
	if len(t.rows) == 0 {
		return nil, &Error{path, errors.New("want a line of names and lines of numbers, separated by commas")}
	}
	return t, nil
}

// Column returns the numbers of the first column of a name, which have to lie between low and high, bounds not included.
func (t *Table) Column(name string, low, high float64) ([]float64, error) {
	at := slices.Index(t.names, name)
	if at < 0 {
		return nil, &Error{t.path, fmt.Errorf("want a column %q, got %s", name, strings.Join(t.names, ", "))}
	}
	want := fmt.Sprintf("a number between %g and %g", low, high)
	switch {
	case math.IsInf(low, -1) && math.IsInf(high, 1):
		want = "a number"
	case math.IsInf(high, 1):
		want = fmt.Sprintf("a number above %g", low)
	}
	var out []float64
	for i, row := range t.rows {
		text := ""
		if at < len(row) {
			text = row[at]
		}
		v, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
		if err != nil || !(v > low && v < high) {
			return nil, &Error{t.path, fmt.Errorf("line %d, column %s: want %s, got %q", t.lines[i], name, want, text)}
		}
		out = append(out, v)
	}
	return out, nil
}
