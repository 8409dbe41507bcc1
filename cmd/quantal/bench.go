package main

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v2"

	"quantal/bench"
)

func benchCommand() *cli.Command {
	return &cli.Command{
		Name:  "bench",
		Usage: "measure how fast this machine trains, and what limits it",
		Flags: []cli.Flag{
			&cli.DurationFlag{Name: "each", Value: 500 * time.Millisecond, Usage: "how long to measure each figure"},
			jsonFlag(),
		},
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return usage("bench: want flags only, got %q", c.Args().First())
			}
			log := logger(c)
			report, err := bench.Run(c.Context, c.Duration("each"), func(what string) { log.Info(what) })
			if err != nil {
				return err
			}
			if c.Bool("json") {
				return printJSON(c, report)
			}
			return printReport(c.App.Writer, report)
		},
	}
}

func printReport(out io.Writer, r *bench.Report) error {
	for _, table := range []struct {
		title  string
		speeds []bench.Speed
	}{{"The published preset", r.Presets}, {"Other sizes", r.Widths}, {"Several networks", r.Members}} {
		fmt.Fprintln(out, table.title)
		w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
		fmt.Fprintf(w, "kernels\tnetwork\tbatch\tnoise\trho\tnetworks\tthreads\tsteps/s\tµs/step\tns/synapse\t\n")
		for _, s := range table.speeds {
			fmt.Fprintf(w, "%s\t%s\t%d\t%s\t%s\t%d\t%d\t%.0f\t%.1f\t%.2f\t\n", s.Kernels, sizes(s.Sizes), s.Batch, s.Noise, s.Rho,
				s.Members, s.Threads, s.StepsPerSecond, 1e6/s.StepsPerSecond, s.NsPerSynapse)
		}
		if err := w.Flush(); err != nil {
			return err
		}
		fmt.Fprintln(out)
	}
	fmt.Fprintf(out, "One thread of this machine: %.1f GB/s memory, %.1f GB/s second cache, %.1f Gop/s float32 (%s kernels)\n\n",
		r.Rates.MemoryBytes/1e9, r.Rates.CacheBytes/1e9, r.Rates.Operations/1e9, r.Kernels)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "instruction of a step of the published preset\tµs\tkB moved\tkop\tbytes alone\toperations alone\n")
	for _, p := range r.Parts {
		fmt.Fprintf(w, "%s\t%.1f\t%.0f\t%.0f\t%.0f %%\t%.0f %%\n", p.Instruction, p.Microseconds, p.Bytes/1e3, p.Operations/1e3,
			100*p.MemoryShare, 100*p.OperationShare)
	}
	return w.Flush()
}
