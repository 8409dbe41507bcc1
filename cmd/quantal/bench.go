package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v2"

	"quantal/bench"
	"quantal/train"
)

func benchCommand() *cli.Command {
	return &cli.Command{
		Name:  "bench",
		Usage: "measure how fast this machine trains, and what limits it",
		UsageText: "quantal bench                                          the CPU, in every way\n" +
			"quantal bench --members 240 --device cuda [--noise homogeneous]  240 networks together",
		Flags: []cli.Flag{
			&cli.DurationFlag{Name: "each", Value: 500 * time.Millisecond, Usage: "how long to measure each figure"},
			&cli.IntFlag{Name: "members", Usage: "measure only this number of networks of the published preset, together"},
			&cli.StringFlag{Name: "device", Value: "auto", Usage: "with --members: auto, cpu, cuda or cuda:N"},
			&cli.StringFlag{Name: "noise", Value: "heterogeneous", Usage: "with --members: which synapses share a sigma"},
			&cli.StringFlag{Name: "rho", Value: "2", Usage: "with --members: exponent of the reliability cost"},
			&cli.IntFlag{Name: "threads", Usage: "with --members: threads on the CPU", DefaultText: "all processors"},
			jsonFlag(),
		},
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return usage("bench: want flags only, got %q", c.Args().First())
			}
			if c.IsSet("members") {
				return benchMembers(c)
			}
			for _, name := range []string{"device", "noise", "rho", "threads"} {
				if c.IsSet(name) {
					return usage("--%s goes with --members", name)
				}
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

// benchMembers measures networks that train together on one device.
func benchMembers(c *cli.Context) error {
	members, threads := c.Int("members"), c.Int("threads")
	if members < 1 {
		return usage("--members %d: want 1 or more", members)
	}
	if threads < 0 {
		return usage("--threads %d: want 0 (all processors) or more", threads)
	}
	config, err := train.Preset("published")
	if err != nil {
		return err
	}
	config.Noise, config.Device = c.String("noise"), c.String("device")
	if config.Rho, err = train.ParseExponent(c.String("rho")); err != nil {
		return usage("--rho %q: %w", c.String("rho"), err)
	}
	if err := check(config); err != nil {
		return err
	}
	device, err := train.ChooseDevice(config.Device)
	if err != nil {
		return err
	}
	logger(c).Info("measuring", "device", device.Name, "why", device.Reason, "kernels", device.Kernels)
	speed, err := bench.Members(c.Context, device, config.Noise, c.String("rho"), members, threads, c.Duration("each"))
	if err != nil {
		return err
	}
	if c.Bool("json") {
		return printJSON(c, speed)
	}
	_, err = fmt.Fprintf(c.App.Writer, "%d networks: %.0f network-steps/s, %.1f µs per step of all, %.3f ns per synapse\n",
		members, speed.StepsPerSecond, 1e6*float64(members)/speed.StepsPerSecond, speed.NsPerSynapse)
	return err
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
			fmt.Fprintf(w, "%s\t%s\t%d\t%s\t%s\t%d\t%d\t%.0f\t%.1f\t%.2f\t\n", s.Kernels, sizes(s.Sizes), s.Batch, s.Noise,
				s.Rho,
				s.Members, s.Threads, s.StepsPerSecond, 1e6/s.StepsPerSecond, s.NsPerSynapse)
		}
		if err := w.Flush(); err != nil {
			return err
		}
		fmt.Fprintln(out)
	}
	fmt.Fprintf(out, "One thread of this machine: %.1f GB/s memory, %.1f GB/s second cache, %.1f Gop/s float32 (%s "+
		"kernels)\n\n",
		r.Rates.MemoryBytes/1e9, r.Rates.CacheBytes/1e9, r.Rates.Operations/1e9, r.Kernels)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "instruction of a step of the published preset\tµs\tkB moved\tkop\tbytes alone\toperations alone\n")
	for _, p := range r.Parts {
		fmt.Fprintf(w, "%s\t%.1f\t%.0f\t%.0f\t%.0f %%\t%.0f %%\n", p.Instruction, p.Microseconds, p.Bytes/1e3,
			p.Operations/1e3,
			100*p.MemoryShare, 100*p.OperationShare)
	}
	if err := w.Flush(); err != nil || len(r.Doubts) == 0 {
		return err
	}
	_, err := fmt.Fprintf(out, "\nDoubtful:\n  %s\n", strings.Join(r.Doubts, "\n  "))
	return err
}
