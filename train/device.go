package train

import (
	"fmt"
	"strings"

	"quantal/kernels"
	"quantal/kernels/cpu"
)

// DeviceError says that the device a user asked for cannot be used.
type DeviceError struct{ Device, Reason string }

func (e *DeviceError) Error() string { return fmt.Sprintf("device %s: %s", e.Device, e.Reason) }

func checkDevice(name string) error {
	if name == "auto" || name == "cpu" || name == "cuda" || strings.HasPrefix(name, "cuda:") {
		return nil
	}
	return fmt.Errorf("device %q: want auto, cpu, cuda or cuda:N", name)
}

// Device is where a run computes.
type Device struct {
	Name    string // "cpu"
	Kernels string // the kernel set
	Reason  string // why this one
}

// ChooseDevice resolves the device a user asked for. auto takes what there is and says why; a GPU that was asked for by name
// and cannot be had is a DeviceError.
func ChooseDevice(name string) (Device, error) {
	if err := checkDevice(name); err != nil {
		return Device{}, err
	}
	kernelSet, err := cpu.Kernels()
	if err != nil {
		return Device{}, err
	}
	d := Device{Name: "cpu", Kernels: kernelSet, Reason: "asked for"}
	switch name {
	case "cpu":
	case "auto":
		d.Reason = "this build has no GPU support"
	default:
		return Device{}, &DeviceError{Device: name, Reason: "this build has no GPU support"}
	}
	return d, nil
}

// open starts a VM on the device.
func (d Device) open(p *kernels.Program, members []kernels.Member, data *kernels.Data, threads int) (kernels.VM, error) {
	return cpu.Open(p, members, data, threads)
}
