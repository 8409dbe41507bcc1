package input

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestRead(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "table.csv")
	if err := os.WriteFile(path, bytes.Repeat([]byte("a"), 1<<20), 0o644); err != nil {
		t.Fatal(err)
	}
	if data, err := Read(path, 1<<20); err != nil || len(data) != 1<<20 {
		t.Errorf("a file as long as it may be: %d bytes, %v", len(data), err)
	}
	var limit *LimitError
	if _, err := Read(path, 1<<20-1); !errors.As(err, &limit) {
		t.Errorf("a file that is a byte longer: %v", err)
	}
	if _, err := Read(filepath.Join(dir, "none"), 1); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	// A file without an end; every Unix has /dev/zero.
	endless := filepath.Join(dir, "endless")
	if err := os.Symlink("/dev/zero", endless); err != nil {
		t.Skip(err)
	}
	if _, err := Read(endless, 1<<20); !errors.As(err, &limit) ||
		err.Error() != "is longer than 1 MB, the most that is read" {
		t.Errorf("a file without an end: %v", err)
	}
	if _, err := ReadLarge(endless, 1); err == nil {
		t.Error("a device passes for a regular file")
	}
	if data, err := ReadLarge(path, 2); err != nil || len(data) != 1<<20 {
		t.Errorf("ReadLarge: %d bytes, %v", len(data), err)
	}
}
