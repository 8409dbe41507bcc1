package main

import (
	"os"

	"golang.org/x/sys/unix"
)

// setPipeSize requests a small pipe. Linux gives a page; elsewhere a command is still disturbed in time on most
// machines.
func setPipeSize(pipe *os.File, bytes int) { _, _ = unix.FcntlInt(pipe.Fd(), unix.F_SETPIPE_SZ, bytes) }
