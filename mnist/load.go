package mnist

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
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

// Load reads the data set in a folder: four files in IDX format, plain or as .gz; if both exist, the plain one is read.
// Their names are MNIST's (train-images-idx3-ubyte, or with a dot before idx), or as NIST and others write them: test
// for t10k, the name of the set before train and test (emnist-letters-train-images-idx3-ubyte), and other dimensions
// and types at the end (qmnist-test-labels-idx2-int). If a folder has several sets, FOLDER/emnist-letters is one of
// them. Any size of images, in grey or with channels, or vectors, and any type of element will do; With says which
// answers.
//
// Files that are not what they should be give a [DataError]. If at least one of the files is MNIST's by its checksum,
// then a file of MNIST's length with another checksum is one of them. For a data set that is not MNIST, Set.Known is
// false.
func Load(dir string) (*Set, error) { return published.load(dir, Options{}) }

func (e edition) load(dir string, opt Options) (*Set, error) {
	s, err := e.read(dir)
	if err != nil {
		return nil, err
	}
	return s.With(opt.Likelihood, opt.Classes)
}

// read is load without the answers made into classes.
func (e edition) read(path string) (*Set, error) {
	dir, prefix, names, err := findSet(path)
	if err != nil {
		return nil, err
	}
	files, err := readFolder(dir, names)
	if err != nil {
		return nil, err
	}
	source, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("mnist: %s: %w", dir, err)
	}
	s, err := e.assemble(cmp.Or(prefix, filepath.Base(source)), source, files)
	if err != nil {
		return nil, err
	}
	if !s.Known && reserved(s.Name) {
		s.Name += "-folder" // a set of this name is a known one
	}
	s.Transposed = strings.HasPrefix(prefix, "emnist-")
	return s, nil
}

// idxName is what files of IDX sets are called: the name of the set, if any, the part, what is in the file, the number
// of dimensions and the type.
var idxName = regexp.MustCompile(`^(?:(.+)-)?(train|t10k|test)-(images|labels)[-.]idx[1-4]-[a-z0-9]+(\.gz)?$`)

// findSet finds the IDX files of a folder, or, if path is no folder, of those in the one above it whose names begin
// with the last part of path, which is the prefix. A folder or a device with such a name is not a file.
func findSet(path string) (dir, prefix string, names [fileCount]string, err error) {
	dir = path
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		dir, prefix = filepath.Split(filepath.Clean(path))
		if names, found := setsIn(filepath.Clean(dir))[prefix]; found && prefix != "" {
			return filepath.Clean(dir), prefix, names, nil
		}
		return "", "", names, &DataError{File: path, Reason: "no such folder", Err: err}
	case err != nil:
		return "", "", names, fmt.Errorf("mnist: %w", err)
	case !info.IsDir():
		return "", "", names, badf(path, "want a folder with the four IDX files (%s, ...)%s, got a file", fileNames[0],
			otherFormats())
	}
	sets := setsIn(dir)
	if names, usual := sets[""]; usual {
		return dir, "", names, nil
	}
	prefixes := slices.Sorted(maps.Keys(sets))
	switch len(prefixes) {
	case 0:
		return "", "", names, badf(dir, "the folder has none of the four IDX files: want %s, plain or .gz%s",
			strings.Join(fileNames[:], ", "), otherFormats())
	case 1:
		return dir, prefixes[0], sets[prefixes[0]], nil
	}
	for i := range prefixes {
		prefixes[i] = filepath.Join(dir, prefixes[i])
	}
	return "", "", names, badf(dir, "the folder has several data sets: want one of %s", strings.Join(prefixes, ", "))
}

// setsIn finds the IDX sets in a folder by their prefixes. A file that is missing has no name.
func setsIn(dir string) map[string][fileCount]string {
	sets := map[string][fileCount]string{}
	entries, _ := os.ReadDir(dir) // what cannot be read has no sets
	for _, e := range entries {
		m := idxName.FindStringSubmatch(e.Name())
		if info, err := os.Stat(filepath.Join(dir, e.Name())); m == nil || err != nil || !info.Mode().IsRegular() {
			continue
		}
		i := slices.Index(idxParts[:], [2]string{strings.Replace(m[2], "test", "t10k", 1), m[3]})
		names := sets[m[1]]
		if names[i] == "" || slices.Compare(preference(e.Name(), i), preference(names[i], i)) < 0 {
			names[i] = e.Name()
			sets[m[1]] = names
		}
	}
	return sets
}

// idxParts are the part and the content of each file, as in fileNames.
var idxParts = [fileCount][2]string{{"train", "images"}, {"train", "labels"}, {"t10k", "images"}, {"t10k", "labels"}}

// preference orders several names of file i: the usual one first, unpacked before packed.
func preference(name string, i int) []string {
	usual := slices.Index(namesOf(i), name)
	if usual < 0 {
		usual = len(namesOf(i))
	}
	packed := "0"
	if strings.HasSuffix(name, ".gz") {
		packed = "1"
	}
	return []string{strconv.Itoa(usual), packed, name}
}

func checkFolder(dir string) error {
	_, _, _, err := findSet(dir)
	return err
}

// loaded is one of the four files: its name in the folder, and its content.
type loaded struct {
	name string
	*idx
}

// readFolder reads the four files at once: unpacking the largest takes as long as all the others together.
func readFolder(dir string, names [fileCount]string) (files [fileCount]loaded, err error) {
	var failures [fileCount]error
	var wg sync.WaitGroup
	for i := range files {
		wg.Go(func() {
			failures[i] = fault.Guard(func() (err error) {
				files[i], err = readFile(dir, names[i], i)
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

// readFile reads file i of the folder, which has this name there.
func readFile(dir, name string, i int) (loaded, error) {
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

// namesOf are the usual names of file i, in the order in which they are preferred.
func namesOf(i int) []string {
	dotted := strings.Replace(fileNames[i], "-idx", ".idx", 1)
	return []string{fileNames[i], dotted, fileNames[i] + ".gz", dotted + ".gz"}
}

// usualNames are the names that the files have in a folder with the usual ones; empty for one that is missing.
func usualNames(dir string) [fileCount]string { return setsIn(dir)[""] }

// assemble checks that the files belong together and makes a Set of them, without the number of classes.
func (e edition) assemble(name, source string, files [fileCount]loaded) (*Set, error) {
	known, err := e.compare(files)
	if err != nil {
		return nil, err
	}
	if known {
		name = "mnist"
	}
	var arrays [fileCount]array
	for i, f := range files {
		if arrays[i], err = f.array(f.name); err != nil {
			return nil, err
		}
	}
	s, err := join(name, source, arrays[trainImages], arrays[trainLabels], arrays[testImages], arrays[testLabels])
	if err != nil {
		return nil, err
	}
	s.Known = known
	for i, f := range files {
		s.SHA256[fileNames[i]] = f.sum
	}
	return s, nil
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
