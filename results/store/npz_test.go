package store

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/sbinet/npyio/npz"
)

func TestNPZ(t *testing.T) {
	dir := t.TempDir()
	path, again := filepath.Join(dir, "a.npz"), filepath.Join(dir, "b.npz")
	c := small(1)
	check(t, WriteNPZ(path, c.Export(), c.ExportPixels()...))
	check(t, WriteNPZ(again, c.Export(), c.ExportPixels()...))
	a, err := os.ReadFile(path)
	check(t, err)
	b, err := os.ReadFile(again)
	check(t, err)
	if !bytes.Equal(a, b) {
		t.Error("the same tensors gave other bytes")
	}
	archive, err := npz.Open(path)
	check(t, err)
	defer archive.Close()
	for _, want := range c.Export() {
		var got []float32
		check(t, archive.Read(want.Name+".npy", &got))
		if !equalBits(got, want.Data) {
			t.Errorf("%s: %v, want %v", want.Name, got, want.Data)
		}
	}
	for name, want := range map[string]float64{"pixel_mean": 0.1307, "pixel_sd": 0.3081} {
		var got float64
		check(t, archive.Read(name+".npy", &got))
		if got != want {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
	one := []float32{1}
	wantError(t, WriteNPZ(path, []Tensor{{"a", nil, one}}, Scalar{"a", 1}), path, "is taken")
	wantError(t, WriteNPZ(path, []Tensor{{"a", nil, one}, {"a", nil, one}}), path, "is taken")
	wantError(t, WriteNPZ(path, []Tensor{{"a", []int{2}, one}}), path, "does not hold 1 values")
	wantError(t, WriteNPZ(path, []Tensor{{"a", []int{0}, nil}}), path, "does not hold 0 values")
	wantError(t, WriteNPZ(filepath.Join(path, "x.npz"), nil), "not a directory")
	wantError(t, WriteNPZ(filepath.Join(dir, "missing", "x.npz"), nil), filepath.Join(dir, "missing", "x.npz"),
		"no such file")
	if got := names(t, dir); len(got) != 2 {
		t.Errorf("files left behind: %v", got)
	}
	after, err := os.ReadFile(path)
	check(t, err)
	if !bytes.Equal(a, after) {
		t.Error("a refused write changed the file")
	}
}
