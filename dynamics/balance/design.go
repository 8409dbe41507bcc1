package balance

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
			Name: "balance",
			Usage: "balanced networks of spiking neurons whose contacts are redrawn: which of them determine the pattern " +
				"of rates",
			UsageText: "quantal dynamics balance [--neurons 5000] [--seeds 10] [--out FOLDER] [--quick] [--json]\n" +
				"quantal dynamics balance --rates 2,8 --shares 0.1,0.3,1\n" +
				"quantal dynamics balance --arms volatility,memory,range --neurons 2000 --contacts 100",
			Description: "Contacts of one type at a time (E to E, E to I, I to E, I to I) are redrawn at random. The rates\n" +
				"of all neurons before and after are correlated, beside mean-field theory, in two regimes:\n" +
				"inhibitory neurons fire more, or as much as excitatory ones. The constant inputs are those\n" +
				"for which theory has the requested rates. Other arms let contacts turn over (volatility), recall\n" +
				"patterns embedded in contacts (memory), and vary rates, sizes and efficacies (range).\n" +
				"`go doc quantal/dynamics/balance` has the equations.",
		},
		Default:  func() (Config, error) { return DefaultConfig(), nil },
		Settings: (*Config).Settings,
		Kernels:  cpu.Kernels,
		About: func(c Config) []any {
			return []any{"neurons", c.Neurons, "contacts", c.Contacts, "networks", c.Seeds, "seconds", c.Settle + c.Seconds}
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
	fmt.Fprintln(w, "arm\tcase\tredrawn\tshare\trate E (Hz)\trate I\tCV E\tCV I\tcorrelation E\ttheory\tcorrelation I\t"+
		"theory\trecall")
	for _, a := range s.Averages {
		what := a.Regime
		switch a.Arm {
		case volatility:
			what = fmt.Sprintf("%.3g redraws", a.Lag)
		case memory:
			what = "patterns in " + a.Memory
		case ranges:
			what = fmt.Sprintf("ratio %.3g, %d neurons, factor %.3g", a.Ratio, a.Neurons, a.Factor)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%.2g\t%.2f\t%.2f", a.Arm, what, a.Redrawn, a.Share, a.RateE.Mean, a.RateI.Mean)
		if a.Arm == memory {
			fmt.Fprintf(w, "\t\t\t\t\t\t\t%.2f ± %.2f\n", a.Recall.Mean, a.Recall.HalfWidth)
			continue
		}
		fmt.Fprintf(w, "\t%.2f\t%.2f\t%.3f ± %.3f\t%.3f\t%.3f ± %.3f\t%.3f\t\n", a.CVE.Mean, a.CVI.Mean,
			a.CorrelationE.Mean, a.CorrelationE.HalfWidth, a.TheoryE, a.CorrelationI.Mean, a.CorrelationI.HalfWidth, a.TheoryI)
	}
	fmt.Fprintln(w)
	fmt.Fprintln(w, "theory\trate E (Hz)\trate I\tshare of I to E in the variance of E's inputs\tcorrelation of inputs, "+
		"E to E redrawn")
	for _, p := range s.Predictions {
		fmt.Fprintf(w, "%s\t%.3g ± %.2g\t%.3g ± %.2g\t%.3f\t%.3f\n", p.Regime, p.RateE, p.SDE, p.RateI, p.SDI,
			p.InhibitoryShare, p.OverlapE)
	}
	fmt.Fprintln(w)
	dynamics.PrintClaims(w, s.Claims)
	return dynamics.EndTables(out, w, s.Seconds, s.Kernels)
}
