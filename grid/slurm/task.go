package slurm

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"quantal/internal/safefile"
	"quantal/results/store"
)

// Task is a running chunk, on any machine.
type Task struct {
	Name      string   // Slurm's name of the task, as in 123_4, or empty if Slurm did not start it
	Grid      string   // the grid's folder
	Points    []string // ids
	Starts    int      // how often a process began the chunk, including this one
	MaxStarts int      // how often it may begin, for Requeue
	CPUs      int      // how many of this machine's CPUs Slurm gave the task, or 0 if it does not say
}

// Begin reads a chunk of a plan and counts the start. A chunk that the plan does not have gives a RangeError.
func Begin(planPath string, chunk int) (*Task, error) {
	planPath, err := filepath.Abs(planPath)
	if err != nil {
		return nil, fmt.Errorf("slurm: %w", err)
	}
	plan, err := ReadPlan(planPath)
	if err != nil {
		return nil, err
	}
	if chunk < 0 || chunk >= len(plan.Chunks) {
		return nil, &RangeError{Path: planPath, Chunk: chunk, Chunks: len(plan.Chunks)}
	}
	launch := filepath.Dir(planPath)
	t := &Task{Name: taskName(), Grid: filepath.Dir(filepath.Dir(launch)), Points: plan.Chunks[chunk],
		MaxStarts: plan.MaxStarts}
	t.CPUs, _ = strconv.Atoi(os.Getenv("SLURM_CPUS_ON_NODE")) // 0 if it is not set
	if t.Starts, err = countStart(startsPath(launch, chunk), t.Name); err != nil {
		return nil, fmt.Errorf("slurm: %w", err)
	}
	return t, nil
}

// RangeError says that a plan does not have a chunk.
type RangeError struct {
	Path          string
	Chunk, Chunks int
}

func (e *RangeError) Error() string {
	return fmt.Sprintf("slurm: %s: there is no chunk %d, only 0 to %d", e.Path, e.Chunk, e.Chunks-1)
}

// startsPath is the file of a chunk's starts.
func startsPath(launch string, chunk int) string {
	return filepath.Join(launch, "starts", fmt.Sprintf("chunk-%04d.log", chunk))
}

// countStart adds a line to a chunk's file and returns how many there are.
func countStart(path, task string) (int, error) {
	if err := store.MakeFolder(filepath.Dir(path)); err != nil {
		return 0, err
	}
	f, err := safefile.Open(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY)
	if err != nil {
		return 0, err
	}
	host, _ := os.Hostname() // only for people
	_, err = fmt.Fprintf(f, "%s %s %s\n", time.Now().UTC().Format(time.RFC3339), host, task)
	if err := errors.Join(err, f.Close()); err != nil {
		return 0, err
	}
	return countStarts(path)
}

func countStarts(path string) (int, error) {
	text, err := os.ReadFile(path)
	return bytes.Count(text, []byte("\n")), err
}

// taskName is Slurm's name of the task of this process.
func taskName() string {
	array, index := os.Getenv("SLURM_ARRAY_JOB_ID"), os.Getenv("SLURM_ARRAY_TASK_ID")
	if array == "" || index == "" {
		return ""
	}
	return array + "_" + index
}

// Requeue asks Slurm to start this task again; call it when the work is saved after a TERM. Slurm then ends this
// process, maybe before Requeue returns, and starts the task again later, unless it was cancelled. A task that has been
// started as often as the plan allows gives an error, and so does a process that Slurm did not start as a task.
func (t *Task) Requeue(ctx context.Context) error {
	if t.Name == "" {
		return errors.New("slurm: not a task of a job array, so there is nothing to requeue")
	}
	if t.Starts >= t.MaxStarts {
		return fmt.Errorf("slurm: task %s was started %d times and the plan allows no more: not requeued", t.Name, t.Starts)
	}
	if _, err := command(ctx, toAct, "scontrol", "requeue", "Incomplete", t.Name); err != nil {
		return fmt.Errorf("slurm: task %s could not be requeued: %w", t.Name, err)
	}
	return nil
}
