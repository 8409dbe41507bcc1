package kernels

import "fmt"

// Pooling says what a pool makes of the values in its window.
type Pooling int

// The poolings.
const (
	MaxPool Pooling = iota
	AveragePool
)

var poolingNames = [...]string{"max", "average"}

func (p Pooling) String() string { return name(poolingNames[:], "Pooling", int(p)) }

type (
	// Pool replaces what a window sees of each channel by one value. Src has a row for each position.
	Pool struct {
		Src, Dst Buffer
		Pooling  Pooling
		Window   Window
	}
	// PoolBackward propagates the gradient of buffer Dst of a Pool to its Src. Activation is that of Src.
	PoolBackward struct {
		Src, Dst   Buffer
		Pooling    Pooling
		Window     Window
		Activation Activation
	}
)

func (Pool) instruction()         {}
func (PoolBackward) instruction() {}

func (i Pool) String() string {
	return fmt.Sprintf("b%d = %v(b%d), %v", i.Dst, i.Pooling, i.Src, i.Window)
}

func (i PoolBackward) String() string {
	return fmt.Sprintf("d%d = gradient of %v(b%d) at d%d, %v, through %v", i.Src, i.Pooling, i.Src, i.Dst, i.Window,
		i.Activation)
}

// PoolForward pools one example: y and x have a row of Stride(Channels) slots for each position. A NaN stays one.
func PoolForward[T Float](p Pooling, w Window, y, x []T) {
	stride, area := Stride(w.Channels), T(w.Rows*w.Columns)
	w.seen(0, w.Output().Positions(), func(r, top, left int) {
		to := y[r*stride:][:w.Channels]
		for i := range w.Rows {
			for j := range w.Columns {
				from := x[((top+i)*w.Width+left+j)*stride:][:len(to)]
				switch {
				case i+j == 0:
					copy(to, from)
				case p == MaxPool:
					for c, v := range from {
						if !(v <= to[c]) && to[c] == to[c] {
							to[c] = v
						}
					}
				default:
					add(to, from)
				}
			}
		}
		if p == AveragePool {
			for c := range to {
				to[c] /= area
			}
		}
	})
}

// PoolGradient computes dx of one example from dy, and for MaxPool from y and x: the gradient goes to the first of the
// largest values, line by line.
func PoolGradient[T Float](p Pooling, w Window, dx, dy, y, x []T) {
	stride, area := Stride(w.Channels), T(w.Rows*w.Columns)
	clear(dx[:w.Positions()*stride])
	if p == AveragePool {
		w.seen(0, w.Output().Positions(), func(r, top, left int) {
			from := dy[r*stride:][:w.Channels]
			for i := range w.Rows {
				for j := range w.Columns {
					to := dx[((top+i)*w.Width+left+j)*stride:][:len(from)]
					for c, v := range from {
						to[c] += v / area
					}
				}
			}
		})
		return
	}
	rest := make([]T, w.Channels) // of dy, what has not found its value
	w.seen(0, w.Output().Positions(), func(r, top, left int) {
		largest := y[r*stride:][:len(rest)]
		copy(rest, dy[r*stride:])
		for i := range w.Rows {
			for j := range w.Columns {
				at := ((top+i)*w.Width + left + j) * stride
				values, to := x[at:][:len(rest)], dx[at:][:len(rest)]
				for c, v := range values {
					if v == largest[c] {
						to[c] += rest[c]
						rest[c] = 0
					}
				}
			}
		}
	})
}
