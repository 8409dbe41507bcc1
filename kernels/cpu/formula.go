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

// newPricing makes a formula whose inputs are mu and sigma, or one of them, ready. A register is used again once
// nothing reads its number any more.
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

// run computes the slopes for up to formulaChunk synapses, a multiple of 16, of the given means and standard
// deviations. overMu is nil if the formula does not have it. Both last until the next run.
func (p *pricing) run(set *kernelSet, s *pricingScratch, mu, sigma []float32) (overMu, overSigma []float32) {
	register := func(r int) []float32 {
		switch r {
		case -1:
			return mu
		case -2:
			return sigma
		}
		return s.registers[r][:len(mu)]
	}
	for _, step := range p.steps {
		var arguments [3][]float32
		for j := range step.op.Arity() {
			arguments[j] = register(step.arguments[j])
		}
		set.operate(step.op, register(step.dst), arguments)
	}
	if len(p.outputs) == 2 {
		overMu = register(p.outputs[0])
	}
	return overMu, register(p.outputs[len(p.outputs)-1])
}

// priceRows computes the slopes of the costs of rows whose sigmas are in the scratch: dcost/dmu into d.price; and
// either dcost/dphi into d.cost, which has dsigma/dphi, or the sum of dcost/dsigma of each row into d.sums.
func (d *drawing) priceRows(set *kernelSet, s *scratch, first, rows int) {
	p, stride := d.pricing, d.Stride()
	s.pricing.load(p)
	at := first * stride
	for from := 0; from < rows*stride; from += formulaChunk {
		n := min(rows*stride-from, formulaChunk)
		overMu, overSigma := p.run(set, &s.pricing, d.mu[at+from:][:n], s.sigma[from:][:n])
		if d.price != nil {
			copy(d.price[at+from:], overMu)
		}
		if d.cost != nil {
			cost := d.cost[at+from:][:n]
			set.operate(kernels.OpMul, cost, [3][]float32{cost, overSigma})
		} else if d.sums != nil {
			copy(s.sigma[from:], overSigma)
		}
	}
	for r := range rows {
		if row := at + r*stride; d.price != nil {
			clear(d.price[row+d.Columns() : row+stride])
		}
		if row := at + r*stride; d.cost != nil {
			clear(d.cost[row+d.Columns() : row+stride])
		}
		if d.sums == nil {
			continue
		}
		sum := 0.0
		for _, slope := range s.sigma[r*stride:][:d.Columns()] {
			sum += float64(slope)
		}
		d.sums[first+r] = sum
	}
}

// spreadSigmas puts the sigmas of rows into the scratch: that which they share, or none.
func (d *drawing) spreadSigmas(s *scratch, sharing kernels.Sharing, first, rows int) {
	stride := d.Stride()
	for r := range rows {
		var sigma float32
		switch sharing {
		case kernels.NoNoise:
		case kernels.PerNeuron:
			sigma, _ = kernels.Softplus(d.phi[first+r])
		default:
			sigma, _ = kernels.Softplus(d.phi[0])
		}
		row := s.sigma[r*stride:][:stride]
		for k := range row {
			row[k] = sigma
		}
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
