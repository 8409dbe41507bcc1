package mnist

import (
	"crypto/sha256"
	"encoding/hex"
	"math"
	"math/bits"
	"runtime"
	"sync"

	"quantal/kernels"
)

// The built-in digits have MNIST's shape.
const (
	glyphSide  = 28
	glyphTrain = 60000
	glyphTest  = 10000
)

// Glyphs returns the built-in digits: 60,000 training and 10,000 test images of 28 x 28 pixels, drawn rather than
// collected, for machines that have no MNIST. They are the same on every machine, take half a second to draw and need
// no file. Set.SHA256 holds the checksums of the IDX files they would make.
//
// An image starts from one of a few skeletons of its digit, drawn by hand. Its points move, the whole skeleton is
// turned, slanted, stretched and shifted, and a pen of random width and darkness follows it. How far things move was
// tuned so that the set is about as hard as MNIST: a linear classifier gets 91 % of the test images right (MNIST 92),
// and a 784-100-100-10 network with reliable synapses 98.5 % (MNIST 97.5). Pixels have mean 0.136 and standard
// deviation 0.308 of full ink (MNIST 0.131 and 0.308).
func Glyphs() *Set {
	s := &Set{
		Name: "glyphs", Source: "built-in", Rows: glyphSide, Columns: glyphSide, Classes: 10, Known: true,
		Train: newExamples(glyphTrain, glyphSide*glyphSide), Test: newExamples(glyphTest, glyphSide*glyphSide),
		SHA256: make(map[string]string),
	}
	shapes := skeletons()
	drawAll(&shapes, 0, s.Train)
	drawAll(&shapes, 1, s.Test)
	s.SHA256[fileNames[trainImages]] = idxSum(s.Train.Images, glyphTrain, glyphSide, glyphSide)
	s.SHA256[fileNames[trainLabels]] = idxSum(s.Train.Labels, glyphTrain)
	s.SHA256[fileNames[testImages]] = idxSum(s.Test.Images, glyphTest, glyphSide, glyphSide)
	s.SHA256[fileNames[testLabels]] = idxSum(s.Test.Labels, glyphTest)
	return s
}

// idxSum is the SHA-256 of the IDX file that would hold the data.
func idxSum(data []byte, dims ...uint32) string {
	h := sha256.New()
	h.Write(header(dims...))
	h.Write(data)
	return hex.EncodeToString(h.Sum(nil))
}

// drawAll draws the examples of set 0 (training) or 1 (test), on all cores: each depends on its index only.
func drawAll(shapes *[10][]skeleton, set uint16, e Examples) {
	workers := runtime.GOMAXPROCS(0)
	var wg sync.WaitGroup
	for w := range workers {
		from, to := e.N()*w/workers, e.N()*(w+1)/workers
		wg.Go(func() {
			var pen glyphPen
			for i := from; i < to; i++ {
				e.Labels[i] = pen.draw(e.Images[i*glyphSide*glyphSide:(i+1)*glyphSide*glyphSide], shapes, set, uint32(i))
			}
		})
	}
	wg.Wait()
}

// glyphWords reads the random words of one glyph: stream 5, layer 0 for training and 1 for test, step the index.
type glyphWords struct {
	noise kernels.Noise
	block uint32
	words [4]uint32
	used  int
}

func newGlyphWords(set uint16, index uint32) glyphWords {
	return glyphWords{noise: kernels.Noise{Stream: kernels.StreamGlyphs, Layer: set, Step: index}, used: 4}
}

func (g *glyphWords) next() uint32 {
	if g.used == 4 {
		g.words, g.used = g.noise.Words(g.block), 0
		g.block++
	}
	g.used++
	return g.words[g.used-1]
}

// below returns an integer from 0 to n-1.
func (g *glyphWords) below(n int) int {
	high, _ := bits.Mul32(g.next(), uint32(n))
	return int(high)
}

// uniform returns a number between low and high.
func (g *glyphWords) uniform(low, high float64) float64 {
	return low + mul(high-low, float64(g.next())*0x1p-32)
}

// bell returns a number of mean 0 and the given standard deviation: the sum of the four bytes of a word, each of
// variance (256^2-1)/12, which is close to a normal distribution and, unlike it, exact in integers and never beyond
// 3.46 deviations.
func (g *glyphWords) bell(deviation float64) float64 {
	w := g.next()
	sum := int32(w&255+w>>8&255+w>>16&255+w>>24) - 510
	return mul(float64(sum)/147.8, deviation) // sqrt(4 (256^2-1)/12) = 147.80
}

// glyphPen draws glyphs; it keeps the memory that drawing takes.
type glyphPen struct {
	canvas canvas
	points []point
}

// How much glyphs differ from their skeletons: standard deviations, in the units of the names. They were found by
// trial: larger values make the set harder, for a linear classifier sooner than for a person.
const (
	glyphJitterPixels = 1.0  // of every point of the skeleton
	glyphTurn         = 0.18 // angle, radians
	glyphSlantMean    = 0.15 // horizontal shift per height; people lean to the right
	glyphSlant        = 0.25
	glyphStretch      = 0.14 // of height and width, relative
	glyphShiftPixels  = 1.0
)

// draw draws the glyph of the given set and index into image and returns its label.
func (p *glyphPen) draw(image []byte, shapes *[10][]skeleton, set uint16, index uint32) (label byte) {
	g := newGlyphWords(set, index)
	digit := g.below(len(shapes))
	shape := shapes[digit][g.below(len(shapes[digit]))]
	m := randomAffine(&g)
	radius := g.uniform(0.65, 1.65) // half the width of the pen's line, pixels
	soft := g.uniform(0.45, 0.8)    // half the width of its edge, pixels
	ink := g.uniform(0.9, 1.5)      // beyond 1 the middle of the line saturates

	p.canvas.clear()
	for _, s := range shape {
		p.points = p.points[:0]
		for i, q := range s {
			if i > 0 && q == s[i-1] { // the two halves of a corner move together
				p.points = append(p.points, p.points[i-1])
				continue
			}
			q.x += g.bell(glyphJitterPixels)
			q.y += g.bell(glyphJitterPixels)
			p.points = append(p.points, m.apply(q))
		}
		p.canvas.curve(p.points, radius+soft)
	}
	p.canvas.ink(image, &g, radius, soft, ink)
	return byte(digit)
}

// ink turns distances into bytes: full ink up to radius-soft, none from radius+soft on, a linear ramp in between, and a
// little grain.
func (c *canvas) ink(image []byte, g *glyphWords, radius, soft, ink float64) {
	reach := mul(radius+soft, radius+soft)
	for i, d2 := range c {
		image[i] = 0
		if d2 >= reach {
			continue
		}
		v := min((radius+soft-math.Sqrt(d2))/mul(2, soft), 1)
		v = mul(mul(v, ink), g.uniform(0.88, 1))
		image[i] = byte(mul(255, min(v, 1)) + 0.5)
	}
}

// affine maps a point of the skeleton to the image: x' = xx x + xy y + x0, y' = yx x + yy y + y0.
type affine struct{ xx, xy, yx, yy, x0, y0 float64 }

func (m affine) apply(p point) point {
	return point{mul(m.xx, p.x) + mul(m.xy, p.y) + m.x0, mul(m.yx, p.x) + mul(m.yy, p.y) + m.y0}
}

// randomAffine stretches, then slants, then turns the skeleton's box about its middle, and puts the box near the middle
// of the image.
func randomAffine(g *glyphWords) affine {
	size := 1 + g.bell(0.06)
	sx, sy := mul(size, 0.93+g.bell(glyphStretch)), mul(size, 0.93+g.bell(glyphStretch/2))
	slant := glyphSlantMean + g.bell(glyphSlant)
	// Cosine and sine from the tangent of half the angle: math.Sin need not give the same bits everywhere.
	half := g.bell(glyphTurn / 2)
	norm := 1 + mul(half, half)
	cos, sin := (1-mul(half, half))/norm, mul(2, half)/norm

	// (x, y) -> (sx x - slant sy y, sy y), then the rotation.
	m := affine{
		xx: mul(cos, sx), xy: -mul(cos, mul(slant, sy)) - mul(sin, sy),
		yx: mul(sin, sx), yy: -mul(sin, mul(slant, sy)) + mul(cos, sy),
	}
	const middle, centre = glyphBox / 2, (glyphSide - 1) / 2.
	moved := m.apply(point{middle, middle})
	m.x0 = centre - moved.x + g.bell(glyphShiftPixels)
	m.y0 = centre - moved.y + g.bell(glyphShiftPixels)
	return m
}
