package serve

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"quantal/dynamics"
	"quantal/grid"
	"quantal/grid/slurm"
	"quantal/internal/fault"
	"quantal/internal/input"
	"quantal/internal/sentence"
	"quantal/results/store"
	"quantal/results/tables"
	"quantal/train"
)

// What is read of files at most, in bytes.
const (
	mostText    = 1 << 20
	mostMetrics = 32 << 20
	mostNetwork = 64 << 20
	mostSaved   = 64 << 20
)

// The states of an item.
const (
	running  = "running"
	waiting  = "waiting" // nothing of it has been done, and nobody works
	queued   = "queued"  // Slurm has accepted it, and nothing of it has been done
	stopped  = "stopped" // some of it has been done, and nobody works
	done     = "done"
	diverged = "diverged"
	damaged  = "damaged"
	unread   = "being read"
)

// card is what the overview says of an item.
type card struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	Kind  string `json:"kind"`
	State string `json:"state"`
	Unit  string `json:"unit"` // networks or epochs

	Total    int     `json:"total"`
	Done     int     `json:"done"`
	Diverged int     `json:"diverged"`
	Running  int     `json:"running"`
	Queued   int     `json:"queued"` // in Slurm's queue, as far as the folder knows
	Share    float64 `json:"share"`  // of the work that is done
	Left     float64 `json:"left"`   // seconds; null if nobody knows

	Accuracy float64   `json:"accuracy"` // sampled; of a grid the highest; null if there is none
	R2       float64   `json:"r2"`       // the same of networks that fit numbers
	Sigma    float64   `json:"sigma"`    // rms, of the same network
	Updated  time.Time `json:"updated"`
	Note     string    `json:"note,omitempty"` // what is wrong
}

// blank is a card of which nothing but the state is known.
func blank(state string) card {
	return card{State: state, Accuracy: math.NaN(), R2: math.NaN(), Sigma: math.NaN(), Left: math.NaN()}
}

// measure keeps how good a network is, and its sigma.
func (c *card) measure(accuracy float64, r2 *float64, sigma float64) {
	c.Accuracy, c.R2, c.Sigma = accuracy, math.NaN(), sigma
	if r2 != nil {
		c.R2 = *r2
	}
}

// item is a run, a grid or an experiment, with what is known of its files. Only the reader changes it.
type item struct {
	found
	id      string
	shown   string // its name on pages
	view    *view
	stamps  string // of the files at the last look, of a run or an experiment
	watcher *grid.Watcher
	rows    map[string]func() (tables.Row, error) // of finished points, made when asked for
	atWork  map[string]bool                       // the points in training
	curves  time.Time                             // when their learning curves were last written
	queue   map[string]string                     // the points that wait in Slurm's queue, with their jobs
	asked   string                                // the versions of the files that say so
}

// idOf is the id of the item in a place, which does not change when the server starts anew.
func idOf(p place) string {
	full, err := filepath.Abs(p.name())
	if err != nil {
		full = p.name()
	}
	sum := sha256.Sum256([]byte(full))
	return hex.EncodeToString(sum[:5])
}

// view is a version of an item; it does not change.
type view struct {
	place
	card
	version uint64        // of everything
	content uint64        // of what plots and lists show; progress alone does not change it
	wait    time.Duration // how long it may change nothing and yet be running

	status   grid.Status
	grid     *tables.Grid
	table    func() tables.Table // of all points, those without a record after the others
	log      []string
	jobs     []string // of Slurm, whose networks wait
	doing    string   // of an experiment: what it is at
	network  func(f folder, id string) (*store.Checkpoint, error)
	settings []pair // of an experiment
	record   store.Record
	config   train.Config
}

// missing says why nothing can be shown of an item but its card.
func (v *view) missing() error {
	switch v.State {
	case damaged:
		return store.Nothing(v.Name + ": " + v.Note)
	case unread:
		return store.Nothing(v.Name + " is being read")
	}
	return nil
}

type pair [2]string

// look brings an item up to date with its folder. It returns whether anything has changed, and how many files it read.
func (i *item) look(now time.Time) (changed bool, read int) {
	var next *view
	err := fault.Guard(func() (err error) { // files that nobody thought of do not end the training
		next, read, err = i.read(now)
		return err
	})
	if err != nil {
		next = &view{card: blank(damaged)}
		next.Note = sentence.Of(err)
		if i.view != nil && i.view.Note == next.Note {
			next = nil
		}
		i.stamps = ""
	}
	if next == nil {
		return false, read
	}
	i.view = i.named(next)
	return true, read
}

// named completes a view with what is the same in all of the item.
func (i *item) named(v *view) *view {
	v.place, v.ID, v.Name, v.Kind = i.place, i.id, i.shown, i.kind
	if v.table == nil {
		v.table = func() tables.Table { return tables.NewTable(nil) }
	}
	return v
}

func (i *item) read(now time.Time) (*view, int, error) {
	f, closed, err := i.open()
	if err != nil {
		return nil, 0, store.FileError(i.name(), err)
	}
	defer closed()
	if i.kind == aGrid {
		return i.readGrid(f)
	}
	stamps, updated := i.stamped(f)
	v := &view{card: blank("")}
	v.Unit, v.Updated = "epochs", updated
	if i.view != nil && i.stamps == stamps {
		if i.view.State != running || now.Sub(i.view.Updated) < i.view.wait {
			return nil, 0, nil
		}
	}
	i.stamps = stamps
	if i.kind == aRun {
		err = i.readRun(f, v, now)
	} else {
		err = readExperiment(f, v, now)
	}
	return v, 3, err
}

// stamped is the sizes and times of the files of a run or an experiment, and the last of the times.
func (i *item) stamped(f folder) (text string, last time.Time) {
	for _, name := range []string{store.ConfigName, store.EnvironmentName, metricsName, "summary.json", "checkpoints",
		"parts", dynamics.ProgressName} {
		if info, err := f.Stat(name); err == nil {
			text += fmt.Sprintf("%s %d %d\n", name, info.Size(), info.ModTime().UnixNano())
			if info.ModTime().After(last) {
				last = info.ModTime()
			}
		}
	}
	return text, last
}

func (i *item) readGrid(f folder) (*view, int, error) {
	if i.watcher == nil {
		i.watcher, i.rows = grid.NewWatcher(i.name()), map[string]func() (tables.Row, error){}
	}
	w := i.watcher
	news, err := w.Read(f)
	if err != nil || !i.readQueue(f) && !news.Changed && i.view != nil {
		return nil, news.Files, err
	}
	s := w.Status
	v := &view{status: s, grid: w.Finished(f), log: w.Log(30), card: blank("")}
	v.Unit, v.Total, v.Done, v.Diverged, v.Running = "networks", s.Points, s.Done, s.Diverged, s.Running
	atWork := map[string]bool{}
	for _, p := range s.Processes {
		for _, b := range p.Batches {
			for _, id := range b.Running {
				atWork[id] = !p.Silent
			}
		}
	}
	queue := map[string]string{}
	jobs := map[string]bool{}
	for id, job := range i.queue {
		if _, finished := w.Records[id]; !finished && !atWork[id] {
			queue[id], jobs[job] = job, true
		}
	}
	v.Queued, v.jobs = len(queue), slices.Sorted(maps.Keys(jobs))
	finished := float64(s.Done + s.Diverged)
	for _, p := range s.Processes {
		if !p.Silent {
			for _, b := range p.Batches {
				finished += float64(len(b.Running)) * float64(b.Step) / float64(max(1, b.Steps))
			}
		}
		if p.Updated.After(v.Updated) {
			v.Updated = p.Updated
		}
	}
	for _, name := range []string{"points", "plan.json"} {
		if info, err := f.Stat(name); err == nil && info.ModTime().After(v.Updated) {
			v.Updated = info.ModTime()
		}
	}
	v.Share = min(1, finished/float64(max(1, s.Points)))
	active := slices.ContainsFunc(s.Processes, func(p grid.Process) bool { return !p.Silent })
	switch {
	case s.Done+s.Diverged == s.Points:
		v.State = done
	case active:
		v.State = running
		if s.SecondsLeft > 0 {
			v.Left = s.SecondsLeft
		}
	case v.Queued > 0:
		v.State = queued
	case s.Done+s.Diverged == 0:
		v.State = waiting
	default:
		v.State = stopped
	}
	if n := len(s.Failures); n > 0 {
		v.Note = s.Failures[n-1].Error
	}
	if n := len(s.Damaged); n > 0 {
		v.Note = fmt.Sprintf("%d damaged: %s", n, s.Damaged[0])
	}
	curves := time.Time{}
	if info, err := f.Stat("curves"); err == nil {
		curves = info.ModTime()
	}
	same := i.view != nil && curves.Equal(i.curves) && i.view.table != nil && len(news.Points) == 0 && !news.Plans &&
		maps.Equal(atWork, i.atWork) && v.Queued == i.view.Queued
	i.atWork, i.curves = atWork, curves
	if same {
		v.content, v.table, v.network = i.view.content, i.view.table, i.view.network
		v.Accuracy, v.R2, v.Sigma = i.view.Accuracy, i.view.R2, i.view.Sigma
		return v, news.Files, nil
	}
	var finishedRows []func() (tables.Row, error)
	if news.Plans {
		clear(i.rows)
	}
	for _, id := range news.Points {
		delete(i.rows, id)
	}
	for _, r := range v.grid.Records {
		better := !(r.AccuracySampled <= v.Accuracy)
		if r.R2Sampled != nil {
			better = !(*r.R2Sampled <= v.R2)
		}
		if r.Status == store.Done && better {
			v.measure(r.AccuracySampled, r.R2Sampled, r.SigmaRMS)
		}
		row, known := i.rows[r.ID]
		if !known {
			row = sync.OnceValues(func() (tables.Row, error) { return tables.NewRow(r) })
			i.rows[r.ID] = row
		}
		finishedRows = append(finishedRows, row)
	}
	records, planned, data, plan := maps.Clone(w.Records), w.Planned, w.Data, w.Folder
	v.table = sync.OnceValue(func() tables.Table {
		var rows []tables.Row
		add := func(row tables.Row, err error) {
			if err == nil {
				rows = append(rows, row)
			}
		}
		for _, row := range finishedRows {
			add(row())
		}
		var rest []store.Record
		for id, config := range planned {
			if _, finished := records[id]; !finished {
				r := store.Record{ID: id, Settings: grid.SettingsOf(config, data), Status: waiting, Outcome: store.NoOutcome()}
				switch _, in := queue[id]; {
				case atWork[id]:
					r.Status = running
				case in:
					r.Status = queued
				}
				rest = append(rest, r)
			}
		}
		slices.SortFunc(rest, store.CompareRecords)
		for _, r := range rest {
			add(tables.NewRow(r))
		}
		return tables.NewTable(rows)
	})
	v.network = func(f folder, id string) (*store.Checkpoint, error) { // of a reader of its own: this one goes on
		r, ok := records[id]
		if !ok || r.Status != store.Done {
			return nil, store.Nothing("the network " + id + " has not finished, or has diverged")
		}
		data, err := input.From(f, path.Join("points", id+".safetensors"), mostNetwork)
		if err != nil {
			return nil, store.Nothing("its parameters cannot be read: " + sentence.Of(store.FileError(id, err)))
		}
		return plan.DecodeNetwork(r, data)
	}
	return v, news.Files, nil
}

// readQueue brings what is known of Slurm's queue up to date, and reports whether that has changed.
func (i *item) readQueue(f folder) bool {
	stamps := ""
	entries, _ := f.ReadDir("launches")
	for _, e := range entries {
		for _, name := range []string{"plan.json", "jobs.json", "starts"} {
			if info, err := f.Stat(path.Join("launches", e.Name(), name)); err == nil {
				stamps += fmt.Sprintf("%s %s %d %d\n", e.Name(), name, info.Size(), info.ModTime().UnixNano())
			}
		}
	}
	if stamps == i.asked {
		return false
	}
	before := i.queue
	i.asked = stamps
	i.queue, _ = slurm.Waiting(f) // of what cannot be read nothing is known
	return !maps.Equal(before, i.queue)
}

// metricsTail reads the last epoch of a run.
func metricsTail(f folder) (last store.Epoch, ok bool) {
	const tail = 64 << 10
	file, err := f.Open(metricsName)
	if err != nil {
		return last, false
	}
	defer file.Close()
	info, err := file.Stat()
	at, readable := file.(io.ReaderAt)
	if err != nil || !readable {
		return last, false
	}
	from := max(0, info.Size()-tail)
	text, err := io.ReadAll(io.NewSectionReader(at, from, tail))
	if err != nil {
		return last, false
	}
	if from > 0 {
		_, text, _ = bytes.Cut(text, []byte("\n"))
	}
	epochs, _ := store.DecodeMetrics(metricsName, text)
	if len(epochs) == 0 {
		return last, false
	}
	return epochs[len(epochs)-1], true
}

// metrics reads all epochs of a run, at most so many, evenly.
func metrics(f folder, name string, most int) ([]store.Epoch, error) {
	data, err := input.From(f, name, mostMetrics)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, store.FileError(name, err)
	}
	epochs, _ := store.DecodeMetrics(name, data) // without damaged lines
	if step := (len(epochs) + most - 1) / most; step > 1 {
		var some []store.Epoch
		for i := (len(epochs) - 1) % step; i < len(epochs); i += step { // with the last one
			some = append(some, epochs[i])
		}
		epochs = some
	}
	return epochs, nil
}

// metricsName is the file of a run's learning curve.
const metricsName = "metrics.jsonl"

// mostEpochs is how many epochs a curve has.
const mostEpochs = 1000

func (i *item) readRun(f folder, v *view, now time.Time) error {
	data, err := input.From(f, store.ConfigName, mostText)
	if err != nil {
		return store.FileError(store.ConfigName, err)
	}
	if v.config, err = (train.Host{}).DecodeConfig(store.ConfigName, data); err != nil {
		return err
	}
	v.Total = v.config.Epochs
	var e store.Environment
	if text, err := input.From(f, store.EnvironmentName, mostText); err == nil {
		_ = json.Unmarshal(text, &e) // only to be shown
	}
	settings := grid.SettingsOf(v.config, cmp.Or(e.Data, v.config.Data))
	v.record = store.Record{ID: i.id, Settings: settings, Kernels: e.Kernels, Status: waiting, Outcome: store.NoOutcome()}
	v.State = waiting
	last, any := metricsTail(f)
	each := 0.0 // seconds of an epoch
	if any {
		v.Done, v.State = last.Epoch, stopped
		v.measure(last.AccuracySampled, last.R2Sampled, last.SigmaRMS)
		o := &v.record.Outcome
		o.AccuracySampled, o.AccuracyMean, o.LossSampled, o.LossMean = last.AccuracySampled, last.AccuracyMean,
			last.LossSampled, last.LossMean
		o.R2Sampled, o.R2Mean = last.R2Sampled, last.R2Mean
		o.SigmaRMS, o.SigmaRMSLayers, o.ReliabilityCost = last.SigmaRMS, last.SigmaRMSLayers, last.ReliabilityCost
		o.Objective, o.ObjectiveNLL, o.ObjectiveMagnitude = last.Objective, last.ObjectiveNLL, last.ObjectiveMagnitude
		o.ObjectiveReliability, o.ObjectiveCosts, o.Steps = last.ObjectiveReliability, last.ObjectiveCosts, last.Step
		if each = (last.Seconds + last.MeasuringSeconds) / float64(max(1, last.Epoch)); !(each < 1e9) {
			each = 0
		}
	}
	v.wait = max(2*time.Minute, time.Duration(3*each*float64(time.Second)))
	v.Share = min(1, float64(v.Done)/float64(max(1, v.Total)))
	if text, err := input.From(f, "summary.json", mostText); err == nil {
		if err := json.Unmarshal(text, &v.record.Outcome); err != nil {
			return store.Corrupt("summary.json", "%v", err)
		}
		v.State, v.Share = done, 1
		v.measure(v.record.AccuracySampled, v.record.R2Sampled, v.record.SigmaRMS)
	} else if now.Sub(v.Updated) < v.wait {
		v.State, v.Running = running, 1
		if each > 0 {
			v.Left = max(0, each*float64(v.Total-v.Done)-now.Sub(v.Updated).Seconds())
		}
	}
	if any && v.State == stopped && math.IsNaN(last.NLL) {
		v.State = diverged
	}
	v.record.Status = v.State
	v.table = sync.OnceValue(func() tables.Table {
		row, err := tables.NewRow(v.record)
		if err != nil {
			return tables.NewTable(nil)
		}
		return tables.NewTable([]tables.Row{row})
	})
	v.network = func(f folder, _ string) (*store.Checkpoint, error) { return lastCheckpoint(f) }
	return nil
}

// lastCheckpoint reads the newest checkpoint of a run that can be read.
func lastCheckpoint(f folder) (*store.Checkpoint, error) {
	entries, err := f.ReadDir("checkpoints")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, store.FileError("checkpoints", err)
	}
	slices.Reverse(entries)
	tried := 0
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), "step-") || !strings.HasSuffix(e.Name(), ".safetensors") || tried == 2 {
			continue
		}
		tried++
		data, err := input.From(f, path.Join("checkpoints", e.Name()), mostNetwork)
		if err != nil {
			continue
		}
		if c, err := store.DecodeNetwork(e.Name(), data); err == nil {
			return c, nil
		}
	}
	return nil, store.Nothing("there is no checkpoint that can be read")
}

// readExperiment reads an experiment of package dynamics.
func readExperiment(f folder, v *view, now time.Time) error {
	data, err := input.From(f, store.ConfigName, mostText)
	if err != nil {
		return store.FileError(store.ConfigName, err)
	}
	var config map[string]any
	if err := store.DecodeConfig(store.ConfigName, data, &config); err != nil {
		return err
	}
	flat(&v.settings, "", config)
	v.Unit, v.wait, v.State = "", 2*time.Minute, stopped
	switch {
	case f.has("summary.json", false):
		v.State, v.Share = done, 1
	case now.Sub(v.Updated) < v.wait:
		v.State = running
	}
	var told dynamics.Told
	if text, err := input.From(f, dynamics.ProgressName, mostText); err == nil && v.State != done {
		told.Left = math.NaN()
		if json.Unmarshal(text, &told) == nil && told.Share >= 0 && told.Share <= 1 {
			v.Share, v.doing = told.Share, told.What
			if v.State == running && told.Left >= 0 {
				v.Left = max(0, told.Left-now.Sub(v.Updated).Seconds())
			}
		}
	}
	return nil
}

// flat lists the values of a file by their names.
func flat(list *[]pair, prefix string, values map[string]any) {
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if below, ok := values[name].(map[string]any); ok {
			flat(list, prefix+name+".", below)
			continue
		}
		*list = append(*list, pair{prefix + name, fmt.Sprint(values[name])})
	}
}
