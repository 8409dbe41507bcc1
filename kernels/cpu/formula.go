package cpu

import "quantal/kernels"

// formulaChunk is the number of synapses whose numbers go through all operations of a formula before the next ones do:
// a handful of registers of it fit the nearest cache.
const formulaChunk = 1024

// pricing is a formula of mu and sigma made ready: operations on registers of formulaChunk numbers each.
type pricing struct {
	steps     []pricingStep
	constants []constantRegister
	registers int
	outputs   []int
}

// pricingStep writes a register. Registers below 0 are the inputs: -1 is mu, -2 is sigma.
type pricingStep struct {
	op        kernels.Op
	dst       int
	arguments [3]int
}

type constantRegister struct {
	register int
	value    float32
}

// newPricing makes a formula whose inputs are mu and sigma, or one of them, ready. A register is used again once nothing
// reads its number any more.
func newPricing(f *kernels.Formula) *pricing {
	p := &pricing{}
	last := make([]int, len(f.Lines)) // the line that reads a line last
	for i, l := range f.Lines {
		for _, a := range l.Args[:l.Op.Arity()] {
			last[a] = i
		}
	}
	for _, o := range f.Outputs {
		last[o] = len(f.Lines)
	}
	at := make([]int, len(f.Lines))
	var free []int
	take := func() int {
		if n := len(free); n > 0 {
			r := free[n-1]
			free = free[:n-1]
			return r
		}
		p.registers++
		return p.registers - 1
	}
	for i, l := range f.Lines {
		if l.Op == kernels.OpNumber { // for good: they are filled once
			at[i] = p.registers
			p.registers++
			p.constants = append(p.constants, constantRegister{at[i], float32(l.Num)})
		}
	}
	for i, l := range f.Lines {
		switch l.Op {
		case kernels.OpNumber:
		case kernels.OpInput:
			at[i] = -1
			if f.Inputs[l.Args[0]] == kernels.InputSigma {
				at[i] = -2
			}
		default:
			step := pricingStep{op: l.Op}
			for j, a := range l.Args[:l.Op.Arity()] {
				step.arguments[j] = at[a]
				again := j > 0 && a == l.Args[0] || j > 1 && a == l.Args[1]
				if last[a] == i && at[a] >= 0 && f.Lines[a].Op != kernels.OpNumber && !again {
					free = append(free, at[a])
				}
			}
			step.dst = take()
			at[i] = step.dst
			p.steps = append(p.steps, step)
		}
	}
	for _, o := range f.Outputs {
		p.outputs = append(p.outputs, at[o])
	}
	return p
}

// pricingScratch holds a thread's registers, and the formula whose constants are in them.
type pricingScratch struct {
	of        *pricing
	registers [][]float32
}

// load makes the registers those of a formula.
func (s *pricingScratch) load(p *pricing) {
	if s.of == p {
		return
	}
	for len(s.registers) < p.registers {
		s.registers = append(s.registers, aligned(formulaChunk))
	}
	for _, c := range p.constants {
		r := s.registers[c.register]
		for i := range r {
			r[i] = c.value
		}
	}
	s.of = p
}

// each computes the outputs for synapses of the given means and standard deviations, a multiple of 16, and hands them to
// use, some at a time.
func (p *pricing) each(set *kernelSet, s *pricingScratch, mu, sigma []float32, use func(from, to int, outputs [][]float32)) {
	s.load(p)
	outputs := make([][]float32, len(p.outputs))
	for from := 0; from < len(mu); from += formulaChunk {
		to := min(len(mu), from+formulaChunk)
		register := func(r int) []float32 {
			switch r {
			case -1:
				return mu[from:to]
			case -2:
				return sigma[from:to]
			}
			return s.registers[r][:to-from]
		}
		for _, step := range p.steps {
			var arguments [3][]float32
			for j := range step.op.Arity() {
				arguments[j] = register(step.arguments[j])
			}
			set.operate(step.op, register(step.dst), arguments)
		}
		for i, o := range p.outputs {
			outputs[i] = register(o)
		}
		use(from, to, outputs)
	}
}

// operate is an operation in plain Go.
func operate(o kernels.Op, dst []float32, arguments [3][]float32) {
	x, y, z := arguments[0], arguments[1], arguments[2]
	switch o.Arity() {
	case 1:
		for i := range dst {
			dst[i] = kernels.Operate(o, x[i], 0, 0)
		}
	case 2:
		for i := range dst {
			dst[i] = kernels.Operate(o, x[i], y[i], 0)
		}
	case 3:
		for i := range dst {
			dst[i] = kernels.Operate(o, x[i], y[i], z[i])
		}
	}
}
