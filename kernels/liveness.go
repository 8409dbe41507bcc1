package kernels

import (
	"cmp"
	"slices"
)

// Inference is the part of the Program that goes from the inputs to the outputs.
func (p *Program) Inference() *Program {
	q := *p
	q.Instructions = slices.DeleteFunc(slices.Clone(p.Instructions), func(i Instruction) bool {
		_, split := i.(Split)
		return !split && !Infers(i)
	})
	return &q
}

// GoesBack reports whether the Program has gradients.
func (p *Program) GoesBack() bool {
	return slices.ContainsFunc(p.Instructions, func(i Instruction) bool { _, ok := i.(Loss); return ok })
}

// Places says where the values of buffers lie: buffer b in place[b], which has slots[place[b]] slots for each example.
// The Dsts of a Split lie where its Src does. In a Program that goes back every other buffer has a place of its own,
// because the gradients read it. In an Inference a place is free again as soon as nothing is left to read what lies
// there; what makes a buffer there must then write its constants 1 and pads anew, if widths differ.
func (p *Program) Places() (place, slots []int) {
	origin := make([]Buffer, len(p.Widths)) // of the Dst of a Split
	last := make([]int, len(p.Widths))      // instruction that reads a buffer
	for b := range origin {
		origin[b] = Buffer(b)
	}
	for at, i := range p.Instructions {
		if split, ok := i.(Split); ok {
			for _, b := range split.Dsts {
				origin[b] = origin[split.Src]
			}
		}
		for _, b := range readBy(i) {
			last[origin[b]] = at
		}
	}
	last[origin[p.Output]] = len(p.Instructions)
	place = make([]int, len(p.Widths))
	var free []int
	for at, i := range p.Instructions {
		dst, _, ok := makes(i)
		if !ok {
			continue
		}
		// The smallest that is large enough, or else the largest.
		need := p.Slots(dst)
		if slices.SortFunc(free, func(a, b int) int { return cmp.Or(slots[a]-slots[b], a-b) }); len(free) == 0 {
			place[dst], slots = len(slots), append(slots, need)
		} else {
			n := slices.IndexFunc(free, func(f int) bool { return slots[f] >= need })
			if n < 0 {
				n = len(free) - 1
			}
			place[dst], free = free[n], slices.Delete(slices.Clone(free), n, n+1)
			slots[place[dst]] = max(slots[place[dst]], need)
		}
		if p.GoesBack() {
			continue
		}
		for _, b := range append(slices.Clone(readBy(i)), dst) {
			if o := origin[b]; last[o] <= at {
				last[o] = len(p.Instructions) + 1 // a sum may read one twice
				free = append(free, place[o])
			}
		}
	}
	for b := range place {
		place[b] = place[origin[b]]
	}
	return place, slots
}

// readBy lists the buffers whose values an instruction of the way from the inputs to the outputs reads.
func readBy(instruction Instruction) []Buffer {
	switch i := instruction.(type) {
	case Forward:
		return []Buffer{i.Src}
	case Convolve:
		return []Buffer{i.Src}
	case Pool:
		return []Buffer{i.Src}
	case Flatten:
		return []Buffer{i.Src}
	case Join:
		return i.Srcs
	}
	return nil
}
