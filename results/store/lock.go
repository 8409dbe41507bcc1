package store

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"quantal/internal/safefile"
)

const (
	lockName = ".lock"
	heldName = ".lock.held" // replaces the lock if the file system has none
)

// Lock is the right to write in a folder. It belongs to the open file, so the system releases it when the process ends
// in any way; the process id in the file is only for people. If the file system has no locks, a file replaces it, which
// remains if the process is killed.
type Lock struct {
	file *os.File // locked, or nil
	held string   // the file that replaces the lock, or empty
}

// TakeLock takes the lock of a folder. A folder in use gives an InUseError, one without locks a NoLocksError.
func TakeLock(dir string) (*Lock, error) { return takeLock(dir, flock) }

func takeLock(dir string, flock func(*os.File) error) (*Lock, error) {
	path := filepath.Join(dir, lockName)
	file, err := safefile.Open(path, os.O_RDWR|os.O_CREATE)
	if errors.Is(err, fs.ErrPermission) { // of another user in a shared folder; it can still be locked
		file, err = safefile.Open(path, os.O_RDONLY)
	}
	if err != nil {
		return nil, FileError(path, err)
	}
	err = flock(file)
	if err == nil {
		err = notHeld(dir)
	}
	switch {
	case err == nil:
		// A full disk must not keep anyone from opening a run, so the process id is written if possible.
		if file.Truncate(0) == nil {
			_, _ = file.WriteAt(fmt.Appendln(nil, os.Getpid()), 0)
		}
		return &Lock{file: file}, nil
	case errors.Is(err, syscall.EWOULDBLOCK):
		err = holder(dir, file)
	case hasNoLocks(err):
		err = &NoLocksError{Path: path, Err: err}
	case !errors.As(err, new(*InUseError)):
		err = FileError(path, err)
	}
	_ = file.Close() // nothing has been written to it
	return nil, err
}

// hasNoLocks reports whether this is how a file system says that it has no locks.
func hasNoLocks(err error) bool {
	return slices.ContainsFunc(noLocks, func(e error) bool { return errors.Is(err, e) })
}

// holdFolder is TakeLock for a folder in which two processes would spoil each other's work: without locks, a file that
// only one process can create replaces the lock.
func holdFolder(dir string, flock func(*os.File) error) (*Lock, error) {
	lock, err := takeLock(dir, flock)
	var none *NoLocksError
	if !errors.As(err, &none) {
		return lock, err
	}
	path := filepath.Join(dir, heldName)
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		if err := notHeld(dir); err != nil {
			return nil, err
		}
		return holdFolder(dir, flock) // it has just been released
	}
	if err != nil {
		return nil, FileError(path, err)
	}
	host, _ := os.Hostname() // only for people, like all content of the file
	_, _ = fmt.Fprintln(file, os.Getpid(), host)
	_ = file.Close()
	return &Lock{held: path}, nil
}

// notHeld gives an InUseError if a file replaces the lock of a folder.
func notHeld(dir string) error {
	path := filepath.Join(dir, heldName)
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	inUse := &InUseError{Path: dir, Held: path}
	if file, err := os.OpenFile(path, os.O_RDONLY|safefile.OpenAsIs, 0); err == nil {
		defer file.Close()
		inUse = holder(dir, file)
		inUse.Held = path
	}
	return inUse
}

// holder says who has the lock of a folder, according to its file.
func holder(dir string, file *os.File) *InUseError {
	text, _ := io.ReadAll(io.LimitReader(file, 300)) // without it the holder is unknown, which InUseError can say
	inUse := &InUseError{Path: dir}
	_, _ = fmt.Sscan(string(text), &inUse.PID, &inUse.Host)
	inUse.PID = max(inUse.PID, 0)
	inUse.Host = strings.ToValidUTF8(inUse.Host, "?")
	return inUse
}

// Release releases the lock. Releasing twice does nothing.
func (l *Lock) Release() error {
	file, held := l.file, l.held
	l.file, l.held = nil, ""
	if held != "" {
		if err := safefile.Remove(held); err != nil {
			return FileError(held, err)
		}
	}
	if file == nil {
		return nil
	}
	_ = file.Truncate(0) // nobody holds it any longer
	if err := file.Close(); err != nil {
		return FileError(file.Name(), err)
	}
	return nil
}
