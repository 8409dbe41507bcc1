package ptx

import (
	"fmt"
	"sort"
)

// A Module is parsed PTX text: kernels and module-scope variables. It is immutable and may be shared.
type Module struct {
	kernels   map[string]*Kernel
	variables map[string]*variable
	lines     []string          // of the text, for messages
	files     map[string]string // CUDA sources by their number in .file
}

// A source is a place in a CUDA source, as .loc gives it: the number of the file and the line, and those of the call
// if the function was inlined.
type source struct{ file, line, callFile, callLine string }

func (m *Module) source(s source) string {
	name := m.files[s.file]
	if name == "" {
		return ""
	}
	place := name + ":" + s.line
	if name := m.files[s.callFile]; name != "" {
		place += ", inlined at " + name + ":" + s.callLine
	}
	return place
}

// A Kernel is one .entry of a [Module], decoded.
type Kernel struct {
	name   string
	module *Module
	code   []instr

	registers  int // slots of the register file, constants and special registers included
	predicates int // slot 0 is reserved: no guard
	constants  []constant
	specials   []specialRegister
	addresses  []symbolAddress // of module-scope variables; known only at launch

	params      []parameter
	paramBytes  int
	sharedBytes int // static
	dynamic     bool
	localBytes  int // per thread
	maxThreads  [3]int
	reqThreads  [3]int

	globalAtomics bool // blocks then run one after the other, so that the result repeats
	narrowShared  bool // accesses below 32 bits: hazards are then tracked by the byte
	narrowGlobal  bool
	warpBarriers  bool // bar.warp.sync: hazards then need clocks within the warp
}

// A variable is declared with .global, .const, .shared or .local.
type variable struct {
	name  string
	space space
	align int
	bytes int    // 0 for an extern array without size: dynamic shared memory
	data  []byte // initial value of .global and .const; nil means zeros
}

// A parameter of a kernel.
type parameter struct {
	name   string
	typ    scalar
	array  bool // a struct passed by value, as .b8 name[bytes]
	bytes  int
	offset int
}

type constant struct {
	slot  int32
	value uint64
}

type specialRegister struct {
	slot int32
	kind special
}

type symbolAddress struct {
	slot     int32
	variable *variable
	offset   int64
}

// Kernels returns the names of the module's kernels, sorted.
func (m *Module) Kernels() []string {
	names := make([]string, 0, len(m.kernels))
	for name := range m.kernels {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

// Kernel returns the kernel of that name; an unknown name is an error that lists the known ones.
func (m *Module) Kernel(name string) (*Kernel, error) {
	k, ok := m.kernels[name]
	if !ok {
		return nil, fmt.Errorf("ptx: no kernel %q; the module has %q", name, m.Kernels())
	}
	return k, nil
}

// Name is the kernel's name.
func (k *Kernel) Name() string { return k.name }

// SharedBytes is the static shared memory of one block.
func (k *Kernel) SharedBytes() int { return k.sharedBytes }
