package main

import (
	"errors"
	"fmt"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"quantal/bench"
	"quantal/kernels/cpu"
	"quantal/kernels/cuda"
	"quantal/results/store"
	"quantal/train"
)

// copiedBytes is how much memory the doctor copies to measure it: far more than any cache.
const copiedBytes = 1 << 30

// checkupReport is what the doctor found.
type checkupReport struct {
	Processor string     `json:"processor"`
	Cores     int        `json:"cores"`
	Kernels   []string   `json:"kernel_sets"`
	GPUs      []examined `json:"gpus"`
	NoGPU     string     `json:"no_gpu,omitempty"`
	Healthy   bool       `json:"healthy"`
}

// examined is a GPU that could be examined, with the driver's number of it.
type examined struct {
	Number int `json:"number"`
	*bench.Diagnosis
}

func doctorCommand() *cli.Command {
	return &cli.Command{
		Name:  "doctor",
		Usage: "examine the GPUs: driver, memory, speed, and every kernel against the CPU",
		Flags: []cli.Flag{jsonFlag()},
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return usage("doctor: want flags only, got %q", c.Args().First())
			}
			here := store.ReadEnvironmentHere()
			report := checkupReport{Processor: here.Processor, Cores: here.Cores, Kernels: cpu.KernelSets(), Healthy: true}
			var failures []error
			count, err := cuda.Devices()
			if err != nil {
				report.NoGPU = err.Error()
			}
			for gpu := range count {
				open := func() (cuda.Driver, error) { return cuda.Device(gpu) }
				diagnosis, err := bench.Doctor(c.Context, open, copiedBytes)
				if err != nil {
					failures = append(failures, deviceError(gpu, err))
					continue
				}
				report.GPUs = append(report.GPUs, examined{gpu, diagnosis})
				if !diagnosis.Healthy {
					failures = append(failures, deviceError(gpu, errors.New("its results are not those of the CPU")))
				}
			}
			var failure error
			if len(failures) > 0 {
				failure, report.Healthy = train.Together(failures), false
			}
			if c.Bool("json") {
				if err := printJSON(c, report); err != nil {
					return err
				}
				return failure
			}
			if err := printCheckup(c, report); err != nil {
				return err
			}
			return failure
		},
	}
}

func deviceError(gpu int, err error) error {
	return &train.DeviceError{Device: fmt.Sprintf("cuda:%d", gpu), Err: err}
}

func printCheckup(c *cli.Context, r checkupReport) error {
	w := tabwriter.NewWriter(c.App.Writer, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "processor\t%s, %d cores\n", r.Processor, r.Cores)
	fmt.Fprintf(w, "kernel sets\t%v\n", r.Kernels)
	if r.NoGPU != "" {
		fmt.Fprintf(w, "GPU\tnone: %s\n", r.NoGPU)
	}
	for _, d := range r.GPUs {
		fmt.Fprintf(w, "\nGPU %d\t%s, compute capability %s, driver for CUDA %s\n", d.Number, d.Device, d.Compute, d.CUDA)
		fmt.Fprintf(w, "memory\t%.1f of %.1f GB free; a network of the published preset takes %.1f MB\n",
			float64(d.MemoryFree)/1e9, float64(d.MemoryTotal)/1e9, float64(d.NetworkBytes)/1e6)
		fmt.Fprintf(w, "loading the kernels\t%.2f s\n", d.LoadSeconds)
		fmt.Fprintf(w, "launch\t%.2f µs, in a graph %.2f µs\n", d.LaunchMicros, d.ReplayMicros)
		fmt.Fprintf(w, "bandwidth\t%.0f GB/s\n", d.BytesPerSecond/1e9)
		for _, check := range d.Checks {
			verdict := fmt.Sprintf("agrees (kernels %.2g, steps %.2g of what rounding allows)", check.KernelDeviation,
				check.Deviation)
			if check.Problem != "" {
				verdict = "PROBLEM: " + check.Problem
			}
			fmt.Fprintf(w, "%s\t%s\n", check.Network, verdict)
		}
	}
	return w.Flush()
}
