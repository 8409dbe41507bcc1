package assemblies

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"

	"quantal/dynamics"
	"quantal/kernels/cpu"
)

// SpikingExperiment is the experiment with spiking neurons as a value.
func SpikingExperiment() dynamics.Experiment {
	return dynamics.Design[SpikingConfig, SpikingSummary, SpikingOutcome]{
		Help:     dynamics.Help{Name: "assemblies-spiking"},
		Default:  func() (SpikingConfig, error) { return DefaultSpikingConfig(), nil },
		Settings: (*SpikingConfig).Settings,
		Kernels:  cpu.Kernels,
		About: func(c SpikingConfig) []any {
			return []any{"neurons", c.Neurons + c.Inhibitory, "assemblies", c.Assemblies, "networks", c.Seeds, "days",
				c.Imprint + c.Alone}
		},
		Run: func(ctx context.Context, c SpikingConfig, _ *dynamics.Network, job dynamics.Job) (SpikingFindings, error) {
			return RunSpiking(ctx, c, job)
		}, Print: printSpiking,
	}.Experiment()
}

// printSpiking writes what came out, for a person.
func printSpiking(out io.Writer, f SpikingFindings) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	s := f.Summary
	fmt.Fprintln(w, "at the end\trecall\tseparation\twithin (µm³)\tbetween\tat the bounds\tsecond peak of w f(w)\t"+
		"strong weakened per day\tassociation\trate (Hz)")
	for _, a := range s.Averages {
		peak := "none"
		if a.SecondPeak.Height > 1 {
			peak = fmt.Sprintf("%.2f µm³, %.2f of the valley", a.SecondPeak.Size, a.SecondPeak.Height)
		}
		fmt.Fprintf(w, "%s\t%.2f ± %.2f\t%.3f ± %.3f\t%.3f\t%.4f\t%.1f %%\t%s\t%.2f ± %.2f %%\t%.3f ± %.3f\t%.1f\n",
			a.Condition,
			a.Recall.Mean, a.Recall.HalfWidth, a.Separation.Mean, a.Separation.HalfWidth, a.Inside.Mean, a.Outside.Mean,
			100*a.AtBounds.Mean, peak, 100*a.Weakened.Mean, 100*a.Weakened.HalfWidth, a.Association.Mean,
			a.Association.HalfWidth, a.RateE.Mean)
	}
	fmt.Fprintln(w)
	dynamics.PrintClaims(w, s.Claims)
	return dynamics.EndTables(out, w, s.Seconds, s.Kernels)
}
