package main

import (
	"cmp"
	"fmt"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"quantal/bench"
)

func doctorCommand() *cli.Command {
	return &cli.Command{
		Name:  "doctor",
		Usage: "examine the GPUs: driver, memory, speed, and every kernel against the CPU",
		Flags: []cli.Flag{jsonFlag()},
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return usage("doctor: want flags only, got %q", c.Args().First())
			}
			report, failure := bench.Examine(c.Context)
			print := printCheckup
			if c.Bool("json") {
				print = func(c *cli.Context, r bench.Checkup) error { return printJSON(c, r) }
			}
			return cmp.Or(print(c, report), failure)
		},
	}
}

func printCheckup(c *cli.Context, r bench.Checkup) error {
	w := tabwriter.NewWriter(c.App.Writer, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "processor\t%s, %d cores\n", r.Processor, r.Cores)
	fmt.Fprintf(w, "kernel sets\t%v\n", r.Kernels)
	if r.NoGPU != "" {
		fmt.Fprintf(w, "GPU\tnone: %s\n", r.NoGPU)
	}
	for _, d := range r.GPUs {
		fmt.Fprintf(w, "\nGPU %d\t%s, compute capability %s, driver for CUDA %s\n", d.Number, d.Device, d.Compute, d.CUDA)
		fmt.Fprintf(w, "memory\t%.1f of %.1f GB free; a network of the published preset needs %.1f MB\n",
			float64(d.MemoryFree)/1e9, float64(d.MemoryTotal)/1e9, float64(d.NetworkBytes)/1e6)
		fmt.Fprintf(w, "loading the kernels\t%.2f s\n", d.LoadSeconds)
		fmt.Fprintf(w, "launch\t%.2f µs, in a graph %.2f µs\n", d.LaunchMicros, d.ReplayMicros)
		fmt.Fprintf(w, "bandwidth\t%.0f GB/s\n", d.BytesPerSecond/1e9)
		for _, check := range d.Checks {
			verdict := fmt.Sprintf("agrees (kernels %.2g, steps %.2g of the tolerance)", check.KernelDeviation,
				check.Deviation)
			if check.Problem != "" {
				verdict = "PROBLEM: " + check.Problem
			}
			fmt.Fprintf(w, "%s\t%s\n", check.Network, verdict)
		}
	}
	return w.Flush()
}
