package grid

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"quantal/results/store"
	"quantal/results/tables"
	"quantal/train"
)

// Seen is what is known of a network, from a run folder or a grid, finished or not.
type Seen struct {
	Path        string
	Config      train.Config
	Environment store.Environment // of its run or grid
	Record      store.Record      // its Status is empty while the network has not finished
	Epochs      []store.Epoch     // its learning curve, if there is one
}

// ReadSeen reads what is known of the network that a path names: a run folder or, as Locate has it, one of a grid.
func ReadSeen(h train.Host, path string) (Seen, error) {
	s := Seen{Path: path, Record: store.Record{ID: filepath.Base(filepath.Clean(path)), Outcome: store.NoOutcome()}}
	if dir, id, ok := Locate(path); ok {
		return s, s.fromGrid(dir, id)
	}
	folder, err := store.View(path)
	if err != nil {
		return s, err
	}
	defer folder.Close()
	if s.Config, err = h.ReadConfig(folder); err != nil {
		return s, err
	}
	if s.Environment, err = folder.ReadEnvironment(); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return s, err
	}
	if s.Epochs, err = folder.Metrics(); err != nil {
		return s, err
	}
	data := cmp.Or(s.Environment.Data, filepath.Base(cmp.Or(s.Config.Data, "mnist"))) // a killed run may not say
	s.Record.Settings, s.Record.Kernels = SettingsOf(s.Config, data), s.Environment.Kernels
	switch err := folder.ReadSummary(&s.Record.Outcome); {
	case err == nil:
		s.Record.Status = store.Done
	case !errors.Is(err, fs.ErrNotExist):
		return s, err
	}
	return s, nil
}

func (s *Seen) fromGrid(dir, id string) error {
	folder, err := View(dir)
	if err != nil {
		return err
	}
	if s.Config, err = folder.planned(id); err != nil {
		return err
	}
	if s.Environment, err = folder.Environment(); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	s.Record.ID, s.Record.Settings = id, SettingsOf(s.Config, s.Environment.Data)
	if s.Epochs, _, err = folder.Curve(id); err != nil { // without damaged lines
		return err
	}
	records, _, err := folder.Records()
	if i := slices.IndexFunc(records, func(r store.Record) bool { return r.ID == id }); err == nil && i >= 0 {
		s.Record = records[i]
	}
	return err
}

// Differing is a line of a comparison: what two networks have under one name, as in JSON; null where one has nothing.
type Differing struct {
	Name string          `json:"name"`
	A    json.RawMessage `json:"a"`
	B    json.RawMessage `json:"b"`
}

// Differences is what differs between two networks.
type Differences struct {
	Settings    []Differing `json:"settings"`
	Environment []Differing `json:"environment"` // program, machine, kernels, data set
	Outcomes    []Differing `json:"outcomes"`
}

// Diff compares two networks, each setting, each line of the environment and each figure.
func Diff(a, b Seen) (d Differences, err error) {
	settings := func(s Seen) map[string]any {
		values := map[string]any{}
		for _, x := range s.Config.Settings() {
			values[x.Name] = x.Default()
		}
		return values
	}
	environment := func(s Seen) map[string]any {
		values := fields(s.Environment)
		delete(values, "data_sha256")
		for file, sum := range s.Environment.DataSHA256 {
			values["data_sha256 of "+file] = sum
		}
		return values
	}
	outcomes := func(s Seen) map[string]any {
		values := fields(s.Record.Outcome)
		maps.DeleteFunc(values, func(string, any) bool { return s.Record.Status == "" })
		values["status"] = map[bool]string{true: "not finished", false: s.Record.Status}[s.Record.Status == ""]
		values["diverged_step"], values["diverged_layer"] = s.Record.DivergedStep, s.Record.DivergedLayer
		return values
	}
	for _, part := range []struct {
		to *[]Differing
		of func(Seen) map[string]any
	}{{&d.Settings, settings}, {&d.Environment, environment}, {&d.Outcomes, outcomes}} {
		if *part.to, err = differing(part.of(a), part.of(b)); err != nil {
			return d, err
		}
	}
	return d, nil
}

// fields are those of a struct, under their names in JSON.
func fields(v any) map[string]any {
	values := map[string]any{}
	for _, f := range store.FieldsOf(reflect.ValueOf(v)) {
		values[f.Name] = f.Value.Interface()
	}
	return values
}

// differing lists the names under which two lists have different values, in alphabetical order.
func differing(a, b map[string]any) ([]Differing, error) {
	list := []Differing{}
	both := maps.Clone(a)
	maps.Copy(both, b)
	for _, name := range slices.Sorted(maps.Keys(both)) {
		x, err := store.EncodeJSON(a[name])
		if err != nil {
			return nil, fmt.Errorf("grid: %s: %w", name, err)
		}
		y, err := store.EncodeJSON(b[name])
		if err != nil {
			return nil, fmt.Errorf("grid: %s: %w", name, err)
		}
		if !bytes.Equal(x, y) {
			list = append(list, Differing{name, x, y})
		}
	}
	return list, nil
}

// Labelled are networks to show beside each other, labelled by the settings in which they differ, or by their paths
// where none does.
func Labelled(networks []Seen) (list []tables.Beside) {
	var all []store.Settings
	for _, s := range networks {
		all = append(all, s.Record.Settings)
	}
	labels := tables.Labels(all)
	for i, s := range networks {
		label, same := labels[i], 0
		for _, other := range labels {
			if other == label {
				same++
			}
		}
		if label == "" || same > 1 {
			label = strings.TrimPrefix(label+", "+s.Path, ", ")
		}
		list = append(list, tables.Beside{Label: label, Record: s.Record, Epochs: s.Epochs})
	}
	return list
}
