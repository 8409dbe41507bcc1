package mnist

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// mirror is a server on this machine that answers like a mirror, or worse.
type mirror struct {
	*httptest.Server
	requests atomic.Int32
}

// answer gets the packed content of the file that was asked for.
type answer func(w http.ResponseWriter, r *http.Request, packed []byte)

func newMirror(t *testing.T, a answer) *mirror {
	t.Helper()
	files := make(map[string][]byte)
	for i, content := range tiny() {
		files["/mnist/"+fileNames[i]+".gz"] = zip(t, content)
	}
	m := new(mirror)
	m.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m.requests.Add(1)
		a(w, r, files[r.URL.Path])
	}))
	t.Cleanup(m.Close)
	return m
}

func (m *mirror) address() string { return m.URL + "/mnist/" }

func serve(w http.ResponseWriter, _ *http.Request, packed []byte) { w.Write(packed) }

func notFound(w http.ResponseWriter, r *http.Request, _ []byte) { http.NotFound(w, r) }

func truncate(w http.ResponseWriter, _ *http.Request, packed []byte) {
	w.Header().Set("Content-Length", strconv.Itoa(len(packed)))
	w.Write(packed[:len(packed)/2])
}

func truncateUnannounced(w http.ResponseWriter, _ *http.Request, packed []byte) {
	w.Write(packed[:len(packed)/2])
	w.(http.Flusher).Flush()
}

func stall(w http.ResponseWriter, r *http.Request, packed []byte) {
	w.Header().Set("Content-Length", strconv.Itoa(len(packed)))
	w.Write(packed[:len(packed)/2])
	w.(http.Flusher).Flush()
	<-r.Context().Done()
}

func silence(_ http.ResponseWriter, r *http.Request, _ []byte) { <-r.Context().Done() }

func endless(w http.ResponseWriter, r *http.Request, _ []byte) {
	for r.Context().Err() == nil {
		if _, err := w.Write(make([]byte, 1000)); err != nil {
			return
		}
	}
}

// patient are times long enough for a busy machine, hasty ones for what must run out.
var (
	patient = Options{ConnectTimeout: 20 * time.Second, StallTimeout: 20 * time.Second}
	hasty   = Options{ConnectTimeout: time.Second, StallTimeout: 500 * time.Millisecond}
)

// checkCache checks that the folder holds the tiny set and nothing else.
func checkCache(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != fileCount {
		t.Errorf("the cache has %v", entries)
	}
	for i, want := range tiny() {
		if got, err := os.ReadFile(filepath.Join(dir, fileNames[i])); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %d bytes, %v", fileNames[i], len(got), err)
		}
	}
}

// refusing is an address where nobody listens.
func refusing(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return "http://" + l.Addr().String() + "/"
}

// wrong serves a good IDX file with one element changed.
func wrong(t *testing.T) answer {
	return func(w http.ResponseWriter, r *http.Request, packed []byte) {
		for i, content := range tiny() {
			if strings.Contains(r.URL.Path, fileNames[i]) {
				content[len(content)-1] ^= 1
				w.Write(zip(t, content))
			}
		}
	}
}

func TestFetchFromSecondMirror(t *testing.T) {
	for _, c := range []struct {
		name    string
		first   answer // nil: nobody listens
		opt     Options
		want    string // in the error when there is no second mirror
		bad     bool   // that is a DataError
		perFile bool   // the mirror answers, so it is asked for the next file too
	}{
		{"not there", notFound, patient, "answered 404 Not Found", false, true},
		{"truncated", truncate, patient, "cut short after", false, true},
		{"truncated without a length", truncateUnannounced, patient, "want 616 bytes, got", true, true},
		{"stalled", stall, hasty, "no byte for 500ms after", false, true},
		{"silent", silence, hasty, "no answer within 1s", false, false},
		{"wrong bytes", wrong(t), patient, "damaged: want SHA-256 " + tinyEdition()[0].sum, true, true},
		{"endless", endless, patient, "want at most 4712 bytes, got more", true, true},
		{"a page", func(w http.ResponseWriter, _ *http.Request, _ []byte) {
			w.Write([]byte("<html>Please log in to the library's network.</html>"))
		}, patient, "want magic number", true, true},
		{"refusing", nil, patient, "connection refused", false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			first, requests := "", func() int32 { return 0 }
			if c.first == nil {
				first = refusing(t)
			} else {
				m := newMirror(t, c.first)
				first, requests = m.address(), m.requests.Load
			}
			opt := c.opt
			opt.CacheDir = filepath.Join(t.TempDir(), "new", "cache")

			opt.Mirrors = []string{first}
			_, err := tinyEdition().fetch(context.Background(), opt)
			var failed *FetchError
			if !errors.As(err, &failed) || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), first) {
				t.Errorf("alone: got error %v, want %q", err, c.want)
			}
			var bad *DataError
			if errors.As(err, &bad) != c.bad {
				t.Errorf("alone: error %v: a DataError: %v, want %v", err, !c.bad, c.bad)
			}
			if entries, _ := os.ReadDir(opt.CacheDir); len(entries) != 0 {
				t.Errorf("alone: left %v", entries)
			}

			before := requests()
			opt.Mirrors = append(opt.Mirrors, newMirror(t, serve).address())
			dir, err := tinyEdition().fetch(context.Background(), opt)
			if err != nil {
				t.Fatal(err)
			}
			checkCache(t, dir)
			if c.first == nil {
				return
			}
			want := int32(1)
			if c.perFile {
				want = fileCount
			}
			if n := requests() - before; n != want {
				t.Errorf("the first mirror was asked %d times, want %d", n, want)
			}
		})
	}
}

// An address from which nothing ever comes back (RFC 5737 keeps it free) costs the connect timeout, once.
func TestFetchUnroutable(t *testing.T) {
	opt := hasty
	opt.CacheDir, opt.Mirrors = t.TempDir(), []string{"http://192.0.2.1/", newMirror(t, serve).address()}
	start := time.Now()
	if _, err := tinyEdition().fetch(context.Background(), opt); err != nil {
		t.Error(err)
	}
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("took %v", took)
	}
}

func TestFetchNamesEveryMirror(t *testing.T) {
	opt := hasty
	opt.CacheDir = t.TempDir()
	opt.Mirrors = []string{refusing(t), newMirror(t, notFound).address(), "ftp://example.org/", "::"}
	_, err := tinyEdition().fetch(context.Background(), opt)
	var failed *FetchError
	if !errors.As(err, &failed) || failed.File != fileNames[0] || len(failed.Failures) != 4 {
		t.Fatalf("error %v", err)
	}
	for _, mirror := range opt.Mirrors {
		if !strings.Contains(err.Error(), mirror+": ") {
			t.Errorf("%v does not name %s", err, mirror)
		}
	}
}

func TestFetchOnlyWhatIsMissing(t *testing.T) {
	m := newMirror(t, serve)
	opt := patient
	opt.CacheDir, opt.Mirrors = t.TempDir(), []string{strings.TrimSuffix(m.address(), "/")}
	for _, step := range []struct {
		name    string
		prepare func()
		want    int32
	}{
		{"empty cache", func() {}, 4},
		{"full cache", func() {}, 0},
		{"one damaged", func() { write(t, opt.CacheDir, fileNames[1], []byte("damaged")) }, 1},
		{"one missing", func() { os.Remove(filepath.Join(opt.CacheDir, fileNames[2])) }, 1},
	} {
		step.prepare()
		m.requests.Store(0)
		s, err := tinyEdition().openCache(context.Background(), true, opt)
		if step.name == "one damaged" {
			// Opening does not repair what is there: that is for the user to decide.
			var bad *DataError
			if !errors.As(err, &bad) {
				t.Errorf("%s: %v", step.name, err)
			}
			_, err = tinyEdition().fetch(context.Background(), opt)
		} else if err == nil && s.Train.N() != 30 {
			t.Errorf("%s: %+v", step.name, s)
		}
		if err != nil {
			t.Errorf("%s: %v", step.name, err)
		}
		if n := m.requests.Load(); n != step.want {
			t.Errorf("%s: %d requests, want %d", step.name, n, step.want)
		}
		checkCache(t, opt.CacheDir)
	}
}

// Some mirrors, or proxies before them, unpack what they send.
func TestFetchPlain(t *testing.T) {
	m := newMirror(t, func(w http.ResponseWriter, r *http.Request, _ []byte) {
		i := slices.Index(fileNames[:], strings.TrimSuffix(filepath.Base(r.URL.Path), ".gz"))
		w.Write(tiny()[i])
	})
	opt := patient
	opt.CacheDir, opt.Mirrors = t.TempDir(), []string{m.address()}
	if _, err := tinyEdition().fetch(context.Background(), opt); err != nil {
		t.Fatal(err)
	}
	checkCache(t, opt.CacheDir)
}

// The whole way: MNIST itself from a mirror to the cache to a Set, and once more from the cache alone.
func TestFetchRealMNIST(t *testing.T) {
	server := httptest.NewServer(http.FileServer(http.Dir(realMNIST(t))))
	opt := patient
	opt.CacheDir, opt.Mirrors = t.TempDir(), []string{server.URL}
	for range 2 {
		s, err := Open(context.Background(), "mnist", opt)
		if err != nil {
			t.Fatal(err)
		}
		if !s.Known || s.Source != "cache "+opt.CacheDir || s.Train.N() != 60000 || s.Test.N() != 10000 {
			t.Errorf("%s from %s, known %v, %d and %d examples", s.Name, s.Source, s.Known, s.Train.N(), s.Test.N())
		}
		server.Close()
	}
}

func TestFetchCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	opt := patient
	opt.CacheDir = t.TempDir()
	opt.Mirrors = []string{newMirror(t, stall).address(), newMirror(t, serve).address()}
	opt.Progress = func(string, int64, int64) { cancel() }
	if _, err := tinyEdition().fetch(ctx, opt); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	if entries, _ := os.ReadDir(opt.CacheDir); len(entries) != 0 {
		t.Errorf("left %v", entries)
	}
}

func TestFetchProgress(t *testing.T) {
	opt := patient
	opt.CacheDir, opt.Mirrors = t.TempDir(), []string{newMirror(t, serve).address()}
	got, total := make(map[string]int64), make(map[string]int64)
	opt.Progress = func(file string, g, of int64) {
		if g <= got[file] {
			t.Errorf("%s: %d bytes after %d", file, g, got[file])
		}
		got[file], total[file] = g, of
	}
	if _, err := tinyEdition().fetch(context.Background(), opt); err != nil {
		t.Fatal(err)
	}
	for _, name := range fileNames {
		if got[name] == 0 || got[name] != total[name] {
			t.Errorf("%s: %d of %d bytes", name, got[name], total[name])
		}
	}
}

func TestFetchNoFolder(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "file", nil)
	opt := patient
	opt.CacheDir, opt.Mirrors = filepath.Join(dir, "file", "cache"), []string{newMirror(t, serve).address()}
	var bad *DataError
	if _, err := tinyEdition().fetch(context.Background(), opt); err == nil || errors.As(err, &bad) {
		t.Errorf("error %v", err)
	}
}

func TestMirrors(t *testing.T) {
	t.Setenv("QUANTAL_MIRRORS", "")
	if got := (Options{}).mirrors(); !slices.Equal(got, DefaultMirrors()) {
		t.Errorf("default: %v", got)
	}
	t.Setenv("QUANTAL_MIRRORS", " http://a/ , http://b/,")
	if got := (Options{}).mirrors(); !slices.Equal(got, []string{"http://a/", "http://b/"}) {
		t.Errorf("environment: %v", got)
	}
	if got := (Options{Mirrors: []string{"http://c/"}}).mirrors(); !slices.Equal(got, []string{"http://c/"}) {
		t.Errorf("options: %v", got)
	}
}
