package mnist

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"quantal/internal/fault"
)

// The four files of a data set under their usual names: images before labels, training before test.
const (
	trainImages = iota
	trainLabels
	testImages
	testLabels
	fileCount
)

var fileNames = [fileCount]string{
	"train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte",
}

// An edition identifies a data set by its files: length in bytes and SHA-256 of their unpacked content. It is a type so
// that tests can have a smaller one than MNIST.
type edition [fileCount]struct {
	length int64
	sum    string
}

// published is MNIST as its authors published it.
var published = edition{
	{16 + 60000*28*28, "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"},
	{8 + 60000, "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"},
	{16 + 10000*28*28, "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"},
	{8 + 10000, "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"},
}

// magicOf is the magic number of file i.
func magicOf(i int) uint32 {
	if i == trainImages || i == testImages {
		return magicImages
	}
	return magicLabels
}

// Load reads the data set in a folder: four files in IDX format with MNIST's names (train-images-idx3-ubyte, or with a
// dot before idx), plain or as .gz; if both exist, the plain one is read. Any image size, any number of examples and up
// to 256 classes will do; WithClasses, with n = 0, says which labels.
//
// Files that are not what they should be give a [DataError]. If at least one of the files is MNIST's by its checksum,
// then a file of MNIST's length with another checksum is one of them. For a data set that is not MNIST, Set.Known is
// false.
func Load(dir string) (*Set, error) { return published.load(dir, 0) }

func (e edition) load(dir string, classes int) (*Set, error) {
	if err := checkFolder(dir); err != nil {
		return nil, err
	}
	files, err := readFolder(dir)
	if err != nil {
		return nil, err
	}
	source, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("mnist: %s: %w", dir, err)
	}
	s, err := e.assemble(filepath.Base(source), source, files)
	if err != nil {
		return nil, err
	}
	if !s.Known && (s.Name == "mnist" || s.Name == "glyphs") {
		s.Name += "-folder" // a set of this name is a known one
	}
	return s.WithClasses(classes)
}

func checkFolder(dir string) error {
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return &DataError{File: dir, Reason: "no such folder", Err: err}
	case err != nil:
		return fmt.Errorf("mnist: %w", err)
	case !info.IsDir():
		return badf(dir, "want a folder with the four IDX files (%s, ...), got a file", fileNames[0])
	}
	for i := range fileNames {
		if findFile(dir, i) != "" {
			return nil
		}
	}
	return badf(dir, "the folder has none of the four IDX files: want %s, plain or .gz", strings.Join(fileNames[:], ", "))
}

// loaded is one of the four files: its name in the folder, and its content.
type loaded struct {
	name string
	*idx
}

// readFolder reads the four files at once: unpacking the largest takes as long as all the others together.
func readFolder(dir string) (files [fileCount]loaded, err error) {
	var failures [fileCount]error
	var wg sync.WaitGroup
	for i := range files {
		wg.Go(func() {
			failures[i] = fault.Guard(func() (err error) {
				files[i], err = readFile(dir, i)
				return err
			})
		})
	}
	wg.Wait()
	for _, err := range failures { // the first in the order of the files, not in time: the message is always the same
		if err != nil {
			return files, err
		}
	}
	return files, nil
}

// readFile reads file i of the folder.
func readFile(dir string, i int) (loaded, error) {
	name := findFile(dir, i)
	if name == "" {
		return loaded{}, &DataError{
			File: fileNames[i], Reason: "no such file, plain or .gz, in the folder " + dir, Err: fs.ErrNotExist,
		}
	}
	f, err := os.Open(filepath.Join(dir, name))
	if err != nil {
		return loaded{}, fmt.Errorf("mnist: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return loaded{}, fmt.Errorf("mnist: %w", err)
	}
	content, err := readIDX(f, source{name: name, size: info.Size(), magic: magicOf(i), most: math.MaxInt64})
	return loaded{name, content}, err
}

// findFile returns the name that file i has in the folder, or an empty string. A folder or a device of that name is not
// a file.
func findFile(dir string, i int) string {
	name := fileNames[i]
	dotted := strings.Replace(name, "-idx", ".idx", 1)
	for _, candidate := range []string{name, dotted, name + ".gz", dotted + ".gz"} {
		if info, err := os.Stat(filepath.Join(dir, candidate)); err == nil && info.Mode().IsRegular() {
			return candidate
		}
	}
	return ""
}

// assemble checks that the files belong together and makes a Set of them, without the number of classes.
func (e edition) assemble(name, source string, files [fileCount]loaded) (*Set, error) {
	known, err := e.compare(files)
	if err != nil {
		return nil, err
	}
	if known {
		name = "mnist"
	}
	s := &Set{Name: name, Source: source, Known: known, SHA256: make(map[string]string)}
	for i, f := range files {
		s.SHA256[fileNames[i]] = f.sum
	}
	shape := files[trainImages].dims
	s.Rows, s.Columns = shape[1], shape[2]
	if other := files[testImages].dims; other[1] != shape[1] || other[2] != shape[2] {
		return nil, badf(files[testImages].name, "want images of %d x %d pixels as in %s, got %d x %d",
			shape[1], shape[2], files[trainImages].name, other[1], other[2])
	}
	if s.Train, err = pair(files[trainImages], files[trainLabels]); err != nil {
		return nil, err
	}
	if s.Test, err = pair(files[testImages], files[testLabels]); err != nil {
		return nil, err
	}
	return s, nil
}

// pair joins images and labels.
func pair(images, labels loaded) (Examples, error) {
	if images.dims[0] != labels.dims[0] {
		return Examples{}, badf(labels.name, "want %d labels, one for each image of %s, got %d",
			images.dims[0], images.name, labels.dims[0])
	}
	return Examples{Images: images.data(), Labels: labels.data()}, nil
}

// compare reports whether the files are MNIST. Other data sets are free to have any content, so a
// checksum is required of a file only when other files of the folder show that it should be MNIST's.
func (e edition) compare(files [fileCount]loaded) (known bool, err error) {
	matches := 0
	for i, f := range files {
		for j, p := range e {
			switch {
			case f.sum != p.sum:
			case i == j:
				matches++
			default:
				return false, badf(f.name, "holds MNIST's %s: the files were swapped", fileNames[j])
			}
		}
	}
	if matches == 0 || matches == fileCount {
		return matches == fileCount, nil
	}
	for i, f := range files {
		if int64(len(f.content)) == e[i].length && f.sum != e[i].sum {
			return false, e.wrongSum(i, f)
		}
	}
	return false, nil // MNIST in part, with files of other lengths: someone's selection of it
}

// wrongSum says that file i should be MNIST's and is not.
func (e edition) wrongSum(i int, f loaded) *DataError {
	return badf(f.name, "damaged: want SHA-256 %s of MNIST, got %s", e[i].sum, f.sum)
}
