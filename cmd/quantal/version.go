package main

import (
	"fmt"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"quantal/results"
	"quantal/train"
)

func versionCommand() *cli.Command {
	return &cli.Command{
		Name:  "version",
		Usage: "say what this program is and what it runs on",
		Flags: []cli.Flag{jsonFlag()},
		Action: func(c *cli.Context) error {
			e := results.ReadEnvironmentHere(version)
			device, err := train.ChooseDevice("auto")
			if err != nil {
				return &usageError{err}
			}
			if c.Bool("json") {
				return printJSON(c, map[string]any{
					"version": e.Version, "commit": e.Commit, "go": e.Go, "os": e.OS, "arch": e.Arch, "processor": e.Processor,
					"cores": e.Cores, "device": device.Name, "kernels": device.Kernels,
				})
			}
			w := tabwriter.NewWriter(c.App.Writer, 0, 0, 2, ' ', 0)
			fmt.Fprintf(w, "quantal\t%s %s\n", e.Version, e.Commit)
			fmt.Fprintf(w, "built with\t%s for %s/%s\n", e.Go, e.OS, e.Arch)
			fmt.Fprintf(w, "processor\t%s, %d cores\n", e.Processor, e.Cores)
			fmt.Fprintf(w, "device\t%s (%s), %s kernels\n", device.Name, device.Reason, device.Kernels)
			return w.Flush()
		},
	}
}
