package mnist

import (
	"math/bits"

	"quantal/kernels"
)

// Order fills dst with the order of the examples in an epoch: a permutation of 0, 1, ..., len(dst)-1 that depends only
// on seed and epoch. Members of a grid that share a seed share it.
//
// It is the shuffle of Fisher and Yates (Durstenfeld 1964): for i = n-1 down to 1, dst[i] and dst[j] are swapped, where
// j is the high word of the 128-bit product of i+1 with a 64-bit random number. That number is words 2(i%2) (low) and
// 2(i%2)+1 (high) of block i/2 of the noise with stream [kernels.StreamOrder] and step epoch.
//
// The probability of each j differs from 1/(i+1) by less than 2^-64, so that a draw is within (i+1) 2^-65 of uniform
// in total variation, and the whole permutation within n^2 2^-66: 5e-11 for 60,000 examples.
func Order(dst []int32, seed uint64, epoch int) {
	for i := range dst {
		dst[i] = int32(i)
	}
	noise := kernels.Noise{Seed: seed, Stream: kernels.StreamOrder, Step: uint32(epoch)}
	var words [4]uint32
	block := -1
	for i := len(dst) - 1; i > 0; i-- {
		if i/2 != block {
			block = i / 2
			words = noise.Words(uint32(block))
		}
		half := 2 * (i % 2)
		x := uint64(words[half]) | uint64(words[half+1])<<32
		j, _ := bits.Mul64(x, uint64(i)+1)
		dst[i], dst[j] = dst[j], dst[i]
	}
}
