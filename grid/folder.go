package grid

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"quantal/internal/sentence"
	"quantal/mnist"
	"quantal/results/store"
	"quantal/train"
)

// Names in a grid folder; the package documentation says what they hold.
const (
	environmentName = "environment.json"
	pointsName      = "points"
	checkpointsName = "checkpoints"
	journalName     = "journal"
	progressName    = "progress"
)

const planFormat = "quantal-grid-plan"

// Plan is a file of points that were requested together.
type Plan struct {
	Format  string  `json:"format"`
	Version int     `json:"format_version"`
	Command string  `json:"command"` // the command that requested them
	Points  []Point `json:"points"`
}

// Folder is the folder of a grid.
type Folder struct {
	Dir     string
	Plans   []Plan              // in the order in which they were requested
	NoLocks *store.NoLocksError // set if the file system has no locks, so that nothing keeps another process out
	lock    *store.Lock
}

// Open opens the folder of a grid to work in it, and makes it if it does not exist. A folder in use gives a
// store.InUseError, one with other content an error. If the file system has no locks it continues without, and says so
// in NoLocks: a network that two processes train is the same.
func Open(dir string) (*Folder, error) { return open(dir, store.TakeLock) }

func open(dir string, take func(dir string) (*store.Lock, error)) (*Folder, error) {
	if _, err := os.Stat(filepath.Join(dir, "config.toml")); err == nil {
		return nil, fmt.Errorf("grid: %s: holds a single run: choose another folder", dir)
	}
	if err := store.MakeFolder(dir); err != nil {
		return nil, err
	}
	f := &Folder{Dir: dir}
	var err error
	if f.lock, err = take(dir); err != nil && !errors.As(err, &f.NoLocks) {
		return nil, err
	}
	if f.Plans, err = readPlans(dir); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// View opens the folder of an existing grid without its lock: to read it, or as one of several processes that each
// train their own points.
func View(dir string) (*Folder, error) {
	plans, err := readPlans(dir)
	if err != nil {
		return nil, err
	}
	if len(plans) == 0 {
		if _, err := os.Stat(dir); err != nil {
			return nil, &store.MissingError{Err: fmt.Errorf("grid: %s: %w", dir, fs.ErrNotExist)}
		}
		return nil, &store.CorruptError{Path: dir, Reason: "is not the folder of a grid (there is no " + planName(1) +
			" in it)"}
	}
	return &Folder{Dir: dir, Plans: plans}, nil
}

// Is reports whether a folder is that of a grid.
func Is(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, planName(1)))
	return err == nil
}

// Close releases the folder's lock.
func (f *Folder) Close() error {
	if f.lock == nil {
		return nil
	}
	return f.lock.Release()
}

// Path is the path of a file in the folder.
func (f *Folder) Path(parts ...string) string {
	return filepath.Join(append([]string{f.Dir}, parts...)...)
}

// files returns the paths of the files in a part of the folder whose names have the given beginning and end, in the
// order of their names. A part that does not exist has none. (A pattern of filepath.Glob would take a folder named a[1]
// for another one.)
func (f *Folder) files(part, prefix, suffix string) ([]string, error) {
	entries, err := os.ReadDir(f.Path(part))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("grid: %w", err)
	}
	var paths []string
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), prefix) && strings.HasSuffix(e.Name(), suffix) {
			paths = append(paths, f.Path(part, e.Name()))
		}
	}
	return paths, nil
}

// checkpoints are the files of unfinished networks.
func (f *Folder) checkpoints() ([]string, error) {
	return f.files(checkpointsName, "team-", ".safetensors")
}

func planName(number int) string {
	if number == 1 {
		return "plan.json"
	}
	return fmt.Sprintf("plan-%d.json", number)
}

func readPlans(dir string) ([]Plan, error) {
	var plans []Plan
	for {
		path := filepath.Join(dir, planName(len(plans)+1))
		var p Plan
		if err := store.ReadJSONFile(path, &p); errors.Is(err, fs.ErrNotExist) {
			return plans, nil
		} else if err != nil {
			return nil, err
		}
		if err := p.check(path); err != nil {
			return nil, err
		}
		plans = append(plans, p)
	}
}

// check reports a plan, read from the file at a path, that is not as it was written.
func (p Plan) check(path string) error {
	if p.Format != planFormat || p.Version != 1 {
		return &store.CorruptError{Path: path, Reason: fmt.Sprintf("is %s version %d, want %s version 1", p.Format,
			p.Version, planFormat)}
	}
	for _, point := range p.Points {
		if want, err := id(point.Config); err != nil || want != point.ID {
			return &store.CorruptError{Path: path, Reason: fmt.Sprintf("the settings of %s have been changed", point.ID)}
		}
	}
	return nil
}

// Points lists all points of all plans.
func (f *Folder) Points() []Point {
	var points []Point
	for _, p := range f.Plans {
		points = append(points, p.Points...)
	}
	return points
}

// Select finds planned points by their ids.
func (f *Folder) Select(ids []string) ([]Point, error) {
	known := map[string]Point{}
	for _, p := range f.Points() {
		known[p.ID] = p
	}
	var points []Point
	for _, id := range ids {
		p, ok := known[id]
		if !ok {
			return nil, fmt.Errorf("grid: %s: there is no point %s in any plan", f.Dir, id)
		}
		points = append(points, p)
	}
	return points, nil
}

// Extend adds the points that are not planned yet to a new plan, and returns their number.
func (f *Folder) Extend(command string, points []Point) (int, error) {
	known := map[string]bool{}
	for _, p := range f.Points() {
		known[p.ID] = true
	}
	points = slices.DeleteFunc(slices.Clone(points), func(p Point) bool { return known[p.ID] })
	if len(points) == 0 {
		return 0, nil
	}
	plan := Plan{Format: planFormat, Version: 1, Command: command, Points: points}
	// Without locks two processes may ask for more points at the same time; neither may remove the other's.
	if path := f.Path(planName(len(f.Plans) + 1)); exists(path) {
		return 0, fmt.Errorf("grid: %s: another process has just added networks: try again", path)
	}
	if err := store.WriteJSONFile(f.Path(planName(len(f.Plans)+1)), plan); err != nil {
		return 0, err
	}
	f.Plans = append(f.Plans, plan)
	return len(points), nil
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// Environment reads what the grid's first process recorded about itself and the data.
func (f *Folder) Environment() (store.Environment, error) {
	var e store.Environment
	err := store.ReadJSONFile(f.Path(environmentName), &e)
	return e, err
}

// Enter records the environment of a grid's first process. In a grid that has one, it checks that the data set is the
// same, and returns the kernel set used before.
func (f *Folder) Enter(now store.Environment) (kernelsBefore string, err error) {
	before, err := f.Environment()
	// without a plan nothing was trained: the first process was killed
	if errors.Is(err, fs.ErrNotExist) || len(f.Plans) == 0 {
		return now.Kernels, store.WriteJSONFile(f.Path(environmentName), now)
	}
	if err != nil {
		return "", err
	}
	return before.Kernels, f.sameData(before, now.DataSource, now.DataSHA256)
}

// CheckData returns an error if networks of the grid have been trained on another data set.
func (f *Folder) CheckData(set *mnist.Set) error {
	before, err := f.Environment()
	if errors.Is(err, fs.ErrNotExist) || len(f.Plans) == 0 {
		return nil
	}
	if err != nil {
		return err
	}
	return f.sameData(before, set.Source, set.SHA256)
}

func (f *Folder) sameData(before store.Environment, source string, sha256 map[string]string) error {
	if !maps.Equal(before.DataSHA256, sha256) {
		return &mnist.DataError{File: source, Reason: "its checksums are not those of the data set that the grid " + f.Dir +
			" is trained on"}
	}
	return nil
}

// Records reads the records of finished points. It calls damaged for each file that is not as it was written: such a
// point counts as missing.
func (f *Folder) Records() (records []store.Record, damaged []error, err error) {
	all, damaged, err := store.ReadRecords(f.Path(pointsName))
	if err != nil {
		return nil, nil, err
	}
	planned := map[string]train.Config{}
	for _, p := range f.Points() {
		planned[p.ID] = p.Config
	}
	for _, r := range all {
		config, ok := planned[r.ID]
		if err := f.settle(&r, config, ok); err != nil {
			damaged = append(damaged, err)
			continue
		}
		records = append(records, r)
	}
	return records, damaged, nil
}

// settle gives a record all settings of the plan, or says why it is not that of a planned point.
func (f *Folder) settle(r *store.Record, config train.Config, planned bool) error {
	want := SettingsOf(config, r.Data)
	want.Rho = r.Rho // which may have another name
	reason := ""
	switch {
	case !planned:
		reason = "is the record of a network that is in no plan"
	case !r.SameAs(want):
		reason = "does not have the settings of the plan"
	case r.Status == store.Done && r.Draws != config.Draws:
		reason = fmt.Sprintf("has figures of %d draws, the plan wants %d", r.Draws, config.Draws)
	}
	if reason != "" {
		return &store.CorruptError{Path: f.Path(pointsName, r.ID+".json"), Reason: reason}
	}
	r.Settings = want
	return nil
}

// networkPath is the file of a finished network's parameters.
func (f *Folder) networkPath(id string) string { return f.Path(pointsName, id+".safetensors") }

// Network reads the parameters of a finished network. A file that holds another network than that of the record, or a
// number that is not finite, gives a store.CorruptError.
func (f *Folder) Network(id string) (*store.Checkpoint, error) {
	r, err := store.ReadRecord(f.Path(pointsName), id)
	if err != nil {
		return nil, err
	}
	config, _ := f.Config(id)
	return f.network(r, config)
}

func (f *Folder) network(r store.Record, config train.Config) (*store.Checkpoint, error) {
	c, err := store.ReadNetwork(f.networkPath(r.ID))
	if err != nil {
		return nil, err
	}
	return c, f.checkNetwork(r, c, config)
}

// DecodeNetwork is Network of the record and the content of the file.
func (f *Folder) DecodeNetwork(r store.Record, data []byte) (*store.Checkpoint, error) {
	c, err := store.DecodeNetwork(f.networkPath(r.ID), data)
	if err != nil {
		return nil, err
	}
	config, _ := f.Config(r.ID)
	return c, f.checkNetwork(r, c, config)
}

// checkNetwork reports a network that is not that of its record.
func (f *Folder) checkNetwork(r store.Record, c *store.Checkpoint, config train.Config) error {
	if err := cmp.Or(c.CheckFinite(), r.Check(c, config.Terms)); err != nil {
		return &store.CorruptError{Path: f.networkPath(r.ID), Reason: sentence.Of(err)}
	}
	return nil
}

// Missing lists the points that have no valid record, or whose network cannot be read.
func (f *Folder) Missing(points []Point) (missing []Point, damaged []error, err error) {
	records, damaged, err := f.Records()
	if err != nil {
		return nil, nil, err
	}
	finished, configs := map[string]bool{}, map[string]train.Config{}
	for _, p := range f.Points() {
		configs[p.ID] = p.Config
	}
	for _, r := range records {
		if r.Status == store.Done {
			if _, err := f.network(r, configs[r.ID]); err != nil {
				damaged = append(damaged, err)
				continue
			}
		}
		finished[r.ID] = true
	}
	for _, p := range points {
		if !finished[p.ID] {
			missing = append(missing, p)
		}
	}
	return missing, damaged, nil
}

// cohorts groups points that can train together, in the order of their first points.
func cohorts(points []Point) [][]Point {
	var groups [][]Point
	index := map[string]int{}
	for _, p := range points {
		name := p.Config.Cohort()
		i, ok := index[name]
		if !ok {
			i = len(groups)
			index[name] = i
			groups = append(groups, nil)
		}
		groups[i] = append(groups[i], p)
	}
	return groups
}

// examples is a data set as the networks of a cohort see it: they have the same likelihood and number of classes.
func examples(set *mnist.Set, cohort []train.Config) (*mnist.Set, error) {
	return set.With(cohort[0].Likelihood, cohort[0].Classes)
}

// networks are the configurations of points, for this process's threads.
func networks(points []Point, o Options) []train.Config {
	var configs []train.Config
	for _, p := range points {
		c := p.Config
		c.Threads = o.Threads
		configs = append(configs, c)
	}
	return configs
}

// Settle decides on the likelihood and the normalisation of networks for which nobody has: those that join the grid in
// a folder have those of its first, so that the command that made it still does.
func Settle(dir string, base *train.Config, set *mnist.Set) error {
	if base.Normalise != "" && base.Likelihood != "" || !Is(dir) {
		base.Settle(set)
		return nil
	}
	folder, err := View(dir)
	if err != nil {
		return err
	}
	first := folder.Points()[0].Config
	base.Normalise = cmp.Or(base.Normalise, first.Normalise)
	base.Likelihood = cmp.Or(base.Likelihood, first.Likelihood)
	return nil
}
