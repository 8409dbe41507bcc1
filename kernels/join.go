package kernels

import (
	"fmt"
	"strings"
)

// What lets a Program be any directed graph without cycles: sums of branches, and buffers that several instructions
// read.
type (
	// Join adds buffers of one shape, and applies the activation.
	Join struct {
		Srcs       []Buffer
		Dst        Buffer
		Activation Activation
	}
	// JoinBackward propagates the gradient of buffer Dst of a Join to one of its Srcs. Activation is that of Src.
	JoinBackward struct {
		Src, Dst   Buffer
		Activation Activation
	}
	// Split names a buffer anew for each of several instructions that read it: the Dsts have its values, and gradients of
	// their own.
	Split struct {
		Src  Buffer
		Dsts []Buffer
	}
	// Merge adds the gradients of the Dsts of a Split to that of its Src. Activation is that of Src.
	Merge struct {
		Src        Buffer
		Dsts       []Buffer
		Activation Activation
	}
	// Flatten makes one row of a picture, channel after channel.
	Flatten struct {
		Src, Dst Buffer
		Picture  Picture
	}
	// FlattenBackward propagates the gradient of buffer Dst of a Flatten to its Src. Activation is that of Src.
	FlattenBackward struct {
		Src, Dst   Buffer
		Picture    Picture
		Activation Activation
	}
)

func (Join) instruction()            {}
func (JoinBackward) instruction()    {}
func (Split) instruction()           {}
func (Merge) instruction()           {}
func (Flatten) instruction()         {}
func (FlattenBackward) instruction() {}

func list(letter string, all []Buffer, separator string) string {
	var names []string
	for _, b := range all {
		names = append(names, fmt.Sprint(letter, int(b)))
	}
	return strings.Join(names, separator)
}

func (i Join) String() string {
	return fmt.Sprintf("b%d = %v(%s)", i.Dst, i.Activation, list("b", i.Srcs, " + "))
}

func (i JoinBackward) String() string {
	return fmt.Sprintf("d%d = d%d, through %v", i.Src, i.Dst, i.Activation)
}

func (i Split) String() string { return fmt.Sprintf("%s = b%d", list("b", i.Dsts, ", "), i.Src) }

func (i Merge) String() string {
	return fmt.Sprintf("d%d = %s, through %v", i.Src, list("d", i.Dsts, " + "), i.Activation)
}

func (i Flatten) String() string { return fmt.Sprintf("b%d = flat b%d, %v", i.Dst, i.Src, i.Picture) }

func (i FlattenBackward) String() string {
	return fmt.Sprintf("d%d = d%d as %v, through %v", i.Src, i.Dst, i.Picture, i.Activation)
}

// Sum computes dst as the sum of others, in their order.
func Sum[T Float](dst []T, of ...[]T) {
	copy(dst, of[0])
	for _, src := range of[1:] {
		add(dst, src)
	}
}

// Flat makes one row of an example's rows for each position, of Stride(Channels) slots.
func Flat[T Float](p Picture, dst, src []T) {
	stride, n := Stride(p.Channels), p.Positions()
	for at := range n {
		for c, v := range src[at*stride:][:p.Channels] {
			dst[c*n+at] = v
		}
	}
}

// Unflat is the inverse of Flat.
func Unflat[T Float](p Picture, dst, src []T) {
	stride, n := Stride(p.Channels), p.Positions()
	for at := range n {
		row := dst[at*stride:][:p.Channels]
		for c := range row {
			row[c] = src[c*n+at]
		}
	}
}
