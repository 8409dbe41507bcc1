package main

import (
	"fmt"
	"io"
	"math"
	"os"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v2"
	"golang.org/x/term"

	"quantal/kernels"
	"quantal/results/store"
	"quantal/train"
)

// isTerminal reports whether a writer is a terminal, on which a bar may be drawn.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// watcher shows the progress of a run: a line per epoch, and on a terminal a bar below them.
type watcher struct {
	out    io.Writer
	epochs int
	bar    *bar
}

func newWatcher(c *cli.Context) *watcher {
	return &watcher{out: printable{c.App.ErrWriter}, bar: newBar(c.App.ErrWriter)}
}

// events passes the events of a run on to the watcher.
func (w *watcher) events() train.Events {
	return train.Events{Progress: w.progress, Epoch: func(_ int, e store.Epoch) error {
		w.epoch(e)
		return nil
	}}
}

func (w *watcher) progress(p train.Progress) {
	w.epochs = p.Epochs
	w.bar.show(float64(p.Step)/float64(p.Steps), -1, fmt.Sprintf("epoch %d/%d", p.Epoch, p.Epochs),
		fmt.Sprintf("loss %.4f", p.NLL))
}

func (w *watcher) epoch(e store.Epoch) {
	left := ""
	if e.Epoch < w.epochs && e.Epoch > 0 && w.bar == nil {
		each := (e.Seconds + e.MeasuringSeconds) / float64(e.Epoch)
		left = fmt.Sprintf("  %v left", time.Duration(each*float64(w.epochs-e.Epoch)*float64(time.Second)).Round(time.Second))
	}
	w.bar.println(w.out, fmt.Sprintf("epoch %d/%d  loss %.4f  %s  sigma %.3g  %.0f steps/s%s",
		e.Epoch, w.epochs, e.NLL, quality(0, e.AccuracySampled, e.R2Sampled), e.SigmaRMS, e.StepsPerSecond, left))
}

// quality is the accuracy of a network in percent, of a width, or R² if it fits numbers.
func quality(width int, accuracy float64, r2 *float64) string {
	if r2 != nil {
		return fmt.Sprintf("R² %*.4f", width, *r2)
	}
	return fmt.Sprintf("accuracy %*.2f %%", width, 100*accuracy)
}

func (w *watcher) close() { w.bar.close() }

// downloadProgress shows a download on a terminal, and leaves a line for each file.
func downloadProgress(c *cli.Context) func(file string, got, total int64) {
	w := c.App.ErrWriter
	bar := newBar(w)
	if bar == nil {
		return nil
	}
	return func(file string, got, total int64) {
		if got == total {
			bar.println(w, fmt.Sprintf("fetched %s, %.1f MB", file, float64(got)/1e6))
			return
		}
		bar.show(float64(got)/float64(max(total, got, 1)), -1, "fetching "+file, fmt.Sprintf("%.1f MB", float64(got)/1e6))
	}
}

// printSummary writes the results of a run, for a person.
func printSummary(out io.Writer, s train.Summary) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	first, kind := "accuracy", "images"
	if s.R2Sampled != nil {
		first, kind = "R²", "examples"
	}
	percent := func(accuracy float64, r2 *float64) string {
		switch {
		case s.R2Sampled == nil:
			return fmt.Sprintf("%.2f %%", 100*accuracy)
		case r2 == nil: // VMs do not keep the mean prediction of several draws
			return ""
		}
		return fmt.Sprintf("%.4f", *r2)
	}
	fmt.Fprintf(w, "\t%s\tloss (nats)\t\n", first)
	drawn := "one draw of the weights per 20 test " + kind
	if s.Settings.Draw == kernels.PerExample {
		drawn = "a draw of the weights for each of the test " + kind
	}
	fmt.Fprintf(w, "sampled\t%s\t%.4f\t%s\n", percent(s.AccuracySampled, s.R2Sampled), s.LossSampled, drawn)
	fmt.Fprintf(w, "mean\t%s\t%.4f\tweights at mu\n", percent(s.AccuracyMean, s.R2Mean), s.LossMean)
	if s.Draws > 0 {
		fmt.Fprintf(w, "predictive\t%s\t%.4f\tmean probability of %d draws\n", percent(s.AccuracyPredictive, nil),
			s.LossPredictive, s.Draws)
		fmt.Fprintf(w, "expected log\t%s\t%.4f\tmean log-probability of %d draws\n", percent(s.AccuracyExpectedLog, nil),
			s.LossExpectedLog, s.Draws)
	}
	if s.ValidationAccuracySampled != nil {
		fmt.Fprintf(w, "validation\t%s\t%.4f\tsampled, on the held-out examples\n",
			percent(*s.ValidationAccuracySampled, s.ValidationR2Sampled), *s.ValidationLossSampled)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(w, "\nsigma_rms\t%.4g\n", s.SigmaRMS)
	if !math.IsNaN(s.ReliabilityCost) {
		fmt.Fprintf(w, "reliability cost\t%.6g\n", s.ReliabilityCost)
	}
	terms := fmt.Sprintf(" + %.6g magnitude + %.6g reliability", s.ObjectiveMagnitude, s.ObjectiveReliability)
	if len(s.ObjectiveCosts) > 0 {
		terms = ""
		for _, name := range s.ObjectiveCosts.Names() {
			terms += fmt.Sprintf(" + %.6g %s", s.ObjectiveCosts[name], name)
		}
		fmt.Fprintf(w, "costs\t%s\n", s.Cost)
	}
	fmt.Fprintf(w, "objective\t%.6g = %.6g likelihood%s\n", s.Objective, s.ObjectiveNLL, terms)
	if s.StepsPerSecond > 0 && !math.IsInf(s.StepsPerSecond, 0) {
		fmt.Fprintf(w, "trained\t%d steps in %.1f s (%.0f steps/s) on %s, %s kernels; tests took %.1f s\n", s.Steps,
			s.Seconds, s.StepsPerSecond, s.Device, s.Kernels, s.MeasuringSeconds)
	}
	if s.StoppedEpoch > 0 {
		fmt.Fprintf(w, "stopped\tafter epoch %d: the loss on the held-out examples no longer fell\n", s.StoppedEpoch)
	}
	if s.RunFolder != "" {
		fmt.Fprintf(w, "run folder\t%s\n", s.RunFolder)
	}
	return w.Flush()
}
