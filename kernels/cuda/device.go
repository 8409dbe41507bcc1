//go:build gpu && linux

package cuda

import (
	"cmp"
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"time"
	"unsafe"

	"gorgonia.org/cu"

	"quantal/kernels/cuda/libcuda"
)

// Built says that this program has GPU support.
const Built = true

// minMajor is the compute capability that the PTX is compiled for: 8.0.
const minMajor = 8

// device is a GPU. CUDA's current context belongs to a thread, and a goroutine may change threads, so every operation
// locks its goroutine to its thread and makes the context current there.
type device struct {
	number cu.Device
	ctx    cu.CUContext
	stream cu.Stream
	shared map[cu.Function]int // dynamic shared memory requested so far
}

type (
	deviceModule struct {
		device *device
		module cu.Module
	}
	deviceKernel struct {
		name     string
		function cu.Function
	}
	deviceGraph struct {
		device *device
		graph  *libcuda.Graph
	}
)

func (k deviceKernel) Name() string { return k.name }

// Devices returns the number of GPUs. If there is none, the error is an [Unavailable].
func Devices() (int, error) {
	if err := libcuda.Init(); err != nil {
		return 0, &Unavailable{err.Error()}
	}
	n, err := cu.NumDevices()
	if err == nil && n == 0 {
		err = &Unavailable{"the NVIDIA driver finds no GPU"}
	}
	return n, err
}

// Device opens the GPU of the given number.
func Device(number int) (Driver, error) {
	n, err := Devices()
	if err != nil {
		return nil, err
	}
	if number < 0 || number >= n {
		return nil, &Unavailable{fmt.Sprintf("there is no GPU %d; the driver finds %d, counted from 0", number, n)}
	}
	d := &device{shared: map[cu.Function]int{}}
	if d.number, err = cu.GetDevice(number); err != nil {
		return nil, fmt.Errorf("cuda: GPU %d: %w", number, err)
	}
	if info := d.Info(); info.Major < minMajor {
		return nil,
			&Unavailable{fmt.Sprintf("GPU %d, %s, is too old: it has compute capability %d.%d, %d.0 or newer is needed",
				number, info.Name, info.Major, info.Minor, minMajor)}
	}
	if d.ctx, err = d.number.RetainPrimaryCtx(); err != nil {
		return nil, fmt.Errorf("cuda: GPU %d: open: %w", number, err)
	}
	// A stream that waits for the default stream, on which copies run, and vice versa.
	err = d.on(func() (err error) {
		d.stream, err = cu.MakeStream(cu.DefaultStream)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("cuda: GPU %d: create a stream: %w", number, err)
	}
	return d, nil
}

func (d *device) on(f func() error) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := cu.SetCurrentContext(d.ctx); err != nil {
		return err
	}
	return f()
}

func (d *device) Info() Info {
	var i Info
	i.Name, _ = d.number.Name()
	i.Major, _ = d.number.Attribute(cu.ComputeCapabilityMajor)
	i.Minor, _ = d.number.Attribute(cu.ComputeCapabilityMinor)
	i.Processors, _ = d.number.Attribute(cu.MultiprocessorCount)
	i.Shared, _ = d.number.Attribute(libcuda.SharedPerBlock)
	i.MemoryTotal, _ = d.number.TotalMem()
	i.Driver = cu.Version()
	if d.ctx != (cu.CUContext{}) {
		_ = d.on(func() (err error) {
			i.MemoryFree, i.MemoryTotal, err = cu.MemInfo()
			return err
		})
	}
	return i
}

func (d *device) Load(ptx string) (Module, error) {
	log := make([]byte, 8192)
	m := deviceModule{device: d}
	err := d.on(func() (err error) {
		m.module, err = cu.LoadDataEx(ptx, &cu.JITErrorLogBuffer{Buffer: log})
		return err
	})
	runtime.KeepAlive(log)
	if err == nil {
		return m, nil
	}
	if libcuda.TooOld(codeOf(err)) {
		return nil, &Unavailable{fmt.Sprintf("the GPU or the driver is too old for this program's kernels: %v", err)}
	}
	return nil, fmt.Errorf("%w: %s", err, text(log))
}

// codeOf is the number of an error of package cu, whose type is not exported.
func codeOf(err error) int {
	if v := reflect.ValueOf(err); v.Kind() == reflect.Int {
		return int(v.Int())
	}
	return 0
}

func text(log []byte) string {
	for i, c := range log {
		if c == 0 {
			return string(log[:i])
		}
	}
	return string(log)
}

func (m deviceModule) Kernel(name string) (Kernel, error) {
	k := deviceKernel{name: name}
	err := m.device.on(func() (err error) {
		k.function, err = m.module.Function(name)
		return err
	})
	return k, err
}

func (d *device) Alloc(bytes int64) (Address, error) {
	var a cu.DevicePtr
	err := d.on(func() (err error) {
		a, err = cu.MemAlloc(bytes)
		return err
	})
	return Address(a), err
}

func (d *device) Free(a Address) error {
	return d.on(func() error { return cu.MemFree(cu.DevicePtr(a)) })
}

func (d *device) Zero(a Address, bytes int64) error {
	return d.on(func() error { return cu.MemsetD8(cu.DevicePtr(a), 0, bytes) })
}

func (d *device) Upload(dst Address, src []byte) error {
	if len(src) == 0 {
		return nil
	}
	return d.on(func() error {
		return cu.MemcpyHtoD(cu.DevicePtr(dst), unsafe.Pointer(&src[0]), int64(len(src)))
	})
}

func (d *device) Download(dst []byte, src Address) error {
	if len(dst) == 0 {
		return nil
	}
	return d.on(func() error {
		return cu.MemcpyDtoH(unsafe.Pointer(&dst[0]), cu.DevicePtr(src), int64(len(dst)))
	})
}

func (d *device) Launch(l Launch) error { return d.on(func() error { return d.launch(l) }) }

// launch needs the context to be current. Dynamic shared memory of 48 KiB or more must be requested first.
func (d *device) launch(l Launch) error {
	k, ok := l.Kernel.(deviceKernel)
	if !ok {
		return errors.New("a kernel of another driver")
	}
	parameters, err := l.bytes()
	if err != nil {
		return err
	}
	if l.Shared > 48<<10 && d.shared[k.function] < l.Shared {
		if err := libcuda.AllowShared(handle(&k.function), l.Shared); err != nil {
			return fmt.Errorf("%d bytes of shared memory: %w", l.Shared, err)
		}
		d.shared[k.function] = l.Shared
	}
	return libcuda.Launch(handle(&k.function), l.Grid, l.Block, l.Shared, handle(&d.stream), parameters)
}

// handle is the driver's handle inside a type of package cu, each of which is a struct with only that field.
func handle[T cu.Stream | cu.Function](v *T) libcuda.Handle {
	return *(*libcuda.Handle)(unsafe.Pointer(v))
}

func (d *device) Record(launches []Launch) (Graph, error) {
	g := deviceGraph{device: d}
	err := d.on(func() (err error) {
		if err := libcuda.BeginCapture(handle(&d.stream)); err != nil {
			return err
		}
		for _, l := range launches {
			if err = d.launch(l); err != nil {
				err = fmt.Errorf("%s: %w", l.Kernel.Name(), err)
				break
			}
		}
		var end error
		g.graph, end = libcuda.EndCapture(handle(&d.stream))
		return cmp.Or(err, end)
	})
	if err != nil {
		return nil, err
	}
	return g, nil
}

func (g deviceGraph) Release() error { return g.device.on(g.graph.Release) }

func (d *device) Replay(g Graph) error {
	return d.on(func() error { return g.(deviceGraph).graph.Launch(handle(&d.stream)) })
}

func (d *device) Sync() error { return d.on(cu.Synchronize) }

func (d *device) Time(f func() error) (time.Duration, error) {
	var start, end cu.Event
	err := d.on(func() (err error) {
		if start, err = cu.MakeEvent(cu.DefaultEvent); err != nil {
			return err
		}
		if end, err = cu.MakeEvent(cu.DefaultEvent); err != nil {
			return err
		}
		return start.Record(d.stream)
	})
	if err != nil {
		return 0, err
	}
	if err := f(); err != nil {
		return 0, err
	}
	milliseconds := 0.0
	err = d.on(func() (err error) {
		if err := end.Record(d.stream); err != nil {
			return err
		}
		if err := end.Synchronize(); err != nil {
			return err
		}
		if milliseconds, err = start.Elapsed(end); err != nil {
			return err
		}
		return cmp.Or(cu.DestroyEvent(&start), cu.DestroyEvent(&end))
	})
	return time.Duration(milliseconds * float64(time.Millisecond)), err
}

func (d *device) Close() error {
	err := d.on(func() error { return d.stream.Destroy() })
	return cmp.Or(err, d.number.ReleasePrimaryCtx())
}
