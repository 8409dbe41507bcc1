package analysis

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

// DataError says that a file of measurements is missing or not what it has to be.
type DataError struct {
	Path string
	Err  error
}

func (e *DataError) Error() string { return fmt.Sprintf("%s: %v", e.Path, e.Err) }
func (e *DataError) Unwrap() error { return e.Err }

// table is a CSV file with a line of names.
type table struct {
	path  string
	names []string
	rows  [][]string
	lines []int // of the file, of each row
}

// readTable reads a table; its errors, and those of its columns, are DataErrors.
func readTable(path string) (*table, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		var p *fs.PathError
		if errors.As(err, &p) {
			err = p.Err
		}
		return nil, &DataError{path, err}
	}
	r := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(data, []byte("\ufeff"))))
	r.TrimLeadingSpace, r.FieldsPerRecord = true, -1 // the files have spaces behind commas, and a comma behind the last name
	t := &table{path: path}
	for {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, &DataError{path, err}
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
		return nil, &DataError{path, errors.New("want a line of names and lines of numbers, separated by commas")}
	}
	return t, nil
}

// column returns the numbers of the first column of a name, which have to lie between low and high, bounds not included.
func (t *table) column(name string, low, high float64) ([]float64, error) {
	at := slices.Index(t.names, name)
	if at < 0 {
		return nil, &DataError{t.path, fmt.Errorf("want a column %q, got %s", name, strings.Join(t.names, ", "))}
	}
	want := fmt.Sprintf("above %g", low)
	if !math.IsInf(high, 1) {
		want = fmt.Sprintf("between %g and %g", low, high)
	}
	var out []float64
	for i, row := range t.rows {
		text := ""
		if at < len(row) {
			text = row[at]
		}
		v, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
		if err != nil || !(v > low && v < high) {
			return nil, &DataError{t.path, fmt.Errorf("line %d, column %s: want a number %s, got %q", t.lines[i], name, want, text)}
		}
		out = append(out, v)
	}
	return out, nil
}
