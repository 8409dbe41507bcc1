package kernels

import (
	"fmt"
	"math"
	"slices"
)

// The names of what a formula of costs reads besides numbers.
const (
	InputMu       = "mu"
	InputSigma    = "sigma"
	InputFraction = "batch_fraction" // B/N; in slopes only

	// In slopes of synapses with parameters of their own only.
	InputDMu    = "dmu"
	InputDSigma = "dsigma"
)

// Cost is one named term of the objective: what a synapse of a given mean and standard deviation pays, as c sigma^-rho
// in Malkin et al. 2024, Eq. 4. Its formula has one output and reads mu, sigma and numbers of the member.
type Cost struct {
	Name    string
	Formula Formula
}

func (c Cost) String() string { return c.Name + " " + c.Formula.String() }

// Law is what each synapse of a layer pays: the sum of its costs. Slopes has the derivatives of the sum, times B/N: its
// outputs are dcost/dmu and dcost/dsigma.
type Law struct {
	Costs []Cost
	//
	// Where synapses have parameters of their own, costs and slopes read these in place of mu and sigma. The slopes then
	// are those of the whole objective, one for each parameter, and read also InputDMu and InputDSigma, what the
	// likelihood has for gradients with respect to mu and sigma.
	Slopes     Formula
	Parameters []string
	// Plain turns off the recognition of the standard form, so that machines run it as any other: for tests.
	Plain bool
}

// Equal reports whether two laws are the same.
func (l Law) Equal(o Law) bool {
	return l.Slopes.Equal(o.Slopes) && slices.EqualFunc(l.Costs, o.Costs, func(a, b Cost) bool {
		return a.Name == b.Name && a.Formula.Equal(b.Formula)
	})
}

// Numbers lists the names of the numbers that the costs read, in the order in which they appear.
func (l Law) Numbers() []string { return l.numbersIn(l.Costs) }

// SigmaNumbers are those of the costs that read sigma.
func (l Law) SigmaNumbers() []string {
	return l.numbersIn(slices.DeleteFunc(slices.Clone(l.Costs), func(c Cost) bool { return !c.Formula.Reads(InputSigma) }))
}

func (l Law) numbersIn(costs []Cost) []string {
	var names []string
	known := append([]string{InputMu, InputSigma}, l.Parameters...)
	for _, c := range costs {
		for _, name := range c.Formula.Inputs {
			if c.Formula.Reads(name) && !slices.Contains(known, name) {
				names, known = append(names, name), append(known, name)
			}
		}
	}
	return names
}

// Standard is a law of the paper's form, for which machines have kernels of their own: terms k |mu|, any number of
// times, and terms c sigma^-rho or -c log sigma, any number of times. k, c and rho are made of numbers.
type Standard struct {
	MagnitudeTerms, ReliabilityTerms int

	magnitude, reliability Formula // k; and c with -rho, or -c alone for the logarithm
}

// Standard recognises a law of the paper's form by the form of its costs.
func (l Law) Standard() (s Standard, ok bool) {
	if l.Plain && len(l.Costs) > 0 || l.Parameters != nil {
		return s, false
	}
	for _, c := range l.Costs {
		numbers, of := c.Formula.Hoist(InputMu, InputSigma)
		product := of.Lines[of.Outputs[0]]
		negative := product.Op == OpNeg
		if negative {
			product = of.Lines[product.Args[0]]
		}
		if product.Op != OpMul {
			return s, false
		}
		found := false
		for i, x := range product.Args[:2] {
			what := of.Lines[product.Args[1-i]]
			switch {
			case what.Op == OpAbs && of.reads(what.Args[0], InputMu):
				found = s.add(&s.MagnitudeTerms, &s.magnitude, numbers, of, negative, x)
			case what.Op == OpPow && of.reads(what.Args[0], InputSigma):
				found = s.add(&s.ReliabilityTerms, &s.reliability, numbers, of, negative, x, what.Args[1])
			case what.Op == OpLog && of.reads(what.Args[0], InputSigma):
				found = s.add(&s.ReliabilityTerms, &s.reliability, numbers, of, negative, x)
			}
			if found {
				break
			}
		}
		if !found {
			return s, false
		}
	}
	return s, true
}

// reads reports whether a line is the input of the given name.
func (f Formula) reads(line int, input string) bool {
	l := f.Lines[line]
	return l.Op == OpInput && f.Inputs[l.Args[0]] == input
}

// add counts a term whose numbers, the first of them negative perhaps, are the given lines of the formula of a synapse,
// unless one of them varies from synapse to synapse or earlier terms of the kind are different.
func (s *Standard) add(terms *int, kind *Formula, numbers, of Formula, negative bool, lines ...int) bool {
	b := NewFormula(numbers.Inputs...)
	at := make([]int, len(numbers.Lines))
	numbers.rebuild(b, at, func(l Line) int { return b.Input(l.Args[0]) })
	var outputs []int
	for _, i := range lines {
		switch l := of.Lines[i]; {
		case l.Op == OpNumber:
			outputs = append(outputs, b.Number(l.Num))
		case l.Op == OpInput && l.Args[0] >= 2: // after mu and sigma
			outputs = append(outputs, at[numbers.Outputs[l.Args[0]-2]])
		default:
			return false
		}
	}
	if negative {
		outputs[0] = b.Do(OpNeg, outputs[0])
	}
	k := b.Formula(outputs...)
	if *terms > 0 && !kind.Equal(k) {
		return false
	}
	*kind = k
	*terms++
	return true
}

// PricesMeans reports whether some cost of a rule that trains depends on mu in another way than the standard form.
func (p *Program) PricesMeans() bool {
	_, trains := p.Rule.(Mover)
	return trains && slices.ContainsFunc(p.Gradients(), func(g Gradient) bool {
		return slices.ContainsFunc(g.Costs, func(c Cost) bool {
			_, standard := Law{Costs: []Cost{c}}.Standard()
			return c.Formula.Reads(InputMu) && !standard
		})
	})
}

// splitMagnitude takes summands k sign(mu) out of the first of two outputs, and leaves that output out if there is no
// more.
func (f Formula) splitMagnitude() (k float64, rest Formula) {
	b := NewFormula(f.Inputs...)
	outputs := b.Import(f)
	k, first := b.splitMagnitude(outputs[0])
	if b.is(first, 0) {
		return k, b.Formula(outputs[1:]...)
	}
	return k, b.Formula(append([]int{first}, outputs[1:]...)...)
}

func (b *FormulaBuilder) splitMagnitude(line int) (k float64, rest int) {
	l := b.lines[line]
	switch l.Op {
	case OpSign:
		if of := b.lines[l.Args[0]]; of.Op == OpInput && b.inputs[of.Args[0]] == InputMu {
			return 1, b.Number(0)
		}
	case OpNeg:
		k, rest = b.splitMagnitude(l.Args[0])
		return -k, b.Do(OpNeg, rest)
	case OpMul:
		for i, x := range l.Args[:2] {
			if v, ok := b.number(x); ok {
				if k, rest = b.splitMagnitude(l.Args[1-i]); b.is(rest, 0) {
					return v * k, rest
				}
			}
		}
	case OpAdd, OpSub:
		x, restX := b.splitMagnitude(l.Args[0])
		y, restY := b.splitMagnitude(l.Args[1])
		return Operate(l.Op, x, y, 0), b.Do(l.Op, restX, restY)
	}
	return 0, line
}

// Plain is the program with laws of the standard form run as formulas, like any other: for tests.
func (p *Program) Plain() *Program {
	q := *p
	q.Instructions = slices.Clone(p.Instructions)
	for i, instruction := range q.Instructions {
		if g, ok := GradientOf(instruction); ok {
			g.Plain = true
			q.Instructions[i] = p.Rule.Layer(g)
		}
		if u, ok := instruction.(UpdateShared); ok {
			u.Plain = true
			q.Instructions[i] = u
		}
	}
	return &q
}

// Slopes are those of one term of each kind for a member; fraction is B/N.
func (s Standard) Slopes(m Member, fraction float64) Slopes[float64] {
	var u Slopes[float64]
	if s.MagnitudeTerms > 0 {
		u.Magnitude = m.eval(s.magnitude)[0] * fraction
	}
	if s.ReliabilityTerms > 0 {
		k := m.eval(s.reliability)
		u.Reliability = -k[0] // the slope of k log sigma is k sigma^-1
		if len(k) == 2 {      // that of c sigma^-rho is -c rho sigma^-(rho+1)
			u.Rho = -k[1]
			u.Reliability = k[0] * u.Rho
		}
		u.Reliability *= fraction
	}
	return u
}

// Number is a number of the member by its name in formulas.
func (m Member) Number(name string) (float64, bool) {
	switch name {
	case "c":
		return m.C, true
	case "rho":
		return m.Rho, true
	case "lambda":
		return m.Lambda, true
	}
	v, ok := m.Numbers[name]
	return v, ok
}

// Bind is a formula with the member's numbers in it.
func (m Member) Bind(f Formula) Formula {
	numbers := map[string]float64{}
	for _, name := range f.Inputs {
		if v, ok := m.Number(name); ok {
			numbers[name] = v
		}
	}
	return f.Bind(numbers)
}

// eval is a formula of numbers only.
func (m Member) eval(f Formula) []float64 { return Eval[float64](m.Bind(f)) }

// CheckNumbers reports whether a member has all numbers that a law reads, and they are finite.
func (m Member) CheckNumbers(l Law) error {
	for _, name := range l.Numbers() {
		v, ok := m.Number(name)
		if !ok {
			return fmt.Errorf("no number for %s in the cost %s", name, l.where(name))
		}
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return fmt.Errorf("%s is %v in the cost %s: want a finite number", name, v, l.where(name))
		}
	}
	return nil
}

// where is the first cost that reads a number.
func (l Law) where(name string) Cost {
	i := slices.IndexFunc(l.Costs, func(c Cost) bool { return slices.Contains(c.Formula.Inputs, name) })
	return l.Costs[i]
}

// NamedValue is a named term of the objective and its value.
type NamedValue struct {
	Name  string
	Value float64
}

// Costs evaluates the terms of the objective of the whole data set for one network, without any factor B/N, biases
// included, and each synapse as often as it pays. Terms of one name are summed; their order is that of the first layer.
func (p *Program) Costs(s *State, m Member) []NamedValue {
	var values []NamedValue
	for _, g := range p.Gradients() {
		for _, c := range g.Costs {
			i := slices.IndexFunc(values, func(v NamedValue) bool { return v.Name == c.Name })
			if i < 0 {
				i = len(values)
				values = append(values, NamedValue{Name: c.Name})
			}
			values[i].Value += float64(float64(p.CostPer.Times(g.Window)) * c.sum(p.Layout, g.Layer, s, m))
		}
	}
	return values
}

// sum is the cost of a layer of a network, biases included.
func (c Cost) sum(l Layout, layer int, s *State, m Member) float64 {
	of, mu := l.Layers[layer], s.Mu[l.Offset(layer):]
	var phi []float32
	if l.Sharing != NoNoise {
		phi = s.Phi[l.PhiOffset(layer):]
	}
	f := m.Layer(layer).Bind(c.Formula)
	in, values, sum := make([]float64, len(f.Inputs)), make([]float64, len(f.Lines)), 0.0
	for r := range of.Out {
		for k := range of.Columns() {
			for i, name := range f.Inputs {
				at := r*of.Stride() + k
				switch theta := slices.Index(l.Parameters, name); {
				case theta >= 0:
					in[i] = float64(s.Theta[theta].Values[l.Offset(layer)+at])
				case name == InputSigma:
					in[i], _ = Softplus(float64(phi[of.PhiIndex(l.Sharing, r, k)]))
				default:
					in[i] = float64(mu[at])
				}
			}
			evaluate(f, in, values)
			sum += values[f.Outputs[0]]
		}
	}
	return sum
}
