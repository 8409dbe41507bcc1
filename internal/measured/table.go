// Package measured reads tables of numbers, measured or published, in CSV files with a line of names.
package measured

import (
	"bytes"
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"quantal/internal/input"
	"quantal/internal/textfile"
)

// Error says that a table is missing or wrong.
type Error struct {
	Path string
	Err  error
}

func (e *Error) Error() string { return fmt.Sprintf("%s: %v", e.Path, e.Err) }
func (e *Error) Unwrap() error { return e.Err }

// Table is a CSV file with a line of names.
type Table struct {
	Names []string // of the columns; those without a name at the end are left out
	Line  int      // of the line with the names, counted from 1
	Rows  []Row
	path  string
}

// Row is a line of a table below that of the names.
type Row struct {
	Line  int      // of the file
	Cells []string // one for each name, without blanks around it
}

// Read reads a table, as programs of many kinds and countries write them. Package textfile decodes the text. Cells are
// separated by commas, semicolons or tabs: whichever is most frequent in the line of names. If it is not the comma,
// numbers may have decimal commas, which are replaced by points; a table has one of the two. Blanks around cells, empty
// lines, lines of empty cells, separators at the ends of lines, and lines that begin with # are ignored. The errors,
// and those of Column, are Errors, with the line.
func Read(path string) (*Table, error) { return ReadUpTo(path, input.Table) }

// ReadUpTo is Read of a file of at most most bytes.
func ReadUpTo(path string, most int64) (*Table, error) {
	data, err := input.Read(path, most)
	if err != nil {
		var p *fs.PathError
		if errors.As(err, &p) {
			err = p.Err
		}
		return nil, &Error{path, err}
	}
	t := &Table{path: path}
	if err := t.parse(data); err != nil {
		return nil, &Error{path, err}
	}
	return t, nil
}

func (t *Table) parse(data []byte) error {
	text, err := textfile.Decode(data)
	if err != nil {
		return err
	}
	r := csv.NewReader(bytes.NewReader(text))
	r.Comma, r.Comment, r.FieldsPerRecord = separator(text), comment, -1
	r.TrimLeadingSpace = r.Comma != '\t' // a tab is also a blank
	for {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return csvError(err)
		}
		line, _ := r.FieldPos(0)
		if err := t.add(line, row); err != nil {
			return err
		}
	}
	switch {
	case t.Names == nil:
		return errors.New("is empty: want a line with the names of the columns, and lines of values below it")
	case len(t.Rows) == 0:
		return errors.New("has no line below the names of the columns")
	case r.Comma != ',':
		return t.replaceDecimalCommas()
	}
	return nil
}

const comment = '#'

// separator is what separates the cells of a table.
func separator(text []byte) rune {
	for line := range bytes.Lines(text) {
		if len(bytes.TrimSpace(line)) == 0 || line[0] == comment {
			continue
		}
		most := ','
		for _, candidate := range ";\t" {
			if strings.Count(string(line), string(candidate)) > strings.Count(string(line), string(most)) {
				most = candidate
			}
		}
		return most
	}
	return ','
}

// add takes the next line that is not empty, first the line of names.
func (t *Table) add(line int, row []string) error {
	for i := range row {
		row[i] = strings.TrimSpace(row[i])
	}
	used := len(row)
	for used > 0 && row[used-1] == "" {
		used--
	}
	switch {
	case used == 0:
		return nil
	case t.Names == nil:
		t.Names, t.Line = row[:used], line
		return nil
	case used > len(t.Names):
		return fmt.Errorf("line %d: want %d values, one for each name, got %d", line, len(t.Names), used)
	case len(row) < len(t.Names):
		return fmt.Errorf("line %d: want %d values, one for each name, got %d", line, len(t.Names), len(row))
	}
	t.Rows = append(t.Rows, Row{line, row[:len(t.Names)]})
	return nil
}

// A number as in tables: decimal, without the underscores, hexadecimal digits and names that Go also reads.
var decimal = regexp.MustCompile(`^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$`)

// Numbers with a decimal comma, or with a point.
var (
	withComma = regexp.MustCompile(`^[+-]?[0-9]*,[0-9]+([eE][+-]?[0-9]+)?$`)
	withPoint = regexp.MustCompile(`^[+-]?([0-9]+\.[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$`)
)

// replaceDecimalCommas replaces decimal commas by points. In a table that has both, one of them probably separates
// thousands.
func (t *Table) replaceDecimalCommas() error {
	var comma, point string // where the first of each is
	for _, row := range t.Rows {
		for i, cell := range row.Cells {
			here := fmt.Sprintf("line %d, column %s: %q", row.Line, t.Names[i], cell)
			switch {
			case withComma.MatchString(cell):
				row.Cells[i] = strings.Replace(cell, ",", ".", 1)
				comma = cmp.Or(comma, here)
			case withPoint.MatchString(cell):
				point = cmp.Or(point, here)
			}
		}
	}
	if comma != "" && point != "" {
		return fmt.Errorf("want decimal points or decimal commas, got both: %s; %s", comma, point)
	}
	return nil
}

// csvError is the error of package csv without its name.
func csvError(err error) error {
	var p *csv.ParseError
	if errors.As(err, &p) {
		return fmt.Errorf("line %d, character %d: %w", p.Line, p.Column, p.Err)
	}
	return err
}

// Column returns the numbers of the first column of a name, which must be between low and high, exclusive.
func (t *Table) Column(name string, low, high float64) ([]float64, error) {
	at := slices.Index(t.Names, name)
	if at < 0 {
		return nil, &Error{t.path, fmt.Errorf("want a column %q, got %s", name, strings.Join(t.Names, ", "))}
	}
	want := fmt.Sprintf("a number between %g and %g", low, high)
	switch {
	case math.IsInf(low, -1) && math.IsInf(high, 1):
		want = "a number"
	case math.IsInf(high, 1):
		want = fmt.Sprintf("a number above %g", low)
	}
	var out []float64
	for _, row := range t.Rows {
		v, err := strconv.ParseFloat(row.Cells[at], 64)
		if err != nil || !decimal.MatchString(row.Cells[at]) || !(v > low && v < high) {
			return nil, &Error{t.path, fmt.Errorf("line %d, column %s: want %s, got %q", row.Line, name, want, row.Cells[at])}
		}
		out = append(out, v)
	}
	return out, nil
}
