package tolerance

import (
	"fmt"
	"io"
	"text/tabwriter"

	"quantal/dynamics"
	"quantal/results/tables"
)

// Experiment is the experiment as a value.
func Experiment() dynamics.Experiment {
	return dynamics.Design[Config, Summary, Row]{
		Help: dynamics.Help{
			Name:  "tolerance",
			Usage: "a trained network whose synapses fluctuate, are rewired or deleted: accuracy over how much and which",
			UsageText: "quantal dynamics tolerance [RUN ...|GRID|--seeds 1-10] [--data mnist] [--out FOLDER] [--quick] " +
				"[--json]\n" +
				"quantal dynamics tolerance runs/a --share 0.25",
			Description: "Perturbs all synapses, the most and the least important ones (by Fisher information,\n" +
				"|mu| and |mu|/sigma), the positive, the negative and random ones; gives each connection\n" +
				"several contacts, all connections one strength, and noise with other profiles at equal\n" +
				"cost. Without RUN it trains a network first. `go doc quantal/dynamics/tolerance` has the\n" +
				"definitions.",
		},
		Default:  DefaultConfig,
		Settings: (*Config).Settings,
		Start:    func(c *Config) *dynamics.Start { return &c.Start },
		Run:      Run, Print: printTables, Outcomes: outcomes, Together: together,
	}.Experiment()
}

// outcomes are what is stated over several networks.
func outcomes(f Findings) (list []dynamics.Outcome) {
	add := func(name, measure string, value float64) {
		list = append(list, dynamics.Outcome{Name: name, Measure: measure, Value: value})
	}
	s := f.Summary
	add("unperturbed", "accuracy", s.Accuracy)
	atMost := map[string]float64{}
	for _, t := range s.Tolerances {
		name := t.Perturbation + ", " + t.Subset
		add(name, "tolerated", t.Tolerated)
		add(name, "accuracy_at_most", t.Accuracy)
		atMost[name] = t.Accuracy
	}
	for _, p := range s.Tolerances {
		control := "random-as-" + p.Subset
		if random, there := atMost[p.Perturbation+", "+control]; there {
			list = append(list, dynamics.Outcome{Name: p.Perturbation + ", " + p.Subset, Over: p.Perturbation + ", " + control,
				Measure: "accuracy_at_most", Value: p.Accuracy - random})
		}
	}
	for _, v := range s.Contacts {
		name := fmt.Sprintf("%s, amplitude %g", contactsName(v.Contacts), v.Amplitude)
		add(name, "law", v.Law)
		add(name, "variance_over_linearised", v.Variance/v.Linearised)
	}
	for _, c := range s.ContactSlopes {
		add(fmt.Sprintf("contacts, amplitude %g", c.Amplitude), "slope", c.Slope)
	}
	for _, b := range s.SharedWeights {
		name := wiringName(b.Wiring, b.Kept)
		add(name, "mean_accuracy", b.Mean)
		add(name, "best_accuracy", b.Accuracy)
		add(name, "best_weight", b.Strength)
	}
	if s.Profiles == nil {
		return list
	}
	add("profile, "+homogeneous, "sigma", s.Profiles.HomogeneousSigma)
	own := s.Profiles.Outcomes[0]
	for _, o := range s.Profiles.Outcomes {
		name := "profile, " + o.Profile
		add(name, "accuracy", o.Accuracy)
		add(name, "tolerated", o.Tolerated)
		if o.Profile != own.Profile {
			list = append(list, dynamics.Outcome{Name: "profile, " + own.Profile, Over: name, Measure: "accuracy",
				Value: own.Accuracy - o.Accuracy})
		}
	}
	return list
}

// printTables writes the results, for a person.
func printTables(out io.Writer, f Findings) error {
	s := f.Summary
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "unperturbed: %.2f %% of %d test examples, loss %.4f\n\n", 100*s.Accuracy, s.Test, s.Loss)
	fmt.Fprintf(w, "perturbation\tsubset\tsynapses\ttolerated (%g points lost)\taccuracy at most\n", 100*Drop)
	for _, t := range s.Tolerances {
		fmt.Fprintf(w, "%s\t%s\t%d\t%s\t%.2f %%\n", t.Perturbation, t.Subset, t.Synapses, tables.Known(t.Tolerated, 3),
			100*t.Accuracy)
	}
	fmt.Fprintln(w, "\ncontacts\tamplitude\tvariance of the logits\tlinearised\tn var(n) / var(1)")
	for _, v := range s.Contacts {
		fmt.Fprintf(w, "%d\t%g\t%.4g ± %.2g\t%.4g\t%.3f\n", v.Contacts, v.Amplitude, v.Variance, v.VarianceCI95,
			v.Linearised, v.Law)
	}
	fmt.Fprintln(w, "\none weight for all: wiring\tkept\tmean accuracy over weights\tbest weight\taccuracy")
	for _, b := range s.SharedWeights {
		fmt.Fprintf(w, "%s\t%g\t%.2f %%\t%g\t%.2f %%\n", b.Wiring, b.Kept, 100*b.Mean, b.Strength, 100*b.Accuracy)
	}
	if p := s.Profiles; p != nil {
		fmt.Fprintln(w, "\nprofile of sigma\taccuracy\ttolerated factor")
		for _, o := range p.Outcomes {
			fmt.Fprintf(w, "%s\t%.2f ± %.2f %%\t%s\n", o.Profile, 100*o.Accuracy, 100*o.AccuracyCI95,
				tables.Known(o.Tolerated, 3))
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(out, "\n%.1f s, %s kernels\n", s.Seconds, s.Kernels)
	return err
}
