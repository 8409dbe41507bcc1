//go:build !windows

// Package specialfile makes files that are not regular, for tests.
package specialfile

import "syscall"

// Pipe makes a named pipe.
func Pipe(path string) error { return syscall.Mkfifo(path, 0o644) }

// Null makes a device that discards what is written to it; only root can.
func Null(path string) error { return syscall.Mknod(path, syscall.S_IFCHR|0o644, 1<<8|3) } // as /dev/null of Linux
