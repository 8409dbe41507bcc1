package ptx

import (
	"fmt"
	"math/bits"
)

// epochs counts the intervals between barriers, over all blocks that one worker runs. Two accesses of one block in the
// same interval are not ordered by a barrier.
type epochs struct {
	now        uint32
	blockStart uint32 // the first interval of the block that runs now
}

func (e *epochs) newBlock() { e.now++; e.blockStart = e.now }
func (e *epochs) barrier()  { e.now++ }

// A hazard remembers the last accesses to one piece of memory: a word of 4 bytes, or one byte if the kernel has
// narrower accesses. Epoch 0 means none.
type hazard struct {
	writeEpoch, writeClock uint32
	readEpoch, readClock   uint32
	readLanes              uint32 // of readWarp, in this epoch
	writer                 uint16 // thread, or several (atomics only)
	readWarp               uint16 // or several
	atomic                 bool   // the write was atomic
	foreignRead            bool   // some other block has read
	foreignAtomic          bool   // some other block has used an atomic

	writeLine, readLine int32 // of the PTX text, for messages
}

const several = uint16(0xffff)

// A shadow holds the hazards of one allocation, or of the shared memory of a block.
type shadow struct {
	hazards []hazard
	shift   int // bytes per hazard, as a power of two
	global  bool

	races         bool // report races
	uninitialised bool // report reads of what the block has not written
}

func newShadow(bytes int, narrow bool) *shadow {
	s := &shadow{shift: 2}
	if narrow {
		s.shift = 0
	}
	s.hazards = make([]hazard, (bytes+1<<s.shift-1)>>s.shift)
	return s
}

type accessKind uint8

const (
	accessRead accessKind = iota
	accessWrite
	accessAtomic
)

// touch records an access to n bytes at offset. If it is wrong, by itself or together with an earlier one, the warp
// fails and touch gives false.
func (s *shadow) touch(w *warp, in *instr, lane int, offset, n uint64, kind accessKind) bool {
	first := offset >> s.shift
	last := (offset + n - 1) >> s.shift
	for i := first; i <= last; i++ {
		if !s.touchOne(&s.hazards[i], w, in, lane, i<<s.shift, kind) {
			return false
		}
	}
	return true
}

func (s *shadow) touchOne(h *hazard, w *warp, in *instr, lane int, offset uint64, kind accessKind) bool {
	b := w.block
	now := b.clock.now
	thread := uint16(w.index*warpSize + lane)

	if s.uninitialised && kind != accessWrite && h.writeEpoch < b.clock.blockStart {
		w.fail(in, 1<<lane, FaultUninitialised, fmt.Sprintf("reads byte %d, which no thread of the block has written",
			offset))
		return false
	}
	if !s.races {
		if kind != accessRead {
			h.writeEpoch = now
		}
		return true
	}

	// An earlier write.
	if h.writeEpoch == now {
		if h.writer != thread && !(kind == accessAtomic && h.atomic) && !w.ordered(h.writer, h.writeClock, lane) {
			return s.race(h, w, in, lane, offset, kind, true)
		}
	} else if s.global && h.writeEpoch != 0 && h.writeEpoch < b.clock.blockStart {
		if !(kind == accessAtomic && h.atomic) {
			return s.race(h, w, in, lane, offset, kind, true)
		}
		h.foreignAtomic = true
	}
	if h.foreignAtomic && kind != accessAtomic {
		return s.race(h, w, in, lane, offset, kind, true)
	}

	var clock uint32
	if w.clocks != nil {
		clock = w.clocks[lane][lane]
	}
	foreign := s.global && h.readEpoch != 0 && h.readEpoch < b.clock.blockStart
	if kind == accessRead {
		h.readLine = int32(in.line)
		switch {
		case h.readEpoch != now || h.readWarp == uint16(w.index) && w.orderedAll(h.readLanes, h.readClock, lane):
			// An access that is ordered after this read is also ordered after the earlier ones.
			h.foreignRead = h.foreignRead || foreign
			h.readEpoch, h.readClock, h.readWarp, h.readLanes = now, clock, uint16(w.index), 1<<lane
		case h.readWarp == uint16(w.index):
			h.readClock = max(h.readClock, clock)
			h.readLanes |= 1 << lane
		default:
			h.readWarp = several
		}
		return true
	}

	// For a write, earlier reads matter too.
	if h.readEpoch == now {
		if h.readWarp != uint16(w.index) {
			return s.race(h, w, in, lane, offset, kind, false)
		}
		if others := h.readLanes &^ (1 << lane); others != 0 && !w.orderedAll(others, h.readClock, lane) {
			return s.race(h, w, in, lane, offset, kind, false)
		}
	}
	if foreign || h.foreignRead {
		return s.race(h, w, in, lane, offset, kind, false)
	}
	isAtomic := kind == accessAtomic
	if h.writeEpoch == now {
		if isAtomic && h.writer != thread {
			thread = several
		}
		isAtomic = isAtomic && h.atomic
	}
	h.writeEpoch, h.writeClock, h.writer, h.atomic = now, clock, thread, isAtomic
	h.writeLine = int32(in.line)
	return true
}

// readAgain is the fast path for a read that changes little: no write since the last barrier, and other lanes of the
// warp, or several warps, have read since. It reports false if touch must do the full check. Kernels with warp barriers
// always take the full check.
func (h *hazard) readAgain(warp uint16, lane int, clock *epochs) bool {
	if h.readEpoch != clock.now || h.writeEpoch == clock.now || h.writeEpoch < clock.blockStart {
		return false
	}
	if h.readWarp == warp {
		h.readLanes |= 1 << lane
		return true
	}
	return h.readWarp == several
}

// ordered says whether bar.warp.sync orders lane after what a thread of its warp did at the given clock.
func (w *warp) ordered(thread uint16, clock uint32, lane int) bool {
	if w.clocks == nil || thread == several || int(thread)/warpSize != w.index {
		return false
	}
	return w.clocks[lane][thread%warpSize] > clock
}

// orderedAll is ordered for several lanes of the same warp.
func (w *warp) orderedAll(others uint32, clock uint32, lane int) bool {
	if w.clocks == nil {
		return false
	}
	for m := others; m != 0; m &= m - 1 {
		if w.clocks[lane][bits.TrailingZeros32(m)&31] <= clock {
			return false
		}
	}
	return true
}

// race reports a race and returns false.
func (s *shadow) race(h *hazard, w *warp, in *instr, lane int, offset uint64, kind accessKind, write bool) bool {
	b := w.block
	what := map[accessKind]string{accessRead: "reads", accessWrite: "writes", accessAtomic: "atomically changes"}[kind]
	other := "another thread"
	epoch, thread, line := h.readEpoch, int(several), h.readLine
	did := "read"
	if write {
		epoch, thread, line = h.writeEpoch, int(h.writer), h.writeLine
		did = "wrote"
		if h.atomic {
			did = "atomically changed"
		}
	} else if h.readWarp != several {
		lanes := h.readLanes
		if h.readWarp == uint16(w.index) {
			lanes &^= 1 << lane
		}
		thread = int(h.readWarp)*warpSize + bits.TrailingZeros32(lanes)
	}
	if thread != int(several) {
		other = "thread " + triple(b.thread(thread))
	}
	switch {
	case s.global && epoch < b.clock.blockStart:
		other += " of another block"
	case s.global && (h.foreignRead && !write || h.foreignAtomic && write):
		other = "a thread of another block"
	}
	where := fmt.Sprintf("byte %d of shared memory", offset)
	if s.global {
		where = fmt.Sprintf("byte %d of its allocation", offset)
	}
	order := "without a barrier in between"
	if s.global {
		order = "in the same launch, unordered"
	}
	w.fail(in, 1<<lane, FaultRace, fmt.Sprintf("%s %s, which %s %s at line %d (%s) %s",
		what, where, other, did, line, b.kernel.module.text(int(line)), order))
	return false
}
