//go:build !windows

package grid

import (
	"errors"
	"os"
	"syscall"
)

// alive reports whether a process of this machine exists.
func alive(pid int) bool {
	process, err := os.FindProcess(pid)
	if err != nil {
		return false
	}
	err = process.Signal(syscall.Signal(0))
	return err == nil || errors.Is(err, os.ErrPermission)
}
