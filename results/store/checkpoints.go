package store

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"quantal/internal/safefile"
	"slices"
	"strconv"
	"strings"
)

// kept is how many valid checkpoints stay in a run folder: one to continue from, and another in case it is damaged.
const kept = 2

type savedCheckpoint struct {
	step int
	path string
}

// read reads the checkpoint, which must be that of the step in the file's name: a copy under another name would
// continue another run.
func (s savedCheckpoint) read() (*Checkpoint, error) {
	c, err := ReadCheckpoint(s.path)
	if err != nil {
		return nil, err
	}
	if c.Step != s.step {
		return nil, Corrupt(s.path, "holds step %d, not the one in its name", c.Step)
	}
	return c, nil
}

func checkpointName(step int) string { return fmt.Sprintf("step-%09d.safetensors", step) }

// checkpoints lists the checkpoint files, newest first.
func (f *Folder) checkpoints() ([]savedCheckpoint, error) {
	dir := f.Path(checkpointsName)
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, FileError(dir, err)
	}
	var list []savedCheckpoint
	for _, e := range entries {
		digits := strings.TrimSuffix(strings.TrimPrefix(e.Name(), "step-"), ".safetensors")
		step, err := strconv.Atoi(digits)
		if err == nil && step >= 0 && checkpointName(step) == e.Name() {
			list = append(list, savedCheckpoint{step, filepath.Join(dir, e.Name())})
		}
	}
	slices.SortFunc(list, func(a, b savedCheckpoint) int { return cmp.Compare(b.step, a.step) })
	return list, nil
}

// SaveCheckpoint writes checkpoints/step-NNNNNNNNN.safetensors, and when that is safely on disk, removes older files
// except the newest valid one. If writing fails all files are as they were.
func (f *Folder) SaveCheckpoint(c *Checkpoint) error {
	if err := f.writable(); err != nil {
		return err
	}
	if err := c.Write(filepath.Join(f.Path(checkpointsName), checkpointName(c.Step))); err != nil {
		return err
	}
	return f.prune(c.Step)
}

// prune removes checkpoints that are not needed in addition to the one just written. Damaged files are removed if they
// are older than the last one kept, or have a later step: then the run has gone back to before them.
func (f *Folder) prune(written int) error {
	list, err := f.checkpoints()
	if err != nil {
		return err
	}
	good := 0
	for _, s := range list {
		remove := false
		switch {
		case s.step == written:
			good++
		case s.step > written:
			_, err := s.read()
			remove = err != nil
		case good == kept:
			remove = true
		default:
			if _, err := s.read(); err == nil {
				good++
			}
		}
		if remove {
			if err := safefile.Remove(s.path); err != nil {
				return FileError(s.path, err)
			}
		}
	}
	return nil
}

// LastCheckpoint reads the newest valid checkpoint. Skipped says of each newer file why it is not valid. Without any
// file the error is ErrNoCheckpoint; if there are files but no valid one, it is a CorruptError.
func (f *Folder) LastCheckpoint() (c *Checkpoint, skipped []error, err error) {
	list, err := f.checkpoints()
	if err != nil {
		return nil, nil, err
	}
	for _, s := range list {
		c, err := s.read()
		switch {
		case err == nil:
			return c, skipped, nil
		case !errors.Is(err, fs.ErrNotExist): // the running process may have removed it since the folder was listed
			skipped = append(skipped, err)
		}
	}
	dir := f.Path(checkpointsName)
	if len(skipped) == 0 {
		return nil, nil, fmt.Errorf("store: %s: %w", dir, ErrNoCheckpoint)
	}
	return nil, skipped, Corrupt(dir, "none of %d checkpoints can be read", len(skipped))
}
