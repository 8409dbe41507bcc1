package graph

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"gonum.org/v1/gonum/diff/fd"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
	"pgregory.net/rapid"

	"quantal/kernels"
	"quantal/synapse"
)

// term is a random formula: its text, and its value computed here, without package kernels. The second result is
// whether the point is away from kinks, jumps and singular points.
type term struct {
	text string
	eval func(at map[string]float64) (float64, bool)
}

const margin = 0.1 // from what makes a point unfit

var lawNames = []string{"mu", "sigma", "c", "rho"}

func drawTerm(t *rapid.T, depth int) term {
	if depth == 0 || rapid.IntRange(0, 7).Draw(t, "leaf") == 0 {
		if rapid.IntRange(0, 3).Draw(t, "number") == 0 {
			v := rapid.SampledFrom([]float64{0.25, 0.5, 1, 2, 3, 0.3, 1.7}).Draw(t, "value")
			return term{fmt.Sprint(v), func(map[string]float64) (float64, bool) { return v, true }}
		}
		name := rapid.SampledFrom(lawNames).Draw(t, "name")
		return term{name, func(at map[string]float64) (float64, bool) { return at[name], true }}
	}
	f := rapid.SampledFrom(termKinds).Draw(t, "kind")
	var args [3]term
	texts := make([]any, f.arity)
	for i := range f.arity {
		args[i] = drawTerm(t, depth-1)
		texts[i] = "(" + args[i].text + ")"
	}
	return term{fmt.Sprintf(f.format, texts...), func(at map[string]float64) (float64, bool) {
		var v [3]float64
		fit := true
		for i := range f.arity {
			var ok bool
			v[i], ok = args[i].eval(at)
			fit = fit && ok
		}
		value, ok := f.eval(v[0], v[1], v[2])
		return value, ok && fit && math.Abs(value) < 1000
	}}
}

func truth(holds bool) float64 {
	if holds {
		return 1
	}
	return 0
}

func apart(a, b float64) bool { return math.Abs(a-b) > margin }

var termKinds = []struct {
	format string
	arity  int
	eval   func(a, b, c float64) (value float64, fit bool)
}{
	{"%s + %s", 2, func(a, b, _ float64) (float64, bool) { return a + b, true }},
	{"%s - %s", 2, func(a, b, _ float64) (float64, bool) { return a - b, true }},
	{"%s * %s", 2, func(a, b, _ float64) (float64, bool) { return a * b, true }},
	{"%s / %s", 2, func(a, b, _ float64) (float64, bool) { return a / b, apart(b, 0) }},
	{"%s ^ %s", 2, func(a, b, _ float64) (float64, bool) { return math.Pow(a, b), a > margin && math.Abs(b) < 5 }},
	{"pow(%s, %s)", 2, func(a, b, _ float64) (float64, bool) { return math.Pow(a, b), a > margin && math.Abs(b) < 5 }},
	{"-%s", 1, func(a, _, _ float64) (float64, bool) { return -a, true }},
	{"min(%s, %s)", 2, func(a, b, _ float64) (float64, bool) { return math.Min(a, b), apart(a, b) }},
	{"max(%s, %s)", 2, func(a, b, _ float64) (float64, bool) { return math.Max(a, b), apart(a, b) }},
	{"%s < %s", 2, func(a, b, _ float64) (float64, bool) { return truth(a < b), apart(a, b) }},
	{"%s <= %s", 2, func(a, b, _ float64) (float64, bool) { return truth(a <= b), apart(a, b) }},
	{"%s > %s", 2, func(a, b, _ float64) (float64, bool) { return truth(a > b), apart(a, b) }},
	{"%s >= %s", 2, func(a, b, _ float64) (float64, bool) { return truth(a >= b), apart(a, b) }},
	{"%s == %s", 2, func(a, b, _ float64) (float64, bool) { return truth(a == b), apart(a, b) }},
	{"%s != %s", 2, func(a, b, _ float64) (float64, bool) { return truth(a != b), apart(a, b) }},
	{"abs(%s)", 1, func(a, _, _ float64) (float64, bool) { return math.Abs(a), apart(a, 0) }},
	{"sign(%s)", 1, func(a, _, _ float64) (float64, bool) { return math.Copysign(1, a), apart(a, 0) }},
	{"square(%s)", 1, func(a, _, _ float64) (float64, bool) { return a * a, true }},
	{"sqrt(%s)", 1, func(a, _, _ float64) (float64, bool) { return math.Sqrt(a), a > margin }},
	{"exp(%s)", 1, func(a, _, _ float64) (float64, bool) { return math.Exp(a), a < 5 }},
	{"log(%s)", 1, func(a, _, _ float64) (float64, bool) { return math.Log(a), a > margin }},
	{"log1p(%s)", 1, func(a, _, _ float64) (float64, bool) { return math.Log1p(a), a > margin-1 }},
	{"expm1(%s)", 1, func(a, _, _ float64) (float64, bool) { return math.Expm1(a), a < 5 }},
	{"tanh(%s)", 1, func(a, _, _ float64) (float64, bool) { return math.Tanh(a), math.Abs(a) < 5 }},
	{"sigmoid(%s)", 1, func(a, _, _ float64) (float64, bool) { return 1 / (1 + math.Exp(-a)), math.Abs(a) < 10 }},
	{"softplus(%s)", 1, func(a, _, _ float64) (float64, bool) { return math.Log1p(math.Exp(a)), math.Abs(a) < 10 }},
	{"select(%s, %s, %s)", 3, choose},
	{"%s ? %s : %s", 3, choose},
}

func choose(a, b, c float64) (float64, bool) {
	if a != 0 {
		return b, apart(a, 0)
	}
	return c, true // a comparison, or a number
}

// fourth is the central difference of fourth order.
var fourth = fd.Formula{
	Stencil: []fd.Point{{Loc: -2, Coeff: 1. / 12}, {Loc: -1, Coeff: -2. / 3}, {Loc: 1, Coeff: 2. / 3},
		{Loc: 2, Coeff: -1. / 12}},
	Derivative: 1, Step: 1e-4,
}

func fullInputs(f kernels.Formula, at map[string]float64) []float64 {
	in := make([]float64, len(f.Inputs))
	for i, name := range f.Inputs {
		in[i] = at[name]
	}
	return in
}

// tape runs a law, with sigma the softplus of an input phi, as a graph, and returns its values and its gradients with
// respect to mu and sigma.
func tape(t *rapid.T, l Law, points []map[string]float64) (values, dmu, dsigma []float64) {
	g := gorgonia.NewGraph()
	must := func(n *gorgonia.Node, err error) *gorgonia.Node {
		if err != nil {
			t.Fatalf("%v: %v", l, err)
		}
		return n
	}
	input := func(name string, of func(float64) float64) *gorgonia.Node {
		v := make([]float64, len(points))
		for i, at := range points {
			v[i] = of(at[name])
		}
		return gorgonia.NewMatrix(g, tensor.Float64, gorgonia.WithShape(2, len(points)/2), gorgonia.WithName(name),
			gorgonia.WithValue(tensor.New(tensor.WithShape(2, len(points)/2), tensor.WithBacking(v))))
	}
	mu := input("mu", func(x float64) float64 { return x })
	phi := input("sigma", func(x float64) float64 { return math.Log(math.Expm1(x)) })
	inputs := map[string]*gorgonia.Node{"mu": mu, "sigma": must(gorgonia.Softplus(phi))}
	for _, name := range l.Numbers() {
		inputs[name] = gorgonia.NewScalar(g, tensor.Float64, gorgonia.WithName(name), gorgonia.WithValue(points[0][name]))
	}
	value := must(l.Apply(inputs))
	// Gorgonia refuses gradients with respect to what is not in the expression.
	weight := must(gorgonia.Add(mu, phi))
	_, err := gorgonia.Grad(must(gorgonia.Add(must(gorgonia.Sum(value)), must(gorgonia.Sum(weight)))), mu, phi)
	must(nil, err)
	var kept gorgonia.Value // the machine overwrites the value's own buffer
	gorgonia.Read(value, &kept)
	vm := gorgonia.NewTapeMachine(g)
	defer vm.Close()
	must(nil, vm.RunAll())
	data := func(n *gorgonia.Node) []float64 { return slices.Clone(n.Value().Data().([]float64)) }
	values, dmu, dsigma = kept.Data().([]float64), data(mu.Deriv()), data(phi.Deriv())
	for i := range dmu { // less the slopes of weight
		dmu[i]--
		dsigma[i] = (dsigma[i] - 1) / -math.Expm1(-points[i]["sigma"])
	}
	return values, dmu, dsigma
}

// Lowered formulas have the values that a recursive evaluation has, the slopes that finite differences have, and both
// agree with Gorgonia's own machine.
func TestLawsHaveTheirSlopes(t *testing.T) {
	compared := 0
	used := map[string]bool{}
	rapid.Check(t, func(t *rapid.T) {
		for range 12 {
			drawn := drawTerm(t, 4)
			at := map[string]float64{}
			for _, name := range lawNames {
				at[name] = rapid.Float64Range(0.2, 2.5).Draw(t, name)
			}
			if rapid.Bool().Draw(t, "negative") {
				at["mu"] = -at["mu"]
			}
			want, fit := drawn.eval(at)
			if !fit {
				continue
			}
			l, err := ParseLaw(drawn.text)
			if err != nil { // only constants, or a division by constants that give 0
				continue
			}
			compared++
			for _, o := range l.Formula.Lines {
				used[o.Op.String()] = true
			}
			checkLaw(t, l, drawn, at, want)
		}
	})
	// With input and number, and one - for two.
	if !testing.Short() && compared < 200 || len(used) != len(kernels.Ops())+1 {
		t.Errorf("compared %d formulas of %d operations, want 200 of all: %v", compared, len(used), used)
	}
}

func checkLaw(t *rapid.T, l Law, drawn term, at map[string]float64, want float64) {
	f, err := l.Slopes()
	if err != nil {
		t.Fatalf("%s: %v", drawn.text, err)
	}
	in := fullInputs(f, at)
	got := kernels.Eval(f, in...)
	scale := 1 + math.Abs(want)
	if written := kernels.Eval(l.Formula, in...)[0]; math.Abs(got[0]-want) > 1e-11*scale ||
		math.Abs(written-want) > 1e-11*scale {
		t.Fatalf("%s: lowered to %v, which is %g, and %v, which is %g, want %g", drawn.text, f, got[0], l, written, want)
	}
	for i, name := range l.Variables {
		fit := true
		difference := fd.Derivative(func(x float64) float64 {
			moved := maps.Clone(at)
			moved[name] = x
			v, ok := drawn.eval(moved)
			fit = fit && ok
			return v
		}, at[name], &fd.Settings{Formula: fourth})
		if slope := got[i+1]; fit && math.Abs(slope-difference) > 1e-6*(scale+math.Abs(slope)) {
			t.Fatalf("%s at %v: slope along %s %g, want %g", drawn.text, at, name, slope, difference)
		}
	}
	points := make([]map[string]float64, 6)
	for i := range points {
		points[i] = maps.Clone(at)
		points[i]["mu"] *= 1 + 1e-3*float64(i)
		points[i]["sigma"] *= 1 - 1e-3*float64(i)
	}
	values, dmu, dsigma := tape(t, l, points)
	for i, at := range points {
		got := kernels.Eval(f, fullInputs(f, at)...)
		for j, want := range []float64{values[i], dmu[i], dsigma[i]} {
			if math.Abs(got[j]-want) > 1e-11*(scale+math.Abs(want)) {
				t.Fatalf("%s at %v: output %d is %g, and %g from Gorgonia", drawn.text, at, j, got[j], want)
			}
		}
	}
}

// A network that pays a law compiles, whatever the law, with the law's own slopes.
func TestLawsCompile(t *testing.T) {
	compared := 0
	rapid.Check(t, func(t *rapid.T) {
		for range 5 {
			text := drawTerm(t, 4).text
			l, err := ParseLaw("price = " + text)
			if err != nil {
				continue
			}
			want, err := l.Slopes()
			if err != nil {
				t.Fatal(err)
			}
			program, err := CompileSpec(Spec{Sizes: []int{3, 2}, Batch: 1, Costs: []Law{l}}, kernels.DefaultAdam())
			if err != nil {
				if strings.Contains(err.Error(), "the gradient has NaN") { // such as that of log(-1)^0, which is 1
					continue
				}
				t.Fatalf("%s: %v", text, err)
			}
			var got kernels.Formula
			for _, i := range program.Instructions {
				if u, ok := i.(kernels.Update); ok {
					got = u.Slopes
				}
			}
			at := map[string]float64{kernels.InputFraction: 0.5}
			for _, name := range lawNames {
				at[name] = rapid.Float64Range(0.2, 2.5).Draw(t, name)
			}
			slopes, own := kernels.Eval(got, fullInputs(got, at)...), kernels.Eval(want, fullInputs(want, at)...)[1:]
			for i := range own {
				if v := own[i] / 2; finite(v) && math.Abs(slopes[i]-v) > 1e-9*(1+math.Abs(v)) {
					t.Fatalf("%s at %v: slope %g, want %g", text, at, slopes[i], v)
				}
			}
			compared++
		}
	})
	if compared < 200 && !testing.Short() {
		t.Errorf("compared %d laws, want 200", compared)
	}
}

// The check of Compile notices wrong slopes of every law with a name, steep ones too, and no right ones.
// A law whose terms cancel has a slope of 0, and differences that are rounding alone.
func TestCancellingLawsCompile(t *testing.T) {
	for _, text := range []string{
		"-((0.5-(0.25+mu)) + (mu-0.25))", "1000*((mu+0.3)-mu-0.3)", "(sigma+0.1)-sigma", "c*((1e6+mu)-1e6-mu)",
		"(mu*sigma+0.7)-sigma*mu", "square(mu+0.1)-square(mu)-0.2*mu", "log(exp(sigma))-sigma+1e-9*sigma",
	} {
		l, err := ParseLaw("price = " + text)
		if err == nil {
			_, err = CompileSpec(Spec{Sizes: []int{3, 2}, Batch: 1, Costs: []Law{l}}, kernels.DefaultAdam())
		}
		if err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestWrongSlopesAreNoticed(t *testing.T) {
	texts := []string{"steep = c*sigma^-8*exp(mu)", "kinks = min(abs(mu), sigma) + max(sigma, c)"}
	for _, named := range synapse.Laws() {
		texts = append(texts, named.Text())
	}
	for _, text := range texts {
		l, err := ParseLaw(text)
		if err != nil {
			t.Fatal(err)
		}
		f, err := l.Slopes()
		if err != nil {
			t.Fatal(err)
		}
		law := func(factor float64, weighted bool) kernels.Law {
			b := kernels.NewFormula(append(slices.Clone(f.Inputs), kernels.InputFraction)...)
			weight := b.Number(factor)
			if weighted {
				weight = b.Do(kernels.OpMul, weight, b.Input(len(f.Inputs)))
			}
			mu, sigma := b.Sum(f, f.Outputs[1:2]), b.Sum(f, f.Outputs[2:])
			return kernels.Law{
				Costs:  []kernels.Cost{{Name: l.Name, Formula: l.Formula}},
				Slopes: b.Formula(b.Do(kernels.OpMul, weight, mu), b.Do(kernels.OpMul, weight, sigma)),
			}
		}
		if err := checkSlopes(law(1, true)); err != nil {
			t.Errorf("%v: %v", l, err)
		}
		for fault, wrong := range map[string]kernels.Law{"1 % off": law(1.01, true), "the other sign": law(-1, true),
			"without B/N": law(1, false), "not there": law(0, true)} {
			if checkSlopes(wrong) == nil {
				t.Errorf("%v: slopes that are %s go unnoticed", l, fault)
			}
		}
	}
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// The precedence of powers and signs is the mathematical one, and what is written back reads the same.
func TestLawText(t *testing.T) {
	at := map[string]float64{"mu": 1.3, "sigma": 0.7, "a": 1.1, "b": 2.3, "rho": 0.4}
	for _, c := range []struct {
		text, canonical string
		want            float64
	}{
		{"-mu^2", "-mu^2", -1.69},
		{"(-mu)^2", "(-mu)^2", 1.69},
		{"2^-rho*mu", "2^-rho*mu", math.Pow(2, -0.4) * 1.3},
		{"2**-rho*mu", "2^-rho*mu", math.Pow(2, -0.4) * 1.3},
		{"mu^a^b", "mu^a^b", math.Pow(1.3, math.Pow(1.1, 2.3))},
		{"(mu^a)^b", "(mu^a)^b", math.Pow(1.3, 1.1*2.3)},
		{"-mu^-a^b", "-mu^-a^b", -math.Pow(1.3, -math.Pow(1.1, 2.3))},
		{"a/b*mu", "a/b*mu", 1.1 / 2.3 * 1.3},
		{"a - b - mu", "a - b - mu", 1.1 - 2.3 - 1.3},
		{"a - (b - mu)", "a - (b - mu)", 1.1 - (2.3 - 1.3)},
		{"-a*mu + b", "-a*mu + b", -1.1*1.3 + 2.3},
		{"a - -mu", "a - -mu", 1.1 + 1.3},
		{"sigma ^ (-1/2)", "sigma^-0.5", math.Pow(0.7, -0.5)},
		{"1/3*mu", "0.3333333333333333*mu", 1.3 / 3},
		{"mu*1e6 + 0x10 + .5", "mu*1e+06 + 16 + 0.5", 1.3e6 + 16.5},
		{"mu < 1 == 0", "(mu < 1) == 0", 1},
		{"mu > 1 ? sigma : a", "select(1 < mu, sigma, a)", 0.7},
		{"(mu != 1) * pow(sigma, 2)", "((mu == 1) == 0)*sigma^2", 0.49},
		{"price = +mu", "price = mu", 1.3},
		{"price = mu == 1.3", "price = mu == 1.3", 1},
	} {
		l, err := ParseLaw(c.text)
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		if got := kernels.Eval(l.Formula, fullInputs(l.Formula, at)...)[0]; math.Abs(got-c.want) > 1e-14*math.Abs(c.want) {
			t.Errorf("%s is %g, want %g", c.text, got, c.want)
		}
		again, err := ParseLaw(c.canonical)
		if err != nil || l.String() != c.canonical || again.String() != c.canonical {
			t.Errorf("%s reads back as %v, and that as %v, want %s; %v", c.text, l, again, c.canonical, err)
		}
	}
	l, err := ParseLaw("n*p^b + a*0*x", "n", "p", "q")
	if err != nil || !slices.Equal(l.Numbers(), []string{"a", "b", "x"}) || !slices.Equal(l.Formula.Inputs,
		[]string{"n", "p", "q", "a", "b", "x"}) {
		t.Errorf("got the inputs %v, %v", l.Formula.Inputs, err)
	}
}

func TestLawRefusals(t *testing.T) {
	for text, want := range map[string]string{
		"c * sigma +":                     "12: the formula ends too early",
		"c * (sigma":                      "11: the formula ends too early",
		"c sigma":                         `3: did not expect "sigma" here`,
		"c * * sigma":                     `5: did not expect "*" here`,
		"c = ":                            "5: want a formula such as c * sigma^-rho, got nothing",
		"my law = sigma":                  `1: want a name of letters, digits and underscores before =, got "my law"`,
		"cost = c\n * sgima(mu)":          `13: there is no function "sgima"`,
		"cost = exp + mu":                 "8: exp is a function: want its arguments in brackets after it",
		"min(mu)":                         "1: function min has 2 arguments, got 1",
		"sigma^step":                      "7: step is not allowed in a law: the price stays the same from step to step",
		"mu + 2 / (1 - 1)":                `8: "/" of these constants is not a finite number`,
		"mu and sigma":                    `4: operator "and" is not one of a law`,
		"not mu":                          `1: operator "not" is not one of a law`,
		"0 < mu < 1":                      `8: operator "&&" is not one of a law`,
		"mu % 2":                          `4: operator "%" is not one of a law`,
		"if mu > 0 { 1 } else { mu }":     `7: operator "if" is not one of a law: want condition ? a : b`,
		"'text'":                          `1: a law has no construct of the kind "string"`,
		"[mu, sigma]":                     `1: a law has no construct of the kind "array"`,
		"mu + {a: 1}":                     `6: a law has no construct of the kind "map"`,
		"mu.x":                            `4: a law has no construct of the kind "member"`,
		"mu; sigma":                       `1: a law has no construct of the kind "sequence"`,
		"true":                            `1: a law has no construct of the kind "bool"`,
		"sum(mu)":                         `1: there is no function "sum"`,
		"c*2":                             "2: want a formula that depends on mu or sigma",
		"mu + é":                          "6: want names of letters, digits and underscores",
		"":                                "1: want a formula such as c * sigma^-rho, got nothing",
		"\xff":                            "1: want a formula of at most 2000 characters in UTF-8",
		strings.Repeat("mu+", 100) + "mu": "want at most 200 operations, names and numbers",
		strings.Repeat("(", 2001):         "1: want a formula of at most 2000 characters in UTF-8, got 2001",
	} {
		_, err := ParseLaw(text)
		var e *LawError
		if !errors.As(err, &e) {
			t.Errorf("%q: got %v, want a LawError", text, err)
			continue
		}
		if got := fmt.Sprintf("%d: %s", e.Column, e.Problem); !strings.HasPrefix(got, want) &&
			!strings.HasSuffix(got, want) {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
		if shown := strings.Split(e.Error(), "\n"); len(shown) != 3 || !strings.HasSuffix(shown[2], "^") {
			t.Errorf("%q: the place is not shown: %v", text, e)
		}
	}
}

// hostile has the words of laws and other text.
var hostile = []string{"mu", "sigma", "c", "rho", "0", "1", "-1", "2.5", "1e308", "1e-308", "+", "-", "*", "/", "^",
	"**", "(", ")", "(", ")", ",", "<", "<=", "==", "!=", "?", ":", "log(", "exp(", "sqrt(", "select(", "min(", "pow(",
	"abs(",
	"tanh(", "log(-1)", "1/0", "log(0 - mu)", "a.b", "[", "]", "{", "}", "'", "\"", "`", ";", "|", "??", "..", "#",
	"let x =", "if", "else", "and", "not", "nil", "true", "seed", "=", "é", "\x00", "\xff", "\n", " ", "//", "/*",
	"99999999999999999999"}

// survives checks that a text is read, differentiated and evaluated, or refused with a position and a message.
func survives(t interface{ Fatalf(string, ...any) }, text string) {
	l, err := ParseLaw(text)
	if err != nil {
		var e *LawError
		if !errors.As(err, &e) || e.Problem == "" || e.Column < 1 || e.Column > utf8.RuneCountInString(e.Text)+1 {
			t.Fatalf("%q: refused without a place: %#v", text, err)
		}
		return
	}
	again, err := ParseLaw(l.String())
	if err != nil || again.String() != l.String() {
		t.Fatalf("%q: reads back as %q, and that as %q, %v", text, l, again, err)
	}
	f, err := l.Slopes()
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	for _, x := range []float64{0, -1, 1e300, math.NaN(), math.Inf(1)} {
		in := make([]float64, len(f.Inputs))
		for i := range in {
			in[i] = x
		}
		kernels.Eval(f, in...)
		kernels.Eval(l.Formula, in...)
	}
}

func TestHostileLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		for range 34 {
			survives(t, strings.Join(rapid.SliceOfN(rapid.SampledFrom(hostile), 1, 30).Draw(t, "words"), ""))
			survives(t, drawTerm(t, 5).text)
			survives(t, string(rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(t, "bytes")))
		}
	})
	deep := "mu"
	for range 180 {
		deep = "exp(" + deep + ")"
	}
	for _, text := range []string{deep, strings.Repeat("(", 900) + "mu" + strings.Repeat(")", 900),
		strings.Repeat("-", 150) + "mu", strings.Repeat("-exp(", 60) + "mu" + strings.Repeat(")", 60),
		"mu" + strings.Repeat("^2", 90), strings.Repeat("(", 45) + "mu" + strings.Repeat("^3.75+1)", 45)} {
		survives(t, text)
	}
}

func FuzzParseLaw(f *testing.F) {
	for _, text := range []string{"c*sigma^-rho", "a = c*(mu^2/sigma^2)^(1/4)", "mu < 0 ? -mu : min(mu, 2)", "log(",
		"a=b=c"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) { survives(t, text) })
}

// At their kinks and where roots begin, slopes are what Elementwise says.
func TestSlopesAtZero(t *testing.T) {
	for text, want := range map[string][3]float64{
		"abs(mu)":               {0, 0, 0},
		"sign(mu) + sigma":      {0.5, 0, 1},
		"sqrt(mu^2)":            {0, 0, 0},
		"(mu^2/sigma^2)^(1/4)":  {0, 0, 0},
		"abs(mu)^(4/3)*sigma":   {0, 0, 0},
		"sqrt(abs(mu)/sigma)":   {0, 0, 0},
		"max(mu, 0)":            {0, 0, 0},
		"mu == 0 ? 2*mu : 1/mu": {0, 2, 0},
		"mu^sigma":              {0, math.Inf(1), 0},
		"min(0, mu) + sigma":    {0.5, 1, 1},
		"mu^2/(mu^2 + sigma^2)": {0, 0, 0},
		"sigma/mu":              {math.Inf(1), math.Inf(-1), math.Inf(1)},
	} {
		l, err := ParseLaw(text)
		if err != nil {
			t.Fatal(err)
		}
		f, err := l.Slopes()
		if err != nil {
			t.Fatal(err)
		}
		if got := kernels.Eval(f, 0, 0.5); [3]float64(got) != want {
			t.Errorf("%s at mu = 0: got %v, want %v", text, got, want)
		}
	}
}

// Tensors that are not a formula of a synapse are refused by name.
func TestLowerRefuses(t *testing.T) {
	g := gorgonia.NewGraph()
	mu := gorgonia.NewMatrix(g, tensor.Float64, gorgonia.WithShape(2, 3), gorgonia.WithName("mu"))
	other := gorgonia.NewMatrix(g, tensor.Float64, gorgonia.WithShape(2, 3), gorgonia.WithName("other"))
	for want, n := range map[string]*gorgonia.Node{
		`operation "sin"`:              gorgonia.Must(gorgonia.Sin(mu)),
		`operation "Σ[0 1]"`:           gorgonia.Must(gorgonia.Sum(mu)),
		`operation "Aᵀ{1, 0}"`:         gorgonia.Must(gorgonia.Transpose(mu)),
		"an input of shape (2, 3), is": gorgonia.Must(gorgonia.Add(mu, other)),
	} {
		_, err := lower(gorgonia.Nodes{gorgonia.Must(gorgonia.Exp(n))}, func(n *gorgonia.Node) (string, bool) {
			return "mu", n == mu
		})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}
