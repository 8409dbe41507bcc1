package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v2"

	"quantal/grid"
	"quantal/results/store"
	"quantal/results/tables"
)

// gridWatcher shows the progress of a grid: a line for each finished point; below them a bar on a terminal, otherwise
// from time to time a line for the whole.
type gridWatcher struct {
	out  io.Writer
	bar  *bar
	told time.Time
	tell func(store.Settings) []string // what tells a network from others
}

func newGridWatcher(c *cli.Context, points []grid.Point) *gridWatcher {
	return &gridWatcher{printable{c.App.ErrWriter}, newBar(c.App.ErrWriter), time.Now(), distinctions(points)}
}

// distinctions tell networks of a grid apart besides noise, rho, c and seed.
func distinctions(points []grid.Point) func(store.Settings) []string {
	var all []store.Settings
	for _, p := range points {
		all = append(all, grid.SettingsOf(p.Config, ""))
	}
	return tables.Distinctions(all)
}

// events passes events on to the watcher and the log.
func (w *gridWatcher) events(c *cli.Context) grid.Events {
	log := logger(c)
	return grid.Events{
		Progress: w.progress,
		Finished: w.finished,
		Damaged:  func(err error) { log.Warn("damaged, trained again", "reason", err) },
		Lost: func(device string, err error) {
			log.Warn("a GPU failed: the others continue with its networks", "device", device, "reason", err)
		},
	}
}

// quiet is the time between two lines for the whole if there is no terminal.
const quiet = 30 * time.Second

func (w *gridWatcher) progress(p grid.Progress) {
	if w.bar == nil {
		if time.Since(w.told) >= quiet {
			w.told = time.Now()
			parts := gridParts(p)
			if p.NetworkStepsPerSecond > 0 {
				parts = append(parts, fmt.Sprintf("%v left", seconds(p.SecondsLeft)))
			}
			fmt.Fprintln(w.out, strings.Join(parts, "  "))
		}
		return
	}
	left := time.Duration(-1)
	if p.NetworkStepsPerSecond > 0 {
		left = seconds(p.SecondsLeft)
	}
	w.bar.show(p.Share(), left, gridParts(p)...)
}

// gridParts is the state of a grid, in parts of falling importance.
func gridParts(p grid.Progress) []string {
	text := fmt.Sprintf("%d/%d points", p.Finished, p.Points)
	if p.Diverged > 0 {
		text += fmt.Sprintf(", %d diverged", p.Diverged)
	}
	parts := []string{text}
	if text := running(p.Batches); text != "" {
		parts = append(parts, text)
	}
	if p.NetworkStepsPerSecond > 0 {
		parts = append(parts, fmt.Sprintf("%.0f network-steps/s", p.NetworkStepsPerSecond))
	}
	return parts
}

// running is the progress of the networks in training.
func running(batches []grid.Batch) string {
	if len(batches) == 0 {
		return ""
	}
	n, least, most := 0, 1., 0.
	for _, b := range batches {
		n += len(b.Running)
		done := float64(b.Step) / float64(b.Steps)
		least, most = min(least, done), max(most, done)
	}
	if len(batches) == 1 {
		return fmt.Sprintf("%d running, step %d/%d", n, batches[0].Step, batches[0].Steps)
	}
	return fmt.Sprintf("%d running on %d devices, %.0f to %.0f %% of their steps", n, len(batches), 100*least, 100*most)
}

func seconds(s float64) time.Duration {
	return time.Duration(s * float64(time.Second)).Round(time.Second)
}

func (w *gridWatcher) finished(r store.Record) { w.bar.println(w.out, recordLine(r, w.tell)) }

// recordLine is a finished point for a person; tell says what its networks differ in besides noise, rho, c and seed.
func recordLine(r store.Record, tell func(store.Settings) []string) string {
	text := fmt.Sprintf("%-13s", r.Noise)
	cost := r.Later.Text("cost")
	if r.Rho != "" && (r.Noise != store.WithoutNoise || cost != "") {
		text += fmt.Sprintf("  rho %-5s", r.Rho)
	}
	if c := r.CText("%.4g"); c != "0" && (r.Noise != store.WithoutNoise || cost != "") {
		text += fmt.Sprintf("  c %-9s", c)
	}
	for _, part := range tell(r.Settings) {
		text += "  " + part
	}
	text += fmt.Sprintf("  seed %-3d", r.Seed)
	if r.Status == store.Diverged {
		return fmt.Sprintf("%s  diverged: %s is not finite at step %d in layer %d", text, r.DivergedWhat, *r.DivergedStep,
			*r.DivergedLayer)
	}
	return fmt.Sprintf("%s  %s  sigma %.4g", text, quality(6, r.AccuracySampled, r.R2Sampled), r.SigmaRMS)
}

func (w *gridWatcher) close() { w.bar.close() }

func statusCommand() *cli.Command {
	return &cli.Command{
		Name:      "status",
		Usage:     "show the state of a grid, from any terminal or machine that sees its folder",
		UsageText: "quantal status GRID [--json]",
		Flags:     []cli.Flag{jsonFlag()},
		Action: func(c *cli.Context) error {
			dir, err := oneArgument(c, "the grid folder")
			if err != nil {
				return err
			}
			folder, err := grid.View(dir)
			if err != nil {
				return err
			}
			return reportStatus(c, folder)
		},
	}
}

// gridStatus is the state of a grid, from its folder and from Slurm.
type gridStatus struct {
	grid.Status
	Slurm *slurmStatus `json:"slurm,omitempty"` // nil if nothing was submitted to one, or all is done
}

// reportStatus reports the state of a grid.
func reportStatus(c *cli.Context, folder *grid.Folder) error {
	var status gridStatus
	var err error
	if status.Status, err = folder.Status(); err != nil {
		return err
	}
	if status.Slurm, err = readSlurmStatus(c.Context, folder, status.Status); err != nil {
		return err
	}
	if c.Bool("json") {
		return printJSON(c, status)
	}
	return printStatus(c.App.Writer, status, distinctions(folder.Points()))
}

// printStatus writes the state of a grid, for a person; tell is that of recordLine.
func printStatus(out io.Writer, s gridStatus, tell func(store.Settings) []string) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "%s\t%d points:", s.Dir, s.Points)
	comma := " "
	for _, part := range []struct {
		n    int
		what string
	}{{s.Done, "done"}, {s.Diverged, "diverged"}, {s.Running, "running"}, {s.Waiting, "waiting"}} {
		if part.n > 0 {
			fmt.Fprintf(w, "%s%d %s", comma, part.n, part.what)
			comma = ", "
		}
	}
	fmt.Fprintln(w)
	if s.NetworkStepsPerSecond > 0 {
		fmt.Fprintf(w, "speed\t%.0f network-steps/s, about %v left\n", s.NetworkStepsPerSecond, seconds(s.SecondsLeft))
	}
	for _, p := range s.Processes {
		silent := ""
		if p.Silent {
			silent = fmt.Sprintf("; not heard of since %s", p.Updated.Local().Format(time.DateTime))
		}
		if len(p.Batches) == 0 {
			fmt.Fprintf(w, "process\t%d on %s%s\n", p.PID, p.Host, silent)
		}
		for _, b := range p.Batches {
			fmt.Fprintf(w, "process\t%d on %s: step %d/%d of %s on %s%s\n", p.PID, p.Host, b.Step, b.Steps,
				count(len(b.Running), "network"), b.Device, silent)
		}
	}
	for _, d := range s.Devices {
		if d.Failed != "" {
			fmt.Fprintf(w, "device\t%s on %s: %s; failed: %s\n", d.Device, d.Host, count(d.Networks, "network"), d.Failed)
		} else if len(s.Devices) > 1 {
			fmt.Fprintf(w, "device\t%s on %s: %s in %v\n", d.Device, d.Host, count(d.Networks, "network"), seconds(d.Seconds))
		}
	}
	if s.Slurm != nil {
		s.Slurm.print(w)
	}
	for i, r := range s.Latest {
		title := ""
		if i == 0 {
			title = "latest"
		}
		fmt.Fprintf(w, "%s\t%s\n", title, recordLine(r, tell))
	}
	for _, f := range s.Failures {
		fmt.Fprintf(w, "failed\t%s on %s: %s\n", f.Time.Local().Format(time.DateTime), f.Host, f.Error)
	}
	for _, d := range s.Damaged {
		fmt.Fprintf(w, "damaged\t%s\n", d)
	}
	return w.Flush()
}

// estimateFields are the time and memory that a grid would need, for JSON.
func estimateFields(estimates []grid.Estimate) map[string]any {
	all := grid.Total(estimates)
	return map[string]any{"points": all.Points, "network_steps": all.Steps, "memory_bytes": all.Memory,
		"seconds": all.Seconds, "cohorts": append([]grid.Estimate{}, estimates...)}
}

// printEstimates writes the time and memory that a grid would need.
func printEstimates(c *cli.Context, estimates []grid.Estimate) error {
	all := grid.Total(estimates)
	if c.Bool("json") {
		return printJSON(c, estimateFields(estimates))
	}
	w := tabwriter.NewWriter(c.App.Writer, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "networks\tsteps of each\ttogether\tmemory\ttime\t")
	for _, e := range estimates {
		beside := fmt.Sprint(e.Beside)
		if e.Devices > 1 {
			beside += fmt.Sprintf(" on each of %d", e.Devices)
		}
		fmt.Fprintf(w, "%d\t%d\t%s\t%s\t%v\t%s\n", e.Points, e.Steps, beside, megabytes(e.Memory), seconds(e.Seconds),
			strings.TrimPrefix(e.Cohort, "data "))
	}
	fmt.Fprintf(w, "%d\t\t\t%s\t%v\tin all\n", all.Points, megabytes(all.Memory), seconds(all.Seconds))
	return w.Flush()
}
