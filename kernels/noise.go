package kernels

import "math"

// Stream separates the uses of randomness, so that no two of them ever see the same words.
type Stream uint16

// The streams. Their numbers are part of the definition of the noise and never change.
const (
	StreamTrain      Stream = 0 // xi of training steps
	StreamInitialMu  Stream = 1 // initial means
	StreamOrder      Stream = 2 // order of the examples in an epoch
	StreamEvaluation Stream = 3 // xi of test passes; step is the checkpoint's
	// Draw>>24 is 0 for passes of a trained network, 1 in package synapse, larger in package analysis
	StreamAnalysis  Stream = 4
	StreamGlyphs    Stream = 5 // the built-in digits
	StreamDynamics  Stream = 6
	StreamBootstrap Stream = 7

	// StreamOfExamples is added to the stream of weights where every example has its own noise: see Noise.OfExamples.
	StreamOfExamples Stream = 256
)

// Noise says where randomness is used. The numbers drawn there depend on nothing else: not on other networks trained at
// the same time, not on the number of threads, not on earlier draws.
//
// The words come from Philox4x32-10 with the 64-bit Seed as key (low word first) and the counter
//
//	c0 = q,  c1 = Step,  c2 = Stream<<16 | Layer,  c3 = Draw.
//
// Column k of row r of a layer whose rows have n columns reads output word j of block q, where
//
//	q = 16 ceil(n/64) r + 16 floor(k/64) + k mod 16,   j = floor(k/16) mod 4
//
// so that 64 neighbouring columns of a row take their numbers from 16 blocks, one SIMD lane each, and any row can be
// drawn alone.
type Noise struct {
	Seed   uint64
	Stream Stream
	Layer  uint16
	Step   uint32
	Draw   uint32
}

// OfExamples is where the noise of pre-activations is, if every example has its own (PerExample), given where that of
// the weights of all would be. Rows are the examples, in the order of the minibatch or evaluation group, and columns
// the units of the layer, followed by one for the constant 1 that their buffer has: Out + 1 of them.
func (n Noise) OfExamples() Noise {
	n.Stream += StreamOfExamples
	return n
}

// Words returns the four words of block q.
func (n Noise) Words(q uint32) [4]uint32 { return Philox(n.coordinates(q)) }

func (n Noise) coordinates(q uint32) (counter [4]uint32, key [2]uint32) {
	return [4]uint32{q, n.Step, uint32(n.Stream)<<16 | uint32(n.Layer), n.Draw},
		[2]uint32{uint32(n.Seed), uint32(n.Seed >> 32)}
}

// Keys returns the round keys of the blocks that differ in q only; see PhiloxKeys.
func (n Noise) Keys() [20]uint32 { return PhiloxKeys(n.coordinates(0)) }

// FirstBlock is the block of column 0 of a row, for rows of the given number of columns; it is the same with and
// without pads.
func FirstBlock(row, columns int) uint32 { return uint32(row * 16 * ((columns + 63) / 64)) }

// Normals fills xi with the standard normals of columns 0, 1, ... of a row; len(xi) is the number of columns.
//
// The words (0, 1) of a block give the cosine (j = 0) and sine (j = 1) of one Box-Muller pair and (2, 3) those of
// another (j = 2, 3): radius sqrt(-2 ln u) with u = ((x>>8) + 1/2) 2^-24 from the first word of the pair, angle
// pi 2^-31 int32(y) from the second. The largest normal is therefore sqrt(50 ln 2) = 5.887.
func Normals[T Float](xi []T, n Noise, row int) {
	counter, key := n.coordinates(FirstBlock(row, len(xi)))
	for k0 := 0; k0 < len(xi); k0 += 64 {
		group := xi[k0:min(k0+64, len(xi))]
		for lane := range min(16, len(group)) {
			x := Philox(counter, key)
			counter[0]++
			c, s := boxMuller[T](x[0], x[1])
			group[lane] = c
			if lane+16 < len(group) {
				group[lane+16] = s
			}
			if lane+32 >= len(group) {
				continue
			}
			c, s = boxMuller[T](x[2], x[3])
			group[lane+32] = c
			if lane+48 < len(group) {
				group[lane+48] = s
			}
		}
	}
}

// Uniforms fills u with the uniforms in (0, 1) of columns 0, 1, ... of a row: ((x>>8) + 1/2) 2^-24 of each column's
// word, and the float32 below 1 for the one that float32 rounds to 1.
func Uniforms[T Float](u []T, n Noise, row int) {
	q := FirstBlock(row, len(u))
	for k0 := 0; k0 < len(u); k0 += 64 {
		group := u[k0:min(k0+64, len(u))]
		for lane := range min(16, len(group)) {
			words := n.Words(q + uint32(lane))
			for j := 0; lane+16*j < len(group); j++ {
				v := uniform[T](words[j])
				if v == 1 {
					v = 1 - 0x1p-24
				}
				group[lane+16*j] = v
			}
		}
		q += 16
	}
}

// uniform may be 1 in float32.
func uniform[T Float](x uint32) T { return T(T(x>>8)*0x1p-24) + 0x1p-25 }

// boxMuller turns two words into two independent standard normals (Box and Muller 1958).
func boxMuller[T Float](x, y uint32) (cosine, sine T) {
	r := sqrt(-2 * log(uniform[T](x)))
	s, c := sinCosPi(T(int32(y)) * 0x1p-31)
	return r * c, r * s
}

// MaxNormal is the largest normal the definition can produce: sqrt(-2 ln 2^-25).
var MaxNormal = math.Sqrt(50 * math.Ln2)
