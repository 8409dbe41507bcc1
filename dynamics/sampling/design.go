package sampling

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"text/tabwriter"

	"quantal/dynamics"
)

// Experiment is the experiment as a value.
func Experiment() dynamics.Experiment {
	return dynamics.Design[Config, Summary, Row]{
		Help: dynamics.Help{
			Name: "sampling",
			Usage: "synaptic sampling, dtheta = b grad log p*(theta) dt + sqrt(2 b T) dW: posteriors of regressions and of " +
				"trained networks",
			UsageText: "quantal dynamics sampling [RUN ...|GRID|--seeds 1-10] [--data mnist] [--out FOLDER] [--quick] " +
				"[--json]\n" +
				"quantal dynamics sampling --parts regression --step 0.02",
			Description: "Langevin chains on Bayesian linear and logistic regression, compared with the exact\n" +
				"posterior; the same rule in the compiled graph; and the posterior of a trained network,\n" +
				"RUN or one that is trained first: accuracy and calibration of the average of its\n" +
				"samples' predictions. `go doc quantal/dynamics/sampling` has the equations.",
		},
		Default:      DefaultConfig,
		Settings:     (*Config).Settings,
		Start:        func(c *Config) *dynamics.Start { return &c.Start },
		NeedsNetwork: Config.NeedsNetwork,
		Run:          Run, Print: printTables, Outcomes: outcomes, Together: together, Alone: Config.alone,
	}.Experiment()
}

// alone splits off the parts that need no network.
func (c Config) alone() (alone, each Config, some bool) {
	alone, each = c, c
	alone.Parts = slices.DeleteFunc(slices.Clone(c.Parts), func(part string) bool { return part == partNetwork })
	each.Parts = []string{partNetwork}
	return alone, each, len(alone.Parts) > 0
}

// outcomes are what is stated of predictions over several networks, also as differences from the trained network, and
// from the end and the average of chains without noise, which have the same steps; and of the chains.
func outcomes(f Findings) (list []dynamics.Outcome) {
	add := func(name, over string, measures map[string]float64) {
		for _, measure := range slices.Sorted(maps.Keys(measures)) {
			list = append(list, dynamics.Outcome{Name: name, Over: over, Measure: measure, Value: measures[measure]})
		}
	}
	figures := func(c, over Calibration) map[string]float64 {
		return map[string]float64{"accuracy": c.Accuracy - over.Accuracy, "nll": c.NLL - over.NLL, "ece": c.ECE - over.ECE}
	}
	n := f.Summary.Network
	var references []Predictor
	for _, p := range n.Predictors {
		add(p.Name, "", figures(p.Calibration, Calibration{}))
		if p.Name == pointName || p.Temperature != nil && *p.Temperature == 0 {
			references = append(references, p)
		}
	}
	named := func(p Predictor) func(Predictor) bool {
		return func(other Predictor) bool { return other.Name == p.Name }
	}
	for i, over := range references {
		for _, p := range n.Predictors {
			if !slices.ContainsFunc(references[:i+1], named(p)) {
				add(p.Name, over.Name, figures(p.Calibration, over.Calibration))
			}
		}
	}
	chains := 1 // of each temperature
	for _, r := range f.Table {
		if r.Chains != nil {
			chains = *r.Chains
		}
	}
	for _, l := range n.Chains {
		measures := figures(l.Single, Calibration{})
		measures["moved"], measures["spread"] = l.Moved, l.Spread
		samples := len(l.Course) / chains // one per epoch
		measures["first_training_loss"] = l.TrainingLoss[len(l.TrainingLoss)-samples]
		measures["training_loss"] = l.TrainingLoss[len(l.TrainingLoss)-1]
		if l.MinibatchNoise != nil {
			measures["minibatch_noise"] = *l.MinibatchNoise
		}
		add(fmt.Sprintf("T = %g, single samples", l.Temperature), "", measures)
	}
	return list
}

// printTables writes the results, for a person.
func printTables(out io.Writer, f Findings) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	heading := "problem\tmethod\tT\tstep\tbatch\teffective samples\tcompared with\tmean off by (s.d.)\tcovariance off by\n"
	for _, r := range f.Table {
		if r.CovarianceError == nil {
			continue
		}
		fmt.Fprint(w, heading)
		heading = ""
		batch := "all"
		if r.Batch != nil {
			batch = strconv.Itoa(*r.Batch)
		}
		fmt.Fprintf(w, "%s\t%s\t%g\t%.3g\t%s\t%.0f\t%s\t%.4f\t%.2f %%\n", r.Problem, r.Method, *r.Temperature, *r.StepShare,
			batch,
			*r.Effective, r.Reference, *r.MeanError, 100**r.CovarianceError)
	}
	if n := f.Summary.Network; n != nil {
		fmt.Fprintf(w, "\n%s, %d test images\taveraged\taccuracy\tNLL\tECE\taccuracy and NLL over w = μ\tover descent\n",
			n.Network, n.Tested)
		for _, p := range n.Predictors {
			fmt.Fprintf(w, "%s\t%d\t%.2f %%\t%.4f\t%.2f %%\t%s\t%s\n", p.Name, p.Averaged, 100*p.Accuracy, p.NLL, 100*p.ECE,
				gain(&p.OverTrained), gain(p.OverDescent))
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(out, "\n%.1f s\n", f.Summary.Seconds)
	return err
}

// gain writes differences with their intervals.
func gain(g *Gain) string {
	if g == nil {
		return ""
	}
	return fmt.Sprintf("%+.2f ± %.2f points, %+.4f ± %.4f", 100*g.Accuracy, 100*g.AccuracyInterval, -g.NLL,
		g.NLLInterval)
}
