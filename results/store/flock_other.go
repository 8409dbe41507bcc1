//go:build !windows

package store

import (
	"os"
	"syscall"
)

// noLocks are the errors of NFS without a lock daemon, Lustre mounted without flock, and autofs.
var noLocks = []error{syscall.ENOLCK, syscall.EOPNOTSUPP, syscall.ENOSYS, syscall.EBADF}

func flock(f *os.File) error { return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) }
