// Package input reads files that users name, up to a limit: a device, a pipe or a wrong file may have no end.
package input

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"quantal/internal/memory"
)

// How much of a file is read, in bytes.
const (
	Settings = 1 << 20  // files that people write by hand
	Table    = 64 << 20 // tables of numbers: some million lines
	Own      = 1 << 30  // text files that this program writes
)

// LimitError says that a file is longer than it may be.
type LimitError struct{ Most int64 }

func (e *LimitError) Error() string {
	return fmt.Sprintf("is longer than %d MB, the most that is read", e.Most>>20)
}

// Read returns the content of a file, or a LimitError if it has more than most bytes.
func Read(path string, most int64) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if info.Mode().IsRegular() && info.Size() > most {
		return nil, &LimitError{most}
	}
	return upTo(file, most)
}

// From is Read of a regular file of a file system; anything else is an error.
func From(files fs.FS, name string, most int64) ([]byte, error) {
	file, err := files.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, &fs.PathError{Op: "read", Path: name, Err: errIrregular}
	case info.Size() > most:
		return nil, &LimitError{most}
	}
	return upTo(file, most)
}

var errIrregular = errors.New("is not a regular file")

func upTo(file io.Reader, most int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(file, most+1))
	if err == nil && int64(len(data)) > most {
		err = &LimitError{most}
	}
	return data, err
}

// ReadLarge returns the content of a regular file, which may be so long that it fits in memory several times.
func ReadLarge(path string, times float64) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, &os.PathError{Op: "read", Path: path, Err: errIrregular}
	}
	if err := memory.Check("the file", times*float64(info.Size())); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
}
