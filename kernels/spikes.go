package kernels

// SpikeKernels are the kernels of networks of spiking neurons. Their results have the same bytes for any kernel set: no
// product is fused with a sum.
type SpikeKernels[T Float] struct {
	Arrivals func(x []T, weight T, bits []uint64, rows []uint32)
	Currents func(drift, x []T, gain, decay T)
	Leak     func(v, jump, left, input, drift []T, approach, theta T, fired []uint64)
	Uniforms func(u []T, n Noise, row int)
	Steps    func(x, u, thresholds []T, weight T)
}

// PortableSpikeKernels are those of this package.
func PortableSpikeKernels[T Float]() SpikeKernels[T] {
	return SpikeKernels[T]{Arrivals[T], Currents[T], Leak[T], Uniforms[T], Steps[T]}
}

// Arrivals adds to each number of x weight times how many of the given rows have its bit, in portions of ArrivalRows
// rows. A row is len(x)/64 words of bits, and number i is bit i%64 of word i/64; len(x) is a multiple of
// ArrivalNumbers.
func Arrivals[T Float](x []T, weight T, bits []uint64, rows []uint32) {
	words := len(x) / 64
	for ; len(rows) > 0; rows = rows[min(ArrivalRows, len(rows)):] {
		portion := rows[:min(ArrivalRows, len(rows))]
		for k := range words {
			// Byte i%8 of counts[i/8] is the number of rows with bit i of word k.
			var counts [8]uint64
			for first := 0; first < len(portion); first += 15 {
				// Bit i of ones, twos, fours and eights is the number of rows with bit i, of up to 15.
				var ones, twos, fours, eights uint64
				for _, r := range portion[first:min(first+15, len(portion))] {
					carry := bits[int(r)*words+k]
					ones, carry = ones^carry, ones&carry
					twos, carry = twos^carry, twos&carry
					fours, carry = fours^carry, fours&carry
					eights ^= carry
				}
				for i := range counts {
					counts[i] += spread[byte(ones)] + spread[byte(twos)]<<1 + spread[byte(fours)]<<2 + spread[byte(eights)]<<3
					ones, twos, fours, eights = ones>>8, twos>>8, fours>>8, eights>>8
				}
			}
			for i, c := range counts {
				y := (*[8]T)(x[64*k+8*i:])
				for n := range y {
					y[n] += T(T(byte(c)) * weight)
					c >>= 8
				}
			}
		}
	}
}

// ArrivalRows and ArrivalNumbers are the units of Arrivals.
const (
	ArrivalRows    = 255
	ArrivalNumbers = 256
)

// spread has bit i of its index as byte i.
var spread = func() (s [256]uint64) {
	for b := range s {
		for i := range 8 {
			s[b] |= uint64(b>>i&1) << (8 * i)
		}
	}
	return s
}()

// Currents adds gain times x to drift and multiplies x by decay.
func Currents[T Float](drift, x []T, gain, decay T) {
	drift = drift[:len(x)]
	for i, y := range x {
		drift[i] += T(gain * y)
		x[i] = T(decay * y)
	}
}

// Leak moves potentials v by a step:
//
//	v <- v + jump,   v <- v + approach (input - v) + drift
//
// and sets in fired the bit of each number that is then at least theta. left are steps for which the potential is still
// held: it is one fewer after the step, and where it is not 0 before it the jump is lost, where not 0 after it v stays.
// jump is 0 after it. Number i is bit i%64 of fired[i/64]; the lengths are multiples of 64.
func Leak[T Float](v, jump, left, input, drift []T, approach, theta T, fired []uint64) {
	n := len(v)
	jump, left, input, drift = jump[:n], left[:n], input[:n], drift[:n]
	for k := range n / 64 {
		var bits uint64
		for i := 64 * k; i < 64*k+64; i++ {
			y := v[i]
			if left[i] == 0 {
				y += jump[i]
			} else {
				left[i]--
			}
			jump[i] = 0
			if left[i] != 0 {
				continue
			}
			y += T(approach*(input[i]-y)) + drift[i]
			if v[i] = y; y >= theta {
				bits |= 1 << (i % 64)
			}
		}
		fired[k] = bits
	}
}

// Steps adds to each number of x weight times how many of the ascending thresholds, at least one, are at or below that
// of u. The length of x is a multiple of 64.
func Steps[T Float](x, u, thresholds []T, weight T) {
	u = u[:len(x)]
	for i, y := range u {
		n := 0
		for n < len(thresholds) && thresholds[n] <= y {
			n++
		}
		x[i] += T(T(n) * weight)
	}
}
