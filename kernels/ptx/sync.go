package ptx

import (
	"fmt"
	"math/bits"
)

// A warpSync is an instruction that lanes of a warp execute together: those that the mask register names.
type warpSync struct {
	members int32 // slot
	do      func(w *warp, in *instr, members uint32)
}

// synchronise executes a warpSync for the lanes of mask. Lanes whose partners have not arrived yet wait.
func (w *warp) synchronise(in *instr, mask uint32) {
	pass := w.mask &^ mask
	for i := 0; i < len(w.others); {
		if g := w.others[i]; g.wait == waitLanes && g.pc == w.pc {
			mask |= g.mask
			w.remove(i)
			continue
		}
		i++
	}
	done := w.together(in, mask)
	if wait := mask &^ done; wait != 0 {
		w.others = append(w.others, group{w.pc, wait, waitLanes})
	}
	w.mask = pass | done
	w.pc++
}

// together executes a warpSync for each complete set of lanes among those given, and gives the lanes that are done.
func (w *warp) together(in *instr, given uint32) (done uint32) {
	s := in.sync
	for left := given; left != 0; {
		r := &w.regs[s.members]
		members := uint32(r[bits.TrailingZeros32(left)&31])
		var same uint32
		for l := range r {
			if uint32(r[l]) == members {
				same |= 1 << l
			}
		}
		same &= left
		left &^= same
		if outside := same &^ members; outside != 0 {
			w.fail(in, outside, FaultWarp, fmt.Sprintf("the thread's own lane is not in its member mask %#08x", members))
			return done
		}
		if members&w.live != same {
			continue
		}
		s.do(w, in, same)
		if w.fault != nil {
			return done
		}
		done |= same
	}
	return done
}

// releaseLanes is called when no lane can run: lanes that wait for others continue if all of those have exited.
func (w *warp) releaseLanes() bool {
	for i, g := range w.others {
		if g.wait != waitLanes {
			continue
		}
		done := w.together(&w.block.kernel.code[g.pc], g.mask)
		if w.fault != nil {
			return true
		}
		if done == 0 {
			continue
		}
		if w.others[i].mask &^= done; w.others[i].mask == 0 {
			w.remove(i)
		}
		w.pc, w.mask = g.pc+1, done
		return true
	}
	return false
}

// warpSync makes the instruction one that lanes execute together; operand `members` is the mask that names them.
func (d *decoder) warpSync(members int, do func(w *warp, in *instr, members uint32)) {
	d.in.kind = kindSync
	d.in.sync = &warpSync{d.source(members, b32), do}
}

// pairOf returns the destinations d|p; p is -1 if there is only d.
func (d *decoder) pairOf(t scalar) (r, p int32) {
	o := d.operand(0)
	if o.kind == operandPair {
		return d.write(o.list[0], t, t.bits), d.predicateOut(o.list[1])
	}
	return d.write(o, t, t.bits), -1
}

func decodeShfl(d *decoder) {
	if !d.mod("sync") {
		d.fail("only shfl.sync is known")
	}
	mode := d.oneOf("up", "down", "bfly", "idx")
	if mode == "" {
		d.fail("the mode is missing")
	}
	d.typ("b32")
	r, p := d.pairOf(b32)
	a, b, c := d.source(1, b32), d.source(2, b32), d.source(3, b32)
	d.warpSync(4, func(w *warp, in *instr, members uint32) {
		values := w.regs[a]
		result := values
		var valid uint32
		for m := members; m != 0; m &= m - 1 {
			lane := bits.TrailingZeros32(m)
			from, ok := shuffle(mode, lane, int(w.regs[b][lane]), int(w.regs[c][lane]))
			if ok {
				valid |= 1 << lane
			}
			if members>>from&1 == 0 {
				w.fail(in, 1<<lane, FaultWarp,
					fmt.Sprintf("reads lane %d, which does not take part (it has exited, does not exist or is not in the member mask)",
						from))
				return
			}
			result[lane] = values[from]
		}
		w.write(r, members, &result)
		if p >= 0 {
			w.writePredicate(p, members, valid)
		}
	})
}

// shuffle returns the lane that a lane reads from (PTX ISA, section on shfl.sync).
func shuffle(mode string, lane, b, c int) (from int, ok bool) {
	b &= 31
	clamp, segment := c&31, c>>8&31
	lowest := lane & segment
	highest := lowest | clamp&^segment
	switch mode {
	case "up":
		from = lane - b
		ok = from >= highest
	case "down":
		from = lane + b
		ok = from <= highest
	case "bfly":
		from = lane ^ b
		ok = from <= highest
	default:
		from = lowest | b&^segment
		ok = from <= highest
	}
	if !ok {
		from = lane
	}
	return from, ok
}

func decodeVote(d *decoder) {
	if !d.mod("sync") {
		d.fail("only vote.sync is known")
	}
	mode := d.oneOf("all", "any", "uni", "ballot")
	if mode == "" {
		d.fail("the mode is missing")
	}
	a, flip := d.predicate(1)
	if mode == "ballot" {
		d.typ("b32")
		r := d.destination(0, b32)
		d.warpSync(2, func(w *warp, in *instr, members uint32) {
			w.broadcast(r, members, uint64((w.preds[a]^flip)&members))
		})
		return
	}
	d.typ("pred")
	p := d.predicateOut(d.operand(0))
	d.warpSync(2, func(w *warp, in *instr, members uint32) {
		yes := (w.preds[a] ^ flip) & members
		var r uint32
		if mode == "all" && yes == members || mode == "any" && yes != 0 || mode == "uni" && (yes == 0 || yes == members) {
			r = fullMask
		}
		w.writePredicate(p, members, r)
	})
}

// broadcast writes one value to the lanes of mask.
func (w *warp) broadcast(slot int32, mask uint32, v uint64) {
	for m := mask; m != 0; m &= m - 1 {
		w.regs[slot][bits.TrailingZeros32(m)&31] = v
	}
}

// decodeMatch: which lanes have the same value (any), or whether all have (all).
func decodeMatch(d *decoder) {
	mode := d.oneOf("any", "all")
	if !d.mod("sync") || mode == "" {
		d.fail("only match.any.sync and match.all.sync are known")
	}
	t := d.typ("b32", "b64")
	r, p := d.pairOf(b32)
	if p >= 0 && mode == "any" {
		d.fail("match.any has no predicate")
	}
	a := d.source(1, t)
	d.warpSync(2, func(w *warp, in *instr, members uint32) {
		values := &w.regs[a]
		var result lanes
		for l := range result {
			for o := range result {
				if members>>o&1 != 0 && values[o] == values[l] {
					result[l] |= 1 << o
				}
			}
		}
		if mode == "all" {
			agree := result[bits.TrailingZeros32(members)&31] == uint64(members)
			var v uint32
			for l := range result {
				result[l] = 0
				if agree {
					result[l], v = uint64(members), fullMask
				}
			}
			if p >= 0 {
				w.writePredicate(p, members, v)
			}
		}
		w.write(r, members, &result)
	})
}

func decodeRedux(d *decoder) {
	if !d.mod("sync") {
		d.fail("only redux.sync is known")
	}
	op := d.oneOf("add", "min", "max", "and", "or", "xor")
	t := d.typ("u32", "s32", "b32")
	logic := op == "and" || op == "or" || op == "xor"
	if op == "" || logic != (t.kind == kindBits) {
		d.fail("the operation does not fit the type")
	}
	r, a := d.destination(0, t), d.source(1, t)
	f := atomicOperation(op, t)
	d.warpSync(2, func(w *warp, in *instr, members uint32) {
		values := &w.regs[a]
		first := bits.TrailingZeros32(members) & 31
		v := values[first]
		for m := members &^ (1 << first); m != 0; m &= m - 1 {
			v = f(v, values[bits.TrailingZeros32(m)&31], 0)
		}
		w.broadcast(r, members, v)
	})
}

func decodeActivemask(d *decoder) {
	d.typ("b32")
	d.in.d = d.destination(0, b32)
	d.in.kind = kindEffect
	d.in.exec = func(w *warp, in *instr, mask uint32) { w.broadcast(in.d, mask, uint64(mask)) }
}

// warpBarrier is bar.warp.sync: after it, every member sees what any member has done.
func warpBarrier(w *warp, in *instr, members uint32) {
	if w.clocks == nil {
		return
	}
	var known [warpSize]uint32
	for m := members; m != 0; m &= m - 1 {
		lane := bits.TrailingZeros32(m) & 31
		w.clocks[lane][lane]++
		for i, c := range &w.clocks[lane] {
			known[i] = max(known[i], c)
		}
	}
	for m := members; m != 0; m &= m - 1 {
		w.clocks[bits.TrailingZeros32(m)&31] = known
	}
}
