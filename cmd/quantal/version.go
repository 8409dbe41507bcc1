package main

import (
	"fmt"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"quantal/kernels/cpu"
	"quantal/kernels/cuda"
	"quantal/results/store"
)

func versionCommand() *cli.Command {
	return &cli.Command{
		Name:  "version",
		Usage: "say what this program is and what it runs on",
		Flags: []cli.Flag{jsonFlag()},
		Action: func(c *cli.Context) error {
			e := store.ReadEnvironmentHere()
			set, err := cpu.Kernels()
			if err != nil {
				return &usageError{err}
			}
			if c.Bool("json") {
				return printJSON(c, map[string]any{
					"version": e.Version, "commit": e.Commit, "go": e.Go, "os": e.OS, "arch": e.Arch, "processor": e.Processor,
					"cores": e.Cores, "kernels": set, "gpu_support": cuda.Built,
				})
			}
			w := tabwriter.NewWriter(c.App.Writer, 0, 0, 2, ' ', 0)
			fmt.Fprintf(w, "quantal\t%s %s\n", e.Version, e.Commit)
			fmt.Fprintf(w, "built with\t%s for %s/%s\n", e.Go, e.OS, e.Arch)
			fmt.Fprintf(w, "processor\t%s, %d cores\n", e.Processor, e.Cores)
			fmt.Fprintf(w, "kernels\t%s\n", set)
			// The GPUs are left to doctor: asking the driver takes a second and wakes them.
			if cuda.Built {
				fmt.Fprintf(w, "GPU support\tyes; quantal doctor examines the GPUs\n")
			} else {
				fmt.Fprintf(w, "GPU support\tnone in this program; make build-gpu builds one with it\n")
			}
			return w.Flush()
		},
	}
}
