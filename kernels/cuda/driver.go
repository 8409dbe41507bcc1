package cuda

import (
	"fmt"
	"math"
	"reflect"
	"time"
	"unsafe"
)

// Address is a place in the memory of a device.
type Address uint64

// Driver is what the VM needs of a CUDA device. Launches and replays may return before the work is done; an error of
// the work itself is then returned by Sync or Download. Once a device has failed, everything after it fails in the same
// way, even freeing memory: so of several errors the first is reported, by cmp.Or. A Driver is used by one goroutine at
// a time.
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
	// Time measures how long the device needs for the work that f launches.
	Time(f func() error) (time.Duration, error)
	Close() error
}

// Info describes a device.
type Info struct {
	Name        string
	Major       int // compute capability
	Minor       int
	Processors  int   // multiprocessors
	Shared      int   // bytes of shared memory that a block may have
	MemoryFree  int64 // bytes
	MemoryTotal int64
	Driver      int // version of CUDA that the driver supports, 1000 major + 10 minor; 0 for the interpreter
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

// Launch is one run of a kernel over a grid of blocks.
type Launch struct {
	Kernel      Kernel
	Grid, Block [3]int
	Shared      int // bytes of dynamic shared memory
	Parameters  any // the struct that the kernel takes: see records.go
}

// maxGrid are the limits of a grid (CUDA C++ Programming Guide, technical specifications).
var maxGrid = [3]int{math.MaxInt32, maxInstances, maxInstances}

// bytes are the parameters as they are in the kernel's memory. Parameters of another kernel, and a grid or a block that
// no GPU accepts, are refused here, for all drivers.
func (l Launch) bytes() ([]byte, error) {
	for i, limit := range maxGrid {
		if l.Grid[i] < 1 || l.Grid[i] > limit {
			return nil, fmt.Errorf("a grid of %v blocks: want 1 to %d in dimension %d", l.Grid, limit, i)
		}
	}
	for i, limit := range [3]int{1024, 1024, 64} {
		if l.Block[i] < 1 || l.Block[i] > limit {
			return nil, fmt.Errorf("a block of %v threads: want 1 to %d in dimension %d", l.Block, limit, i)
		}
	}
	if l.Shared < 0 || l.Shared > math.MaxInt32 {
		return nil, fmt.Errorf("%d bytes of shared memory: want 0 to %d", l.Shared, math.MaxInt32)
	}
	typ := reflect.TypeOf(l.Parameters)
	if want := reflect.TypeOf(entries[l.Kernel.Name()].parameters); typ != want {
		return nil, fmt.Errorf("parameters of type %v: want %v", typ, want)
	}
	p := reflect.New(typ)
	p.Elem().Set(reflect.ValueOf(l.Parameters))
	return unsafe.Slice((*byte)(p.UnsafePointer()), typ.Size()), nil
}

// Graph is a recorded sequence of launches.
type Graph interface{ Release() error }
