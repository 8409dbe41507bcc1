package cpu

import "quantal/kernels"

// SpikeKernels are the kernels of spiking neurons of the kernel set that Open would take. It is an error if the set
// that the environment names cannot run here.
func SpikeKernels() (kernels.SpikeKernels[float32], error) {
	set, err := choose()
	if err != nil {
		return kernels.SpikeKernels[float32]{}, err
	}
	return set.spikes, nil
}
