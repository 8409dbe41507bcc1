package dynamics

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/fxamacker/cbor/v2"

	"quantal/results/store"
)

// Job is what an experiment gets in addition to its configuration.
type Job struct {
	Progress Progress // nil if progress is not reported
	Parts    *Parts   // nil if nothing is kept
}

// Tell reports progress.
func (j Job) Tell(done float64, what string) {
	if j.Progress != nil {
		j.Progress(done, what)
	}
}

// Seconds is how long the experiment took, which began now or, in another process, earlier.
func (j Job) Seconds(began time.Time) float64 {
	spent := time.Since(began)
	if j.Parts != nil {
		spent += j.Parts.earlier
	}
	return spent.Seconds()
}

// Parts are the finished parts of an experiment, in a folder, from which it continues after an interruption. A part is
// a value with exported fields; CBOR (RFC 8949) keeps all bits of its numbers, including NaN and infinity.
type Parts struct {
	dir     string
	owner   string
	began   time.Time
	earlier time.Duration // spent before this process

	writing sync.Mutex
	noted   time.Time // when the time spent was last written
}

const (
	partsName = "parts" // the folder of parts within that of the experiment
	ownerName = "owner" // the owner of the parts
	spentName = "spent" // the time that they took
)

// noteInterval is how often the time spent is written.
const noteInterval = time.Second

// OpenParts opens the parts of an experiment in its run folder. The owner is everything on which the values depend,
// such as configuration and kernels; parts of another owner are removed, and dropped says so.
func OpenParts(runFolder, owner string) (p *Parts, dropped bool, err error) {
	p = &Parts{dir: filepath.Join(runFolder, partsName), owner: owner, began: time.Now()}
	if dropped, err = p.Claim(ownerName, owner); err != nil {
		return nil, false, err
	}
	_, err = p.Read(spentName, &p.earlier)
	return p, dropped, err
}

// Claim names a further value on which the parts depend. If a different one is kept under that name, all parts are
// removed, and dropped says so.
func (p *Parts) Claim(name, owner string) (dropped bool, err error) {
	if p == nil {
		return false, nil
	}
	var held string
	found, err := p.Read(name, &held)
	if err != nil || found && held == owner {
		return false, err
	}
	if !found && name != ownerName {
		return false, p.Write(name, owner)
	}
	if err := p.Remove(); err != nil {
		return false, err
	}
	if err := store.MakeFolder(p.dir); err != nil {
		return false, err
	}
	p.earlier = 0
	if err := p.Write(ownerName, p.owner); err != nil || name == ownerName {
		return found, err
	}
	return found, p.Write(name, owner)
}

// Remove removes all parts: the experiment has finished.
func (p *Parts) Remove() error { return os.RemoveAll(p.dir) }

// path is the file of a part, for any characters in its name.
func (p *Parts) path(name string) string { return filepath.Join(p.dir, url.PathEscape(name)) }

// Read reads a part into a value; false if there is none, or a damaged one, which is then made again.
func (p *Parts) Read(name string, value any) (bool, error) {
	if p == nil {
		return false, nil
	}
	raw, err := os.ReadFile(p.path(name))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	sum := sha256.Sum256(raw[min(sha256.Size, len(raw)):])
	if !bytes.HasPrefix(raw, sum[:]) {
		return false, nil
	}
	return cbor.Unmarshal(raw[sha256.Size:], value) == nil, nil
}

// Write keeps a part, and replaces one of that name.
func (p *Parts) Write(name string, value any) error {
	if p == nil {
		return nil
	}
	raw, err := cbor.Marshal(value)
	if err != nil {
		return fmt.Errorf("dynamics: part %s: %w", name, err)
	}
	sum := sha256.Sum256(raw)
	if err := store.WriteBytes(p.path(name), append(sum[:], raw...)); err != nil || name == spentName {
		return err
	}
	p.writing.Lock()
	defer p.writing.Unlock()
	if time.Since(p.noted) < noteInterval {
		return nil
	}
	p.noted = time.Now()
	return p.Write(spentName, p.earlier+time.Since(p.began))
}

// Part returns the part of that name if it is kept, and otherwise makes and keeps it.
func Part[T any](p *Parts, name string, make func() (T, error)) (T, error) {
	var value T
	if kept, err := p.Read(name, &value); kept || err != nil {
		return value, err
	}
	var made T
	made, err := make()
	if err != nil {
		return made, err
	}
	return made, p.Write(name, made)
}
