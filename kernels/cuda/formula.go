package cuda

import (
	"fmt"
	"math"
	"regexp"
	"strings"

	"quantal/kernels"
)

// mark is a place in the text of a source for a formula's code: a comment that a function of that source leaves, with
// the name and then registers: those of the outputs, of the inputs, and of the address of the numbers, if it has any.
type mark struct {
	name            string
	outputs, inputs int
}

// The marks of src/update.cuh and src/learn.cu.
var (
	priceMark   = mark{"price", 2, 2}
	slopesMark  = mark{"slopes", kernels.MaxParameters, kernels.MaxParameters + 2}
	momentsMark = mark{"moments", 2, kernels.MaxParameters}
)

// template is the source whose marks the program's formulas fill; empty if there is none.
func (s shape) template() string {
	switch {
	case s.own:
		return "learn"
	case s.priced:
		return "priced"
	}
	return ""
}

// fill writes the program's formulas into the text of its template.
func (s shape) fill(text string) string {
	if !s.own {
		return priced(text, s.perSynapse)
	}
	n := len(s.Layout.Parameters)
	var registers []int
	for i := range n {
		registers = append(registers, i)
	}
	text = momentsMark.fill(text, s.Synapse.MuPhi(), registers)
	return slopesMark.fill(text, s.perSynapse, append(registers, kernels.MaxParameters, kernels.MaxParameters+1))
}

// priced is the text of a source with a law's slopes over mu and sigma.
func priced(text string, f kernels.Formula) string { return priceMark.fill(text, f, []int{0, 1}) }

// fill replaces the mark by a formula's code. Its first inputs are registers of the given numbers, those after them
// numbers in memory. Outputs that it does not have are 0.
func (m mark) fill(text string, f kernels.Formula, registers []int) string {
	pattern := regexp.MustCompile(`(?m)^\s*// ` + m.name + ` ((?:%\w+, )*%\w+);$`)
	return pattern.ReplaceAllStringFunc(text, func(found string) string {
		r := strings.Split(pattern.FindStringSubmatch(found)[1], ", ")
		w := &ptxWriter{}
		values := make([]string, len(f.Lines))
		for i, l := range f.Lines {
			var args []string
			for _, a := range l.Args[:l.Op.Arity()] {
				args = append(args, values[a])
			}
			switch in := l.Args[0]; {
			case l.Op == kernels.OpNumber:
				values[i] = number(l.Num)
			case l.Op == kernels.OpInput && in < len(registers):
				values[i] = r[m.outputs+registers[in]]
			case l.Op == kernels.OpInput:
				values[i] = w.float("ld.global.f32", fmt.Sprintf("[%s+%d]", r[m.outputs+m.inputs], 4*(in-len(registers))))
			default:
				values[i] = ptxOperations[l.Op](w, args)
			}
		}
		results := make([]string, m.outputs) // first: their registers may be those of the arguments
		for i := range results {
			if results[i] = number(0); i < len(f.Outputs) {
				results[i] = w.float("mov.f32", values[f.Outputs[i]])
			}
		}
		for i, v := range results {
			w.line("mov.f32 %s, %s;", r[i], v)
		}
		return w.block()
	})
}

// number is a constant in PTX.
func number(v float64) string { return fmt.Sprintf("0f%08X", math.Float32bits(float32(v))) }

// ptxWriter writes instructions into registers of its own.
type ptxWriter struct {
	text                         strings.Builder
	floats, predicates, integers int
}

func (w *ptxWriter) line(format string, args ...any) {
	fmt.Fprintf(&w.text, "\t"+format+"\n", args...)
}

// block is what was written, with its registers declared.
func (w *ptxWriter) block() string {
	declare := ""
	for _, r := range []struct {
		kind, name string
		n          int
	}{{".f32", "%price", w.floats}, {".pred", "%where", w.predicates}, {".b32", "%bits", w.integers}} {
		if r.n > 0 {
			declare += fmt.Sprintf("\t.reg %s %s<%d>;\n", r.kind, r.name, r.n)
		}
	}
	return "\t{\n" + declare + w.text.String() + "\t}"
}

func (w *ptxWriter) into(count *int, name, instruction string, args []string) string {
	r := fmt.Sprintf("%s%d", name, *count)
	*count++
	w.line("%s %s, %s;", instruction, r, strings.Join(args, ", "))
	return r
}

func (w *ptxWriter) float(instruction string, args ...string) string {
	return w.into(&w.floats, "%price", instruction, args)
}

func (w *ptxWriter) bits(instruction string, args ...string) string {
	return w.into(&w.integers, "%bits", instruction, args)
}

// choose is a where the comparison of x and y holds, else b.
func (w *ptxWriter) choose(comparison, x, y, a, b string) string {
	p := w.into(&w.predicates, "%where", "setp."+comparison+".f32", []string{x, y})
	return w.float("selp.f32", a, b, p)
}

func (w *ptxWriter) fma(a, b, c string) string { return w.float("fma.rn.f32", a, b, c) }
func (w *ptxWriter) mul(a, b string) string    { return w.float("mul.f32", a, b) }
func (w *ptxWriter) add(a, b string) string    { return w.float("add.f32", a, b) }
func (w *ptxWriter) sub(a, b string) string    { return w.float("sub.f32", a, b) }
func (w *ptxWriter) div(a, b string) string    { return w.float("div.rn.f32", a, b) }
func (w *ptxWriter) abs(a string) string       { return w.float("abs.f32", a) }

// horner evaluates a polynomial: coefficients from the highest power down.
func (w *ptxWriter) horner(x string, coefficients ...float64) string {
	p := w.float("mov.f32", number(coefficients[0]))
	for _, c := range coefficients[1:] {
		p = w.fma(p, x, number(c))
	}
	return p
}

var (
	infinity  = number(math.Inf(1))
	notNumber = "0f7FC00000"
)

// exp is e^x, as exp32 in src/math.cuh.
func (w *ptxWriter) exp(x string) string {
	const magic = 3 << 22
	s := w.fma(x, number(math.Log2E), number(magic))
	n := w.sub(s, number(magic))
	f := w.fma(n, number(-0.693145752), x)
	f = w.fma(n, number(-1.42860677e-6), f)
	p := w.horner(f, 1./720, 1./120, 1./24, 1./6, 0.5, 1, 1)
	i := w.bits("sub.s32", w.bits("mov.b32", s), "0x4b400000")
	h := w.bits("shr.s32", i, "1")
	for _, part := range []string{h, w.bits("sub.s32", i, h)} {
		p = w.mul(p, w.float("mov.b32", w.bits("shl.b32", w.bits("add.s32", part, "127"), "23")))
	}
	p = w.choose("lt", x, number(-87.33), number(0), p)
	p = w.choose("gt", x, number(88.72), infinity, p)
	return w.choose("nan", x, x, x, p)
}

// log is ln x, as log32 and logAny in src/math.cuh, of subnormal numbers, too.
func (w *ptxWriter) log(x string) string {
	small := w.choose("lt", x, number(0x1p-126), number(0x1p24), number(1))
	scaled := w.mul(x, small)
	b := w.bits("mov.b32", scaled)
	n := w.bits("shr.s32", w.bits("sub.s32", b, "0x3f3504f3"), "23")
	f := w.sub(w.float("mov.b32", w.bits("sub.s32", b, w.bits("shl.b32", n, "23"))), number(1))
	z, e := w.mul(f, f), w.float("cvt.rn.f32.s32", n)
	p := w.horner(f, 7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1,
		-1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1)
	p = w.mul(p, w.mul(f, z))
	p = w.fma(e, number(-2.12194440e-4), p)
	p = w.fma(z, number(-0.5), p)
	y := w.fma(e, number(0.693359375), w.add(f, p))
	y = w.choose("lt", x, number(0x1p-126), w.sub(y, number(24*math.Ln2)), y)
	y = w.choose("eq", x, number(0), number(math.Inf(-1)), y)
	y = w.choose("lt", x, number(0), notNumber, y)
	return w.choose("le", x, number(math.MaxFloat32), y, x) // infinity, and what is not a number
}

func (w *ptxWriter) log1p(x string) string {
	u := w.add(x, number(1))
	lost := w.div(w.sub(x, w.sub(u, number(1))), u)
	lost = w.choose("le", u, number(0), number(0), lost)
	lost = w.choose("gt", u, number(math.MaxFloat32), number(0), lost)
	return w.add(w.log(u), lost)
}

// expm1 is e^x - 1, as expm1f in kernels/math.go.
func (w *ptxWriter) expm1(x string) string {
	p := w.fma(w.horner(x, 1./5040, 1./720, 1./120, 1./24, 1./6, 0.5), w.mul(x, x), x)
	return w.choose("lt", w.abs(x), number(0.34657359), p, w.sub(w.exp(x), number(1)))
}

// decay is e^-|x|.
func (w *ptxWriter) decay(x string) string { return w.exp(w.float("neg.f32", w.abs(x))) }

// pow is a^b = e^(b ln |a|), with the sign and the exceptions of a power.
func (w *ptxWriter) pow(a, b string) string {
	p := w.exp(w.mul(b, w.log(w.abs(a))))
	half := w.mul(b, number(0.5))
	odd := w.sub(half, w.float("cvt.rmi.f32.f32", half)) // 0 or 1/2 for whole b
	signed := w.mul(p, w.fma(odd, number(-4), number(1)))
	signed = w.choose("neu", w.float("cvt.rmi.f32.f32", b), b, notNumber, signed)
	p = w.choose("lt", a, number(0), signed, p)
	return w.choose("eq", b, number(0), number(1), p)
}

func (w *ptxWriter) sigmoid(x string) string {
	e := w.decay(x)
	return w.div(w.choose("gt", x, number(0), number(1), e), w.add(e, number(1)))
}

// unaryOperation and binaryOperation are operations that are an instruction.
func unaryOperation(instruction string) func(w *ptxWriter, a []string) string {
	return func(w *ptxWriter, a []string) string { return w.float(instruction, a[0]) }
}

func binaryOperation(instruction string) func(w *ptxWriter, a []string) string {
	return func(w *ptxWriter, a []string) string { return w.float(instruction, a[0], a[1]) }
}

func compared(comparison string) func(w *ptxWriter, a []string) string {
	return func(w *ptxWriter, a []string) string { return w.choose(comparison, a[0], a[1], number(1), number(0)) }
}

// ptxOperations write the operations of formulas. See kernels.Operate for what they are.
var ptxOperations = map[kernels.Op]func(w *ptxWriter, a []string) string{
	kernels.OpAdd: binaryOperation("add.f32"), kernels.OpSub: binaryOperation("sub.f32"),
	kernels.OpMul: binaryOperation("mul.f32"), kernels.OpDiv: binaryOperation("div.rn.f32"),
	kernels.OpSqrt: unaryOperation("sqrt.rn.f32"),
	kernels.OpNeg:  unaryOperation("neg.f32"), kernels.OpAbs: unaryOperation("abs.f32"),
	kernels.OpLess: compared("lt"), kernels.OpLessEqual: compared("le"), kernels.OpEqual: compared("eq"),
	kernels.OpPow: func(w *ptxWriter, a []string) string { return w.pow(a[0], a[1]) },
	kernels.OpMin: func(w *ptxWriter, a []string) string {
		return w.choose("nan", a[0], a[0], a[0], w.choose("lt", a[0], a[1], a[0], a[1]))
	},
	kernels.OpMax: func(w *ptxWriter, a []string) string {
		return w.choose("nan", a[0], a[0], a[0], w.choose("gt", a[0], a[1], a[0], a[1]))
	},
	kernels.OpSign: func(w *ptxWriter, a []string) string {
		return w.choose("gt", a[0], number(0), number(1), w.choose("lt", a[0], number(0), number(-1), a[0]))
	},
	kernels.OpSquare:  func(w *ptxWriter, a []string) string { return w.mul(a[0], a[0]) },
	kernels.OpExp:     func(w *ptxWriter, a []string) string { return w.exp(a[0]) },
	kernels.OpLog:     func(w *ptxWriter, a []string) string { return w.log(a[0]) },
	kernels.OpLog1p:   func(w *ptxWriter, a []string) string { return w.log1p(a[0]) },
	kernels.OpExpm1:   func(w *ptxWriter, a []string) string { return w.expm1(a[0]) },
	kernels.OpSigmoid: func(w *ptxWriter, a []string) string { return w.sigmoid(a[0]) },
	kernels.OpTanh: func(w *ptxWriter, a []string) string {
		t := w.expm1(w.mul(w.abs(a[0]), number(-2)))
		t = w.div(t, w.add(t, number(2)))
		return w.choose("lt", a[0], number(0), t, w.float("neg.f32", t))
	},
	kernels.OpSoftplus: func(w *ptxWriter, a []string) string {
		return w.add(w.log1p(w.decay(a[0])), w.choose("gt", a[0], number(0), a[0], number(0)))
	},
	kernels.OpSelect: func(w *ptxWriter, a []string) string { return w.choose("neu", a[0], number(0), a[1], a[2]) },
}
