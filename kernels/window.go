package kernels

import "fmt"

// Picture is the shape of an example whose values have positions: Height x Width of them, with Channels values each.
type Picture struct{ Height, Width, Channels int }

// Positions is the number of positions.
func (p Picture) Positions() int { return p.Height * p.Width }

// Units is the number of values.
func (p Picture) Units() int { return p.Positions() * p.Channels }

func (p Picture) String() string { return fmt.Sprintf("%dx%dx%d", p.Channels, p.Height, p.Width) }

// Arrangement says where the values of a picture are.
type Arrangement int

// The arrangements.
const (
	ByPosition Arrangement = iota // in a buffer with a row for each position
	ByPixel                       // in a single row, position after position
	ByPlane                       // in a single row, channel after channel
)

// Window is how a convolution or a pool sees a picture: through a window of Rows x Columns positions, which moves by
// Step positions. The picture has Pad positions of zeros around it. Outputs have positions, too, in the same order:
// line by line.
type Window struct {
	Picture
	Arrangement
	Rows, Columns, Step, Pad int
}

// Output is the size of the output; Channels is that of the input.
func (w Window) Output() Picture {
	return Picture{(w.Height+2*w.Pad-w.Rows)/w.Step + 1, (w.Width+2*w.Pad-w.Columns)/w.Step + 1, w.Channels}
}

// Patch is the number of values in the window.
func (w Window) Patch() int { return w.Rows * w.Columns * w.Channels }

// Check reports a window that does not fit, or sizes that overflow.
func (w Window) Check() error {
	for _, n := range []int{w.Height, w.Width, w.Channels, w.Rows, w.Columns, w.Step, w.Pad + 1} {
		if n < 1 || n > MaxUnits {
			return fmt.Errorf("window %v: want sizes of 1 to %d, got %d", w, MaxUnits, n)
		}
	}
	if int64(w.Height)*int64(w.Width) > MaxUnits || int64(w.Positions())*int64(w.Channels) > MaxUnits {
		return fmt.Errorf("window %v: want at most %d values", w, MaxUnits)
	}
	if w.Rows > w.Height+2*w.Pad || w.Columns > w.Width+2*w.Pad {
		return fmt.Errorf("window %v: it is larger than its picture", w)
	}
	if w.Pad >= w.Rows || w.Pad >= w.Columns {
		return fmt.Errorf("window %v: want fewer zeros around the picture than the window is wide", w)
	}
	if int64(w.Rows)*int64(w.Columns) > MaxUnits || int64(w.Rows)*int64(w.Columns)*int64(w.Channels) > MaxUnits {
		return fmt.Errorf("window %v: want at most %d values in it", w, MaxUnits)
	}
	return nil
}

func (w Window) String() string {
	s := fmt.Sprintf("%dx%d of %v", w.Rows, w.Columns, w.Picture)
	if w.Step != 1 {
		s += fmt.Sprintf(" stride %d", w.Step)
	}
	if w.Pad != 0 {
		s += fmt.Sprintf(" pad %d", w.Pad)
	}
	return s
}

// SourceRows is the number of rows that the picture has in a buffer, and SourceWidth the number of values in each.
func (w Window) SourceRows() int {
	if w.Arrangement == ByPosition {
		return w.Positions()
	}
	return 1
}

// SourceWidth is the number of values in each row of the picture's buffer.
func (w Window) SourceWidth() int { return w.Units() / w.SourceRows() }

// Strides are the distances in memory between positions and between channels.
func (w Window) Strides() (position, channel int) {
	switch w.Arrangement {
	case ByPixel:
		return w.Channels, 1
	case ByPlane:
		return 1, w.Positions()
	}
	return Stride(w.Channels), 1
}

// seen calls f with the line and column of the window's upper left corner for n output positions from the given one on.
func (w Window) seen(first, n int, f func(i, y, x int)) {
	width := w.Output().Width
	line, column := first/width, first%width
	for i := range n {
		f(i, line*w.Step-w.Pad, column*w.Step-w.Pad)
		if column++; column == width {
			line, column = line+1, 0
		}
	}
}

// inside is the part of the window's n lines or columns, the first being at from, that lies within a picture of the
// given size.
func inside(from, n, size int) (begin, end int) {
	return max(0, -from), max(max(0, -from), min(n, size-from))
}

// Unfold writes what the window sees of one example at n output positions from the given one on: a row for each, of
// Stride(Patch) slots, with the constant 1 after the values. Value c of the position in row i and column j of the
// window is in column (i Columns + j) Channels + c.
func Unfold[T Float](w Window, dst, src []T, first, n int) {
	position, channel := w.Strides()
	patch := w.Patch()
	stride, line := Stride(patch), w.Columns*w.Channels
	contiguous := position == w.Channels && (channel == 1 || w.Channels == 1)
	w.seen(first, n, func(r, y, x int) {
		row := dst[r*stride:][:stride]
		top, bottom := inside(y, w.Rows, w.Height)
		left, right := inside(x, w.Columns, w.Width)
		if bottom-top < w.Rows || right-left < w.Columns {
			clear(row[:patch])
		}
		for i := top; i < bottom; i++ {
			to, from := row[i*line:][:line], ((y+i)*w.Width+x)*position
			switch {
			case contiguous:
				values := src[from+left*position:]
				if to = to[left*w.Channels : right*w.Channels]; len(to) > 8 {
					copy(to, values)
				} else { // a call would take longer
					values = values[:len(to)]
					for k := range to {
						to[k] = values[k]
					}
				}
			case channel == 1:
				for j := left; j < right; j++ {
					copy(to[j*w.Channels:][:w.Channels], src[from+j*position:])
				}
			default:
				for j := left; j < right; j++ {
					for c := range w.Channels {
						to[j*w.Channels+c] = src[from+j*position+c*channel]
					}
				}
			}
		}
		row[patch] = 1
		for k := patch + 1; k < stride; k++ {
			row[k] = 0
		}
	})
}

// Fold is the transpose of Unfold: it adds the gradients of what the window saw to those of one example.
func Fold[T Float](w Window, dst, src []T, first, n int) {
	position, channel := w.Strides()
	stride, line := Stride(w.Patch()), w.Columns*w.Channels
	w.seen(first, n, func(r, y, x int) {
		row := src[r*stride:][:stride]
		top, bottom := inside(y, w.Rows, w.Height)
		left, right := inside(x, w.Columns, w.Width)
		for i := top; i < bottom; i++ {
			from, to := row[i*line:][:line], ((y+i)*w.Width+x)*position
			if position == w.Channels && channel == 1 {
				if left < right {
					add(dst[to+left*position:][:(right-left)*position], from[left*position:right*position])
				}
				continue
			}
			for j := left; j < right; j++ {
				values := from[j*w.Channels:][:w.Channels]
				if at := to + j*position; channel == 1 {
					add(dst[at:][:len(values)], values)
				} else {
					for c, v := range values {
						dst[at+c*channel] += v
					}
				}
			}
		}
	})
}

// Packed is the same window over pictures in one row, ByPixel, which windows see faster.
func (w Window) Packed() Window {
	w.Arrangement = ByPixel
	return w
}

// Unpack copies a picture ByPixel to a buffer with a row for each position.
func Unpack[T Float](p Picture, dst, src []T) {
	stride := Stride(p.Channels)
	for at := range p.Positions() {
		copy(dst[at*stride:][:p.Channels], src[at*p.Channels:])
	}
}

func add[T Float](dst, src []T) {
	src = src[:len(dst)]
	for i, v := range src {
		dst[i] += v
	}
}
