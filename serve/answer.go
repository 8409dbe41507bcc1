package serve

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"os"
	"strings"
	"sync"

	"quantal/internal/fault"
	"quantal/internal/sentence"
	"quantal/results/store"
	"quantal/results/tables"
)

// errNone says that there is nothing of the name in a request.
var errNone = errors.New("there is no such thing here; it may have been moved")

func hostName() string {
	if host, err := os.Hostname(); err == nil && host != "" {
		return host
	}
	return "localhost"
}

// blob is the body of an answer, made once for all who ask.
type blob struct {
	data, zipped []byte
	kind, tag    string // media type, and the ETag
	sandbox      bool   // it is a picture or a page with styles of its own
	file         string // the name under which a browser saves it
	err          error  // in its place
}

func newBlob(kind string, data []byte) blob {
	sum := sha256.Sum256(data)
	b := blob{data: data, kind: kind, tag: `"` + hex.EncodeToString(sum[:9]) + `"`}
	if len(data) > 1000 && kind != "image/png" {
		var z bytes.Buffer
		w, _ := gzip.NewWriterLevel(&z, gzip.BestSpeed) // the level is one that there is
		_, _ = w.Write(data)                            // a buffer takes everything
		_ = w.Close()
		b.zipped = z.Bytes()
	}
	return b
}

// jsonBlob writes NaN as null.
func jsonBlob(v any) blob {
	text, err := store.EncodeJSON(v)
	if err != nil {
		return blob{err: err}
	}
	return newBlob("application/json", text)
}

// send answers a request.
func (b blob) send(w http.ResponseWriter, r *http.Request) {
	if b.err != nil {
		sendError(w, b.err)
		return
	}
	h := w.Header()
	h.Set("Content-Type", b.kind)
	h.Set("Cache-Control", "no-cache")
	h.Set("ETag", b.tag)
	h.Set("Vary", "Accept-Encoding")
	if b.sandbox {
		h.Set("Content-Security-Policy", sandboxPolicy)
	}
	if b.file != "" {
		h.Set("Content-Disposition", `attachment; filename="`+b.file+`"`)
	}
	if r.Header.Get("If-None-Match") == b.tag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	data := b.data
	if b.zipped != nil && strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		h.Set("Content-Encoding", "gzip")
		data = b.zipped
	}
	if r.Method != http.MethodHead {
		_, _ = w.Write(data) // or the browser has gone
	}
}

// sendError answers with a sentence.
func sendError(w http.ResponseWriter, err error) {
	status := http.StatusInternalServerError
	_, choice := errors.AsType[*tables.ChoiceError](err)
	switch {
	case errors.Is(err, errNone):
		status = http.StatusNotFound
	case errors.Is(err, store.ErrNothing), errors.Is(err, errAsked), choice:
		status = http.StatusUnprocessableEntity
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(sentence.Of(err) + "\n"))
}

// errAsked says that a request asks for something that nobody can draw.
var errAsked = errors.New("the request cannot be answered")

// answers keeps what has been made, by what was asked and the versions of what it shows.
type answers struct {
	mutex  sync.Mutex
	made   map[string]func() blob
	bytes  int
	making sync.Mutex // one at a time: drawing needs memory
}

// mostKept is how many bytes, and mostAsked how many answers are kept.
const (
	mostKept  = 32 << 20
	mostAsked = 1000
)

// get returns the answer of a key, made once.
func (a *answers) get(key string, make func() blob) blob {
	a.mutex.Lock()
	if a.made == nil || a.bytes > mostKept || len(a.made) > mostAsked {
		a.made, a.bytes = map[string]func() blob{}, 0
	}
	f := a.made[key]
	if f == nil {
		f = sync.OnceValue(func() blob {
			a.making.Lock()
			var b blob
			if err := fault.Guard(func() error { b = make(); return nil }); err != nil { // a file that nobody thought of
				b = blob{err: err}
			}
			a.making.Unlock()
			a.mutex.Lock()
			defer a.mutex.Unlock()
			a.bytes += len(b.data) + len(b.zipped)
			if b.err != nil { // it may do better next time
				delete(a.made, key)
			}
			return b
		})
		a.made[key] = f
	}
	a.mutex.Unlock()
	return f()
}
