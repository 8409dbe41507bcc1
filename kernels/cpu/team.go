package cpu

import (
	"math"
	"sync"
	"sync/atomic"
	"time"
)

// team lets several threads work on one network, if there are fewer networks than threads. A step has some ten sections
// that can be divided, of 10 to 100 µs each, so handing them over must take less than a microsecond: helpers wait in a
// loop that reads an atomic number. A thread takes the same share of the same layer in every step, so that its part of
// the parameters stays in its cache. If it is late, because the processor is busy with something else, the leading
// thread also takes its share. The kernels' results do not depend on how rows or examples are divided.
//
// There are as many shares as requested threads, but never more threads than processors: threads that wait in a loop
// would take the processor from those with work. If there are more shares than threads, each thread has several.
type team struct {
	shares  int
	scratch []scratch          // one per thread
	part    func(*pass, share) // of the task at hand
	pass    *pass
	claimed []atomic.Uint64 // for each share the round in which a thread last took it
	_       [64]byte        // the numbers are on cache lines of their own
	round   atomic.Uint64   // counts tasks
	_       [64]byte
	open    atomic.Int64 // shares of the round that are not done
	_       [64]byte
}

// ended is the round in which the helpers return.
const ended = math.MaxUint64

// share is the part of the work that one of several threads does.
type share struct{ part, parts, thread int }

// shareRows, shareExamples and shareColumns are the units of division: the tiles of the kernels.
const shareRows, shareExamples, shareColumns = 4, 5, 16

// of returns this share of n things, divided in whole units.
func (s share) of(n, unit int) (first, count int) {
	units := (n + unit - 1) / unit
	first = min(n, units*s.part/s.parts*unit)
	return first, min(n, units*(s.part+1)/s.parts*unit) - first
}

// worthForking is the number of parameters, or inputs, from which dividing a layer is worth waking helpers.
const worthForking = 4096

// fork does a task of the given size, in shares if it is big enough: part does one.
func (k *worker) fork(size int, p *pass, part func(p *pass, s share)) {
	t := &k.team
	parts := t.shares
	if parts == 1 || size < worthForking {
		part(p, share{0, 1, 0})
		return
	}
	t.part, t.pass = part, p
	t.open.Store(int64(parts))
	round := t.round.Add(1)
	for part := range parts {
		k.take(part, 0, round)
	}
	wait(func() bool { return t.open.Load() == 0 })
}

// take does a share of the round's task, unless another thread has taken it.
func (k *worker) take(part, thread int, round uint64) {
	t := &k.team
	if t.claimed[part].CompareAndSwap(round-1, round) { // from now on the round cannot end before the share is done
		t.part(t.pass, share{part, t.shares, thread})
		t.open.Add(-1)
	}
}

// together calls f with the helpers at work.
func (k *worker) together(f func()) {
	t := &k.team
	var helpers sync.WaitGroup
	t.round.Store(0)
	t.claimed = make([]atomic.Uint64, t.shares)
	for thread := 1; thread < len(t.scratch); thread++ {
		helpers.Go(func() { k.help(thread) })
	}
	f()
	t.round.Store(ended)
	helpers.Wait()
}

func (k *worker) help(thread int) {
	for last := uint64(0); ; {
		wait(func() bool { return k.team.round.Load() != last })
		if last = k.team.round.Load(); last == ended {
			return
		}
		for part := thread; part < k.team.shares; part += len(k.team.scratch) {
			k.take(part, thread, last)
		}
	}
}

// wait returns once done does: within a fraction of a microsecond if that is soon. After some 50 µs it yields the
// processor, perhaps to the thread that it waits for.
func wait(done func() bool) {
	for spins := 1; !done(); spins++ {
		if spins%(1<<15) == 0 {
			time.Sleep(time.Microsecond)
		}
	}
}
