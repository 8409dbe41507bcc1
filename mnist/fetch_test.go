package mnist

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
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
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return newMirrorOn(t, l, a)
}

func newMirrorOn(t *testing.T, l net.Listener, a answer) *mirror {
	t.Helper()
	files := make(map[string][]byte)
	for i, content := range tiny() {
		files["/mnist/"+fileNames[i]+".gz"] = gzipped(t, content)
	}
	m := new(mirror)
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m.requests.Add(1)
		a(w, r, files[r.URL.Path])
	})
	m.Server = &httptest.Server{Listener: l, Config: &http.Server{Handler: handler}}
	m.Start()
	t.Cleanup(m.Close)
	return m
}

// wires is a network that does not depend on a machine's speed: within a synctest bubble, time passes only when every
// goroutine waits. An address where nobody listens never answers.
type wires map[string]*wire

// wire is the listener of a mirror.
type wire struct {
	address string
	calls   chan net.Conn
	closed  chan struct{}
	close   sync.Once
}

func (n wires) listen() *wire {
	w := &wire{address: fmt.Sprintf("127.0.0.1:%d", len(n)+1), calls: make(chan net.Conn), closed: make(chan struct{})}
	n[w.address] = w
	return w
}

func (n wires) dial(ctx context.Context, _, address string) (net.Conn, error) {
	w := n[address]
	if w == nil {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	here, there := net.Pipe()
	select {
	case w.calls <- there:
		return here, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (w *wire) Accept() (net.Conn, error) {
	select {
	case c := <-w.calls:
		return c, nil
	case <-w.closed:
		return nil, net.ErrClosed
	}
}

func (w *wire) Close() error {
	w.close.Do(func() { close(w.closed) })
	return nil
}

func (w *wire) Addr() net.Addr  { return w }
func (w *wire) Network() string { return "tcp" }
func (w *wire) String() string  { return w.address }

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

// patient has time limits that no machine reaches.
var patient = Options{ConnectTimeout: time.Hour, StallTimeout: time.Hour}

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

// The next download removes what a killed one left in the cache.
func TestFetchClearsTheCache(t *testing.T) {
	opt := patient
	opt.CacheDir, opt.Mirrors = t.TempDir(), []string{newMirror(t, serve).address()}
	for _, name := range fileNames {
		if err := os.WriteFile(filepath.Join(opt.CacheDir, "."+name+"1234567890"), []byte("half"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := tinyEdition().fetch(context.Background(), opt); err != nil {
		t.Fatal(err)
	}
	checkCache(t, opt.CacheDir)
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
				w.Write(gzipped(t, content))
			}
		}
	}
}

func TestFetchFromSecondMirror(t *testing.T) {
	for _, c := range []struct {
		name    string
		first   answer // nil: nobody listens
		want    string // in the error when there is no second mirror
		bad     bool   // that is a DataError
		perFile bool   // the mirror answers, so it is also asked for the next file
	}{
		{"not there", notFound, "answered 404 Not Found", false, true},
		{"truncated", truncate, "cut short after", false, true},
		{"truncated without a length", truncateUnannounced, "want 616 bytes, got", true, true},
		{"wrong bytes", wrong(t), "damaged: want SHA-256 " + tinyEdition()[0].sum, true, true},
		{"endless", endless, "want at most 4712 bytes, got more", true, true},
		{"a page", func(w http.ResponseWriter, _ *http.Request, _ []byte) {
			w.Write([]byte("<html>Please log in to the library's network.</html>"))
		}, "want magic number", true, true},
		{"refusing", nil, "connection refused", false, false},
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
			opt := patient
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

// A mirror that stalls costs the stall timeout for each file. One that gives no answer, or cannot be reached (RFC 5737
// keeps its address free), costs the connect timeout once.
func TestFetchTimeouts(t *testing.T) {
	for _, c := range []struct {
		name     string
		first    answer        // nil: an address that never answers
		want     string        // in the error when there is no second mirror
		requests int32         // to the first mirror when there is one
		cost     time.Duration // then
	}{
		{"stalled", stall, "no byte for 500ms after", fileCount, fileCount * 500 * time.Millisecond},
		{"silent", silence, "no answer within 3s", 1, 3 * time.Second},
		{"unroutable", nil, "no answer within 3s", 0, 3 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				network := wires{}
				address, requests := "http://192.0.2.1/", new(atomic.Int32)
				if c.first != nil {
					m := newMirrorOn(t, network.listen(), c.first)
					address, requests = m.address(), &m.requests
				}
				opt := Options{
					CacheDir: t.TempDir(), Mirrors: []string{address}, dial: network.dial,
					ConnectTimeout: 3 * time.Second, StallTimeout: 500 * time.Millisecond,
				}
				_, err := tinyEdition().fetch(t.Context(), opt)
				var failed *FetchError
				if !errors.As(err, &failed) || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), address) {
					t.Errorf("alone: got error %v, want %q", err, c.want)
				}
				requests.Store(0)
				start := time.Now()
				opt.Mirrors = append(opt.Mirrors, newMirrorOn(t, network.listen(), serve).address())
				if _, err := tinyEdition().fetch(t.Context(), opt); err != nil {
					t.Fatal(err)
				}
				checkCache(t, opt.CacheDir)
				if n, took := requests.Load(), time.Since(start); n != c.requests || took != c.cost {
					t.Errorf("the first mirror was asked %d times and cost %v, want %d and %v", n, took, c.requests, c.cost)
				}
			})
		})
	}
}

func TestFetchNamesEveryMirror(t *testing.T) {
	opt := patient
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

// A mirror may be a folder on this machine, with the files plain or packed. Files that are wrong or missing there come
// from the next mirror.
func TestFetchFromFolder(t *testing.T) {
	plain := folder(t, tiny())
	packed := t.TempDir()
	for i, content := range tiny() {
		write(t, packed, fileNames[i]+".gz", gzipped(t, content))
	}
	partly := folder(t, tiny())
	write(t, partly, fileNames[1], []byte("damaged"))
	if err := os.Remove(filepath.Join(partly, fileNames[2])); err != nil {
		t.Fatal(err)
	}
	for name, mirrors := range map[string][]string{
		"plain": {plain}, "packed": {packed + "/"}, "address": {"file://" + plain},
		"the next": {filepath.Join(plain, "none"), partly, packed},
	} {
		opt := patient
		opt.CacheDir, opt.Mirrors = t.TempDir(), mirrors
		dir, err := tinyEdition().fetch(context.Background(), opt)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for i, want := range tiny() {
			if got, err := os.ReadFile(filepath.Join(dir, fileNames[i])); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s: %s is not what it was: %v", name, fileNames[i], err)
			}
		}
	}
	opt := patient
	opt.CacheDir, opt.Mirrors = t.TempDir(), []string{filepath.Join(plain, "none"), partly}
	_, err := tinyEdition().fetch(context.Background(), opt)
	if err == nil || !strings.Contains(err.Error(), "none: no such folder") ||
		!strings.Contains(err.Error(), fileNames[1]) {
		t.Errorf("error %v, want one that names both folders", err)
	}
	// Files that were complete when it stopped are there for the next time.
	if got, err := os.ReadFile(filepath.Join(opt.CacheDir, fileNames[0])); err != nil || !bytes.Equal(got, tiny()[0]) {
		t.Errorf("the first file was not kept: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	opt.CacheDir, opt.Mirrors = t.TempDir(), []string{plain}
	if _, err := tinyEdition().fetch(ctx, opt); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: error %v", err)
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

// Some mirrors, or proxies in front of them, unpack what they send.
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

// The whole path: MNIST itself from a mirror to the cache to a Set, then again from the cache alone.
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
