package store

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"quantal/internal/safefile"
)

// WriteFile replaces the file at path by what write produces, or leaves it as it was; a power failure at any moment
// leaves the old content or the new. An existing file must be a regular one: a device, a pipe or a symbolic link gives
// an error.
func WriteFile(path string, write func(io.Writer) error) error {
	if err := safefile.Write(path, write); err != nil {
		return FileError(path, err)
	}
	return nil
}

// WriteBytes is WriteFile with the given data.
func WriteBytes(path string, data []byte) error { return WriteFile(path, content(data)) }

// writeAtomicBytes is WriteFile for the many files of a folder that is swept when it is opened.
func writeAtomicBytes(path string, data []byte) error {
	if err := safefile.Replace(path, content(data)); err != nil {
		return FileError(path, err)
	}
	return nil
}

func content(data []byte) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	}
}

// syncFolder makes the names in a folder survive a power failure.
func syncFolder(dir string) error {
	if err := safefile.SyncFolder(dir); err != nil {
		return FileError(dir, err)
	}
	return nil
}

// MakeFolder makes a folder, and those above it if needed, so that their names also survive.
func MakeFolder(dir string) error {
	info, err := os.Stat(dir)
	switch {
	case err == nil && info.IsDir():
		return nil
	case err == nil:
		return fmt.Errorf("store: %s: is a file, not a folder", dir)
	case !errors.Is(err, fs.ErrNotExist):
		return FileError(dir, err)
	}
	parent := filepath.Dir(filepath.Clean(dir))
	if err := MakeFolder(parent); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return FileError(dir, err)
	}
	return syncFolder(parent)
}

// Sweep removes the temporary files that killed processes left in dir. Nobody may be writing there, or only files
// younger than the given age.
func Sweep(dir string, age time.Duration) error {
	if err := safefile.Sweep(dir, age); err != nil {
		return FileError(dir, err)
	}
	return nil
}
