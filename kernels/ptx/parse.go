package ptx

import (
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Limits on what Parse accepts, far above what nvcc emits, so that no text can make it use memory without bound.
const (
	maxVariableBytes = 1 << 30
	maxInstructions  = 1 << 24
)

// Parse reads PTX as nvcc 11.8 emits it for compute_80. It refuses, naming line and instruction, any directive, type,
// modifier or opcode it does not know, so that a kernel never runs with a meaning other than the hardware's.
func Parse(text string) (*Module, error) {
	tokens, err := lex(text)
	if err != nil {
		return nil, err
	}
	p := &parser{
		tokens: tokens,
		module: &Module{
			kernels:   map[string]*Kernel{},
			variables: map[string]*variable{},
			lines:     strings.Split(text, "\n"),
			files:     map[string]string{},
		},
	}
	if err := p.parseModule(); err != nil {
		return nil, err
	}
	return p.module, nil
}

type parser struct {
	tokens []token
	at     int
	module *Module
	source source // of the last .loc
}

// An operand as written; which register or constant it means depends on the instruction.
type operand struct {
	kind   operandKind
	name   string    // word, or the base of an address
	value  uint64    // number: integer in two's complement, or the bits of a float
	offset int64     // added to a symbol or address
	list   []operand // vector {a, b}; the two halves of a pair a|b
	not    bool      // !%p
}

type operandKind uint8

const (
	operandWord operandKind = iota
	operandInt
	operandF32
	operandF64
	operandVector
	operandPair
	operandAddress // [name+offset] or, with an empty name, [value]
)

func (p *parser) peek() token { return p.tokens[p.at] }

func (p *parser) next() token {
	t := p.tokens[p.at]
	if t.kind != tokenEnd {
		p.at++
	}
	return t
}

// accept takes the next token if it is the mark or word s.
func (p *parser) accept(s string) bool {
	if t := p.peek(); (t.kind == tokenMark || t.kind == tokenWord) && t.text == s {
		p.at++
		return true
	}
	return false
}

func (p *parser) expect(s string) error {
	if t := p.peek(); !p.accept(s) {
		return errorAt(t, "want %q, got %s", s, t)
	}
	return nil
}

func (p *parser) word(what string) (token, error) {
	t := p.next()
	if t.kind != tokenWord {
		return t, errorAt(t, "want %s, got %s", what, t)
	}
	return t, nil
}

func (p *parser) integer(what string) (int, error) {
	t := p.next()
	if t.kind == tokenNumber {
		if v, err := parseInteger(t.text); err == nil && v <= math.MaxInt32 {
			return int(v), nil
		}
	}
	return 0, errorAt(t, "want %s, got %s", what, t)
}

func errorAt(t token, format string, args ...any) error {
	return fmt.Errorf("ptx: line %d: %s", t.line, fmt.Sprintf(format, args...))
}

// parseInteger reads a PTX integer: decimal, 0x, 0b or octal, perhaps with the suffix U.
func parseInteger(s string) (uint64, error) {
	if strings.Contains(s, "_") { // Go's base 0 would allow it
		return 0, strconv.ErrSyntax
	}
	return strconv.ParseUint(strings.TrimSuffix(s, "U"), 0, 64)
}

// parseNumber reads an integer, 0f and 0d floats given by their bits, or a decimal float, which has 64 bits.
func parseNumber(t token) (operand, error) {
	s := t.text
	switch {
	case len(s) == 10 && (strings.HasPrefix(s, "0f") || strings.HasPrefix(s, "0F")):
		if v, err := strconv.ParseUint(s[2:], 16, 32); err == nil {
			return operand{kind: operandF32, value: v}, nil
		}
	case len(s) == 18 && (strings.HasPrefix(s, "0d") || strings.HasPrefix(s, "0D")):
		if v, err := strconv.ParseUint(s[2:], 16, 64); err == nil {
			return operand{kind: operandF64, value: v}, nil
		}
	case strings.Contains(s, ".") && !strings.HasPrefix(s, "0x"):
		if v, err := strconv.ParseFloat(s, 64); err == nil {
			return operand{kind: operandF64, value: math.Float64bits(v)}, nil
		}
	default:
		if v, err := parseInteger(s); err == nil {
			return operand{kind: operandInt, value: v}, nil
		}
	}
	return operand{}, errorAt(t, "%s is not a number", s)
}

func (o *operand) negate() {
	switch o.kind {
	case operandInt:
		o.value = -o.value
	case operandF32:
		o.value ^= 1 << 31
	case operandF64:
		o.value ^= 1 << 63
	}
}

func (p *parser) parseModule() error {
	for {
		t := p.next()
		if t.kind == tokenEnd {
			return nil
		}
		if t.kind != tokenWord {
			return errorAt(t, "unexpected %s", t)
		}
		var err error
		switch t.text {
		case ".version":
			if v := p.next(); v.kind != tokenNumber {
				err = errorAt(v, "want a version, got %s", v)
			}
		case ".target":
			err = p.parseTarget()
		case ".address_size":
			var n int
			if n, err = p.integer("an address size"); err == nil && n != 64 {
				err = errorAt(t, ".address_size %d: only 64-bit addresses are known", n)
			}
		case ".visible", ".weak", ".extern":
			// Linking directives: there is only one module. An extern array of shared memory is dynamic.
			err = p.parseLinked(t)
		case ".entry":
			err = p.parseEntry()
		case ".global", ".const", ".shared":
			p.at--
			err = p.parseModuleVariable(false)
		default:
			var known bool
			if known, err = p.debugDirective(t); !known {
				err = errorAt(t, "unknown directive %s", t)
			}
		}
		if err != nil {
			return err
		}
	}
}

func (p *parser) parseTarget() error {
	for {
		t, err := p.word("a target")
		if err != nil {
			return err
		}
		if !strings.HasPrefix(t.text, "sm_") && t.text != "debug" {
			return errorAt(t, "unknown target %s", t)
		}
		if !p.accept(",") {
			return nil
		}
	}
}

func (p *parser) parseLinked(linking token) error {
	t := p.peek()
	switch t.text {
	case ".entry":
		p.at++
		return p.parseEntry()
	case ".global", ".const", ".shared":
		return p.parseModuleVariable(linking.text == ".extern")
	}
	return errorAt(t, "unknown directive %s %s", linking, t)
}

// debugDirective takes .file, .loc, .section and .pragma, which change nothing but the place that errors name.
func (p *parser) debugDirective(t token) (known bool, err error) {
	switch t.text {
	case ".file":
		number, name := p.next(), p.next()
		p.module.files[number.text] = name.text[strings.LastIndexByte(name.text, '/')+1:]
		p.skipLine(t.line)
	case ".loc":
		file, line := p.next(), p.next()
		p.source = source{file: file.text, line: line.text}
		for p.peek().line == t.line && p.peek().kind != tokenEnd {
			if p.next().text == "inlined_at" {
				file, line := p.next(), p.next()
				p.source.callFile, p.source.callLine = file.text, line.text
			}
		}
	case ".section":
		if _, err := p.word("a section name"); err != nil {
			return true, err
		}
		if err := p.expect("{"); err != nil {
			return true, err
		}
		for !p.accept("}") {
			if t := p.next(); t.kind == tokenEnd {
				return true, errorAt(t, "section without end")
			}
		}
	case ".pragma":
		if s := p.next(); s.kind != tokenString {
			return true, errorAt(s, "want a string, got %s", s)
		} else if s.text != "nounroll" {
			return true, errorAt(s, "unknown .pragma %s", s)
		}
		return true, p.expect(";")
	default:
		return false, nil
	}
	return true, nil
}

func (p *parser) skipLine(line int) {
	for p.peek().line == line && p.peek().kind != tokenEnd {
		p.at++
	}
}

func (p *parser) parseModuleVariable(extern bool) error {
	first := p.peek()
	v, err := p.parseVariable(extern)
	if err != nil {
		return err
	}
	for _, v := range v {
		if _, ok := p.module.variables[v.name]; ok {
			return errorAt(first, "%s is declared twice", v.name)
		}
		p.module.variables[v.name] = v
	}
	return nil
}

// parseVariable reads ".shared .align 4 .b8 name[64];", perhaps with several names and initial values.
func (p *parser) parseVariable(extern bool) ([]*variable, error) {
	first := p.next()
	where, ok := spaces[strings.TrimPrefix(first.text, ".")]
	if !ok || where == spaceParam {
		return nil, errorAt(first, "unknown state space %s", first)
	}
	align, width := 0, 1
	var typ scalar
	for typ.bits == 0 {
		t, err := p.word("a type")
		if err != nil {
			return nil, err
		}
		switch t.text {
		case ".align":
			if align, err = p.alignment(); err != nil {
				return nil, err
			}
		case ".v2":
			width = 2
		case ".v4":
			width = 4
		default:
			if typ, ok = scalars[strings.TrimPrefix(t.text, ".")]; !ok || typ.kind == kindPred || t.text[0] != '.' {
				return nil, errorAt(t, "unknown type %s", t)
			}
		}
	}
	element := typ.bits / 8 * width
	if align == 0 {
		align = element
	}
	var vs []*variable
	for {
		name, err := p.word("a name")
		if err != nil {
			return nil, err
		}
		count, sized := 1, true
		for p.accept("[") {
			if p.accept("]") {
				count, sized = 0, false
				break
			}
			n, err := p.integer("an array size")
			if err != nil {
				return nil, err
			}
			if count > 0 && n > maxVariableBytes/count {
				return nil, errorAt(name, "%s is too large", name)
			}
			count *= n
			if err := p.expect("]"); err != nil {
				return nil, err
			}
		}
		if count > maxVariableBytes/element {
			return nil, errorAt(name, "%s is too large", name)
		}
		v := &variable{name: name.text, space: where, align: align, bytes: count * element}
		if p.accept("=") {
			if where != spaceGlobal && where != spaceConst || width != 1 {
				return nil, errorAt(name, "%s cannot have an initial value", name)
			}
			if v.data, err = p.parseInitial(typ); err != nil {
				return nil, err
			}
			if !sized {
				v.bytes, sized = len(v.data), true
			}
			if len(v.data) > v.bytes {
				return nil, errorAt(name, "%s has too many initial values", name)
			}
		}
		if (!sized || v.bytes == 0) && !(extern && where == spaceShared) {
			return nil, errorAt(name, "%s has no size", name)
		}
		if extern && where != spaceShared {
			return nil, errorAt(name, ".extern %s is not defined in this module", name)
		}
		vs = append(vs, v)
		if p.accept(",") {
			continue
		}
		return vs, p.expect(";")
	}
}

func (p *parser) alignment() (int, error) {
	t := p.peek()
	n, err := p.integer("an alignment")
	if err == nil && (n < 1 || n > 4096 || n&(n-1) != 0) {
		err = errorAt(t, "alignment %d is not a power of two", n)
	}
	return n, err
}

func (p *parser) parseInitial(typ scalar) ([]byte, error) {
	braces := p.accept("{")
	var data []byte
	for {
		negative := p.accept("-")
		t := p.next()
		if t.kind != tokenNumber {
			return nil, errorAt(t, "want a number, got %s", t)
		}
		o, err := parseNumber(t)
		if err != nil {
			return nil, err
		}
		if negative {
			o.negate()
		}
		if !o.fits(typ) {
			return nil, errorAt(t, "%s is not a value of type .%s", t, typ.name())
		}
		var b [8]byte
		binary.LittleEndian.PutUint64(b[:], o.value)
		data = append(data, b[:typ.bits/8]...)
		if !braces {
			return data, nil
		}
		if !p.accept(",") {
			return data, p.expect("}")
		}
	}
}

// fits says whether a number is allowed where type t is wanted.
func (o operand) fits(t scalar) bool {
	switch o.kind {
	case operandInt:
		return t.kind != kindFloat && t.kind != kindPred
	case operandF32:
		return t.bits == 32 && (t.kind == kindFloat || t.kind == kindBits)
	case operandF64:
		return t.bits == 64 && (t.kind == kindFloat || t.kind == kindBits)
	}
	return false
}

func (p *parser) parseEntry() error {
	name, err := p.word("a kernel name")
	if err != nil {
		return err
	}
	if p.module.kernels[name.text] != nil {
		return errorAt(name, "kernel %s is defined twice", name)
	}
	k := &Kernel{name: name.text, module: p.module, predicates: 1}
	if p.accept("(") && !p.accept(")") {
		for {
			if err := p.parseParameter(k); err != nil {
				return err
			}
			if !p.accept(",") {
				break
			}
		}
		if err := p.expect(")"); err != nil {
			return err
		}
	}
	for !p.accept("{") {
		t := p.next()
		switch t.text {
		case ".maxntid", ".reqntid":
			size := [3]int{1, 1, 1}
			for i := range size {
				if size[i], err = p.integer("a block size"); err != nil {
					return err
				}
				if i < 2 && !p.accept(",") {
					break
				}
			}
			if t.text == ".maxntid" {
				k.maxThreads = size
			} else {
				k.reqThreads = size
			}
		case ".minnctapersm", ".maxnctapersm", ".maxnreg": // hints to the assembler
			if _, err := p.integer("a number"); err != nil {
				return err
			}
		default:
			known, err := p.debugDirective(t)
			if err != nil {
				return err
			}
			if !known {
				return errorAt(t, "unknown directive %s", t)
			}
		}
	}
	if err := p.parseBody(k); err != nil {
		return err
	}
	p.module.kernels[k.name] = k
	p.source = source{}
	return nil
}

// parseParameter reads ".param .u64 name" or ".param .align 8 .b8 name[16]".
func (p *parser) parseParameter(k *Kernel) error {
	if err := p.expect(".param"); err != nil {
		return err
	}
	v := parameter{}
	align := 0
	for v.typ.bits == 0 {
		t, err := p.word("a type")
		if err != nil {
			return err
		}
		switch t.text {
		case ".align":
			if align, err = p.alignment(); err != nil {
				return err
			}
		default:
			typ, ok := scalars[strings.TrimPrefix(t.text, ".")]
			if !ok || typ.kind == kindPred || t.text[0] != '.' {
				return errorAt(t, "unknown type %s", t)
			}
			v.typ = typ
		}
	}
	if p.accept(".ptr") { // what a pointer points to: a hint
		for _, s := range []string{".global", ".shared", ".const", ".local"} {
			if p.accept(s) {
				break
			}
		}
		if p.accept(".align") {
			if _, err := p.alignment(); err != nil {
				return err
			}
		}
	}
	name, err := p.word("a parameter name")
	if err != nil {
		return err
	}
	v.name, v.bytes = name.text, v.typ.bits/8
	if align == 0 {
		align = v.bytes
	}
	if p.accept("[") {
		count, err := p.integer("an array size")
		if err != nil {
			return err
		}
		if err := p.expect("]"); err != nil {
			return err
		}
		v.array = true
		v.bytes *= count
	}
	v.offset = (k.paramBytes + align - 1) &^ (align - 1)
	k.paramBytes = v.offset + v.bytes
	if k.paramBytes > 4096 { // the limit of the hardware before PTX 8.1
		return errorAt(name, "parameters beyond 4096 bytes")
	}
	for _, other := range k.params {
		if other.name == v.name {
			return errorAt(name, "parameter %s is declared twice", name)
		}
	}
	k.params = append(k.params, v)
	return nil
}

func (p *parser) parseBody(k *Kernel) error {
	b := newBuilder(p.module, k)
	depth := 1
	for depth > 0 {
		t := p.next()
		switch {
		case t.kind == tokenEnd:
			return errorAt(t, "kernel %s has no end", k.name)
		case t.text == "{" && t.kind == tokenMark:
			b.scopes = append(b.scopes, newScope())
			depth++
		case t.text == "}" && t.kind == tokenMark:
			b.scopes = b.scopes[:len(b.scopes)-1]
			depth--
		case t.text == "@" && t.kind == tokenMark:
			not := p.accept("!")
			guard, err := p.word("a predicate")
			if err != nil {
				return err
			}
			op, err := p.word("an instruction")
			if err != nil {
				return err
			}
			if err := p.parseInstruction(b, op, guard.text, not); err != nil {
				return err
			}
		case t.kind != tokenWord:
			return errorAt(t, "unexpected %s", t)
		case t.text[0] == '.':
			if err := p.parseBodyDirective(b, t); err != nil {
				return err
			}
		case p.accept(":"):
			if err := p.parseLabel(b, t); err != nil {
				return err
			}
		default:
			if err := p.parseInstruction(b, t, "", false); err != nil {
				return err
			}
		}
	}
	return b.finish()
}

func (p *parser) parseBodyDirective(b *builder, t token) error {
	switch t.text {
	case ".reg":
		return p.parseRegisters(b)
	case ".shared", ".local", ".global", ".const":
		p.at--
		vs, err := p.parseVariable(false)
		if err != nil {
			return err
		}
		scope := b.scopes[len(b.scopes)-1]
		for _, v := range vs {
			if scope.variables[v.name] != nil {
				return errorAt(t, "%s is declared twice", v.name)
			}
			scope.variables[v.name] = v
		}
		return nil
	}
	known, err := p.debugDirective(t)
	if err == nil && !known {
		err = errorAt(t, "unknown directive %s", t)
	}
	return err
}

// parseLabel is called after "name:"; a table of branch targets may follow.
func (p *parser) parseLabel(b *builder, name token) error {
	if !p.accept(".branchtargets") {
		if _, ok := b.labels[name.text]; ok {
			return errorAt(name, "label %s is defined twice", name)
		}
		b.labels[name.text] = int32(len(b.k.code))
		return nil
	}
	var targets []string
	for {
		t, err := p.word("a label")
		if err != nil {
			return err
		}
		targets = append(targets, t.text)
		if !p.accept(",") {
			b.tables[name.text] = targets
			return p.expect(";")
		}
	}
}

// parseRegisters reads ".reg .f32 %f<10>, x;" after the ".reg".
func (p *parser) parseRegisters(b *builder) error {
	t, err := p.word("a type")
	if err != nil {
		return err
	}
	typ, ok := scalars[strings.TrimPrefix(t.text, ".")]
	if !ok || t.text[0] != '.' {
		return errorAt(t, "unknown type %s", t)
	}
	scope := b.scopes[len(b.scopes)-1]
	for {
		name, err := p.word("a register name")
		if err != nil {
			return err
		}
		r := &registers{typ: typ, count: -1, slots: map[int]int32{}}
		if p.accept("<") {
			if r.count, err = p.integer("a number of registers"); err != nil {
				return err
			}
			if err := p.expect(">"); err != nil {
				return err
			}
		}
		if scope.registers[name.text] != nil {
			return errorAt(name, "register %s is declared twice", name)
		}
		scope.registers[name.text] = r
		if !p.accept(",") {
			return p.expect(";")
		}
	}
}

func (p *parser) parseInstruction(b *builder, op token, guard string, not bool) error {
	if name, _, _ := strings.Cut(op.text, "."); decoders[name] == nil {
		return errorAt(op, "%s: unknown instruction %s", p.text(op.line), op.text)
	}
	var operands []operand
	if !p.accept(";") {
		for {
			o, err := p.parseOperand(0)
			if err != nil {
				return err
			}
			operands = append(operands, o)
			if p.accept(",") {
				continue
			}
			if err := p.expect(";"); err != nil {
				return err
			}
			break
		}
	}
	if len(b.k.code) >= maxInstructions {
		return errorAt(op, "more than %d instructions", maxInstructions)
	}
	if err := b.instruction(op, guard, not, operands, p.source); err != nil {
		return errorAt(op, "%s: %v", p.text(op.line), err)
	}
	return nil
}

// text is a line of the module as written.
func (p *parser) text(line int) string { return p.module.text(line) }

func (m *Module) text(line int) string {
	if line < 1 || line > len(m.lines) {
		return ""
	}
	return strings.TrimSuffix(strings.Join(strings.Fields(m.lines[line-1]), " "), ";")
}

func (p *parser) parseOperand(depth int) (operand, error) {
	t := p.next()
	switch {
	case t.kind == tokenNumber:
		return parseNumber(t)
	case t.kind == tokenMark && t.text == "-":
		n := p.next()
		if n.kind != tokenNumber {
			return operand{}, errorAt(n, "want a number, got %s", n)
		}
		o, err := parseNumber(n)
		o.negate()
		return o, err
	case t.kind == tokenMark && t.text == "!":
		w, err := p.word("a predicate")
		return operand{kind: operandWord, name: w.text, not: true}, err
	case t.kind == tokenMark && t.text == "{" && depth == 0:
		o := operand{kind: operandVector}
		for {
			e, err := p.parseOperand(depth + 1)
			if err != nil {
				return o, err
			}
			o.list = append(o.list, e)
			if !p.accept(",") {
				return o, p.expect("}")
			}
		}
	case t.kind == tokenMark && t.text == "[":
		o, err := p.parseBase()
		if err != nil {
			return o, err
		}
		o.kind = operandAddress
		return o, p.expect("]")
	case t.kind == tokenWord:
		p.at--
		o, err := p.parseBase()
		if err == nil && depth == 0 && p.accept("|") {
			second, err := p.word("a register")
			return operand{kind: operandPair, list: []operand{o, {kind: operandWord, name: second.text}}}, err
		}
		return o, err
	}
	return operand{}, errorAt(t, "unexpected %s", t)
}

// parseBase reads a register, symbol or number with an offset, as inside brackets: %rd1+-4.
func (p *parser) parseBase() (operand, error) {
	t := p.next()
	o := operand{kind: operandWord}
	switch t.kind {
	case tokenWord:
		o.name = t.text
	case tokenNumber:
		n, err := parseNumber(t)
		if err != nil || n.kind != operandInt {
			return o, errorAt(t, "%s is not an address", t)
		}
		o.offset = int64(n.value)
	default:
		return o, errorAt(t, "unexpected %s", t)
	}
	minus := false
	switch {
	case p.accept("+"):
		minus = p.accept("-")
	case p.accept("-"):
		minus = true
	default:
		return o, nil
	}
	n := p.next()
	v, err := parseInteger(n.text)
	if n.kind != tokenNumber || err != nil {
		return o, errorAt(n, "want an offset, got %s", n)
	}
	if minus {
		v = -v
	}
	o.offset += int64(v)
	return o, nil
}
