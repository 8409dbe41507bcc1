package mnist

import "math"

// mul is a product rounded to float64. The conversion keeps the compiler from fusing the product with a sum, which it
// does for some processors, where glyphs would then have other bytes (Go specification, floating-point operators). All
// arithmetic of a glyph is +, -, / and square root, which round alike everywhere, and mul.
func mul(a, b float64) float64 { return float64(a * b) }

// curveSteps is the number of straight pieces that approximate the curve between two points of a stroke: they
// stay within 0.1 pixel of the curve.
const curveSteps = 7

// catmullRom returns the spline's point at t in [0, 1] between b and c, whose neighbours are a and d (Catmull and Rom
// 1974, the uniform spline of tension 1/2).
func catmullRom(a, b, c, d point, t float64) point {
	t2 := mul(t, t)
	t3 := mul(t2, t)
	wa := mul(0.5, mul(2, t2)-t-t3)
	wb := mul(0.5, mul(3, t3)-mul(5, t2)+2)
	wc := mul(0.5, t+mul(4, t2)-mul(3, t3))
	wd := mul(0.5, t3-t2)
	return point{
		mul(wa, a.x) + mul(wb, b.x) + mul(wc, c.x) + mul(wd, d.x),
		mul(wa, a.y) + mul(wb, b.y) + mul(wc, c.y) + mul(wd, d.y),
	}
}

// canvas holds, for every pixel, the squared distance to the nearest ink.
type canvas [glyphSide * glyphSide]float64

// far is a squared distance at which there is no ink.
const far = 1e9

func (c *canvas) clear() {
	for i := range c {
		c[i] = far
	}
}

// curve draws the spline through the points. Distances of pixels further than reach from it may stay as they are.
func (c *canvas) curve(points []point, reach float64) {
	last := len(points) - 1
	for i := range last {
		if points[i] == points[i+1] {
			continue // a corner
		}
		from := points[i]
		for k := 1; k <= curveSteps; k++ {
			to := catmullRom(points[max(i-1, 0)], points[i], points[i+1], points[min(i+2, last)], float64(k)/curveSteps)
			c.line(from, to, reach)
			from = to
		}
	}
}

// line draws a straight piece.
func (c *canvas) line(a, b point, reach float64) {
	x0, x1 := pixels(min(a.x, b.x)-reach, max(a.x, b.x)+reach)
	y0, y1 := pixels(min(a.y, b.y)-reach, max(a.y, b.y)+reach)
	dx, dy := b.x-a.x, b.y-a.y
	length2 := mul(dx, dx) + mul(dy, dy)
	var ux, uy float64 // so that (p-a)·u is the position of p's foot along the piece, 0 at a and 1 at b
	if length2 > 0 {
		ux, uy = dx/length2, dy/length2
	}
	for y := y0; y < y1; y++ {
		py := float64(y) - a.y
		row := c[y*glyphSide : (y+1)*glyphSide]
		for x := x0; x < x1; x++ {
			px := float64(x) - a.x
			t := min(max(mul(px, ux)+mul(py, uy), 0), 1)
			ex, ey := px-mul(t, dx), py-mul(t, dy)
			row[x] = min(row[x], mul(ex, ex)+mul(ey, ey))
		}
	}
}

// pixels returns the range [from, to) of pixel centres between the two coordinates, inside the image.
func pixels(low, high float64) (from, to int) {
	return max(int(math.Ceil(low)), 0), min(int(math.Floor(high))+1, glyphSide)
}
