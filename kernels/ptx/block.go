package ptx

import (
	"fmt"
	"math/bits"
)

// A block runs the blocks of a launch given to it, one after the other. Each worker of a launch has its own.
type block struct {
	machine *Machine
	kernel  *Kernel
	launch  Launch
	limit   int64
	id      [3]int
	warps   []warp
	shared  []byte
	params  []byte
	last    []*allocation // per access of the kernel: the allocation it hit last

	uninitialised bool
	hazards       *shadow // of shared memory; nil if not watched
	clock         epochs  // counts barriers, over all blocks that this worker runs
}

func newBlock(m *Machine, k *Kernel, l Launch, params []byte, addresses []uint64) *block {
	n := l.Block[0] * l.Block[1] * l.Block[2]
	count := (n + warpSize - 1) / warpSize
	b := &block{
		machine: m, kernel: k, launch: l, limit: m.Limit, params: params,
		warps:  make([]warp, count),
		shared: make([]byte, k.sharedBytes+l.Shared),
		last:   make([]*allocation, len(k.code)),
	}
	for i := range b.last {
		b.last[i] = &allocation{}
	}
	if m.Race || m.Uninitialised {
		b.hazards = newShadow(len(b.shared), k.narrowShared)
	}
	b.uninitialised = m.Uninitialised
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
		if k.warpBarriers && (m.Race || m.GlobalRaces) {
			w.clocks = new([warpSize][warpSize]uint32)
		}
		for _, c := range k.constants {
			w.fill(c.slot, c.value)
		}
		for j, a := range k.addresses {
			w.fill(a.slot, addresses[j])
		}
		for _, s := range k.specials {
			w.fillSpecial(s)
		}
	}
	return b
}

func (w *warp) fill(slot int32, v uint64) {
	r := &w.regs[slot]
	for l := range r {
		r[l] = v
	}
}

// fillSpecial sets a special register for the block that runs next.
func (w *warp) fillSpecial(s specialRegister) {
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
	for i := range b.shared {
		b.shared[i] = poison
	}
	for i := range b.warps {
		w := &b.warps[i]
		w.reset()
		for _, s := range b.kernel.specials {
			if s.kind >= specialCtaid && s.kind < specialNctaid {
				w.fillSpecial(s)
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
			waiting.fail(in, waiting.mask, FaultBarrier, fmt.Sprintf("not all threads of the block reach it: thread %s has exited", w.threadName(gone)))
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

// reduceBarrier gives what barrier.red computes over a predicate of all threads: how many hold.
func (b *block) votes(slot int32, flip uint32) (count, all int) {
	for i := range b.warps {
		w := &b.warps[i]
		count += bits.OnesCount32((w.preds[slot] ^ flip) & w.mask)
		all += bits.OnesCount32(w.mask)
	}
	return count, all
}
