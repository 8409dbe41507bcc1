// Package dynamicstest has helpers for the tests of the experiments in package dynamics.
package dynamicstest

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"quantal/dynamics"
	"quantal/mnist"
	"quantal/results/store"
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
	return &dynamics.Network{Set: set, Network: train.Network{ID: "small", Config: c, State: state}}, nil
}

// Quiet is a job that reports and keeps nothing.
var Quiet dynamics.Job

// Rising is a job whose progress must rise to 1 and name the work.
func Rising(t testing.TB) dynamics.Job {
	last := 0.
	t.Cleanup(func() {
		if math.Abs(last-1) > 1e-9 && !t.Failed() {
			t.Errorf("the last report is that %v is done", last)
		}
	})
	return dynamics.Job{Progress: func(done float64, what string) {
		if done < last || done > 1 || what == "" {
			t.Errorf("%v done after %v: %q", done, last, what)
		}
		last = done
	}}
}

// Text is an experiment's findings as text, for comparison.
func Text(t testing.TB, found ...any) string {
	t.Helper()
	text := ""
	for _, v := range found {
		line, err := store.EncodeJSON(v)
		if err != nil {
			t.Fatal(err)
		}
		text += string(line)
	}
	return text
}

// Found is the text of what an experiment has found, without the time that it took.
func Found[Summary, Row any](t testing.TB, f dynamics.Findings[Summary, Row], err error) string {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	var summary map[string]any
	if err := json.Unmarshal([]byte(Text(t, f.Summary)), &summary); err != nil {
		t.Fatal(err)
	}
	maps.DeleteFunc(summary, func(name string, _ any) bool {
		return name == "seconds" || strings.HasSuffix(name, "_per_second")
	})
	if len(summary) == 0 {
		t.Error("there is no summary")
	}
	return fmt.Sprint(summary) + Text(t, f.Table, f.Figures) // which prints keys in their order
}

// Save writes findings into a run folder, which must then have the summary and these figures and no others, and returns
// the table: the names of the columns, and the rows.
func Save[Summary, Row any](t testing.TB, f dynamics.Findings[Summary, Row],
	figures ...string) (columns []string, rows [][]string) {
	t.Helper()
	folder, err := store.CreateExperiment(t.TempDir())
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
	var summary, written Summary
	raw, err := store.EncodeJSON(f.Summary) // without the numbers that JSON does not have
	if err == nil {
		err = json.Unmarshal(raw, &written)
	}
	if err := errors.Join(err, folder.ReadSummary(&summary)); err != nil || Text(t, summary) != Text(t, written) {
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

// IgnoresThreads makes an experiment with one thread and with three, which must find the same, and with a seed that is
// higher by seeds, which must not.
func IgnoresThreads[Summary, Row any](t *testing.T,
	run func(threads int, seeds store.Seed) (dynamics.Findings[Summary, Row], error)) {
	t.Helper()
	found := func(threads int, seeds store.Seed) string {
		f, err := run(threads, seeds)
		return Found(t, f, err)
	}
	want := found(1, 0)
	if found(3, 0) != want {
		t.Error("3 threads find something different from one")
	}
	if found(3, 1) == want {
		t.Error("another seed finds the same")
	}
}

// Stops cancels an experiment at its first report; it must then return the context's error.
func Stops[Summary, Row any](t *testing.T, run func(context.Context, dynamics.Job) (dynamics.Findings[Summary, Row],
	error)) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if _, err := run(ctx, dynamics.Job{Progress: func(float64, string) { cancel() }}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// Resumes interrupts an experiment several times; it must continue from the parts that it kept, and find the same as
// undisturbed.
func Resumes[Summary, Row any](t *testing.T, run func(context.Context, dynamics.Job) (dynamics.Findings[Summary, Row],
	error)) {
	t.Helper()
	f, err := run(context.Background(), Quiet)
	whole := Found(t, f, err)
	dir := t.TempDir()
	open := func() *dynamics.Parts {
		parts, dropped, err := dynamics.OpenParts(dir, "this experiment")
		if err != nil || dropped {
			t.Fatalf("parts dropped %v: %v", dropped, err)
		}
		return parts
	}
	for _, at := range []float64{0.2, 0.5, 0.8} {
		ctx, cancel := context.WithCancel(context.Background())
		_, err := run(ctx, dynamics.Job{Parts: open(), Progress: func(done float64, _ string) {
			if done >= at {
				cancel()
			}
		}})
		cancel()
		if !errors.Is(err, context.Canceled) && !errors.Is(err, train.ErrInterrupted) {
			t.Fatalf("interrupted when %g was done: %v", at, err)
		}
	}
	before := partTimes(t, dir)
	if len(before) == 0 {
		t.Error("nothing was kept")
	}
	f, err = run(context.Background(), dynamics.Job{Parts: open()})
	again := Found(t, f, err)
	after := partTimes(t, dir)
	same := 0
	for name, written := range before {
		if after[name].Equal(written) {
			same++
		}
	}
	if same == 0 {
		t.Errorf("every one of %d parts was made again", len(before))
	}
	if again != whole {
		t.Error("interrupted and resumed, the experiment finds something else")
	}
}

// partTimes are the times at which the parts in a run folder were written, by name.
func partTimes(t *testing.T, dir string) map[string]time.Time {
	entries, err := os.ReadDir(filepath.Join(dir, "parts"))
	if err != nil {
		t.Fatal(err)
	}
	times := map[string]time.Time{}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		if e.Name() != "owner" && e.Name() != "spent" {
			times[e.Name()] = info.ModTime()
		}
	}
	return times
}
