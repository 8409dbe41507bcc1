package assemblies

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"

	"quantal/dynamics"
	"quantal/kernels/cpu"
)

// Experiment is the experiment as a value.
func Experiment() dynamics.Experiment {
	e := dynamics.Design[Config, Summary, Outcome]{
		Help: dynamics.Help{
			Name: "assemblies",
			Usage: "cell assemblies in a recurrent network under Hebbian plasticity and fluctuation: weights, recall, how " +
				"long memory lasts",
			UsageText: "quantal dynamics assemblies [--neurons 300] [--seeds 10] [--out FOLDER] [--quick] [--json]\n" +
				"quantal dynamics assemblies --strengths 0,1,1.5,2\n" +
				"quantal dynamics assemblies --spiking [--seeds 10] [--out FOLDER] [--quick] [--json]",
			Description: "Assemblies are imprinted by stimulation and left alone, with plasticity and fluctuation,\n" +
				"with one of them, and with fluctuation of several strengths. Weights are in µm³, times\n" +
				"in days. With --spiking neurons spike, and learn by the times of spikes, also\n" +
				"associations. `go doc quantal/dynamics/assemblies` has the equations.",
		},
		Default:  func() (Config, error) { return DefaultConfig(), nil },
		Settings: (*Config).Settings,
		Kernels:  cpu.Kernels,
		About: func(c Config) []any {
			return []any{"neurons", c.Neurons, "assemblies", c.Assemblies, "networks", c.Seeds, "days", c.Imprint + c.Alone}
		},
		Run: func(ctx context.Context, c Config, _ *dynamics.Network, job dynamics.Job) (Findings, error) {
			return Run(ctx, c, job)
		}, Print: printTables,
	}.Experiment()
	e.Variant = &dynamics.Variant{Flag: "spiking", Usage: "spiking neurons with STDP (Humble et al. 2019)",
		Experiment: SpikingExperiment()}
	return e
}

// printTables writes what came out, for a person.
func printTables(out io.Writer, f Findings) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	s := f.Summary
	fmt.Fprintln(w,
		"at the end\trecall\tseparation\tweight within (µm³)\tbetween\tat the bounds\tsecond peak of w f(w)\tmemory "+
			"lost\tretention (days)")
	for _, a := range s.Averages {
		peak := "none"
		if a.SecondPeak.Height > 1 {
			peak = fmt.Sprintf("%.2f µm³, %.2f of the valley", a.SecondPeak.Size, a.SecondPeak.Height)
		}
		fmt.Fprintf(w, "%s\t%.2f\t%.3f\t%.3f\t%.4f\t%.1f %%\t%s\t%d of %d\t%.1f\n", a.Condition, a.Recall.Mean,
			a.Separation.Mean,
			a.Inside.Mean, a.Outside.Mean, 100*a.AtBounds.Mean, peak, a.Lost, a.Networks, a.Retention.Mean)
	}
	fmt.Fprintln(w)
	fmt.Fprintf(w, "across %.3g µm³, per day\tstrong synapses\tof them weakened\tof the weak strengthened\n",
		s.SeparationPoint)
	for _, a := range s.Averages {
		fmt.Fprintf(w, "%s\t%.1f %%\t%.2f ± %.2f %%\t%.3f ± %.3f %%\n", a.Condition, 100*a.Strong.Mean, 100*a.Weakened.Mean,
			100*a.Weakened.HalfWidth, 100*a.Strengthened.Mean, 100*a.Strengthened.HalfWidth)
	}
	fmt.Fprintln(w)
	dynamics.PrintClaims(w, s.Claims)
	return dynamics.EndTables(out, w, s.Seconds, s.Kernels)
}
