package main

import (
	"fmt"
	"slices"

	"github.com/mmcloughlin/avo/ir"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// The vector instructions of arm64. Go's assembler lacks most of them, so that the kernels have all of them as words,
// of which macros are made. The assembler of GNU's binutils checks each word: a test of package cpu.

// form is how an instruction's operands are written and encoded. The destination comes first.
type form int

const (
	two    form = iota // d, n
	three              // d, n, m
	left               // d, n, #shift
	right              // d, n, #shift
	lane               // d, n, m.s[i]
	copied             // d, n.s[i]
)

// neonOp is a vector instruction: its word without operands, and its name and arrangements for GNU's assembler.
type neonOp struct {
	name    string
	d, n, m string // arrangements of the operands
	form    form
	word    uint32
	// updates says that the instruction also reads its destination.
	updates bool
}

var neonOps = map[string]neonOp{
	"fadd":   {"fadd", "4s", "4s", "4s", three, 0x4e20d400, false},
	"fsub":   {"fsub", "4s", "4s", "4s", three, 0x4ea0d400, false},
	"fmul":   {"fmul", "4s", "4s", "4s", three, 0x6e20dc00, false},
	"fdiv":   {"fdiv", "4s", "4s", "4s", three, 0x6e20fc00, false},
	"fmla":   {"fmla", "4s", "4s", "4s", three, 0x4e20cc00, true},
	"fmls":   {"fmls", "4s", "4s", "4s", three, 0x4ea0cc00, true},
	"fcmeq":  {"fcmeq", "4s", "4s", "4s", three, 0x4e20e400, false},
	"fcmge":  {"fcmge", "4s", "4s", "4s", three, 0x6e20e400, false},
	"fcmgt":  {"fcmgt", "4s", "4s", "4s", three, 0x6ea0e400, false},
	"add":    {"add", "4s", "4s", "4s", three, 0x4ea08400, false},
	"sub":    {"sub", "4s", "4s", "4s", three, 0x6ea08400, false},
	"and":    {"and", "16b", "16b", "16b", three, 0x4e201c00, false},
	"orr":    {"orr", "16b", "16b", "16b", three, 0x4ea01c00, false},
	"eor":    {"eor", "16b", "16b", "16b", three, 0x6e201c00, false},
	"bic":    {"bic", "16b", "16b", "16b", three, 0x4e601c00, false},
	"bsl":    {"bsl", "16b", "16b", "16b", three, 0x6e601c00, true},
	"bit":    {"bit", "16b", "16b", "16b", three, 0x6ea01c00, true},
	"bif":    {"bif", "16b", "16b", "16b", three, 0x6ee01c00, true},
	"zip1":   {"zip1", "4s", "4s", "4s", three, 0x4e803800, false},
	"zip2":   {"zip2", "4s", "4s", "4s", three, 0x4e807800, false},
	"zip1d":  {"zip1", "2d", "2d", "2d", three, 0x4ec03800, false},
	"zip2d":  {"zip2", "2d", "2d", "2d", three, 0x4ec07800, false},
	"uzp1":   {"uzp1", "4s", "4s", "4s", three, 0x4e801800, false},
	"uzp2":   {"uzp2", "4s", "4s", "4s", three, 0x4e805800, false},
	"umull":  {"umull", "2d", "2s", "2s", three, 0x2ea0c000, false},
	"umull2": {"umull2", "2d", "4s", "4s", three, 0x6ea0c000, false},
	"faddd":  {"fadd", "2d", "2d", "2d", three, 0x4e60d400, false},
	"fmlad":  {"fmla", "2d", "2d", "2d", three, 0x4e60cc00, true},
	"fmlas":  {"fmla", "4s", "4s", "s", lane, 0x4f801000, true},
	"dup":    {"dup", "4s", "s", "", copied, 0x4e040400, false},
	"fsqrt":  {"fsqrt", "4s", "4s", "", two, 0x6ea1f800, false},
	"fneg":   {"fneg", "4s", "4s", "", two, 0x6ea0f800, false},
	"scvtf":  {"scvtf", "4s", "4s", "", two, 0x4e21d800, false},
	"fcvtzs": {"fcvtzs", "4s", "4s", "", two, 0x4ea1b800, false},
	"fcvtns": {"fcvtns", "4s", "4s", "", two, 0x4e21a800, false},
	"frintm": {"frintm", "4s", "4s", "", two, 0x4e219800, false},
	"mvn":    {"mvn", "16b", "16b", "", two, 0x6e205800, false},
	"fcvtl":  {"fcvtl", "2d", "2s", "", two, 0x0e617800, false},
	"fcvtl2": {"fcvtl2", "2d", "4s", "", two, 0x4e617800, false},
	"ushllb": {"uxtl", "8h", "8b", "", two, 0x2f08a400, false},
	"ushllh": {"uxtl", "4s", "4h", "", two, 0x2f10a400, false},
	"shl":    {"shl", "4s", "4s", "", left, 0x4f005400, false},
	"sshr":   {"sshr", "4s", "4s", "", right, 0x4f000400, false},
	"ushr":   {"ushr", "4s", "4s", "", right, 0x6f000400, false},
	"addv":   {"addv", "s", "4s", "", two, 0x4eb1b800, false},
	"uminv":  {"uminv", "s", "4s", "", two, 0x6eb1a800, false},
}

// field is a number within an instruction's word: a register, a shift or a place.
type field struct {
	name         string
	value, shift int
}

// encode returns the instruction's word without its fields, and how GNU's assembler writes it, with <NAME> for each of
// them. i is the shift or the number of the lane.
func (o neonOp) encode(d, n, m, i int) (word uint32, text string, fields []field) {
	vector := func(name, arrangement string) string {
		if arrangement == "s" && o.form == two {
			return "s<" + name + ">"
		}
		return "v<" + name + ">." + arrangement
	}
	word, text = o.word, o.name+" "+vector("d", o.d)+", "+vector("n", o.n)
	fields = []field{{"d", d, 0}, {"n", n, 5}}
	switch o.form {
	case three:
		return word, text + ", " + vector("m", o.m), append(fields, field{"m", m, 16})
	case left:
		return word + 32<<16, text + ", #<i>", append(fields, field{"i", i, 16})
	case right:
		return word + 64<<16, text + ", #<i>", append(fields, field{"i", i, minus | 16})
	case lane:
		return word | uint32(i&1)<<21 | uint32(i>>1)<<11, text + fmt.Sprintf(", v<m>.s[%d]", i),
			append(fields, field{"m", m, 16})
	case copied:
		return word, text + "[<i>]", append(fields, field{"i", i, 19})
	}
	return word, text, fields
}

// pooled is the vector of a constant that all kernels read from one table in memory. As an operand of an instruction
// it is the number of the vector.
type pooled = operand.U32

// neon emits a vector instruction. Its operands are vectors or constants, dst is written, and read before if the
// instruction does so. A shift or the number of a lane is the last of them, as operand.U8.
func (a *assembler) neon(name string, dst reg.Register, from ...operand.Op) {
	o, ok := neonOps[name]
	if !ok {
		panic("no instruction " + name)
	}
	i := &ir.Instruction{Opcode: name, Operands: append([]operand.Op{dst}, from...), Outputs: []operand.Op{dst}}
	for _, x := range from {
		if r, ok := x.(reg.Register); ok {
			i.Inputs = append(i.Inputs, r)
		}
	}
	if o.updates {
		i.Inputs = append(i.Inputs, dst)
	}
	a.Instruction(i)
}

// special emits an instruction that the printer knows by name.
func (a *assembler) special(name string, outputs, inputs []operand.Op, more ...operand.Op) {
	operands := slices.Concat(outputs, inputs, more)
	a.Instruction(&ir.Instruction{Opcode: name, Operands: operands, Outputs: outputs, Inputs: inputs})
}

// neonOperand makes x an operand of a vector instruction: a register or a constant.
func (a *assembler) neonOperand(x operand.Op) operand.Op {
	switch x := x.(type) {
	case scalar:
		return a.splat(x)
	case operand.Mem:
		return a.load(x)
	}
	return x
}

// neonRegister does the same for instructions that need it twice.
func (a *assembler) neonRegister(x operand.Op) vec {
	if c, ok := x.(pooled); ok {
		return a.splat(c)
	}
	return a.neonOperand(x).(vec)
}

// pool returns the number of a vector of constants.
func (a *assembler) pool(v [4]uint32) pooled {
	i := slices.Index(a.vectorPool, v)
	if i < 0 {
		i = len(a.vectorPool)
		a.vectorPool = append(a.vectorPool, v)
	}
	return pooled(i)
}

// neonChoice sets dst to y where greater > less, else to x. Go on: NaN is not greater.
func (a *assembler) neonChoice(greater, less, y, x, dst vec) {
	switch dst {
	case y, x:
		m := a.vector()
		a.neon("fcmgt", m, greater, less)
		if dst == y {
			a.neon("bif", dst, x, m)
		} else {
			a.neon("bit", dst, y, m)
		}
	default:
		a.neon("fcmgt", dst, greater, less)
		a.neon("bsl", dst, y, x)
	}
}

// neonCompare writes the lanes where x and y are in the relation of the predicate.
func (a *assembler) neonCompare(predicate uint64, x, y operand.Op, m vec) {
	switch predicate {
	case 0, notEqual:
		a.neon("fcmeq", m, x, y)
	case 1, notLess:
		a.neon("fcmgt", m, y, x)
	case lessEqual:
		a.neon("fcmge", m, y, x)
	case unordered:
		if x != y {
			panic("unordered: want a number and itself")
		}
		a.neon("fcmeq", m, x, x)
	}
	if predicate == notEqual || predicate == notLess || predicate == unordered {
		a.neon("mvn", m, m)
	}
}

// loadPair loads two vectors and moves the pointer past them.
func (a *assembler) loadPair(pointer reg.Register) [2]vec {
	v := [2]vec{a.vector(), a.vector()}
	a.special("ldp", []operand.Op{v[0], v[1], pointer}, []operand.Op{pointer})
	return v
}

// loadAll loads a number into all lanes and moves the pointer past it.
func (a *assembler) loadAll(pointer reg.Register) vec {
	v := a.vector()
	a.special("ld1r", []operand.Op{v, pointer}, []operand.Op{pointer})
	return v
}

// neonSumLanes is sumLanes for one or two sums of eight lanes: v holds the lower halves of all, then the upper halves.
func (a *assembler) neonSumLanes(v []vec, m operand.Mem, finish func(sums vec)) {
	low, high := v[0], v[1]
	store := "strs"
	if len(v) == 4 {
		low, high = a.unpackAdd(v[0], v[1]), a.unpackAdd(v[2], v[3])
		store = "strd"
	} else {
		low, high = a.unpackAdd(v[0], v[0]), a.unpackAdd(v[1], v[1])
	}
	t, upper := a.addPairs(low, high), a.vector()
	a.neon("zip2d", upper, t, t)
	a.add(upper, t, t)
	finish(t)
	a.special(store, []operand.Op{m}, []operand.Op{t})
}
