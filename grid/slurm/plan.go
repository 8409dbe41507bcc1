package slurm

import (
	"fmt"
	"path/filepath"
	"slices"

	"quantal/results/store"
)

// Plan is what a launch requested from Slurm.
type Plan struct {
	// The names of the launch's jobs, and of no other launch's, begin with Name.
	Name string `json:"name"`
	// Chunks holds the ids of the points of each task.
	Chunks [][]string `json:"chunks"`
	// Arrays are the job arrays, in the order of their chunks.
	Arrays []Array `json:"arrays"`
	// MaxStarts is how often a task may start, including the first time, before it no longer requeues itself.
	MaxStarts int `json:"max_starts"`
}

// Array is a part of a launch that is one job array: its task i has chunk First+i.
type Array struct {
	First  int `json:"first"`
	Count  int `json:"count"`
	AtOnce int `json:"at_once,omitempty"` // how many tasks may run at the same time, or 0 for any number
}

// jobName is the name of an array's job.
func (p Plan) jobName(a Array) string { return fmt.Sprintf("%s.%d", p.Name, a.First) }

// ReadPlan reads a plan.json. One that is not a plan gives a store.CorruptError.
func ReadPlan(path string) (Plan, error) {
	var p Plan
	if err := store.ReadJSONFile(path, &p); err != nil {
		return p, err
	}
	if p.Name == "" || len(p.Chunks) == 0 || len(p.Arrays) == 0 {
		return p, &store.CorruptError{Path: path, Reason: "is not the plan of a launch"}
	}
	return p, nil
}

// Point is a point to be packed.
type Point struct {
	ID     string
	Cohort string  // points of one cohort train best together
	Work   float64 // how long it takes, in any unit; above 0
}

// pointsPerChunk is how many points a task trains by default: enough that starting it costs little, few enough that
// many nodes have something to do.
const pointsPerChunk = 8

// DefaultChunks is the number of chunks for n points if the user does not give one: one for every 8 points, and at most
// 1000, which one job array of a Slurm with default settings holds.
func DefaultChunks(points int) int { return min((points+pointsPerChunk-1)/pointsPerChunk, 1000) }

// Pack puts points into at most n chunks of about equal work, points of one cohort together: cohorts follow each other
// in the order of their first points, and the chunks divide this sequence. No chunk is empty.
func Pack(points []Point, n int) [][]string {
	n = min(n, len(points))
	if n < 1 {
		return nil
	}
	first := map[string]int{}
	total := 0.0
	for i, p := range points {
		if _, ok := first[p.Cohort]; !ok {
			first[p.Cohort] = i
		}
		total += p.Work
	}
	row := slices.Clone(points)
	slices.SortStableFunc(row, func(a, b Point) int { return first[a.Cohort] - first[b.Cohort] })
	chunks := make([][]string, n)
	chunk, before := 0, 0.0
	for i, p := range row {
		// A point belongs to the chunk that contains its middle, unless that would leave a chunk empty.
		at := int(float64(n) * (before + p.Work/2) / total)
		at = min(at, chunk+1)
		if len(chunks[chunk]) == 0 {
			at = chunk
		}
		chunk = min(max(at, chunk, n-(len(row)-i)), n-1)
		chunks[chunk] = append(chunks[chunk], p.ID)
		before += p.Work
	}
	return chunks
}

// arrays divides the chunks into as few arrays of at most limit tasks as possible, equal up to one task, and divides
// atOnce between them.
func arrays(chunks, limit, atOnce int) ([]Array, error) {
	n := (chunks + limit - 1) / limit
	if atOnce > 0 && atOnce < n {
		return nil,
			fmt.Errorf("slurm: %d tasks at once are too few: Slurm takes at most %d tasks per job array here, so %d "+
				"chunks are %d arrays; "+
				"want %d at once or more, or at most %d chunks", atOnce, limit, chunks, n, n, atOnce*limit)
	}
	out := make([]Array, n)
	for i := range out {
		first, next := chunks*i/n, chunks*(i+1)/n
		out[i] = Array{First: first, Count: next - first, AtOnce: atOnce*(i+1)/n - atOnce*i/n}
	}
	return out, nil
}

func launchesFolder(grid string) string { return filepath.Join(grid, "launches") }
