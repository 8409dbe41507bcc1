package grid

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"time"

	"quantal/internal/fault"
	"quantal/internal/safefile"
	"quantal/internal/sentence"
	"quantal/kernels"
	"quantal/mnist"
	"quantal/results/store"
	"quantal/train"
)

// Options are what a process decides for itself.
type Options struct {
	Devices  []train.Device // the networks are spread over all of them; they have the same kernel set
	Threads  int            // of the CPU, 0 for all processors
	Interval time.Duration  // between checkpoints of unfinished networks
}

// Events are the functions of an observer. They are not called at the same time; a nil function is not called.
type Events struct {
	Progress func(Progress)
	Finished func(store.Record)
	Damaged  func(error) // a file that is not as it was written, and is made again
	// Lost is called for a device that failed while others continue with its work.
	Lost func(device string, err error)
}

// runner is one call of Run.
type runner struct {
	folder  *Folder
	set     *mnist.Set
	options Options
	journal *journal
	report  *reporter
	queue   *queue
}

// Run trains those of the points that are missing. When ctx is cancelled it checkpoints and returns
// train.ErrInterrupted. A network that diverges is a result. The work of a device that fails returns to the queue, and
// the others continue from the last checkpoint. An error comes from the last device or from the disk; when Run is
// called again, unfinished networks continue from their last checkpoint.
func (f *Folder) Run(ctx context.Context, set *mnist.Set, points []Point, o Options, events Events) (err error) {
	missing, damaged, err := f.Missing(points)
	if err != nil {
		return err
	}
	report := newReporter(f.Path(progressName), set, len(points), len(missing), events)
	report.damaged(damaged)
	if err := f.sweep(); err != nil {
		return err
	}
	if len(missing) == 0 {
		return f.clear() // a process may be killed when all is done
	}
	if err := f.Prepare(); err != nil {
		return err
	}
	r := &runner{folder: f, set: set, options: o, report: report}
	if r.journal, err = openJournal(f.Path(journalName)); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.journal.close()) }()
	defer report.close()
	batches, err := r.batches(missing)
	if err == nil {
		r.queue = newQueue(batches, len(o.Devices))
		err = r.all(ctx)
	}
	if err != nil && !errors.Is(err, train.ErrInterrupted) {
		r.journal.write(entry{Event: "failed", Error: sentence.Of(err)})
	}
	return err
}

// Prepare makes the folders in the grid's folder.
func (f *Folder) Prepare() error {
	for _, name := range []string{pointsName, curvesName, checkpointsName, journalName, progressName} {
		if err := store.MakeFolder(f.Path(name)); err != nil {
			return err
		}
	}
	return nil
}

// batches groups missing points that can train together: networks of one checkpoint first, then those without.
func (r *runner) batches(missing []Point) ([]batch, error) {
	wanted := map[string]Point{}
	for _, p := range missing {
		wanted[p.ID] = p
	}
	teams, damaged, err := r.folder.teams(wanted)
	if err != nil {
		return nil, err
	}
	r.report.damaged(damaged)
	var batches []batch
	for _, team := range teams {
		b := batch{from: &store.TeamCheckpoint{}}
		for i, name := range team.Names {
			p, ok := wanted[name]
			if !ok {
				continue // finished, or in a later checkpoint
			}
			delete(wanted, name)
			b.points = append(b.points, p)
			b.from.Names, b.from.Networks = append(b.from.Names, name), append(b.from.Networks, team.Networks[i])
		}
		if len(b.points) > 0 {
			batches = append(batches, b)
		}
	}
	var fresh []Point
	for _, p := range missing {
		if _, ok := wanted[p.ID]; ok {
			fresh = append(fresh, p)
		}
	}
	for _, cohort := range cohorts(fresh) {
		batches = append(batches, batch{points: cohort})
	}
	r.report.wait(batches)
	return batches, nil
}

// teams reads the checkpoints of requested networks, the most advanced first.
func (f *Folder) teams(wanted map[string]Point) (teams []*store.TeamCheckpoint, damaged []error, err error) {
	files, err := f.checkpoints()
	if err != nil {
		return nil, nil, err
	}
	for _, path := range files {
		var team *store.TeamCheckpoint
		names, _, err := store.TeamNames(path)
		if err == nil {
			if !slices.ContainsFunc(names, func(name string) bool { _, ok := wanted[name]; return ok }) {
				continue
			}
			team, err = store.ReadTeamCheckpoint(path)
		}
		var corrupt *store.CorruptError
		switch {
		case errors.As(err, &corrupt):
			damaged = append(damaged, err)
		case errors.Is(err, fs.ErrNotExist): // its networks have just been finished by another process
		case err != nil:
			return nil, nil, err
		default:
			teams = append(teams, team)
		}
	}
	slices.SortStableFunc(teams, func(a, b *store.TeamCheckpoint) int {
		return cmp.Compare(b.Networks[0].Step,
			a.Networks[0].Step)
	})
	return teams, damaged, nil
}

// all empties the queue, with a goroutine for each device and one that writes what is finished.
func (r *runner) all(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(ctx, r.queue.close)()
	finished := make(chan func() error, 1)
	var writing, working sync.WaitGroup
	var writeError error
	writing.Go(func() {
		for write := range finished {
			if writeError != nil {
				continue
			}
			if writeError = fault.Guard(write); writeError != nil {
				cancel(writeError) // there is no use in training networks that cannot be written
			}
		}
	})
	errs := make([]error, len(r.options.Devices))
	for i, device := range r.options.Devices {
		working.Go(func() {
			errs[i] = fault.Guard(func() error { return r.work(ctx, device, finished) })
			var failed *train.DeviceError
			if errs[i] != nil && !errors.As(errs[i], &failed) {
				cancel(errs[i])
			}
		})
	}
	working.Wait()
	close(finished)
	writing.Wait()
	if writeError != nil {
		return writeError
	}
	return verdict(errs)
}

// verdict is the outcome, from the outcomes of the devices: it is not an error that some failed if the others have done
// all.
func verdict(errs []error) error {
	interrupted := false
	var lost []error
	for _, err := range errs {
		var failed *train.DeviceError
		switch {
		case err == nil:
		case errors.Is(err, train.ErrInterrupted):
			interrupted = true
		case errors.As(err, &failed):
			lost = append(lost, err)
		default:
			return err
		}
	}
	switch {
	case interrupted:
		return train.ErrInterrupted
	case len(lost) < len(errs):
		return nil
	case len(lost) == 1:
		return lost[0]
	}
	return fmt.Errorf("none of %d devices is left: %w", len(lost), train.Together(lost))
}

// work makes a device train one batch after the other, until all is done or the device fails.
func (r *runner) work(ctx context.Context, device train.Device, finished chan<- func() error) error {
	able := func(points []Point) (int, error) {
		configs := networks(points, r.options)
		set, err := examples(r.set, configs)
		if err != nil {
			return 0, err
		}
		return device.Capacity(set, configs)
	}
	for {
		j, err := r.queue.take(able)
		if err != nil {
			r.lost(device, nil, nil, err)
			return err
		}
		if j == nil {
			if ctx.Err() != nil {
				return train.ErrInterrupted
			}
			return nil
		}
		left, err := r.batch(ctx, device, j, finished)
		var failed *train.DeviceError
		again := err == nil || errors.As(err, &failed) // what is left must be trained here or elsewhere
		var rest []batch
		for _, points := range left {
			if !again {
				break
			}
			batches, unread := r.batches(points)
			if unread != nil {
				err = unread
				break
			}
			rest = append(rest, batches...)
		}
		switch {
		case errors.As(err, &failed):
			r.lost(device, j, rest, err)
			return err
		case err != nil:
			return err
		}
		r.queue.done(j, rest)
	}
}

// lost returns the work of a failed device to the queue, and reports it.
func (r *runner) lost(device train.Device, j *job, rest []batch, err error) {
	e := entry{Event: "lost", Device: device.Name, Error: sentence.Of(err)}
	if j != nil {
		e.Points = ids(j.points)
	}
	r.journal.write(e)
	if r.queue.failed(j, rest) > 0 {
		r.report.lost(device.Name, err)
	}
}

// batch trains the points of a job together and passes on the results to be written. It returns the points that are
// left to be trained, from their last checkpoints, those that should go on together in one list: if the device fails,
// if others are free to share them, and if some of them stop before the others.
func (r *runner) batch(ctx context.Context, device train.Device, j *job,
	finished chan<- func() error) (left [][]Point, err error) {
	if ctx.Err() != nil {
		return nil, train.ErrInterrupted
	}
	configs := networks(j.points, r.options)
	set, err := examples(r.set, configs)
	if err != nil {
		return [][]Point{j.points}, err
	}
	run, err := train.Prepare(ctx, func() (*train.Run, error) { return train.NewOn(device, set, configs...) })
	if err != nil {
		return [][]Point{j.points}, err
	}
	defer run.Close()
	unfinished := func() [][]Point { // those that stop, and those that go on
		groups := map[bool][]Point{}
		for m, p := range j.points {
			if run.Diverged(m) == nil {
				stops := run.Step() == run.Steps() || run.Stopped(m)
				groups[stops] = append(groups[stops], p)
			}
		}
		return slices.DeleteFunc([][]Point{groups[true], groups[false]}, func(g []Point) bool { return len(g) == 0 })
	}
	did := func(event string) entry {
		return entry{
			Event: event, Points: ids(j.points), Step: run.Step(), Seconds: run.Busy().Seconds(), Device: device.Name,
			Kernels: device.Kernels,
		}
	}
	event := "start"
	if j.from != nil {
		event = "resume"
		if err := run.Resume(store.Times{}, j.from.Networks...); err != nil {
			return [][]Point{j.points}, err
		}
		j.from = nil // its memory
	}
	curves, damaged, err := r.folder.curvesOf(j.points, run.Step())
	if err != nil {
		return [][]Point{j.points}, err
	}
	r.report.damaged(damaged)
	r.journal.write(did(event))
	now := r.report.begin(device.Name, j.points, run.Step(), run.Steps())
	defer func() {
		if err != nil || left != nil {
			r.report.end(now)
		}
	}()
	save := func(networks map[int]*store.Checkpoint) error {
		for m := range networks { // before the checkpoint, so that a curve has no gap
			if err := curves.write(m, false); err != nil {
				return err
			}
		}
		if err := r.save(j.points, networks); err != nil {
			return err
		}
		r.journal.write(did("checkpoint"))
		return nil
	}
	training, stop := context.WithCancel(ctx)
	defer stop()
	j.handBack = stop
	err = run.Train(training, train.Events{
		Interval: r.options.Interval, Checkpoint: save, Curve: curves.add,
		Progress: func(p train.Progress) {
			r.report.progress(now, p.Step)
			r.queue.goesOn(j, time.Duration(float64(p.Steps-p.Step)/p.StepsPerSecond*float64(time.Second)))
		},
		Diverged: func(network int, d kernels.Divergence) error {
			if err := curves.write(network, true); err != nil {
				return err
			}
			return r.diverged(run, j.points[network], d)
		},
	})
	var diverged *train.DivergedError
	switch {
	case errors.As(err, &diverged): // all of them, and all are recorded
		e := did("finish")
		finished <- func() error { return r.finish(e, nil) }
		return nil, nil
	case errors.Is(err, train.ErrInterrupted) && ctx.Err() == nil:
		r.journal.write(did("share"))
		return unfinished(), nil
	case err != nil:
		return unfinished(), err
	}
	if groups := unfinished(); len(groups) > 1 {
		return groups, run.HandOut(save)
	}
	outcomes, err := run.Outcomes(ctx, j.points[0].Config.Draws)
	if err != nil {
		if ctx.Err() == nil {
			return unfinished(), err
		}
		if err := run.HandOut(save); err != nil {
			return unfinished(), err
		}
		return nil, train.ErrInterrupted
	}
	var results []result
	for m, p := range j.points {
		if run.Diverged(m) != nil {
			continue
		}
		c, err := run.Checkpoint(m)
		if err != nil {
			return unfinished(), err
		}
		record := r.record(run, p)
		record.Status, record.Outcome = store.Done, outcomes[m]
		results = append(results, result{record, c, func() error { return curves.end(m, record.Outcome) }})
	}
	e := did("finish")
	finished <- func() error { return r.finish(e, results) }
	return nil, nil
}

// record is a record without results.
func (r *runner) record(run *train.Run, p Point) store.Record {
	return store.Record{
		ID: p.ID, Settings: SettingsOf(p.Config, r.set.Name), Kernels: run.Device.Kernels, Outcome: store.NoOutcome(),
	}
}

// diverged records a diverged network immediately: the next checkpoint does not have it.
func (r *runner) diverged(run *train.Run, p Point, d kernels.Divergence) error {
	record := r.record(run, p)
	record.Status, record.Steps = store.Diverged, d.Step
	record.DivergedStep, record.DivergedLayer, record.DivergedWhat = &d.Step, &d.Layer, d.What
	if err := store.WriteRecord(r.folder.Path(pointsName), record); err != nil {
		return err
	}
	r.journal.write(entry{Event: "diverged", Points: []string{p.ID}, Step: d.Step, Device: run.Device.Name})
	r.report.finished(record)
	return nil
}

// save writes the checkpoint of unfinished networks.
func (r *runner) save(points []Point, networks map[int]*store.Checkpoint) error {
	team := &store.TeamCheckpoint{}
	for m, p := range points {
		if c, ok := networks[m]; ok {
			team.Names, team.Networks = append(team.Names, p.ID), append(team.Networks, c)
		}
	}
	if len(team.Names) == 0 {
		return nil
	}
	return team.Write(r.teamPath(points))
}

// teamPath is the checkpoint of a batch.
func (r *runner) teamPath(points []Point) string {
	sum := sha256.Sum256([]byte(strings.Join(ids(points), "\n")))
	return r.folder.Path(checkpointsName, "team-"+hex.EncodeToString(sum[:8])+".safetensors")
}

// Put writes a finished network, and then its record, which makes it count.
func (f *Folder) Put(record store.Record, network *store.Checkpoint) error {
	if err := store.WriteNetwork(f.networkPath(record.ID), network); err != nil {
		return err
	}
	return store.WriteRecord(f.Path(pointsName), record)
}

// result is what a network leaves when it has finished.
type result struct {
	record  store.Record
	network *store.Checkpoint
	curve   func() error // writes it
}

// finish writes the results of a batch, and then removes the checkpoint.
func (r *runner) finish(e entry, results []result) error {
	for _, done := range results {
		if err := done.curve(); err != nil {
			return err
		}
		if err := r.folder.Put(done.record, done.network); err != nil {
			return err
		}
		r.report.finished(done.record)
	}
	r.journal.write(e)
	return r.folder.clear()
}

// clear removes the checkpoints of which no network needs its state: it is finished, or in a later checkpoint.
func (f *Folder) clear() error {
	files, err := f.checkpoints()
	if err != nil {
		return err
	}
	teams, latest := map[string][]string{}, map[string]int{}
	steps := map[string]int{}
	for _, path := range files {
		names, step, err := store.TeamNames(path)
		if err != nil {
			continue // damaged: named when the grid is opened, and replaced by the next of its batch
		}
		teams[path], steps[path] = names, step
		for _, name := range names {
			latest[name] = max(latest[name], step)
		}
	}
	for path, names := range teams {
		needed := slices.ContainsFunc(names, func(name string) bool {
			_, err := store.ReadRecord(f.Path(pointsName), name)
			return err != nil && latest[name] == steps[path]
		})
		if needed {
			continue
		}
		if err := safefile.Remove(path); err != nil {
			return err
		}
	}
	return nil
}

func ids(points []Point) []string {
	var list []string
	for _, p := range points {
		list = append(list, p.ID)
	}
	return list
}
