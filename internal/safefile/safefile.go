// Package safefile writes files in places where others may also write: as a whole, or in place, never through a
// symbolic link, and never to a device, a pipe or a folder. A symbolic link to the folder of a file is followed.
package safefile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"time"
)

// Write replaces the file at path by what write produces, or leaves it as it was. After a crash at any moment the file
// has either the old or the new content in full; after a return without error it has the new one, even if the power
// fails. An existing file must be a regular one. Temporary files that killed processes left of the same file are
// removed.
func Write(path string, write func(io.Writer) error) error {
	ours := regexp.MustCompile(`^\.` + regexp.QuoteMeta(filepath.Base(path)) + `[0-9]+$`)
	// If locks do not work: nobody needs an hour to write a file.
	_ = sweep(filepath.Dir(path), ours, 0, time.Hour) // a folder that cannot be listed can still be written to
	return Replace(path, write)
}

// Replace is Write without removing what killed processes left: for folders with many files, which Sweep clears once.
func Replace(path string, write func(io.Writer) error) error {
	if err := regularOrNone(path); err != nil {
		return err
	}
	f, err := create(path)
	if err != nil {
		return err
	}
	defer f.Cleanup() // does nothing once the file is in its place
	if err := write(f); err != nil {
		return err
	}
	if err := f.CloseAtomicallyReplace(); err != nil {
		return err
	}
	return SyncFolder(filepath.Dir(path))
}

// temporary matches the names that renameio gives to temporary files: a dot, the final name, a random number.
var temporary = regexp.MustCompile(`^\..+\.(toml|json|jsonl|safetensors|npz|csv|txt|html|svg|png|pdf)[0-9]+$`)

// Sweep removes the temporary files that killed processes left in a folder that belongs to the program. Nobody else may
// be writing there, or only files younger than the given age. A folder that does not exist counts as empty.
func Sweep(dir string, age time.Duration) error { return sweep(dir, temporary, age, age) }

// sweep removes files that match, are older than age, and are not locked; files that cannot be locked must be older
// than unlocked.
func sweep(dir string, names *regexp.Regexp, age, unlocked time.Duration) error {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, e := range entries {
		if !e.Type().IsRegular() || !names.MatchString(e.Name()) {
			continue
		}
		if info, err := e.Info(); err == nil { // otherwise it has already been removed
			if err := removeDead(filepath.Join(dir, e.Name()), time.Since(info.ModTime()), age, unlocked); err != nil {
				return err
			}
		}
	}
	return nil
}

func removeDead(path string, old, age, unlocked time.Duration) error {
	if old < age {
		return nil
	}
	dead, release, err := unused(path)
	if err == nil && !dead || err != nil && old < unlocked {
		return nil // perhaps a user's
	}
	defer release()
	return Remove(path)
}

// Remove removes a file, if there is one.
func Remove(path string) error {
	if err := patiently(func() error { return os.Remove(path) }); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// Open opens a file to write to it in place, with flags as for os.OpenFile: a regular file, or one that it makes if the
// flags say so.
func Open(path string, flag int) (*os.File, error) {
	if err := regularOrNone(path); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, flag|OpenAsIs, 0o644)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil {
		err = regular(path, info) // it may have been replaced since
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func regularOrNone(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return regular(path, info)
}

func regular(path string, info fs.FileInfo) error {
	what := "something else"
	switch mode := info.Mode(); {
	case mode.IsRegular():
		return nil
	case mode.IsDir():
		what = "a folder"
	case mode&fs.ModeSymlink != 0:
		what = "a symbolic link"
	case mode&fs.ModeDevice != 0:
		what = "a device"
	case mode&fs.ModeNamedPipe != 0:
		what = "a pipe"
	case mode&fs.ModeSocket != 0:
		what = "a socket"
	}
	return &fs.PathError{Op: "write", Path: path,
		Err: fmt.Errorf("is not a regular file but %s: want a regular file, or a new name", what)}
}
