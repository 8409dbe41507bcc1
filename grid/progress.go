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
	"quantal/results"
	"quantal/train"
)

// Progress is where a process stands.
type Progress struct {
	Host    string    `json:"host"`
	PID     int       `json:"pid"`
	Started time.Time `json:"started"`
	Updated time.Time `json:"updated"`

	Points   int      `json:"points"`   // that the process was asked for
	Finished int      `json:"finished"` // of these; those finished before it began, and diverged ones, among them
	Diverged int      `json:"diverged"` // since it began
	Running  []string `json:"running"`  // ids
	Step     int      `json:"step"`     // of each running network
	Steps    int      `json:"steps"`

	NetworkStepsPerSecond float64 `json:"network_steps_per_second"` // steps of all networks together, since it began
	SecondsLeft           float64 `json:"seconds_left"`             // at that rate
}

// progressInterval is how often the file of a process is written.
const progressInterval = time.Second

// reporter keeps account of a Run and tells who watches.
type reporter struct {
	mutex   sync.Mutex
	events  Events
	path    string
	state   Progress
	began   time.Time
	written time.Time
	done    float64 // network-steps done by this process
	left    float64 // network-steps that it has before it
}

// steps is the number of steps that a point trains for.
func steps(set *mnist.Set, p Point) int {
	return (set.Train.N() - p.Config.Validation) / p.Config.Batch * p.Config.Epochs
}

func newReporter(dir string, set *mnist.Set, points int, batches []batch, events Events) *reporter {
	now := time.Now()
	r := &reporter{events: events, began: now, state: Progress{
		Host: hostName(), PID: os.Getpid(), Started: now.UTC(), Points: points, Finished: points,
	}}
	r.path = filepath.Join(dir, fmt.Sprintf("%s-%s-%d.json", now.UTC().Format("20060102-150405.000"), r.state.Host, r.state.PID))
	for _, b := range batches {
		for i, p := range b.points {
			r.state.Finished--
			r.left += float64(steps(set, p))
			if b.from != nil {
				r.left -= float64(b.from.Networks[i].Step)
			}
		}
	}
	return r
}

// begin says that points are under way.
func (r *reporter) begin(points []Point, step, steps int) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.state.Running, r.state.Step, r.state.Steps = ids(points), step, steps
	r.tell(true)
}

// progress says how far they are.
func (r *reporter) progress(p train.Progress) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	did := float64(len(r.state.Running) * (p.Step - r.state.Step))
	r.state.Step = p.Step
	r.done += did
	r.left -= did
	r.tell(false)
}

// stop says that a running network is no longer trained.
func (r *reporter) stop(id string) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.state.Running = slices.DeleteFunc(r.state.Running, func(running string) bool { return running == id })
	r.left -= float64(r.state.Steps - r.state.Step)
}

// finished says that a record has been written.
func (r *reporter) finished(record results.Record) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.state.Finished++
	if record.Status == results.Diverged {
		r.state.Diverged++
	}
	if r.events.Finished != nil {
		r.events.Finished(record)
	}
	r.tell(true)
}

// tell passes the state on; to the file only now and then.
func (r *reporter) tell(always bool) {
	now := time.Now()
	r.state.Updated = now.UTC()
	if seconds := now.Sub(r.began).Seconds(); seconds > 0 && r.done > 0 {
		r.state.NetworkStepsPerSecond = r.done / seconds
		r.state.SecondsLeft = max(0, r.left/r.state.NetworkStepsPerSecond)
	}
	if r.events.Progress != nil {
		r.events.Progress(r.state)
	}
	if always || now.Sub(r.written) >= progressInterval {
		r.written = now
		r.write()
	}
}

// write replaces the file. It is a hint that others look at, so it is not worth waiting for the disk, and no error.
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

// close takes the file away: this process does nothing more.
func (r *reporter) close() { _ = os.Remove(r.path) }
