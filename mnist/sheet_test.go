package mnist

import (
	"image"
	"testing"
)

func TestSheet(t *testing.T) {
	e := newExamples(3, 2*2)
	copy(e.Labels, []byte{12, 0, 12})
	e.Images[8] = 255 // top left pixel of the second example of label 12
	sheet := Sheet(e, 2, 2, 100)
	// Two lines: label 0 with one example, label 12 with two. An image is 56 pixels wide, a letter 3 x 5 dots of 4.
	const margin, step = 7*4 + 16, 60
	if want := image.Rect(0, 0, margin+2*step+4, 2*step+4); sheet.Bounds() != want {
		t.Fatalf("the sheet is %v, want %v", sheet.Bounds(), want)
	}
	for _, c := range []struct {
		what string
		x, y int
		want any
	}{
		{"ground", 0, 0, sheetGround},
		{"label 0", 8, 4 + (56-20)/2, sheetLabel},
		{"background of the example of label 0", margin + 1, 5, image.White.C},
		{"no second example of label 0", margin + step + 1, 5, sheetGround},
		{"first example of label 12", margin + 1, step + 5, image.White.C},
		{"second example of label 12: ink", margin + step + 27, step + 4 + 27, sheetInk},
		{"second example of label 12: beside it", margin + step + 28, step + 4 + 27, image.White.C},
	} {
		r, g, b, _ := sheet.At(c.x, c.y).RGBA()
		wr, wg, wb, _ := c.want.(interface {
			RGBA() (r, g, b, a uint32)
		}).RGBA()
		if r != wr || g != wg || b != wb {
			t.Errorf("%s: got %v, want %v", c.what, sheet.At(c.x, c.y), c.want)
		}
	}
	for _, n := range []int{0, -1} {
		if !Sheet(e, 2, 2, n).Bounds().Empty() {
			t.Errorf("a sheet of %d examples is not empty", n)
		}
	}
	if !Sheet(e, 28, 28, 3).Bounds().Empty() {
		t.Error("a sheet of images of another size is not empty")
	}
}
