package cuda

import (
	"fmt"
	"time"
)

// Address is a place in the memory of a device.
type Address uint64

// Driver is what the VM asks of a CUDA device. Launches and replays may return before the work is done; an error of the work
// itself then comes back from Sync or Download. A Driver is used by one goroutine at a time.
type Driver interface {
	Info() Info
	// Load compiles PTX text for the device.
	Load(ptx string) (Module, error)
	// Alloc returns memory of unknown content, aligned to 256 bytes.
	Alloc(bytes int64) (Address, error)
	Free(a Address) error
	Zero(a Address, bytes int64) error
	Upload(dst Address, src []byte) error
	// Download waits for the work before it.
	Download(dst []byte, src Address) error
	Launch(l Launch) error
	// Record prepares launches to be replayed together, as a CUDA graph.
	Record(launches []Launch) (Graph, error)
	Replay(g Graph) error
	Sync() error
	// Time measures how long the device takes for the work that f launches.
	Time(f func() error) (time.Duration, error)
	Close() error
}

// Info describes a device.
type Info struct {
	Name        string
	Major       int // compute capability
	Minor       int
	Processors  int   // multiprocessors
	MemoryFree  int64 // bytes
	MemoryTotal int64
	Driver      int // version of CUDA that the driver speaks, 1000 major + 10 minor; 0 for the interpreter
}

// String is one line for people.
func (i Info) String() string {
	return fmt.Sprintf("%s, compute capability %d.%d, %d multiprocessors, %.1f of %.1f GiB free", i.Name, i.Major, i.Minor,
		i.Processors, float64(i.MemoryFree)/(1<<30), float64(i.MemoryTotal)/(1<<30))
}

// Module is loaded PTX.
type Module interface {
	Kernel(name string) (Kernel, error)
}

// Kernel is a function of a Module that can be launched.
type Kernel interface{ Name() string }

// Launch is one run of a kernel over a grid of blocks. Args are of type Address, int (as 32 bits), uint32 or float32.
type Launch struct {
	Kernel      Kernel
	Grid, Block [3]int
	Shared      int // bytes of dynamic shared memory
	Args        []any
}

// Graph is a recorded sequence of launches.
type Graph interface{ Release() error }
