package ptx

import (
	"fmt"
	"math/bits"
)

// A block runs blocks of a launch, one after the other. Each worker of a launch has its own. It is kept for the next
// launch of its kernel with the same number of threads.
type block struct {
	machine *Machine
	kernel  *Kernel
	launch  Launch
	limit   int64
	id      [3]int
	warps   []warp
	shared  []byte
	params  []byte
	last    []*allocation // per instruction: the allocation it hit last

	shadow      *shadow // of shared memory; nil if no check is on
	watchGlobal bool    // for races of global memory
	clock       epochs
}

func newBlock(k *Kernel, size [3]int) *block {
	n := size[0] * size[1] * size[2]
	count := (n + warpSize - 1) / warpSize
	b := &block{kernel: k, warps: make([]warp, count), last: make([]*allocation, len(k.code))}
	regs := make([]lanes, count*k.registers)
	preds := make([]uint32, count*k.predicates)
	local := make([]byte, count*warpSize*k.localBytes)
	for i := range b.warps {
		w := &b.warps[i]
		w.block, w.index = b, i
		w.regs, regs = regs[:k.registers], regs[k.registers:]
		w.preds, preds = preds[:k.predicates], preds[k.predicates:]
		w.local, local = local[:warpSize*k.localBytes], local[warpSize*k.localBytes:]
		w.threads = fullMask
		if rest := n - i*warpSize; rest < warpSize {
			w.threads = 1<<rest - 1
		}
		for _, c := range k.constants {
			w.set(c.slot, c.value)
		}
	}
	return b
}

// nowhere is an empty allocation, which no access hits.
var nowhere = &allocation{}

// prepare makes the block ready for a launch.
func (b *block) prepare(m *Machine, l Launch, params []byte, addresses []uint64) {
	k := b.kernel
	b.machine, b.launch, b.params, b.limit, b.watchGlobal = m, l, params, m.Limit, m.GlobalRaces
	for i := range b.last {
		b.last[i] = nowhere
	}
	if size := k.sharedBytes + l.Shared; len(b.shared) != size {
		b.shared, b.shadow = make([]byte, size), nil
	}
	switch {
	case !m.Race && !m.Uninitialised:
		b.shadow = nil
	case b.shadow == nil:
		b.shadow = newShadow(len(b.shared), k.narrowShared)
	}
	if b.shadow != nil {
		b.shadow.races, b.shadow.uninitialised = m.Race, m.Uninitialised
	}
	for i := range b.warps {
		w := &b.warps[i]
		w.clocks = nil
		if k.warpBarriers && (m.Race || m.GlobalRaces) {
			w.clocks = new([warpSize][warpSize]uint32)
		}
		for j, a := range k.addresses {
			w.set(a.slot, addresses[j])
		}
		for _, s := range k.specials {
			w.setSpecial(s)
		}
	}
}

// set gives all lanes of a register one value.
func (w *warp) set(slot int32, v uint64) {
	r := &w.regs[slot]
	for l := range r {
		r[l] = v
	}
}

// setSpecial sets a special register for the block that runs next.
func (w *warp) setSpecial(s specialRegister) {
	l := w.block.launch
	r := &w.regs[s.slot]
	axis := int(s.kind) % 3
	for i := range r {
		var v int
		switch {
		case s.kind < specialNtid:
			v = w.thread(i)[axis]
		case s.kind < specialCtaid:
			v = l.Block[axis]
		case s.kind < specialNctaid:
			v = w.block.id[axis]
		case s.kind < specialLaneid:
			v = l.Grid[axis]
		case s.kind == specialLaneid:
			v = i
		case s.kind == specialWarpid:
			v = w.index
		case s.kind == specialNwarpid:
			v = len(w.block.warps)
		case s.kind == specialMaskEq:
			v = 1 << i
		case s.kind == specialMaskLt:
			v = 1<<i - 1
		case s.kind == specialMaskLe:
			v = 2<<i - 1
		case s.kind == specialMaskGt:
			v = -2 << i
		case s.kind == specialMaskGe:
			v = -1 << i
		}
		r[i] = uint64(uint32(v))
	}
}

// run executes one block of the grid.
func (b *block) run(id [3]int) *Fault {
	b.id = id
	b.clock.newBlock()
	fill(b.shared, poison)
	for i := range b.warps {
		w := &b.warps[i]
		w.reset()
		for _, s := range b.kernel.specials {
			if s.kind >= specialCtaid && s.kind < specialNctaid {
				w.setSpecial(s)
			}
		}
	}
	for {
		waiting := (*warp)(nil)
		for i := range b.warps {
			w := &b.warps[i]
			if w.state == warpRunning {
				w.run()
			}
			if w.fault != nil {
				return w.fault
			}
			if w.state == warpAtBarrier {
				waiting = w
			}
		}
		if waiting == nil {
			return nil
		}
		if f := b.release(waiting); f != nil {
			return f
		}
	}
}

// release lets all warps pass the barrier at which they wait. It is a fault if a thread does not.
func (b *block) release(waiting *warp) *Fault {
	in := &b.kernel.code[waiting.pc]
	for i := range b.warps {
		w := &b.warps[i]
		if gone := w.threads &^ w.live; gone != 0 {
			waiting.fail(in, waiting.mask, FaultBarrier,
				fmt.Sprintf("not all threads of the block reach it: thread %s has exited", w.threadName(gone)))
			return waiting.fault
		}
		if w.pc != waiting.pc {
			other := &b.kernel.code[w.pc]
			waiting.fail(in, waiting.mask, FaultBarrier, fmt.Sprintf("divergent: thread %s of the block waits at line %d (%s)",
				w.threadName(w.mask), other.line, b.kernel.module.text(other.line)))
			return waiting.fault
		}
	}
	if in.exec != nil { // barrier.red
		in.exec(waiting, in, waiting.mask)
	}
	b.clock.barrier()
	for i := range b.warps {
		w := &b.warps[i]
		w.state = warpRunning
		w.pc++
	}
	return nil
}

// votes counts the threads at a barrier for which a predicate holds, and all of them.
func (b *block) votes(slot int32, flip uint32) (count, all int) {
	for i := range b.warps {
		w := &b.warps[i]
		count += bits.OnesCount32((w.preds[slot] ^ flip) & w.mask)
		all += bits.OnesCount32(w.mask)
	}
	return count, all
}
