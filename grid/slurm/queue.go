package slurm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"quantal/internal/input"
	"quantal/results/store"
)

// Queued is a task that squeue shows: one that waits, runs, or is just ending.
type Queued struct {
	Launch string `json:"launch"` // the name of its launch's folder, as in 0001
	Chunk  int    `json:"chunk"`
	Job    string `json:"job"`    // in the form for scancel and scontrol: 123_4
	State  string `json:"state"`  // Slurm's word in capitals: PENDING, RUNNING, COMPLETING ...
	Reason string `json:"reason"` // why it does not run, in Slurm's words
}

// Launches reads the launches of a grid, the oldest first. A folder whose submitter was killed before it submitted
// anything is left out.
func Launches(grid string) ([]Launch, error) {
	dir, err := filepath.Abs(launchesFolder(grid))
	if err != nil {
		return nil, fmt.Errorf("slurm: %w", err)
	}
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("slurm: %w", err)
	}
	var launches []Launch
	for _, e := range entries {
		if _, err := strconv.Atoi(e.Name()); err != nil {
			continue
		}
		l := Launch{Dir: filepath.Join(dir, e.Name())}
		l.Plan, err = ReadPlan(l.path("plan.json"))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if err := store.ReadJSONFile(l.path("jobs.json"), &l.Jobs); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		for _, j := range l.Jobs {
			if j.First < 0 || j.Count < 1 || j.Count > len(l.Plan.Chunks)-j.First {
				return nil, &store.CorruptError{Path: l.path("jobs.json"), Reason: fmt.Sprintf(
					"has a job of %d chunks from %d, and the plan has %d chunks", j.Count, j.First, len(l.Plan.Chunks))}
			}
		}
		launches = append(launches, l)
	}
	return launches, nil
}

// What Waiting reads at most: bytes of a plan, and launches.
const (
	mostPlan     = 64 << 20
	mostLaunches = 1000
)

// Waiting reads from the folder of a grid which points Slurm has accepted without that their task has begun, with the
// job of each. They wait in the queue, unless somebody has cancelled them, which only squeue knows.
func Waiting(grid fs.FS) (map[string]string, error) {
	const dir = "launches"
	entries, err := fs.ReadDir(grid, dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("slurm: %w", err)
	}
	points := map[string]string{}
	for _, e := range entries[:min(len(entries), mostLaunches)] {
		var l Launch
		for name, to := range map[string]any{"plan.json": &l.Plan, "jobs.json": &l.Jobs} {
			if text, err := input.From(grid, path.Join(dir, e.Name(), name), mostPlan); err == nil {
				_ = json.Unmarshal(text, to) // one that is being written is read the next time
			}
		}
		for _, j := range l.Jobs {
			for chunk := max(j.First, 0); chunk < j.First+j.Count && chunk < len(l.Plan.Chunks); chunk++ {
				_, err := fs.Stat(grid, filepath.ToSlash(startsPath(path.Join(dir, e.Name()), chunk)))
				for _, id := range l.Plan.Chunks[chunk] {
					if delete(points, id); errors.Is(err, fs.ErrNotExist) {
						points[id] = j.ID
					}
				}
			}
		}
	}
	return points, nil
}

// Queue asks squeue for the tasks of launches. An error means that squeue gave no answer, so nothing is known.
func Queue(ctx context.Context, launches []Launch) ([]Queued, error) {
	if len(launches) == 0 {
		return nil, nil
	}
	tasks, err := queue(ctx, launches)
	if err != nil {
		return nil, fmt.Errorf("slurm: %w", err)
	}
	return tasks, nil
}

func queue(ctx context.Context, launches []Launch) ([]Queued, error) {
	var names []string
	for _, l := range launches {
		for _, a := range l.Plan.Arrays {
			names = append(names, l.Plan.jobName(a))
		}
	}
	printed, err := command(ctx, toAsk, "squeue", "--noheader", "--array", "--name="+strings.Join(names, ","),
		"--format=%j|%F|%K|%T|%r")
	if err != nil {
		return nil, err
	}
	return parseQueue(printed, launches)
}

// parseQueue reads lines of job name, array, index, state and reason.
func parseQueue(printed string, launches []Launch) ([]Queued, error) {
	type place struct {
		launch string
		array  Array
	}
	places := map[string]place{}
	for _, l := range launches {
		for _, a := range l.Plan.Arrays {
			places[l.Plan.jobName(a)] = place{filepath.Base(l.Dir), a}
		}
	}
	var tasks []Queued
	for line := range strings.Lines(printed) {
		fields := strings.SplitN(strings.TrimSpace(line), "|", 5)
		if len(fields) == 1 && fields[0] == "" {
			continue
		}
		p, ok := places[fields[0]]
		if len(fields) != 5 || !ok {
			return nil, fmt.Errorf("squeue printed %q, want name|array|index|state|reason", strings.TrimSpace(line))
		}
		index, err := strconv.Atoi(fields[2])
		if err != nil || index < 0 || index >= p.array.Count {
			return nil, fmt.Errorf("squeue printed %q, want an index from 0 to %d", strings.TrimSpace(line), p.array.Count-1)
		}
		tasks = append(tasks, Queued{Launch: p.launch, Chunk: p.array.First + index, Job: fields[1] + "_" + fields[2],
			State: fields[3], Reason: fields[4]})
	}
	return tasks, nil
}

// UnderWay returns the points that a task in the queue has, done or not, with that task. Every task that squeue shows
// counts, in any state: one that is ending may be about to return to the queue.
func UnderWay(launches []Launch, tasks []Queued) map[string]Queued {
	points := map[string]Queued{}
	for _, t := range tasks {
		i := slices.IndexFunc(launches, func(l Launch) bool { return filepath.Base(l.Dir) == t.Launch })
		if i < 0 || t.Chunk >= len(launches[i].Plan.Chunks) {
			continue
		}
		for _, id := range launches[i].Plan.Chunks[t.Chunk] {
			points[id] = t
		}
	}
	return points
}
