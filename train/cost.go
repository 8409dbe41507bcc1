package train

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"quantal/graph"
	"quantal/internal/nearest"
	"quantal/internal/setting"
	"quantal/kernels"
	"quantal/results/store"
	"quantal/synapse"
)

// Costs are what each synapse pays, in the user's words: named terms, each a formula of mu, sigma and numbers. Without
// any the costs are the paper's.
type Costs []graph.Law

// paperCosts is how the paper's costs are written.
const paperCosts = "paper"

// UnmarshalText reads terms such as "reliability = c*sigma^-rho", separated by semicolons, or paper. A term may be the
// name of a law of package synapse.
func (c *Costs) UnmarshalText(written []byte) error {
	*c = nil
	text := string(written)
	if strings.TrimSpace(text) == paperCosts {
		return nil
	}
	var all Costs
	for part := range strings.SplitSeq(text, ";") {
		l, err := graph.ParseTerm(formulaOf(part))
		if err != nil {
			return err
		}
		if l.Name == "" {
			if l.Name = "cost"; len(all) > 0 {
				l.Name += strconv.Itoa(len(all) + 1)
			}
		}
		if slices.ContainsFunc(all, func(o graph.Law) bool { return o.Name == l.Name }) {
			return fmt.Errorf("two terms are called %s: want a name for each, as in name = formula", l.Name)
		}
		all = append(all, l)
	}
	*c = all
	return nil
}

// formulaOf writes a term that is the name of a law, perhaps under another name, as its formula.
func formulaOf(term string) string {
	name, law, renamed := strings.Cut(term, "=")
	if !renamed {
		name, law = term, term
	}
	if l, err := synapse.NamedLaw(strings.TrimSpace(law)); err == nil {
		return name + "=" + l.Formula
	}
	return term
}

func (c Costs) String() string {
	if len(c) == 0 {
		return paperCosts
	}
	var parts []string
	for _, l := range c {
		parts = append(parts, l.String())
	}
	return strings.Join(parts, "; ")
}

// reads reports whether a term reads a number or a variable.
func (c Costs) reads(name string) bool {
	return slices.ContainsFunc(c, func(l graph.Law) bool { return l.Formula.Reads(name) })
}

// Numbers are the numbers that costs name, besides c, rho and lambda: each one number, or one for each layer.
type Numbers map[string][]float64

// Layer has the numbers of a layer.
func (n Numbers) Layer(l int) map[string]float64 {
	if n == nil {
		return nil
	}
	one := map[string]float64{}
	for name, all := range n {
		one[name] = all[min(l, len(all)-1)]
	}
	return one
}

// only has the numbers of a layer, as those of all.
func (n Numbers) only(l int) Numbers {
	var one Numbers
	for name, v := range n.Layer(l) {
		if one == nil {
			one = Numbers{}
		}
		one[name] = []float64{v}
	}
	return one
}

// differ reports whether layers differ in a number.
func (n Numbers) differ() bool {
	for _, all := range n {
		if len(all) > 1 && math.IsNaN(setting.Common(all)) {
			return true
		}
	}
	return false
}

// UnmarshalText reads numbers such as k=0.3,n=2x2x1, or none.
func (n *Numbers) UnmarshalText(written []byte) error {
	*n = nil
	text := strings.TrimSpace(string(written))
	if text == "none" || text == "" {
		return nil
	}
	all := Numbers{}
	for part := range strings.SplitSeq(text, ",") {
		name, value, ok := strings.Cut(part, "=")
		name = strings.TrimSpace(name)
		v, err := setting.ParsePerLayer(strings.TrimSpace(value))
		if !ok || name == "" || err != nil {
			return fmt.Errorf("want NAME=VALUE with a number, such as k=0.3, got %q", part)
		}
		if _, twice := all[name]; twice {
			return fmt.Errorf("%s is given twice", name)
		}
		all[name] = v
	}
	*n = all
	return nil
}

func (n Numbers) text(name string) string {
	var parts []string
	for _, v := range n[name] {
		parts = append(parts, strconv.FormatFloat(v, 'g', -1, 64))
	}
	return strings.Join(parts, "x")
}

func (n Numbers) String() string {
	if len(n) == 0 {
		return "none"
	}
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(n)) {
		parts = append(parts, name+"="+n.text(name))
	}
	return strings.Join(parts, ",")
}

// Read returns those numbers that some cost reads.
func (n Numbers) Read(c Costs) Numbers {
	var read Numbers
	for name, v := range n {
		if c.reads(name) {
			if read == nil {
				read = Numbers{}
			}
			read[name] = v
		}
	}
	return read
}

// costs are those of the network. Without noise there are only those that do not read sigma.
func (c Config) costs(sharing kernels.Sharing) []graph.Law {
	switch {
	case len(c.Costs) == 0 && c.Rho.Entropic():
		return graph.EntropicCosts(sharing)
	case len(c.Costs) == 0:
		return graph.PaperCosts(sharing)
	case sharing != kernels.NoNoise:
		return c.Costs
	}
	return slices.DeleteFunc(slices.Clone(c.Costs), func(l graph.Law) bool {
		return l.Formula.Reads(kernels.InputSigma)
	})
}

// Price is what each synapse pays, as a function of its mu and sigma. If it pays for other quantities it learns, there
// is no such function, and the price is without terms, so without optima.
func (c Config) Price() (*synapse.Price, error) {
	var slopes []kernels.Formula
	kind := c.kind()
	for _, l := range c.costs(c.sharing()) {
		if kind.Reads(l) {
			return synapse.NewPrice(nil)
		}
		f, err := l.Slopes()
		if err != nil {
			return nil, err
		}
		slopes = append(slopes, f)
	}
	return synapse.NewPrice(c.Member().Number, slopes...)
}

// Terms are what the synapses of a network pay by their costs, unless those are the paper's and paid once.
func (c Config) Terms(of *store.Checkpoint) (store.Terms, error) {
	layers, in := of.Layout.Layers, graph.Row(1)
	switch {
	case c.CostPer != kernels.CostPerSynapse:
		var err error
		if in, err = graph.InputOf(of.Graph); err != nil {
			return nil, err
		}
	case len(c.Costs) == 0:
		return nil, nil
	default: // costs do not depend on what layers read
		c.Network, c.Hidden = "", slices.Repeat([]int{1}, len(layers)-1)
	}
	p, err := graph.CompileSpec(c.Spec(in, layers[len(layers)-1].Out), kernels.SGD{})
	if err != nil {
		return nil, err
	}
	p.Layout.Layers = layers
	return costsOf(p, of.State, c), nil
}

// costsOf are the terms of the objective of a network besides the likelihood.
func costsOf(p *kernels.Program, s *kernels.State, c Config) store.Terms {
	terms := store.Terms{}
	for _, term := range p.Costs(s, c.Member()) {
		terms[term.Name] = term.Value
	}
	return terms
}

// Reads reports whether the network's costs read a number. The paper's read c, rho and lambda, with whatever noise.
func (c Config) Reads(name string) bool {
	return len(c.Costs) == 0 || Costs(c.costs(c.sharing())).reads(name)
}

// DescribeCosts writes for people what synapses pay for reliability: the exponent of the paper's costs, or the formulas
// of others.
func (c Config) DescribeCosts() string {
	if len(c.Costs) > 0 {
		return c.Costs.ofSigma()
	}
	return DescribeExponent(c.Rho.Value())
}

// ofSigma is the sum of the terms that depend on sigma, or of all if none does.
func (c Costs) ofSigma() string {
	var parts, all []string
	for _, l := range c {
		if all = append(all, l.Text()); l.Formula.Reads(kernels.InputSigma) {
			parts = append(parts, l.Text())
		}
	}
	if parts == nil {
		parts = all
	}
	return strings.Join(parts, " + ")
}

// DescribeSettings is DescribeCosts of a record's network.
func DescribeSettings(s store.Settings) string {
	if text := s.Later.Text("cost"); text != "" {
		var costs Costs
		if err := costs.UnmarshalText([]byte(text)); err != nil {
			return text
		}
		return costs.ofSigma()
	}
	return DescribeExponent(synapse.Power(s.RhoValue))
}

// checkCosts reports numbers that costs name and nobody gives, and those that are given and no cost names.
func (c *Config) checkCosts() error {
	if c.Rho.Entropic() && c.Costs.reads("rho") {
		return fmt.Errorf("cost %q: it reads rho, and entropic is no number", c.Costs)
	}
	kind := c.kind()
	for _, l := range c.Costs {
		if !l.Varies() && !kind.Reads(l) {
			if kind == nil {
				return fmt.Errorf("cost %q: want a formula that depends on mu or sigma; with --synapse quantal also on n, p "+
					"and q%s", l, misspelt(l))
			}
			return fmt.Errorf("cost %q: want a formula that depends on mu, sigma, %s", l,
				strings.Join(kind.Quantities(), " or "))
		}
		for _, name := range kind.Numbers(l) {
			if _, ok := c.Member().Number(name); !ok {
				return fmt.Errorf(
					"cost %q: it reads the number %s, which nothing sets: give it with --set %s=VALUE%s", l, name, name,
					nearest.Hint(name, append([]string{"c", "rho", "lambda"}, l.Variables...)))
			}
		}
	}
	return nil
}

// misspelt asks whether a number of a law is meant to be mu or sigma.
func misspelt(l graph.Law) string {
	for _, name := range l.Numbers() {
		if hint := nearest.Hint(name, append(synapse.LawNames(), l.Variables...)); hint != "" {
			return hint
		}
	}
	return ""
}

func (c *Config) checkNumbers() error {
	for _, name := range slices.Sorted(maps.Keys(c.Numbers)) {
		switch {
		case slices.Contains([]string{"c", "rho", "lambda"}, name):
			return fmt.Errorf("set %s: it has a setting of its own, %s", c.Numbers, name)
		case slices.Contains(c.kind().Quantities(), name):
			return fmt.Errorf("set %s: %s is what a %s synapse learns", c.Numbers, name, c.Synapse)
		case !c.Costs.reads(name):
			return fmt.Errorf("set %s: no cost reads the number %s", c.Numbers, name)
		}
		all := c.Numbers[name]
		if err := c.checkLayers(name, c.Numbers.text(name), len(all), math.IsNaN(setting.Common(all))); err != nil {
			return fmt.Errorf("set %w", err)
		}
	}
	return nil
}

// IsNumber reports whether a name is that of a number that only costs read. Config.Set sets it, too.
func (c Config) IsNumber(name string) bool {
	_, settings := c.Settings().Find(name)
	return settings != nil && c.Costs.reads(name) && name != kernels.InputMu && name != kernels.InputSigma
}

// setNumber gives a number that costs read its value.
func (c *Config) setNumber(name, text string) error {
	v, err := setting.ParsePerLayer(strings.TrimSpace(text))
	if err != nil {
		return err
	}
	c.Numbers = maps.Clone(c.Numbers) // other configurations may have the same
	if c.Numbers == nil {
		c.Numbers = Numbers{}
	}
	c.Numbers[name] = v
	return nil
}
