package results

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Names in the folder of a grid.
const (
	planName   = "plan.json"
	pointsName = "points"
)

// Grid is what the folder of a grid holds at a moment. Package grid writes such folders.
type Grid struct {
	Dir         string
	Plans       []Plan
	Environment Environment // zero if it has not been written
	Records     []Record    // of finished points, in the order of their settings
	Damaged     []error     // records that are not what was written; those points count as missing
}

// Plan is a plan file: the command that asked for points, and their ids.
type Plan struct {
	Command string      `json:"command"`
	Points  []planPoint `json:"points"`
}

type planPoint struct {
	ID string `json:"id"`
}

// IsGrid reports whether a folder is that of a grid: it has a plan.
func IsGrid(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, planName))
	return err == nil
}

// ReadGrid reads the folder of a grid. It takes no lock, so the grid may be at work. A folder without a plan, and a damaged
// plan, give a CorruptError.
func ReadGrid(dir string) (*Grid, error) {
	if _, err := os.Stat(dir); err != nil {
		return nil, fileError(dir, err)
	}
	if !IsGrid(dir) {
		return nil, corrupt(dir, "is not the folder of a grid (there is no %s in it)", planName)
	}
	g := &Grid{Dir: dir}
	for i := 1; ; i++ {
		name := planName
		if i > 1 {
			name = fmt.Sprintf("plan-%d.json", i)
		}
		var plan Plan
		err := ReadJSONFile(filepath.Join(dir, name), &plan)
		if errors.Is(err, fs.ErrNotExist) && i > 1 {
			break
		}
		if err != nil {
			return nil, err
		}
		g.Plans = append(g.Plans, plan)
	}
	err := ReadJSONFile(filepath.Join(dir, environmentName), &g.Environment)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	g.Records, g.Damaged, err = ReadRecords(filepath.Join(dir, pointsName))
	return g, err
}

// Planned is the ids of all points of the plans.
func (g *Grid) Planned() map[string]bool {
	ids := map[string]bool{}
	for _, plan := range g.Plans {
		for _, p := range plan.Points {
			ids[p.ID] = true
		}
	}
	return ids
}

// Missing is how many points of the plans have no good record yet.
func (g *Grid) Missing() int {
	ids := g.Planned()
	for _, r := range g.Records {
		delete(ids, r.ID)
	}
	return len(ids)
}
