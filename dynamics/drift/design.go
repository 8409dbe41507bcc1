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
			Usage: "a trained network that fluctuates on: its representations drift, its accuracy stays",
			UsageText: "quantal dynamics drift [RUN ...|GRID|--seeds 1-10] [--data mnist] [--out FOLDER] [--quick] [--json]\n" +
				"quantal dynamics drift runs/a --temperature 0.5 --steps 400000",
			Description: "Langevin dynamics from the means of a trained network: the responses of hidden units to\n" +
				"fixed images over time, the accuracy, how far synapses move depending on their Fisher\n" +
				"information, and the same noise without the gradient as a control. Without RUN it trains\n" +
				"a network first. `go doc quantal/dynamics/drift` has the definitions.",
		},
		Default:  DefaultConfig,
		Settings: (*Config).Settings,
		Start:    func(c *Config) *dynamics.Start { return &c.Start },
		Run:      Run, Print: printTables, Outcomes: outcomes,
	}.Experiment()
}

// outcomes are what is stated over several networks.
func outcomes(f Findings) (list []dynamics.Outcome) {
	add := func(name, measure string, value float64) {
		list = append(list, dynamics.Outcome{Name: name, Measure: measure, Value: value})
	}
	s := f.Summary
	add("start", "accuracy", s.Accuracy)
	add("start", "loss", s.Loss)
	for _, o := range s.Outcomes {
		add(o.Condition, "accuracy", o.Accuracy)
		add(o.Condition, "lowest_accuracy", o.LowestAccuracy)
		add(o.Condition, "loss", o.Loss)
		add(o.Condition, "hidden_similarity", o.Hidden)
	}
	for _, m := range []struct {
		name string
		Motion
	}{{"drift", s.All.Drift}, {"control", s.All.Control}} {
		add(m.name, "displacement", m.Displacement)
		add(m.name, "low_share", m.LowShare)
		add(m.name, "fisher_slope", m.Slope.Value)
	}
	add("drift over control", "fisher_slope", s.All.Relative.Value)
	return list
}

// printTables writes what came out, for a person.
func printTables(out io.Writer, f Findings) error {
	s := f.Summary
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "start: %.2f %% of %d test images, loss %.4f\n\n", 100*s.Accuracy, s.Test, s.Loss)
	fmt.Fprintf(w, "after %d steps\taccuracy\tlowest\tloss\tsimilarity of hidden units", s.Steps)
	for i := range s.Layers {
		name := fmt.Sprintf("of hidden layer %d", i+1)
		if i == len(s.Layers)-1 {
			name = "of the outputs"
		}
		fmt.Fprintf(w, "\t%s", name)
	}
	fmt.Fprintln(w)
	for _, o := range s.Outcomes {
		fmt.Fprintf(w, "%s\t%.2f %%\t%.2f %%\t%.4f\t%.3f", o.Condition, 100*o.Accuracy, 100*o.LowestAccuracy, o.Loss,
			o.Hidden)
		for _, v := range o.Similarity {
			fmt.Fprintf(w, "\t%.3f", v)
		}
		fmt.Fprintln(w)
	}
	fmt.Fprintln(w,
		"\nweights\trms\trms displacement (control)\tslope over Fisher information\tcontrol\tratio of the two\tshare of "+
			"the flatter half (control)")
	for i, m := range append(s.Layers, s.All) {
		name := fmt.Sprintf("of layer %d", i+1)
		if i == len(s.Layers) {
			name = "of all layers"
		}
		fmt.Fprintf(w, "%s\t%.4f\t%.4f (%.4f)\t%v\t%v\t%v\t%.1f %% (%.1f %%)\n", name, m.Weight, m.Drift.Displacement,
			m.Control.Displacement,
			m.Drift.Slope, m.Control.Slope, m.Relative, 100*m.Drift.LowShare, 100*m.Control.LowShare)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(out, "\n%.1f s, %s kernels\n", s.Seconds, s.Kernels)
	return err
}
