package ptx

import (
	"math"
	"math/bits"
)

// decodeAtom takes atom, which gives the old value, and red, which does not.
func decodeAtom(d *decoder) {
	// The requested order and scope are read and dropped: the interpreter's are stricter. nvcc writes the scope before the
	// space or after it.
	d.oneOf("relaxed", "acquire", "release", "acq_rel")
	d.oneOf(scopeNames...)
	where := spaces[d.oneOf("global", "shared")]
	d.oneOf(scopeNames...)
	op := d.oneOf("and", "or", "xor", "cas", "exch", "add", "inc", "dec", "min", "max")
	t := d.typ("b32", "b64", "u32", "u64", "s32", "s64", "f32", "f64")
	f := atomicOperation(op, t)
	if f == nil {
		d.fail("unknown atomic operation .%s of type .%s", op, t.name())
	}
	at := 0
	d.in.d = -1
	if d.opcode() == "atom" {
		d.in.d = d.destination(0, t)
		at = 1
	}
	a := d.memory(at, where, t, 1, accessAtomic)
	d.in.b = d.source(at+1, t)
	d.in.c = d.in.b
	if op == "cas" {
		d.in.c = d.source(at+2, t)
	}
	if where != spaceShared {
		d.b.k.globalAtomics = true
	}
	n := t.bits / 8
	d.in.kind = kindEffect
	d.in.exec = func(w *warp, in *instr, mask uint32) {
		for m := mask; m != 0; m &= m - 1 {
			l := bits.TrailingZeros32(m) & 31
			p := w.resolve(in, a, l, w.regs[in.a][l]+a.offset)
			if p == nil {
				return
			}
			old := fetch(p, n)
			put(p, n, f(old, w.regs[in.b][l], w.regs[in.c][l]))
			if in.d >= 0 {
				w.regs[in.d][l] = old
			}
		}
	}
}

// atomicOperation returns the new value from the old one and the operands, or nil if PTX has no such operation.
func atomicOperation(op string, t scalar) func(old, b, c uint64) uint64 {
	switch op {
	case "and", "or", "xor", "cas", "exch":
		if t.kind != kindBits {
			return nil
		}
	case "inc", "dec":
		if t != u32 {
			return nil
		}
	case "add":
		switch t {
		case f32:
			return func(old, b, _ uint64) uint64 { return bits32(float(old) + float(b)) }
		case f64:
			return func(old, b, _ uint64) uint64 { return math.Float64bits(double(old) + double(b)) }
		}
		fallthrough
	case "min", "max":
		if !t.integer() {
			return nil
		}
	}
	switch op {
	case "and":
		return func(old, b, _ uint64) uint64 { return old & b }
	case "or":
		return func(old, b, _ uint64) uint64 { return old | b }
	case "xor":
		return func(old, b, _ uint64) uint64 { return old ^ b }
	case "exch":
		return func(_, b, _ uint64) uint64 { return b }
	case "cas":
		return func(old, b, c uint64) uint64 {
			if old == b {
				return c
			}
			return old
		}
	case "add":
		return func(old, b, _ uint64) uint64 { return t.truncate(old + b) }
	case "min", "max":
		return func(old, b, _ uint64) uint64 {
			if less(t, old, b) == (op == "min") {
				return old
			}
			return b
		}
	case "inc": // wraps to 0 beyond b
		return func(old, b, _ uint64) uint64 {
			if old >= b {
				return 0
			}
			return old + 1
		}
	case "dec": // wraps to b below 0 and beyond b
		return func(old, b, _ uint64) uint64 {
			if old == 0 || old > b {
				return b
			}
			return old - 1
		}
	}
	return nil
}
