package cpu

import "quantal/kernels"

// Diffuser moves many numbers by a [kernels.Diffusion], with the kernel set that Open would take. Its methods may be
// called from several threads at once, each with its own numbers; the result does not depend on how numbers and steps
// are divided among calls.
type Diffuser struct {
	set       *kernelSet
	diffusion kernels.Diffusion[float32]
}

// NewDiffuser chooses the kernels for a diffusion. It is an error if the set that the environment names cannot run
// here.
func NewDiffuser(d kernels.Diffusion[float32]) (*Diffuser, error) {
	set, err := choose()
	return &Diffuser{set, d}, err
}

// Kernels is the name of the kernel set.
func (f *Diffuser) Kernels() string { return f.set.name }

// Advance is Advance of kernels.Diffusion.
func (f *Diffuser) Advance(w []float32, n kernels.Noise, first, steps int) {
	f.set.advance(&f.diffusion, w, n, first, steps)
}

// AdvanceSites is AdvanceSites of kernels.Diffusion.
func (f *Diffuser) AdvanceSites(t kernels.Turnover[float32], w []float32, born []uint32, n kernels.Noise, first,
	steps int) (births, losses int) {
	return f.set.advanceSites(&f.diffusion, t, w, born, n, first, steps)
}
