package ptx

import (
	"encoding/binary"
	"fmt"
	"math/bits"
)

// An access is how an instruction touches memory: count elements of typ at register a plus offset.
type access struct {
	space  space
	typ    scalar
	count  int
	total  uint64 // bytes
	offset uint64
	regs   []int32 // destinations or sources, one per element
	bits   []int   // widths of the destinations
	index  int     // of the instruction, for the allocation it hit last
	kind   accessKind
}

var (
	cacheLoads  = []string{"ca", "cg", "cs", "lu", "cv"}
	cacheStores = []string{"wb", "cg", "cs", "wt"}
	scopeNames  = []string{"cta", "gpu", "sys"}
)

func (d *decoder) space() space {
	return spaces[d.oneOf("global", "shared", "local", "param", "const")]
}

// memory decodes the address operand i into a slot and the access.
func (d *decoder) memory(i int, s space, t scalar, count int, kind accessKind) *access {
	o := d.operand(i)
	a := &access{
		space: s, typ: t, count: count, total: uint64(t.bits / 8 * count), kind: kind,
		index: len(d.b.k.code), regs: make([]int32, count), bits: make([]int, count),
	}
	if d.err != nil {
		return a
	}
	if o.kind != operandAddress {
		d.fail("operand %d is not an address", i+1)
		return a
	}
	a.offset = uint64(o.offset)
	d.in.access = a
	if t.bits < 32 {
		d.b.k.narrowShared = d.b.k.narrowShared || s == spaceShared || s == spaceGeneric
		d.b.k.narrowGlobal = d.b.k.narrowGlobal || s == spaceGlobal || s == spaceGeneric
	}
	if o.name == "" {
		d.in.a = d.b.constant(0)
		return a
	}
	if typ, slot, ok := d.b.register(o.name); ok {
		if typ.bits != 64 && !(typ.bits == 32 && (s == spaceShared || s == spaceLocal || s == spaceParam ||
			s == spaceConst)) {
			d.fail("register %s of type .%s is not an address", o.name, typ.name())
		}
		d.in.a = slot
		return a
	}
	if v := d.b.variable(o.name); v != nil {
		if v.space != s {
			d.fail("%s is not in %s memory", o.name, s)
		}
		d.in.a = d.b.symbol(v, 0)
		return a
	}
	if p, ok := d.parameter(o.name); ok && s == spaceParam {
		d.in.a = d.b.constant(uint64(p.offset))
		return a
	}
	d.fail("unknown name %s", o.name)
	return a
}

func (d *decoder) vector() int {
	switch d.oneOf("v2", "v4") {
	case "v2":
		return 2
	case "v4":
		return 4
	}
	return 1
}

// elements returns the registers of a scalar or vector operand.
func (d *decoder) elements(i, count int) []operand {
	o := d.operand(i)
	switch {
	case count == 1 && (o.kind != operandVector || len(o.list) == 1):
		if o.kind == operandVector {
			return o.list
		}
		return []operand{o}
	case o.kind == operandVector && len(o.list) == count:
		return o.list
	}
	d.fail("operand %d is not a vector of %d", i+1, count)
	return make([]operand, count)
}

// ordering takes .volatile, .weak, or .relaxed and the like with a scope. The interpreter orders more than they
// require.
func (d *decoder) ordering(orders ...string) {
	if d.mod("volatile") || d.mod("weak") {
		return
	}
	if d.oneOf(orders...) != "" && d.oneOf(scopeNames...) == "" {
		d.fail("the scope is missing")
	}
}

func decodeLoad(d *decoder) {
	d.ordering("relaxed", "acquire")
	s := d.space()
	if s == spaceGlobal && d.mod("nc") {
		d.oneOf("L1::no_allocate", "L1::evict_last", "L1::evict_first")
	} else {
		d.oneOf(cacheLoads...)
	}
	d.oneOf("L2::64B", "L2::128B", "L2::256B")
	n := d.vector()
	t := d.typ()
	a := d.memory(1, s, t, n, accessRead)
	for i, o := range d.elements(0, n) {
		a.regs[i], a.bits[i] = d.writeWide(o, t, 64)
	}
	if t.kind == kindPred || n*t.bits > 128 {
		d.fail("a load of %d times .%s is not known", n, t.name())
	}
	d.in.kind, d.in.exec = kindEffect, execLoad
	if _, ok := d.parameter(d.operand(1).name); ok && s == spaceParam {
		d.in.exec = execLoadParameter
	}
	if t.bits == 32 && allBits(a.bits, 32) {
		switch s {
		case spaceGlobal:
			d.in.exec = execLoadGlobal32
		case spaceShared:
			d.in.exec = execLoadShared32
		}
	}
}

func allBits(bits []int, want int) bool {
	for _, b := range bits {
		if b != want {
			return false
		}
	}
	return true
}

func decodeStore(d *decoder) {
	d.ordering("relaxed", "release")
	s := d.space()
	d.oneOf(cacheStores...)
	n := d.vector()
	t := d.typ()
	a := d.memory(0, s, t, n, accessWrite)
	for i, o := range d.elements(1, n) {
		a.regs[i] = d.storeSource(o, t)
	}
	if s == spaceParam || s == spaceConst {
		d.fail("a store to %s memory is not known", s)
	}
	if t.kind == kindPred || n*t.bits > 128 {
		d.fail("a store of %d times .%s is not known", n, t.name())
	}
	d.in.kind, d.in.exec = kindEffect, execStore
	if t.bits == 32 {
		switch s {
		case spaceGlobal:
			d.in.exec = execStoreGlobal32
		case spaceShared:
			d.in.exec = execStoreShared32
		}
	}
}

// storeSource is the slot of a stored value; its register may be wider than the type.
func (d *decoder) storeSource(o operand, t scalar) int32 {
	if o.kind == operandWord && !o.not && o.offset == 0 {
		if typ, slot, ok := d.b.register(o.name); ok && typ.kind != kindPred && typ.bits > t.bits && !t.float() {
			return slot
		}
	}
	return d.read(o, t)
}

// resolve returns the bytes of memory that one lane accesses, after all checks, or nil after a fault.
func (w *warp) resolve(in *instr, a *access, lane int, addr uint64) []byte {
	s := a.space
	if s == spaceGeneric {
		switch addr & windowMask {
		case sharedWindow:
			s, addr = spaceShared, addr&^windowMask
		case localWindow:
			s, addr = spaceLocal, addr&^windowMask
		default:
			s = spaceGlobal
		}
	}
	switch s {
	case spaceGlobal, spaceConst:
		return w.global(in, a, lane, addr)
	case spaceShared:
		return w.shared(in, a, lane, uint64(uint32(addr)))
	case spaceLocal:
		size := uint64(w.block.kernel.localBytes)
		return w.inside(in, a, lane, w.local[uint64(lane)*size:][:size], uint64(uint32(addr)), "local memory")
	}
	return w.inside(in, a, lane, w.block.params, addr, "the parameters")
}

func (w *warp) inside(in *instr, a *access, lane int, memory []byte, addr uint64, what string) []byte {
	size := uint64(len(memory))
	if a.total > size || addr > size-a.total {
		w.fail(in, 1<<lane, FaultBounds, fmt.Sprintf("%d bytes at byte %d of %s, which has %d", a.total, addr, what, size))
		return nil
	}
	if addr&(a.total-1) != 0 {
		w.fail(in, 1<<lane, FaultAlignment, fmt.Sprintf("byte %d of %s is not a multiple of %d", addr, what, a.total))
		return nil
	}
	return memory[addr:][:a.total]
}

func (w *warp) shared(in *instr, a *access, lane int, addr uint64) []byte {
	b := w.block
	p := w.inside(in, a, lane, b.shared, addr, "shared memory")
	if p == nil || b.shadow == nil || b.shadow.touch(w, in, lane, addr, a.total, a.kind) {
		return p
	}
	return nil
}

func (w *warp) global(in *instr, a *access, lane int, addr uint64) []byte {
	b := w.block
	al := b.last[a.index]
	at := addr - al.base
	if at >= al.size || a.total > al.size-at || at&(a.total-1) != 0 {
		if al = w.findGlobal(in, a, lane, addr); al == nil {
			return nil
		}
		b.last[a.index] = al
		at = addr - al.base
	}
	if b.watchGlobal && !w.touchGlobal(in, a, lane, al, at) {
		return nil
	}
	return al.data[at:][:a.total]
}

// findGlobal finds the allocation of an access that did not hit the instruction's last one, or fails.
func (w *warp) findGlobal(in *instr, a *access, lane int, addr uint64) *allocation {
	m := w.block.machine
	al := m.find(addr)
	what := map[accessKind]string{accessRead: "read", accessWrite: "write", accessAtomic: "atomic"}[a.kind]
	kind := FaultKind("")
	switch {
	case al == nil || a.total > al.size-(addr-al.base):
		kind = FaultBounds
	case al.data == nil:
		kind = FaultFreed
	case al.readOnly && a.kind != accessRead:
		kind = FaultReadOnly
	case addr&(a.total-1) != 0:
		kind = FaultAlignment
	default:
		return al
	}
	w.fail(in, 1<<lane, kind, fmt.Sprintf("%s of %d bytes at address %#x, %s", what, a.total, addr, m.nearest(addr)))
	return nil
}

func (w *warp) touchGlobal(in *instr, a *access, lane int, al *allocation, at uint64) bool {
	if al.shadow == nil {
		al.shadow = newShadow(int(al.size), w.block.kernel.narrowGlobal)
		al.shadow.global, al.shadow.races = true, true
	}
	return al.shadow.touch(w, in, lane, at, a.total, a.kind)
}

// fetch reads an element of n bytes.
func fetch(p []byte, n int) uint64 {
	switch n {
	case 1:
		return uint64(p[0])
	case 2:
		return uint64(binary.LittleEndian.Uint16(p))
	case 4:
		return uint64(binary.LittleEndian.Uint32(p))
	}
	return binary.LittleEndian.Uint64(p)
}

func put(p []byte, n int, v uint64) {
	switch n {
	case 1:
		p[0] = byte(v)
	case 2:
		binary.LittleEndian.PutUint16(p, uint16(v))
	case 4:
		binary.LittleEndian.PutUint32(p, uint32(v))
	default:
		binary.LittleEndian.PutUint64(p, v)
	}
}

func execLoad(w *warp, in *instr, mask uint32) {
	a := in.access
	n := a.typ.bits / 8
	for m := mask; m != 0; m &= m - 1 {
		l := bits.TrailingZeros32(m) & 31
		p := w.resolve(in, a, l, w.regs[in.a][l]+a.offset)
		if p == nil {
			return
		}
		for i, slot := range a.regs {
			w.regs[slot][l] = scalar{bits: a.bits[i]}.truncate(a.typ.extend(fetch(p[i*n:], n)))
		}
	}
}

func execStore(w *warp, in *instr, mask uint32) {
	a := in.access
	n := a.typ.bits / 8
	for m := mask; m != 0; m &= m - 1 {
		l := bits.TrailingZeros32(m) & 31
		p := w.resolve(in, a, l, w.regs[in.a][l]+a.offset)
		if p == nil {
			return
		}
		for i, slot := range a.regs {
			put(p[i*n:], n, w.regs[slot][l])
		}
	}
}

// The most frequent loads and stores of kernels, of one or more 32-bit elements. They do the same as those above.

func execLoadParameter(w *warp, in *instr, mask uint32) {
	a := in.access
	n := a.typ.bits / 8
	p := w.resolve(in, a, bits.TrailingZeros32(mask)&31, w.regs[in.a][0]+a.offset) // the same address in all lanes
	if p == nil {
		return
	}
	for i, slot := range a.regs {
		w.broadcast(slot, mask, scalar{bits: a.bits[i]}.truncate(a.typ.extend(fetch(p[i*n:], n))))
	}
}

func execLoadGlobal32(w *warp, in *instr, mask uint32) {
	a := in.access
	for m := mask; m != 0; m &= m - 1 {
		l := bits.TrailingZeros32(m) & 31
		p := w.global(in, a, l, w.regs[in.a][l]+a.offset)
		if p == nil {
			return
		}
		for i, slot := range a.regs {
			w.regs[slot][l] = uint64(binary.LittleEndian.Uint32(p[4*i:]))
		}
	}
}

func execStoreGlobal32(w *warp, in *instr, mask uint32) {
	a := in.access
	for m := mask; m != 0; m &= m - 1 {
		l := bits.TrailingZeros32(m) & 31
		p := w.global(in, a, l, w.regs[in.a][l]+a.offset)
		if p == nil {
			return
		}
		for i, slot := range a.regs {
			binary.LittleEndian.PutUint32(p[4*i:], uint32(w.regs[slot][l]))
		}
	}
}

func execLoadShared32(w *warp, in *instr, mask uint32) {
	a := in.access
	b := w.block
	s := b.shadow
	single := a.count == 1 && (s == nil || s.shift == 2 && w.clocks == nil)
	d := &w.regs[a.regs[0]]
	for m := mask; m != 0; m &= m - 1 {
		l := bits.TrailingZeros32(m) & 31
		addr := uint64(uint32(w.regs[in.a][l] + a.offset))
		if single && addr&3 == 0 && addr+4 <= uint64(len(b.shared)) &&
			(s == nil || s.hazards[addr>>2].readAgain(uint16(w.index), l, &b.clock)) {
			d[l] = uint64(binary.LittleEndian.Uint32(b.shared[addr:]))
			continue
		}
		p := w.shared(in, a, l, addr)
		if p == nil {
			return
		}
		for i, slot := range a.regs {
			w.regs[slot][l] = uint64(binary.LittleEndian.Uint32(p[4*i:]))
		}
	}
}

func execStoreShared32(w *warp, in *instr, mask uint32) {
	a := in.access
	for m := mask; m != 0; m &= m - 1 {
		l := bits.TrailingZeros32(m) & 31
		p := w.shared(in, a, l, uint64(uint32(w.regs[in.a][l]+a.offset)))
		if p == nil {
			return
		}
		for i, slot := range a.regs {
			binary.LittleEndian.PutUint32(p[4*i:], uint32(w.regs[slot][l]))
		}
	}
}
