package graph

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"quantal/internal/nearest"
	"quantal/kernels"
)

// Network is a directed graph of layers without cycles, in an order in which each comes after those that it reads. It
// does not know the size of the input, nor the number of outputs. As text, as in
//
//	conv 16 5x5 relu, pool 2, conv 32 5x5 relu, pool 2, dense 100 relu, dense
//
// each layer reads the one before it, the first the input, unless it says from which it reads:
//
//	dense N              N neurons that read everything; the last layer, of which the data say N, is dense
//	conv N RxC           N filters of R rows and C columns, which move by stride S, with pad P zeros around the picture
//	pool RxC, pool N     the largest value of each channel in a window, or with average the mean; stride is the window
//	add NAME ...         the sum of the layer before it and of layers that were called so
//	... relu             an activation, of conv, dense and add
//	... from NAME        reads that layer; input is the input
//	... as NAME          is called so
//
// A filter has the same synapses, with the same draw, at all positions; kernels.CostPer says how often they pay.
// ParseNetwork reads the text, Shape says the sizes for an input, and Build and BuildStock make graphs.
type Network []Node

// Node is a layer of a Network.
type Node struct {
	Kind        Kind
	Units       int // neurons or filters; 0 of the last layer
	Rows, Cols  int // of the window of a convolution or a pool
	Stride, Pad int
	Average     bool // of a pool
	Activation  kernels.Activation
	Name        string   // empty if it has none
	From        string   // empty for the layer before it
	Add         []string // of a sum, besides From
}

// Kind is what a layer does.
type Kind string

// The kinds.
const (
	Dense Kind = "dense"
	Conv  Kind = "conv"
	Pools Kind = "pool"
	Add   Kind = "add"
)

// inputName is the name of the input of a network.
const inputName = "input"

// namedNetworks are those with a name. That of LeCun, Bottou, Bengio and Haffner (1998), Fig. 2, is here as it is
// mostly built today: with rectifiers, the largest of each four instead of their weighted mean, and a softmax.
var namedNetworks = map[string]string{
	"lenet5": "conv 6 5x5 pad 2 relu, pool 2, conv 16 5x5 relu, pool 2, dense 120 relu, dense 84 relu, dense",
}

// NetworkNames are the names of networks that have one, with their texts.
func NetworkNames() map[string]string {
	return maps.Clone(namedNetworks)
}

// ParseNetwork reads a network from text: its layers, or a name of NetworkNames, or mlp-N-N for dense layers of these
// sizes with rectifiers.
func ParseNetwork(text string) (Network, error) {
	text = strings.TrimSpace(text)
	if sizes, ok := strings.CutPrefix(text, "mlp-"); ok {
		text = "dense " + strings.ReplaceAll(sizes, "-", " relu, dense ") + " relu, dense"
	} else if known, ok := namedNetworks[text]; ok {
		text = known
	}
	var n Network
	for _, part := range strings.Split(text, ",") {
		node, err := parseNode(strings.Fields(part))
		if err != nil {
			return nil, fmt.Errorf("layer %d, %q: %w", len(n)+1, strings.TrimSpace(part), err)
		}
		n = append(n, node)
	}
	return n, n.check()
}

// nodeParser takes words off a list.
type nodeParser struct{ words []string }

func (p *nodeParser) next() string {
	if len(p.words) == 0 {
		return ""
	}
	word := p.words[0]
	p.words = p.words[1:]
	return word
}

// number takes a whole number of at least the given one.
func (p *nodeParser) number(what string, least int) (int, error) {
	word := p.next()
	n, err := strconv.Atoi(word)
	if err != nil || n < least || n > kernels.MaxUnits {
		return 0, fmt.Errorf("want %s from %d to %d, got %q", what, least, kernels.MaxUnits, word)
	}
	return n, nil
}

// window takes the sizes of a window, as in 5x5; 2 is 2x2.
func (p *nodeParser) window() (rows, columns int, err error) {
	word := p.next()
	first, second, two := strings.Cut(word, "x")
	if !two {
		second = first
	}
	rows, err = strconv.Atoi(first)
	if err == nil {
		columns, err = strconv.Atoi(second)
	}
	if err != nil || rows < 1 || columns < 1 || rows > kernels.MaxUnits || columns > kernels.MaxUnits {
		return 0, 0, fmt.Errorf("want the size of a window, as in 5x5, got %q", word)
	}
	return rows, columns, nil
}

func parseNode(words []string) (n Node, err error) {
	p := nodeParser{words}
	n.Kind, n.Stride = Kind(p.next()), 1
	switch n.Kind {
	case Dense:
		if len(p.words) > 0 && p.words[0] != "" && p.words[0][0] >= '0' && p.words[0][0] <= '9' {
			n.Units, err = p.number("a number of neurons", 1)
		}
	case Conv:
		if n.Units, err = p.number("a number of filters", 1); err == nil {
			n.Rows, n.Cols, err = p.window()
		}
	case Pools:
		n.Rows, n.Cols, err = p.window()
		n.Stride = n.Rows
	case Add:
		for len(p.words) > 0 && !isOption(p.words[0]) {
			n.Add = append(n.Add, p.next())
		}
		if len(n.Add) == 0 {
			err = fmt.Errorf("want the names of the layers to add")
		}
	default:
		known := []string{string(Dense), string(Conv), string(Pools), string(Add)}
		_, named := namedNetworks[string(n.Kind)]
		if named || strings.HasPrefix(string(n.Kind), "mlp-") {
			return n, fmt.Errorf("%s is the name of a whole network: want layers, or the name alone", n.Kind)
		}
		if len(words) == 1 {
			known = append(append(known, slices.Sorted(maps.Keys(namedNetworks))...), "mlp-N-N")
		}
		err = errors.New(nearest.OneOf(string(n.Kind), known))
	}
	for err == nil && len(p.words) > 0 {
		err = n.option(&p)
	}
	return n, err
}

// options are the words that may follow what a layer is, besides activations.
var options = []string{"stride", "pad", "average", "from", "as"}

func isOption(word string) bool {
	var a kernels.Activation
	return slices.Contains(options, word) || a.UnmarshalText([]byte(word)) == nil
}

func (n *Node) option(p *nodeParser) (err error) {
	word := p.next()
	window := n.Kind == Conv || n.Kind == Pools
	switch {
	case word == "stride" && window:
		n.Stride, err = p.number("a stride", 1)
	case word == "pad" && n.Kind == Conv:
		n.Pad, err = p.number("a number of zeros", 0)
	case word == "average" && n.Kind == Pools:
		n.Average = true
	case word == "from":
		n.From, err = p.name()
	case word == "as":
		n.Name, err = p.name()
	case slices.Contains(options, word):
		return fmt.Errorf("a %s layer has no %s", n.Kind, word)
	case n.Kind == Pools:
		return errors.New(nearest.OneOf(word, options))
	default:
		if n.Activation.UnmarshalText([]byte(word)) != nil {
			all := slices.Clone(options)
			for _, a := range kernels.Activations() {
				all = append(all, a.String())
			}
			return fmt.Errorf("%q: %s", word, nearest.OneOf(word, all))
		}
	}
	return err
}

// name takes a name: letters, digits, - and _.
func (p *nodeParser) name() (string, error) {
	word := p.next()
	if word == "" || strings.Trim(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") != "" ||
		isOption(word) {
		return "", fmt.Errorf("want a name of letters and digits that is no other word, got %q", word)
	}
	return word, nil
}

// check reports names that are not there, and what only the last layer can be.
func (n Network) check() error {
	known := map[string]bool{inputName: true}
	for i, node := range n {
		for _, name := range append([]string{node.From}, node.Add...) {
			if name != "" && !known[name] {
				return fmt.Errorf("layer %d, %q: no layer before it is called %s", i+1, node, name)
			}
		}
		if known[node.Name] {
			return fmt.Errorf("layer %d, %q: another is already called %s", i+1, node, node.Name)
		}
		if node.Name != "" {
			known[node.Name] = true
		}
		last := i == len(n)-1
		switch {
		case last && (node.Kind != Dense || node.Units != 0 || node.Activation != kernels.Linear):
			return fmt.Errorf("the last layer, %q: want dense without a number, which the data say, or an activation",
				node)
		case !last && node.Kind == Dense && node.Units == 0:
			return fmt.Errorf("layer %d, %q: want a number of neurons: only the last layer has that from the data", i+1,
				node)
		}
	}
	return nil
}

// String writes the network as ParseNetwork reads it.
func (n Network) String() string {
	var parts []string
	for _, node := range n {
		parts = append(parts, node.String())
	}
	return strings.Join(parts, ", ")
}

// String writes the layer as ParseNetwork reads it.
func (n Node) String() string {
	words := []string{string(n.Kind)}
	add := func(format string, of ...any) { words = append(words, fmt.Sprintf(format, of...)) }
	if n.Units > 0 {
		add("%d", n.Units)
	}
	switch {
	case n.Kind == Pools && n.Rows == n.Cols:
		add("%d", n.Rows)
	case n.Rows > 0:
		add("%dx%d", n.Rows, n.Cols)
	}
	words = append(words, n.Add...)
	if n.Kind == Conv && n.Stride != 1 || n.Kind == Pools && n.Stride != n.Rows {
		add("stride %d", n.Stride)
	}
	if n.Pad > 0 {
		add("pad %d", n.Pad)
	}
	if n.Average {
		add("average")
	}
	if n.Activation != kernels.Linear {
		add("%v", n.Activation)
	}
	if n.From != "" {
		add("from %s", n.From)
	}
	if n.Name != "" {
		add("as %s", n.Name)
	}
	return strings.Join(words, " ")
}

// Chain reports whether the network is a chain of dense layers with one activation between them, and returns the sizes
// of those before the last.
func (n Network) Chain() (hidden []int, a kernels.Activation, ok bool) {
	for i, node := range n[:len(n)-1] {
		if node.Kind != Dense || node.From != "" || i > 0 && node.Activation != a {
			return nil, 0, false
		}
		a, hidden = node.Activation, append(hidden, node.Units)
	}
	return hidden, a, n[len(n)-1].From == ""
}

// Hidden are the neurons or filters of each layer with synapses but the last.
func (n Network) Hidden() (hidden []int) {
	for _, node := range n {
		if node.Kind == Dense || node.Kind == Conv {
			hidden = append(hidden, node.Units)
		}
	}
	return hidden[:len(hidden)-1]
}

// Shaped is a layer of a Network for inputs of a certain size.
type Shaped struct {
	Node
	In      []int           // the numbers of the layers that it reads; -1 for the input
	Layer   kernels.Layer   // its synapses; empty if it has none
	Window  kernels.Window  // of a convolution or a pool
	Flatten kernels.Picture // what a dense layer makes a row of; one position if it reads a row
	Output  kernels.Picture // of one position if it is a row
}

// Synapses is the number of synapses.
func (s Shaped) Synapses() int {
	if s.Layer.Out == 0 {
		return 0
	}
	return s.Layer.Synapses()
}

// Input is what a network reads: pictures, whose values the data have in some arrangement, or rows of Channels values.
type Input struct {
	kernels.Picture
	Arrangement kernels.Arrangement
}

// Row is the input of rows of values.
func Row(values int) Input {
	return Input{Picture: kernels.Picture{Height: 1, Width: 1, Channels: values}}
}

// Shape says what each layer is, for an input and a number of outputs.
func (n Network) Shape(in Input, outputs int) ([]Shaped, error) {
	var all []Shaped
	at := map[string]int{inputName: -1}
	for i, node := range n {
		s := Shaped{Node: node, In: []int{i - 1}}
		if node.From != "" {
			s.In[0] = at[node.From]
		}
		for _, name := range node.Add {
			s.In = append(s.In, at[name])
		}
		var reads []kernels.Picture
		for _, from := range s.In {
			if from < 0 {
				reads = append(reads, in.Picture)
			} else {
				reads = append(reads, all[from].Output)
			}
		}
		if err := s.shape(reads, in, outputs); err != nil {
			return nil, fmt.Errorf("layer %d, %q: %w", i+1, node, err)
		}
		if node.Name != "" {
			at[node.Name] = i
		}
		all = append(all, s)
	}
	read := make([]bool, len(all)+1)
	for _, s := range all {
		for _, from := range s.In {
			read[from+1] = true
		}
	}
	for i := range all[:len(all)-1] {
		if !read[i+1] {
			return nil, fmt.Errorf("layer %d, %q: no layer reads it", i+1, n[i])
		}
	}
	return all, nil
}

func (s *Shaped) shape(reads []kernels.Picture, in Input, outputs int) error {
	of := reads[0]
	input := s.In[0] < 0
	switch s.Kind {
	case Dense:
		s.Flatten = of
		s.Layer = kernels.Layer{In: of.Units(), Out: s.Units}
		if s.Units == 0 {
			s.Layer.Out = outputs
		}
		s.Output = Row(s.Layer.Out).Picture
		return nil
	case Add:
		for i, other := range reads {
			if other != of {
				return fmt.Errorf("it adds %v and %v (channels x rows x columns): want the same", of, other)
			}
			if s.In[i] < 0 && of.Positions() > 1 {
				return fmt.Errorf("it adds the picture of the input: want a conv 1x1 of that")
			}
		}
		s.Output = of
		return nil
	}
	if of.Positions() == 1 && s.Rows*s.Cols > 1 {
		return fmt.Errorf("it reads %d values without positions: want a picture", of.Channels)
	}
	s.Window = kernels.Window{Picture: of, Rows: s.Rows, Columns: s.Cols, Step: s.Stride, Pad: s.Pad}
	if input {
		s.Window.Arrangement = in.Arrangement
		if s.Kind == Pools {
			return fmt.Errorf("it reads the input: want a conv or dense layer first")
		}
	}
	if err := s.Window.Check(); err != nil {
		return err
	}
	s.Output = s.Window.Output()
	if s.Kind == Conv {
		s.Layer = kernels.Layer{In: s.Window.Patch(), Out: s.Units}
		s.Output.Channels = s.Units
	}
	return nil
}
