package cpu

import (
	"slices"
	"testing"

	"quantal/kernels"
	"quantal/kernels/conformance"
)

// unfold writes what kernels.Unfold does, of all arrangements, with borders and without, and any part by itself; and
// maxPool and maxPoolGradient what kernels.PoolForward and kernels.PoolGradient do.
func TestWindowsAgainstPortable(t *testing.T) {
	windows, pools := 0, 0
	for seed := range 3000 {
		u := conformance.Numbers(make([]float64, 10), uint64(seed), 0, 1)
		pick := func(i, lo, hi int) int { return lo + int(u[i]*float64(hi-lo+1)) }
		w := kernels.Window{Picture: kernels.Picture{Height: pick(0, 1, 12), Width: pick(1, 1, 12), Channels: pick(2, 1, 20)},
			Arrangement: kernels.Arrangement(pick(3, 0, 2)), Rows: pick(4, 1, 16), Columns: pick(5, 1, 7), Step: pick(6, 1, 3),
			Pad: pick(7, 0, 3)}
		if w.Check() != nil {
			continue
		}
		windows++
		patch, n := kernels.Stride(w.Patch()), w.Output().Positions()
		x := conformance.Numbers(make([]float32, w.SourceRows()*kernels.Stride(w.SourceWidth())), uint64(seed), -1, 1)
		want, got := make([]float32, n*patch), make([]float32, n*patch+1)
		packed := conformance.Numbers(make([]float32, borderedSize(w)), 3, 5, 6) // what was there before
		got[n*patch] = 7
		kernels.Unfold(w, want, x, 0, n)
		border(w, packed, x)
		half := n / 2
		unfold(bordered(w), got, packed, 0, half)
		unfold(bordered(w), got[half*patch:n*patch], packed, half, n-half)
		if !slices.Equal(got[:n*patch], want) || got[n*patch] != 7 {
			t.Fatalf("%+v: unfolded to %v, want %v", w, got, want)
		}
		w.Arrangement, w.Pad, w.Rows, w.Columns = kernels.ByPosition, 0, 1+w.Rows%3, 1+w.Columns%3
		if w.Check() != nil {
			continue
		}
		n = w.Output().Positions()
		x = conformance.Numbers(make([]float32, w.Positions()*kernels.Stride(w.Channels)), uint64(seed), -1, 1)
		for i := range x { // many are equal
			x[i] = float32(int(3 * x[i]))
		}
		row := kernels.Stride(w.Channels)
		y, wantY := make([]float32, n*row), make([]float32, n*row)
		kernels.PoolForward(kernels.MaxPool, w, wantY, x)
		if maxPool(w, y, x); !slices.Equal(y, wantY) {
			t.Fatalf("%+v: pooled to %v, want %v", w, y, wantY)
		}
		dy := conformance.Numbers(make([]float32, n*row), uint64(seed)+1, -1, 1)
		if w.Step < max(w.Rows, w.Columns) {
			continue
		}
		pools++
		for r := range n {
			clear(dy[r*row+w.Channels:][:row-w.Channels]) // pads
		}
		a := kernels.Activation(seed % 2) // linear, or a rectifier
		wantDX := make([]float32, len(x))
		kernels.PoolGradient(kernels.MaxPool, w, wantDX, dy, y, x)
		kernels.ApplyGradient(a, wantDX, x)
		for _, set := range available() {
			dx := slices.Repeat([]float32{9}, len(x))
			if set.maxPoolGradient(w, a, dx, slices.Clone(dy), y, x); !slices.Equal(dx, wantDX) {
				t.Fatalf("%s, %+v: the gradient %v, want %v", set.name, w, dx, wantDX)
			}
		}
	}
	if windows < 300 || pools < 200 {
		t.Errorf("%d windows and %d pools: want at least 300 and 200", windows, pools)
	}
}
