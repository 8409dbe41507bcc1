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
}

const several = uint16(0xffff)

// A shadow holds the hazards of one allocation, or of the shared memory of a block.
type shadow struct {
	hazards []hazard
	shift   int // bytes per hazard, as a power of two
	global  bool
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

// touch records an access to n bytes at offset and reports a race with an earlier one.
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
		switch {
		case h.readEpoch != now:
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

	// A write: also earlier reads matter.
	if h.readEpoch == now {
		if h.readWarp != uint16(w.index) {
			return s.race(h, w, in, lane, offset, kind, false)
		}
		for m := h.readLanes &^ (1 << lane); m != 0; m &= m - 1 {
			if !w.ordered(uint16(w.index*warpSize+bits.TrailingZeros32(m)), h.readClock, lane) {
				return s.race(h, w, in, lane, offset, kind, false)
			}
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
	return true
}

// ordered says whether lane knows, by bar.warp.sync, of what a thread of its warp did at the given clock.
func (w *warp) ordered(thread uint16, clock uint32, lane int) bool {
	if w.clocks == nil || thread == several || int(thread)/warpSize != w.index {
		return false
	}
	return w.clocks[lane][thread%warpSize] > clock
}

// race reports a race and returns false.
func (s *shadow) race(h *hazard, w *warp, in *instr, lane int, offset uint64, kind accessKind, write bool) bool {
	b := w.block
	what := map[accessKind]string{accessRead: "reads", accessWrite: "writes", accessAtomic: "atomically changes"}[kind]
	other := "another thread"
	epoch, thread := h.readEpoch, int(several)
	did := "read"
	if write {
		epoch, thread = h.writeEpoch, int(h.writer)
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
		other = "thread " + triple((&warp{block: b}).thread(thread))
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
	w.fail(in, 1<<lane, FaultRace, fmt.Sprintf("%s %s, which %s %s %s", what, where, other, did, order))
	return false
}
