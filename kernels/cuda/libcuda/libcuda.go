//go:build gpu && linux

// Package libcuda stands between gorgonia.org/cu and NVIDIA's driver library, so that one binary starts everywhere.
//
// cu links against libcuda.so.1 and ends the program before main where there is no GPU. Here the linker finds every function
// that cu needs as a jump through a table, and cu's call of cuInit fills the table from the library if there is one. The file
// stub/libcuda.a is an empty archive that satisfies -lcuda. The environment variable QUANTAL_LIBCUDA names another library
// than libcuda.so.1, or one that does not exist in order to hide the GPU.
//
// The package also calls the few functions that cu lacks: recording launches as a graph, and large shared memory.
package libcuda

/*
#cgo LDFLAGS: -Wl,--as-needed -L${SRCDIR}/stub -ldl
extern int quantalLoaded(void), quantalResult(void), quantalMissingFunctions(void);
extern const char *quantalMessage(void);

// Handles of the driver are pointers, results and flags are ints (cuda.h).
extern int cuStreamBeginCapture_v2(void *stream, int mode);
extern int cuStreamEndCapture(void *stream, void **graph);
extern int cuGraphInstantiateWithFlags(void **exec, void *graph, unsigned long long flags);
extern int cuGraphLaunch(void *exec, void *stream);
extern int cuGraphExecDestroy(void *exec);
extern int cuGraphDestroy(void *graph);
extern int cuFuncSetAttribute(void *function, int attribute, int value);
extern int cuGetErrorString(int code, const char **text);
*/
import "C"

import (
	"fmt"
	"unsafe"
)

// The constants of cuda.h that the functions below need.
const (
	captureRelaxed          = 2 // CU_STREAM_CAPTURE_MODE_RELAXED
	maxDynamicSharedMemory  = 8 // CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES
	codeNoDevice            = 100
	codeUnsupportedPTX      = 222
	codeNoBinaryForGPU      = 209
	codeInvalidSource       = 300
	codeSystemDriverMissing = 803
)

// Code is a CUresult that is not success.
type Code int

func (c Code) Error() string {
	var text *C.char
	if C.cuGetErrorString(C.int(c), &text) == 0 && text != nil {
		return fmt.Sprintf("%s (CUDA error %d)", C.GoString(text), int(c))
	}
	return fmt.Sprintf("CUDA error %d", int(c))
}

func check(code C.int) error {
	if code != 0 {
		return Code(code)
	}
	return nil
}

// Init says how the start of the driver went: nil, or in one sentence why no GPU can be used.
func Init() error {
	switch result := Code(C.quantalResult()); {
	case C.quantalLoaded() == 0:
		return fmt.Errorf("no NVIDIA driver on this machine: %s", C.GoString(C.quantalMessage()))
	case result == codeNoDevice:
		return fmt.Errorf("the NVIDIA driver finds no GPU")
	case result == codeSystemDriverMissing:
		return fmt.Errorf("the NVIDIA driver library does not match the kernel's driver: %w", result)
	case result != 0:
		return fmt.Errorf("the NVIDIA driver does not start: %w", result)
	}
	return nil
}

// MissingFunctions is the number of functions that the driver library does not have: not 0 for a driver older than the
// headers the program was built with.
func MissingFunctions() int { return int(C.quantalMissingFunctions()) }

// Handle is a stream or a function of the driver.
type Handle unsafe.Pointer

// BeginCapture makes the stream record what is launched on it, instead of doing it.
func BeginCapture(stream Handle) error {
	return check(C.cuStreamBeginCapture_v2(unsafe.Pointer(stream), captureRelaxed))
}

// Graph is a recorded sequence of launches.
type Graph struct{ exec unsafe.Pointer }

// EndCapture ends the recording.
func EndCapture(stream Handle) (*Graph, error) {
	var graph, exec unsafe.Pointer
	if err := check(C.cuStreamEndCapture(unsafe.Pointer(stream), &graph)); err != nil {
		return nil, err
	}
	err := check(C.cuGraphInstantiateWithFlags(&exec, graph, 0))
	C.cuGraphDestroy(graph)
	if err != nil {
		return nil, err
	}
	return &Graph{exec}, nil
}

// Launch does what was recorded.
func (g *Graph) Launch(stream Handle) error {
	return check(C.cuGraphLaunch(g.exec, unsafe.Pointer(stream)))
}

// Release frees the graph.
func (g *Graph) Release() error { return check(C.cuGraphExecDestroy(g.exec)) }

// AllowShared lets a function be launched with the given dynamic shared memory, which beyond 48 KiB must be asked for.
func AllowShared(function Handle, bytes int) error {
	return check(C.cuFuncSetAttribute(unsafe.Pointer(function), maxDynamicSharedMemory, C.int(bytes)))
}

// TooOld reports whether an error of loading PTX means that GPU or driver are older than the PTX.
func TooOld(code int) bool {
	return code == codeUnsupportedPTX || code == codeNoBinaryForGPU || code == codeInvalidSource
}
