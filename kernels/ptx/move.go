package ptx

func decodeMov(d *decoder) {
	t := d.typ("pred", "b16", "b32", "b64", "u16", "u32", "u64", "s16", "s32", "s64", "f32", "f64")
	if t.kind == kindPred {
		decodePredicateMove(d, 0)
		return
	}
	to, from := d.operand(0), d.operand(1)
	switch {
	case to.kind == operandVector:
		decodeUnpack(d, t, to.list)
	case from.kind == operandVector:
		decodePack(d, t, from.list)
	default:
		d.operands(t, t)
		d.in.exec = execMov
	}
}

func execMov(w *warp, in *instr, _ uint32) { w.regs[in.d] = w.regs[in.a] }

// part is the type of one element of a register of type t cut into n.
func (d *decoder) part(t scalar, n int) scalar {
	part := scalar{kindBits, t.bits / max(n, 1)}
	if t.kind != kindBits || part.bits < 16 || part.bits*n != t.bits {
		d.fail("a vector of %d does not fit type .%s", n, t.name())
	}
	return part
}

// decodePack: the first element goes to the lowest bits.
func decodePack(d *decoder, t scalar, list []operand) {
	part := d.part(t, len(list))
	d.in.d = d.destination(0, t)
	slots := make([]int32, len(list))
	for i, o := range list {
		slots[i] = d.read(o, part)
	}
	d.in.exec = func(w *warp, in *instr, _ uint32) {
		for l := range warpSize {
			var v uint64
			for i, slot := range slots {
				v |= w.regs[slot][l] << (i * part.bits)
			}
			w.regs[in.d][l] = v
		}
	}
}

func decodeUnpack(d *decoder, t scalar, list []operand) {
	part := d.part(t, len(list))
	d.in.a = d.source(1, t)
	slots := make([]int32, len(list))
	for i, o := range list {
		slots[i] = d.write(o, part, part.bits)
	}
	d.in.kind = kindEffect
	d.in.exec = func(w *warp, in *instr, mask uint32) {
		a := w.regs[in.a]
		for i, slot := range slots {
			v := a
			for l := range v {
				v[l] = part.truncate(v[l] >> (i * part.bits))
			}
			w.write(slot, mask, &v)
		}
	}
}

// decodeCvta converts between an address in a state space and a generic one.
func decodeCvta(d *decoder) {
	to := d.mod("to")
	s := d.space()
	d.typ("u64")
	d.operands(u64, u64)
	window := uint64(0)
	switch s {
	case spaceShared:
		window = sharedWindow
	case spaceLocal:
		window = localWindow
	case spaceGlobal, spaceConst:
	default:
		d.fail("the state space is missing or not known here")
	}
	if to {
		window = -window
	}
	d.in.exec = execMov
	if window != 0 {
		d.in.exec = map1(func(a uint64) uint64 { return a + window })
	}
}
