package drift

import (
	"fmt"
	"io"
	"text/tabwriter"

	"quantal/dynamics"
)

// Experiment is the experiment as a value.
func Experiment() dynamics.Experiment {
	return dynamics.Design[Config, Summary, Row]{
		Help: dynamics.Help{
			Name:  "drift",
			Usage: "a trained network that fluctuates on: its representations drift, its loss stays",
			UsageText: "quantal dynamics drift [RUN ...|GRID|--seeds 1-10] [--data mnist] [--out FOLDER] [--quick] [--json]\n" +
				"quantal dynamics drift runs/a --temperature 1 --prior 200 --burn-in 50000",
			Description: "Langevin dynamics from the means of a trained network, under a normal prior that makes it\n" +
				"stationary after a burn-in: then the responses of hidden units to fixed images over time,\n" +
				"loss and accuracy, and how far synapses move along the eigenvectors of the Fisher\n" +
				"information, with the same noise without the gradient, and the gradient without noise, as\n" +
				"controls. Without RUN it trains a network first. `go doc quantal/dynamics/drift` has the\n" +
				"definitions.",
		},
		Default:  DefaultConfig,
		Settings: (*Config).Settings,
		Start:    func(c *Config) *dynamics.Start { return &c.Start },
		Run:      Run, Print: printTables, Outcomes: outcomes, Together: Figures,
	}.Experiment()
}

// outcomes are what is stated over several networks.
func outcomes(f Findings) (list []dynamics.Outcome) {
	add := func(name, measure string, value float64) {
		list = append(list, dynamics.Outcome{Name: name, Measure: measure, Value: value})
	}
	s := f.Summary
	add("trained", "accuracy", s.Accuracy)
	add("trained", "loss", s.Loss)
	layers := len(s.Sizes) - 1
	for _, o := range s.Outcomes {
		add(o.Condition, "accuracy", o.Accuracy.Mean)
		add(o.Condition, "accuracy_change", o.Accuracy.Change)
		add(o.Condition, "lowest_accuracy", o.LowestAccuracy)
		add(o.Condition, "last_accuracy", o.Accuracy.End)
		add(o.Condition, "training_loss", o.TrainingLoss.Mean)
		add(o.Condition, "training_loss_change", o.TrainingLoss.Change)
		add(o.Condition, "loss", o.Loss.Mean)
		add(o.Condition, "loss_change", o.Loss.Change)
		for l, v := range o.Similarity {
			add(o.Condition+", "+layerName(l, layers), "similarity", v)
		}
		add(o.Condition, "hidden_similarity", o.Hidden)
		add(o.Condition, "displacement", o.Displacement)
	}
	list = append(list, dynamics.Outcome{Name: "second half", Over: "first half", Measure: "hidden_similarity",
		Value: s.Aging})
	add("Fisher information", "effective_parameters", s.Fisher.Effective)
	add("Fisher information", "largest_over_prior", s.Fisher.Largest/s.Prior)
	for _, m := range s.Fisher.Motions {
		name := fmt.Sprintf("after %d steps", m.Steps)
		add(name, "squared_displacement", m.Drift)
		add(name, "free", m.Free)
		add(name, "quadratic", m.Quadratic)
		add(name, "minibatch", m.Minibatch)
		add(name, "rise", m.Rise)
		add(name, "quadratic_rise", m.QuadraticRise)
		parts := append([]Band{{Low: 1, Shares: m.Above[0].Shares}}, m.Bands...)
		for _, b := range parts {
			name := fmt.Sprintf("%s, eigenvalue %s", name, b.name())
			add(name, "drift", b.Drift)
			add(name, "isotropic", b.Isotropic)
			add(name, "quadratic", b.Quadratic)
			add(name, "minibatch", b.Minibatch)
			add(name, "drift_over_isotropic", b.Drift/b.Isotropic)
			add(name, "drift_over_minibatch", b.Drift/b.Minibatch)
		}
	}
	return list
}

// layerName is the name of a layer, counted from 0, of so many.
func layerName(l, layers int) string {
	if l == layers-1 {
		return "outputs"
	}
	return fmt.Sprintf("hidden layer %d", l+1)
}

// printTables writes what came out, for a person.
func printTables(out io.Writer, f Findings) error {
	s := f.Summary
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "trained: %.2f %% of %d test images, loss %.4f\n", 100*s.Accuracy, s.Test, s.Loss)
	fmt.Fprintf(w, "burn-in: %d steps, %.3g times the relaxation of free directions\n\n", s.BurnIn,
		float64(s.BurnIn)/s.Relaxation)
	fmt.Fprintf(w, "%d steps after it\taccuracy\tlowest\ttraining loss (change)\ttest loss (change)\t"+
		"similarity of hidden units", s.Steps)
	layers := len(s.Sizes) - 1
	for l := range layers {
		fmt.Fprintf(w, "\t%s", layerName(l, layers))
	}
	fmt.Fprintln(w)
	for _, o := range s.Outcomes {
		fmt.Fprintf(w, "%s\t%.2f %%\t%.2f %%\t%.4f (%+.4f)\t%.4f (%+.4f)\t%.3f", o.Condition, 100*o.Accuracy.Mean,
			100*o.LowestAccuracy, o.TrainingLoss.Mean, o.TrainingLoss.Change, o.Loss.Mean, o.Loss.Change, o.Hidden)
		for _, v := range o.Similarity {
			fmt.Fprintf(w, "\t%.3f", v)
		}
		fmt.Fprintln(w)
	}
	fmt.Fprintf(w, "\nFisher information: the data determine %.0f of %d directions; the largest eigenvalue is %.3g times "+
		"the prior\n", s.Fisher.Effective, s.Fisher.Synapses, s.Fisher.Largest/s.Prior)
	for _, m := range s.Fisher.Motions {
		fmt.Fprintf(w, "\nsquared displacement after %d steps\tdrift\tfree diffusion\tquadratic loss\twith minibatches\n",
			m.Steps)
		fmt.Fprintf(w, "mean of a synapse\t%.3g\t%.3g\t%.3g\t%.3g\n", m.Drift, m.Free, m.Quadratic, m.Minibatch)
		fmt.Fprintf(w, "rise of the loss by the curvature\t%.4f nats\t\t\t%.4f nats\n", m.Rise, m.QuadraticRise)
		for _, b := range m.Bands {
			fmt.Fprintf(w, "share, eigenvalue %s times the prior\t%.3f %%\t%.3f %%\t%.3f %%\t%.3f %%\n", b.name(), 100*b.Drift,
				100*b.Isotropic, 100*b.Quadratic, 100*b.Minibatch)
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(out, "\n%.1f s, %s kernels\n", s.Seconds, s.Kernels)
	return err
}
