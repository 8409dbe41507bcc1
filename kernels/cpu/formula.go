package cpu

import (
	"slices"
	"unsafe"

	"quantal/kernels"
)

// formulaChunk is the number of synapses whose numbers go through all operations of a formula before the next ones do:
// a handful of registers of it fit the nearest cache.
const formulaChunk = 1024

// pricing is a formula made ready: operations on registers of formulaChunk numbers each. The registers of the inputs come
// first; those of a price are mu and sigma.
type pricing struct {
	steps     []pricingStep
	constants []constantRegister
	registers int
	outputs   []int
}

const (
	muRegister = iota
	sigmaRegister
)

// pricingStep writes a register from others. Arguments that the operation does not have are register 0.
type pricingStep struct {
	do        func(dst, x, y, z *float32, n int)
	dst       int
	arguments [3]int
}

type constantRegister struct {
	register int
	value    float32
}

// ofMu reports whether the formula has the slope over mu.
func (p *pricing) ofMu() bool { return len(p.outputs) == 2 }

// newPricing makes a formula ready whose inputs are among those given. A register is used again once nothing reads its
// number any more.
func newPricing(set *kernelSet, f *kernels.Formula, inputs ...string) *pricing {
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
	p.registers = len(inputs)
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
			at[i] = slices.Index(inputs, f.Inputs[l.Args[0]])
		default:
			step := pricingStep{do: set.operations[l.Op]}
			for j, a := range l.Args[:l.Op.Arity()] {
				step.arguments[j] = at[a]
				again := j > 0 && a == l.Args[0] || j > 1 && a == l.Args[1]
				if last[a] == i && at[a] >= len(inputs) && f.Lines[a].Op != kernels.OpNumber && !again {
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

// pricingScratch holds a thread's registers, and the formula whose constants are in them; and for some synapses of a
// block what goes into the formula, and for all of a block what comes out.
type pricingScratch struct {
	of                *pricing
	registers         [][]float32
	at                []*float32 // the first number of each register
	sigma, derivative []float32  // of a chunk; the derivative is dsigma/dphi
	cost, price       []float32  // of a block of rows: dcost/dphi and dcost/dmu
}

// load makes the registers those of a formula, for rows of at most the given length.
func (s *pricingScratch) load(p *pricing, widest int) {
	if s.of == p {
		return
	}
	if s.sigma == nil {
		s.sigma, s.derivative = aligned(formulaChunk), aligned(formulaChunk)
		s.cost, s.price = aligned(blockRows*widest), aligned(blockRows*widest)
	}
	for len(s.registers) < p.registers {
		s.registers = append(s.registers, aligned(formulaChunk))
		s.at = append(s.at, &s.registers[len(s.registers)-1][0])
	}
	for _, c := range p.constants {
		fill(s.registers[c.register], c.value)
	}
	s.of = p
}

func fill(s []float32, v float32) {
	for i := range s {
		s[i] = v
	}
}

// run computes the slopes for synapses of the given means and standard deviations, at most formulaChunk and a multiple
// of 16. overMu is nil if the formula does not have it. Both last until the next run.
func (p *pricing) run(s *pricingScratch, mu, sigma []float32) (overMu, overSigma []float32) {
	n := len(mu)
	s.at[muRegister], s.at[sigmaRegister] = &mu[0], &sigma[0]
	for i := range p.steps {
		step := &p.steps[i]
		step.do(s.at[step.dst], s.at[step.arguments[0]], s.at[step.arguments[1]], s.at[step.arguments[2]], n)
	}
	register := func(r int) []float32 {
		switch r {
		case muRegister:
			return mu
		case sigmaRegister:
			return sigma
		}
		return s.registers[r][:n]
	}
	if len(p.outputs) == 2 {
		overMu = register(p.outputs[0])
	}
	return overMu, register(p.outputs[len(p.outputs)-1])
}

// priceRows computes the slopes of the costs of rows, for synapses that share sigmas as said: dcost/dmu, if the formula
// has it, and either dcost/dphi or, added to the sums of the rows, dcost/dsigma. Phi is that of the layer.
func (u *updating) priceRows(set *kernelSet, of *scratch, sharing kernels.Sharing, phi []float32, first, rows int) {
	s := &of.pricing
	s.load(u.pricing, len(of.dw))
	stride := u.Stride()
	group := max(1, formulaChunk/stride) // rows at a time
	if sharing == kernels.PerNeuron {
		group = 1
	}
	for r := 0; r < rows; r += group {
		numbers := min(group, rows-r) * stride
		for from := 0; from < numbers; from += formulaChunk {
			at, n := (first+r)*stride+from, min(numbers-from, formulaChunk)
			sigma, derivative := s.sigma[:n], s.derivative[:n]
			switch sharing {
			case kernels.NoNoise:
				fill(sigma, 0)
			case kernels.PerSynapse:
				set.sigmas(sigma, derivative, phi[at:][:n])
			case kernels.PerNeuron:
				shared, _ := kernels.Softplus(phi[first+r])
				fill(sigma, shared)
			default:
				shared, _ := kernels.Softplus(phi[0])
				fill(sigma, shared)
			}
			overMu, overSigma := u.pricing.run(s, u.row.Mu.Values[at:][:n], sigma)
			copy(s.price[r*stride+from:], overMu)
			cost := s.cost[r*stride+from:][:n]
			if sharing == kernels.PerSynapse {
				set.operations[kernels.OpMul](&cost[0], &overSigma[0], &derivative[0], nil, n)
			} else {
				copy(cost, overSigma)
			}
		}
	}
	for r := range rows { // the formula does not know the pads
		cost := s.cost[r*stride:][:stride]
		clear(s.price[r*stride+u.Columns() : (r+1)*stride])
		clear(cost[u.Columns():])
		if sharing == kernels.PerSynapse || sharing == kernels.NoNoise {
			continue
		}
		sum := 0.0
		for _, slope := range cost[:u.Columns()] {
			sum += float64(slope)
		}
		u.sums[first+r] += sum
	}
}

// portableOperations are the operations in plain Go.
func portableOperations() (all operations) {
	for _, o := range kernels.Ops() {
		all[o] = func(dst, x, y, z *float32, n int) {
			var a [3][]float32
			for i, p := range [3]*float32{x, y, z} {
				if i < o.Arity() {
					a[i] = unsafe.Slice(p, n)
				}
			}
			to := unsafe.Slice(dst, n)
			for i := range to {
				var v [3]float32
				for j := range o.Arity() {
					v[j] = a[j][i]
				}
				to[i] = kernels.Operate(o, v[0], v[1], v[2])
			}
		}
	}
	return all
}

// operations are the kernels of a formula's operations, by operation. They read as many of x, y and z as it has
// arguments; dst may be one of them. n is a multiple of 16.
type operations [kernels.OpSelect + 1]func(dst, x, y, z *float32, n int)
