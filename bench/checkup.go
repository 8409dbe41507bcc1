package bench

import (
	"context"
	"errors"
	"fmt"

	"quantal/kernels/cpu"
	"quantal/kernels/cuda"
	"quantal/results/store"
	"quantal/train"
)

// copiedBytes is how much memory a checkup copies to measure it: far more than any cache.
const copiedBytes = 1 << 30

// Checkup is the state of this machine.
type Checkup struct {
	Processor string     `json:"processor"`
	Cores     int        `json:"cores"`
	Kernels   []string   `json:"kernel_sets"`
	GPUs      []Examined `json:"gpus"`
	NoGPU     string     `json:"no_gpu,omitempty"` // why there is none
	Healthy   bool       `json:"healthy"`
}

// Examined is a GPU that could be examined, with the driver's number of it.
type Examined struct {
	Number int `json:"number"`
	*Diagnosis
}

// Examine examines all GPUs of this machine. The error has a train.DeviceError for each that cannot be examined or is
// not healthy; the checkup is that of all others.
func Examine(ctx context.Context) (Checkup, error) {
	here := store.ReadEnvironmentHere()
	c := Checkup{Processor: here.Processor, Cores: here.Cores, Kernels: cpu.KernelSets(), Healthy: true}
	var failures []error
	count, err := cuda.Devices()
	if err != nil {
		c.NoGPU = err.Error()
	}
	for gpu := range count {
		d, err := Doctor(ctx, func() (cuda.Driver, error) { return cuda.Device(gpu) }, copiedBytes)
		if err == nil {
			c.GPUs = append(c.GPUs, Examined{gpu, d})
			if !d.Healthy {
				err = errors.New("its results are not those of the CPU")
			}
		}
		if err != nil {
			failures = append(failures, &train.DeviceError{Device: fmt.Sprintf("cuda:%d", gpu), Err: err})
		}
	}
	if len(failures) > 0 {
		c.Healthy = false
		return c, train.Together(failures)
	}
	return c, nil
}
