package graph

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"quantal/internal/nearest"
	"quantal/kernels"
)

// Law is the price of one synapse as a formula of its variables, mu and sigma unless said otherwise, and of numbers.
type Law struct {
	Name      string // the name of the cost; may be empty
	Variables []string
	// One output. Its inputs are the variables and then the numbers in alphabetical order; its lines are as written,
	// except for arithmetic on constants.
	Formula kernels.Formula
}

// The largest size of a law: a limit for compilers and readers.
const (
	maxLawNodes = 200
	maxLawText  = 2000 // characters
)

// reserved are the names that cannot be numbers of a law, and why.
var reserved = map[string]string{
	nameFraction:      "every cost is multiplied by it anyway",
	nameLearningRate:  "it belongs to the rule that trains",
	nameNoiseVariance: "it belongs to the likelihood",
	nameSeed:          "noise belongs to the network, not to its price",
	"xi":              "noise belongs to the network, not to its price",
	nameStep:          "the price stays the same from step to step",
	"phi":             "sigma, which is softplus(phi), is what a law is about",
}

var (
	lawName     = regexp.MustCompile(`^\s*([^=<>!]*?)\s*=($|[^=])`)
	lawWord     = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]*$`)
	lawFunction = regexp.MustCompile(`^[a-z][a-z0-9]*$`)
)

// LawError is an error in the text of a law, and its position.
type LawError struct {
	Text    string
	Column  int // of the first character at fault, from 1
	Problem string
}

// Error shows the position on two separate lines.
func (e *LawError) Error() string {
	text, at := []rune(e.Text), min(e.Column-1, utf8.RuneCountInString(e.Text))
	const before, after = 60, 20
	from, to := max(0, at-before), min(len(text), at+after)
	return fmt.Sprintf("%s, in column %d:\n  %s\n  %s^", e.Problem, e.Column, string(text[from:to]),
		strings.Repeat(" ", at-from))
}

// ParseLaw reads a law such as "reliability = c * sigma^-rho", or without a name. Variables are mu and sigma unless
// others are given; other names are numbers. It knows + - * / ^ (also written **), comparisons (1 if they hold, else
// 0), condition ? a : b, and the functions of package kernels, including select(condition, a, b), with pow(a, b) for
// a^b. Powers bind before signs and from the right: -a^2 is -(a^2), a^b^c is a^(b^c). It is an error if the law depends
// on no variable. An error is a *LawError.
func ParseLaw(text string, variables ...string) (Law, error) {
	l, at, err := parseLaw(text, variables)
	if err == nil && !l.Varies() {
		err = &LawError{text, at, "want a formula that depends on " + strings.Join(l.Variables, " or ")}
	}
	return l, err
}

// ParseTerm is ParseLaw for a law that may depend on the quantities of a Synapse alone, which are numbers to it.
func ParseTerm(text string) (Law, error) {
	l, _, err := parseLaw(text, nil)
	return l, err
}

// Varies reports whether the law depends on a variable.
func (l Law) Varies() bool { return slices.ContainsFunc(l.Variables, l.Formula.Reads) }

// parseLaw also returns the column at which the formula begins.
func parseLaw(text string, variables []string) (Law, int, error) {
	if len(variables) == 0 {
		variables = []string{"mu", "sigma"}
	}
	p := lawParser{text: strings.Map(oneLine, text), inputs: slices.Clone(variables), variables: len(variables)}
	if n := utf8.RuneCountInString(text); n > maxLawText || !utf8.ValidString(text) {
		return Law{}, 0, p.refuse(1, "want a formula of at most %d characters in UTF-8, got %d", maxLawText, n)
	}
	return p.law()
}

// oneLine makes columns count.
func oneLine(r rune) rune {
	if r == '\n' || r == '\r' || r == '\t' {
		return ' '
	}
	return r
}

type lawParser struct {
	text      string
	inputs    []string // variables, then numbers
	variables int
	nodes     int
	lines     []kernels.Line
}

func (p *lawParser) refuse(column int, format string, args ...any) error {
	return &LawError{Text: p.text, Column: column, Problem: fmt.Sprintf(format, args...)}
}

func (p *lawParser) refuseAt(n ast.Node, format string, args ...any) error {
	return p.refuse(n.Location().From+1, format, args...)
}

func (p *lawParser) law() (Law, int, error) {
	l := Law{Variables: p.inputs[:p.variables:p.variables]}
	source := p.text
	if m := lawName.FindStringSubmatchIndex(source); m != nil {
		l.Name = source[m[2]:m[3]]
		before := utf8.RuneCountInString(source[:m[4]])
		if !lawWord.MatchString(l.Name) {
			return l, 0, p.refuse(1, "want a name of letters, digits and underscores before =, got %q", l.Name)
		}
		source = strings.Repeat(" ", before) + source[m[4]:]
	}
	if strings.TrimSpace(source) == "" {
		return l, 0, p.refuse(utf8.RuneCountInString(source)+1, "want a formula such as c * sigma^-rho, got nothing")
	}
	tree, err := parser.Parse(source)
	if err != nil {
		return l, 0, p.syntax(err)
	}
	root, err := p.node(tree.Node)
	if err != nil {
		return l, 0, err
	}
	l.Formula = p.formula(root)
	return l, tree.Node.Location().From + 1, nil
}

// unexpected is how the parser writes a token that it does not accept.
var unexpected = regexp.MustCompile(`^unexpected token (?:EOF|\w+\((".*")\))$`)

// syntax is the parser's message, without its words for tokens.
func (p *lawParser) syntax(err error) error {
	var e *file.Error
	if !errors.As(err, &e) {
		return p.refuse(1, "%v", err)
	}
	switch m := unexpected.FindStringSubmatch(e.Message); {
	case m != nil && m[1] != "":
		return p.refuse(e.From+1, "did not expect %s here", m[1])
	case m != nil:
		return p.refuse(utf8.RuneCountInString(p.text)+1, "the formula ends too early")
	}
	return p.refuse(e.From+1, "%s", e.Message)
}

func (p *lawParser) line(l kernels.Line) int {
	p.lines = append(p.lines, l)
	return len(p.lines) - 1
}

func (p *lawParser) number(v float64) int { return p.line(kernels.Line{Op: kernels.OpNumber, Num: v}) }

// operators are those with two arguments, as operations, some with their arguments swapped.
var operators = map[string]struct {
	op   kernels.Op
	swap bool
}{
	"+": {kernels.OpAdd, false}, "-": {kernels.OpSub, false}, "*": {kernels.OpMul, false}, "/": {kernels.OpDiv, false},
	"^": {kernels.OpPow, false}, "**": {kernels.OpPow, false}, "<": {kernels.OpLess, false},
	"<=": {kernels.OpLessEqual, false}, ">": {kernels.OpLess, true}, ">=": {kernels.OpLessEqual, true},
	"==": {kernels.OpEqual, false},
}

// functions are the operations that are written as functions, and pow.
var functions = func() map[string]kernels.Op {
	all := map[string]kernels.Op{"pow": kernels.OpPow}
	for _, o := range kernels.Ops() {
		if lawFunction.MatchString(o.String()) {
			all[o.String()] = o
		}
	}
	return all
}()

// Functions lists the functions that a law may use.
func Functions() []string { return slices.Sorted(maps.Keys(functions)) }

// node writes the lines of a node and returns the last.
func (p *lawParser) node(n ast.Node) (int, error) {
	if p.nodes++; p.nodes > maxLawNodes {
		return 0, p.refuseAt(n, "the formula is too long: want at most %d operations, names and numbers", maxLawNodes)
	}
	switch n := n.(type) {
	case *ast.IntegerNode:
		return p.number(float64(n.Value)), nil
	case *ast.FloatNode:
		return p.number(n.Value), nil
	case *ast.IdentifierNode:
		return p.name(n)
	case *ast.UnaryNode:
		switch n.Operator {
		case "-":
			return p.do(n, kernels.OpNeg, n.Node)
		case "+":
			return p.node(n.Node)
		}
		return 0, p.refuseAt(n, "operator %q is not one of a law", n.Operator)
	case *ast.BinaryNode:
		b, ok := operators[n.Operator]
		switch {
		case n.Operator == "!=":
			equal, err := p.do(n, kernels.OpEqual, n.Left, n.Right)
			if err != nil {
				return 0, err
			}
			return p.fold(n, kernels.OpEqual, equal, p.number(0))
		case !ok:
			return 0, p.refuseAt(n, "operator %q is not one of a law", n.Operator)
		case b.swap:
			return p.do(n, b.op, n.Right, n.Left)
		}
		return p.do(n, b.op, n.Left, n.Right)
	case *ast.ConditionalNode:
		if !n.Ternary {
			return 0, p.refuseAt(n.Cond, "operator \"if\" is not one of a law: want condition ? a : b")
		}
		return p.do(n, kernels.OpSelect, n.Cond, n.Exp1, n.Exp2)
	case *ast.BuiltinNode:
		return p.call(n, n.Name, n.Arguments)
	case *ast.CallNode:
		if f, ok := n.Callee.(*ast.IdentifierNode); ok {
			return p.call(n, f.Value, n.Arguments)
		}
	}
	kind := strings.TrimSuffix(strings.TrimPrefix(fmt.Sprintf("%T", n), "*ast."), "Node")
	return 0, p.refuseAt(n, "a law has no construct of the kind %q: want numbers, names, operators and functions",
		strings.ToLower(kind))
}

// name is a variable or a number.
func (p *lawParser) name(n *ast.IdentifierNode) (int, error) {
	name := n.Value
	i := slices.Index(p.inputs, name)
	why, isReserved := reserved[name]
	_, isFunction := functions[name]
	switch {
	case i >= 0:
	case isReserved:
		return 0, p.refuseAt(n, "%s is not allowed in a law: %s", name, why)
	case isFunction:
		return 0, p.refuseAt(n, "%s is a function: want its arguments in brackets after it", name)
	case !lawWord.MatchString(name):
		return 0, p.refuseAt(n, "want names of letters, digits and underscores, got %q", name)
	default:
		i = len(p.inputs)
		p.inputs = append(p.inputs, name)
	}
	return p.line(kernels.Line{Op: kernels.OpInput, Args: [3]int{i}}), nil
}

func (p *lawParser) call(n ast.Node, name string, arguments []ast.Node) (int, error) {
	o, ok := functions[name]
	if !ok {
		return 0, p.refuseAt(n, "there is no function %q: %s", name, nearest.OneOf(name, Functions()))
	}
	if len(arguments) != o.Arity() {
		return 0, p.refuseAt(n, "function %s has %d arguments, got %d", name, o.Arity(), len(arguments))
	}
	return p.do(n, o, arguments...)
}

func (p *lawParser) do(n ast.Node, o kernels.Op, arguments ...ast.Node) (int, error) {
	lines := make([]int, len(arguments))
	for i, a := range arguments {
		var err error
		if lines[i], err = p.node(a); err != nil {
			return 0, err
		}
	}
	return p.fold(n, o, lines...)
}

// fold writes an operation, or its value if it is one on constants.
func (p *lawParser) fold(n ast.Node, o kernels.Op, lines ...int) (int, error) {
	l := kernels.Line{Op: o}
	var v [3]float64
	constant := true
	for i, at := range lines {
		l.Args[i], v[i] = at, p.lines[at].Num
		constant = constant && p.lines[at].Op == kernels.OpNumber
	}
	if !constant {
		return p.line(l), nil
	}
	value := kernels.Operate(o, v[0], v[1], v[2])
	if math.IsNaN(value) || math.IsInf(value, 0) {
		return 0, p.refuseAt(n, "%q of these constants is not a finite number", o)
	}
	return p.number(value), nil
}

// formula has the lines that the last one needs, each once, and the numbers in alphabetical order.
func (p *lawParser) formula(root int) kernels.Formula {
	f := kernels.Formula{Inputs: slices.Clone(p.inputs[:p.variables])}
	var numbers []string
	type key struct {
		kernels.Line
		bits uint64 // 0 is not -0
	}
	known := map[key]int{}
	var needed func(i int) int
	needed = func(i int) int {
		l := p.lines[i]
		for j := range l.Op.Arity() {
			l.Args[j] = needed(l.Args[j])
		}
		k := key{l, math.Float64bits(l.Num)}
		if at, ok := known[k]; ok {
			return at
		}
		if l.Op == kernels.OpInput && l.Args[0] >= p.variables {
			numbers = append(numbers, p.inputs[l.Args[0]])
		}
		known[k] = len(f.Lines)
		f.Lines = append(f.Lines, l)
		return known[k]
	}
	f.Outputs = []int{needed(root)}
	slices.Sort(numbers)
	f.Inputs = append(f.Inputs, numbers...)
	for i, l := range f.Lines {
		if l.Op == kernels.OpInput {
			f.Lines[i].Args[0] = slices.Index(f.Inputs, p.inputs[l.Args[0]])
		}
	}
	return f
}

// Numbers lists the names of the law's numbers in alphabetical order.
func (l Law) Numbers() []string { return l.Formula.Inputs[len(l.Variables):] }

// Text is the formula in canonical form: necessary brackets, standard spaces, constants computed. It reads back as the
// same law.
func (l Law) Text() string { return l.Formula.String() }

// String is the law in canonical form, with its name.
func (l Law) String() string {
	if l.Name == "" {
		return l.Text()
	}
	return l.Name + " = " + l.Text()
}

// Apply adds the law to the graph of its variables and numbers, which are tensors of one shape and scalars of one type,
// by name. The result has the price of each synapse.
func (l Law) Apply(inputs map[string]*gorgonia.Node) (*gorgonia.Node, error) {
	w := writer{dt: tensor.Float64}
	nodes := make([]*gorgonia.Node, len(l.Formula.Lines))
	for i, name := range l.Formula.Inputs {
		n := inputs[name]
		if n == nil && i >= len(l.Variables) {
			return nil, fmt.Errorf("graph: law %q: there is no number %s", l, name)
		}
		if n != nil {
			w.dt = n.Dtype()
		}
	}
	for i, line := range l.Formula.Lines {
		switch line.Op {
		case kernels.OpInput:
			name := l.Formula.Inputs[line.Args[0]]
			if nodes[i] = inputs[name]; nodes[i] == nil {
				return nil, fmt.Errorf("graph: law %q: there is no variable %s", l, name)
			}
		case kernels.OpNumber:
			nodes[i] = w.number(line.Num)
		default:
			var in gorgonia.Nodes
			for j := range line.Op.Arity() {
				in = append(in, nodes[line.Args[j]])
			}
			nodes[i] = w.do(line.Op, in...)
		}
	}
	if w.err != nil {
		return nil, fmt.Errorf("graph: law %q: %w", l, w.err)
	}
	return nodes[l.Formula.Outputs[0]], nil
}

// Slopes is the law's value and then its derivative with respect to each of its variables, as derived by Gorgonia, in
// one formula of the law's inputs.
func (l Law) Slopes() (kernels.Formula, error) {
	g := gorgonia.NewGraph()
	inputs := map[string]*gorgonia.Node{}
	var read gorgonia.Nodes // Gorgonia has no derivative with respect to what is not in the expression
	for i, name := range l.Formula.Inputs {
		if i >= len(l.Variables) {
			inputs[name] = gorgonia.NewScalar(g, tensor.Float64, gorgonia.WithName(name))
			continue
		}
		// Gorgonia treats a tensor of one entry as a scalar here and there.
		inputs[name] = gorgonia.NewVector(g, tensor.Float64, gorgonia.WithShape(2), gorgonia.WithName(name))
		if slices.ContainsFunc(l.Formula.Lines, func(line kernels.Line) bool {
			return line.Op == kernels.OpInput && line.Args[0] == i
		}) {
			read = append(read, inputs[name])
		}
	}
	value, err := l.Apply(inputs)
	if err != nil {
		return kernels.Formula{}, err
	}
	sum, err := gorgonia.Sum(value)
	if err != nil {
		return kernels.Formula{}, fmt.Errorf("graph: law %q: %w", l, err)
	}
	if _, err := gorgonia.Grad(sum, read...); err != nil {
		return kernels.Formula{}, fmt.Errorf("graph: law %q: %w", l, err)
	}
	outputs := gorgonia.Nodes{value}
	for _, name := range l.Variables {
		if d := inputs[name].Deriv(); d != nil {
			outputs = append(outputs, d)
		} else {
			outputs = append(outputs, gorgonia.NewConstant(0.))
		}
	}
	f, err := lower(outputs, func(n *gorgonia.Node) (string, bool) {
		return n.Name(), n.IsVar() && slices.Contains(read, n)
	}, l.Formula.Inputs...)
	if err != nil {
		return f, fmt.Errorf("graph: law %q: %w", l, err)
	}
	return f, nil
}
