package mnist

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// table writes x.csv in a new folder.
func table(t testing.TB, text string) string {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, "x.csv", []byte(text))
	return filepath.Join(dir, "x.csv")
}

func TestCSV(t *testing.T) {
	split := "a,b,y,split\n1,2,0,train\n3,4,1,test\n5,6.5,1,train\n7,8,0,test\n9,9,2,train\n"
	for name, text := range map[string]string{
		"plain":      split,
		"Windows":    "\xef\xbb\xbf" + strings.ReplaceAll(split, "\n", "\r\n"),
		"semicolons": strings.ReplaceAll(strings.ReplaceAll(split, ",", ";"), ".", ","),
		"tabs":       strings.ReplaceAll(split, ",", "\t"),
		"capitals":   strings.Replace(strings.Replace(split, "y,split", "Label,Split", 1), "train", "Train", 1),
	} {
		s, err := open(table(t, text), Options{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if !slices.Equal(s.Train.Floats, []float32{1, 2, 5, 6.5, 9, 9}) ||
			!slices.Equal(s.Test.Floats, []float32{3, 4, 7, 8}) ||
			!slices.Equal(s.Train.Labels, []byte{0, 1, 2}) || !slices.Equal(s.Test.Labels, []byte{1, 0}) || s.Classes != 3 ||
			!s.Table || s.Dealt || s.Width() != 2 || s.Name != "x.csv" || s.SHA256["csv"] == "" || s.ClassNames != nil {
			t.Errorf("%s: %+v", name, s)
		}
	}
	// Classes that are text, and the folder of two tables.
	dir := t.TempDir()
	write(t, dir, "train.csv", []byte("w,class\n1,no\n2,yes\n3,perhaps\n"))
	write(t, dir, "test.csv", []byte("w,class\n4,yes\n5,yes\n"))
	s, err := open(dir, Options{})
	if err != nil || !slices.Equal(s.Train.Labels, []byte{0, 2, 1}) || !slices.Equal(s.Test.Labels, []byte{2, 2}) ||
		!slices.Equal(s.ClassNames, []string{"no", "perhaps", "yes"}) || len(s.SHA256) != 2 {
		t.Errorf("text: %+v, %v", s, err)
	}
	// Other columns are the answers, and numbers with a point are measured; without a split a tenth is for the test.
	text := "a,b,c\n"
	for i := range 30 {
		text += fmt.Sprintf("%d,%d.5,%d\n", i, i, 2*i)
	}
	s, err = open(table(t, text), Options{Target: "b, c", Likelihood: "gaussian"})
	if err != nil || !s.Dealt || s.Train.N() != 27 || s.Test.N() != 3 || s.Train.Numbers != 2 ||
		s.Width() != 1 || s.Outputs() != 2 {
		t.Fatalf("%+v, %v", s, err)
	}
	for i := range s.Test.N() {
		a, y := s.Test.Floats[i], s.Test.Targets[2*i:2*i+2]
		if y[0] != a+0.5 || y[1] != 2*a {
			t.Errorf("input %g with the answers %v", a, y)
		}
	}
	if again, err := open(table(t, text), Options{Target: "b,c", Likelihood: "gaussian"}); err != nil ||
		!slices.Equal(again.Test.Floats, s.Test.Floats) {
		t.Errorf("another time the test examples are %v, not %v", again.Test.Floats, s.Test.Floats)
	}
}

func TestCSVBad(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		opt  Options
		want string
	}{
		"empty":       {"", Options{}, "is empty: want a line with the names"},
		"names alone": {"a,y\n", Options{}, "has no line below the names"},
		"no answers": {"a,b\n1,2\n", Options{},
			"line 1: want one column called y, label, class or target, or the names of others with --answers, got a, b"},
		"two answers": {"y,label\n1,2\n", Options{}, "line 1: want one column called y"},
		"no inputs":   {"y\n1\n2\n", Options{}, "want a column of inputs besides that of the answers, got y"},
		"no name": {",a,y\n0,1,2\n", Options{},
			"line 1: column 1 has no name: want a name for each column (pandas: to_csv(..., index=False))"},
		"same names": {"a,a,y\n0,1,2\n", Options{}, `line 1: two columns are called "a"`},
		"other target": {"a,b\n1,2\n", Options{Target: "c"},
			`--answers "c": want names of columns, each once, of a, b`},
		"target twice": {"a,b\n1,2\n", Options{Target: "b,b"}, "each once"},
		"text":         {"a,y\n1,0\nx,1\n", Options{}, `line 3, column a: want a number, got "x"`},
		"missing cell": {"a,b,y\n1,2,0\n,1,1\n", Options{}, `line 3, column a: want a number, got ""`},
		"short line":   {"a,b,y\n1,2,0\n1,2\n", Options{}, "line 3: want 3 values, one for each name, got 2"},
		"long line":    {"a,y\n1,0\n1,2,3\n", Options{}, "line 3: want 2 values, one for each name, got 3"},
		"NaN":          {"a,y\nnan,0\n1,2\n", Options{}, `line 2, column a: want a number, got "nan"`},
		"too large": {"a,y\n1e39,0\n1,2\n", Options{},
			"want finite numbers that a 32-bit float can hold, got 1e+39 in example 1"},
		"some text": {"a,y\n1,0\n1,yes\n", Options{}, `line 3, column y: want a number, got "yes"`},
		"split": {"a,y,split\n1,0,train\n1,0,valid\n", Options{},
			`line 3, column split: want train or test, got "valid"`},
		"all train": {"a,y,split\n1,0,train\n1,0,train\n", Options{},
			"want train in some lines and test in others"},
		"quotes":      {"a,y\n\"1,0\n1,2\n", Options{}, "line"},
		"one example": {"a,y\n1,0\n", Options{}, "want two examples or more"},
		"no class": {"a,y\n1,-3\n1,2\n1,2\n", Options{},
			"is no class: want whole numbers from 0 to 255, or --likelihood gaussian"},
		"half a class": {"a,y\n1,0.5\n1,0.5\n1,0.5\n", Options{Likelihood: "categorical"},
			"the answer 0.5 of training example 1 is no class"},
		"binary": {"a,y\n\x00\x01\n", Options{}, "line 2"},
	} {
		s, err := open(table(t, c.text), c.opt)
		var bad *DataError
		if !errors.As(err, &bad) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v and error %v, want %q", name, s, err, c.want)
		}
	}
	if _, err := open(filepath.Join(t.TempDir(), "no.csv"), Options{}); err == nil ||
		!strings.Contains(err.Error(), "no such file") {
		t.Errorf("no file: %v", err)
	}
	dir := t.TempDir()
	write(t, dir, "train.csv", []byte("w,y\n1,0\n2,1\n"))
	if _, err := open(dir, Options{}); err == nil || !strings.Contains(err.Error(), "test.csv: no such file") {
		t.Errorf("no test.csv: %v", err)
	}
	write(t, dir, "test.csv", []byte("v,y\n1,0\n"))
	if _, err := open(dir, Options{}); err == nil ||
		!strings.Contains(err.Error(), "want the columns of train.csv, w, y, got v, y") {
		t.Errorf("other columns: %v", err)
	}
}
