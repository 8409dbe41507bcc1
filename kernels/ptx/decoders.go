package ptx

// decoders maps the first part of an opcode to its decoder.
var decoders map[string]func(*decoder)

func init() {
	decoders = map[string]func(*decoder){
		// integers and floats
		"add": decodeAdd, "sub": decodeAdd, "mul": decodeMul, "mad": decodeMad, "fma": decodeFMA,
		"addc": decodeCarry, "subc": decodeCarry, "madc": decodeMadc,
		"div": decodeDiv, "rem": decodeRem, "min": decodeMinMax, "max": decodeMinMax,
		"abs": decodeAbs, "neg": decodeNeg,
		// floats
		"rcp": decodeRcp, "sqrt": decodeSqrt, "rsqrt": decodeApprox, "ex2": decodeApprox, "lg2": decodeApprox,
		"sin": decodeApprox, "cos": decodeApprox, "tanh": decodeApprox, "copysign": decodeCopysign, "testp": decodeTestp,
		// bits
		"and": decodeLogic, "or": decodeLogic, "xor": decodeLogic, "not": decodeNot, "cnot": decodeCnot,
		"lop3": decodeLop3, "shl": decodeShift, "shr": decodeShift, "shf": decodeFunnel,
		"bfe": decodeBfe, "bfi": decodeBfi, "brev": decodeBits, "popc": decodeBits, "clz": decodeBits, "bfind": decodeBfind,
		"prmt": decodePrmt,
		// comparison, selection, movement, conversion
		"setp": decodeSetp, "set": decodeSet, "selp": decodeSelp, "slct": decodeSlct,
		"mov": decodeMov, "cvta": decodeCvta, "cvt": decodeCvt,
		// memory
		"ld": decodeLoad, "ldu": decodeLoad, "st": decodeStore, "atom": decodeAtom, "red": decodeAtom,
		"membar": decodeFence, "fence": decodeFence,
		// threads
		"bra": decodeBra, "brx": decodeBrx, "ret": decodeExit, "exit": decodeExit, "trap": decodeTrap,
		"bar": decodeBar, "barrier": decodeBar,
		"shfl": decodeShfl, "vote": decodeVote, "match": decodeMatch, "redux": decodeRedux, "activemask": decodeActivemask,
	}
}

type execFunc = func(w *warp, in *instr, mask uint32)

// map1, map2 and map3 turn a function of one lane into an instruction.

func map1(f func(a uint64) uint64) execFunc {
	return func(w *warp, in *instr, _ uint32) {
		d, a := &w.regs[in.d], &w.regs[in.a]
		for l := range d {
			d[l] = f(a[l])
		}
	}
}

func map2(f func(a, b uint64) uint64) execFunc {
	return func(w *warp, in *instr, _ uint32) {
		d, a, b := &w.regs[in.d], &w.regs[in.a], &w.regs[in.b]
		for l := range d {
			d[l] = f(a[l], b[l])
		}
	}
}

func map3(f func(a, b, c uint64) uint64) execFunc {
	return func(w *warp, in *instr, _ uint32) {
		d, a, b, c := &w.regs[in.d], &w.regs[in.a], &w.regs[in.b], &w.regs[in.c]
		for l := range d {
			d[l] = f(a[l], b[l], c[l])
		}
	}
}

// operands decodes a destination of type dt and up to three sources.
func (d *decoder) operands(dt scalar, sources ...scalar) {
	d.in.d = d.destination(0, dt)
	for i, slot := range []*int32{&d.in.a, &d.in.b, &d.in.c}[:len(sources)] {
		*slot = d.source(i+1, sources[i])
	}
}
