package ptx

import (
	"fmt"
	"sort"
	"sync"
)

// A Machine is a GPU as a kernel sees it: global memory, and a place to launch. Its methods may be called from several
// goroutines; launches run one at a time.
//
// Every allocation starts at its own address, far from its neighbours, which is not used again. An access
// outside of allocations, or to a freed one, is therefore always an error.
//
// The exported fields may be changed between launches.
type Machine struct {
	// Race reports two threads of a block that access the same shared memory, at least one of them writing, without a
	// barrier in between. NewMachine sets it.
	Race bool
	// GlobalRaces reports the same for global memory, and between blocks. It costs memory (nine times that of the
	// allocations touched, or 36 times if the kernel accesses bytes or 16-bit values), which is freed when the launch
	// ends, and runs the blocks one after the other.
	GlobalRaces bool
	// Uninitialised reports reads of shared memory that its block has not written. Without it such reads return bytes
	// 0xff, NaN as a float.
	Uninitialised bool
	// Limit is the number of instructions one warp may execute; beyond it the launch fails, so that an endless loop ends.
	// NewMachine sets 2^28.
	Limit int64
	// SharedLimit is the shared memory a block may have, static and dynamic together, in bytes. NewMachine sets
	// 166,912 (163 KiB), the opt-in limit of compute capability 8.0.
	SharedLimit int

	mu          sync.Mutex
	allocations []*allocation // in the order of their addresses
	next        uint64
	modules     map[*Module]map[*variable]uint64
	idle        map[shape][]*block
	stats       Stats
}

// A shape is what a block's registers depend on.
type shape struct {
	kernel *Kernel
	block  [3]int
}

// maxIdle is the number of shapes for which a machine keeps blocks.
const maxIdle = 64

// Stats counts the work of a [Machine].
type Stats struct {
	Launches         int64
	Blocks           int64 // of all launches
	Instructions     int64 // executed by threads
	WarpInstructions int64 // executed by warps, for any number of their threads
	Allocations      int   // live
	Bytes            int64 // in live allocations
	PeakBytes        int64
}

// An allocation is a piece of global memory.
type allocation struct {
	base     uint64
	size     uint64
	data     []byte // nil when freed
	what     string // for messages
	readOnly bool   // .const
	shadow   *shadow
}

// Addresses look like those of the CUDA driver, and stay clear of the windows of generic addresses.
const (
	firstAddress = uint64(0x7f00_0000_0000)
	lastAddress  = uint64(1) << 55
	guardGap     = uint64(1) << 20
	alignment    = 256 // that of cuMemAlloc

	poison = 0xff // what memory holds before it is written: NaN as a float
)

// NewMachine returns a machine without allocations that reports races in shared memory.
func NewMachine() *Machine {
	return &Machine{
		Race:        true,
		Limit:       1 << 28,
		SharedLimit: 163 << 10,
		next:        firstAddress,
		modules:     map[*Module]map[*variable]uint64{},
		idle:        map[shape][]*block{},
	}
}

// Alloc gives the address of new global memory, a multiple of 256, filled with bytes 0xff. A size below 1 is an error.
func (m *Machine) Alloc(bytes int) (uint64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.alloc(bytes, "allocation")
}

func (m *Machine) alloc(bytes int, what string) (uint64, error) {
	if bytes < 1 {
		return 0, fmt.Errorf("ptx: cannot allocate %d bytes", bytes)
	}
	a := &allocation{base: m.next, size: uint64(bytes), what: what}
	if a.size > lastAddress-m.next-guardGap {
		return 0, fmt.Errorf("ptx: cannot allocate %d bytes: no addresses left", bytes)
	}
	a.data = make([]byte, bytes)
	fill(a.data, poison)
	m.next = (a.base + 2*a.size + guardGap + alignment - 1) &^ (alignment - 1)
	m.allocations = append(m.allocations, a)
	m.stats.Allocations++
	m.stats.Bytes += int64(bytes)
	m.stats.PeakBytes = max(m.stats.PeakBytes, m.stats.Bytes)
	return a.base, nil
}

// fill sets all bytes of p to v.
func fill(p []byte, v byte) {
	if len(p) == 0 {
		return
	}
	p[0] = v
	for n := 1; n < len(p); n *= 2 {
		copy(p[n:], p[:n])
	}
}

// Free ends an allocation. It is an error if addr is not the start of a live one.
func (m *Machine) Free(addr uint64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	a := m.find(addr)
	switch {
	case a == nil || a.base != addr:
		return fmt.Errorf("ptx: free of %#x: not the start of an allocation; %s", addr, m.nearest(addr))
	case a.data == nil:
		return fmt.Errorf("ptx: free of %#x: freed before", addr)
	}
	a.data = nil
	m.stats.Allocations--
	m.stats.Bytes -= int64(a.size)
	return nil
}

// Write copies data to global memory, all of it within one allocation.
func (m *Machine) Write(addr uint64, data []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	p, err := m.slice("write", addr, len(data))
	copy(p, data)
	return err
}

// Read fills data from global memory, all of it within one allocation.
func (m *Machine) Read(addr uint64, data []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	p, err := m.slice("read", addr, len(data))
	copy(data, p)
	return err
}

func (m *Machine) slice(what string, addr uint64, n int) ([]byte, error) {
	a := m.find(addr)
	switch {
	case n == 0:
		return nil, nil
	case a == nil || uint64(n) > a.size-(addr-a.base):
		return nil, fmt.Errorf("ptx: %s of %d bytes at %#x: out of bounds: %s", what, n, addr, m.nearest(addr))
	case a.data == nil:
		return nil, fmt.Errorf("ptx: %s of %d bytes at %#x: use after free: %s", what, n, addr, m.nearest(addr))
	}
	return a.data[addr-a.base:][:n], nil
}

// Stats returns the counts so far.
func (m *Machine) Stats() Stats {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.stats
}

// find returns the allocation, live or freed, that contains addr, or nil.
func (m *Machine) find(addr uint64) *allocation {
	if a := m.below(addr); a != nil && addr-a.base < a.size {
		return a
	}
	return nil
}

// below returns the last allocation that starts at addr or before.
func (m *Machine) below(addr uint64) *allocation {
	i := sort.Search(len(m.allocations), func(i int) bool { return m.allocations[i].base > addr })
	if i == 0 {
		return nil
	}
	return m.allocations[i-1]
}

// nearest describes where addr is, for messages.
func (m *Machine) nearest(addr uint64) string {
	a := m.below(addr)
	i := sort.Search(len(m.allocations), func(i int) bool { return m.allocations[i].base > addr })
	if i < len(m.allocations) {
		after := m.allocations[i]
		if a == nil || addr-a.base >= a.size && after.base-addr < addr-(a.base+a.size) {
			return fmt.Sprintf("%d bytes before the start of %s", after.base-addr, after)
		}
	}
	if a == nil {
		return "the machine has no allocations"
	}
	if past := addr - a.base; past >= a.size {
		if past == a.size {
			return fmt.Sprintf("just past the end of %s", a)
		}
		return fmt.Sprintf("%d bytes past the end of %s", past-a.size, a)
	}
	return fmt.Sprintf("at byte %d of %s", addr-a.base, a)
}

func (a *allocation) String() string {
	state := ""
	if a.data == nil {
		state = ", freed"
	}
	return fmt.Sprintf("%s %#x (%d bytes%s)", a.what, a.base, a.size, state)
}

// Symbol returns the address and size in bytes of a .global or .const variable of a module on this machine, which is
// where its kernels will find it.
func (m *Machine) Symbol(mod *Module, name string) (addr uint64, bytes int, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	v := mod.variables[name]
	if v == nil || v.space != spaceGlobal && v.space != spaceConst {
		return 0, 0, fmt.Errorf("ptx: the module has no global variable %q", name)
	}
	addr, err = m.symbol(mod, v)
	return addr, v.bytes, err
}

func (m *Machine) symbol(mod *Module, v *variable) (uint64, error) {
	vars := m.modules[mod]
	if vars == nil {
		vars = map[*variable]uint64{}
		m.modules[mod] = vars
	}
	if addr, ok := vars[v]; ok {
		return addr, nil
	}
	addr, err := m.alloc(v.bytes, fmt.Sprintf(".%s %s", v.space, v.name))
	if err != nil {
		return 0, err
	}
	a := m.find(addr)
	clear(a.data)
	copy(a.data, v.data)
	a.readOnly = v.space == spaceConst
	vars[v] = addr
	return addr, nil
}
