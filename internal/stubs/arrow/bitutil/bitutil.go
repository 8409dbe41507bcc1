// Package bitutil has the name that gorgonia.org/tensor needs to compile.
package bitutil

// BitIsNotSet reports whether a bit of a mask is 0.
func BitIsNotSet(mask []byte, bit int) bool { return mask[bit/8]&(1<<(bit%8)) == 0 }
