package mnist

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"quantal/internal/measured"
	"quantal/internal/memory"
)

// csvFormat reads tables with a line of names: a file, in which a column called split may say train or test, or a
// folder with train.csv and test.csv. The answers are the columns of Options.Target, or the one called y, label, class
// or target; all others are inputs. Package measured has the kinds of tables that it reads.
func csvFormat() format {
	return format{"csv", "a table x.csv, or a folder with train.csv and test.csv", func(path string) bool {
		if info, err := os.Stat(filepath.Join(path, trainCSV)); err == nil && info.Mode().IsRegular() {
			return true
		}
		ending := strings.ToLower(filepath.Ext(path))
		return ending == ".csv" || ending == ".tsv"
	}, readCSV}
}

// The files of a folder of tables, and the column and its cells that divide the examples of one.
const (
	trainCSV, testCSV = "train.csv", "test.csv"
	splitColumn       = "split"
)

func readCSV(path string, opt Options) (*Set, error) {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		train, err := readTable(filepath.Join(path, trainCSV), opt)
		if err != nil {
			return nil, err
		}
		test, err := readTable(filepath.Join(path, testCSV), opt)
		if err != nil {
			return nil, err
		}
		if !slices.Equal(train.names, test.names) {
			return nil, badf(test.path, "want the columns of %s, %s, got %s", trainCSV, strings.Join(train.names, ", "),
				strings.Join(test.names, ", "))
		}
		return setOf(path, train, test)
	}
	all, err := readTable(path, opt)
	if err != nil {
		return nil, err
	}
	return setOf(path, all, nil)
}

// dataTable is a table as inputs and answers.
type dataTable struct {
	path, sum    string
	names        []string // of the inputs and then the answers
	x, y         array
	classes      []string // of answers that are text, for each example; then y is still to be filled
	train, tests []int    // the examples of each part, by the column split; nil without one
}

// aName is what the column of the answers may be called.
var aName = regexp.MustCompile(`(?i)^(y|label|class|target)$`)

// aWhole is a whole number in a cell.
var aWhole = regexp.MustCompile(`^[+-]?[0-9]+$`)

func readTable(path string, opt Options) (*dataTable, error) {
	f, info, err := openRegular(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	// A cell takes two bytes of text or more, and here 16 bytes, 4 for the number and the text twice.
	const times, most = 13, 2 << 30
	if err := memory.Check(path, times*float64(info.Size())); err != nil {
		return nil, err
	}
	t, err := measured.ReadUpTo(path, most)
	if err != nil {
		return nil, tableError(path, err)
	}
	d := &dataTable{path: path}
	if d.sum, err = sumOfFile(f); err != nil {
		return nil, err
	}
	targets, err := targetsOf(t, path, opt.Target)
	if err != nil {
		return nil, err
	}
	var inputs []int
	for i, name := range t.Names {
		switch {
		case strings.EqualFold(name, splitColumn) && !slices.Contains(targets, i):
			if err := d.divide(t, i); err != nil {
				return nil, err
			}
		case !slices.Contains(targets, i):
			inputs = append(inputs, i)
		}
	}
	if len(inputs) == 0 {
		return nil, badf(path, "want a column of inputs besides that of the answers, got %s", strings.Join(t.Names, ", "))
	}
	for _, i := range slices.Concat(inputs, targets) {
		d.names = append(d.names, t.Names[i])
	}
	if d.x, err = numbers(t, path, inputs); err != nil {
		return nil, err
	}
	if len(targets) == 1 {
		if d.classes = textIn(t, targets[0]); d.classes != nil {
			return d, nil
		}
	}
	d.y, err = numbers(t, path, targets)
	return d, err
}

// tableError is the error of package measured as one about data.
func tableError(path string, err error) error {
	var bad *measured.Error
	if errors.As(err, &bad) {
		err = bad.Err
	}
	var disk *fs.PathError
	if errors.As(err, &disk) {
		return fmt.Errorf("mnist: %w", err)
	}
	return &DataError{File: path, Reason: err.Error(), Err: err}
}

// targetsOf are the columns of the answers.
func targetsOf(t *measured.Table, path, target string) (targets []int, err error) {
	for i, name := range t.Names {
		switch {
		case name == "":
			return nil, badf(path, "line %d: column %d has no name: want a name for each column "+
				"(pandas: to_csv(..., index=False))", t.Line, i+1)
		case slices.Index(t.Names, name) < i:
			return nil, badf(path, "line %d: two columns are called %q", t.Line, name)
		case target == "" && aName.MatchString(name):
			targets = append(targets, i)
		}
	}
	if target == "" {
		if len(targets) != 1 {
			return nil, badf(path, "line %d: want one column called y, label, class or target, or the names of others with "+
				"--answers, got %s", t.Line, strings.Join(t.Names, ", "))
		}
		return targets, nil
	}
	for name := range strings.SplitSeq(target, ",") {
		at := slices.Index(t.Names, strings.TrimSpace(name))
		if at < 0 || slices.Contains(targets, at) {
			return nil, badf(path, "line %d: --answers %q: want names of columns, each once, of %s", t.Line, target,
				strings.Join(t.Names, ", "))
		}
		targets = append(targets, at)
	}
	return targets, nil
}

// divide reads the column that says which examples are for training and which for the test.
func (d *dataTable) divide(t *measured.Table, column int) error {
	for i, row := range t.Rows {
		switch cell := strings.ToLower(row.Cells[column]); cell {
		case "train":
			d.train = append(d.train, i)
		case "test":
			d.tests = append(d.tests, i)
		default:
			return badf(d.path, "line %d, column %s: want train or test, got %q", row.Line, t.Names[column], row.Cells[column])
		}
	}
	if d.train == nil || d.tests == nil {
		return badf(d.path, "column %s: want train in some lines and test in others, got one of them in all", t.Names[column])
	}
	return nil
}

// numbers are the cells of columns, [n][columns].
func numbers(t *measured.Table, path string, columns []int) (array, error) {
	list := make([][]float64, len(columns))
	whole := true
	for k, i := range columns {
		var err error
		if list[k], err = t.Column(t.Names[i], math.Inf(-1), math.Inf(1)); err != nil {
			return array{}, tableError(path, err)
		}
		for _, row := range t.Rows {
			whole = whole && aWhole.MatchString(row.Cells[i])
		}
	}
	return newArray(path, []int{len(t.Rows), len(columns)}, whole, func(i int) float64 {
		return list[i%len(list)][i/len(list)]
	})
}

// textIn are the cells of a column if none of them is a number.
func textIn(t *measured.Table, column int) (cells []string) {
	for _, row := range t.Rows {
		cell := row.Cells[column]
		if cell == "" || strings.ContainsRune("+-.0123456789", rune(cell[0])) {
			return nil
		}
		cells = append(cells, cell)
	}
	return cells
}

// setOf makes a set of a table for training and one for the test, or of one for both.
func setOf(path string, train, test *dataTable) (*Set, error) {
	tables := []*dataTable{train}
	if test != nil {
		tables = append(tables, test)
	}
	names, err := number(tables)
	if err != nil {
		return nil, err
	}
	arrays := [fileCount]*array{&train.x, &train.y}
	if test != nil {
		arrays[testImages], arrays[testLabels] = &test.x, &test.y
		test.y.whole = test.y.whole && train.y.whole // 3.0 may be written as 3
		train.y.whole = test.y.whole
	}
	s, err := fourOrTwo(path, arrays)
	if err != nil {
		return nil, err
	}
	if train.train != nil && test == nil {
		all := train.examples()
		s.Train, s.Test, s.Dealt = all.Pick(train.train), all.Pick(train.tests), false
	}
	s.ClassNames, s.SHA256["csv"] = names, train.sum
	if test != nil {
		s.SHA256["csv-test"] = test.sum
	}
	return s, nil
}

func (d *dataTable) examples() Examples {
	return Examples{Floats: d.x.numbers, Targets: d.y.numbers, Numbers: d.y.dims[1]}
}

// number numbers classes that are text, in alphabetical order.
func number(tables []*dataTable) (names []string, err error) {
	for _, d := range tables {
		if (d.classes == nil) != (tables[0].classes == nil) {
			return nil, badf(d.path, "want text or numbers as answers in both %s and %s", trainCSV, testCSV)
		}
		names = append(names, d.classes...)
	}
	slices.Sort(names)
	names = slices.Compact(names)
	for _, d := range tables {
		if d.classes == nil {
			continue
		}
		if len(names) > MaxClasses {
			return nil, badf(d.path, "want at most %d classes, got %d different texts", MaxClasses, len(names))
		}
		d.y = array{name: d.path, dims: []int{len(d.classes), 1}, numbers: make([]float32, len(d.classes)), whole: true}
		for i, name := range d.classes {
			at, _ := slices.BinarySearch(names, name)
			d.y.numbers[i] = float32(at)
		}
	}
	return names, nil
}
