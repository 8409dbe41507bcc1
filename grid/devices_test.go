package grid

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"quantal/kernels/cuda"
	"quantal/mnist"
	"quantal/results/store"
	"quantal/results/tables"
	"quantal/train"
)

// standIn is an interpreted GPU that may fail: from one of its launches on, nothing works on it.
type standIn struct {
	memory   int64
	dies     int64        // at which of its launches, counted from 1; 0 for never
	before   func()       // called before each launch
	launches atomic.Int64 // except gathering, of which there is more when a slow machine takes fewer steps at a time
	dead     atomic.Bool
	open     atomic.Int64 // drivers
}

var errGone = errors.New("unspecified launch failure")

// device is the stand-in with a name. It must be alive.
func (s *standIn) device(t testing.TB, name string) train.Device {
	t.Helper()
	d, err := train.GPU(name, func() (cuda.Driver, error) {
		if s.dead.Load() {
			return nil, errGone
		}
		s.open.Add(1)
		return &standInDriver{cuda.Interpreted(s.memory), s}, nil
	})
	check(t, err)
	return d
}

type standInDriver struct {
	cuda.Driver
	gpu *standIn
}

// alive does something if the GPU is alive.
func (d *standInDriver) alive(do func() error) error {
	if d.gpu.dead.Load() {
		return errGone
	}
	return do()
}

func (d *standInDriver) Launch(l cuda.Launch) error {
	if d.gpu.before != nil {
		d.gpu.before()
	}
	if !strings.HasPrefix(l.Kernel.Name(), "gather") && d.gpu.launches.Add(1) == d.gpu.dies {
		d.gpu.dead.Store(true)
	}
	return d.alive(func() error { return d.Driver.Launch(l) })
}

// Replay fails: an epoch of the grid below is too short for a graph, so there are only launches to count.
func (d *standInDriver) Replay(cuda.Graph) error { return errors.New("a replay that nobody counts") }

func (d *standInDriver) Upload(dst cuda.Address, src []byte) error {
	return d.alive(func() error { return d.Driver.Upload(dst, src) })
}

func (d *standInDriver) Download(dst []byte, src cuda.Address) error {
	return d.alive(func() error { return d.Driver.Download(dst, src) })
}

func (d *standInDriver) Free(a cuda.Address) error {
	return d.alive(func() error { return d.Driver.Free(a) })
}

func (d *standInDriver) Close() error {
	d.gpu.open.Add(-1)
	return d.alive(d.Driver.Close)
}

// onGPUs is a small grid of two graphs on stand-ins, named cuda:0 and so on.
type onGPUs struct {
	set    *mnist.Set
	points []Point
}

func newOnGPUs(t testing.TB) onGPUs {
	t.Helper()
	c, set := small(t)
	c.Hidden, c.Epochs, c.Batch = []int{5}, 3, 20
	list := axes(t, "noise=heterogeneous,homogeneous", "rho=2,1/2", "c=1e30,1e-4,1e-3")
	if testing.Short() { // under Go's race detector, where the interpreter is slow
		c.Epochs = 1
		// No network diverges: the flag of a diverged network is a race between the blocks of a launch, see
		// TestNetworksSideBySideOnCUDA.
		list = axes(t, "noise=heterogeneous,homogeneous", "c=1e-4,1e-3")
	}
	points, err := Points(c, list...)
	check(t, err)
	return onGPUs{set, points}
}

const plenty = 1 << 30 // of memory

func (g onGPUs) options(t testing.TB, gpus ...*standIn) Options {
	t.Helper()
	o := Options{Interval: time.Hour}
	for i, s := range gpus {
		o.Devices = append(o.Devices, s.device(t, fmt.Sprintf("cuda:%d", i)))
	}
	return o
}

// kept has the bytes of all files that a grid keeps for its points, and of its table.
func kept(t testing.TB, f *Folder) map[string]string {
	t.Helper()
	all := contents(t, f)
	records, damaged, err := f.Records()
	check(t, err)
	if len(damaged) > 0 {
		t.Errorf("damaged: %v", damaged)
	}
	check(t, tables.WriteTables(f.Dir, records))
	table, err := os.ReadFile(f.Path("table.csv"))
	check(t, err)
	all["table.csv"] = string(table)
	if n := strings.Count(all["table.csv"], "\n"); n != len(f.Points())+1 {
		t.Errorf("table.csv has %d lines for %d points", n, len(f.Points()))
	}
	return all
}

// undisturbed is the grid on one GPU, and the number of launches for the first graph's networks.
func (g onGPUs) undisturbed(t testing.TB) (want map[string]string, launches int64) {
	t.Helper()
	f := planned(t, t.TempDir(), g.points)
	one := &standIn{memory: plenty}
	o := g.options(t, one)
	check(t, f.Run(context.Background(), g.set, cohorts(g.points)[0], o, Events{}))
	launches = one.launches.Load()
	check(t, f.Run(context.Background(), g.set, g.points, o, Events{}))
	return kept(t, f), launches
}

// little has just the memory that one network of the grid needs, whatever else a Device asks for.
func (g onGPUs) little(t testing.TB) *standIn {
	t.Helper()
	networks := networks(g.points[:1], Options{})
	low, high := int64(1), int64(plenty) // too little and enough
	for high-low > 1 {
		s := &standIn{memory: (low + high) / 2}
		if _, err := s.device(t, "little").Capacity(g.set, networks); err == nil {
			high = s.memory
		} else {
			low = s.memory
		}
	}
	return &standIn{memory: high}
}

// together makes stand-ins wait for each other at their first launch, so that each gets its share of a grid.
func together(gpus ...*standIn) {
	var all sync.WaitGroup
	all.Add(len(gpus))
	for _, s := range gpus {
		first := sync.OnceFunc(func() {
			all.Done()
			all.Wait()
		})
		s.before = first
	}
}

// finishedOn says how many networks each device finished, and which devices failed, from the journals.
func finishedOn(t testing.TB, f *Folder) (networks map[string]int, failed []string) {
	t.Helper()
	s, err := f.Status()
	check(t, err)
	networks = map[string]int{}
	for _, d := range s.Devices {
		networks[d.Device] = d.Networks
		if d.Failed != "" {
			failed = append(failed, d.Device)
			if strings.Contains(d.Failed, "cuda: ") {
				t.Errorf("%q has the name of a package", d.Failed)
			}
		}
	}
	return networks, failed
}

// Spread over two GPUs, one of which has memory for a single network, a grid gives the bytes that it gives on one.
func TestTwoDevicesGiveTheBytesOfOne(t *testing.T) {
	g := newOnGPUs(t)
	want, _ := g.undisturbed(t)
	large, little := &standIn{memory: plenty}, g.little(t)
	o := g.options(t, large, little)
	together(large, little)
	f := planned(t, t.TempDir(), g.points)
	check(t, f.Run(context.Background(), g.set, g.points, o,
		Events{Lost: func(device string, err error) { t.Error(device, err) }}))
	if diff := cmp.Diff(want, kept(t, f)); diff != "" {
		t.Error(diff)
	}
	networks, failed := finishedOn(t, f)
	if networks["cuda:0"] < 1 || networks["cuda:1"] < 1 || networks["cuda:0"]+networks["cuda:1"] != len(g.points) ||
		len(failed) > 0 {
		t.Errorf("networks by device: %v, failed %v", networks, failed)
	}
	entries, err := readJournals(f.Path(journalName))
	check(t, err)
	for _, e := range entries {
		if e.Event == "start" && e.Device == "cuda:1" && len(e.Points) != 1 {
			t.Errorf("the little one began %d networks side by side", len(e.Points))
		}
	}
	if large.open.Load() != 0 || little.open.Load() != 0 {
		t.Error("a device is still open")
	}
}

// One of two GPUs is lost at a random launch: the other ends with the same bytes, and the lost one is named.
func TestOneOfTwoDevicesFails(t *testing.T) {
	g := newOnGPUs(t)
	want, launches := g.undisturbed(t)
	random := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 0))
	for trial, at := range []int64{0, 0, launches, 1} {
		if testing.Short() && trial > 1 {
			break
		}
		if at == 0 {
			at = 1 + random.Int64N(launches)
		}
		which := trial % 2
		name := fmt.Sprintf("cuda:%d", which)
		t.Run(fmt.Sprintf("%s at launch %d of %d", name, at, launches), func(t *testing.T) {
			gpus := []*standIn{{memory: plenty}, {memory: plenty}}
			o := g.options(t, gpus...)
			if trial < 2 {
				o.Interval = time.Nanosecond // the other one continues from a checkpoint
			}
			together(gpus...)
			gpus[which].dies = at
			f := planned(t, t.TempDir(), g.points)
			var lost []string
			finished := map[string]int{}
			check(t, f.Run(context.Background(), g.set, g.points, o, Events{
				Lost: func(device string, err error) {
					if !errors.Is(err, errGone) {
						t.Errorf("%s: %v", device, err)
					}
					lost = append(lost, device)
				},
				Finished: func(r store.Record) { finished[r.ID]++ },
				Progress: func(p Progress) {
					if p.SecondsLeft < 0 || p.Finished > p.Points || len(p.Batches) > 2 {
						t.Errorf("progress %+v", p)
					}
				},
			}))
			if diff := cmp.Diff(want, kept(t, f)); diff != "" {
				t.Error(diff)
			}
			if !slices.Equal(lost, []string{name}) {
				t.Errorf("lost: %v, want %s", lost, name)
			}
			if _, failed := finishedOn(t, f); !slices.Equal(failed, []string{name}) {
				t.Errorf("failed, by the journal: %v, want %s", failed, name)
			}
			for _, p := range g.points {
				if finished[p.ID] != 1 {
					t.Errorf("%s was finished %d times", p.ID, finished[p.ID])
				}
			}
			if files, err := f.checkpoints(); err != nil || len(files) > 0 {
				t.Errorf("checkpoints are left: %v, %v", files, err)
			}
			if gpus[0].open.Load() != 0 || gpus[1].open.Load() != 0 {
				t.Error("a device is still open")
			}
		})
	}
}

// When the last GPU fails, the error names all, with the status of a device's failure; the same grid continues
// elsewhere.
func TestAllDevicesFail(t *testing.T) {
	g := newOnGPUs(t)
	want, launches := g.undisturbed(t)
	gpus := []*standIn{{memory: plenty, dies: launches / 3}, {memory: plenty, dies: launches / 2}}
	o := g.options(t, gpus...)
	o.Interval = time.Nanosecond
	together(gpus...)
	f := planned(t, t.TempDir(), g.points)
	var lost []string
	err := f.Run(context.Background(), g.set, g.points, o,
		Events{Lost: func(device string, err error) { lost = append(lost, device) }})
	var failed *train.DeviceError
	if !errors.As(err, &failed) || !errors.Is(err, errGone) {
		t.Fatalf("got %v, want an error of the devices", err)
	}
	for _, part := range []string{"none of 2 devices is left", "device cuda:0: cuda: ", "device cuda:1: cuda: "} {
		if !strings.Contains(err.Error(), part) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q does not say %q in a line", err, part)
		}
	}
	if len(lost) != 1 {
		t.Errorf("lost while others go on: %v, want one", lost)
	}
	s, err := f.Status()
	check(t, err)
	if len(s.Failures) != 1 || !strings.Contains(s.Failures[0].Error, "cuda:1") ||
		strings.Contains(s.Failures[0].Error, "grid: ") || strings.Contains(s.Failures[0].Error, ": cuda: ") {
		t.Errorf("failures %+v", s.Failures)
	}
	check(t, f.Run(context.Background(), g.set, g.points, g.options(t, &standIn{memory: plenty}), Events{}))
	if diff := cmp.Diff(want, kept(t, f)); diff != "" {
		t.Error(diff)
	}
}

// A GPU that has nothing left to do takes half of the other one's work.
func TestDevicesShare(t *testing.T) {
	g := newOnGPUs(t)
	want, _ := g.undisturbed(t)
	fast, slow := &standIn{memory: plenty}, &standIn{memory: plenty}
	f := planned(t, t.TempDir(), g.points)
	r := &runner{folder: f, set: g.set, options: g.options(t, fast, slow),
		report: newReporter(f.Path(progressName), g.set, len(g.points), len(g.points), Events{})}
	check(t, f.Prepare())
	var err error
	r.journal, err = openJournal(f.Path(journalName))
	check(t, err)
	batches, err := r.batches(g.points)
	check(t, err)
	r.queue = newQueue(batches, 2)
	r.queue.worth = 0
	together(fast, slow)
	meet := slow.before
	slow.before = func() {
		meet()
		for { // until the other one has done its share
			r.queue.mutex.Lock()
			idle := r.queue.idle > 0 || len(r.queue.waiting) > 0 || len(r.queue.jobs) == 1
			r.queue.mutex.Unlock()
			if idle {
				return
			}
			time.Sleep(time.Millisecond)
		}
	}
	check(t, r.all(context.Background()))
	check(t, r.journal.close())
	if diff := cmp.Diff(want, kept(t, f)); diff != "" {
		t.Error(diff)
	}
	entries, err := readJournals(f.Path(journalName))
	check(t, err)
	if !slices.ContainsFunc(entries, func(e entry) bool {
		return e.Event == "share" && e.Device == "cuda:1" &&
			e.Step > 0
	}) {
		t.Errorf("the slow one has shared nothing: %+v", entries)
	}
	if networks, _ := finishedOn(t, f); networks["cuda:0"] <= len(g.points)/2 {
		t.Errorf("networks by device: %v", networks)
	}
}

// Interrupted on two GPUs again and again, and ended on one, a grid has the bytes of an undisturbed one.
func TestInterruptedOnTwoDevices(t *testing.T) {
	g := newOnGPUs(t)
	want, _ := g.undisturbed(t)
	dir := t.TempDir()
	interruptions := 0
	for range 4 {
		ctx, cancel := context.WithCancel(context.Background())
		f := planned(t, dir, g.points)
		calls := 0
		err := f.Run(ctx, g.set, g.points, g.options(t, &standIn{memory: plenty}, &standIn{memory: plenty}),
			Events{Progress: func(Progress) {
				if calls++; calls == 3 {
					cancel()
				}
			}})
		cancel()
		check(t, f.Close())
		if err == nil {
			break
		}
		if !errors.Is(err, train.ErrInterrupted) {
			t.Fatalf("got %v, want the interruption", err)
		}
		interruptions++
	}
	if interruptions == 0 {
		t.Error("never interrupted")
	}
	f := planned(t, dir, g.points)
	check(t, f.Run(context.Background(), g.set, g.points, g.options(t, &standIn{memory: plenty}), Events{}))
	if diff := cmp.Diff(want, kept(t, f)); diff != "" {
		t.Error(diff)
	}
}

// The queue deals equal shares of all waiting points, within the limits of memory, one graph at a time.
func TestQueueDealsShares(t *testing.T) {
	for _, c := range []struct {
		waiting []int // points of each graph
		devices int
		able    int
		want    []int // dealt to the devices in turn
	}{
		{[]int{120, 120}, 1, 1000, []int{120}},
		{[]int{120, 120}, 1, 50, []int{50}},
		{[]int{120, 120}, 2, 1000, []int{120, 120}},
		{[]int{120, 120}, 4, 1000, []int{60, 60, 60, 60}},
		{[]int{120, 120}, 3, 1000, []int{80, 40, 120}},
		{[]int{7}, 2, 1000, []int{4, 3}},
		{[]int{7}, 3, 2, []int{2, 2, 2}},
		{[]int{2, 1}, 4, 1000, []int{1, 1, 1}},
	} {
		var waiting []batch
		for _, n := range c.waiting {
			waiting = append(waiting, batch{points: make([]Point, n)})
		}
		q := newQueue(waiting, c.devices)
		var got []int
		for range c.want {
			j, err := q.take(func([]Point) (int, error) { return c.able, nil })
			check(t, err)
			got = append(got, len(j.points))
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%v to %d devices: %v, want %v", c.waiting, c.devices, got, c.want)
		}
	}
}

// The batch with the most work left is handed back, if that is worth it, and only while others have nothing to do.
func TestQueueHandsBack(t *testing.T) {
	q := newQueue([]batch{{points: make([]Point, 6)}}, 3)
	able := func([]Point) (int, error) { return 6, nil }
	handed := map[*job]bool{}
	take := func() *job {
		j, err := q.take(able)
		check(t, err)
		j.handBack = func() { handed[j] = true }
		return j
	}
	a, b, c := take(), take(), take()
	q.goesOn(a, time.Hour)
	q.goesOn(b, 2*time.Hour)
	q.goesOn(c, 3*time.Hour)
	if len(handed) > 0 {
		t.Error("handed back while all work")
	}
	q.done(c, nil)
	got := make(chan *job)
	go func() {
		j, _ := q.take(able)
		got <- j
	}()
	for idle := 0; idle == 0; time.Sleep(time.Millisecond) {
		q.mutex.Lock()
		idle = q.idle
		q.mutex.Unlock()
	}
	q.goesOn(a, time.Hour)
	if handed[a] {
		t.Error("handed back, though another one has longer to go")
	}
	q.goesOn(b, worthSharing-1)
	if handed[b] {
		t.Error("handed back shortly before its end")
	}
	q.goesOn(b, worthSharing)
	q.goesOn(a, worthSharing)
	if !handed[a] {
		t.Error("not handed back")
	}
	q.done(a, []batch{a.batch})
	if j := <-got; j == nil || len(j.points) != 1 {
		t.Errorf("the other one got %+v, want half of 2", j)
	}
	if j := take(); len(j.points) != 1 {
		t.Errorf("%d points, want the other half", len(j.points))
	}
	q.close()
	if j, err := q.take(able); j != nil || err != nil {
		t.Errorf("a closed queue: %v, %v", j, err)
	}
}

// A plan for a GPU says how many networks with convolutions its memory takes at a time, and how much that is.
func TestEstimatesOfConvolutionsOnGPU(t *testing.T) {
	c, set := small(t)
	c.Hidden, c.Epochs, c.Batch, c.Draws = nil, 1, 20, 0
	check(t, c.Set("network", "conv 30 3x3 relu, pool 2, dense"))
	points, err := Points(c, axes(t, "c=1e-4,1e-3", "seed=1,2,3")...)
	check(t, err)
	g := onGPUs{set, points}
	s := g.little(t)
	alone := s.memory
	s.memory += alone / 1000 // enough for some of these small networks
	o := Options{Devices: []train.Device{s.device(t, "cuda:0")}}
	n, err := o.Devices[0].Capacity(set, networks(points, Options{}))
	check(t, err)
	estimates, err := Estimates(context.Background(), set, points, o, time.Millisecond)
	check(t, err)
	if len(estimates) != 1 {
		t.Fatalf("%d estimates", len(estimates))
	}
	e := estimates[0]
	if e.Points != 6 || e.Beside != n || n < 2 || n > 5 || e.Memory > s.memory || e.Memory < alone*8/10 || e.Seconds <= 0 {
		t.Errorf("of %d networks in %d bytes: %+v", n, s.memory, e)
	}
}
