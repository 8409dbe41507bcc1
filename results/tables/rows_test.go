package tables

import (
	"math"
	"os"
	"path/filepath"
	"testing"
)

func TestRows(t *testing.T) {
	type base struct {
		Slope float64 `json:"slope"`
	}
	type row struct {
		ID string `json:"id"`
		base
		N int `json:"n"`
	}
	dir := filepath.Join(t.TempDir(), "new")
	files, err := WriteRows(dir, "slopes", []row{{"a,b", base{0.1}, 3}, {"c", base{math.NaN()}, 4}})
	check(t, err)
	for i, want := range []string{
		"id,slope,n\n\"a,b\",0.1,3\nc,,4\n",
		`{"id":"a,b","slope":0.1,"n":3}` + "\n" + `{"id":"c","slope":null,"n":4}` + "\n",
	} {
		got, err := os.ReadFile(files[i])
		check(t, err)
		if string(got) != want {
			t.Errorf("%s:\n%s", files[i], got)
		}
	}
}
