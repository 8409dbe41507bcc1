package slurm

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/kballard/go-shellquote"

	"quantal/results/store"
)

// Options says how a launch is submitted.
type Options struct {
	Program   string   // absolute path of quantal, the same on all nodes
	Arguments []string // further arguments of quantal grid work
	AtOnce    int      // how many tasks may run at the same time, or 0 for any number
	MaxStarts int      // how often a task may start before it no longer requeues itself; at least 1
	Sbatch    []string // further arguments of sbatch, see ParseSbatch
}

// Launch is a submission of some of a grid's points.
type Launch struct {
	Dir  string // its folder
	Plan Plan
	Jobs []Job // the job arrays that sbatch accepted
}

// Job is a job array that sbatch accepted.
type Job struct {
	ID    string `json:"job"`
	First int    `json:"first"` // its first chunk
	Count int    `json:"count"`
}

// Submit writes a new launch into the folder of a grid and gives its chunks to sbatch. If there is an error, the launch
// still says which arrays are in the queue; none are if it has no folder.
func Submit(ctx context.Context, grid string, chunks [][]string, o Options) (Launch, error) {
	grid, err := filepath.Abs(grid)
	if err != nil {
		return Launch{}, fmt.Errorf("slurm: %w", err)
	}
	if strings.ContainsFunc(grid+o.Program, unicode.IsControl) {
		return Launch{}, fmt.Errorf("slurm: %q, %q: want paths without control characters", grid, o.Program)
	}
	if strings.Contains(grid, `\`) {
		return Launch{}, fmt.Errorf("slurm: %s: want a folder without backslashes in its path: "+
			"Slurm drops them from the names of logs", grid)
	}
	limit, err := arrayLimit(ctx)
	if err != nil {
		return Launch{}, err
	}
	parts, err := arrays(len(chunks), limit, o.AtOnce)
	if err != nil {
		return Launch{}, err
	}
	l, err := newLaunch(grid)
	if err != nil {
		return Launch{}, err
	}
	name := fmt.Sprintf("quantal-%s-%s", filepath.Base(l.Dir), strings.ToLower(rand.Text()[:6]))
	l.Plan = Plan{Name: name, Chunks: chunks, Arrays: parts, MaxStarts: o.MaxStarts}
	if err := store.WriteJSONFile(l.path("plan.json"), l.Plan); err != nil {
		return l, err
	}
	if err := store.WriteBytes(l.path("job.sh"), []byte(l.job(o))); err != nil {
		return l, err
	}
	for _, a := range l.Plan.Arrays {
		if err := l.submit(ctx, a, o); err != nil {
			return l, err
		}
	}
	return l, nil
}

// submit gives one array to sbatch.
func (l *Launch) submit(ctx context.Context, a Array, o Options) error {
	if ctx.Err() != nil {
		return l.refused(a, ctx.Err())
	}
	printed, err := command(context.WithoutCancel(ctx), toAct, "sbatch", l.arguments(a, o)...)
	id := ""
	if err == nil {
		if id, err = jobID(printed); err != nil {
			return fmt.Errorf("slurm: %s: chunks %d to %d: %w", l.Dir, a.First, a.First+a.Count-1, err)
		}
	} else if id = l.found(ctx, a); id == "" {
		return l.refused(a, err)
	}
	l.Jobs = append(l.Jobs, Job{ID: id, First: a.First, Count: a.Count})
	if err := store.WriteJSONFile(l.path("jobs.json"), l.Jobs); err != nil {
		return fmt.Errorf("slurm: job %s is in the queue, but: %w", id, err)
	}
	return nil
}

// found checks whether an array is in the queue although sbatch failed: the answer of a busy controller can be lost.
func (l *Launch) found(ctx context.Context, a Array) string {
	tasks, err := queue(context.WithoutCancel(ctx), []Launch{*l})
	if err != nil {
		return ""
	}
	for _, t := range tasks {
		if t.Chunk >= a.First && t.Chunk < a.First+a.Count {
			id, _, _ := strings.Cut(t.Job, "_")
			return id
		}
	}
	return ""
}

// refused says which chunks were not submitted, and which were.
func (l *Launch) refused(a Array, err error) error {
	what := "nothing was submitted"
	if a.First > 0 {
		ids := make([]string, len(l.Jobs))
		for i, j := range l.Jobs {
			ids[i] = j.ID
		}
		what = fmt.Sprintf("of %d chunks the first %d are in the queue (job %s), the others are not", len(l.Plan.Chunks),
			a.First, strings.Join(ids, ", "))
	}
	return fmt.Errorf("slurm: %s: %s: %w", l.Dir, what, err)
}

// arguments are those of sbatch for one array.
func (l *Launch) arguments(a Array, o Options) []string {
	indices := fmt.Sprintf("--array=0-%d", a.Count-1)
	if a.AtOnce > 0 {
		indices += "%" + strconv.Itoa(a.AtOnce)
	}
	// The user's come first: if the last of them lacks its value, sbatch takes the next word, and that must not be the
	// script.
	return append(slices.Clone(o.Sbatch),
		"--parsable", indices, "--job-name="+l.Plan.jobName(a), "--chdir="+l.Dir, "--output="+l.logPattern(),
		l.path("job.sh"), strconv.Itoa(a.First))
}

// logPattern is where Slurm writes what a task prints. It is absolute, because Slurm puts its working folder before a
// relative one and then takes a percent sign in either for one of its symbols; two stand for one.
func (l *Launch) logPattern() string {
	return filepath.Join(strings.ReplaceAll(l.Dir, "%", "%%"), logName("%A", "%a"))
}

// logName is the name of a task's log.
func logName(array, index string) string { return "task-" + array + "_" + index + ".log" }

func (l *Launch) path(name string) string { return filepath.Join(l.Dir, name) }

// job is what each task runs. Slurm appends to the log, because otherwise a requeued task would lose its beginning.
func (l *Launch) job(o Options) string {
	var b strings.Builder
	b.WriteString("#!/bin/sh\n# A task of a grid; its argument is the first chunk of its job array. Submitted with\n")
	for _, a := range l.Plan.Arrays {
		fmt.Fprintf(&b, "#   sbatch %s\n", shellquote.Join(l.arguments(a, o)...))
	}
	b.WriteString(`#SBATCH --open-mode=append
#SBATCH --requeue
#SBATCH --signal=B:TERM@120
`)
	work := append([]string{o.Program, "grid", "work", "--plan", l.path("plan.json")}, o.Arguments...)
	fmt.Fprintf(&b, "exec %s --chunk $(($1 + SLURM_ARRAY_TASK_ID))\n", shellquote.Join(work...))
	return b.String()
}

// newLaunch makes the next launch's folder. Two submitters never get the same one.
func newLaunch(grid string) (Launch, error) {
	dir := launchesFolder(grid)
	if err := store.MakeFolder(dir); err != nil {
		return Launch{}, err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return Launch{}, fmt.Errorf("slurm: %w", err)
	}
	next := 1
	for _, e := range entries {
		if n, err := strconv.Atoi(e.Name()); err == nil {
			next = max(next, n+1)
		}
	}
	for ; ; next++ {
		l := Launch{Dir: filepath.Join(dir, fmt.Sprintf("%04d", next))}
		err := os.Mkdir(l.Dir, 0o755)
		if err == nil {
			return l, nil
		}
		if !errors.Is(err, fs.ErrExist) {
			return Launch{}, fmt.Errorf("slurm: %w", err)
		}
	}
}

// jobID reads what sbatch --parsable prints: the job's number, and a semicolon and the cluster's name if there are
// several.
func jobID(printed string) (string, error) {
	id, _, _ := strings.Cut(strings.TrimSpace(printed), ";")
	if _, err := strconv.ParseUint(id, 10, 32); err != nil {
		return "", fmt.Errorf("sbatch printed %q where the job's number was expected", printed)
	}
	return id, nil
}

// arrayLimit is how many tasks Slurm accepts in one job array.
func arrayLimit(ctx context.Context) (int, error) {
	printed, err := command(ctx, toAsk, "scontrol", "show", "config")
	if err != nil {
		return 0, fmt.Errorf("slurm: %w", err)
	}
	limit, err := parseArrayLimit(printed)
	if err != nil {
		return 0, fmt.Errorf("slurm: scontrol show config: %w", err)
	}
	return limit, nil
}

var (
	maxArraySize  = regexp.MustCompile(`(?m)^MaxArraySize\s*=\s*(\d+)\s*$`)
	maxArrayTasks = regexp.MustCompile(`(?m)^SchedulerParameters\s*=.*\bmax_array_tasks=(\d+)`)
)

// parseArrayLimit reads MaxArraySize, which an index must stay below, and max_array_tasks, which the number of tasks
// may reach.
func parseArrayLimit(config string) (int, error) {
	m := maxArraySize.FindStringSubmatch(config)
	if m == nil {
		return 0, errors.New("want a line MaxArraySize, found none")
	}
	limit, err := strconv.Atoi(m[1])
	if err != nil {
		return 0, fmt.Errorf("MaxArraySize: %w", err)
	}
	if m := maxArrayTasks.FindStringSubmatch(config); m != nil {
		tasks, err := strconv.Atoi(m[1])
		if err != nil {
			return 0, fmt.Errorf("max_array_tasks: %w", err)
		}
		limit = min(limit, tasks)
	}
	if limit < 1 {
		return 0, errors.New("job arrays are switched off on this cluster (MaxArraySize 0)")
	}
	return limit, nil
}
