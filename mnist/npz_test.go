package mnist

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"quantal/internal/pythontest"
)

// npy is an array of NumPy: its type, its shape as in Python, the order, and numbers, written in the byte order of
// type.
func npy(descr, shape string, fortran bool, numbers any) []byte {
	order := map[bool]string{false: "False", true: "True"}[fortran]
	header := fmt.Sprintf("{'descr': '%s', 'fortran_order': %s, 'shape': %s, }", descr, order, shape)
	header += strings.Repeat(" ", 63-(10+len(header))%64) + "\n"
	b := append([]byte("\x93NUMPY\x01\x00"), byte(len(header)), byte(len(header)>>8))
	var to binary.AppendByteOrder = binary.LittleEndian
	if strings.HasPrefix(descr, ">") {
		to = binary.BigEndian
	}
	b, _ = binary.Append(append(b, header...), to.(binary.ByteOrder), numbers)
	return b
}

// archive writes arrays, compressed, to x.npz of a new folder, in the order of the names.
func archive(t testing.TB, arrays map[string][]byte, names ...string) string {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, name := range names {
		entry, err := w.Create(name + ".npy")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := entry.Write(arrays[name]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write(t, dir, "x.npz", b.Bytes())
	return filepath.Join(dir, "x.npz")
}

func open(path string, opt Options) (*Set, error) { return Open(context.Background(), path, opt) }

// The numbers of every type and order are those that were written.
func TestNPZ(t *testing.T) {
	y := npy("<i8", "(2,)", false, []int64{1, 0})
	want := []float32{1, 2, 3, 4, 5, 6}
	for name, x := range map[string][]byte{
		"int8":          npy("|i1", "(2, 3)", false, []int8{1, 2, 3, 4, 5, 6}),
		"uint16":        npy("<u2", "(2, 3)", false, []uint16{1, 2, 3, 4, 5, 6}),
		"int16":         npy(">i2", "(2, 3)", false, []int16{1, 2, 3, 4, 5, 6}),
		"uint32":        npy("<u4", "(2, 3)", false, []uint32{1, 2, 3, 4, 5, 6}),
		"int32":         npy("<i4", "(2, 3)", false, []int32{1, 2, 3, 4, 5, 6}),
		"uint64":        npy("<u8", "(2, 3)", false, []uint64{1, 2, 3, 4, 5, 6}),
		"int64":         npy(">i8", "(2, 3)", false, []int64{1, 2, 3, 4, 5, 6}),
		"float32":       npy("<f4", "(2, 3)", false, []float32{1, 2, 3, 4, 5, 6}),
		"big-endian":    npy(">f4", "(2, 3)", false, []float32{1, 2, 3, 4, 5, 6}),
		"float64":       npy("<f8", "(2, 3)", false, []float64{1, 2, 3, 4, 5, 6}),
		"Fortran":       npy("<f8", "(2, 3)", true, []float64{1, 4, 2, 5, 3, 6}),
		"Fortran, cube": npy("<f4", "(2, 1, 3)", true, []float32{1, 4, 2, 5, 3, 6}),
	} {
		path := archive(t, map[string][]byte{"x": x, "y": y, "x_test": x, "y_test": y}, "x", "y", "x_test", "y_test")
		s, err := open(path, Options{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if !slices.Equal(s.Train.Floats, want) || !slices.Equal(s.Train.Labels, []byte{1, 0}) || s.Classes != 2 ||
			s.Test.N() != 2 || s.Dealt || s.Name != "x.npz" || s.Source != path || s.Known || s.SHA256["npz"] == "" {
			t.Errorf("%s: %+v", name, s)
		}
	}
	// Bytes stay bytes, as of images; names of Keras; no test examples.
	x := npy("|u1", "(20, 2, 2)", false, counting(80))
	labels := npy("|u1", "(20, 1)", false, bytes.Repeat([]byte{0, 1}, 10))
	s, err := open(archive(t, map[string][]byte{"x_train": x, "y_train": labels}, "x_train", "y_train"), Options{})
	if err != nil || !s.Dealt || s.Train.N() != 18 || s.Test.N() != 2 || s.Train.Floats != nil || s.Rows != 2 || s.Table {
		t.Fatalf("%+v, %v", s, err)
	}
	all := append(bytes.Clone(s.Train.Images), s.Test.Images...)
	slices.Sort(all)
	if !bytes.Equal(all, counting(80)) {
		t.Errorf("examples of training and test are not all: %v", all)
	}
	for i := range s.Train.N() {
		if one := s.Train.Slice(i, i+1); int(one.Labels[0]) != int(one.Images[0])/4%2 {
			t.Errorf("example %d: image %v with label %d", i, one.Images, one.Labels[0])
		}
	}
	// Fortran order of bytes.
	f := npy("|u1", "(2, 2)", true, []byte{1, 3, 2, 4})
	if s, err := open(archive(t, map[string][]byte{"x": f, "y": y, "x_test": f, "y_test": y},
		"x", "y", "x_test", "y_test"),
		Options{}); err != nil || !bytes.Equal(s.Train.Images, []byte{1, 2, 3, 4}) {
		t.Errorf("Fortran order of bytes: %+v, %v", s, err)
	}
}

func TestNPZBad(t *testing.T) {
	y := npy("<i8", "(2,)", false, []int64{1, 0})
	good := npy("<f4", "(2, 3)", false, make([]float32, 6))
	two := func(x, y []byte) string { return archive(t, map[string][]byte{"x": x, "y": y}, "x", "y") }
	huge := bytes.Clone(good)
	huge[6], huge[8], huge[9] = 2, 0xff, 0xff
	whole, err := os.ReadFile(two(good, y))
	if err != nil {
		t.Fatal(err)
	}
	file := func(content []byte) string {
		dir := t.TempDir()
		write(t, dir, "x.npz", content)
		return filepath.Join(dir, "x.npz")
	}
	flipped := bytes.Clone(whole)
	flipped[60] ^= 0xff
	for name, c := range map[string]struct{ path, want string }{
		"no file":    {filepath.Join(t.TempDir(), "no.npz"), "no such file"},
		"empty":      {file(nil), "not a whole archive of NumPy"},
		"no archive": {file([]byte("hello")), "not a whole archive of NumPy: not a valid zip file"},
		"truncated":  {file(whole[:len(whole)/2]), "not a whole archive"},
		"one bit":    {file(flipped), "x: "},
		"no arrays":  {archive(t, nil), "want the arrays x and y, and x_test and y_test or neither, got "},
		"no y":       {archive(t, map[string][]byte{"x": good, "z": y}, "x", "z"), "or neither, got x, z"},
		"no y_test": {archive(t, map[string][]byte{"x": good, "y": y, "x_test": good}, "x", "y", "x_test"),
			"got x, x_test, y"},
		"x twice": {archive(t, map[string][]byte{"x": good, "y": y}, "x", "y", "x"), "two arrays called x"},
		"objects": {two(npy("|O", "(2,)", false, make([]byte, 50)), y),
			"objects of Python, pickled, which are never read"},
		"text": {two(good, npy("<U5", "(2,)", false, make([]byte, 40))),
			"y: want numbers of type bool, int8"},
		"complex":  {two(npy("<c8", "(2,)", false, make([]byte, 16)), y), "got <c8"},
		"record":   {two(bytes.Replace(good, []byte("'<f4'"), []byte("[('a"), 1), y), "want"},
		"no NumPy": {two([]byte("this is no array"), y), `begins with \x93NUMPY, got "this i"`},
		"short":    {two([]byte("\x93NUM"), y), "ends too early"},
		"version": {two(append([]byte("\x93NUMPY\x09"), good[7:]...), y),
			"want version 1, 2 or 3 of NumPy's format, got 9"},
		"huge header": {two(huge, y), "want a header of at most 65536 bytes"},
		"no keys": {two(bytes.Replace(good, []byte("shape"), []byte("sHape"), 1), y),
			"want a header with descr, fortran_order and shape"},
		"huge": {two(npy("<f8", "(2000000000, 2000000000, 2000000000)", false, []byte{1}), y),
			"more data than any file can hold"},
		"large": {two(npy("<f8", "(2000000000, 10)", false, []byte{1}), y),
			"announces 160000000000 bytes of data, more than"},
		"wide dimension": {two(npy("<f8", "(99999999999,)", false, []byte{1}), y), "want dimensions below 2^31"},
		"negative": {two(npy("<f8", "(-1,)", false, []byte{1}), y),
			"want a header with descr, fortran_order and shape"},
		"no example": {two(npy("<f8", "(0, 3)", false, []byte{}), y),
			"want one example or more, got the shape (0, 3)"},
		"a number": {two(npy("<f8", "()", false, []float64{1}), y),
			"want one example or more, got the shape ()"},
		"too few": {two(npy("<f4", "(2, 3)", false, make([]float32, 5)), y),
			"x: want 24 bytes of data, got 20"},
		"too many": {two(npy("<f4", "(2, 3)", false, make([]float32, 7)), y),
			"x: want 24 bytes of data, got more"},
		"NaN": {two(npy("<f4", "(2, 1)", false, []float32{1, float32(math.NaN())}), y),
			"got NaN in example 2"},
		"other number": {two(npy("<f4", "(3, 2)", false, make([]float32, 6)), y),
			"y: want 3 labels, one for each image of"},
		"one example": {two(npy("<f4", "(1, 2)", false, make([]float32, 2)), npy("<i8", "(1,)", false, []int64{1})),
			"want two examples or more"},
		"other columns": {archive(t, map[string][]byte{"x": good, "y": y, "x_test": npy("<f4", "(2, 2)", false,
			make([]float32, 4)), "y_test": y}, "x", "y", "x_test", "y_test"), "x_test: want inputs of 3 numbers as in"},
	} {
		s, err := open(c.path, Options{})
		var bad *DataError
		if !errors.As(err, &bad) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v and error %v, want %q", name, s, err, c.want)
		}
	}
}

// A header that lies takes no memory: 100 kB of zeros that announce 400 MB, as much as they might unpack to.
func TestNPZAllocation(t *testing.T) {
	path := archive(t, map[string][]byte{"x": append(npy("<f4", "(100000, 10)", false, []byte{}), make([]byte, 1<<20)...),
		"y": npy("<i8", "(2,)", false, []int64{1, 0})}, "x", "y")
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := open(path, Options{}); err == nil || !strings.Contains(err.Error(), "more than the") {
		t.Errorf("error %v", err)
	}
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > 1<<20 {
		t.Errorf("took %d bytes", n)
	}
}

// What NumPy itself writes.
func TestNPZOfNumPy(t *testing.T) {
	dir := t.TempDir()
	var done bool
	pythontest.Run(t, `
import os, sys, numpy as np
os.chdir(sys.argv[1])
x = np.arange(24).reshape(4, 2, 3)
y = np.array([0, 1, 0, 1])
np.savez("a.npz", x=x / 8, y=y, x_test=np.asfortranarray(x / 8), y_test=y)
np.savez_compressed("b.npz", x=x.astype(">i2"), y=y.astype(bool),
    x_test=x.T.copy().T.astype(">i2"), y_test=y.astype(bool))
np.savez("c.npz", x=np.array([{}, {}]), y=y)
print("true")
`, &done, dir)
	for name, scale := range map[string]float32{"a.npz": 8, "b.npz": 1} {
		s, err := open(filepath.Join(dir, name), Options{})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for i := range 24 {
			if s.Train.Floats[i]*scale != float32(i) || s.Test.Floats[i] != s.Train.Floats[i] {
				t.Fatalf("%s: %v, %v", name, s.Train.Floats, s.Test.Floats)
			}
		}
		if !bytes.Equal(s.Train.Labels, []byte{0, 1, 0, 1}) || s.Rows != 2 || s.Columns != 3 {
			t.Errorf("%s: %+v", name, s)
		}
	}
	if _, err := open(filepath.Join(dir, "c.npz"), Options{}); err == nil || !strings.Contains(err.Error(), "pickled") {
		t.Errorf("objects: %v", err)
	}
}

func FuzzNPY(f *testing.F) {
	for _, seed := range [][]byte{nil, npy("<f4", "(2, 3)", true, make([]float32, 6)),
		npy("|u1", "(2,)", false, []byte{1, 2}),
		npy("<f8", "(2000000000, 10)", false, []byte{1}), []byte("\x93NUMPY\x02\x00\xff\xff\xff\xff")} {
		f.Add(seed)
	}
	y := npy("<i8", "(2,)", false, []int64{1, 0})
	f.Fuzz(func(t *testing.T, content []byte) {
		path := archive(t, map[string][]byte{"x": content, "y": y}, "x", "y")
		var bad *DataError
		if _, err := open(path, Options{}); err != nil && !errors.As(err, &bad) {
			t.Fatalf("error %v is not a DataError", err)
		}
	})
}
