package cuda

import "quantal/kernels"

// Unavailable is the error of a machine that has no GPU for us. Reason says in one sentence why: no driver, a driver without
// a GPU, a GPU that is too old, or a program built without GPU support.
type Unavailable struct{ Reason string }

func (u *Unavailable) Error() string { return "cuda: " + u.Reason }

// Open returns a VM on the GPU of the given number, with one state per member, all zero until Load. Train may be nil for a VM
// that only evaluates. The error is an [Unavailable] where there is no such GPU.
func Open(p *kernels.Program, members []kernels.Member, train *kernels.Data, device int) (*VM, error) {
	d, err := Device(device)
	if err != nil {
		return nil, err
	}
	return OpenOn(d, p, members, train)
}
