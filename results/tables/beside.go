package tables

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"quantal/kernels"
	"quantal/results/draw"
	"quantal/results/store"
)

// Beside is a network that is shown beside others.
type Beside struct {
	Label      string
	Record     store.Record
	Epochs     []store.Epoch     // none if there is no learning curve
	Checkpoint *store.Checkpoint // nil if there is no state
}

// SideBySide draws networks in the same panels, each in a colour of its own: learning-curves has the accuracy on the
// test set with sampled weights, the negative log-likelihood of the training examples, the root mean square of sigma
// and the objective over the epochs; sigmas the distribution of sigma over the weights of all layers. Networks without
// something to show are not in a panel, panels without a network are left out. With nothing to draw it returns an
// error.
func SideBySide(list []Beside) (figures []NamedFigure, err error) {
	overTime := func(axis string, log bool, of func(store.Epoch) float64) draw.Panel {
		var curves []draw.Curve
		for i, n := range list {
			const few = 30 // so many marks stay apart
			c := draw.Series(i)
			c.Label = n.Label
			for _, e := range n.Epochs {
				if y := of(e); finite(y) && (!log || y > 0) {
					c.X, c.Y = append(c.X, float64(e.Epoch)), append(c.Y, y)
				}
			}
			if len(c.X) <= few {
				c.Mark = draw.Dot
			}
			curves = append(curves, c)
		}
		return overEpochs(axis, log, curves...)
	}
	panels := slices.DeleteFunc([]draw.Panel{
		overTime("Test accuracy (%)", false, func(e store.Epoch) float64 { return 100 * e.AccuracySampled }),
		overTime("Training NLL (nats per example)", false, func(e store.Epoch) float64 { return e.NLL }),
		overTime("σ, root mean square", true, func(e store.Epoch) float64 { return e.SigmaRMS }),
		overTime("Objective (nats)", true, func(e store.Epoch) float64 { return e.Objective }),
	}, func(p draw.Panel) bool { return len(p.Layers) == 0 })
	if len(panels) > 0 {
		figure, err := draw.NewFigure(draw.Grid(2, draw.RowHeight, panels...))
		if err != nil {
			return nil, err
		}
		caption := "What the networks reached over the epochs."
		for _, n := range list {
			if i := slices.IndexFunc(n.Epochs, func(e store.Epoch) bool { return e.TestExamples > 0 }); i >= 0 {
				caption += fmt.Sprintf(" Accuracies of %s are on %d test examples until the end.", n.Label,
					n.Epochs[i].TestExamples)
			}
		}
		figures = append(figures, NamedFigure{"learning-curves", caption, figure})
	}
	var names []string
	var values [][]float64
	noisy := false
	for _, n := range list {
		var layers [][]float64
		if n.Checkpoint != nil && n.Checkpoint.Layout.Sharing != kernels.NoNoise {
			_, layers = SigmaLayers(n.Checkpoint)
			noisy = true
		}
		names, values = append(names, n.Label), append(values, slices.Concat(layers...))
	}
	if noisy {
		p, err := LogDistribution("Standard deviation σ of a weight", names, values)
		if err != nil {
			return nil, err
		}
		figure, err := draw.NewFigure(draw.Block{Rows: [][]draw.Panel{{p}}, Height: draw.RowHeight, OwnKeys: true})
		if err != nil {
			return nil, err
		}
		figure.Width = draw.OneColumn
		figures = append(figures, NamedFigure{"sigmas", "Distribution of sigma over the weights of all layers.", figure})
	}
	if len(figures) == 0 {
		return nil, errors.New("tables: the networks have neither learning curves nor sigmas: nothing to draw")
	}
	return figures, nil
}

// SideTable is the networks as a table for people, a row for each: its label, its state and the most important figures.
func SideTable(list []Beside) ReportTable {
	t := ReportTable{Header: []string{"network", "status"}, Text: 2}
	var records []store.Record
	for _, n := range list {
		status := n.Record.Status
		if status == "" {
			status = "not finished"
		}
		t.Rows, records = append(t.Rows, []string{n.Label, status}), append(records, n.Record)
	}
	few := []string{"accuracy_sampled", "accuracy_mean", "loss_sampled", "sigma_rms", "reliability_cost", "objective"}
	for _, s := range shownFigures(nil, 0) {
		if name, _, _ := strings.Cut(s.title, " ("); !slices.Contains(few, strings.ReplaceAll(name, " ", "_")) {
			continue
		}
		t.addColumn(s.title, func(row int) string { return number(s.format, s.of(records[row].Outcome)) })
	}
	t.addColumn("stopped epoch", func(row int) string {
		return strings.TrimPrefix(fmt.Sprint(records[row].StoppedEpoch), "0")
	})
	return t
}
