package mnist

import (
	"archive/tar"
	"archive/zip"
	"compress/gzip"
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"math"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"quantal/internal/safefile"
)

// named is a data set that is downloaded under its name, besides MNIST. The cache keeps its files as they are
// published, in a folder of the set's own (the splits of EMNIST share one), and each is compared with its checksum at
// every use.
type named struct {
	name    string
	folder  string // in the cache
	mirrors []string
	files   []remote
	read    func(dir string) (*Set, error)
	own     bool // a user's, whose checksums are those of the first download
}

// remote is a file of a named set.
type remote struct {
	name string
	size int64  // bytes; 0 if the source of the checksum has none
	sum  string // SHA-256, or the MD5 where no SHA-256 is published, in hexadecimal; empty before a first download
}

// The checksums are those of TensorFlow Datasets (tensorflow_datasets/url_checksums/fashion_mnist.txt, kmnist.txt,
// emnist.txt and cifar10.txt, commit 333639b), with the sizes. Those of QMNIST are of torchvision
// (module torchvision.datasets.mnist, commit 01977a1), which has the addresses, too. The MD5 on the page of CIFAR-10,
// c32a1d4ab5d03f1284b67883e8d87530, is of the same file as the SHA-256 here.
func namedSets() []named {
	return append([]named{
		{"fashion-mnist", "fashion-mnist", []string{"http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"}, []remote{
			{"train-images-idx3-ubyte.gz", 26421880, "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84"},
			{"train-labels-idx1-ubyte.gz", 29515, "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845"},
			{"t10k-images-idx3-ubyte.gz", 4422102, "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073"},
			{"t10k-labels-idx1-ubyte.gz", 5148, "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"},
		}, published.read, false},
		{"kmnist", "kmnist", []string{"http://codh.rois.ac.jp/kmnist/dataset/kmnist/"}, []remote{
			{"train-images-idx3-ubyte.gz", 18165135, "51467d22d8cc72929e2a028a0428f2086b092bb31cfb79c69cc0a90ce135fde4"},
			{"train-labels-idx1-ubyte.gz", 29497, "e38f9ebcd0f3ebcdec7fc8eabdcdaef93bb0df8ea12bee65224341c8183d8e17"},
			{"t10k-images-idx3-ubyte.gz", 3041136, "edd7a857845ad6bb1d0ba43fe7e794d164fe2dce499a1694695a792adfac43c5"},
			{"t10k-labels-idx1-ubyte.gz", 5120, "20bb9a0ef54c7db3efc55a92eef5582c109615df22683c380526788f98e42a1c"},
		}, published.read, false},
		{"qmnist", "qmnist", []string{"https://raw.githubusercontent.com/facebookresearch/qmnist/master/"}, []remote{
			{"qmnist-train-images-idx3-ubyte.gz", 0, "ed72d4157d28c017586c42bc6afe6370"},
			{"qmnist-train-labels-idx2-int.gz", 0, "0058f8dd561b90ffdd0f734c6a30e5e4"},
			{"qmnist-test-images-idx3-ubyte.gz", 0, "1394631089c404de565df7b7aeaf9412"},
			{"qmnist-test-labels-idx2-int.gz", 0, "5b5b05890a5e13444e108efe57b788aa"},
		}, published.read, false},
		{"cifar-10", "cifar-10", []string{"https://www.cs.toronto.edu/~kriz/"}, []remote{
			{cifarArchive, 170052171, "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd"},
		}, readCIFAR, false},
	}, emnist()...)
}

// emnist are the splits of EMNIST (Cohen et al. 2017), which are in one archive.
func emnist() (sets []named) {
	for _, split := range []string{"balanced", "byclass", "bymerge", "digits", "letters", "mnist"} {
		sets = append(sets, named{"emnist-" + split, "emnist", []string{
			"https://biometrics.nist.gov/cs_links/EMNIST/", "https://www.itl.nist.gov/iaui/vip/cs_links/EMNIST/",
		}, []remote{
			{emnistArchive, 561753746, "fb9bb67e33772a9cc0b895e4ecf36d2cf35be8b709693c3564cea2a019fcda8e"},
		}, func(dir string) (*Set, error) { return readEMNIST(dir, split) }, false})
	}
	return sets
}

const (
	emnistArchive = "gzip.zip"
	cifarArchive  = "cifar-10-binary.tar.gz"
	// mostUnknown bounds a download whose size is not published.
	mostUnknown = 4 << 30
)

// findNamed is the set of a name; nil if there is none.
func findNamed(name string) *named {
	for _, n := range namedSets() {
		if n.name == name {
			return &n
		}
	}
	return nil
}

// sumsName is the file with the checksums of a set that has none published, in the folder of the cache: those of its
// first download, as sha256sum writes and checks them.
const sumsName = "SHA256SUMS"

// ownName is what a user's set may be called: its folder lies in the cache.
var ownName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$`)

// ownSet is a user's set, which a mirror of the user's has as MNIST's have theirs: four packed IDX files. Its files
// have the checksums of the first download, if there was one.
func ownSet(name string, opt Options) (n named, pinned bool, err error) {
	n = named{name: name, folder: name, read: published.read, own: true}
	if !ownName.MatchString(name) {
		return n, false, badf(name, "want a name of letters, digits and dashes for a data set of a mirror of your own")
	}
	dir, err := n.dir(opt)
	if err != nil {
		return n, false, err
	}
	sums, err := os.ReadFile(filepath.Join(dir, sumsName))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return n, false, fmt.Errorf("mnist: %w", err)
	}
	for _, file := range fileNames {
		f := remote{name: file + ".gz"}
		line := regexp.MustCompile(`(?m)^([0-9a-f]{64}) [ *]` + regexp.QuoteMeta(f.name) + `$`).FindSubmatch(sums)
		if line != nil {
			f.sum = string(line[1])
		} else if err == nil {
			return n, false, badf(filepath.Join(dir, sumsName), "want a line for %s, as sha256sum writes it", f.name)
		}
		n.files = append(n.files, f)
	}
	return n, err == nil, nil
}

// Downloaded reports whether a name is that of a set, other than MNIST, which [FetchSet] downloads.
func Downloaded(name string) bool { return findNamed(name) != nil }

// FetchSet is [Fetch] for any data set that is downloaded under a name. Of the mirrors in Options it also takes a set
// under another name, MNIST's four files with other content: nobody has published their checksums, so those of the
// first download count from then on.
func FetchSet(ctx context.Context, name string, opt Options) (dir string, err error) {
	if name == "" || name == "mnist" {
		return Fetch(ctx, opt)
	}
	if n := findNamed(name); n != nil {
		return n.fetch(ctx, opt)
	}
	if len(opt.Mirrors) == 0 || reserved(name) {
		return "", badf(name, "want the name of a data set that can be downloaded: mnist, %s",
			strings.Join(namedNames(), ", "))
	}
	n, pinned, err := ownSet(name, opt)
	if err != nil {
		return "", err
	}
	if dir, err = n.fetch(ctx, opt); err != nil || pinned {
		return dir, err
	}
	if _, err := n.read(dir); err != nil {
		return "", err
	}
	return dir, n.pin(dir)
}

// pin keeps the checksums of the files in a folder.
func (n named) pin(dir string) error {
	var lines strings.Builder
	for _, f := range n.files {
		file, err := os.Open(filepath.Join(dir, f.name))
		if err != nil {
			return fmt.Errorf("mnist: %w", err)
		}
		sum, err := sumOfFile(file)
		file.Close()
		if err != nil {
			return err
		}
		fmt.Fprintf(&lines, "%s  %s\n", sum, f.name)
	}
	path := filepath.Join(dir, sumsName)
	err := safefile.Write(path, func(w io.Writer) error { _, err := io.WriteString(w, lines.String()); return err })
	if err != nil {
		return fmt.Errorf("mnist: %s: %w", path, err)
	}
	return nil
}

// ownCached is the user's set of a name in the cache; nil if there is none, or if a file or folder has that name.
func ownCached(name string, opt Options) (*named, error) {
	if _, err := os.Lstat(name); err == nil || !ownName.MatchString(name) {
		return nil, nil
	}
	n, pinned, err := ownSet(name, opt)
	if !pinned {
		return nil, err
	}
	return &n, err
}

func namedNames() (names []string) {
	for _, n := range namedSets() {
		names = append(names, n.name)
	}
	return names
}

func (n named) dir(opt Options) (string, error) {
	dir, err := opt.cacheDir()
	return filepath.Join(dir, n.folder), err
}

// fetch downloads the files that are missing or damaged, each from the first mirror that has the published bytes.
func (n named) fetch(ctx context.Context, opt Options) (dir string, err error) {
	if dir, err = n.dir(opt); err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("mnist: cache: %w", err)
	}
	if len(opt.Mirrors) == 0 {
		if opt.Mirrors = mirrorsOf(n.folder); len(opt.Mirrors) == 0 {
			opt.Mirrors = n.mirrors
		}
	}
	d := newDownloader(opt, edition{})
	defer d.client.CloseIdleConnections()
	for _, f := range n.files {
		if f.sum != "" && f.check(dir) == nil {
			continue
		}
		if err := d.remote(ctx, f, dir); err != nil {
			return "", err
		}
	}
	return dir, nil
}

// remote writes a file into a folder, from the first mirror that has its bytes. There it appears as a whole or not at
// all; memory does not depend on its size.
func (d *downloader) remote(ctx context.Context, f remote, dir string) error {
	failed := &FetchError{File: f.name}
	to := filepath.Join(dir, f.name)
	for m, mirror := range d.mirrors {
		err := d.silent[m]
		if err == nil {
			written := safefile.Write(to, func(w io.Writer) error {
				err = d.remoteFrom(ctx, mirror, f, w)
				return err
			})
			var full *diskError
			switch {
			case written == nil:
				return nil
			case err == nil || errors.As(err, &full):
				return fmt.Errorf("mnist: %s: %w", to, written)
			}
		}
		if ctx.Err() != nil {
			return fmt.Errorf("mnist: download of %s: %w; finished files are kept", f.name, context.Cause(ctx))
		}
		var silent *silentError
		if errors.As(err, &silent) {
			d.silent[m] = err
		}
		failed.Failures = append(failed.Failures, MirrorFailure{mirror, err})
	}
	return failed
}

// remoteFrom writes a file of a mirror, which must be the published one.
func (d *downloader) remoteFrom(ctx context.Context, mirror string, f remote, w io.Writer) error {
	most := f.size
	if most == 0 {
		most = mostUnknown
	}
	sum := f.hash()
	to := io.MultiWriter(sink{w}, sum)
	if folder, local := localFolder(mirror); local {
		file, err := os.Open(filepath.Join(folder, f.name))
		if err != nil {
			return err
		}
		defer file.Close()
		if n, err := io.Copy(to, io.LimitReader(file, most+1)); err != nil {
			return err
		} else if n > most {
			return badf(f.name, "want at most %d bytes, got more", most)
		}
	} else if err := d.get(ctx, strings.TrimSuffix(mirror, "/")+"/"+f.name, f.name, most, to); err != nil {
		return err
	}
	return f.compare(sum)
}

// sink writes, and says which errors are its own.
type sink struct{ to io.Writer }

func (s sink) Write(p []byte) (int, error) {
	n, err := s.to.Write(p)
	if err != nil {
		return n, &diskError{err}
	}
	return n, nil
}

// diskError says that what came cannot be kept here, whatever the mirror.
type diskError struct{ err error }

func (e *diskError) Error() string { return e.err.Error() }
func (e *diskError) Unwrap() error { return e.err }

// check compares the file in a folder with the published one.
func (f remote) check(dir string) error {
	file, err := os.Open(filepath.Join(dir, f.name))
	if err != nil {
		return fmt.Errorf("mnist: %w", err)
	}
	defer file.Close()
	sum := f.hash()
	if _, err := io.Copy(sum, file); err != nil {
		return fmt.Errorf("mnist: %s: %w", f.name, err)
	}
	return f.compare(sum)
}

func (f remote) hash() hash.Hash {
	if len(f.sum) == hex.EncodedLen(md5.Size) {
		return md5.New()
	}
	return sha256.New()
}

// compare compares the sum of all bytes with the published one, if there is one.
func (f remote) compare(sum hash.Hash) error {
	kind := "SHA-256"
	if sum.Size() == md5.Size {
		kind = "MD5"
	}
	if got := hex.EncodeToString(sum.Sum(nil)); f.sum != "" && got != f.sum {
		return badf(f.name, "damaged: want %s %s, got %s", kind, f.sum, got)
	}
	return nil
}

// open reads the set from the cache, downloading what is missing.
func (n named) open(ctx context.Context, opt Options) (*Set, error) {
	dir, err := n.dir(opt)
	if err != nil {
		return nil, err
	}
	for _, f := range n.files {
		if err = f.check(dir); errors.Is(err, fs.ErrNotExist) && !n.own {
			_, err = n.fetch(ctx, opt)
		}
		if err != nil {
			from := ""
			if n.own {
				from = " --mirror URL"
			}
			return nil, fmt.Errorf("%w (in the cache %s: `quantal data --fetch --data %s%s` replaces it)", err, dir, n.name,
				from)
		}
	}
	s, err := n.read(dir)
	if err != nil {
		return nil, err
	}
	s.Name, s.Source, s.Known = n.name, "cache "+dir, s.Known || !n.own
	s.Pinned = !s.Known
	return s.With(opt.Likelihood, opt.Classes)
}

// readEMNIST reads a split from NIST's archive. Its images are stored column by column; the labels of letters count
// from 1, and here from 0.
func readEMNIST(dir, split string) (*Set, error) {
	archive, err := zip.OpenReader(filepath.Join(dir, emnistArchive))
	if err != nil {
		return nil, npyError(emnistArchive, err)
	}
	defer archive.Close()
	var files [fileCount]loaded
	for i := range files {
		name := "emnist-" + split + "-" + strings.Replace(fileNames[i], "t10k", "test", 1) + ".gz"
		at := slices.IndexFunc(archive.File, func(f *zip.File) bool { return path.Base(f.Name) == name })
		if at < 0 {
			return nil, badf(emnistArchive, "want the file %s in it", name)
		}
		body, err := archive.File[at].Open()
		if err != nil {
			return nil, npyError(emnistArchive, err)
		}
		x, err := readIDX(body, source{name: name, size: int64(archive.File[at].UncompressedSize64), magic: magicOf(i),
			most: math.MaxInt64})
		body.Close()
		if err != nil {
			return nil, err
		}
		files[i] = loaded{name, x}
	}
	s, err := published.assemble("emnist-"+split, dir, files)
	if err != nil {
		return nil, err
	}
	s.Transposed = true
	if split == "letters" {
		for _, e := range []Examples{s.Train, s.Test} {
			for i := range e.Labels {
				e.Labels[i]--
			}
		}
	}
	return s, nil
}

// readCIFAR reads the binary version of CIFAR-10 (Krizhevsky 2009): records of a label and the planes red, green and
// blue, row by row.
func readCIFAR(dir string) (*Set, error) {
	const side, channels = 32, 3
	const record = 1 + side*side*channels
	f, err := os.Open(filepath.Join(dir, cifarArchive))
	if err != nil {
		return nil, fmt.Errorf("mnist: %w", err)
	}
	defer f.Close()
	unpacked, err := gzip.NewReader(f)
	if err != nil {
		return nil, npyError(cifarArchive, err)
	}
	s := &Set{Rows: side, Columns: side, Channels: channels, Planes: true, SHA256: map[string]string{}}
	batches := map[string][]byte{}
	archive := tar.NewReader(unpacked)
	for {
		h, err := archive.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, npyError(cifarArchive, err)
		}
		name := path.Base(h.Name)
		if path.Ext(name) != ".bin" || h.Size%record != 0 || h.Size == 0 || h.Size > 10000*record {
			continue
		}
		if batches[name], err = io.ReadAll(io.LimitReader(archive, h.Size)); err != nil {
			return nil, npyError(cifarArchive, err)
		}
	}
	for _, name := range []string{"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin",
		"data_batch_5.bin", "test_batch.bin"} {
		e := &s.Train
		if name == "test_batch.bin" {
			e = &s.Test
		}
		if batches[name] == nil {
			return nil, badf(cifarArchive, "want the file %s in it, of records of %d bytes", name, record)
		}
		for one := range slices.Chunk(batches[name], record) {
			e.Labels, e.Images = append(e.Labels, one[0]), append(e.Images, one[1:]...)
		}
	}
	s.SHA256["cifar-10"], err = sumOfFile(f)
	return s, err
}
