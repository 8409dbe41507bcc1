package main

import (
	"os"

	"golang.org/x/sys/unix"
)

// setPipeSize asks for a small pipe. Linux gives a page; where it does not, a command is disturbed in time on most
// machines anyway.
func setPipeSize(pipe *os.File, bytes int) { _, _ = unix.FcntlInt(pipe.Fd(), unix.F_SETPIPE_SZ, bytes) }
