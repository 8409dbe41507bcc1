package train

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"quantal/kernels"
	"quantal/kernels/cpu"
	"quantal/kernels/cuda"
	"quantal/mnist"
)

// DeviceError says that the device a user asked for cannot be used, or failed while working.
type DeviceError struct {
	Device string
	Err    error
}

func (e *DeviceError) Error() string { return fmt.Sprintf("device %s: %v", e.Device, e.Err) }
func (e *DeviceError) Unwrap() error { return e.Err }

// Together combines several errors into one, in one line.
func Together(errs []error) error {
	all := errs[0]
	for _, err := range errs[1:] {
		all = fmt.Errorf("%w; %w", all, err)
	}
	return all
}

// parseDevice splits a device into its kind and, for CUDA, the numbers of the GPUs, if any are named.
func parseDevice(name string) (kind string, gpus []int, err error) {
	bad := fmt.Errorf("device %q: want auto, cpu, cuda or cuda:N; a grid also takes several GPUs, cuda:N,N", name)
	kind, numbers, numbered := strings.Cut(name, ":")
	switch {
	case !numbered && (kind == "auto" || kind == "cpu" || kind == "cuda"):
		return kind, nil, nil
	case kind != "cuda":
		return "", nil, bad
	}
	for _, number := range strings.Split(numbers, ",") {
		gpu, err := strconv.Atoi(number)
		switch {
		case err != nil || gpu < 0:
			return "", nil, bad
		case slices.Contains(gpus, gpu):
			return "", nil, fmt.Errorf("device %q: names GPU %d twice", name, gpu)
		}
		gpus = append(gpus, gpu)
	}
	return kind, gpus, nil
}

// checkDevice reports a name that is not that of one device.
func checkDevice(name string) error {
	_, gpus, err := parseDevice(name)
	if len(gpus) > 1 {
		return fmt.Errorf("device %q: one run takes one GPU, want auto, cpu, cuda or cuda:N; a grid spreads over several",
			name)
	}
	return err
}

// CheckDevices reports a name that ChooseDevices does not know.
func CheckDevices(name string) error {
	_, _, err := parseDevice(name)
	return err
}

// Device is where a run computes.
type Device struct {
	Name    string // "cpu", "cuda:0"
	Kernels string // the kernel set
	Reason  string // why it was chosen
	// MemoryFree is the free memory of a GPU, in bytes; 0 for the CPU.
	MemoryFree int64
	open       func() (cuda.Driver, error) // nil for the CPU
}

// GPU is the device that open opens, with a name such as cuda:0. It must accept our kernels.
func GPU(name string, open func() (cuda.Driver, error)) (Device, error) {
	info, err := probe(open)
	if err != nil {
		return Device{}, &DeviceError{Device: name, Err: err}
	}
	return Device{
		Name: name, Kernels: cuda.KernelSet, Reason: "there is a GPU: " + info.String(), MemoryFree: info.MemoryFree,
		open: open,
	}, nil
}

// numbered is the GPU with a number of the driver.
func numbered(gpu int) (Device, error) {
	return GPU(fmt.Sprintf("cuda:%d", gpu), func() (cuda.Driver, error) { return cuda.Device(gpu) })
}

// allGPUs are the numbers of the GPUs there are.
func allGPUs() (gpus []int, err error) {
	n, err := cuda.Devices()
	for gpu := range n {
		gpus = append(gpus, gpu)
	}
	return gpus, err
}

// ChooseDevice resolves the device a user asked for. auto and cuda take the first GPU that can be used; without one,
// auto takes the CPU and says why. If a requested GPU cannot be used, the error is a DeviceError.
func ChooseDevice(name string) (Device, error) {
	if err := checkDevice(name); err != nil {
		return Device{}, err
	}
	devices, _, err := choose(name, 1)
	if err != nil {
		return Device{}, err
	}
	return devices[0], nil
}

// device is the device of a network: auto takes the CPU for what GPUs have no kernels for.
func (c Config) device() (Device, error) {
	what := c.NeedsCPU()
	if c.Device != "auto" || what == "" {
		return ChooseDevice(c.Device)
	}
	devices, _, err := onCPU("GPUs have no kernels for " + what)
	return devices[0], err
}

// ChooseDevices resolves the devices over which networks are spread. auto and cuda take all GPUs that can be used, and
// report those that cannot; without any, auto takes the CPU and says why. If a GPU requested by its number cannot be
// used, the error is a DeviceError, and so it is for cuda if no GPU can be used.
func ChooseDevices(name string) (devices []Device, unusable []error, err error) {
	return choose(name, math.MaxInt)
}

// choose finds at most the given number of devices.
func choose(name string, most int) (devices []Device, unusable []error, err error) {
	kind, gpus, err := parseDevice(name)
	if err != nil {
		return nil, nil, err
	}
	if kind == "cpu" {
		return onCPU("asked for")
	}
	named := len(gpus) > 0
	if !named {
		if gpus, err = allGPUs(); err != nil {
			unusable = append(unusable, &DeviceError{Device: name, Err: err})
		}
	}
	for _, gpu := range gpus {
		if len(devices) == most {
			break
		}
		device, err := numbered(gpu)
		if err != nil {
			if named {
				return nil, nil, err
			}
			unusable = append(unusable, err)
			continue
		}
		if kind == "cuda" {
			device.Reason = "asked for"
		}
		devices = append(devices, device)
	}
	switch {
	case len(devices) > 0:
		return devices, unusable, nil
	case kind == "cuda":
		return nil, nil, Together(unusable)
	}
	var reasons []string
	for _, err := range unusable {
		reasons = append(reasons, strings.TrimPrefix(errors.Unwrap(err).Error(), "cuda: "))
	}
	return onCPU("no GPU: " + strings.Join(reasons, "; "))
}

func onCPU(reason string) ([]Device, []error, error) {
	set, err := cpu.Kernels()
	return []Device{{Name: "cpu", Kernels: set, Reason: reason}}, nil, err
}

// perThread is how many networks a thread of the CPU has at a time: two, so that a delayed thread leaves work to
// others.
const perThread = 2

// Capacity is how many of the networks, which agree in Cohort, train together best: as many as fit in a GPU's memory,
// or a few for each thread of the CPU, so that results appear early.
func (d Device) Capacity(set *mnist.Set, networks []Config) (int, error) {
	c := networks[0]
	if d.open == nil {
		return perThread * kernels.Threads(c.Threads), nil
	}
	session, err := OpenOn(d, set, networks...)
	if err != nil {
		return 0, err
	}
	p, err := session.trainingProgram()
	if err != nil {
		return 0, err
	}
	const most = 0.9 // of the free memory: the driver needs some for itself
	n := cuda.Capacity(p, session.members(), session.training, int64(most*float64(d.MemoryFree)))
	if n == 0 {
		return 0, &DeviceError{Device: d.Name, Err: fmt.Errorf("one network of %s does not fit its free memory of %d MB",
			c.Cohort(), d.MemoryFree/1e6)}
	}
	return n, nil
}

// probe describes a GPU, or says why it cannot be used: it must also accept our kernels.
func probe(open func() (cuda.Driver, error)) (cuda.Info, error) {
	d, err := open()
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

// Open starts a VM on the device. Its errors are DeviceErrors, if the device is a GPU.
func (d Device) Open(p *kernels.Program, members []kernels.Member, data *kernels.Data,
	threads int) (kernels.VM, error) {
	if d.open == nil {
		return cpu.Open(p, members, data, threads)
	}
	driver, err := d.open()
	if err != nil {
		return nil, d.failed(err)
	}
	vm, err := cuda.OpenOn(driver, p, members, data)
	if err != nil {
		return nil, d.failed(err)
	}
	return onGPU{vm, d}, nil
}

// failed marks an error of a working VM as the GPU's, if it is one.
func (d Device) failed(err error) error {
	if err == nil || d.open == nil || errors.Is(err, context.Canceled) {
		return err
	}
	return &DeviceError{Device: d.Name, Err: err}
}

// onGPU is a VM whose errors are marked as its device's.
type onGPU struct {
	kernels.VM
	device Device
}

func (v onGPU) Run(ctx context.Context, firstStep, n int) ([]kernels.Progress, error) {
	progress, err := v.VM.Run(ctx, firstStep, n)
	return progress, v.device.failed(err)
}

func (v onGPU) Evaluate(ctx context.Context, data *kernels.Data, step, draws int) ([]kernels.Score, error) {
	scores, err := v.VM.Evaluate(ctx, data, step, draws)
	return scores, v.device.failed(err)
}

func (v onGPU) State(member int) (*kernels.State, error) {
	state, err := v.VM.State(member)
	return state, v.device.failed(err)
}

func (v onGPU) Parameters(member int) (*kernels.State, error) {
	state, err := v.VM.Parameters(member)
	return state, v.device.failed(err)
}

func (v onGPU) Load(member int, s *kernels.State) error { return v.device.failed(v.VM.Load(member, s)) }

func (v onGPU) Sums(member int) (*kernels.Sums, error) {
	sums, err := v.VM.Sums(member)
	return sums, v.device.failed(err)
}

func (v onGPU) Close() error { return v.device.failed(v.VM.Close()) }
