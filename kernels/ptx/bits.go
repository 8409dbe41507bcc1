package ptx

import "math/bits"

func decodeLogic(d *decoder) {
	op := d.opcode()
	t := d.typ("pred", "b16", "b32", "b64")
	if t.kind == kindPred {
		decodePredicateLogic(d, op)
		return
	}
	d.operands(t, t, t)
	d.in.exec = map[string]execFunc{"and": execAnd, "or": execOr, "xor": execXor}[op]
}

func execAnd(w *warp, in *instr, _ uint32) {
	d, a, b := &w.regs[in.d], &w.regs[in.a], &w.regs[in.b]
	for l := range d {
		d[l] = a[l] & b[l]
	}
}

func execOr(w *warp, in *instr, _ uint32) {
	d, a, b := &w.regs[in.d], &w.regs[in.a], &w.regs[in.b]
	for l := range d {
		d[l] = a[l] | b[l]
	}
}

func execXor(w *warp, in *instr, _ uint32) {
	d, a, b := &w.regs[in.d], &w.regs[in.a], &w.regs[in.b]
	for l := range d {
		d[l] = a[l] ^ b[l]
	}
}

func decodePredicateLogic(d *decoder, op string) {
	d.in.d = d.predicateOut(d.operand(0))
	a, flipA := d.predicate(1)
	b, flipB := d.predicate(2)
	d.in.kind = kindEffect
	d.in.exec = func(w *warp, in *instr, mask uint32) {
		v, u := w.preds[a]^flipA, w.preds[b]^flipB
		switch op {
		case "and":
			v &= u
		case "or":
			v |= u
		default:
			v ^= u
		}
		w.writePredicate(in.d, mask, v)
	}
}

func decodeNot(d *decoder) {
	t := d.typ("pred", "b16", "b32", "b64")
	if t.kind == kindPred {
		decodePredicateMove(d, fullMask)
		return
	}
	d.operands(t, t)
	d.in.exec = map1(func(a uint64) uint64 { return t.truncate(^a) })
}

func decodePredicateMove(d *decoder, flipResult uint32) {
	d.in.d = d.predicateOut(d.operand(0))
	a, flip := d.predicate(1)
	d.in.kind = kindEffect
	d.in.exec = func(w *warp, in *instr, mask uint32) { w.writePredicate(in.d, mask, w.preds[a]^flip^flipResult) }
}

func decodeCnot(d *decoder) {
	t := d.typ("b16", "b32", "b64")
	d.operands(t, t)
	d.in.exec = map1(func(a uint64) uint64 {
		if a == 0 {
			return 1
		}
		return 0
	})
}

// decodeLop3: bit i of the result is bit (a_i b_i c_i) of the table.
func decodeLop3(d *decoder) {
	d.typ("b32")
	d.operands(b32, b32, b32, b32)
	o := d.operand(4)
	if o.kind != operandInt || o.value > 255 {
		d.fail("the table is not a constant below 256")
	}
	table := o.value
	d.in.exec = map3(func(a, b, c uint64) uint64 {
		var r uint64
		for i := range 8 {
			if table>>i&1 == 0 {
				continue
			}
			x, y, z := a, b, c
			if i&4 == 0 {
				x = ^x
			}
			if i&2 == 0 {
				y = ^y
			}
			if i&1 == 0 {
				z = ^z
			}
			r |= x & y & z
		}
		return uint64(uint32(r))
	})
}

// decodeShift takes shl and shr; a shift by the width or more gives zeros, or copies of the sign.
func decodeShift(d *decoder) {
	if d.opcode() == "shl" {
		t := d.typ("b16", "b32", "b64")
		d.operands(t, t, u32)
		switch t.bits {
		case 32:
			d.in.exec = execShl32
		case 64:
			d.in.exec = execShl64
		default:
			d.in.exec = map2(func(a, b uint64) uint64 { return t.truncate(a << b) })
		}
		return
	}
	t := d.typ("b16", "b32", "b64", "u16", "u32", "u64", "s16", "s32", "s64")
	d.operands(t, t, u32)
	if t.signed() {
		d.in.exec = map2(func(a, b uint64) uint64 { return t.truncate(uint64(int64(t.extend(a)) >> b)) })
		return
	}
	d.in.exec = execShrUnsigned
}

func execShl32(w *warp, in *instr, _ uint32) {
	d, a, b := &w.regs[in.d], &w.regs[in.a], &w.regs[in.b]
	for l := range d {
		d[l] = uint64(uint32(a[l] << b[l]))
	}
}

func execShl64(w *warp, in *instr, _ uint32) {
	d, a, b := &w.regs[in.d], &w.regs[in.a], &w.regs[in.b]
	for l := range d {
		d[l] = a[l] << b[l]
	}
}

func execShrUnsigned(w *warp, in *instr, _ uint32) {
	d, a, b := &w.regs[in.d], &w.regs[in.a], &w.regs[in.b]
	for l := range d {
		d[l] = a[l] >> b[l]
	}
}

// decodeFunnel shifts the 64 bits b:a left and keeps the upper half, or right and keeps the lower.
func decodeFunnel(d *decoder) {
	direction, mode := d.oneOf("l", "r"), d.oneOf("wrap", "clamp")
	d.typ("b32")
	d.operands(b32, b32, b32, u32)
	if direction == "" || mode == "" {
		d.fail("the direction or mode is missing")
	}
	d.in.exec = map3(func(a, b, c uint64) uint64 {
		n := c & 31
		if mode == "clamp" {
			n = min(c, 32)
		}
		v := b<<32 | a
		if direction == "l" {
			return v << n >> 32
		}
		return uint64(uint32(v >> n))
	})
}

func decodeBfe(d *decoder) {
	t := d.typ("u32", "u64", "s32", "s64")
	d.operands(t, t, u32, u32)
	d.in.exec = map3(func(a, b, c uint64) uint64 {
		position, length, top := b&0xff, c&0xff, uint64(t.bits-1)
		if length == 0 {
			return 0
		}
		v := t.extend(a)
		// Beyond the top of the register the field holds zeros, or copies of the sign.
		if t.signed() {
			field := uint64(int64(v) >> min(position, 63))
			if position+length > top {
				return t.truncate(field)
			}
			return t.truncate(uint64(int64(field<<(64-length)) >> (64 - length)))
		}
		if length < 64 {
			return v >> position & (1<<length - 1)
		}
		return v >> position
	})
}

// decodeBfi inserts the low bits of the first source into the second.
func decodeBfi(d *decoder) {
	t := d.typ("b32", "b64")
	d.operands(t, t, t, u32)
	length := d.source(4, u32)
	d.in.exec = func(w *warp, in *instr, _ uint32) {
		r, a, b, c, e := &w.regs[in.d], &w.regs[in.a], &w.regs[in.b], &w.regs[in.c], &w.regs[length]
		for l := range r {
			position, n := c[l]&0xff, e[l]&0xff
			field := ^uint64(0)
			if n < 64 {
				field = 1<<n - 1
			}
			r[l] = t.truncate(b[l]&^(field<<position) | a[l]&field<<position)
		}
	}
}

// decodeBits takes popc, clz and brev.
func decodeBits(d *decoder) {
	op := d.opcode()
	t := d.typ("b32", "b64")
	if op == "brev" {
		d.operands(t, t)
		d.in.exec = map1(func(a uint64) uint64 { return bits.Reverse64(a) >> (64 - t.bits) })
		return
	}
	d.operands(u32, t)
	if op == "popc" {
		d.in.exec = map1(func(a uint64) uint64 { return uint64(bits.OnesCount64(a)) })
	} else {
		d.in.exec = map1(func(a uint64) uint64 { return uint64(t.bits - bits.Len64(a)) })
	}
}

// decodeBfind finds the highest bit that differs from the sign; 0xffffffff if there is none.
func decodeBfind(d *decoder) {
	shift := d.mod("shiftamt")
	t := d.typ("u32", "u64", "s32", "s64")
	d.operands(u32, t)
	d.in.exec = map1(func(a uint64) uint64 {
		v := t.extend(a)
		if t.signed() && int64(v) < 0 {
			v = ^v
		}
		v = t.truncate(v)
		if v == 0 {
			return 0xffffffff
		}
		at := bits.Len64(v) - 1
		if shift {
			at = t.bits - 1 - at
		}
		return uint64(at)
	})
}

// decodePrmt picks four of the eight bytes of b:a.
func decodePrmt(d *decoder) {
	d.typ("b32")
	mode := d.oneOf("f4e", "b4e", "rc8", "ecl", "ecr", "rc16")
	d.operands(b32, b32, b32, b32)
	d.in.exec = map3(func(a, b, c uint64) uint64 { return permute(mode, b<<32|a, c) })
}

func permute(mode string, bytes, selector uint64) uint64 {
	var r uint64
	s := selector & 3
	for i := range uint64(4) {
		at := i
		switch mode {
		case "":
			at = selector >> (4 * i) & 7
		case "f4e":
			at = s + i
		case "b4e":
			at = (s - i) & 7
		case "rc8":
			at = s
		case "ecl":
			at = max(s, i)
		case "ecr":
			at = min(s, i)
		case "rc16":
			at = 2*(s&1) + i&1
		}
		v := bytes >> (8 * at) & 0xff
		if mode == "" && selector>>(4*i)&8 != 0 { // the byte's sign, in all bits
			v = -(v >> 7) & 0xff
		}
		r |= v << (8 * i)
	}
	return r
}
