package ptx

import (
	"encoding/binary"
	"fmt"
	"math"
	"runtime"
	"sync"
	"sync/atomic"
)

// A Launch says how to run a kernel. Grid and Block are sizes in x, y and z. Shared is the dynamic shared memory of one
// block in bytes. Args has one value per parameter of the kernel: uint32 or int32 for a 32-bit integer, float32,
// uint64 or int64 for a 64-bit integer or a pointer, float64, uint8, uint16, or []byte of exactly the right length for
// a struct passed by value.
type Launch struct {
	Grid, Block [3]int
	Shared      int
	Args        []any
}

// Launch runs a kernel to its end. An error of a thread is returned as a [*Fault]: the first one of the first block, in
// the order of the grid, that has one. Global memory then holds what was written before.
//
// Blocks run on all cores, unless the kernel has atomics on global memory or GlobalRaces is set: then in the order of
// the grid, x fastest. So results repeat to the bit, float atomics included.
func (m *Machine) Launch(k *Kernel, l Launch) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.check(k, l); err != nil {
		return fmt.Errorf("ptx: kernel %s: %w", k.name, err)
	}
	params, err := k.encode(l.Args)
	if err != nil {
		return fmt.Errorf("ptx: kernel %s: %w", k.name, err)
	}
	addresses := make([]uint64, len(k.addresses))
	for i, a := range k.addresses {
		base, err := m.symbol(k.module, a.variable)
		if err != nil {
			return err
		}
		addresses[i] = base + uint64(a.offset)
	}

	blocks := l.Grid[0] * l.Grid[1] * l.Grid[2]
	workers := min(runtime.GOMAXPROCS(0), blocks)
	if k.globalAtomics || m.GlobalRaces {
		workers = 1
	}
	var (
		next    atomic.Int64
		mu      sync.Mutex
		first   *Fault
		firstAt = blocks
		group   sync.WaitGroup
	)
	work := func(b *block) {
		var steps, done, ran int64
		for {
			i := int(next.Add(1) - 1)
			if i >= blocks {
				break
			}
			id := [3]int{i % l.Grid[0], i / l.Grid[0] % l.Grid[1], i / (l.Grid[0] * l.Grid[1])}
			f := b.run(id)
			ran++
			for j := range b.warps {
				steps += b.warps[j].steps
				done += b.warps[j].work
			}
			if f != nil {
				// Blocks are given out in order, so all before this one are done or running.
				next.Store(int64(blocks))
				mu.Lock()
				if i < firstAt {
					first, firstAt = f, i
				}
				mu.Unlock()
				break
			}
		}
		mu.Lock()
		m.stats.Blocks += ran
		m.stats.WarpInstructions += steps
		m.stats.Instructions += done
		mu.Unlock()
	}
	// The memory of a block is kept: most kernels are launched again and again.
	key := shape{k, l.Block}
	if len(m.idle) >= maxIdle && m.idle[key] == nil {
		clear(m.idle)
	}
	for len(m.idle[key]) < workers {
		m.idle[key] = append(m.idle[key], newBlock(k, l.Block))
	}
	for i, b := range m.idle[key][:workers] {
		b.prepare(m, l, params, addresses)
		if i > 0 {
			group.Go(func() { work(b) })
		}
	}
	work(m.idle[key][0])
	group.Wait()
	m.stats.Launches++
	if m.GlobalRaces {
		for _, a := range m.allocations {
			a.shadow = nil
		}
	}
	if first != nil {
		return first
	}
	return nil
}

func (m *Machine) check(k *Kernel, l Launch) error {
	// Limits of every compute capability since 3.0 (CUDA C++ Programming Guide, table of technical specifications).
	limits := [3]int{math.MaxInt32, 65535, 65535}
	for i, n := range l.Grid {
		if n < 1 || n > limits[i] {
			return fmt.Errorf("grid %s: each size must be at least 1 and at most %s", triple(l.Grid), triple(limits))
		}
	}
	limits = [3]int{1024, 1024, 64}
	for i, n := range l.Block {
		if n < 1 || n > limits[i] {
			return fmt.Errorf("block %s: each size must be at least 1 and at most %s", triple(l.Block), triple(limits))
		}
	}
	threads := l.Block[0] * l.Block[1] * l.Block[2]
	if threads > 1024 {
		return fmt.Errorf("block %s has more than 1024 threads", triple(l.Block))
	}
	if most := k.maxThreads[0] * k.maxThreads[1] * k.maxThreads[2]; most > 0 && threads > most {
		return fmt.Errorf("block %s has more threads than the kernel's launch bounds, %d", triple(l.Block), most)
	}
	if k.reqThreads[0] > 0 && l.Block != k.reqThreads {
		return fmt.Errorf("block %s is not the one that the kernel requires, %s", triple(l.Block), triple(k.reqThreads))
	}
	if l.Shared < 0 || k.sharedBytes+l.Shared > m.SharedLimit {
		return fmt.Errorf("%d bytes of static and %d of dynamic shared memory: the limit is %d", k.sharedBytes, l.Shared,
			m.SharedLimit)
	}
	if l.Shared > 0 && !k.dynamic {
		return fmt.Errorf("%d bytes of dynamic shared memory, but the kernel declares none", l.Shared)
	}
	return nil
}

// encode writes the arguments in the layout of the kernel's parameters.
func (k *Kernel) encode(args []any) ([]byte, error) {
	if len(args) != len(k.params) {
		return nil, fmt.Errorf("want %d arguments, got %d", len(k.params), len(args))
	}
	buf := make([]byte, k.paramBytes)
	for i, p := range k.params {
		var v uint64
		var ok bool
		number := !p.array && !p.typ.float()
		switch a := args[i].(type) {
		case uint8:
			v, ok = uint64(a), number && p.bytes == 1
		case uint16:
			v, ok = uint64(a), number && p.bytes == 2
		case uint32:
			v, ok = uint64(a), number && p.bytes == 4
		case int32:
			v, ok = uint64(a), number && p.bytes == 4
		case uint64:
			v, ok = a, number && p.bytes == 8
		case int64:
			v, ok = uint64(a), number && p.bytes == 8
		case float32:
			v, ok = uint64(math.Float32bits(a)), p.typ.float() && !p.array && p.bytes == 4
		case float64:
			v, ok = math.Float64bits(a), p.typ.float() && !p.array && p.bytes == 8
		case []byte:
			if p.array && len(a) == p.bytes {
				copy(buf[p.offset:], a)
				continue
			}
			return nil, fmt.Errorf("argument %d (%s): want %s, got %d bytes", i, p.name, p.want(), len(a))
		}
		if !ok {
			return nil, fmt.Errorf("argument %d (%s): want %s, got %T", i, p.name, p.want(), args[i])
		}
		var b [8]byte
		binary.LittleEndian.PutUint64(b[:], v)
		copy(buf[p.offset:p.offset+p.bytes], b[:])
	}
	return buf, nil
}

func (p parameter) want() string {
	if p.array {
		return fmt.Sprintf("%d bytes", p.bytes)
	}
	return "a value of type ." + p.typ.name()
}
