package mnist

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"quantal/internal/safefile"
)

// DefaultMirrors are the addresses from which MNIST is downloaded unless others are given.
func DefaultMirrors() []string {
	return []string{
		"https://ossci-datasets.s3.amazonaws.com/mnist/",
		"https://storage.googleapis.com/cvdf-datasets/mnist/",
	}
}

func (o Options) mirrors() []string {
	if len(o.Mirrors) > 0 {
		return o.Mirrors
	}
	if mirrors := mirrorsOf(""); len(mirrors) > 0 {
		return mirrors
	}
	return DefaultMirrors()
}

// mirrorsOf are the mirrors of the environment, each with a folder of that name in it, as in a cache.
func mirrorsOf(folder string) (mirrors []string) {
	for mirror := range strings.SplitSeq(os.Getenv("QUANTAL_MIRRORS"), ",") {
		if mirror = strings.TrimSpace(mirror); mirror != "" && folder != "" {
			mirror = strings.TrimSuffix(mirror, "/") + "/" + folder
		}
		if mirror != "" {
			mirrors = append(mirrors, mirror)
		}
	}
	return mirrors
}

// The defaults of the times in Options.
const (
	defaultConnectTimeout = 5 * time.Second
	defaultStallTimeout   = 10 * time.Second
)

// FetchError says why no mirror could deliver a file.
type FetchError struct {
	File     string
	Failures []MirrorFailure // in the order in which they were tried
}

// MirrorFailure says why one mirror could not.
type MirrorFailure struct {
	Mirror string
	Err    error
}

// Error names every mirror with its reason.
func (e *FetchError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "mnist: %s: no mirror could deliver it", e.File)
	for i, f := range e.Failures {
		fmt.Fprintf(&b, "%s%s: %v", []string{": ", "; "}[min(i, 1)], f.Mirror, f.Err)
	}
	return b.String()
}

// Unwrap returns the reasons: a [DataError] is among them if a mirror served wrong bytes.
func (e *FetchError) Unwrap() []error {
	var reasons []error
	for _, f := range e.Failures {
		reasons = append(reasons, f.Err)
	}
	return reasons
}

// Fetch makes sure that the cache holds MNIST and returns its folder: files that are missing or damaged are downloaded,
// each from the first mirror that delivers the published bytes, and appear in the cache unpacked, complete or not at
// all. A mirror that cannot be reached is not tried again. The error is a [FetchError], or that of the disk or of ctx.
func Fetch(ctx context.Context, opt Options) (dir string, err error) {
	return published.fetch(ctx, opt)
}

func (e edition) fetch(ctx context.Context, opt Options) (dir string, err error) {
	if dir, err = opt.cacheDir(); err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("mnist: cache: %w", err)
	}
	d := newDownloader(opt, e)
	defer d.client.CloseIdleConnections()
	names := usualNames(dir)
	for i := range fileNames {
		if f, err := readFile(dir, names[i], i); err == nil && f.sum == e[i].sum {
			continue
		}
		content, err := d.file(ctx, i)
		if err != nil {
			return "", err
		}
		path := filepath.Join(dir, fileNames[i])
		if err := safefile.Write(path, func(w io.Writer) error { _, err := w.Write(content); return err }); err != nil {
			return "", fmt.Errorf("mnist: %s: %w", path, err)
		}
	}
	return dir, nil
}

// downloader fetches files from mirrors and remembers those that do not answer.
type downloader struct {
	wanted         edition
	client         *http.Client
	mirrors        []string
	silent         []error // by mirror: why it cannot be reached
	connect, stall time.Duration
	progress       func(file string, got, total int64)
}

func newDownloader(opt Options, wanted edition) *downloader {
	d := &downloader{
		wanted: wanted,
		// The files are already packed, and the bytes that were sent are what is counted and checked.
		client: &http.Client{Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, DisableCompression: true,
			DialContext: opt.dial}},
		mirrors: opt.mirrors(), connect: opt.ConnectTimeout, stall: opt.StallTimeout, progress: opt.Progress,
	}
	d.silent = make([]error, len(d.mirrors))
	if d.connect <= 0 {
		d.connect = defaultConnectTimeout
	}
	if d.stall <= 0 {
		d.stall = defaultStallTimeout
	}
	if d.progress == nil {
		d.progress = func(string, int64, int64) {}
	}
	return d
}

// file returns the unpacked content of file i from the first mirror that has it.
func (d *downloader) file(ctx context.Context, i int) ([]byte, error) {
	failed := &FetchError{File: fileNames[i]}
	for m, mirror := range d.mirrors {
		err := cmp.Or(ctx.Err(), d.silent[m])
		if err == nil {
			var content []byte
			if content, err = d.fileFrom(ctx, mirror, i); err == nil {
				return content, nil
			}
		}
		if ctx.Err() != nil {
			return nil, fmt.Errorf("mnist: download of %s: %w; finished files are kept", fileNames[i], context.Cause(ctx))
		}
		var silent *silentError
		if errors.As(err, &silent) {
			d.silent[m] = err
		}
		failed.Failures = append(failed.Failures, MirrorFailure{mirror, err})
	}
	return nil, failed
}

// packingOverhead is more than gzip adds to the little data that it cannot shorten: 18 bytes and a name (RFC 1952), and
// 5 bytes per block of deflate.
const packingOverhead = 4096

// fileFrom downloads file i from a mirror, or reads it from a mirror that is a folder, and compares it with the
// published one.
func (d *downloader) fileFrom(ctx context.Context, mirror string, i int) ([]byte, error) {
	if folder, local := localFolder(mirror); local {
		return d.fileIn(folder, i)
	}
	address := strings.TrimSuffix(mirror, "/") + "/" + fileNames[i] + ".gz"
	var sent bytes.Buffer
	if err := d.get(ctx, address, fileNames[i], d.wanted[i].length+packingOverhead, &sent); err != nil {
		return nil, err
	}
	content, err := readIDX(&sent, source{
		name: fileNames[i] + ".gz", size: int64(sent.Len()), magic: magicOf(i), most: d.wanted[i].length,
	})
	if err != nil {
		return nil, err
	}
	if content.sum != d.wanted[i].sum {
		return nil, d.wanted.wrongSum(i, loaded{fileNames[i] + ".gz", content})
	}
	return content.content, nil
}

// localFolder is the folder that a mirror names, if it is not an address on the web: a path, or a file:// address.
func localFolder(mirror string) (string, bool) {
	path, file := strings.CutPrefix(mirror, "file://")
	return path, file || !strings.Contains(mirror, "://")
}

// fileIn reads file i, plain or packed, from a folder on this machine.
func (d *downloader) fileIn(folder string, i int) ([]byte, error) {
	if err := checkFolder(folder); err != nil {
		return nil, &silentError{err}
	}
	f, err := readFile(folder, usualNames(folder)[i], i)
	if err != nil {
		return nil, err
	}
	if f.sum != d.wanted[i].sum {
		return nil, d.wanted.wrongSum(i, f)
	}
	return f.content, nil
}

// silentError says that a mirror gave no answer at all.
type silentError struct{ err error }

func (e *silentError) Error() string { return e.err.Error() }
func (e *silentError) Unwrap() error { return e.err }

// get writes the body of the answer, which may have at most most bytes.
func (d *downloader) get(ctx context.Context, address, file string, most int64, to io.Writer) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return &silentError{withoutAddress(err)}
	}
	connecting := time.AfterFunc(d.connect, func() { cancel(fmt.Errorf("no answer within %v", d.connect)) })
	answer, err := d.client.Do(request)
	connecting.Stop()
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		return &silentError{withoutAddress(err)}
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("answered %s", answer.Status)
	}
	return d.body(ctx, cancel, answer, file, most, to)
}

// body writes what is answered, and cancels it when no byte comes for the stall time.
func (d *downloader) body(ctx context.Context, cancel context.CancelCauseFunc, answer *http.Response, file string,
	most int64, to io.Writer) error {
	stalled := time.AfterFunc(d.stall, func() { cancel(fmt.Errorf("no byte for %v", d.stall)) })
	defer stalled.Stop()
	got, chunk := int64(0), make([]byte, 1<<16)
	for {
		n, err := answer.Body.Read(chunk)
		stalled.Reset(d.stall)
		if got += int64(n); got > most {
			return badf(file, "want at most %d bytes, got more", most)
		}
		if n > 0 {
			if _, err := to.Write(chunk[:n]); err != nil {
				return err
			}
			d.progress(file, got, answer.ContentLength)
		}
		switch {
		case err == io.EOF:
			return nil
		case context.Cause(ctx) != nil && err != nil:
			return fmt.Errorf("%w after %s", context.Cause(ctx), arrived(got, answer.ContentLength))
		case errors.Is(err, io.ErrUnexpectedEOF):
			return fmt.Errorf("cut short after %s", arrived(got, answer.ContentLength))
		case err != nil:
			return err
		}
	}
}

// arrived says how much of an answer came; total is -1 if the length was not announced.
func arrived(got, total int64) string {
	if total < 0 {
		return fmt.Sprintf("%d bytes", got)
	}
	return fmt.Sprintf("%d of %d bytes", got, total)
}

// withoutAddress takes the method and the address off an error of net/http, because the mirror is already named.
func withoutAddress(err error) error {
	var e *url.Error
	if errors.As(err, &e) {
		return e.Err
	}
	return err
}
