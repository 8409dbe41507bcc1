//go:build gpu && linux

// Package libcuda comes between gorgonia.org/cu and NVIDIA's driver library, so that one binary starts everywhere and
// is built without anything from NVIDIA.
//
// cu includes NVIDIA's header, links against libcuda.so.1 and ends the program before main on a machine without a GPU.
// Here it finds cuda.h, our own; the linker finds every function that cu needs as a jump through a table; and [Init],
// which users of a GPU call first, fills the table from the library if there is one. The file stub/libcuda.a is an
// empty archive that satisfies -lcuda. The script kernels/cuda/go.sh runs the go command with all this.
//
// The environment variable QUANTAL_LIBCUDA names another library than libcuda.so.1, or one that does not exist to
// hide the GPU.
//
// The package also calls the few functions that cu lacks: recording launches as a graph, large shared memory, and the
// launch of a kernel whose parameter is a struct.
package libcuda

/*
#cgo LDFLAGS: -ldl
#ifndef QUANTAL_CUDA_H
#error "programs with GPU kernels are built by make build-gpu, or with kernels/cuda/go.sh instead of go"
#endif
#include "cuda.h"
#include "table.h"

static CUresult launch(CUfunction f, const unsigned *grid, const unsigned *block, unsigned shared, CUstream stream,
	void *parameter) {
	return cuLaunchKernel(f, grid[0], grid[1], grid[2], block[0], block[1], block[2], shared, stream, &parameter, 0);
}
*/
import "C"

import (
	"errors"
	"fmt"
	"sync"
	"unsafe"
)

// Code is a CUresult that is not success.
type Code int

func (c Code) Error() string {
	var text *C.char
	if C.cuGetErrorString(C.CUresult(c), &text) == C.CUDA_SUCCESS && text != nil {
		return fmt.Sprintf("%s (CUDA error %d)", C.GoString(text), int(c))
	}
	return fmt.Sprintf("CUDA error %d", int(c))
}

func check(code C.CUresult) error {
	if code != C.CUDA_SUCCESS {
		return Code(code)
	}
	return nil
}

// Init loads and starts the driver library when it is first called; before that nothing in package cu works. It returns
// nil or, in one sentence, why no GPU can be used.
var Init = sync.OnceValue(func() error {
	C.quantalStart()
	if C.quantalLoaded() == 0 {
		return fmt.Errorf("no NVIDIA driver on this machine: %s", C.GoString(C.quantalMessage()))
	}
	if lacking := C.quantalLacking(); lacking != nil {
		return fmt.Errorf("the NVIDIA driver has no function %s: want a driver of CUDA 11.8 or newer", C.GoString(lacking))
	}
	switch result := C.quantalResult(); result {
	case C.CUDA_SUCCESS:
		return nil
	case C.CUDA_ERROR_NO_DEVICE:
		return errors.New("the NVIDIA driver finds no GPU")
	case C.CUDA_ERROR_SYSTEM_DRIVER_MISMATCH:
		return fmt.Errorf("the NVIDIA driver library does not match the kernel's driver: %w", Code(result))
	default:
		return fmt.Errorf("the NVIDIA driver does not start: %w", Code(result))
	}
})

// Handle is a stream or a function of the driver.
type Handle unsafe.Pointer

// BeginCapture makes the stream record what is launched on it, instead of doing it.
func BeginCapture(stream Handle) error {
	return check(C.cuStreamBeginCapture(C.CUstream(stream), C.CU_STREAM_CAPTURE_MODE_RELAXED))
}

// Graph is a recorded sequence of launches.
type Graph struct{ exec C.CUgraphExec }

// EndCapture ends the recording.
func EndCapture(stream Handle) (*Graph, error) {
	var graph C.CUgraph
	if err := check(C.cuStreamEndCapture(C.CUstream(stream), &graph)); err != nil {
		return nil, err
	}
	var exec C.CUgraphExec
	err := check(C.cuGraphInstantiateWithFlags(&exec, graph, 0))
	C.cuGraphDestroy(graph)
	if err != nil {
		return nil, err
	}
	return &Graph{exec}, nil
}

// Launch runs the recorded work.
func (g *Graph) Launch(stream Handle) error {
	return check(C.cuGraphLaunch(g.exec, C.CUstream(stream)))
}

// Release frees the graph.
func (g *Graph) Release() error { return check(C.cuGraphExecDestroy(g.exec)) }

// SharedPerBlock is a device attribute for which cu has no name: the shared memory that a block may request.
const SharedPerBlock = C.CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN

// AllowShared lets a function be launched with the given dynamic shared memory, which beyond 48 KiB must be requested.
func AllowShared(function Handle, bytes int) error {
	const attribute = C.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES
	return check(C.cuFuncSetAttribute(C.CUfunction(function), attribute, C.int(bytes)))
}

// Launch runs a function that takes one struct, given as bytes.
func Launch(function Handle, grid, block [3]int, shared int, stream Handle, parameter []byte) error {
	sizes := func(s [3]int) *C.uint { return &[]C.uint{C.uint(s[0]), C.uint(s[1]), C.uint(s[2])}[0] }
	return check(C.launch(C.CUfunction(function), sizes(grid), sizes(block), C.uint(shared), C.CUstream(stream),
		unsafe.Pointer(&parameter[0])))
}

// TooOld reports whether an error of loading PTX means that the GPU or the driver is older than the PTX.
func TooOld(code int) bool {
	switch code {
	case C.CUDA_ERROR_UNSUPPORTED_PTX_VERSION, C.CUDA_ERROR_NO_BINARY_FOR_GPU, C.CUDA_ERROR_INVALID_SOURCE:
		return true
	}
	return false
}
