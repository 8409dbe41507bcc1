package grid

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"quantal/internal/safefile"
	"quantal/mnist"
	"quantal/results/store"
)

// Progress is the progress of a process.
type Progress struct {
	Host    string    `json:"host"`
	PID     int       `json:"pid"`
	Started time.Time `json:"started"`
	Updated time.Time `json:"updated"`

	Points   int     `json:"points"`   // that the process was asked to train
	Finished int     `json:"finished"` // of these, including those finished before it began and diverged ones
	Diverged int     `json:"diverged"` // since it began
	Batches  []Batch `json:"batches"`  // under way

	NetworkStepsPerSecond float64 `json:"network_steps_per_second"` // steps of all networks together, since it began
	SecondsLeft           float64 `json:"seconds_left"`             // at that rate
}

// Batch is the networks that a device trains.
type Batch struct {
	Device  string   `json:"device"`
	Running []string `json:"running"` // ids
	Step    int      `json:"step"`    // of each
	Steps   int      `json:"steps"`
}

// Share is how much of the work is done, from 0 to 1: finished points, and the running ones as far as they are.
func (p Progress) Share() float64 {
	if p.Points == 0 {
		return 1
	}
	done := float64(p.Finished)
	for _, b := range p.Batches {
		done += float64(len(b.Running)) * float64(b.Step) / float64(b.Steps)
	}
	return min(1, done/float64(p.Points))
}

// progressInterval is how often the file of a process is written.
const progressInterval = time.Second

// reporter keeps account of a Run and calls the observer.
type reporter struct {
	mutex   sync.Mutex
	events  Events
	set     *mnist.Set
	path    string
	state   Progress
	batches []*Batch
	began   time.Time
	written time.Time
	done    float64        // network-steps done by this process
	left    map[string]int // steps that each point has left
}

// steps is the number of steps that a point trains for.
func steps(set *mnist.Set, p Point) int {
	return (set.Train.N() - p.Config.Validation) / p.Config.Batch * p.Config.Epochs
}

func newReporter(dir string, set *mnist.Set, points, missing int, events Events) *reporter {
	now := time.Now()
	r := &reporter{events: events, set: set, began: now, left: map[string]int{}, state: Progress{
		Host: hostName(), PID: os.Getpid(), Started: now.UTC(), Points: points, Finished: points - missing,
	}}
	r.path = filepath.Join(dir, fmt.Sprintf("%s-%s-%d.json", now.UTC().Format("20060102-150405.000"), r.state.Host,
		r.state.PID))
	return r
}

// damaged says that files are not as they were written.
func (r *reporter) damaged(files []error) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	for _, err := range files {
		if r.events.Damaged != nil {
			r.events.Damaged(err)
		}
	}
}

// lost says that a device has failed.
func (r *reporter) lost(device string, err error) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if r.events.Lost != nil {
		r.events.Lost(device, err)
	}
}

// wait says that points must be trained, some again.
func (r *reporter) wait(batches []batch) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	for _, b := range batches {
		for i, p := range b.points {
			r.left[p.ID] = steps(r.set, p)
			if b.from != nil {
				r.left[p.ID] -= b.from.Networks[i].Step
			}
		}
	}
}

// begin says that a device trains points.
func (r *reporter) begin(device string, points []Point, step, steps int) *Batch {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	b := &Batch{device, ids(points), step, steps}
	r.batches = append(r.batches, b)
	r.tell(true)
	return b
}

// progress says how far they are.
func (r *reporter) progress(b *Batch, step int) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	for _, id := range b.Running {
		r.done += float64(step - b.Step)
		r.left[id] = b.Steps - step
	}
	b.Step = step
	r.tell(false)
}

// end says that it no longer does, although they are not finished.
func (r *reporter) end(b *Batch) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	b.Running = nil
	r.tell(true)
}

// finished says that a record has been written.
func (r *reporter) finished(record store.Record) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.state.Finished++
	if record.Status == store.Diverged {
		r.state.Diverged++
	}
	delete(r.left, record.ID)
	for _, b := range r.batches { // a copy, because the observer may keep the list
		b.Running = slices.DeleteFunc(slices.Clone(b.Running), func(id string) bool { return id == record.ID })
	}
	if r.events.Finished != nil {
		r.events.Finished(record)
	}
	r.tell(true)
}

// tell passes on the state; it writes the file only from time to time.
func (r *reporter) tell(always bool) {
	now := time.Now()
	r.state.Updated = now.UTC()
	r.batches = slices.DeleteFunc(r.batches, func(b *Batch) bool { return len(b.Running) == 0 })
	r.state.Batches = []Batch{}
	for _, b := range r.batches {
		r.state.Batches = append(r.state.Batches, *b)
	}
	if seconds := now.Sub(r.began).Seconds(); seconds > 0 && r.done > 0 {
		left := 0
		for _, steps := range r.left {
			left += steps
		}
		r.state.NetworkStepsPerSecond = r.done / seconds
		r.state.SecondsLeft = float64(left) / r.state.NetworkStepsPerSecond
	}
	if r.events.Progress != nil {
		r.events.Progress(r.state)
	}
	if always || now.Sub(r.written) >= progressInterval {
		r.written = now
		r.write()
	}
}

// write replaces the file. It is a hint for other processes, so it does not wait for the disk, and a failure is not an
// error.
func (r *reporter) write() {
	text, err := json.Marshal(r.state)
	if err != nil {
		return
	}
	temporary := filepath.Join(filepath.Dir(r.path), "."+filepath.Base(r.path)+"0") // a name that is swept
	file, err := safefile.Open(temporary, os.O_CREATE|os.O_TRUNC|os.O_WRONLY)
	if err != nil {
		return
	}
	_, err = file.Write(append(text, '\n'))
	if errors.Join(err, file.Close()) == nil {
		_ = os.Rename(temporary, r.path)
	}
}

// close removes the file: this process does nothing more.
func (r *reporter) close() { _ = os.Remove(r.path) }
