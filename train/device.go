package train

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"quantal/graph"
	"quantal/kernels"
	"quantal/kernels/cpu"
	"quantal/kernels/cuda"
	"quantal/mnist"
)

// DeviceError says that the device a user asked for cannot be used, or failed at work.
type DeviceError struct {
	Device string
	Err    error
}

func (e *DeviceError) Error() string { return fmt.Sprintf("device %s: %v", e.Device, e.Err) }
func (e *DeviceError) Unwrap() error { return e.Err }

// parseDevice splits a device into its kind and, for CUDA, the number of the GPU.
func parseDevice(name string) (kind string, gpu int, err error) {
	kind, number, numbered := strings.Cut(name, ":")
	switch {
	case !numbered && (kind == "auto" || kind == "cpu" || kind == "cuda"):
		return kind, 0, nil
	case kind == "cuda":
		if gpu, err = strconv.Atoi(number); err == nil && gpu >= 0 {
			return kind, gpu, nil
		}
	}
	return "", 0, fmt.Errorf("device %q: want auto, cpu, cuda or cuda:N", name)
}

// Device is where a run computes.
type Device struct {
	Name    string // "cpu", "cuda:0"
	Kernels string // the kernel set
	Reason  string // why this one
	// MemoryFree is what a GPU has to offer, in bytes; 0 for the CPU.
	MemoryFree int64
	gpu        int // -1 for the CPU
}

// ChooseDevice resolves the device a user asked for. auto takes the first GPU if it can be used, and the CPU otherwise, and says
// why; a GPU that was asked for by name and cannot be had is a DeviceError.
func ChooseDevice(name string) (Device, error) {
	kind, gpu, err := parseDevice(name)
	if err != nil {
		return Device{}, err
	}
	reason := "asked for"
	if kind != "cpu" {
		info, err := probe(gpu)
		if err == nil {
			if kind == "auto" {
				reason = "there is a GPU: " + info.String()
			}
			return Device{
				Name: fmt.Sprintf("cuda:%d", gpu), Kernels: cuda.KernelSet, Reason: reason, MemoryFree: info.MemoryFree, gpu: gpu,
			}, nil
		}
		if kind == "cuda" {
			return Device{}, &DeviceError{Device: name, Err: err}
		}
		reason = "no GPU: " + strings.TrimPrefix(err.Error(), "cuda: ")
	}
	set, err := cpu.Kernels()
	if err != nil {
		return Device{}, err
	}
	return Device{Name: "cpu", Kernels: set, Reason: reason, gpu: -1}, nil
}

// perThread is how many networks a thread of the CPU has at a time: two, so that a thread that is held up leaves work to others.
const perThread = 2

// Capacity is how many of the networks, which agree in Cohort, train side by side best: all that a GPU's memory takes, or a few
// for each thread of the CPU, so that results come early.
func (d Device) Capacity(set *mnist.Set, networks []Config) (int, error) {
	c := networks[0]
	if d.gpu < 0 {
		return perThread * kernels.Threads(c.Threads), nil
	}
	p, err := graph.CompileSpec(c.Spec(set.Rows*set.Columns, set.Classes), kernels.DefaultAdam())
	if err != nil {
		return 0, err
	}
	training, _, err := set.Split(c.Validation)
	if err != nil {
		return 0, err
	}
	const most = 0.9 // of the free memory: the driver needs some for itself
	n := cuda.Capacity(p, membersOf(networks), describe(set, training), int64(most*float64(d.MemoryFree)))
	if n == 0 {
		return 0, &DeviceError{Device: d.Name, Err: fmt.Errorf("one network of %s does not fit its free memory of %d MB", c.Cohort(), d.MemoryFree/1e6)}
	}
	return n, nil
}

// probe reports what the GPU is, or why it cannot be used: it has to take our kernels, too.
func probe(gpu int) (cuda.Info, error) {
	d, err := cuda.Device(gpu)
	if err != nil {
		return cuda.Info{}, err
	}
	info := d.Info()
	if _, err = cuda.LoadAll(d); err != nil {
		_ = d.Close() // the first error says more
		return info, err
	}
	return info, d.Close()
}

// Open starts a VM on the device.
func (d Device) Open(p *kernels.Program, members []kernels.Member, data *kernels.Data, threads int) (kernels.VM, error) {
	if d.gpu < 0 {
		return cpu.Open(p, members, data, threads)
	}
	vm, err := cuda.Open(p, members, data, d.gpu)
	if err != nil {
		return nil, &DeviceError{Device: d.Name, Err: err}
	}
	return vm, nil
}

// Failed marks an error of a VM at work as the GPU's, where it is one.
func (d Device) Failed(err error) error {
	if err == nil || d.gpu < 0 || errors.Is(err, context.Canceled) {
		return err
	}
	return &DeviceError{Device: d.Name, Err: err}
}
