package cuda

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"quantal/kernels/ptx"
)

// Interpreted is a Driver without a device: it interprets PTX in Go, slowly, and reports accesses out of bounds, data
// races and missing barriers as errors. It has the memory that its Info says.
func Interpreted(memory int64) Driver {
	return &interpreted{machine: ptx.NewMachine(), memory: memory, sizes: map[Address]int64{}}
}

type interpreted struct {
	machine *ptx.Machine
	memory  int64
	used    int64
	sizes   map[Address]int64
}

type interpretedModule struct{ module *ptx.Module }

type interpretedKernel struct {
	name   string
	kernel *ptx.Kernel
}

func (k interpretedKernel) Name() string { return k.name }

type interpretedGraph []Launch

func (interpretedGraph) Release() error { return nil }

func (d *interpreted) Info() Info {
	return Info{
		Name: "PTX interpreter", Major: 8, Processors: 1, Shared: d.machine.SharedLimit, MemoryFree: d.memory - d.used,
		MemoryTotal: d.memory,
	}
}

// parsed keeps the modules that come with the program, which are immutable, for all interpreters of the process. Those
// with formulas in them are as many as there are formulas.
var parsed sync.Map

// ownTexts are the texts that come with the program.
var ownTexts = sync.OnceValue(func() map[string]bool {
	all := map[string]bool{}
	for _, e := range entries {
		if text, err := PTX(e.source); err == nil {
			all[text] = true
		}
	}
	return all
})

func (d *interpreted) Load(text string) (Module, error) {
	if m, ok := parsed.Load(text); ok {
		return interpretedModule{m.(*ptx.Module)}, nil
	}
	m, err := ptx.Parse(text)
	if err != nil {
		return nil, err
	}
	if ownTexts()[text] {
		parsed.Store(text, m)
	}
	return interpretedModule{m}, nil
}

func (m interpretedModule) Kernel(name string) (Kernel, error) {
	k, err := m.module.Kernel(name)
	if err != nil {
		return nil, err
	}
	return interpretedKernel{name, k}, nil
}

func (d *interpreted) Alloc(bytes int64) (Address, error) {
	if d.used+bytes > d.memory {
		return 0, fmt.Errorf("out of memory: want %d bytes, %d are free", bytes, d.memory-d.used)
	}
	a, err := d.machine.Alloc(int(bytes))
	if err != nil {
		return 0, err
	}
	d.used += bytes
	d.sizes[Address(a)] = bytes
	return Address(a), nil
}

func (d *interpreted) Free(a Address) error {
	d.used -= d.sizes[a]
	delete(d.sizes, a)
	return d.machine.Free(uint64(a))
}

func (d *interpreted) Zero(a Address, bytes int64) error {
	return d.machine.Write(uint64(a), make([]byte, bytes))
}

func (d *interpreted) Upload(dst Address, src []byte) error { return d.machine.Write(uint64(dst), src) }

func (d *interpreted) Download(dst []byte, src Address) error {
	return d.machine.Read(uint64(src), dst)
}

func (d *interpreted) Launch(l Launch) error {
	k, ok := l.Kernel.(interpretedKernel)
	if !ok {
		return errors.New("a kernel of another driver")
	}
	parameters, err := l.bytes()
	if err != nil {
		return err
	}
	return d.machine.Launch(k.kernel, ptx.Launch{Grid: l.Grid, Block: l.Block, Shared: l.Shared, Args: []any{parameters}})
}

func (d *interpreted) Record(launches []Launch) (Graph, error) {
	return interpretedGraph(append([]Launch(nil), launches...)), nil
}

func (d *interpreted) Replay(g Graph) error {
	for _, l := range g.(interpretedGraph) {
		if err := d.Launch(l); err != nil {
			return err
		}
	}
	return nil
}

func (d *interpreted) Sync() error { return nil }

func (d *interpreted) Time(f func() error) (time.Duration, error) {
	start := time.Now()
	err := f()
	return time.Since(start), err
}

func (d *interpreted) Close() error { return nil }
