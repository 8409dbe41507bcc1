package spiking

import (
	"math"
	"slices"
	"testing"

	"quantal/kernels"
)

func layer(n uint16) kernels.Noise {
	return kernels.Noise{Seed: 11, Stream: kernels.StreamDynamics, Layer: n}
}

// matrix is contacts as a matrix of source and target.
func (c Contacts) matrix(to int) []bool {
	m := make([]bool, (len(c.Start)-1)*to)
	for j := range len(c.Start) - 1 {
		for _, i := range c.From(j) {
			m[j*to+int(i)] = true
		}
	}
	return m
}

// Contacts are there with their probability, and decided anew with the share: the correlation of old and new is 1 less
// the share.
func TestRedraw(t *testing.T) {
	const from, to = 300, 400
	for _, p := range []float64{.02, .3, 1} {
		c := Bernoulli(layer(1), from, to, p, true)
		for _, share := range []float64{0, .3, 1} {
			d := c.Redraw(layer(2), to, p, share, true)
			if err := d.check(from, to); err != nil {
				t.Fatal(err)
			}
			old, made := c.matrix(to), d.matrix(to)
			var a, b, both float64
			for k := range old {
				if old[k] {
					a++
				}
				if made[k] {
					b++
				}
				if old[k] && made[k] {
					both++
				}
			}
			const n = from * to
			sd := math.Sqrt(n * p * (1 - p))
			if math.Abs(a-n*p) > 4*sd || math.Abs(b-n*p) > 4*sd {
				t.Errorf("p %g, share %g: %g and %g contacts, want %g", p, share, a, b, n*p)
			}
			want := p * ((1 - share) + share*p)
			if math.Abs(both-n*want) > 4*math.Sqrt(n*want*(1-want))+1e-9 {
				t.Errorf("p %g, share %g: %g contacts in both, want %g", p, share, both, n*want)
			}
			if share == 0 && !slices.Equal(c.Target, d.Target) {
				t.Errorf("p %g: nothing is redrawn, but contacts differ", p)
			}
		}
	}
	for _, c := range []Contacts{Bernoulli(layer(1), 50, 50, .5, false),
		Bernoulli(layer(1), 50, 50, .5, false).Redraw(layer(2), 50, .5, 1, false)} {
		for j := range 50 {
			if slices.Contains(c.From(j), uint32(j)) {
				t.Errorf("neuron %d has a contact with itself", j)
			}
		}
	}
}

func TestFixedIn(t *testing.T) {
	c, err := FixedIn(layer(3), 60, 60, 20, false)
	if err != nil {
		t.Fatal(err)
	}
	in := c.Incoming(60)
	sources := make([]int, 60)
	for i := range 60 {
		row := in.Source[in.Start[i]:in.Start[i+1]]
		if len(row) != 20 || !slices.IsSorted(row) || len(slices.Compact(slices.Clone(row))) != 20 ||
			slices.Contains(row, uint32(i)) {
			t.Fatalf("neuron %d has contacts from %v", i, row)
		}
		for k, j := range row {
			if c.Target[in.At[int(in.Start[i])+k]] != uint32(i) {
				t.Fatalf("contact %d of neuron %d is another one's", k, i)
			}
			sources[j]++
		}
	}
	for j, n := range sources {
		if n < 5 || n > 36 {
			t.Errorf("source %d has %d contacts", j, n)
		}
	}
	if _, err := FixedIn(layer(3), 20, 20, 20, false); err == nil {
		t.Error("20 contacts from 19 others")
	}
}
