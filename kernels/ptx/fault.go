package ptx

import (
	"fmt"
	"strings"
)

// FaultKind says what went wrong in a [Fault].
type FaultKind string

// The kinds of fault that Launch reports.
const (
	FaultBounds        FaultKind = "out of bounds"
	FaultFreed         FaultKind = "use after free"
	FaultReadOnly      FaultKind = "write to read-only memory"
	FaultAlignment     FaultKind = "misaligned address"
	FaultRace          FaultKind = "race"
	FaultBarrier       FaultKind = "barrier"
	FaultUninitialised FaultKind = "uninitialised shared memory"
	FaultWarp          FaultKind = "warp synchronisation"
	FaultTrap          FaultKind = "trap"
	FaultLimit         FaultKind = "instruction limit"
)

// A Fault is an error of a running kernel: the instruction, the thread and what it did.
type Fault struct {
	Kind        FaultKind
	Kernel      string
	Line        int    // of the PTX text, from 1
	Source      string // file:line of the CUDA source, if the PTX has it (nvcc -lineinfo), or empty
	Instruction string // as written in the PTX text
	Block       [3]int
	Thread      [3]int
	Detail      string
}

// Error returns all fields in one sentence.
func (f *Fault) Error() string {
	var s strings.Builder
	fmt.Fprintf(&s, "ptx: kernel %s, line %d", f.Kernel, f.Line)
	if f.Source != "" {
		fmt.Fprintf(&s, " (%s)", f.Source)
	}
	fmt.Fprintf(&s, ", block %s, thread %s: %s: %s: %s", triple(f.Block), triple(f.Thread), f.Instruction, f.Kind,
		f.Detail)
	return s.String()
}

func triple(v [3]int) string { return fmt.Sprintf("(%d,%d,%d)", v[0], v[1], v[2]) }
