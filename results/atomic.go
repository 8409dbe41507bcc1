package results

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"github.com/google/renameio/v2"
)

// writeAtomic replaces the file at path by what write produces, or leaves it as it was. After a crash at any moment the
// old or the new content is there in full; after a return without error, the new one is, even if the power fails.
func writeAtomic(path string, write func(io.Writer) error) error {
	// A rename would replace a device such as /dev/stdout by a file.
	info, err := os.Stat(path)
	if err == nil && !info.Mode().IsRegular() {
		return fmt.Errorf("results: %s: is not a regular file", path)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fileError(path, err)
	}
	dir := filepath.Dir(path)
	f, err := renameio.NewPendingFile(path, renameio.WithTempDir(dir), renameio.WithPermissions(0o644),
		renameio.WithExistingPermissions())
	if err != nil {
		return fileError(path, err)
	}
	defer f.Cleanup() // does nothing once the file is in its place
	if err := write(f); err != nil {
		return fileError(path, err)
	}
	if err := f.CloseAtomicallyReplace(); err != nil {
		return fileError(path, err)
	}
	return syncFolder(dir)
}

func writeAtomicBytes(path string, data []byte) error {
	return writeAtomic(path, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
}

// syncFolder makes the names in a folder survive a power failure.
func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fileError(dir, err)
	}
	defer d.Close()
	if err := d.Sync(); err != nil {
		return fileError(dir, err)
	}
	return nil
}

// MakeFolder makes a folder, and those above it where needed, so that their names survive too.
func MakeFolder(dir string) error {
	info, err := os.Stat(dir)
	switch {
	case err == nil && info.IsDir():
		return nil
	case err == nil:
		return fmt.Errorf("results: %s: is a file, not a folder", dir)
	case !errors.Is(err, fs.ErrNotExist):
		return fileError(dir, err)
	}
	parent := filepath.Dir(filepath.Clean(dir))
	if err := MakeFolder(parent); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return fileError(dir, err)
	}
	return syncFolder(parent)
}

// temporary matches the names that renameio gives to files in the making: a dot, the final name, a random number.
func temporary() *regexp.Regexp {
	return regexp.MustCompile(`^\..+\.(toml|json|jsonl|safetensors|npz|csv|txt|html|svg|png|pdf)[0-9]+$`)
}

// Sweep removes the temporary files that killed processes left in dir. Nobody may be writing there, or only files younger than
// the given age.
func Sweep(dir string, age time.Duration) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fileError(dir, err)
	}
	pattern := temporary()
	for _, e := range entries {
		if !e.Type().IsRegular() || !pattern.MatchString(e.Name()) {
			continue
		}
		if info, err := e.Info(); err != nil || time.Since(info.ModTime()) < age {
			continue // gone already, or perhaps someone's
		}
		path := filepath.Join(dir, e.Name())
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fileError(path, err)
		}
	}
	return nil
}
