package kernels

import (
	"math"
	"testing"
)

// windows are pictures of every arrangement, with windows that overlap, leave positions out, and reach beyond the edge.
func windows() []Window {
	return []Window{
		{Picture{5, 4, 3}, ByPosition, 3, 2, 1, 0}, {Picture{5, 4, 3}, ByPixel, 3, 3, 1, 1},
		{Picture{6, 5, 2}, ByPlane, 2, 3, 2, 1}, {Picture{7, 7, 1}, ByPlane, 5, 5, 1, 2},
		{Picture{4, 4, 16}, ByPosition, 2, 2, 2, 0}, {Picture{3, 5, 17}, ByPosition, 1, 1, 1, 0},
		{Picture{9, 8, 2}, ByPosition, 2, 2, 3, 0}, {Picture{5, 5, 2}, ByPosition, 5, 5, 1, 4},
	}
}

func uniforms(n int, seed uint64) []float64 {
	u := make([]float64, n)
	Uniforms(u, Noise{Seed: seed, Stream: StreamAnalysis}, 0)
	return u
}

// at is where a value of the picture is, counted by the definition; -1 outside.
func at(w Window, y, x, c int) int {
	switch {
	case y < 0 || y >= w.Height || x < 0 || x >= w.Width:
		return -1
	case w.Arrangement == ByPlane:
		return (c*w.Height+y)*w.Width + x
	case w.Arrangement == ByPixel:
		return (y*w.Width+x)*w.Channels + c
	}
	return (y*w.Width+x)*Stride(w.Channels) + c
}

// Unfold writes what the definition says, any part of the output by itself, and Fold is its transpose.
func TestUnfold(t *testing.T) {
	for _, w := range windows() {
		if err := w.Check(); err != nil {
			t.Fatal(err)
		}
		out, stride := w.Output(), Stride(w.Patch())
		src := uniforms(w.SourceRows()*Stride(w.SourceWidth()), 1)
		got := make([]float64, out.Positions()*stride)
		for i := range got {
			got[i] = math.NaN()
		}
		split := out.Positions() / 3
		Unfold(w, got, src, 0, split)
		Unfold(w, got[split*stride:], src, split, out.Positions()-split)
		dy := uniforms(len(got), 2)
		want := make([]float64, len(src))
		for p := range out.Positions() {
			for k := range stride {
				i, j, c := k/w.Channels/w.Columns, k/w.Channels%w.Columns, k%w.Channels
				value := 0.
				switch from := at(w, p/out.Width*w.Step-w.Pad+i, p%out.Width*w.Step-w.Pad+j, c); {
				case k == w.Patch():
					value = 1
				case k < w.Patch() && from >= 0:
					value = src[from]
					want[from] += dy[p*stride+k]
				}
				if got[p*stride+k] != value {
					t.Fatalf("%v: output %d, column %d: got %g, want %g", w, p, k, got[p*stride+k], value)
				}
			}
		}
		dx := make([]float64, len(src))
		Fold(w, dx, dy, 0, split)
		Fold(w, dx, dy[split*stride:], split, out.Positions()-split)
		for i, v := range dx {
			if math.Abs(v-want[i]) > 1e-12 {
				t.Fatalf("%v: gradient of %d: got %g, want %g", w, i, v, want[i])
			}
		}
	}
}

// Pools and their gradients, by the definition.
func TestPools(t *testing.T) {
	for _, w := range windows() {
		w.Arrangement, w.Pad = ByPosition, 0
		out, stride := w.Output(), Stride(w.Channels)
		x := uniforms(w.Positions()*stride, 3)
		dy := uniforms(out.Positions()*stride, 4)
		for _, p := range []Pooling{MaxPool, AveragePool} {
			y, dx := make([]float64, len(dy)), uniforms(len(x), 5)
			PoolForward(p, w, y, x)
			PoolGradient(p, w, dx, dy, y, x)
			want := make([]float64, len(x))
			for o := range out.Positions() {
				for c := range w.Channels {
					sum, best := 0., -1
					var all []int
					for i := range w.Rows {
						for j := range w.Columns {
							from := at(w, o/out.Width*w.Step+i, o%out.Width*w.Step+j, c)
							all, sum = append(all, from), sum+x[from]
							if best < 0 || x[from] > x[best] {
								best = from
							}
						}
					}
					value, g := x[best], dy[o*stride+c]
					if p == AveragePool {
						value = sum / float64(len(all))
						for _, from := range all {
							want[from] += g / float64(len(all))
						}
					} else {
						want[best] += g
					}
					if math.Abs(y[o*stride+c]-value) > 1e-15 {
						t.Fatalf("%v, %v: output %d: got %g, want %g", p, w, o, y[o*stride+c], value)
					}
				}
			}
			for i, v := range dx {
				if math.Abs(v-want[i]) > 1e-12 {
					t.Fatalf("%v, %v: gradient of %d: got %g, want %g", p, w, i, v, want[i])
				}
			}
		}
	}
}

// Of equal values the first has the gradient; a NaN does not vanish among others.
func TestMaxPoolOfEqualsAndNaN(t *testing.T) {
	w := Window{Picture{2, 2, 1}, ByPosition, 2, 2, 2, 0}
	stride := Stride(1)
	for first := range 4 {
		x := make([]float32, 4*stride)
		for i := first; i < 4; i++ {
			x[i*stride] = 7
		}
		y, dx := make([]float32, stride), make([]float32, len(x))
		PoolForward(MaxPool, w, y, x)
		PoolGradient(MaxPool, w, dx, []float32{3}, y, x)
		for i := range 4 {
			if want := map[bool]float32{true: 3}[i == first]; dx[i*stride] != want {
				t.Errorf("equals from %d on: gradient of %d is %g, want %g", first, i, dx[i*stride], want)
			}
		}
		x[first*stride] = float32(math.NaN())
		if PoolForward(MaxPool, w, y, x); y[0] == y[0] {
			t.Errorf("a NaN at %d has become %g", first, y[0])
		}
	}
}

// A flat picture has its channels one after the other.
func TestFlat(t *testing.T) {
	p := Picture{2, 3, 2}
	src, back := uniforms(p.Positions()*Stride(2), 6), make([]float64, p.Positions()*Stride(2))
	flat := make([]float64, p.Units())
	Flat(p, flat, src)
	Unflat(p, back, flat)
	for i := range p.Units() {
		at := i%6*Stride(2) + i/6
		if flat[i] != src[at] || back[at] != src[at] {
			t.Errorf("value %d: got %g and %g, want %g", i, flat[i], back[at], src[at])
		}
	}
}

func TestWindowsRefused(t *testing.T) {
	good := Window{Picture{5, 4, 3}, ByPosition, 3, 2, 1, 0}
	for name, change := range map[string]func(w *Window){
		"no channels": func(w *Window) { w.Channels = 0 }, "no step": func(w *Window) { w.Step = 0 },
		"too large": func(w *Window) { w.Columns = 5 }, "all zeros": func(w *Window) { w.Pad = 2 },
		"negative": func(w *Window) { w.Pad = -1 }, "huge": func(w *Window) { w.Height, w.Channels = 1<<20, 1<<20 },
	} {
		w := good
		if change(&w); w.Check() == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
