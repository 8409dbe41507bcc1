package slurm

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
)

// Ended is a task that is no longer in the queue and has left points unfinished.
type Ended struct {
	Launch string   `json:"launch"` // the name of its launch's folder, as in 0001
	Chunk  int      `json:"chunk"`
	Job    string   `json:"job"`    // in the form for sacct and scontrol: 123_4
	Starts int      `json:"starts"` // how often quantal began in it: 0 if Slurm never got that far
	Log    string   `json:"log"`    // the file with its output, or empty if there is none or the file is empty
	Points []string `json:"points"` // that it left unfinished and no later task had
}

// FindEnded returns the tasks that left points unfinished, in the order of launches and chunks. The points given are
// those that are neither finished nor in training in any process or in any task of the queue.
func FindEnded(launches []Launch, unfinished []string) ([]Ended, error) {
	wanted := map[string]bool{}
	for _, id := range unfinished {
		wanted[id] = true
	}
	var ended []Ended
	for _, l := range slices.Backward(launches) {
		for _, j := range slices.Backward(l.Jobs) {
			for index, points := range slices.Backward(l.Plan.Chunks[j.First:][:j.Count]) {
				e := Ended{Launch: filepath.Base(l.Dir), Chunk: j.First + index, Job: fmt.Sprintf("%s_%d", j.ID, index)}
				for _, id := range points {
					if wanted[id] {
						delete(wanted, id) // whichever task had it before
						e.Points = append(e.Points, id)
					}
				}
				if len(e.Points) == 0 {
					continue
				}
				if err := e.look(l.Dir, logName(j.ID, strconv.Itoa(index))); err != nil {
					return nil, fmt.Errorf("slurm: %w", err)
				}
				ended = append(ended, e)
			}
		}
	}
	slices.Reverse(ended)
	return ended, nil
}

// look searches the folder of its launch for what the task has left.
func (e *Ended) look(dir, log string) error {
	path := filepath.Join(dir, log)
	info, err := os.Stat(path)
	switch {
	case err == nil && info.Size() > 0:
		e.Log = path
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return err
	}
	e.Starts, err = countStarts(startsPath(dir, e.Chunk))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
