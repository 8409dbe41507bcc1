package tables

import (
	"fmt"
	"io"
	"reflect"
	"slices"

	"quantal/results/store"
)

// Curve is the learning curve of a network of a grid, finished or not.
type Curve struct {
	ID string `json:"id"`
	store.Settings
	Epochs []store.Epoch
}

const curvesName = "curves"

// WriteCurves writes curves.csv and curves.jsonl into a folder, a row for each line of each curve; the package
// documentation has the columns. It returns the names of the files.
func WriteCurves(dir string, curves []Curve) ([]string, error) {
	t, err := curveTable(curves)
	if err != nil {
		return nil, err
	}
	return t.write(dir, curvesName)
}

// EncodeCurves writes the content of curves.csv.
func EncodeCurves(w io.Writer, curves []Curve) error {
	t, err := curveTable(curves)
	if err != nil {
		return err
	}
	_, err = w.Write(t.csv())
	return err
}

// curveTable has a row for each line of each curve: the network's id, the settings in which the networks differ, and
// what was measured of any.
func curveTable(curves []Curve) (table, error) {
	type line struct {
		settings []cell
		store.Epoch
	}
	var lines []line
	for _, c := range curves {
		settings := append([]cell{{name: "id", value: c.ID}}, cellsOf(c.Settings, c.Settings)...)
		for _, e := range c.Epochs {
			lines = append(lines, line{settings, e})
		}
	}
	if len(lines) == 0 {
		return table{}, store.Nothing("no network has a learning curve yet; those of grids of earlier versions have none")
	}
	t, err := tableOf(lines, func(l line) []cell { return slices.Concat(l.settings, epochCells(l.Epoch)) })
	if err != nil {
		return t, err
	}
	settings := settingNames(curves, func(c Curve) store.Settings { return c.Settings })
	return t.only(func(name string, values map[string]bool) bool {
		if slices.Contains(settings, name) || name == setColumn {
			return len(values) > 1 && name != setColumn
		}
		return len(values) > 1 || !values[null]
	}), nil
}

// epochCells are the columns of a line, but for its times.
func epochCells(e store.Epoch) (cells []cell) {
	for _, c := range cellsIn(e) {
		switch c.name {
		case "seconds", "measuring_seconds", "steps_per_second", "sigma_quantiles_layers":
		case "objective_costs":
			cells = append(cells, termCells(e.ObjectiveCosts)...)
		default:
			if c.name == "test_examples" && e.TestExamples == 0 {
				c.value = nil
			}
			cells = append(cells, inLayers(c)...)
		}
	}
	for layer, quantiles := range e.SigmaQuantiles {
		for i, level := range store.SigmaLevels() {
			cells = append(cells, cell{name: fmt.Sprintf("sigma_q%02.0f_layers_%d", 100*level, layer+1), value: quantiles[i]})
		}
	}
	return cells
}

// inLayers is a cell, or a cell for each layer if it has a number of each: sigma_rms_layers_1.
func inLayers(c cell) []cell {
	all, ok := c.value.([]float64)
	if !ok {
		return []cell{c}
	}
	var cells []cell
	for i, v := range all {
		cells = append(cells, cell{fmt.Sprintf("%s_%d", c.name, i+1), v, reflect.TypeFor[float64]()})
	}
	return cells
}
