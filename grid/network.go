package grid

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"quantal/internal/nearest"
	"quantal/results/store"
	"quantal/results/tables"
	"quantal/train"
)

// Finished reads what has finished in the grid.
func (f *Folder) Finished() (*tables.Grid, error) {
	g := f.requested()
	var err error
	if g.Environment, err = f.Environment(); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if g.Records, g.Damaged, err = f.Records(); err != nil {
		return g, err
	}
	entries, err := readJournals(f.Path(journalName))
	g.Work = workIn(entries)
	return g, err
}

// workIn is when, for how long and where networks were trained, according to journals.
func workIn(entries []entry) (w tables.Work) {
	for _, d := range devicesIn(entries) {
		w.Seconds += d.Seconds
		w.Devices = append(w.Devices, d.Device+" of "+d.Host)
	}
	for _, e := range entries {
		if w.From.IsZero() {
			w.From = e.Time
		}
		if e.Event == "finish" || e.Event == "diverged" {
			w.To = e.Time
		}
	}
	return w
}

// requested is the grid before anything has finished.
func (f *Folder) requested() *tables.Grid {
	g := &tables.Grid{Dir: f.Dir, Points: len(f.Points())}
	for _, p := range f.Plans {
		g.Commands = append(g.Commands, p.Command)
	}
	return g
}

// Curves reads the learning curves of all planned points, as far as they are; see Curve. A point without one is not
// listed.
func (f *Folder) Curves() (curves []tables.Curve, damaged []error, err error) {
	environment, err := f.Environment()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, nil, err
	}
	for _, p := range f.Points() {
		epochs, bad, err := f.Curve(p.ID)
		if err != nil {
			return nil, nil, err
		}
		damaged = append(damaged, bad...)
		if len(epochs) > 0 {
			curves = append(curves, tables.Curve{ID: p.ID, Settings: SettingsOf(p.Config, environment.Data), Epochs: epochs})
		}
	}
	slices.SortStableFunc(curves, func(a, b tables.Curve) int { return a.Compare(b.Settings) })
	return curves, damaged, nil
}

// ReadFinished opens the folder of a grid to look at it, reads what has finished, and says what a person should know
// about that.
func ReadFinished(h train.Host, dir string) (*tables.Grid, *Folder, error) {
	folder, err := View(dir)
	if err != nil {
		return nil, nil, err
	}
	g, err := folder.Finished()
	if err != nil {
		return nil, nil, err
	}
	for _, err := range g.Damaged {
		h.Logger().Warn("damaged, left out", "reason", err)
	}
	if unsettled := tables.UnsettledPoints(g.Records); unsettled != "" {
		h.Logger().Warn(unsettled)
	}
	if missing := g.Missing(); missing > 0 {
		h.Logger().Info("the grid has not finished", "missing", missing, "of", g.Points)
	}
	return g, folder, nil
}

// Config is the settings of a planned point.
func (f *Folder) Config(id string) (c train.Config, planned bool) {
	points := f.Points()
	at := slices.IndexFunc(points, func(p Point) bool { return p.ID == id })
	if at < 0 {
		return c, false
	}
	return points[at].Config, true
}

// Locate tells the folder of the grid and the id of the network that a path names: GRID/ID, or one of its files in
// GRID/points. Any other path is not that of a network of a grid.
func Locate(path string) (dir, id string, ok bool) {
	dir, id = filepath.Split(filepath.Clean(path))
	dir = filepath.Clean(dir)
	for _, ending := range []string{".safetensors", ".json"} {
		id = strings.TrimSuffix(id, ending)
	}
	if !Is(dir) {
		if filepath.Base(dir) != pointsName || !Is(filepath.Dir(dir)) {
			return "", "", false
		}
		dir = filepath.Dir(dir)
	}
	return dir, id, true
}

// ReadNetwork reads the trained network that a path names: a run folder or, as Locate has it, one of a grid.
func ReadNetwork(h train.Host, path string) (*train.Network, error) {
	dir, id, ok := Locate(path)
	if !ok {
		return h.ReadNetwork(path)
	}
	folder, err := View(dir)
	if err != nil {
		return nil, err
	}
	return folder.ReadNetwork(id)
}

// planned is Config, with a store.MissingError for a point that is in no plan.
func (f *Folder) planned(id string) (train.Config, error) {
	config, planned := f.Config(id)
	if planned {
		return config, nil
	}
	var ids []string
	for _, p := range f.Points() {
		ids = append(ids, p.ID)
	}
	return config, &store.MissingError{Err: fmt.Errorf("grid: %s: the grid has no network %s: table.csv lists them%s",
		f.Dir, id, nearest.Hint(id, ids))}
}

// ReadNetwork reads a finished network. One that is not planned, or has not finished, gives a store.MissingError.
func (f *Folder) ReadNetwork(id string) (*train.Network, error) {
	config, err := f.planned(id)
	if err != nil {
		return nil, err
	}
	state, err := f.Network(id)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &store.MissingError{Err: fmt.Errorf("grid: %s: the network has not finished, or has diverged: "+
			"quantal status %s", f.Path(id), f.Dir)}
	}
	if err != nil {
		return nil, err
	}
	environment, err := f.Environment()
	return &train.Network{
		ID: id, Config: config, State: state, Folder: f.Dir, Data: environment.DataSHA256,
	}, err
}

// UnsettledRun says in a sentence that the sigma of a run that has come to its summary has not settled; it is empty if
// nothing speaks for that.
func UnsettledRun(run *train.Kept, s train.Summary) (string, error) {
	config := run.Networks[0]
	if config.Noise == store.WithoutNoise {
		return "", nil
	}
	epochs, err := run.Folder.Metrics()
	return tables.UnsettledRun(epochs, store.Record{
		Settings: SettingsOf(config, s.Data), Status: store.Done, Outcome: s.Outcome,
	}), err
}
