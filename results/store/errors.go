package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"quantal/internal/input"
)

// ErrNoCheckpoint is returned by Folder.LastCheckpoint for a run that has not written a checkpoint yet.
var ErrNoCheckpoint = errors.New("no checkpoint has been written yet")

// ErrNothing is wrapped by errors that say that a grid has nothing to draw, to compare or to export yet.
var ErrNothing = errors.New("there is nothing yet")

// Nothing is an error that is an ErrNothing, with its own text.
type Nothing string

func (e Nothing) Error() string        { return string(e) }
func (e Nothing) Is(target error) bool { return target == ErrNothing }

// MissingError says that there is no run, grid, network or file where there should be one.
type MissingError struct{ Err error }

func (e *MissingError) Error() string { return e.Err.Error() }
func (e *MissingError) Unwrap() error { return e.Err }

// CorruptError says that a file exists but is not as it was written: cut short, changed, or of an unknown kind.
type CorruptError struct {
	Path   string
	Reason string
}

func (e *CorruptError) Error() string { return fmt.Sprintf("store: %s: %s", e.Path, e.Reason) }

// InUseError says that another process works in the run folder.
type InUseError struct {
	Path string
	PID  int    // the other process, or 0 if it is not known
	Host string // its machine, or empty if it is not known
	Held string // the file that replaces the lock, if the file system has none
}

func (e *InUseError) Error() string {
	who := "another process"
	if e.PID > 0 {
		who = fmt.Sprintf("process %d", e.PID)
	}
	if e.Host != "" {
		who += fmt.Sprintf(" on %q", e.Host)
	}
	text := fmt.Sprintf("store: %s: in use by %s", e.Path, who)
	if e.Held != "" {
		text += fmt.Sprintf(", says %s: if that process has ended, remove this file (its file system has no locks, "+
			"which would tell)", e.Held)
	}
	return text
}

// NoLocksError says that a file system does not lock files.
type NoLocksError struct {
	Path string
	Err  error // the error of the system
}

func (e *NoLocksError) Error() string {
	return fmt.Sprintf("store: %s: the file system does not lock files (%v): NFS needs its lock daemon, Lustre the "+
		"mount option flock", e.Path, e.Err)
}

// Unwrap returns the system's error.
func (e *NoLocksError) Unwrap() error { return e.Err }

// Corrupt is a CorruptError of a file.
func Corrupt(path, format string, args ...any) error {
	return &CorruptError{Path: path, Reason: fmt.Sprintf(format, args...)}
}

// ReadFile returns the content of a file. A file longer than most bytes gives a CorruptError.
func ReadFile(path string, most int64) ([]byte, error) {
	data, err := input.Read(path, most)
	var limit *input.LimitError
	switch {
	case errors.As(err, &limit):
		return nil, Corrupt(path, "%v", err)
	case err != nil:
		return nil, FileError(path, err)
	}
	return data, nil
}

// FileError names the file that the user knows instead of that of the system call, which may be a temporary one.
func FileError(path string, err error) error {
	var p *fs.PathError
	var l *os.LinkError
	switch {
	case errors.As(err, &p):
		err = p.Err
	case errors.As(err, &l):
		err = l.Err
	}
	return fmt.Errorf("store: %s: %w", path, err)
}
