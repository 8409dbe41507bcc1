package kernels

import "math/bits"

// Round multipliers and key increments of Philox4x32-10 (Salmon, Moraes, Dror, Shaw: Parallel random numbers: as easy
// as 1, 2, 3. SC 2011, section 3.3).
const (
	philoxM0 = 0xD2511F53
	philoxM1 = 0xCD9E8D57
	philoxW0 = 0x9E3779B9 // golden ratio
	philoxW1 = 0xBB67AE85 // sqrt(3) - 1
)

// PhiloxKeys returns the words that the ten rounds add to (c0, c2), for vector kernels whose blocks differ in c0 only.
// Parts of the first rounds are then the same for all blocks, and are precomputed here, so that
//
//	round 1 is    c2 = hi(M0 q) ^ keys[1], c3 = lo(M0 q)                             (c0 and c1 are uniform)
//	round 2 is    c0 = hi(M1 c2) ^ keys[2], c1 = lo(M1 c2), c2 = c3 ^ keys[3]      (c3 is uniform)
//	round 3 has   keys[5] for c3 ^ k1, and is else like the others
func PhiloxKeys(counter [4]uint32, key [2]uint32) (keys [20]uint32) {
	for r := range 10 {
		keys[2*r], keys[2*r+1] = key[0], key[1]
		key[0] += philoxW0
		key[1] += philoxW1
	}
	hi, lo := bits.Mul32(philoxM1, counter[2]) // round 1
	c0, c1 := hi^counter[1]^keys[0], lo
	keys[1] ^= counter[3]
	hi, lo = bits.Mul32(philoxM0, c0) // round 2
	keys[2] ^= c1
	keys[3] ^= hi
	keys[5] ^= lo
	return keys
}

// Philox returns the four output words of Philox4x32-10 for a counter and a key.
func Philox(counter [4]uint32, key [2]uint32) [4]uint32 {
	c0, c1, c2, c3 := counter[0], counter[1], counter[2], counter[3]
	k0, k1 := key[0], key[1]
	for range 10 {
		p0 := uint64(philoxM0) * uint64(c0)
		p1 := uint64(philoxM1) * uint64(c2)
		c0, c1, c2, c3 = uint32(p1>>32)^c1^k0, uint32(p1), uint32(p0>>32)^c3^k1, uint32(p0)
		k0 += philoxW0
		k1 += philoxW1
	}
	return [4]uint32{c0, c1, c2, c3}
}
