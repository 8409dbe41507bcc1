package ptx

import (
	"fmt"
	"math/bits"
)

// decodeFence: memory is always consistent here, so fences have nothing to do. Hazards are not ordered by them either:
// a fence without a barrier or an atomic orders nothing between threads.
func decodeFence(d *decoder) {
	if d.opcode() == "membar" {
		if d.oneOf("cta", "gl", "sys") == "" {
			d.fail("the level is missing")
		}
	} else {
		d.oneOf("sc", "acq_rel")
		if d.oneOf(scopeNames...) == "" {
			d.fail("the scope is missing")
		}
	}
	d.skip = true
}

func decodeBra(d *decoder) {
	d.mod("uni")
	o := d.operand(0)
	if o.kind != operandWord || o.not || o.offset != 0 {
		d.fail("the target is not a label")
	}
	d.in.kind = kindBranch
	d.b.branches = append(d.b.branches, branchFixup{at: len(d.b.k.code), target: o.name, line: d.in.line})
}

// decodeBrx is a jump by a table of labels.
func decodeBrx(d *decoder) {
	if !d.mod("idx") {
		d.fail("only brx.idx is known")
	}
	d.mod("uni")
	d.in.a = d.source(0, u32)
	o := d.operand(1)
	if o.kind != operandWord || o.not || o.offset != 0 {
		d.fail("the target is not a table of labels")
	}
	d.in.kind = kindTable
	d.b.branches = append(d.b.branches, branchFixup{at: len(d.b.k.code), target: o.name, table: true, line: d.in.line})
	d.in.exec = func(w *warp, in *instr, mask uint32) {
		for m := mask; m != 0; m &= m - 1 {
			l := bits.TrailingZeros32(m) & 31
			i := w.regs[in.a][l]
			if i >= uint64(len(in.targets)) {
				w.fail(in, 1<<l, FaultBounds, fmt.Sprintf("index %d of a table of %d labels", i, len(in.targets)))
				return
			}
			w.split(in.targets[i], 1<<l, waitTurn)
		}
		w.pc++
	}
}

func decodeExit(d *decoder) {
	if d.opcode() == "ret" {
		d.mod("uni")
	}
	d.in.kind = kindExit
}

func decodeTrap(d *decoder) {
	d.in.kind = kindEffect
	d.in.exec = func(w *warp, in *instr, mask uint32) { w.fail(in, mask, FaultTrap, "the kernel stops itself") }
}

// decodeBar takes the barriers of a block, with or without a reduction, and bar.warp.sync.
func decodeBar(d *decoder) {
	if d.mod("warp") {
		if !d.mod("sync") {
			d.fail("only bar.warp.sync is known")
		}
		d.warpSync(0, warpBarrier)
		d.b.k.warpBarriers = true
		return
	}
	d.mod("cta")
	op := d.oneOf("sync", "red")
	reduce := ""
	switch op {
	case "":
		d.fail("only .sync and .red are known")
	case "red":
		if reduce = d.oneOf("popc", "and", "or"); reduce == "" {
			d.fail("the operation is missing")
		}
	}
	d.mod("aligned")
	d.in.kind = kindBarrier
	if op == "sync" {
		d.barrierNumber(0)
		return
	}
	var destination int32
	if reduce == "popc" {
		d.typ("u32")
		destination = d.destination(0, u32)
	} else {
		d.typ("pred")
		destination = d.predicateOut(d.operand(0))
	}
	d.barrierNumber(1)
	p, flip := d.predicate(2)
	d.in.exec = func(last *warp, _ *instr, _ uint32) {
		b := last.block
		count, all := b.votes(p, flip)
		for i := range b.warps {
			w := &b.warps[i]
			switch {
			case reduce == "popc":
				w.broadcast(destination, w.mask, uint64(count))
			case reduce == "and" && count == all || reduce == "or" && count > 0:
				w.writePredicate(destination, w.mask, fullMask)
			default:
				w.writePredicate(destination, w.mask, 0)
			}
		}
	}
}

// barrierNumber takes the barrier's number. Barriers of a part of the block also have a number of threads, and are
// refused by the count of operands.
func (d *decoder) barrierNumber(i int) {
	if o := d.operand(i); o.kind != operandInt || o.value > 15 {
		d.fail("the barrier is not a constant from 0 to 15")
	}
}
