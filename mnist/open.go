package mnist

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// Options say where data sets are kept and how they are fetched. The zero value is ready for use.
type Options struct {
	// Mirrors are the addresses of folders on the web with the four files of MNIST (.gz), or folders on this machine with
	// them, plain or packed, tried in order. If empty, they are those of the environment variable QUANTAL_MIRRORS,
	// separated by commas, or else [DefaultMirrors].
	Mirrors []string
	// CacheDir is the folder that holds MNIST on this machine; if empty, that of the function [CacheDir].
	CacheDir string
	// ConnectTimeout is how long a mirror may take before its answer begins: finding its address, connecting, and the
	// first line. 0 stands for 5 s.
	ConnectTimeout time.Duration
	// StallTimeout is how long an answer may then pause. 0 stands for 10 s.
	StallTimeout time.Duration
	// Classes is the number of classes, for labels that do not show it or do not look like class numbers: see WithClasses.
	// 0 takes it from the labels.
	Classes int
	// Target is the names of the columns of a table that are the answers, separated by commas; empty for y, label, class
	// or target.
	Target string
	// Likelihood says what the answers are: categorical, classes; gaussian, numbers; empty as the data say: see With.
	Likelihood string
	// Progress, if not nil, is told how many bytes of a file have arrived, of how many (-1 if the mirror does not
	// say). It is called from the goroutine that called Fetch or Open.
	Progress func(file string, got, total int64)

	dial func(ctx context.Context, network, address string) (net.Conn, error) // replaces the network's, in tests
}

// CacheDir is the folder where MNIST is kept on this machine: the environment variable QUANTAL_CACHE, else
// quantal/mnist in the user's cache folder. It need not exist. The error says that no folder for a cache is known.
func CacheDir() (string, error) {
	if dir := os.Getenv("QUANTAL_CACHE"); dir != "" {
		return dir, nil
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("mnist: no cache folder: %w; set QUANTAL_CACHE to one", err)
	}
	return filepath.Join(dir, "quantal", "mnist"), nil
}

func (o Options) cacheDir() (string, error) {
	if o.CacheDir != "" {
		return o.CacheDir, nil
	}
	return CacheDir()
}

// Open returns the data set of the given name:
//
//	""        MNIST, if it is in the cache
//	mnist     MNIST from the cache, downloaded into it first if it is not there
//	glyphs    the built-in digits
//	kmnist    and others of Names, from the cache, downloaded first if they are not there
//	NAME      a set of a mirror of the user's that FetchSet has put into the cache under that name
//	a folder  the IDX files there (write ./mnist for a folder called mnist), or train.csv and test.csv
//	x.npz     arrays of NumPy
//	x.csv     a table
//
// The error is a [DataError] if the content is missing or wrong, a [FetchError] if no mirror could deliver it.
func Open(ctx context.Context, name string, opt Options) (*Set, error) {
	switch name {
	case "glyphs":
		return Glyphs().With(opt.Likelihood, opt.Classes)
	case "", "mnist":
		return published.openCache(ctx, name == "mnist", opt)
	}
	if n := findNamed(name); n != nil {
		return n.open(ctx, opt)
	}
	for _, f := range formats() {
		if f.holds(name) {
			s, err := f.read(name, opt)
			if err != nil {
				return nil, err
			}
			return s.With(opt.Likelihood, opt.Classes)
		}
	}
	if n, err := ownCached(name, opt); err != nil {
		return nil, err
	} else if n != nil {
		return n.open(ctx, opt)
	}
	return published.load(name, opt)
}

// A format reads the data sets of one kind, in files of the user's.
type format struct {
	name, what string // what is for messages
	holds      func(path string) bool
	read       func(path string, opt Options) (*Set, error) // without the answers made into classes
}

// formats are those besides IDX, which is what everything else must be.
func formats() []format { return []format{npzFormat(), csvFormat()} }

// FullName is the name of a data set wherever it is called from: that of a folder is its full path, none is MNIST's.
func FullName(name string) (string, error) {
	switch name {
	case "":
		return "mnist", nil
	}
	if n, err := ownCached(name, Options{}); reserved(name) || n != nil {
		return name, err
	}
	return filepath.Abs(name)
}

// reserved reports whether a name is that of a known data set.
func reserved(name string) bool { return slices.Contains(Names(), name) }

// Names lists the data sets that Open knows by name; others are folders.
func Names() []string { return append([]string{"mnist", "glyphs"}, namedNames()...) }

// otherFormats says what a data set may be besides a folder of IDX files.
func otherFormats() string {
	text := ""
	for _, f := range formats() {
		text += ", or " + f.what
	}
	return text
}

func (e edition) openCache(ctx context.Context, fetch bool, opt Options) (*Set, error) {
	dir, err := opt.cacheDir()
	if err != nil {
		return nil, err
	}
	names := usualNames(dir)
	complete := !slices.Contains(names[:], "")
	if !complete && !fetch {
		return nil, badf(dir, "MNIST is not in the cache: run `quantal data --fetch` to download it, "+
			"name a folder that has it with `--data DIR`, or take the built-in digits with `--data glyphs`")
	}
	if !complete {
		if _, err := e.fetch(ctx, opt); err != nil {
			return nil, err
		}
	}
	s, err := e.loadCache(dir)
	if err != nil {
		return nil, fmt.Errorf("%w (in the cache %s: `quantal data --fetch` replaces it)", err, dir)
	}
	return s.With(opt.Likelihood, opt.Classes)
}

// loadCache reads MNIST, and nothing but MNIST, from the cache.
func (e edition) loadCache(dir string) (*Set, error) {
	files, err := readFolder(dir, usualNames(dir))
	if err != nil {
		return nil, err
	}
	for i, f := range files {
		if f.sum != e[i].sum {
			return nil, e.wrongSum(i, f)
		}
	}
	return e.assemble("mnist", "cache "+dir, files)
}
