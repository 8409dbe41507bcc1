package spiking

import (
	"fmt"
	"math"
	"slices"

	"quantal/kernels"
)

// Contacts says onto which neurons each neuron of a population has contacts, in compressed rows: those of neuron j are
// Target[Start[j]:Start[j+1]], ascending. Contact k is Target[k].
type Contacts struct {
	Start  []uint32 // one more than there are neurons
	Target []uint32
}

// Len is the number of contacts.
func (c Contacts) Len() int { return len(c.Target) }

// From are the targets of a neuron.
func (c Contacts) From(j int) []uint32 { return c.Target[c.Start[j]:c.Start[j+1]] }

func (c Contacts) check(from, to int) error {
	if len(c.Start) != from+1 || c.Start[0] != 0 || int(c.Start[from]) != len(c.Target) {
		return fmt.Errorf("contacts: want rows of %d neurons", from)
	}
	for j := range from {
		if c.Start[j] > c.Start[j+1] {
			return fmt.Errorf("contacts of neuron %d: want rows one after the other", j)
		}
		for k, i := range c.From(j) {
			if int(i) >= to || k > 0 && i < c.From(j)[k-1] {
				return fmt.Errorf("contacts of neuron %d: want targets below %d, ascending", j, to)
			}
		}
	}
	return nil
}

// Incoming is the view from the other side: the contacts of target i are At[Start[i]:Start[i+1]], and come from the
// neurons Source[Start[i]:Start[i+1]], ascending.
type Incoming struct{ Start, Source, At []uint32 }

// Incoming returns the contacts by target, of which there are to.
func (c Contacts) Incoming(to int) Incoming {
	in := Incoming{make([]uint32, to+1), make([]uint32, c.Len()), make([]uint32, c.Len())}
	for _, i := range c.Target {
		in.Start[i+1]++
	}
	for i := range to {
		in.Start[i+1] += in.Start[i]
	}
	next := append([]uint32(nil), in.Start...)
	for j := range len(c.Start) - 1 {
		for k := c.Start[j]; k < c.Start[j+1]; k++ {
			at := next[c.Target[k]]
			next[c.Target[k]]++
			in.Source[at], in.At[at] = uint32(j), k
		}
	}
	return in
}

// Pairs makes contacts from pairs of source and target, in any order.
func Pairs(from int, pairs [][2]int) Contacts {
	byTarget := Contacts{Start: make([]uint32, from+1)}
	for _, p := range pairs {
		byTarget.Start[p[0]+1]++
	}
	for j := range from {
		byTarget.Start[j+1] += byTarget.Start[j]
	}
	byTarget.Target = make([]uint32, len(pairs))
	next := append([]uint32(nil), byTarget.Start...)
	for _, p := range pairs {
		byTarget.Target[next[p[0]]] = uint32(p[1])
		next[p[0]]++
	}
	for j := range from {
		slices.Sort(byTarget.From(j))
	}
	return byTarget
}

// draws are words of the noise one after the other, for numbers of which it is not known how many there will be: those
// of block 0, 1, ... of the given noise.
type draws struct {
	noise kernels.Noise
	next  uint32
	words [4]uint32
	left  int
}

// uniform is in (0, 1).
func (d *draws) uniform() float64 {
	if d.left == 0 {
		d.words, d.left = d.noise.Words(d.next), 4
		d.next++
	}
	d.left--
	return (float64(d.words[3-d.left]) + 0.5) * 0x1p-32
}

// below is one of 0, ..., n-1, equally likely but for n 2^-32.
func (d *draws) below(n int) int { return min(int(d.uniform()*float64(n)), n-1) }

// chosen calls f with the numbers below n that independent draws with probability p choose, ascending. It draws the
// gaps between them, which are geometric (V. Batagelj and U. Brandes, Phys. Rev. E 71, 036113, 2005).
func (d *draws) chosen(n int, p float64, f func(i int)) {
	if p <= 0 {
		return
	}
	perLog := 1 / math.Log1p(-min(p, 1))
	for i := -1; ; {
		gap := 0.
		if p < 1 {
			gap = math.Floor(math.Log(d.uniform()) * perLog)
		}
		if gap >= float64(n-1-i) {
			return
		}
		i += 1 + int(gap)
		f(i)
	}
}

// Bernoulli makes each contact with probability p, independently; none of a neuron onto itself unless self. The noise
// is that of source j in step j; the caller sets its layer and draw.
func Bernoulli(n kernels.Noise, from, to int, p float64, self bool) Contacts {
	c := Contacts{Start: make([]uint32, 1, from+1)}
	for j := range from {
		n.Step = uint32(j)
		(&draws{noise: n}).chosen(to, p, func(i int) {
			if i != j || self {
				c.Target = append(c.Target, uint32(i))
			}
		})
		c.Start = append(c.Start, uint32(len(c.Target)))
	}
	return c
}

// FixedIn gives each target contacts from k different sources; none from itself unless self. The noise is that of
// target i in step i.
func FixedIn(n kernels.Noise, from, to, k int, self bool) (Contacts, error) {
	if most := from; k < 0 || k > most || !self && k > most-1 {
		return Contacts{}, fmt.Errorf("spiking: %d contacts from %d neurons: there are not as many", k, from)
	}
	var pairs [][2]int
	taken := make([]bool, from)
	for i := range to {
		n.Step = uint32(i)
		d := draws{noise: n}
		first := len(pairs)
		if !self {
			taken[i] = true
		}
		for len(pairs) < first+k {
			if j := d.below(from); !taken[j] {
				taken[j] = true
				pairs = append(pairs, [2]int{j, i})
			}
		}
		clear(taken)
	}
	return Pairs(from, pairs), nil
}

// Redraw decides each of the possible contacts anew with probability share, and then makes it with probability p.
// Contacts of Bernoulli(p) stay such, and the correlation of old and new ones is 1-share. There are to targets, and
// none is made of a neuron onto itself unless self. The noise is as in Bernoulli, and must be another one.
func (c Contacts) Redraw(n kernels.Noise, to int, p, share float64, self bool) Contacts {
	made := Contacts{Start: make([]uint32, 1, len(c.Start))}
	// Of the others, which are decided to be no contact or not decided, an old one is lost with this probability.
	loss := share * (1 - p) / (1 - share*p)
	for j := range len(c.Start) - 1 {
		n.Step = uint32(j)
		d := draws{noise: n}
		old := c.From(j)
		keepBelow := func(i int) {
			for ; len(old) > 0 && int(old[0]) < i; old = old[1:] {
				if d.uniform() >= loss {
					made.Target = append(made.Target, old[0])
				}
			}
		}
		d.chosen(to, share*p, func(i int) {
			if keepBelow(i); len(old) > 0 && int(old[0]) == i {
				old = old[1:]
			}
			if i != j || self {
				made.Target = append(made.Target, uint32(i))
			}
		})
		keepBelow(to)
		made.Start = append(made.Start, uint32(len(made.Target)))
	}
	return made
}
