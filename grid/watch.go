package grid

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math"
	"path"
	"reflect"
	"slices"
	"strings"
	"time"

	"quantal/internal/input"
	"quantal/results/store"
	"quantal/results/tables"
	"quantal/train"
)

// Watcher reads the folder of a grid again and again, and of its files only those that are new or have changed. It
// trusts none of them: each is read up to a limit, and files that are not those of the grid only make it damaged.
type Watcher struct {
	Folder  Folder                  // without a lock
	Status  Status                  // since the last Read
	Planned map[string]train.Config // of all points; another map after new plans
	Records map[string]store.Record // of the finished ones
	Data    string                  // the name of the data set; empty before the first record

	stamps   map[string]stamp // of the files that have been read
	damaged  map[string]error // by the name of the file
	journals map[string]int64 // how far each has been read
	entries  []entry          // of the journals, the oldest first
}

// What a Watcher reads at most, in bytes: of a plan, a record or a progress file, a line of a journal, which lists all
// points of a batch; and how many files of a kind, and lines of journals.
const (
	mostPlan, mostSmall, mostLine = 64 << 20, 1 << 20, 16 << 20
	mostPlans, mostProcesses      = 1000, 1000
	mostEntries                   = 1 << 20
)

// stamp tells versions of a file apart.
type stamp struct {
	size int64
	time time.Time
}

// NewWatcher watches the grid that is called dir.
func NewWatcher(dir string) *Watcher {
	return &Watcher{Folder: Folder{Dir: dir}, Records: map[string]store.Record{}, stamps: map[string]stamp{},
		damaged: map[string]error{}, journals: map[string]int64{}}
}

// News is what a Read has found.
type News struct {
	Changed bool     // anything
	Plans   bool     // were read
	Points  []string // with a new record, or without the one that they had
	Files   int      // so many were read, besides those of working processes
}

// Read brings the Watcher up to date with the grid's folder. A plan that is not as it was written is an error, after
// which the Watcher has no points.
func (w *Watcher) Read(folder fs.FS) (news News, err error) {
	if news.Files, err = w.readPlans(folder); err != nil {
		return news, err
	}
	news.Plans = news.Files > 0
	if news.Points, err = w.readRecords(folder); err != nil {
		return news, err
	}
	journals, err := w.readJournals(folder)
	if err != nil {
		return news, err
	}
	processes, err := w.readProcesses(folder)
	if err != nil {
		return news, err
	}
	news.Files += len(news.Points) + journals
	if news.Changed = news.Files > 0 || !reflect.DeepEqual(processes, w.Status.Processes); news.Changed {
		records := slices.Collect(maps.Values(w.Records))
		w.Status = w.Folder.status(records, w.damages(), processes, w.entries)
	}
	return news, nil
}

func (w *Watcher) damages() (list []error) {
	for _, name := range slices.Sorted(maps.Keys(w.damaged)) {
		list = append(list, w.damaged[name])
	}
	return list
}

// Finished is what has finished, as Folder.Finished.
func (w *Watcher) Finished(folder fs.FS) *tables.Grid {
	g := w.Folder.requested()
	if text, err := input.From(folder, environmentName, mostSmall); err == nil {
		_ = json.Unmarshal(text, &g.Environment) // only to be shown
	}
	g.Records = slices.SortedFunc(maps.Values(w.Records), store.CompareRecords)
	g.Damaged, g.Work = w.damages(), workIn(w.entries)
	return g
}

// Log is the last events in the journals, the oldest first, as lines for people.
func (w *Watcher) Log(most int) (lines []string) {
	for _, e := range w.entries[max(0, len(w.entries)-most):] {
		line := fmt.Sprintf("%s  %s  %s", e.Time.Local().Format(time.DateTime), e.Host, e.Event)
		switch {
		case e.networks == 1:
			line += "  " + e.Points[0]
		case e.networks > 1:
			line += fmt.Sprintf("  %d networks", e.networks)
		}
		if e.Step > 0 {
			line += fmt.Sprintf("  step %d", e.Step)
		}
		for _, text := range []string{e.Device, e.Error} {
			if text != "" {
				line += "  " + text
			}
		}
		lines = append(lines, line)
	}
	return lines
}

// fresh reports whether a file is another version than the one that has been read.
func (w *Watcher) fresh(name string, info fs.FileInfo) bool {
	s := stamp{info.Size(), info.ModTime()}
	if w.stamps[name] == s {
		return false
	}
	w.stamps[name] = s
	return true
}

// readPlans reads all plans if one is new, and returns how many it has read.
func (w *Watcher) readPlans(folder fs.FS) (read int, err error) {
	n, more := 0, false
	for ; n < mostPlans; n++ {
		info, err := fs.Stat(folder, planName(n+1))
		if errors.Is(err, fs.ErrNotExist) {
			break
		}
		if err != nil {
			return 0, store.FileError(w.Folder.Path(planName(n+1)), err)
		}
		more = w.fresh(planName(n+1), info) || more
	}
	if !more && n == len(w.Folder.Plans) {
		return 0, nil
	}
	w.Folder.Plans, w.Planned = nil, map[string]train.Config{}
	clear(w.Records)
	clear(w.damaged)
	if n == 0 {
		return 0, &store.CorruptError{Path: w.Folder.Dir, Reason: "is not the folder of a grid (there is no " + planName(1) +
			" in it)"}
	}
	clear(w.stamps) // records are settled by the plans
	for i := range n {
		name := planName(i + 1)
		data, err := input.From(folder, name, mostPlan)
		if err != nil {
			return 0, store.FileError(w.Folder.Path(name), err)
		}
		var p Plan
		if err := json.Unmarshal(data, &p); err != nil {
			return 0, store.Corrupt(w.Folder.Path(name), "%v", err)
		}
		if err := p.check(w.Folder.Path(name)); err != nil {
			return 0, err
		}
		if info, err := fs.Stat(folder, name); err == nil {
			w.fresh(name, info)
		}
		w.Folder.Plans = append(w.Folder.Plans, p)
	}
	for _, p := range w.Folder.Points() {
		w.Planned[p.ID] = p.Config
	}
	return n, nil
}

// readRecords reads the records that are new, and names their points and those whose records are gone.
func (w *Watcher) readRecords(folder fs.FS) (points []string, err error) {
	entries, err := fs.ReadDir(folder, pointsName)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, store.FileError(w.Folder.Path(pointsName), err)
	}
	there := map[string]bool{}
	for _, e := range entries {
		id, record := strings.CutSuffix(e.Name(), ".json")
		if !record || strings.HasPrefix(id, ".") {
			continue
		}
		config, planned := w.Planned[id]
		name := path.Join(pointsName, e.Name())
		there[name] = true
		info, err := e.Info()
		if err != nil || !w.fresh(name, info) { // an error: it has just been replaced
			continue
		}
		points = append(points, id)
		delete(w.Records, id)
		delete(w.damaged, name)
		line, err := input.From(folder, name, mostSmall)
		if err != nil {
			w.damaged[name] = store.FileError(w.Folder.Path(name), err)
			continue
		}
		r, err := store.DecodeRecord(w.Folder.Path(name), id, line)
		if err == nil {
			err = w.Folder.settle(&r, config, planned)
		}
		if err != nil {
			w.damaged[name] = err
			continue
		}
		w.Records[id] = r
		w.Data = cmp.Or(w.Data, r.Data)
	}
	for name := range w.stamps {
		if id, record := strings.CutPrefix(name, pointsName+"/"); record && !there[name] {
			id = strings.TrimSuffix(id, ".json")
			points = append(points, id)
			delete(w.Records, id)
			delete(w.damaged, name)
			delete(w.stamps, name)
		}
	}
	return points, nil
}

// readProcesses reads the progress files of working processes.
func (w *Watcher) readProcesses(folder fs.FS) ([]Process, error) {
	entries, err := fs.ReadDir(folder, progressName)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, store.FileError(w.Folder.Path(progressName), err)
	}
	processes := []Process{}
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".json") || strings.HasPrefix(e.Name(), ".") || len(processes) == mostProcesses {
			continue
		}
		text, err := input.From(folder, path.Join(progressName, e.Name()), mostSmall)
		if err != nil {
			continue // it has just ended
		}
		if p, ok := decodeProcess(text); ok {
			processes = append(processes, p)
		}
	}
	slices.SortFunc(processes, compareProcesses)
	return processes, nil
}

// readJournals reads what has been added to the journals, and returns to how many of them.
func (w *Watcher) readJournals(folder fs.FS) (files int, err error) {
	all, err := fs.ReadDir(folder, journalName)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, store.FileError(w.Folder.Path(journalName), err)
	}
	for _, e := range all {
		before := len(w.entries)
		info, err := e.Info()
		for err == nil && info.Mode().IsRegular() && info.Size() > w.journals[e.Name()] && len(w.entries) < mostEntries {
			end := w.journals[e.Name()]
			var text []byte
			text, err = readPart(folder, path.Join(journalName, e.Name()), end, min(mostLine, info.Size()-end))
			lines := bytes.LastIndexByte(text, '\n') + 1
			if lines == 0 {
				if len(text) == mostLine { // no line of ours is so long
					w.journals[e.Name()] = math.MaxInt64
				}
				break
			}
			w.journals[e.Name()] += int64(lines)
			for line := range bytes.Lines(text[:lines]) {
				var e entry
				if json.Unmarshal(line, &e) != nil {
					continue // cut off by a crash
				}
				if e.networks = len(e.Points); e.Event != "finish" && e.Event != "diverged" && e.networks > 1 {
					e.Points = nil // nobody asks which: memory
				}
				w.entries = append(w.entries, e)
			}
		}
		if len(w.entries) > before {
			files++
		}
	}
	if files > 0 {
		slices.SortStableFunc(w.entries, func(a, b entry) int { return a.Time.Compare(b.Time) })
	}
	return files, nil
}

// readPart reads a number of bytes from a place in a file.
func readPart(folder fs.FS, name string, from, n int64) ([]byte, error) {
	file, err := folder.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	at, ok := file.(io.ReaderAt)
	if !ok {
		return nil, fmt.Errorf("grid: %s: cannot be read in parts", name)
	}
	return io.ReadAll(io.NewSectionReader(at, from, n))
}
