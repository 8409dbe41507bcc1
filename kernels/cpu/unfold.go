package cpu

import (
	"unsafe"

	"quantal/kernels"
)

// copied is the number of values that a copy takes at once. It may go past the end of what is to be copied, because
// what follows is written later. Calls of copy take longer where there are few.
const copied = 8

// copyOne copies that many, from the given places on.
func copyOne(dst []float32, to int, src []float32, from int) {
	values := *(*[copied]float32)(src[from:])
	*(*[copied]float32)(dst[to:]) = values
}

// bordered is a window over the picture that border writes, which it never leaves.
func bordered(w kernels.Window) kernels.Window {
	w.Height, w.Width, w.Pad, w.Arrangement = w.Height+2*w.Pad, w.Width+2*w.Pad, 0, kernels.ByPixel
	return w
}

// borderedSize is the number of values that border writes, and of those that copies touch after it.
func borderedSize(w kernels.Window) int { return bordered(w).Units() + copied }

// border writes the picture of an example ByPixel, with the zeros around it that the window may see.
func border(w kernels.Window, dst, src []float32) {
	position, channel := w.Strides()
	width, pad, n := (w.Width+2*w.Pad)*w.Channels, w.Pad*w.Channels, w.Channels
	clear(dst[:w.Pad*width+pad])
	for y := range w.Height {
		line := dst[(y+w.Pad)*width+pad:]
		from := src[y*w.Width*position:]
		switch {
		case n == 1 && position == 1:
			copy(line, from[:w.Width])
		case channel != 1:
			for x := range w.Width {
				for c := range n {
					line[x*n+c] = from[x+c*channel]
				}
			}
		case position == n:
			copy(line, from[:w.Width*n])
		default: // a row of Stride(n) slots
			for x := range w.Width {
				for c := 0; c < n; c += copied {
					copyOne(line, x*n+c, from, x*position+c)
				}
			}
		}
		clear(line[w.Width*n:][:2*pad])
	}
	clear(dst[(w.Height+w.Pad)*width+pad:][:w.Pad*width-min(pad, w.Pad*width)])
}

// chunk is what a copy of a window's values takes at once. An assignment of arrays, which may overlap, would be a call.
type chunk struct{ a, b, c, d, e, f, g, h float32 }

// move is a copy of a chunk: from so many bytes after the window's first value, to so many after the row's.
type move struct{ to, from uintptr }

// moves are the copies with which a window that border has made is unfolded at one position; the last lines, whose
// chunks would leave the row, are left to copy.
func moves(w kernels.Window) (chunks []move, lines int) {
	line, stride := w.Columns*w.Channels, kernels.Stride(w.Patch())
	for i := range w.Rows {
		to, from := i*line, i*w.Width*w.Channels
		if to+(line+copied-1)/copied*copied > stride {
			return chunks, i
		}
		for k := 0; k < line; k += copied {
			chunks = append(chunks, move{4 * uintptr(to+k), 4 * uintptr(from+k)})
		}
	}
	return chunks, w.Rows
}

// unfold is kernels.Unfold for a window that border has made.
func unfold(w kernels.Window, dst, src []float32, first, n int) {
	chunks, lines := moves(w)
	patch, line, width, columns := w.Patch(), w.Columns*w.Channels, w.Width*w.Channels, w.Output().Width
	stride, seen := kernels.Stride(patch), (w.Rows-1)*width+line+copied
	y, x := first/columns, first%columns
	for r := range n {
		row, from := dst[r*stride:][:stride], src[y*w.Step*width+x*w.Step*w.Channels:][:seen]
		to, at := unsafe.Pointer(&row[0]), unsafe.Pointer(&from[0])
		for _, m := range chunks {
			*(*chunk)(unsafe.Add(to, m.to)) = *(*chunk)(unsafe.Add(at, m.from))
		}
		for i := lines; i < w.Rows; i++ {
			copy(row[i*line:][:line], from[i*width:])
		}
		row[patch] = 1
		for k := patch + 1; k < stride; k++ {
			row[k] = 0
		}
		if x++; x == columns {
			x, y = 0, y+1
		}
	}
}
