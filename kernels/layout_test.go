package kernels

import (
	"strings"
	"testing"
)

// The rows have every slot except the pads, in order, and stop when the loop does.
func TestRows(t *testing.T) {
	l := Layout{Layers: []Layer{{In: 3, Out: 2}, {In: 20, Out: 3}}}
	// Rows of 16 and 32 slots.
	want := []Neuron{{0, 0, 0, 3}, {0, 1, 16, 3}, {1, 0, 32, 20}, {1, 1, 64, 20}, {1, 2, 96, 20}}
	i := 0
	for n := range l.Rows() {
		if n != want[i] || n.First != l.Slot(n.Layer, n.Row, 0) || n.First+n.In != l.Slot(n.Layer, n.Row, n.In) {
			t.Errorf("row %d: got %+v, want %+v", i, n, want[i])
		}
		if i++; i == 4 {
			break
		}
	}
	if last := want[4]; l.Slot(1, 2, 0) != last.First || last.First+32 != l.Slots() {
		t.Errorf("the last row starts at %d of %d", l.Slot(1, 2, 0), l.Slots())
	}
}

// A state has the parameters that its layout names, each with the rule's moments, and mu and phi without.
func TestStateOfOtherParameters(t *testing.T) {
	l := Layout{Layers: []Layer{{In: 3, Out: 2}}, Parameters: []string{"a", "b"}}
	s := NewState(l, 2)
	if fields := s.Fields(); len(fields) != 2+2*3 || s.Moments() != 2 {
		t.Fatalf("%d fields and %d moments", len(fields), s.Moments())
	}
	for i, f := range s.Fields() {
		for k := range f {
			f[k] = float32(100*i + k)
		}
	}
	same, err := s.For(l, DefaultAdam())
	if err != nil {
		t.Fatal(err)
	}
	if same.Theta[1].Moments[1][5] != 705 || same.Phi[0] != 100 {
		t.Errorf("a copy has other numbers: %v", same)
	}
	bare, err := s.For(l, SGD{})
	if err != nil {
		t.Fatal(err)
	}
	if bare.Moments() != 0 || bare.Theta[1].Values[5] != 505 || bare.Check(l) != nil || s.Bare().Check(l) != nil {
		t.Errorf("without moments: %v", bare)
	}
	gaussian := Layout{Layers: l.Layers}
	if of, err := s.For(gaussian, SGD{}); err != nil || of.Theta != nil || of.Mu[1] != 1 {
		t.Errorf("as mu and phi: %v, %v", of, err)
	}
	for want, spoil := range map[string]func(s *State){
		"want 2 parameters besides mu and phi, got 1": func(s *State) { s.Theta = s.Theta[:1] },
		"mu follows from other parameters and has 1": func(s *State) {
			s.MuMoments, s.PhiMoments = [][]float32{s.Mu}, [][]float32{s.Phi}
		},
		"a has 2 moments, b 1":                   func(s *State) { s.Theta[1].Moments[1] = nil },
		"want 32 values of b, got 3":             func(s *State) { s.Theta[1].Values = s.Theta[1].Values[:3] },
		"want 32 values of a moment of a, got 4": func(s *State) { s.Theta[0].Moments[1] = s.Theta[0].Moments[1][:4] },
	} {
		s := NewState(l, 2)
		spoil(s)
		if err := s.Check(l); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
