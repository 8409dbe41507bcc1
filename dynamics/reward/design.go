package reward

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
	return dynamics.Design[Config, Summary, Outcome]{
		Help: dynamics.Help{
			Name: "reward",
			Usage: "spiking neurons learn by reward through contacts that come and go by themselves, and drift while reward " +
				"stays",
			UsageText: "quantal dynamics reward [--seconds 1000] [--seeds 10] [--out FOLDER] [--quick] [--json]\n" +
				"quantal dynamics reward --temperature 0.3 --gain 50",
			Description: "Contacts sample connectivity by prior and reward (Kappel et al. 2018). Two patterns of inputs\n" +
				"demand two pools of neurons; the task is learnt, goes on, and is swapped. Each network also\n" +
				"lives without noise, without reward, and at other temperatures and\n" +
				"speeds. `go doc quantal/dynamics/reward` has the equations.",
		},
		Default:  func() (Config, error) { return DefaultConfig(), nil },
		Settings: (*Config).Settings,
		Kernels:  cpu.Kernels,
		About: func(c Config) []any {
			return []any{"inputs", c.Inputs, "neurons", 2 * c.Pool, "sites", c.contacts(), "networks", c.Seeds,
				"arms", len(c.arms()), "seconds", 3 * c.Seconds}
		},
		Run: func(ctx context.Context, c Config, _ *dynamics.Network, job dynamics.Job) (Findings, error) {
			return Run(ctx, c, job)
		}, Print: printTables,
	}.Experiment()
}

// printTables writes what came out, for a person.
func printTables(out io.Writer, f Findings) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	s := f.Summary
	fmt.Fprintln(w, "temperature\tgain\tphase\tpart\treward\tcontacts\tkept\tcorrelation of weights\tof responses")
	for _, a := range s.Averages {
		fmt.Fprintf(w, "%g\t%g\t%s\t%s\t%.3f ± %.3f\t%.0f\t%.2f ± %.2f\t%.2f ± %.2f\t%.2f ± %.2f\n", a.Temperature, a.Gain,
			a.Phase, a.Part, a.Reward.Mean, a.Reward.HalfWidth, a.Contacts.Mean, a.Kept.Mean, a.Kept.HalfWidth, a.Weights.Mean,
			a.Weights.HalfWidth, a.Response.Mean, a.Response.HalfWidth)
	}
	fmt.Fprintln(w)
	dynamics.PrintClaims(w, s.Claims)
	if len(s.Range) > len(s.Claims) {
		fmt.Fprintln(w, "\ntemperature\tspeed\tnetworks in which each of these claims holds, of", s.Claims[0].Of)
		for k := 0; k < len(s.Range); k += len(s.Claims) {
			fmt.Fprintf(w, "%g\t%g", s.Range[k].Temperature, s.Range[k].Speed)
			for _, h := range s.Range[k : k+len(s.Claims)] {
				fmt.Fprintf(w, "\t%d", h.Seen)
			}
			fmt.Fprintln(w)
		}
	}
	return dynamics.EndTables(out, w, s.Seconds, s.Kernels)
}
