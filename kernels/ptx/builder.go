package ptx

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// An instr is one decoded instruction. Operands are slots of the warp's register file, or of its predicates;
// constants and special registers have slots too, filled before the kernel starts.
type instr struct {
	exec func(w *warp, in *instr, mask uint32)
	kind instrKind

	guard     int32  // predicate slot; 0 means none
	guardFlip uint32 // all ones for @!p

	d, a, b, c int32
	flip       uint32 // all ones if the predicate operand is negated
	target     int32  // of a branch
	targets    []int32
	access     *access // of instructions that touch memory
	sync       *warpSync

	line   int
	source source
}

type instrKind uint8

const (
	// kindPure computes register d from registers in all 32 lanes without other effect; the caller puts the old
	// values back into lanes that do not take part.
	kindPure instrKind = iota
	// kindEffect respects the mask itself and may fault.
	kindEffect
	kindBranch
	kindTable   // brx.idx
	kindSync    // waits for other lanes of the warp
	kindBarrier // waits for the block
	kindExit
)

// A scope is what one pair of braces declares.
type scope struct {
	registers map[string]*registers
	variables map[string]*variable
}

func newScope() *scope {
	return &scope{registers: map[string]*registers{}, variables: map[string]*variable{}}
}

// registers are one name of a .reg directive: a single register (count < 0) or name0 to name(count-1).
type registers struct {
	typ   scalar
	count int
	slots map[int]int32
}

// A builder decodes the instructions of one kernel.
type builder struct {
	m         *Module
	k         *Kernel
	scopes    []*scope
	labels    map[string]int32
	tables    map[string][]string
	branches  []branchFixup
	constants map[uint64]int32
	specials  map[special]int32
	symbols   map[symbolKey]int32
	placed    map[*variable]int // offsets of shared and local variables
	shared    []symbolAddress   // dynamic shared memory: its offset is known at the end
}

type branchFixup struct {
	at     int
	target string
	table  bool
	line   int
}

type symbolKey struct {
	variable *variable
	offset   int64
}

func newBuilder(m *Module, k *Kernel) *builder {
	return &builder{
		m: m, k: k,
		scopes:    []*scope{newScope()},
		labels:    map[string]int32{},
		tables:    map[string][]string{},
		constants: map[uint64]int32{},
		specials:  map[special]int32{},
		symbols:   map[symbolKey]int32{},
		placed:    map[*variable]int{},
	}
}

// finish resolves what is known only after the last instruction.
func (b *builder) finish() error {
	k := b.k
	// Running off the end is a return.
	k.code = append(k.code, instr{kind: kindExit, line: len(b.m.lines)})
	resolve := func(f branchFixup, name string) (int32, error) {
		at, ok := b.labels[name]
		if !ok {
			return 0, fmt.Errorf("ptx: line %d: %s: no label %s", f.line, b.m.text(f.line), name)
		}
		return at, nil
	}
	for _, f := range b.branches {
		in := &k.code[f.at]
		if !f.table {
			at, err := resolve(f, f.target)
			if err != nil {
				return err
			}
			in.target = at
			continue
		}
		table, ok := b.tables[f.target]
		if !ok {
			return fmt.Errorf("ptx: line %d: %s: no table %s", f.line, b.m.text(f.line), f.target)
		}
		for _, name := range table {
			at, err := resolve(f, name)
			if err != nil {
				return err
			}
			in.targets = append(in.targets, at)
		}
	}
	align := 16
	for _, s := range b.shared {
		align = max(align, s.variable.align)
	}
	if k.dynamic {
		k.sharedBytes = roundUp(k.sharedBytes, align)
	}
	for _, s := range b.shared {
		k.constants = append(k.constants, constant{s.slot, uint64(uint32(int64(k.sharedBytes) + s.offset))})
	}
	if k.sharedBytes > 1<<20 || k.localBytes > 1<<20 {
		return fmt.Errorf("ptx: kernel %s: %d bytes of shared and %d of local memory are too many", k.name, k.sharedBytes,
			k.localBytes)
	}
	k.localBytes = roundUp(k.localBytes, 16)
	return nil
}

func roundUp(n, align int) int { return (n + align - 1) / align * align }

func (b *builder) newSlot() int32 {
	b.k.registers++
	return int32(b.k.registers - 1)
}

func (b *builder) constant(v uint64) int32 {
	slot, ok := b.constants[v]
	if !ok {
		slot = b.newSlot()
		b.constants[v] = slot
		b.k.constants = append(b.k.constants, constant{slot, v})
	}
	return slot
}

// register finds a register by name, the innermost scope first. Its slot is allocated when it is first used.
func (b *builder) register(name string) (scalar, int32, bool) {
	prefix := strings.TrimRight(name, "0123456789")
	index := -1
	if digits := name[len(prefix):]; digits != "" && len(digits) < 10 && (digits[0] != '0' || digits == "0") {
		index = 0
		for _, c := range digits {
			index = 10*index + int(c-'0')
		}
	}
	for _, s := range slices.Backward(b.scopes) {
		r, at := s.registers[name], 0
		if r == nil || r.count >= 0 {
			r, at = s.registers[prefix], index
			if r == nil || index < 0 || index >= r.count {
				continue
			}
		}
		slot, ok := r.slots[at]
		if !ok {
			if r.typ.kind == kindPred {
				slot = int32(b.k.predicates)
				b.k.predicates++
			} else {
				slot = b.newSlot()
			}
			r.slots[at] = slot
		}
		return r.typ, slot, true
	}
	return scalar{}, 0, false
}

func (b *builder) variable(name string) *variable {
	for _, s := range slices.Backward(b.scopes) {
		if v := s.variables[name]; v != nil {
			return v
		}
	}
	return b.m.variables[name]
}

// symbol returns a slot that holds the address of a variable within its state space.
func (b *builder) symbol(v *variable, offset int64) int32 {
	key := symbolKey{v, offset}
	if slot, ok := b.symbols[key]; ok {
		return slot
	}
	k := b.k
	place := func(bytes *int) int {
		at, ok := b.placed[v]
		if !ok {
			at = roundUp(*bytes, v.align)
			b.placed[v] = at
			*bytes = at + v.bytes
		}
		return at
	}
	var slot int32
	switch {
	case v.space == spaceShared && v.bytes == 0:
		slot = b.newSlot()
		k.dynamic = true
		b.shared = append(b.shared, symbolAddress{slot, v, offset})
	case v.space == spaceShared:
		slot = b.constant(uint64(uint32(int64(place(&k.sharedBytes)) + offset)))
	case v.space == spaceLocal:
		slot = b.constant(uint64(int64(place(&k.localBytes)) + offset))
	default:
		slot = b.newSlot()
		k.addresses = append(k.addresses, symbolAddress{slot, v, offset})
	}
	b.symbols[key] = slot
	return slot
}

func (b *builder) instruction(op token, guard string, not bool, operands []operand, source source) error {
	parts := strings.Split(op.text, ".")
	in := instr{line: op.line, source: source}
	if guard != "" {
		typ, slot, ok := b.register(guard)
		if !ok || typ.kind != kindPred {
			return fmt.Errorf("%s is not a predicate", guard)
		}
		in.guard = slot
		if not {
			in.guardFlip = ^uint32(0)
		}
	}
	d := &decoder{b: b, in: &in, name: parts[0], mods: parts[1:], ops: operands}
	decoders[d.name](d)
	if d.err == nil && len(d.mods) > 0 {
		d.fail("unknown modifier .%s", d.mods[0])
	}
	if d.err == nil && d.used != len(operands) {
		d.fail("want %d operands, got %d", d.used, len(operands))
	}
	if d.err == nil && !d.skip {
		b.k.code = append(b.k.code, in)
	}
	return d.err
}

// A decoder holds one instruction while it is decoded. The first error is kept; after one, all methods still return
// values that are safe to use.
type decoder struct {
	b    *builder
	in   *instr
	name string   // first part of the opcode
	mods []string // not yet taken
	ops  []operand
	used int // operands taken
	skip bool
	err  error
}

func (d *decoder) fail(format string, args ...any) {
	if d.err == nil {
		d.err = fmt.Errorf(format, args...)
	}
}

// mod takes the next modifier if it is name.
func (d *decoder) mod(name string) bool {
	if len(d.mods) > 0 && d.mods[0] == name {
		d.mods = d.mods[1:]
		return true
	}
	return false
}

// oneOf takes the next modifier if it is among names, and gives "" otherwise.
func (d *decoder) oneOf(names ...string) string {
	if len(d.mods) > 0 && slices.Contains(names, d.mods[0]) {
		m := d.mods[0]
		d.mods = d.mods[1:]
		return m
	}
	return ""
}

// typ takes a type, which must be among those given by name if any are.
func (d *decoder) typ(allowed ...string) scalar {
	if len(d.mods) == 0 {
		d.fail("the type is missing")
		return b32
	}
	name := d.mods[0]
	t, ok := scalars[name]
	switch {
	case !ok:
		d.fail("unknown modifier .%s", name)
	case len(allowed) > 0 && !slices.Contains(allowed, name):
		d.fail("type .%s is not known here", name)
	default:
		d.mods = d.mods[1:]
		return t
	}
	return b32
}

// operand takes operand i, counting from 0.
func (d *decoder) operand(i int) operand {
	d.used = max(d.used, i+1)
	if i >= len(d.ops) {
		d.fail("operand %d is missing", i+1)
		return operand{kind: operandInt}
	}
	return d.ops[i]
}

var errPredicate = errors.New("a predicate is not allowed here")

// source returns the slot of an operand that is read as type t.
func (d *decoder) source(i int, t scalar) int32 { return d.read(d.operand(i), t) }

func (d *decoder) read(o operand, t scalar) int32 {
	if d.err != nil {
		return 0
	}
	if o.kind != operandWord {
		if !o.fits(t) {
			d.fail("an operand does not fit type .%s", t.name())
			return 0
		}
		return d.b.constant(t.truncate(o.value))
	}
	if o.not {
		d.err = errPredicate
		return 0
	}
	if typ, slot, ok := d.b.register(o.name); ok {
		if typ.bits != t.bits || o.offset != 0 {
			d.fail("register %s of type .%s cannot be read as .%s", o.name, typ.name(), t.name())
		}
		return slot
	}
	if o.name == "WARP_SZ" && t.bits == 32 {
		return d.b.constant(warpSize)
	}
	if kind, bits, ok := specialByName(o.name); ok {
		// mov.u32 of a 32-bit special register; nvcc no longer emits the vector forms without .x.
		if bits != t.bits {
			d.fail("%s has %d bits", o.name, bits)
		}
		slot, ok := d.b.specials[kind]
		if !ok {
			slot = d.b.newSlot()
			d.b.specials[kind] = slot
			d.b.k.specials = append(d.b.k.specials, specialRegister{slot, kind})
		}
		return slot
	}
	if v := d.b.variable(o.name); v != nil {
		if t.bits != 64 && !(t.bits == 32 && (v.space == spaceShared || v.space == spaceLocal)) {
			d.fail("the address of %s does not fit type .%s", o.name, t.name())
		}
		return d.b.symbol(v, o.offset)
	}
	if p, ok := d.parameter(o.name); ok && t.bits == 64 {
		return d.b.constant(uint64(int64(p.offset) + o.offset))
	}
	d.fail("unknown name %s", o.name)
	return 0
}

func (d *decoder) parameter(name string) (parameter, bool) {
	for _, p := range d.b.k.params {
		if p.name == name {
			return p, true
		}
	}
	return parameter{}, false
}

// destination returns the slot of the register that operand i names; it must be of t's width.
func (d *decoder) destination(i int, t scalar) int32 { return d.write(d.operand(i), t, t.bits) }

// write is destination for a given operand; the register may be wider than t, up to the given number of bits.
func (d *decoder) write(o operand, t scalar, upTo int) int32 {
	slot, _ := d.writeWide(o, t, upTo)
	return slot
}

func (d *decoder) writeWide(o operand, t scalar, upTo int) (slot int32, bits int) {
	if d.err != nil {
		return 0, t.bits
	}
	if o.kind != operandWord || o.not || o.offset != 0 {
		d.fail("the destination is not a register")
		return 0, t.bits
	}
	if o.name == "_" { // a result that is not read
		return d.b.newSlot(), max(t.bits, 16)
	}
	typ, slot, ok := d.b.register(o.name)
	if !ok {
		d.fail("unknown register %s", o.name)
	} else if typ.kind == kindPred || typ.bits < t.bits || typ.bits > max(upTo, t.bits) {
		d.fail("register %s of type .%s cannot hold .%s", o.name, typ.name(), t.name())
	}
	return slot, typ.bits
}

// predicate returns the slot of a predicate that is read, and the mask that flips it if it is negated. The constants 0
// and 1 may replace a predicate where PTX allows it.
func (d *decoder) predicate(i int) (slot int32, flip uint32) {
	o := d.operand(i)
	if d.err != nil {
		return 0, 0
	}
	if o.kind == operandInt && o.value <= 1 { // slot 0 is always zero
		return 0, -uint32(o.value)
	}
	typ, slot, ok := d.b.register(o.name)
	if o.kind != operandWord || !ok || typ.kind != kindPred || o.offset != 0 {
		d.fail("operand %d is not a predicate", i+1)
	}
	if o.not {
		flip = ^uint32(0)
	}
	return slot, flip
}

// predicateOut returns the slot of a predicate that is written.
func (d *decoder) predicateOut(o operand) int32 {
	if d.err != nil {
		return 0
	}
	if o.kind == operandWord && o.name == "_" {
		d.b.k.predicates++
		return int32(d.b.k.predicates - 1)
	}
	typ, slot, ok := d.b.register(o.name)
	if o.kind != operandWord || o.not || !ok || typ.kind != kindPred || o.offset != 0 {
		d.fail("the destination is not a predicate")
	}
	return slot
}
