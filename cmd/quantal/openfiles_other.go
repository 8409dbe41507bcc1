//go:build !unix

package main

import "math"

// openFiles is how many files this process may have open; nothing is known of a limit here.
func openFiles() uint64 { return math.MaxUint64 }
