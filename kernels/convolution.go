package kernels

import "fmt"

// A convolution is a layer of noisy weights that is applied at every position of a picture: each output position has
// the layer's Out values, and the In inputs of each are what a window shows of the picture. All positions share the
// weights, and their draw.
type (
	// Convolve is a Forward through a window: Dst has the positions of the window's output.
	Convolve struct {
		Forward
		Window Window
	}
	// ConvolveBackward propagates the gradient of buffer Dst of a Convolve to its Src. Activation is that of Src.
	ConvolveBackward struct {
		Backward
		Window Window
	}
)

func (i Convolve) String() string {
	return fmt.Sprintf("b%d = %v(b%d * w%d), %v", i.Dst, i.Activation, i.Src, i.Layer, i.Window)
}

func (i ConvolveBackward) String() string {
	return fmt.Sprintf("d%d = d%d * w%d, %v, through %v", i.Src, i.Dst, i.Layer, i.Window, i.Activation)
}

// BackwardOf returns the Backward of an instruction that takes gradients back through weights.
func BackwardOf(instruction Instruction) (b Backward, ok bool) {
	switch i := instruction.(type) {
	case Backward:
		return i, true
	case ConvolveBackward:
		return i.Backward, true
	}
	return b, false
}

// ForwardOf returns the Forward of an instruction that multiplies by weights.
func ForwardOf(instruction Instruction) (f Forward, ok bool) {
	switch i := instruction.(type) {
	case Forward:
		return i, true
	case Convolve:
		return i.Forward, true
	}
	return f, false
}
