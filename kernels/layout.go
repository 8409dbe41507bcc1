package kernels

import (
	"fmt"
	"iter"
	"math"
)

// Layer is a fully connected layer of Out neurons with In inputs each. A bias is a synapse like any other: column In of
// a neuron's row, whose presynaptic activation is always 1.
type Layer struct {
	In, Out int
}

// Columns is the number of synapses of one neuron, its bias included: In + 1.
func (l Layer) Columns() int { return l.In + 1 }

// Stride is the distance between rows in memory: Columns rounded up to a multiple of 16. The pad slots in between hold
// zero and have no effect.
func (l Layer) Stride() int { return Stride(l.In) }

// Stride is the row length of activations (or of the weights that read them) with the given width and the constant 1
// after it, rounded up to a multiple of 16.
func Stride(width int) int { return (width + 1 + 15) / 16 * 16 }

// Slots is the number of slots the layer takes in a field of the State, pads included.
func (l Layer) Slots() int { return l.Out * l.Stride() }

// Synapses is the number of synapses, biases included: Out * (In + 1).
func (l Layer) Synapses() int { return l.Out * l.Columns() }

// MaxUnits is the largest number of inputs or outputs of a layer: with it no product of sizes overflows.
const MaxUnits = 1 << 30

// Countable reports whether every synapse of a layer of at most MaxUnits has its own noise: blocks are numbered in 32
// bits.
func (l Layer) Countable() bool {
	return int64(l.Out)*int64((l.Stride()+63)/64)*16 <= math.MaxUint32
}

// Sharing says which synapses share a standard deviation.
type Sharing int

// The sharings.
const (
	PerSynapse Sharing = iota // one sigma per synapse: heterogeneous noise
	PerNeuron                 // one per postsynaptic neuron
	PerLayer                  // one per layer
	PerNetwork                // one for all: homogeneous noise
	NoNoise                   // sigma is zero, weights are their means
)

var sharingNames = [...]string{"synapse", "neuron", "layer", "network", "none"}

func (s Sharing) String() string { return name(sharingNames[:], "Sharing", int(s)) }

// MarshalText writes the name.
func (s Sharing) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads a name.
func (s *Sharing) UnmarshalText(text []byte) error {
	i, err := named(sharingNames[:], "sharing", text)
	*s = Sharing(i)
	return err
}

// PhiIndex is the entry of the layer's phi that synapse k of row r reads.
func (l Layer) PhiIndex(s Sharing, r, k int) int {
	switch s {
	case PerSynapse:
		return r*l.Stride() + k
	case PerNeuron:
		return r
	}
	return 0
}

// Layout places the parameters of a network in memory. A field (mu, or one of its moments) is all layers one after
// the other, each as Out rows of Stride slots. Phi has the same shape when sigma is per synapse, and otherwise one
// entry per group: per neuron in the order of layers and rows, per layer, or a single one. Parameters have the shape of
// mu.
type Layout struct {
	Layers  []Layer
	Sharing Sharing
	// Parameters names what synapses learn in place of mu and phi, at most MaxParameters; nil if that is mu and phi.
	Parameters []string
}

// MaxParameters is the largest number of parameters of a synapse.
const MaxParameters = 4

// Slots is the length of mu.
func (l Layout) Slots() int {
	n := 0
	for _, layer := range l.Layers {
		n += layer.Slots()
	}
	return n
}

// Offset is the first slot of layer i in mu.
func (l Layout) Offset(i int) int { return Layout{Layers: l.Layers[:i]}.Slots() }

// Neuron is a row of a layer: the slots of a neuron's synapses, the bias last.
type Neuron struct {
	Layer, Row int
	First      int // slot of the first synapse
	In         int // synapses without the bias
}

// Columns is the number of synapses, the bias included.
func (n Neuron) Columns() int { return n.In + 1 }

// Rows yields the neurons, layer by layer and row by row.
func (l Layout) Rows() iter.Seq[Neuron] {
	return func(yield func(Neuron) bool) {
		first := 0
		for i, layer := range l.Layers {
			for r := range layer.Out {
				if !yield(Neuron{Layer: i, Row: r, First: first, In: layer.In}) {
					return
				}
				first += layer.Stride()
			}
		}
	}
}

// Slot is the index in mu of synapse k of row r of a layer.
func (l Layout) Slot(layer, r, k int) int { return l.Offset(layer) + r*l.Layers[layer].Stride() + k }

// PhiSize is the length of phi: the number of slots or of groups.
func (l Layout) PhiSize() int {
	switch l.Sharing {
	case PerSynapse:
		return l.Slots()
	case PerNeuron:
		n := 0
		for _, layer := range l.Layers {
			n += layer.Out
		}
		return n
	case PerLayer:
		return len(l.Layers)
	case PerNetwork:
		return 1
	}
	return 0
}

// PhiOffset is the first entry of phi that layer i reads.
func (l Layout) PhiOffset(i int) int {
	switch l.Sharing {
	case PerSynapse, PerNeuron, PerLayer:
		return Layout{Layers: l.Layers[:i], Sharing: l.Sharing}.PhiSize()
	}
	return 0
}

// PhiLen is the number of entries of phi that layer i reads.
func (l Layout) PhiLen(i int) int {
	return Layout{Layers: l.Layers[i : i+1], Sharing: l.Sharing}.PhiSize()
}

// Group is a set of synapses with one sigma.
type Group struct {
	Layer    int // the first that belongs to it
	Synapses float64
}

// Groups returns the groups that share a phi, in the order of phi; nil when sigma is per synapse or there is none.
func (l Layout) Groups() []Group {
	var groups []Group
	for i, layer := range l.Layers {
		switch l.Sharing {
		case PerNeuron:
			for range layer.Out {
				groups = append(groups, Group{Layer: i, Synapses: float64(layer.Columns())})
			}
		case PerLayer:
			groups = append(groups, Group{Layer: i, Synapses: float64(layer.Synapses())})
		case PerNetwork:
			if i == 0 {
				groups = append(groups, Group{Synapses: float64(l.Synapses())})
			}
		}
	}
	return groups
}

// Synapses is the number of synapses, biases included and pads not.
func (l Layout) Synapses() int {
	n := 0
	for _, layer := range l.Layers {
		n += layer.Synapses()
	}
	return n
}

// State is everything that training changes in one network: the parameters, and the moments that the rule keeps of
// each. The fields of mu have length Layout.Slots, those of phi Layout.PhiSize.
//
// Synapses that learn other parameters have these in Theta, in the order of Layout.Parameters and each of length
// Layout.Slots. Mu and Phi are then what follows from them, and have no moments.
type State struct {
	Mu, Phi               []float32
	MuMoments, PhiMoments [][]float32 // equally many for mu and phi, in the order of Mover.Moments
	Theta                 []Param[float32]
}

// NewState returns a zero state with the given number of moments.
func NewState(l Layout, moments int) *State {
	s := &State{Mu: make([]float32, l.Slots()), Phi: make([]float32, l.PhiSize())}
	zeros := func(like []float32) (all [][]float32) {
		for range moments {
			all = append(all, make([]float32, len(like)))
		}
		return all
	}
	if l.Parameters == nil {
		s.MuMoments, s.PhiMoments = zeros(s.Mu), zeros(s.Phi)
	}
	for range l.Parameters {
		theta := Param[float32]{Values: make([]float32, len(s.Mu))}
		copy(theta.Moments[:], zeros(s.Mu))
		s.Theta = append(s.Theta, theta)
	}
	return s
}

// Moments is the number of moments of each parameter.
func (s *State) Moments() int {
	if len(s.Theta) > 0 {
		return len(s.Theta[0].moments())
	}
	return len(s.MuMoments)
}

// Fields lists the parameters, each before its moments: those of mu, those of phi, and then the others.
func (s *State) Fields() [][]float32 {
	fields := append([][]float32{s.Mu}, s.MuMoments...)
	fields = append(append(fields, s.Phi), s.PhiMoments...)
	for _, theta := range s.Theta {
		fields = append(append(fields, theta.Values), theta.moments()...)
	}
	return fields
}

// Params are mu and phi with their moments.
func (s *State) Params() (mu, phi Param[float32]) {
	mu.Values, phi.Values = s.Mu, s.Phi
	copy(mu.Moments[:], s.MuMoments)
	copy(phi.Moments[:], s.PhiMoments)
	return mu, phi
}

// Check reports whether s has the shape of the layout.
func (s *State) Check(l Layout) error {
	if len(s.PhiMoments) != len(s.MuMoments) {
		return fmt.Errorf("kernels: state: mu has %d moments, phi %d", len(s.MuMoments), len(s.PhiMoments))
	}
	if n := len(s.MuMoments); n > MaxMoments {
		return fmt.Errorf("kernels: state: want at most %d moments, got %d", MaxMoments, n)
	}
	if len(s.Theta) != len(l.Parameters) {
		return fmt.Errorf("kernels: state: want %d parameters besides mu and phi, got %d", len(l.Parameters), len(s.Theta))
	}
	if len(s.Theta) > 0 && len(s.MuMoments) > 0 {
		return fmt.Errorf("kernels: state: mu follows from other parameters and has %d moments, want none", len(s.MuMoments))
	}
	check := func(name string, values []float32, moments [][]float32, want int) error {
		for i, f := range append([][]float32{values}, moments...) {
			if i == 1 {
				name = "a moment of " + name
			}
			if len(f) != want {
				return fmt.Errorf("kernels: state: want %d values of %s, got %d", want, name, len(f))
			}
		}
		return nil
	}
	if err := check("mu", s.Mu, s.MuMoments, l.Slots()); err != nil {
		return err
	}
	if err := check("phi", s.Phi, s.PhiMoments, l.PhiSize()); err != nil {
		return err
	}
	for i, name := range l.Parameters {
		if n := len(s.Theta[i].moments()); n != s.Moments() {
			return fmt.Errorf("kernels: state: %s has %d moments, %s %d", l.Parameters[0], s.Moments(), name, n)
		}
		if err := check(name, s.Theta[i].Values, s.Theta[i].moments(), l.Slots()); err != nil {
			return err
		}
	}
	return nil
}

// Finite reports whether no parameter and no moment is infinite or not a number.
func (s *State) Finite() bool {
	for _, field := range s.Fields() {
		for _, v := range field {
			if v-v != 0 {
				return false
			}
		}
	}
	return true
}

// CopyFrom overwrites s with t, which must have the same shape and as many moments.
func (s *State) CopyFrom(t *State) {
	from := t.Fields()
	for i, field := range s.Fields() {
		copy(field, from[i])
	}
}

// Bare is the state without moments. It shares the parameters' memory.
func (s *State) Bare() *State {
	bare := &State{Mu: s.Mu, Phi: s.Phi}
	for _, theta := range s.Theta {
		bare.Theta = append(bare.Theta, Param[float32]{Values: theta.Values})
	}
	return bare
}

// For returns a copy of the state as a network of the layout starts from it under a rule. Moments that the state lacks
// begin at zero; a rule without moments leaves the state's out, and a layout without parameters the state's. It is an
// error if the state does not fit the layout, or has other moments.
func (s *State) For(l Layout, rule Rule) (*State, error) {
	if l.Parameters == nil && len(s.Theta) > 0 {
		s = &State{Mu: s.Mu, Phi: s.Phi}
	}
	if err := s.Check(l); err != nil {
		return nil, err
	}
	want := Moments(rule)
	if n := s.Moments(); n != 0 && len(want) != 0 && n != len(want) {
		return nil, fmt.Errorf("kernels: state: it has %d moments of each parameter, the rule %v has %d", n, rule, len(want))
	}
	t := NewState(l, len(want))
	if s.Moments() == t.Moments() {
		t.CopyFrom(s)
		return t, nil
	}
	copy(t.Mu, s.Mu)
	copy(t.Phi, s.Phi)
	for i, theta := range s.Theta {
		copy(t.Theta[i].Values, theta.Values)
	}
	return t, nil
}
