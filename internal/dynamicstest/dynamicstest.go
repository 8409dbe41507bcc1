// Package dynamicstest has what the tests of the experiments of package dynamics share.
package dynamicstest

import (
	"context"
	"encoding/csv"
	"math"
	"os"
	"slices"
	"testing"

	"quantal/analysis"
	"quantal/dynamics"
	"quantal/mnist"
	"quantal/results"
	"quantal/train"
)

// Train trains a network.
func Train(set *mnist.Set, c train.Config) (*dynamics.Network, error) {
	run, err := train.New(set, c)
	if err != nil {
		return nil, err
	}
	defer run.Close()
	if err := run.Train(context.Background(), train.Events{}); err != nil {
		return nil, err
	}
	state, err := run.Checkpoint(0)
	if err != nil {
		return nil, err
	}
	return &dynamics.Network{Set: set, Network: analysis.Network{ID: "small", Config: c, State: state}}, nil
}

// Quiet is told of progress.
func Quiet(float64, string) {}

// Rising is told of progress, which must go up to 1 and say of what.
func Rising(t testing.TB) dynamics.Progress {
	last := 0.
	t.Cleanup(func() {
		if math.Abs(last-1) > 1e-9 && !t.Failed() {
			t.Errorf("the last that was told is that %v is done", last)
		}
	})
	return func(done float64, what string) {
		if done < last || done > 1 || what == "" {
			t.Errorf("%v done after %v: %q", done, last, what)
		}
		last = done
	}
}

// Text is what an experiment found as text, to be compared.
func Text(t testing.TB, found ...any) string {
	t.Helper()
	text := ""
	for _, v := range found {
		line, err := results.EncodeJSON(v)
		if err != nil {
			t.Fatal(err)
		}
		text += string(line)
	}
	return text
}

// Save writes findings into a run folder, which must then have the summary and these figures and no others, and returns the table:
// the names of the columns, and the rows.
func Save[Summary, Row any](t testing.TB, f dynamics.Findings[Summary, Row], figures ...string) (columns []string, rows [][]string) {
	t.Helper()
	folder, err := results.CreateExperiment(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer folder.Close()
	pictures, err := f.Save(folder)
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, name := range figures {
		for _, ending := range []string{".svg", ".png", ".txt", ".json"} {
			path := folder.Path(name + ending)
			want = append(want, path)
			if info, err := os.Stat(path); err != nil || info.Size() == 0 {
				t.Errorf("there is no %s%s: %v", name, ending, err)
			}
		}
	}
	if !slices.Equal(pictures, want) {
		t.Errorf("files %v, want %v", pictures, want)
	}
	var summary Summary
	if err := folder.ReadSummary(&summary); err != nil || Text(t, summary) != Text(t, f.Summary) {
		t.Errorf("the summary in the folder is not that of the findings: %v", err)
	}
	file, err := os.Open(folder.Path("table.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	rows, err = csv.NewReader(file).ReadAll()
	if err != nil || len(rows) == 0 {
		t.Fatalf("table: %d rows, %v", len(rows), err)
	}
	return rows[0], rows[1:]
}
