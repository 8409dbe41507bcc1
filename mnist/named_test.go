package mnist

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// madeUp are three sets like the published ones, with made-up content, and the files that a mirror has for them.
func madeUp(t *testing.T) (sets map[string]named, files map[string][]byte) {
	files = map[string][]byte{}
	var archive bytes.Buffer
	w := zip.NewWriter(&archive)
	var idx []remote
	for i, content := range tiny() {
		content = bytes.Clone(content)
		if i%2 == 1 { // labels from 1
			for k := 8; k < len(content); k++ {
				content[k]++
			}
		}
		sum := md5.Sum(gzipped(t, content))
		name := "qmnist-" + strings.Replace(fileNames[i], "t10k", "test", 1) + ".gz"
		files[name] = gzipped(t, content)
		idx = append(idx, remote{name, 0, hex.EncodeToString(sum[:])})
		entry, err := w.Create("gzip/emnist-letters-" + strings.Replace(fileNames[i], "t10k", "test", 1) + ".gz")
		if err != nil {
			t.Fatal(err)
		}
		entry.Write(gzipped(t, content))
	}
	w.Close()
	files[emnistArchive] = archive.Bytes()
	var batches bytes.Buffer
	tw := tar.NewWriter(&batches)
	for i, name := range []string{"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin",
		"data_batch_5.bin", "test_batch.bin"} {
		record := append([]byte{byte(i)}, bytes.Repeat([]byte{byte(10 * i)}, 3072)...)
		record[1] = 200
		tw.WriteHeader(&tar.Header{Name: "cifar-10-batches-bin/" + name, Mode: 0o644, Size: int64(2 * len(record))})
		tw.Write(bytes.Repeat(record, 2))
	}
	tw.Close()
	files[cifarArchive] = gzipped(t, batches.Bytes())
	one := func(name string) []remote { return []remote{{name, int64(len(files[name])), sumOf(files[name])}} }
	return map[string]named{
		"idx": {"idx", "idx", nil, idx, published.read, false},
		"letters": {"letters", "emnist", nil, one(emnistArchive), func(dir string) (*Set, error) {
			return readEMNIST(dir, "letters")
		}, false},
		"digits": {"digits", "emnist", nil, one(emnistArchive), func(dir string) (*Set, error) {
			return readEMNIST(dir, "digits")
		}, false},
		"cifar": {"cifar", "cifar", nil, one(cifarArchive), readCIFAR, false},
	}, files
}

func TestNamedSets(t *testing.T) {
	sets, files := madeUp(t)
	asked := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		if content, ok := files[strings.TrimPrefix(r.URL.Path, "/x/")]; ok {
			w.Write(content)
			return
		}
		http.NotFound(w, r)
	}))
	defer server.Close()
	ctx := context.Background()
	opt := Options{CacheDir: t.TempDir(), Mirrors: []string{server.URL + "/nothing", server.URL + "/x"}}
	for name, check := range map[string]func(s *Set) bool{
		"idx": func(s *Set) bool { return s.Classes == 4 && s.Train.Labels[0] == 1 && !s.Transposed && s.Rows == 5 },
		"letters": func(s *Set) bool {
			return s.Classes == 3 && s.Train.Labels[0] == 0 && s.Test.Labels[1] == 1 && s.Transposed
		},
		"cifar": func(s *Set) bool {
			return s.Classes == 6 && s.Train.N() == 10 && s.Test.N() == 2 && s.Width() == 3072 && s.Planes &&
				s.Train.Labels[9] == 4 && s.Train.Images[3072*9] == 200 && s.Train.Images[3072*9+1] == 40 &&
				s.Test.Images[3071] == 50
		},
	} {
		s, err := sets[name].open(ctx, opt)
		if err != nil || !check(s) || !s.Known || s.Name != name ||
			s.Source != "cache "+filepath.Join(opt.CacheDir, sets[name].folder) {
			t.Errorf("%s: %+v, %v", name, s, err)
		}
	}
	before := asked
	if _, err := sets["cifar"].open(ctx, Options{CacheDir: opt.CacheDir}); err != nil || asked != before {
		t.Errorf("from the cache: %v, %d downloads", err, asked-before)
	}
	if _, err := sets["digits"].open(ctx, opt); err == nil ||
		!strings.Contains(err.Error(), "want the file emnist-digits-train-images") {
		t.Errorf("a split that is not there: %v", err)
	}
	// A cache is a mirror; one whose bytes are wrong is not.
	fromCache := []string{filepath.Join(opt.CacheDir, "cifar")}
	if _, err := sets["cifar"].fetch(ctx, Options{CacheDir: t.TempDir(), Mirrors: fromCache}); err != nil {
		t.Errorf("from a cache: %v", err)
	}
	path := filepath.Join(opt.CacheDir, "cifar", cifarArchive)
	if err := os.WriteFile(path, append(bytes.Clone(files[cifarArchive]), 0), 0o644); err != nil {
		t.Fatal(err)
	}
	var bad *DataError
	if _, err := sets["cifar"].open(ctx, opt); !errors.As(err, &bad) ||
		!strings.Contains(err.Error(), "damaged: want SHA-256") ||
		!strings.Contains(err.Error(), "--fetch --data cifar") {
		t.Errorf("a damaged file: %v", err)
	}
	_, err := sets["cifar"].fetch(ctx, Options{CacheDir: t.TempDir(), Mirrors: fromCache})
	var failed *FetchError
	if !errors.As(err, &failed) || !errors.As(err, &bad) {
		t.Errorf("from a damaged cache: %v", err)
	}
	if _, err := sets["cifar"].fetch(ctx, opt); err != nil {
		t.Errorf("the damaged file is not replaced: %v", err)
	}
	files[cifarArchive] = append(files[cifarArchive], 1)
	if _, err := sets["cifar"].fetch(ctx, Options{CacheDir: t.TempDir(), Mirrors: opt.Mirrors}); err == nil ||
		!strings.Contains(err.Error(), "want at most") {
		t.Errorf("a longer file: %v", err)
	}
}

// A download goes to a file: memory does not depend on its size. What the disk refuses is no failure of a mirror.
func TestDownloadIsStreamed(t *testing.T) {
	const size = 48 << 20
	sum := sha256.New()
	zeros := make([]byte, 1<<20)
	for range size / len(zeros) {
		sum.Write(zeros)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for range size / len(zeros) {
			w.Write(zeros)
		}
	}))
	defer server.Close()
	big := named{"big", "big", nil, []remote{{"big.zip", size, hex.EncodeToString(sum.Sum(nil))}}, published.read, false}
	opt := Options{CacheDir: t.TempDir(), Mirrors: []string{server.URL}}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	dir, err := big.fetch(context.Background(), opt)
	runtime.ReadMemStats(&after)
	if info, statErr := os.Stat(filepath.Join(dir, "big.zip")); err != nil || statErr != nil || info.Size() != size {
		t.Fatal(err, statErr)
	}
	if got := after.TotalAlloc - before.TotalAlloc; got > size/4 {
		t.Errorf("%d bytes of memory for a file of %d", got, size)
	}
	opt.CacheDir = t.TempDir()
	if err := os.MkdirAll(filepath.Join(opt.CacheDir, "big", "big.zip"), 0o755); err != nil {
		t.Fatal(err)
	}
	var failed *FetchError
	if _, err := big.fetch(context.Background(), opt); err == nil || errors.As(err, &failed) {
		t.Errorf("a folder in the file's place: %v", err)
	}
}

// A user's mirror may have a set whose checksums nobody has published: those of the first download count.
func TestPinned(t *testing.T) {
	files := map[string][]byte{}
	for i, content := range tiny() {
		files["/mine/"+fileNames[i]+".gz"] = gzipped(t, content)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Write(files[r.URL.Path])
	}))
	defer server.Close()
	ctx := context.Background()
	opt := Options{CacheDir: t.TempDir(), Mirrors: []string{server.URL + "/mine"}}
	read := Options{CacheDir: opt.CacheDir}
	t.Setenv("QUANTAL_CACHE", opt.CacheDir)
	t.Chdir(t.TempDir())
	if _, err := Open(ctx, "mine", read); err == nil || !strings.Contains(err.Error(), "no such folder") {
		t.Errorf("before the download: %v", err)
	}
	good := files["/mine/t10k-labels-idx1-ubyte.gz"]
	files["/mine/t10k-labels-idx1-ubyte.gz"] = []byte("<html>")
	if _, err := FetchSet(ctx, "mine", opt); err == nil || !strings.Contains(err.Error(), "t10k-labels-idx1-ubyte.gz") {
		t.Errorf("a page in the place of a file: %v", err)
	}
	files["/mine/t10k-labels-idx1-ubyte.gz"] = good
	dir, err := FetchSet(ctx, "mine", opt)
	if err != nil || dir != filepath.Join(opt.CacheDir, "mine") {
		t.Fatal(dir, err)
	}
	sums, err := os.ReadFile(filepath.Join(dir, "SHA256SUMS"))
	if want := sumOf(good) + "  t10k-labels-idx1-ubyte.gz\n"; err != nil || !strings.HasSuffix(string(sums), want) {
		t.Errorf("%s, %v, want it to end in %s", sums, err, want)
	}
	s, err := Open(ctx, "mine", read)
	if err != nil || s.Known || !s.Pinned || s.Name != "mine" || s.Source != "cache "+dir {
		t.Errorf("%+v, %v", s, err)
	}
	if name, err := FullName("mine"); err != nil || name != "mine" {
		t.Error(name, err)
	}
	// Other bytes are refused from then on, in the cache and on the mirror.
	path := filepath.Join(dir, "t10k-labels-idx1-ubyte.gz")
	other := append(bytes.Clone(good), 0)
	if err := os.WriteFile(path, other, 0o644); err != nil {
		t.Fatal(err)
	}
	var bad *DataError
	if _, err := Open(ctx, "mine", read); !errors.As(err, &bad) || !strings.Contains(err.Error(), "want SHA-256") ||
		!strings.Contains(err.Error(), "--fetch --data mine --mirror URL") {
		t.Errorf("a damaged file: %v", err)
	}
	files["/mine/t10k-labels-idx1-ubyte.gz"] = other
	if _, err := FetchSet(ctx, "mine", opt); !errors.As(err, &bad) || !strings.Contains(err.Error(), "want SHA-256") {
		t.Errorf("another file on the mirror: %v", err)
	}
	files["/mine/t10k-labels-idx1-ubyte.gz"] = good
	if _, err := FetchSet(ctx, "mine", opt); err != nil {
		t.Error(err)
	}
	if _, err := Open(ctx, "mine", read); err != nil {
		t.Error(err)
	}
	// A folder of that name here comes first; names are names.
	if err := os.Mkdir("mine", 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(ctx, "mine", read); err == nil || !strings.Contains(err.Error(), "none of the four IDX files") {
		t.Errorf("a folder: %v", err)
	}
	for _, name := range []string{"../mine", "glyphs", ".", "a.npz", strings.Repeat("a", 65)} {
		if _, err := FetchSet(ctx, name, opt); !errors.As(err, &bad) {
			t.Errorf("%q: %v", name, err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "SHA256SUMS"), []byte("nothing\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(ctx, "mine2", read); err == nil {
		t.Error("another name is opened")
	}
	if _, err := FetchSet(ctx, "mine", opt); !errors.As(err, &bad) || !strings.Contains(err.Error(), "SHA256SUMS") {
		t.Errorf("damaged sums: %v", err)
	}
}

// Every file has a checksum of a known length, and names are not taken twice.
func TestNamedSetsHaveChecksums(t *testing.T) {
	seen := map[string]bool{"mnist": true, "glyphs": true}
	for _, n := range namedSets() {
		if seen[n.name] || len(n.files) == 0 || len(n.mirrors) == 0 {
			t.Errorf("%+v", n)
		}
		seen[n.name] = true
		for _, f := range n.files {
			if b, err := hex.DecodeString(f.sum); err != nil || len(b) != 32 && len(b) != md5.Size {
				t.Errorf("%s: %s: sum %q", n.name, f.name, f.sum)
			}
		}
	}
	if _, err := FetchSet(context.Background(), "nothing", Options{}); err == nil ||
		!strings.Contains(err.Error(), "kmnist") {
		t.Error(err)
	}
}
