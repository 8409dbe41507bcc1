package draw

import (
	"bytes"
	"image/png"
	"math"
	"testing"
)

// A matrix is drawn the right way round, paler where it is smaller, and left white for NaN.
func TestHeat(t *testing.T) {
	h := Heat{Label: "weights", Rows: [][]float64{{0.001, 10, 10}, {math.NaN(), 0.1, 0.02}}, Low: 0.01, High: 1,
		Color: Purple}
	for v, want := range map[float64]int{0.001: 0, 0.01: 0, 0.1: shades / 2, 1: shades - 1, 10: shades - 1} {
		if got := h.shade(v, shades); got != want {
			t.Errorf("shade %d of %g, want %d", got, v, want)
		}
	}
	linear := Heat{Low: -1, High: 1, Linear: true, Color: Purple}
	colors := linear.colors()
	for v, want := range map[float64]int{-9: 0, -1: 0, 0: 32, 1: 63, 9: 63} {
		if got := linear.shade(v, len(colors)); got != want {
			t.Errorf("shade %d of %g, want %d", got, v, want)
		}
	}
	if colors[0] != pale(Purple.rgba(), 1) || colors[63] != Purple.rgba() {
		t.Errorf("shades from %v to %v", colors[0], colors[63])
	}
	axes := Axis{Min: 0, Max: 3}
	f, err := NewFigure(Block{Rows: [][]Panel{{{X: axes, Y: Axis{Min: 0, Max: 2}, Layers: []Layer{h}}}}, Height: 100})
	check(t, err)
	var b bytes.Buffer
	check(t, f.Encode(&b, ".png"))
	image, err := png.Decode(&b)
	check(t, err)
	at := func(x, y float64) int { // brightness, in the middle of the picture's place of the matrix
		bounds := image.Bounds()
		r, g, b, _ := image.At(int((0.1+0.85*x)*float64(bounds.Dx())), int((0.12+0.75*y)*float64(bounds.Dy()))).RGBA()
		return int(r+g+b) / 257
	}
	topLeft, topRight, lowLeft, lowMiddle, lowRight := at(1./6, 0.25), at(5./6, 0.25), at(1./6, 0.75), at(0.5, 0.75),
		at(5./6, 0.75)
	if lowLeft < 3*0xe4 || !(topRight < lowMiddle && lowMiddle < lowRight && lowRight <= topLeft && topLeft < lowLeft) {
		t.Errorf("brightness %d %d at the top, %d %d %d below", topLeft, topRight, lowLeft, lowMiddle, lowRight)
	}
	for want, bad := range map[string]Heat{
		"a row of 1 values under one of 2": {Rows: [][]float64{{1, 2}, {1}}, Low: 1, High: 2},
		"shades from 0 to 1":               {Rows: [][]float64{{1}}, High: 1},
	} {
		_, err := NewFigure(Block{Rows: [][]Panel{{{Layers: []Layer{bad}}}}, Height: 50})
		wantError(t, err, want)
	}
}
