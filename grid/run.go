package grid

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"quantal/kernels"
	"quantal/mnist"
	"quantal/results"
	"quantal/train"
)

// Options are what a process decides for itself.
type Options struct {
	Device   string        // auto, cpu, cuda or cuda:N
	Threads  int           // 0 for all processors
	Interval time.Duration // between checkpoints of networks under way
}

// Events is who watches. The functions are not called at the same time; a nil function is not called.
type Events struct {
	Progress func(Progress)
	Finished func(results.Record)
	Damaged  func(error) // a file that is not what was written, and is done again
}

// batch is points that train side by side, from the beginning or from a checkpoint.
type batch struct {
	points []Point
	from   *results.TeamCheckpoint // nil for the beginning; its networks are those of points
}

// runner is one call of Run.
type runner struct {
	folder  *Folder
	set     *mnist.Set
	options Options
	events  Events
	journal *journal
	report  *reporter
}

// Run trains those of the points that are missing. When ctx is cancelled it checkpoints and returns train.ErrInterrupted. A
// network that diverges is a result; an error is of the device or the disk, and what was under way continues from its last
// checkpoint when Run is called again.
func (f *Folder) Run(ctx context.Context, set *mnist.Set, points []Point, o Options, events Events) (err error) {
	missing, damaged, err := f.Missing(points)
	if err != nil {
		return err
	}
	if events.Damaged != nil {
		for _, d := range damaged {
			events.Damaged(d)
		}
	}
	if err := f.sweep(); err != nil {
		return err
	}
	if len(missing) == 0 {
		return f.clear() // a process may be killed when all is done
	}
	for _, name := range []string{pointsName, checkpointsName, journalName, progressName} {
		if err := results.MakeFolder(f.Path(name)); err != nil {
			return err
		}
	}
	batches, damaged, err := f.batches(set, missing, o)
	if err != nil {
		return err
	}
	if events.Damaged != nil {
		for _, d := range damaged {
			events.Damaged(d)
		}
	}
	r := &runner{folder: f, set: set, options: o, events: events}
	if r.journal, err = openJournal(f.Path(journalName)); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.journal.close()) }()
	r.report = newReporter(f.Path(progressName), set, len(points), batches, events)
	defer r.report.close()
	err = r.all(ctx, batches)
	if err != nil && !errors.Is(err, train.ErrInterrupted) {
		r.journal.write(entry{Event: "failed", Error: err.Error()})
	}
	return err
}

// batches cuts missing points into what trains side by side: networks of one checkpoint first, then what has none.
func (f *Folder) batches(set *mnist.Set, missing []Point, o Options) (batches []batch, damaged []error, err error) {
	wanted := map[string]Point{}
	for _, p := range missing {
		wanted[p.ID] = p
	}
	teams, damaged, err := f.teams(wanted)
	if err != nil {
		return nil, nil, err
	}
	for _, team := range teams {
		b := batch{from: &results.TeamCheckpoint{}}
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
	device, err := train.ChooseDevice(o.Device)
	if err != nil {
		return nil, nil, err
	}
	for _, cohort := range cohorts(fresh) {
		n, err := device.Capacity(set, networks(cohort, o))
		if err != nil {
			return nil, nil, err
		}
		for from := 0; from < len(cohort); from += n {
			batches = append(batches, batch{points: cohort[from:min(from+n, len(cohort))]})
		}
	}
	return batches, damaged, nil
}

// teams reads the checkpoints with networks that are wanted, those furthest on first.
func (f *Folder) teams(wanted map[string]Point) (teams []*results.TeamCheckpoint, damaged []error, err error) {
	files, err := f.checkpoints()
	if err != nil {
		return nil, nil, err
	}
	for _, path := range files {
		var team *results.TeamCheckpoint
		names, err := results.TeamNames(path)
		if err == nil {
			if !slices.ContainsFunc(names, func(name string) bool { _, ok := wanted[name]; return ok }) {
				continue
			}
			team, err = results.ReadTeamCheckpoint(path)
		}
		var corrupt *results.CorruptError
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
	slices.SortStableFunc(teams, func(a, b *results.TeamCheckpoint) int { return cmp.Compare(b.Networks[0].Step, a.Networks[0].Step) })
	return teams, damaged, nil
}

// all trains the batches one after the other, while another goroutine writes what is finished.
func (r *runner) all(ctx context.Context, batches []batch) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	finished := make(chan func() error, 1)
	var writing sync.WaitGroup
	var writeError error
	writing.Go(func() {
		for write := range finished {
			if writeError != nil {
				continue
			}
			if writeError = write(); writeError != nil {
				cancel(writeError) // no use in training what cannot be kept
			}
		}
	})
	var err error
	for _, b := range batches {
		if err = r.batch(ctx, b, finished); err != nil {
			break
		}
	}
	close(finished)
	writing.Wait()
	if writeError != nil {
		return writeError
	}
	return err
}

// batch trains points side by side and hands what they reached to be written.
func (r *runner) batch(ctx context.Context, b batch, finished chan<- func() error) error {
	if ctx.Err() != nil {
		return train.ErrInterrupted
	}
	run, err := train.New(r.set, networks(b.points, r.options)...)
	if err != nil {
		return err
	}
	defer run.Close()
	event := "start"
	if b.from != nil {
		event = "resume"
		if err := run.Resume(results.Times{}, b.from.Networks...); err != nil {
			return err
		}
	}
	r.journal.write(entry{Event: event, Points: ids(b.points), Step: run.Step(), Device: run.Device.Name, Kernels: run.Device.Kernels})
	r.report.begin(b.points, run.Step(), run.Steps())
	save := func(networks map[int]*results.Checkpoint) error {
		if err := r.save(b.points, networks); err != nil {
			return err
		}
		r.journal.write(entry{Event: "checkpoint", Points: ids(b.points), Step: run.Step(), Seconds: run.Busy().Seconds()})
		return nil
	}
	err = run.Train(ctx, train.Events{
		Interval: r.options.Interval, Checkpoint: save, Progress: r.report.progress,
		Diverged: func(network int, d kernels.Divergence) error { return r.diverged(run, b.points[network], d) },
	})
	var diverged *train.DivergedError
	if errors.As(err, &diverged) { // all of them, and all are recorded
		finished <- func() error { return r.finish(b, nil, nil, run.Busy()) }
		return nil
	}
	if err != nil {
		return err
	}
	outcomes, err := run.Outcomes(ctx, b.points[0].Config.Draws)
	if err != nil {
		if ctx.Err() == nil {
			return err
		}
		if err := run.HandOut(save); err != nil {
			return err
		}
		return train.ErrInterrupted
	}
	var (
		records  []results.Record
		networks []*results.Checkpoint
	)
	for m, p := range b.points {
		if run.Diverged(m) != nil {
			continue
		}
		c, err := run.Checkpoint(m)
		if err != nil {
			return err
		}
		record := r.record(run, p)
		record.Status, record.Outcome = results.Done, outcomes[m]
		records, networks = append(records, record), append(networks, c)
	}
	finished <- func() error { return r.finish(b, records, networks, run.Busy()) }
	return nil
}

// record is what a record says before there is a result.
func (r *runner) record(run *train.Run, p Point) results.Record {
	return results.Record{
		ID: p.ID, Settings: settings(p.Config, r.set.Name), Kernels: run.Device.Kernels, Outcome: results.NoOutcome(),
	}
}

// diverged records a network that left the finite numbers, at once: the next checkpoint is without it.
func (r *runner) diverged(run *train.Run, p Point, d kernels.Divergence) error {
	record := r.record(run, p)
	record.Status, record.Steps = results.Diverged, d.Step
	record.DivergedStep, record.DivergedLayer, record.DivergedWhat = &d.Step, &d.Layer, d.What
	if err := results.WriteRecord(r.folder.Path(pointsName), record); err != nil {
		return err
	}
	r.report.stop(p.ID)
	r.journal.write(entry{Event: "diverged", Points: []string{p.ID}, Step: d.Step})
	r.report.finished(record)
	return nil
}

// save writes the checkpoint of networks under way.
func (r *runner) save(points []Point, networks map[int]*results.Checkpoint) error {
	team := &results.TeamCheckpoint{}
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

// finish keeps what a batch reached: first each network, then its record, which makes it count, at last the checkpoint goes.
func (r *runner) finish(b batch, records []results.Record, networks []*results.Checkpoint, busy time.Duration) error {
	for i, record := range records {
		if err := results.WriteNetwork(r.folder.networkPath(record.ID), networks[i]); err != nil {
			return err
		}
		if err := results.WriteRecord(r.folder.Path(pointsName), record); err != nil {
			return err
		}
		r.report.finished(record)
	}
	r.journal.write(entry{Event: "finish", Points: ids(b.points), Seconds: busy.Seconds()})
	return r.folder.clear()
}

// clear removes the checkpoints of which every network is finished.
func (f *Folder) clear() error {
	files, err := f.checkpoints()
	if err != nil {
		return err
	}
	for _, path := range files {
		names, err := results.TeamNames(path)
		if err != nil {
			continue // damaged: named when the grid is opened, and replaced by the next of its batch
		}
		done := true
		for _, name := range names {
			_, err := results.ReadRecord(f.Path(pointsName), name)
			done = done && err == nil
		}
		if !done {
			continue
		}
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
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
