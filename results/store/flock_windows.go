package store

import (
	"errors"
	"math"
	"os"
	"syscall"

	"golang.org/x/sys/windows"
)

// noLocks are the errors of drives and shares without locks. Windows itself gives none of those of other systems, with
// which tests stand in for it.
var noLocks = []error{windows.ERROR_NOT_SUPPORTED, windows.ERROR_INVALID_FUNCTION, syscall.ENOLCK, syscall.EOPNOTSUPP,
	syscall.ENOSYS, syscall.EBADF}

// flock locks a byte far behind the end of the file: what is locked, other processes cannot read.
func flock(f *os.File) error {
	at := &windows.Overlapped{OffsetHigh: math.MaxInt32}
	err := windows.LockFileEx(windows.Handle(f.Fd()), windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY,
		0, 1, 0, at)
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) || errors.Is(err, windows.ERROR_IO_PENDING) {
		return syscall.EWOULDBLOCK
	}
	return err
}
