package cpu

import (
	"math"
	"slices"
	"unsafe"

	"quantal/kernels"
)

// formulaChunk is the number of synapses whose numbers go through all operations of a formula before the next ones do:
// a handful of registers of it fit the nearest cache.
const formulaChunk = 1024

// formula is a formula made ready to run on rows of numbers, one row for each input and each output. Threads share it.
type formula struct {
	inputs, outputs int
	steps           []formulaStep
	constants       []float32 // a vector each
	registers       int       // those of inputs, outputs, constants, and then others
}

// formulaStep writes a register from others. Arguments that the operation does not have are register 0.
type formulaStep struct {
	do        operation
	dst       int
	arguments [4]int
	varies    [4]int // the step of an argument: 0 if it is a constant
}

// vectorSize is the number of lanes of the widest vectors.
const vectorSize = 16

// newFormula makes a formula ready. Lines that one other reads become part of it where the set has an operation for
// that.
func newFormula(set *kernelSet, f kernels.Formula) *formula {
	lines, reads := make([]fusedLine, len(f.Lines)), make([]int, len(f.Lines))
	for _, l := range f.Lines {
		for _, a := range l.Args[:l.Op.Arity()] {
			reads[a]++
		}
	}
	p := &formula{inputs: len(f.Inputs), outputs: len(f.Outputs)}
	at := make([]int, len(f.Lines)) // the register of each line, or -1
	for i := range at {
		at[i] = -1
	}
	for i, o := range f.Outputs {
		reads[o] += 2 // never only part of another line
		if at[o] < 0 && f.Lines[o].Op > kernels.OpNumber {
			at[o] = p.inputs + i
		}
	}
	for i := len(lines) - 1; i >= 0; i-- { // readers first
		if lines[i].op == partOfAnother {
			continue
		}
		lines[i] = fuse(f, i, reads).numberFirst(f)
		for _, part := range lines[i].parts {
			lines[part] = fusedLine{op: partOfAnother}
		}
	}
	last := make([]int, len(f.Lines)) // the line that reads a line last
	for i, l := range lines {
		for _, a := range l.args {
			last[a] = i
		}
	}
	p.registers = p.inputs + p.outputs
	for i, l := range f.Lines {
		switch l.Op {
		case kernels.OpInput:
			at[i] = l.Args[0]
		case kernels.OpNumber:
			at[i] = p.registers
			p.registers++
			for range vectorSize {
				p.constants = append(p.constants, float32(l.Num))
			}
		}
	}
	p.constants = append(aligned(len(p.constants))[:0], p.constants...)
	// A register is used again once nothing reads its number any more.
	others := p.registers
	var free []int
	step := func(o int, dst int, args ...int) {
		s := formulaStep{do: set.operations[o], dst: dst}
		for j, a := range args {
			if s.arguments[j] = at[a]; f.Lines[a].Op != kernels.OpNumber {
				s.varies[j] = 1
			}
		}
		p.steps = append(p.steps, s)
	}
	for i, l := range lines {
		if f.Lines[i].Op <= kernels.OpNumber || l.op == partOfAnother {
			continue
		}
		for j, a := range l.args {
			if last[a] == i && at[a] >= others && !slices.Contains(l.args[:j], a) {
				free = append(free, at[a])
			}
		}
		if at[i] < 0 {
			if n := len(free); n > 0 {
				at[i], free = free[n-1], free[:n-1]
			} else {
				at[i] = p.registers
				p.registers++
			}
		}
		step(l.op, at[i], l.args...)
	}
	for i, o := range f.Outputs { // that are inputs, constants or other outputs
		if dst := p.inputs + i; at[o] != dst {
			step(int(kernels.OpMax), dst, o, o)
		}
	}
	return p
}

// newFormulaOf makes a formula ready whose inputs are among those given.
func newFormulaOf(set *kernelSet, f kernels.Formula, inputs ...string) *formula {
	b := kernels.NewFormula(inputs...)
	return newFormula(set, b.Formula(b.Import(f)...).Reduce(nil))
}

// fusedLine is an operation of a kernel set on lines of a formula.
type fusedLine struct {
	op    int
	args  []int
	parts []int // lines that became part of this one
}

// The operations of a kernel set are those of package kernels, and these.
const (
	mulMul          = int(kernels.OpSelect) + 1 + iota // x y z
	mulMulMul                                          // x y z u
	mulAdd                                             // x y + z
	mulSub                                             // x y - z
	subMul                                             // z - x y
	mulMulAdd                                          // x y z + u
	mulAddMul                                          // x y + z u
	cubeRoot                                           // e^(log(x)/3)
	inverseCubeRoot                                    // e^(-log(x)/3)
	inverse                                            // 1/x, and of sums:
	inverseAdd
	inverseMulAdd
	inverseMulMulAdd
	inverseMulAddMul

	operationCount
	partOfAnother = -1
)

// inverses are the operations whose inverse is one, too.
var inverses = map[int]int{
	int(kernels.OpAdd): inverseAdd, mulAdd: inverseMulAdd, mulMulAdd: inverseMulMulAdd, mulAddMul: inverseMulAddMul,
}

// fuse is line i, together with lines that only it reads.
func fuse(f kernels.Formula, i int, reads []int) fusedLine {
	l := f.Lines[i]
	line := fusedLine{op: int(l.Op), args: l.Args[:l.Op.Arity()]}
	// factors are those of a line if it is a product that is read once, else the line itself.
	factors := func(line, most int) (of, parts []int) {
		of = []int{line}
		for j := 0; j < len(of) && len(of) < most; {
			line := of[j]
			product := f.Lines[line]
			once := reads[line] == 1 && !slices.Contains(of[:j], line) && !slices.Contains(of[j+1:], line) // not x in x^2
			switch {
			case once && product.Op == kernels.OpSquare:
				product.Args[1] = product.Args[0]
				fallthrough
			case once && product.Op == kernels.OpMul:
				parts = append(parts, line)
				of = append(slices.Insert(slices.Clone(of[:j]), j, product.Args[0], product.Args[1]), of[j+1:]...)
			default:
				j++
			}
		}
		return of, parts
	}
	switch l.Op {
	case kernels.OpMul:
		x, xParts := factors(l.Args[0], 3)
		y, yParts := factors(l.Args[1], 4-len(x))
		line.args, line.parts = append(x, y...), append(xParts, yParts...)
		line.op = [...]int{int(l.Op), mulMul, mulMulMul}[len(line.args)-2]
	case kernels.OpAdd:
		x, xParts := factors(l.Args[0], 3)
		y, yParts := factors(l.Args[1], 3)
		if len(x) < len(y) {
			x, xParts, y, yParts = y, yParts, x, xParts
		}
		switch {
		case len(x) == 1:
		case len(x) == 2 && len(y) == 2:
			line = fusedLine{mulAddMul, append(x, y...), append(xParts, yParts...)}
		default:
			other := l.Args[0]
			if xParts[0] == other {
				other = l.Args[1]
			}
			line = fusedLine{[...]int{mulAdd, mulMulAdd}[len(x)-2], append(x, other), xParts}
		}
	case kernels.OpSub:
		for j, op := range [...]int{mulSub, subMul} {
			if x, parts := factors(l.Args[j], 2); len(x) == 2 {
				return fusedLine{op, append(x, l.Args[1-j]), parts}
			}
		}
	case kernels.OpDiv:
		if one := f.Lines[l.Args[0]]; one.Op != kernels.OpNumber || one.Num != 1 {
			break
		}
		line = fusedLine{op: inverse, args: l.Args[1:2]}
		if reads[l.Args[1]] > 1 {
			break
		}
		sum := fuse(f, l.Args[1], reads)
		if op, ok := inverses[sum.op]; ok {
			line = fusedLine{op, sum.args, append(sum.parts, l.Args[1])}
		}
	case kernels.OpExp: // of log(x)/3, which is how a formula has a cube root
		third, ofLog := f.Lines[l.Args[0]], 1
		if third.Op != kernels.OpMul || f.Lines[third.Args[1]].Op != kernels.OpLog {
			ofLog = 0
		}
		number, log := f.Lines[third.Args[1-ofLog]], f.Lines[third.Args[ofLog]]
		if third.Op != kernels.OpMul || log.Op != kernels.OpLog || number.Op != kernels.OpNumber ||
			math.Abs(number.Num) != 1./3 {
			break
		}
		line = fusedLine{cubeRoot, log.Args[:1], nil}
		if number.Num < 0 {
			line.op = inverseCubeRoot
		}
		if reads[l.Args[0]] == 1 {
			if line.parts = []int{l.Args[0]}; reads[third.Args[ofLog]] == 1 {
				line.parts = append(line.parts, third.Args[ofLog])
			}
		}
	}
	return line
}

// numberFirst puts a number first, where an operation does not need to read it again and again, if the result stays.
func (l fusedLine) numberFirst(f kernels.Formula) fusedLine {
	interchangeable := 0 // so many of the first
	switch l.op {
	case int(kernels.OpAdd), int(kernels.OpMul), mulAdd, mulSub, subMul, mulAddMul, inverseAdd, inverseMulAdd,
		inverseMulAddMul:
		interchangeable = 2
	case mulMul, mulMulAdd, inverseMulMulAdd:
		interchangeable = 3
	case mulMulMul:
		interchangeable = 4
	}
	l.args = slices.Clone(l.args)
	for j := range interchangeable {
		if f.Lines[l.args[j]].Op == kernels.OpNumber {
			l.args[0], l.args[j] = l.args[j], l.args[0]
		}
	}
	if (l.op == mulAddMul || l.op == inverseMulAddMul) && f.Lines[l.args[0]].Op != kernels.OpNumber &&
		(f.Lines[l.args[2]].Op == kernels.OpNumber || f.Lines[l.args[3]].Op == kernels.OpNumber) {
		l.args[0], l.args[1], l.args[2], l.args[3] = l.args[2], l.args[3], l.args[0], l.args[1]
		return l.numberFirst(f)
	}
	return l
}

// registers is a thread's memory for formulas.
type registers struct {
	of     *formula // whose registers at points to
	memory [][]float32
	at     []*float32 // the first number of each register
}

// load makes the registers those of a formula, but for its inputs and outputs.
func (r *registers) load(f *formula) {
	if r.of == f {
		return
	}
	r.of, r.at = f, append(r.at[:0], make([]*float32, f.registers)...)
	others := r.at[f.inputs+f.outputs:]
	for i := range others {
		if at := i * vectorSize; at < len(f.constants) {
			others[i] = &f.constants[at]
			continue
		}
		n := i - len(f.constants)/vectorSize
		if n == len(r.memory) {
			r.memory = append(r.memory, aligned(formulaChunk))
		}
		others[i] = &r.memory[n][0]
	}
}

// run computes the outputs, row by row, from the inputs: all of one length, a multiple of 16. Rows of outputs are none
// of the inputs. Inputs that the formula does not read may be nil.
func (f *formula) run(r *registers, inputs, outputs [][]float32) {
	r.load(f)
	n := len(outputs[0])
	for from := 0; from < n; from += formulaChunk {
		count := min(n-from, formulaChunk)
		for i, row := range inputs {
			if row != nil {
				r.at[i] = &row[from : from+count][0]
			}
		}
		for i, row := range outputs {
			r.at[f.inputs+i] = &row[from : from+count][0]
		}
		for i := range f.steps {
			s := &f.steps[i]
			x, y, z, u := r.at[s.arguments[0]], r.at[s.arguments[1]], r.at[s.arguments[2]], r.at[s.arguments[3]]
			s.do(r.at[s.dst], x, y, z, u, s.varies[0], s.varies[1], s.varies[2], s.varies[3], count)
		}
	}
}

// pricing is what a synapse of a layer pays, as a formula. Its outputs are dcost/dmu, if ofMu, and then dcost/dphi
// where each synapse has a phi that moves, or dcost/dsigma where they share sigmas that move.
type pricing struct {
	*formula
	ofMu bool
}

// The inputs of a pricing.
const (
	muRow = iota
	sigmaRow
	inverseRow    // 1/sigma
	derivativeRow // dsigma/dphi
	pricingRows
)

// newPricing makes the slopes of a law ready; nil if nothing reads them. Moves is whether phi does.
func newPricing(set *kernelSet, slopes *kernels.Formula, sharing kernels.Sharing, moves bool) *pricing {
	if slopes == nil {
		return nil
	}
	b := kernels.NewFormula(kernels.InputMu, kernels.InputSigma, "1/sigma", "dsigma/dphi")
	outputs := b.Import(*slopes)
	ofMu := len(outputs) == 2
	switch last := len(outputs) - 1; {
	case !moves || sharing == kernels.NoNoise:
		outputs = outputs[:last]
	case sharing == kernels.PerSynapse:
		outputs[last] = b.Do(kernels.OpMul, outputs[last], b.Input(derivativeRow))
	}
	if len(outputs) == 0 {
		return nil
	}
	f := b.Formula(outputs...).Reduce(map[int]int{sigmaRow: inverseRow})
	return &pricing{newFormula(set, f), ofMu}
}

// pricingScratch is where a thread prices some rows: registers, the rows of sigma, its inverse and its slope, and the
// slopes of a block's costs.
type pricingScratch struct {
	registers
	rows  [pricingRows][]float32
	cost  []float32
	price []float32
}

// fit makes room for the given numbers of synapses at a time, and in a block.
func (s *pricingScratch) fit(n, block int) {
	if len(s.cost) < n {
		for _, row := range []*[]float32{&s.rows[sigmaRow], &s.rows[inverseRow], &s.rows[derivativeRow], &s.cost} {
			*row = aligned(n)
		}
	}
	if len(s.price) < block {
		s.price = aligned(block)
	}
}

func fill(s []float32, v float32) {
	for i := range s {
		s[i] = v
	}
}

// pricedRows is the number of rows that are priced at a time.
func pricedRows(l kernels.Layer) int { return max(1, formulaChunk/l.Stride()) }

// outputs are those of a pricing that are there.
func (p *pricing) outputsIn(of *[2][]float32, price, cost []float32) [][]float32 {
	if !p.ofMu {
		of[0] = cost
		return of[:1]
	}
	of[0], of[1] = price, cost
	return of[:p.outputs]
}

// samplePriced draws the weights of rows whose synapses have a sigma each, or computes their variances, and all that
// the update needs of the costs.
func (d *drawing) samplePriced(set *kernelSet, s *pricingScratch, w []float32, first, rows int) {
	group := pricedRows(d.Layer)
	s.fit(group*d.Stride(), 0)
	for r := 0; r < rows; r += group {
		n := min(group, rows-r)
		from, to := d.slots(first+r, n)
		if d.ownNoise {
			d.varianceSlopes(set, s, w[r*d.Stride():], first+r, n)
		} else {
			set.sampleSlopes(d, s, w[r*d.Stride():], first+r, n)
		}
		inputs, cost, price := s.rows, d.cost[from:to], d.price[min(from, len(d.price)):min(to, len(d.price))]
		inputs[muRow] = d.mu[from:to]
		for i := range inputs {
			inputs[i] = inputs[i][:to-from]
		}
		if d.pricing == nil { // synapses with parameters of their own pay for these
			continue
		}
		var outputs [2][]float32
		d.pricing.run(&s.registers, inputs[:], d.pricing.outputsIn(&outputs, price, cost))
		for at := 0; at < n*d.Stride(); at += d.Stride() { // the formula does not know the pads
			clear(cost[at+d.Columns() : at+d.Stride()])
			if d.pricing.ofMu {
				clear(price[at+d.Columns() : at+d.Stride()])
			}
		}
	}
}

// priceRows computes the slopes of the costs of rows when the draw did not: dcost/dmu, if the formula has it, and
// dcost/dsigma, added to the sums of the rows. Phi is that of the layer, shared as said.
func (u *updating) priceRows(set *kernelSet, s *pricingScratch, sharing kernels.Sharing, phi []float32, first,
	rows int) {
	stride, group := u.Stride(), pricedRows(u.Layer)
	if sharing == kernels.PerNeuron {
		group = 1
	}
	s.fit(group*stride, blockRows*stride)
	for r := 0; r < rows; r += group {
		n := min(group, rows-r)
		from, to := (first+r)*stride, (first+r+n)*stride
		inputs, price, cost := s.rows, s.price[r*stride:(r+n)*stride], s.cost[:n*stride]
		inputs[muRow] = u.row.Mu.Values[from:to]
		for i := range inputs {
			inputs[i] = inputs[i][:to-from]
		}
		switch sharing {
		case kernels.NoNoise:
		case kernels.PerSynapse:
			set.sigmas(inputs[sigmaRow], inputs[inverseRow], inputs[derivativeRow], phi[from:to])
		default:
			of := 0
			if sharing == kernels.PerNeuron {
				of = first + r
			}
			sigma, _ := kernels.Softplus(phi[of])
			fill(inputs[sigmaRow], sigma)
			fill(inputs[inverseRow], 1/sigma)
		}
		var outputs [2][]float32
		u.pricing.run(&s.registers, inputs[:], u.pricing.outputsIn(&outputs, price, cost))
		for at := 0; at < n*stride; at += stride { // the formula does not know the pads
			clear(price[at+u.Columns() : at+stride])
			if u.sharing == kernels.NoNoise {
				continue
			}
			sum := 0.0
			for _, slope := range cost[at : at+u.Columns()] {
				sum += float64(slope)
			}
			u.sums[first+r+at/stride] += sum
		}
	}
}

// portableOperations are the operations in plain Go.
func portableOperations() (all operations) {
	plain := func(arity int, f func(a, b, c, d float32) float32) operation {
		return func(dst, x, y, z, u *float32, xStep, yStep, zStep, uStep, n int) {
			var a [4][]float32
			steps := [4]int{xStep, yStep, zStep, uStep}
			for i, p := range [4]*float32{x, y, z, u} {
				if i < arity {
					a[i] = unsafe.Slice(p, (n-1)*steps[i]+1)
				}
			}
			to := unsafe.Slice(dst, n)
			for i := range to {
				var v [4]float32
				for j := range arity {
					v[j] = a[j][i*steps[j]]
				}
				to[i] = f(v[0], v[1], v[2], v[3])
			}
		}
	}
	for _, o := range kernels.Ops() {
		all[o] = plain(o.Arity(), func(a, b, c, _ float32) float32 { return kernels.Operate(o, a, b, c) })
	}
	// Sums with products are rounded once, as the vector instructions do, but for a rare last digit.
	sum := func(a, b, c float32) float32 { return float32(float64(float64(a)*float64(b)) + float64(c)) }
	all[inverse] = plain(1, func(a, _, _, _ float32) float32 { return 1 / a })
	all[mulMul] = plain(3, func(a, b, c, _ float32) float32 { return a * b * c })
	all[mulMulMul] = plain(4, func(a, b, c, d float32) float32 { return a * b * c * d })
	all[mulSub] = plain(3, func(a, b, c, _ float32) float32 { return sum(a, b, -c) })
	all[subMul] = plain(3, func(a, b, c, _ float32) float32 { return sum(-a, b, c) })
	for op, of := range map[int]func(a, b, c, d float32) float32{
		int(kernels.OpAdd): func(a, b, _, _ float32) float32 { return a + b },
		mulAdd:             func(a, b, c, _ float32) float32 { return sum(a, b, c) },
		mulMulAdd:          func(a, b, c, d float32) float32 { return sum(a*b, c, d) },
		mulAddMul:          func(a, b, c, d float32) float32 { return sum(a, b, float32(c*d)) },
	} {
		arity := 4
		if op == int(kernels.OpAdd) {
			arity = 2
		} else if op == mulAdd {
			arity = 3
		}
		all[op] = plain(arity, of)
		all[inverses[op]] = plain(arity, func(a, b, c, d float32) float32 { return 1 / of(a, b, c, d) })
	}
	root := func(a float32) float64 {
		if a < 0 {
			return math.NaN()
		}
		return math.Cbrt(float64(a))
	}
	all[cubeRoot] = plain(1, func(a, _, _, _ float32) float32 { return float32(root(a)) })
	all[inverseCubeRoot] = plain(1, func(a, _, _, _ float32) float32 { return float32(1 / root(a)) })
	return all
}

// operations are the kernels of a formula's operations, by operation.
type operations [operationCount]operation

// operation reads as many of x, y, z and u as it has arguments; dst may be one of them. An argument whose step is 0 is
// 16 times the same number, one whose step is 1 a row of n, a multiple of 16.
type operation func(dst, x, y, z, u *float32, xStep, yStep, zStep, uStep, n int)
