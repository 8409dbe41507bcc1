package grid

import (
	"cmp"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"slices"
	"time"

	"quantal/internal/input"
	"quantal/internal/sentence"
	"quantal/results/store"
)

// Status is the state of a grid according to its folder.
type Status struct {
	Dir      string `json:"dir"`
	Points   int    `json:"points"`
	Done     int    `json:"done"`
	Diverged int    `json:"diverged"`
	Running  int    `json:"running"`
	Waiting  int    `json:"waiting"` // neither finished nor in training
	// Failures are the errors that ended processes, the newest last, while points are waiting.
	Failures []Failure `json:"failures"`
	Damaged  []string  `json:"damaged"` // files that are not as they were written; their points also wait

	NetworkStepsPerSecond float64 `json:"network_steps_per_second"`
	SecondsLeft           float64 `json:"seconds_left"` // of the process that needs longest; 0 if none works

	Processes []Process      `json:"processes"`
	Devices   []DeviceWork   `json:"devices"` // that finished something or failed, by host and name
	Latest    []store.Record `json:"latest"`  // the last few finished, the newest last
}

// Failure is the error that ended a process.
type Failure struct {
	Time  time.Time `json:"time"`
	Host  string    `json:"host"`
	Error string    `json:"error"`
}

// DeviceWork is the work of a device for a grid.
type DeviceWork struct {
	Host     string  `json:"host"`
	Device   string  `json:"device"`
	Networks int     `json:"networks"`         // that it finished, including diverged ones
	Seconds  float64 `json:"seconds"`          // of training and evaluation by the processes that finished or shared them
	Failed   string  `json:"failed,omitempty"` // its error, if it failed after the last one that it finished
}

// Process is a process that works in the folder, or seems to.
type Process struct {
	Progress
	// Silent is set if the process has written nothing for long: it, or its machine, may be down.
	Silent bool `json:"silent"`

	path string
}

// patience is how long a process of another host may be silent, latest how many records a Status shows.
const (
	patience = time.Minute
	latest   = 5
)

// Status reads the state of the grid.
func (f *Folder) Status() (Status, error) {
	records, damaged, err := f.Records()
	if err != nil {
		return Status{}, err
	}
	processes, err := f.processes()
	if err != nil {
		return Status{}, err
	}
	entries, err := readJournals(f.Path(journalName))
	if err != nil {
		return Status{}, err
	}
	return f.status(records, damaged, processes, entries), nil
}

// status is the state according to what has been read.
func (f *Folder) status(records []store.Record, damaged []error, processes []Process, entries []entry) Status {
	s := Status{Dir: f.Dir, Points: len(f.Points()), Failures: []Failure{}, Damaged: []string{}, Processes: processes,
		Latest: []store.Record{}}
	for _, d := range damaged {
		s.Damaged = append(s.Damaged, sentence.Of(d))
	}
	finished := map[string]store.Record{}
	for _, r := range records {
		finished[r.ID] = r
		if r.Status == store.Diverged {
			s.Diverged++
		} else {
			s.Done++
		}
	}
	running := map[string]bool{}
	for _, p := range s.Processes {
		if p.Silent {
			continue
		}
		for _, b := range p.Batches {
			for _, id := range b.Running {
				if _, ok := finished[id]; !ok {
					running[id] = true
				}
			}
		}
		s.NetworkStepsPerSecond += p.NetworkStepsPerSecond
		s.SecondsLeft = max(s.SecondsLeft, p.SecondsLeft)
	}
	s.Running = len(running)
	s.Waiting = s.Points - s.Done - s.Diverged - s.Running
	s.Devices = devicesIn(entries)
	var order []string
	for _, e := range entries {
		switch {
		case e.Event == "failed" && s.Waiting > 0:
			s.Failures = append(s.Failures, Failure{e.Time, e.Host, e.Error})
		case e.Event == "finish" || e.Event == "diverged":
			order = append(order, e.Points...)
		}
	}
	for i := len(order) - 1; i >= 0 && len(s.Latest) < latest; i-- {
		if r, ok := finished[order[i]]; ok {
			s.Latest = append(s.Latest, r)
			delete(finished, order[i])
		}
	}
	slices.Reverse(s.Latest)
	return s
}

// devicesIn adds up what the journals say about devices.
func devicesIn(entries []entry) []DeviceWork {
	type key struct{ host, device string }
	all := map[key]*DeviceWork{}
	last := map[string]*DeviceWork{} // that finished a network
	for _, e := range entries {
		if e.Device == "" {
			continue // not of a device, or from a version that named it only at the start
		}
		k := key{e.Host, e.Device}
		if all[k] == nil {
			all[k] = &DeviceWork{Host: e.Host, Device: e.Device}
		}
		d := all[k]
		switch e.Event {
		case "share":
			d.Seconds += e.Seconds
		case "lost":
			d.Failed = e.Error
		case "finish":
			d.Seconds += e.Seconds
			d.Failed = ""
			fallthrough
		case "diverged":
			for _, id := range e.Points {
				last[id] = d
			}
		}
	}
	for _, d := range last {
		d.Networks++
	}
	devices := []DeviceWork{}
	for _, d := range all {
		if d.Networks > 0 || d.Failed != "" {
			devices = append(devices, *d)
		}
	}
	slices.SortFunc(devices, func(a, b DeviceWork) int {
		return cmp.Or(cmp.Compare(a.Host, b.Host),
			cmp.Compare(a.Device, b.Device))
	})
	return devices
}

// processes reads the progress files of working processes.
func (f *Folder) processes() ([]Process, error) {
	processes := []Process{}
	files, err := f.files(progressName, "", ".json")
	if err != nil {
		return nil, err
	}
	for _, path := range files {
		text, err := input.Read(path, input.Own)
		if errors.Is(err, fs.ErrNotExist) {
			continue // it has just ended
		}
		if err != nil {
			return nil, err
		}
		if p, ok := decodeProcess(text); ok {
			p.path = path
			processes = append(processes, p)
		}
	}
	slices.SortFunc(processes, compareProcesses)
	return processes, nil
}

// decodeProcess reads a progress file, unless it was cut off by a crash.
func decodeProcess(text []byte) (p Process, ok bool) {
	if json.Unmarshal(text, &p.Progress) != nil {
		return p, false
	}
	p.Silent = time.Since(p.Updated) > patience
	if p.Host == hostName() {
		p.Silent = !alive(p.PID)
	}
	return p, true
}

func compareProcesses(a, b Process) int {
	return cmp.Or(a.Started.Compare(b.Started), cmp.Compare(a.PID, b.PID))
}

// sweep removes what killed processes left: temporary files, and the progress of those on this machine. Files that
// another process may still be writing stay.
func (f *Folder) sweep() error {
	processes, err := f.processes()
	if err != nil {
		return err
	}
	age := time.Duration(0)
	if f.lock == nil {
		age = time.Hour // tasks of a cluster work at the same time
	}
	for _, p := range processes {
		switch {
		case !p.Silent:
			age = time.Hour
		case p.Host == hostName():
			_ = os.Remove(p.path)
		}
	}
	for _, name := range []string{"", pointsName, curvesName, checkpointsName, progressName} {
		if err := store.Sweep(f.Path(name), age); err != nil {
			return err
		}
	}
	return nil
}
