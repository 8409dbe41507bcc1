package mnist

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// tiny returns the four files of a small data set: 30 training and 20 test images of 5 x 4 pixels, three classes.
func tiny() (files [fileCount][]byte) {
	labels := bytes.Repeat([]byte{0, 1, 2}, 10)
	return [fileCount][]byte{
		file(counting(30*5*4), 30, 5, 4), file(labels, 30),
		file(counting(20*5*4), 20, 5, 4), file(labels[:20], 20),
	}
}

// tinyEdition is what MNIST is to Load, for the tiny set.
func tinyEdition() (e edition) {
	for i, content := range tiny() {
		e[i].length, e[i].sum = int64(len(content)), sumOf(content)
	}
	return e
}

// write writes a file of the folder.
func write(t testing.TB, dir, name string, content []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil {
		t.Fatal(err)
	}
}

// folder writes the files under their usual names; a nil file is left out.
func folder(t testing.TB, files [fileCount][]byte) string {
	t.Helper()
	dir := t.TempDir()
	for i, content := range files {
		if content != nil {
			write(t, dir, fileNames[i], content)
		}
	}
	return dir
}

func TestLoadNames(t *testing.T) {
	files := tiny()
	for _, c := range []struct {
		name string
		as   func(name string) string
		pack bool
	}{
		{"plain", func(name string) string { return name }, false},
		{"gzip", func(name string) string { return name + ".gz" }, true},
		{"dotted", func(name string) string { return strings.Replace(name, "-idx", ".idx", 1) }, false},
		{"dotted gzip", func(name string) string { return strings.Replace(name, "-idx", ".idx", 1) + ".gz" }, true},
		{"unpacked with the name of gzip", func(name string) string { return name + ".gz" }, false},
	} {
		dir := t.TempDir()
		for i, content := range files {
			if c.pack {
				content = gzipped(t, content)
			}
			write(t, dir, c.as(fileNames[i]), content)
		}
		s, err := Load(dir)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if s.Known || s.Name != filepath.Base(dir) || s.Source != dir || s.Rows != 5 || s.Columns != 4 || s.Classes != 3 {
			t.Errorf("%s: %+v", c.name, s)
		}
		if s.Train.N() != 30 || s.Test.N() != 20 || !bytes.Equal(s.Train.Images, counting(600)) || s.Test.Labels[1] != 1 {
			t.Errorf("%s: wrong examples", c.name)
		}
		if s.SHA256[fileNames[2]] != sumOf(files[2]) {
			t.Errorf("%s: wrong checksum %v", c.name, s.SHA256)
		}
	}
}

func TestLoadPrefersPlain(t *testing.T) {
	dir := folder(t, tiny())
	write(t, dir, fileNames[0]+".gz", []byte("nonsense"))
	if _, err := Load(dir); err != nil {
		t.Error(err)
	}
}

func TestLoadBad(t *testing.T) {
	good := tiny()
	with := func(i int, content []byte) [fileCount][]byte {
		files := good
		files[i] = content
		return files
	}
	changed := bytes.Clone(good[trainImages])
	changed[100] ^= 1
	for _, c := range []struct {
		name string
		dir  string
		want string
	}{
		{"no folder", filepath.Join(t.TempDir(), "nowhere"), "nowhere: no such folder"},
		{"a file", filepath.Join(folder(t, good), fileNames[0]), "want a folder with the four IDX files"},
		{"nothing in it", t.TempDir(), "none of the four IDX files"},
		{"a file missing", folder(t, with(testLabels, nil)), "mnist: t10k-labels-idx1-ubyte: no such file, plain or .gz, in"},
		{"truncated", folder(t, with(testImages, good[testImages][:100])),
			"mnist: t10k-images-idx3-ubyte: want 416 bytes, got 100"},
		{"labels for images", folder(t, with(trainImages, good[trainLabels])),
			"mnist: train-images-idx3-ubyte: holds labels"},
		{"too few labels", folder(t, with(trainLabels, file(counting(29), 29))),
			"mnist: train-labels-idx1-ubyte: want 30 labels, one for each image of train-images-idx3-ubyte, got 29"},
		{"other size", folder(t, with(testImages, file(counting(20*4*6), 20, 4, 6))),
			"mnist: t10k-images-idx3-ubyte: want images of 5 x 4 pixels as in train-images-idx3-ubyte, got 4 x 6"},
		{"test labels for training labels", folder(t, with(trainLabels, good[testLabels])),
			"mnist: train-labels-idx1-ubyte: holds MNIST's t10k-labels-idx1-ubyte: the files were swapped"},
		{"one byte changed", folder(t, with(trainImages, changed)),
			"mnist: train-images-idx3-ubyte: damaged: want SHA-256 " + sumOf(good[trainImages]) + " of MNIST, got " +
				sumOf(changed)},
	} {
		s, err := tinyEdition().load(c.dir, Options{})
		var bad *DataError
		if !errors.As(err, &bad) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v and error %v, want %q", c.name, s, err, c.want)
		}
	}
}

func TestLoadKnown(t *testing.T) {
	good := tiny()
	if s, err := tinyEdition().load(folder(t, good), Options{}); err != nil || !s.Known || s.Name != "mnist" {
		t.Errorf("the published files: %+v, %v", s, err)
	}
	// Another data set of the same shape, as Fashion-MNIST has the shape of MNIST.
	var other [fileCount][]byte
	for i, content := range good {
		other[i] = bytes.Clone(content)
		other[i][len(content)-1] ^= 1
	}
	if s, err := tinyEdition().load(folder(t, other), Options{}); err != nil || s.Known {
		t.Errorf("another set of the same shape: %+v, %v", s, err)
	}
	// Some of the training examples with the published test files.
	part := good
	part[trainImages], part[trainLabels] = file(counting(10*5*4), 10, 5, 4), file(counting(10), 10)
	if s, err := tinyEdition().load(folder(t, part), Options{}); err != nil || s.Known || s.Train.N() != 10 {
		t.Errorf("a part of the training examples: %+v, %v", s, err)
	}
}

func TestSplit(t *testing.T) {
	s, err := Load(folder(t, tiny()))
	if err != nil {
		t.Fatal(err)
	}
	train, held, err := s.Split(10)
	if err != nil || train.N() != 20 || held.N() != 10 {
		t.Fatalf("%d and %d examples, %v", train.N(), held.N(), err)
	}
	if !bytes.Equal(append(bytes.Clone(train.Images), held.Images...), s.Train.Images) ||
		!bytes.Equal(append(bytes.Clone(train.Labels), held.Labels...), s.Train.Labels) {
		t.Error("the two parts are not the whole")
	}
	if train, held, err := s.Split(0); err != nil || train.N() != 30 || held.N() != 0 {
		t.Errorf("split of none: %d and %d examples, %v", train.N(), held.N(), err)
	}
	for _, n := range []int{-1, 30, 31} {
		if _, _, err := s.Split(n); err == nil || !strings.Contains(err.Error(), "want 0 to 29") {
			t.Errorf("split of %d: error %v", n, err)
		}
	}
	if part := s.Test.Slice(3, 5); part.N() != 2 || !bytes.Equal(part.Images, s.Test.Images[60:100]) ||
		cap(part.Images) != 40 {
		t.Errorf("slice: %d examples, %d bytes", part.N(), len(part.Images))
	}
}

func TestOpen(t *testing.T) {
	ctx := context.Background()
	cache := folder(t, tiny())
	opt := Options{CacheDir: cache}
	s, err := tinyEdition().openCache(ctx, false, opt)
	if err != nil || s.Source != "cache "+cache || !s.Known {
		t.Errorf("cache: %+v, %v", s, err)
	}
	if s, err := Open(ctx, cache, Options{}); err != nil || s.Train.N() != 30 {
		t.Errorf("folder: %+v, %v", s, err)
	}
	if s, err := Open(ctx, "glyphs", Options{}); err != nil || s.Name != "glyphs" {
		t.Errorf("glyphs: %+v, %v", s, err)
	}
	// Nothing but MNIST belongs in the cache.
	var bad *DataError
	if _, err := Open(ctx, "mnist", opt); !errors.As(err, &bad) || !strings.Contains(err.Error(), "quantal data --fetch") {
		t.Errorf("another set in the cache: %v", err)
	}
	t.Setenv("QUANTAL_CACHE", t.TempDir())
	if _, err := Open(ctx, "", Options{}); !errors.As(err, &bad) || !strings.Contains(err.Error(), "--data glyphs") {
		t.Errorf("empty cache: %v", err)
	}
}

func TestCacheDir(t *testing.T) {
	t.Setenv("QUANTAL_CACHE", "")
	t.Setenv("HOME", "/home/someone")
	t.Setenv("XDG_CACHE_HOME", "")
	if dir, err := CacheDir(); err != nil || filepath.Base(dir) != "mnist" ||
		filepath.Base(filepath.Dir(dir)) != "quantal" {
		t.Errorf("%s, %v", dir, err)
	}
	t.Setenv("HOME", "")
	if dir, err := CacheDir(); err == nil || !strings.Contains(err.Error(), "QUANTAL_CACHE") {
		t.Errorf("without a home: %s, %v", dir, err)
	}
	t.Setenv("QUANTAL_CACHE", "/somewhere")
	if dir, err := CacheDir(); err != nil || dir != "/somewhere" {
		t.Errorf("%s, %v", dir, err)
	}
}

// realMNIST is the folder with MNIST next to the repository.
func realMNIST(t testing.TB) string {
	t.Helper()
	dir, err := filepath.Abs(filepath.Join("..", "..", "shared", "mnist"))
	if err != nil {
		t.Fatal(err)
	}
	if usualNames(dir)[trainImages] == "" {
		t.Skipf("MNIST is not in %s", dir)
	}
	return dir
}

func TestRealMNIST(t *testing.T) {
	s, err := Load(realMNIST(t))
	if err != nil {
		t.Fatal(err)
	}
	if !s.Known || s.Name != "mnist" || s.Rows != 28 || s.Columns != 28 || s.Classes != 10 ||
		s.Train.N() != 60000 || s.Test.N() != 10000 || s.Train.Labels[0] != 5 || s.Test.Labels[0] != 7 {
		t.Errorf("%s, known %v, %d x %d pixels, %d classes, %d and %d examples", s.Name, s.Known, s.Rows, s.Columns,
			s.Classes, s.Train.N(), s.Test.N())
	}
}

func TestRealMNISTDamaged(t *testing.T) {
	real := realMNIST(t)
	read := func(i int) []byte {
		f, err := os.Open(filepath.Join(real, fileNames[i]+".gz"))
		if err != nil {
			t.Skip(err)
		}
		defer f.Close()
		r, err := gzip.NewReader(f)
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		return content
	}
	linked := func() string {
		dir := t.TempDir()
		for _, name := range fileNames {
			if err := os.Symlink(filepath.Join(real, name+".gz"), filepath.Join(dir, name+".gz")); err != nil {
				t.Fatal(err)
			}
		}
		return dir
	}
	changed := read(trainLabels)
	changed[1000] ^= 1
	dir := linked()
	write(t, dir, fileNames[trainLabels], changed)
	if _, err := Load(dir); err == nil || !strings.Contains(err.Error(),
		"mnist: train-labels-idx1-ubyte: damaged: want SHA-256 65a50cbb") {
		t.Errorf("a label changed: %v", err)
	}
	dir = linked()
	write(t, dir, fileNames[testLabels], read(trainLabels))
	if _, err := Load(dir); err == nil || !strings.Contains(err.Error(), "holds MNIST's train-labels-idx1-ubyte") {
		t.Errorf("labels swapped: %v", err)
	}
}

func BenchmarkLoad(b *testing.B) {
	dir := realMNIST(b)
	for b.Loop() {
		if _, err := Load(dir); err != nil {
			b.Fatal(err)
		}
	}
}

// typed is the IDX file of numbers of a type, big-endian.
func typed(number byte, values any, dims ...uint32) []byte {
	h := header(dims...)
	h[2] = number
	h, _ = binary.Append(h, binary.BigEndian, values)
	return h
}

// The elements of IDX files have any of the six types of the format, and images two to four dimensions.
func TestLoadTypes(t *testing.T) {
	labels := []byte{0, 1, 0, 1}
	for _, c := range []struct {
		name           string
		images         []byte // two of them
		labels         []byte
		floats         []float32 // of the first image
		rows, columns  int
		channels       int
		planes, table  bool
		first, outputs int
	}{
		{"signed bytes", typed(9, []int8{-1, 2, 3, -128, 127, 0}, 2, 1, 3), file(labels[:2], 2), []float32{-1, 2, 3}, 1, 3,
			0, false, false, 0, 2},
		{"16 bits", typed(0xb, []int16{-2, 300, 5, 6}, 2, 1, 2), typed(0xb, []int16{1, 0}, 2), []float32{-2, 300}, 1, 2, 0,
			false, false, 1, 2},
		{"32 bits", typed(0xc, []int32{-70000, 3, 5, 6}, 2, 1, 2), typed(0xc, []int32{1, 0}, 2), []float32{-70000, 3}, 1, 2,
			0, false, false, 1, 2},
		{"32-bit floats", typed(0xd, []float32{0.25, -3, 5, 6}, 2, 2, 1), typed(0xd, []float32{1, 0}, 2),
			[]float32{0.25, -3}, 2, 1, 0, false, false, 1, 2},
		{"64-bit floats", typed(0xe, []float64{0.1, -3, 5, 6}, 2, 2), typed(0xe, []float64{1, 0}, 2), []float32{0.1, -3}, 1,
			2, 0, false, true, 1, 2},
		{"QMNIST", typed(0xd, []float32{1, 2, 3, 4}, 2, 1, 2),
			typed(0xc, []int32{1, 4000, 2, 3, 4, 5, 6, 7, 0, 9, 8, 7, 6, 5, 4, 3}, 2, 8), []float32{1, 2}, 1, 2, 0, false,
			false, 1, 2},
		{"colours", typed(0xd, make([]float32, 2*5*6*3), 2, 5, 6, 3), file(labels[:2], 2), make([]float32, 90), 5, 6, 3,
			false, false, 0, 2},
		{"planes", typed(0xd, make([]float32, 2*5*6*3), 2, 3, 5, 6), file(labels[:2], 2), make([]float32, 90), 5, 6, 3, true,
			false, 0, 2},
	} {
		s, err := published.load(folder(t, [fileCount][]byte{c.images, c.labels, c.images, c.labels}),
			Options{Likelihood: "categorical"})
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if !slices.Equal(s.Train.Slice(0, 1).Floats, c.floats) || s.Rows != c.rows || s.Columns != c.columns ||
			s.Channels != c.channels || s.Planes != c.planes || s.Table != c.table || s.Width() != len(c.floats) {
			t.Errorf("%s: %+v", c.name, s)
		}
		if s.Train.N() != 2 || int(s.Train.Labels[0]) != c.first || s.Outputs() != c.outputs ||
			s.Test.Labels[1] == s.Test.Labels[0] {
			t.Errorf("%s: labels %v of %d classes", c.name, s.Train.Labels, s.Classes)
		}
	}
}

func TestLoadTypesBad(t *testing.T) {
	good := tiny()
	floats := func(v ...float32) []byte { return typed(0xd, v, uint32(len(v)/4), 2, 2) }
	two := file([]byte{0, 1}, 2)
	for _, c := range []struct {
		name  string
		files [fileCount][]byte
		want  string
	}{
		{"NaN", [fileCount][]byte{floats(1, 2, 3, 4, 5, float32(math.NaN()), 7, 8), two, floats(1, 2, 3, 4), two},
			"train-images-idx3-ubyte: want finite numbers that a 32-bit float can hold, got NaN in example 2"},
		{"too large", [fileCount][]byte{typed(0xe, []float64{1e300, 1}, 2, 1), two, typed(0xe, []float64{1, 1}, 2, 1), two},
			"got 1e+300 in example 1"},
		{"bytes and floats", [fileCount][]byte{good[0], good[1], typed(0xd, make([]float32, 20*20), 20, 5, 4), good[3]},
			"t10k-images-idx3-ubyte: want the element type of train-images-idx3-ubyte"},
		{"one-hot", [fileCount][]byte{good[0], file(make([]byte, 90), 30, 3), good[2], good[3]},
			"train-labels-idx1-ubyte: want one label for each image, or the eight integers of QMNIST, got 3 integers"},
		{"no class", [fileCount][]byte{good[0], typed(0xc, append(make([]int32, 29), 256), 30), good[2], good[3]},
			"the answer 256 of training example 30 is no class: want whole numbers from 0 to 255"},
		{"negative class", [fileCount][]byte{good[0], good[1], good[2], typed(9, append(make([]int8, 19), -1), 20)},
			"the answer -1 of test example 20 is no class"},
		{"images for labels", [fileCount][]byte{good[0], typed(0xd, make([]float32, 30), 30, 1, 1), good[2], good[3]},
			"holds images (magic number 0x00000d03) where labels"},
	} {
		_, err := Load(folder(t, c.files))
		var bad *DataError
		if !errors.As(err, &bad) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got error %v, want %q", c.name, err, c.want)
		}
	}
}

// Files as NIST and others name them, and several sets in one folder.
func TestLoadOtherNames(t *testing.T) {
	dir := t.TempDir()
	parts := [fileCount]string{"train-images-idx3-ubyte", "train-labels-idx1-ubyte", "test-images-idx3-ubyte",
		"test-labels-idx1-ubyte"}
	for i, content := range tiny() {
		write(t, dir, "emnist-letters-"+parts[i]+".gz", gzipped(t, content))
	}
	s, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	if s.Name != "emnist-letters-folder" || s.Source != dir || !s.Transposed || s.Train.N() != 30 ||
		s.SHA256[fileNames[testLabels]] != sumOf(tiny()[testLabels]) {
		t.Errorf("%+v", s)
	}
	for i, content := range tiny() {
		name := strings.Replace(parts[i], "labels-idx1-ubyte", "labels-idx2-int", 1)
		if i%2 == 1 {
			content = typed(0xc, slices.Repeat([]int32{2, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0}, (len(content)-8)/2),
				uint32(len(content)-8), 8)
		}
		write(t, dir, "qmnist-"+name, content)
	}
	for name, first := range map[string]byte{"qmnist": 2, "emnist-letters": 0} {
		s, err := Load(filepath.Join(dir, name))
		if err != nil || s.Name != name+"-folder" ||
			s.Train.Labels[0] != first || s.Source != filepath.Join(dir, name) {
			t.Errorf("%s: %+v, %v", name, s, err)
		}
	}
	_, err = Load(dir)
	if want := "several data sets: want one of " + filepath.Join(dir, "emnist-letters"); err == nil ||
		!strings.Contains(err.Error(), want) {
		t.Errorf("error %v, want %q", err, want)
	}
	if err := os.Remove(filepath.Join(dir, "qmnist-train-images-idx3-ubyte")); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(filepath.Join(dir, "qmnist")); err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("without its images: %v", err)
	}
	for i, content := range tiny() { // the usual names come first
		write(t, dir, fileNames[i], content)
	}
	if s, err := Load(dir); err != nil || s.Transposed || s.Name != filepath.Base(dir) {
		t.Errorf("beside usual names: %+v, %v", s, err)
	}
}

func TestPictures(t *testing.T) {
	set := func(images []byte, change func(s *Set)) *Set {
		s := &Set{Rows: 2, Columns: 3, Train: Examples{Images: images, Labels: []byte{7}}}
		change(s)
		return s
	}
	for name, c := range map[string]struct {
		set  *Set
		want []byte
	}{
		"as it is":   {set([]byte{1, 2, 3, 4, 5, 6}, func(*Set) {}), []byte{1, 2, 3, 4, 5, 6}},
		"transposed": {set([]byte{1, 2, 3, 4, 5, 6}, func(s *Set) { s.Transposed = true }), []byte{1, 4, 2, 5, 3, 6}},
		"colours": {set([]byte{0, 2, 2, 4, 4, 6, 6, 8, 8, 10, 10, 12}, func(s *Set) { s.Channels = 2 }),
			[]byte{254, 252, 250, 248, 246, 244}},
		"planes": {set([]byte{0, 2, 4, 6, 8, 10, 2, 4, 6, 8, 10, 12}, func(s *Set) { s.Channels, s.Planes = 2, true }),
			[]byte{254, 252, 250, 248, 246, 244}},
		"floats": {set(nil, func(s *Set) { s.Train.Floats = []float32{-1, -1, 0, 0, 1, 1} }),
			[]byte{0, 0, 128, 128, 255, 255}},
	} {
		images, labels, err := c.set.Pictures(5)
		if err != nil || !bytes.Equal(images, c.want) || !bytes.Equal(labels, []byte{7}) {
			t.Errorf("%s: %v, %v, %v", name, images, labels, err)
		}
	}
	if _, _, err := set(nil, func(s *Set) { s.Table = true }).Pictures(5); err == nil {
		t.Error("no error for a table")
	}
}
