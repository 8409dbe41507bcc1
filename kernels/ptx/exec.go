package ptx

import (
	"fmt"
	"math/bits"
)

const (
	warpSize = 32
	fullMask = ^uint32(0)
)

// lanes is one register of a warp: the value of each of its threads, zero-extended.
type lanes [warpSize]uint64

// A warp runs 32 threads in lockstep. Threads that have diverged at a branch form groups; the group with the lowest
// program counter runs, so that groups meet again where the branches join (nvcc emits code in that order).
type warp struct {
	block   *block
	index   int
	regs    []lanes
	preds   []uint32
	local   []byte
	threads uint32 // lanes that exist
	live    uint32 // of those, lanes that have not exited

	pc     int32
	mask   uint32 // the running group
	others []group
	wake   int32 // lowest pc among the others that can run; the running group stops there to meet them
	state  warpState
	fault  *Fault

	steps, work int64 // instructions executed: per warp, and per thread

	carry uint32 // the carry flag of each lane, for add.cc and the like

	// clocks[i][j] is how far into lane j's accesses lane i is known to be, counted in bar.warp.sync; kept only for
	// kernels that have them.
	clocks *[warpSize][warpSize]uint32
}

// A group is a set of lanes of a warp that wait: to run, for other lanes, or at a barrier of the block.
type group struct {
	pc   int32
	mask uint32
	wait waitKind
}

type waitKind uint8

const (
	waitTurn waitKind = iota
	waitLanes
	waitBarrier
)

type warpState uint8

const (
	warpRunning warpState = iota
	warpAtBarrier
	warpDone
)

const never = int32(1<<31 - 1)

// reset makes the warp ready for the first instruction.
func (w *warp) reset() {
	w.live, w.mask = w.threads, w.threads
	w.pc, w.wake = 0, never
	w.others = w.others[:0]
	w.state, w.fault = warpRunning, nil
	w.steps, w.work = 0, 0
	if w.clocks != nil {
		*w.clocks = [warpSize][warpSize]uint32{}
	}
}

// run executes until the warp is at a barrier of the block, has ended, or has failed.
func (w *warp) run() {
	code := w.block.kernel.code
	limit := w.block.limit
	for w.state == warpRunning {
		if w.pc >= w.wake || w.mask == 0 {
			if !w.schedule() {
				return
			}
		}
		in := &code[w.pc]
		mask := w.mask
		if in.guard != 0 {
			mask &= w.preds[in.guard] ^ in.guardFlip
		}
		w.steps++
		w.work += int64(bits.OnesCount32(mask))
		switch in.kind {
		case kindPure:
			switch mask {
			case w.live: // registers of lanes that have exited may hold anything
				in.exec(w, in, mask)
			case 0:
			default:
				d := &w.regs[in.d]
				old := *d
				in.exec(w, in, mask)
				for m := ^mask; m != 0; m &= m - 1 {
					l := bits.TrailingZeros32(m) & 31
					d[l] = old[l]
				}
			}
			w.pc++
		case kindEffect:
			if mask != 0 {
				in.exec(w, in, mask)
				if w.fault != nil {
					return
				}
			}
			w.pc++
		case kindBranch:
			if w.steps > limit {
				w.failLimit(in)
				return
			}
			switch mask {
			case w.mask:
				w.pc = in.target
			case 0:
				w.pc++
			default:
				w.split(in.target, mask, waitTurn)
				w.pc++
			}
		case kindTable:
			if w.steps > limit {
				w.failLimit(in)
				return
			}
			in.exec(w, in, mask)
			if w.fault != nil {
				return
			}
		case kindSync:
			w.synchronise(in, mask)
			if w.fault != nil {
				return
			}
		case kindBarrier:
			if mask != 0 {
				w.split(w.pc, mask, waitBarrier)
			}
			w.pc++
		case kindExit:
			w.live &^= mask
			w.mask &^= mask
			w.pc++
		}
	}
}

func (w *warp) failLimit(in *instr) {
	w.fail(in, w.mask, FaultLimit, fmt.Sprintf("the warp has executed %d instructions; an endless loop?", w.block.limit))
}

// split takes lanes out of the running group, to wait at pc.
func (w *warp) split(pc int32, mask uint32, wait waitKind) {
	w.mask &^= mask
	for i := range w.others {
		if g := &w.others[i]; g.pc == pc && g.wait == wait {
			g.mask |= mask
			return
		}
	}
	w.others = append(w.others, group{pc, mask, wait})
	if wait == waitTurn {
		w.wake = min(w.wake, pc)
	}
}

// schedule makes the group with the lowest pc the running one, joined with all others at that pc. It reports false if
// none can run: then the warp has ended, is at a barrier, or is stuck.
func (w *warp) schedule() bool {
	if w.mask != 0 {
		w.split(w.pc, w.mask, waitTurn)
	}
	best := -1
	for i, g := range w.others {
		if g.wait == waitTurn && (best < 0 || g.pc < w.others[best].pc) {
			best = i
		}
	}
	w.wake = never
	switch {
	case best >= 0:
		w.pc, w.mask = w.others[best].pc, w.others[best].mask
		w.remove(best)
		for _, g := range w.others {
			if g.wait == waitTurn {
				w.wake = min(w.wake, g.pc)
			}
		}
		return true
	case len(w.others) == 0:
		w.state = warpDone
		return false
	case w.releaseLanes():
		return w.fault == nil
	}
	w.atBarrier()
	return false
}

func (w *warp) remove(i int) {
	w.others[i] = w.others[len(w.others)-1]
	w.others = w.others[:len(w.others)-1]
}

// atBarrier is called when no lane can run: all must then wait at the same barrier.
func (w *warp) atBarrier() {
	first := w.others[0]
	for _, g := range w.others {
		if g.wait == waitBarrier {
			first = g
		}
	}
	in := &w.block.kernel.code[first.pc]
	for _, g := range w.others {
		if g.pc != first.pc {
			other := &w.block.kernel.code[g.pc]
			kind, what := FaultBarrier, "divergent"
			if first.wait == waitLanes {
				kind, what = FaultWarp, "it waits for other lanes of its warp"
			}
			w.fail(in, first.mask, kind, fmt.Sprintf("%s, but thread %s of the same warp waits at line %d (%s)",
				what, w.threadName(g.mask), other.line, w.block.kernel.module.text(other.line)))
			return
		}
	}
	if first.wait == waitLanes {
		w.fail(in, first.mask, FaultWarp, "it waits for lanes of its warp that never come")
		return
	}
	w.state = warpAtBarrier
	w.pc, w.mask = first.pc, first.mask
	w.others = w.others[:0]
}

// write stores values into the lanes of mask.
func (w *warp) write(slot int32, mask uint32, values *lanes) {
	d := &w.regs[slot]
	for m := mask; m != 0; m &= m - 1 {
		l := bits.TrailingZeros32(m) & 31
		d[l] = values[l]
	}
}

func (w *warp) writePredicate(slot int32, mask, values uint32) {
	w.preds[slot] = w.preds[slot]&^mask | values&mask
}

// thread returns the coordinates of a lane's thread.
func (w *warp) thread(lane int) [3]int { return w.block.thread(w.index*warpSize + lane) }

// thread returns the coordinates of thread n of the block.
func (b *block) thread(n int) [3]int {
	dim := b.launch.Block
	return [3]int{n % dim[0], n / dim[0] % dim[1], n / (dim[0] * dim[1])}
}

// threadName returns the coordinates of the first lane of mask.
func (w *warp) threadName(mask uint32) string {
	return triple(w.thread(bits.TrailingZeros32(mask) & 31))
}

// fail records the warp's first fault, with the first lane of mask as its thread.
func (w *warp) fail(in *instr, mask uint32, kind FaultKind, detail string) {
	if w.fault != nil {
		return
	}
	k := w.block.kernel
	w.fault = &Fault{
		Kind: kind, Kernel: k.name, Line: in.line, Source: k.module.source(in.source), Instruction: k.module.text(in.line),
		Block: w.block.id, Thread: w.thread(bits.TrailingZeros32(mask) & 31), Detail: detail,
	}
}
