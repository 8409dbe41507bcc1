package grid

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"quantal/internal/stripes"
	"quantal/mnist"
	"quantal/results/store"
	"quantal/train"
)

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// small is a data set of a few bright stripes, and a configuration that learns it quickly.
func small(t testing.TB) (train.Config, *mnist.Set) {
	t.Helper()
	c, err := train.Preset("published")
	check(t, err)
	c.Hidden, c.Epochs, c.Batch, c.LearningRate, c.SigmaInit, c.C, c.Draws = []int{9, 6}, 6, 7, 2e-2, 0.05, 1e-4, 2
	return c, stripes.Set(100, 45, 5, 6, 3)
}

func axes(t testing.TB, texts ...string) []Axis {
	t.Helper()
	var list []Axis
	for _, text := range texts {
		name, values, _ := strings.Cut(text, "=")
		axis, err := ParseAxis(train.Config{}, name, values)
		check(t, err)
		list = append(list, axis)
	}
	return list
}

// several is a grid of networks of four graphs.
func several(t testing.TB, c train.Config) []Point {
	t.Helper()
	points, err := Points(c, axes(t, "hidden=9x6,4", "noise=heterogeneous,homogeneous", "rho=2,1/2", "c=1e-4,1e-3",
		"seed=1-2")...)
	check(t, err)
	return points
}

func options() Options {
	device, err := train.ChooseDevice("cpu")
	if err != nil {
		panic(err)
	}
	return Options{Devices: []train.Device{device}, Threads: 2, Interval: time.Hour}
}

// planned is a new grid of points.
func planned(t testing.TB, dir string, points []Point) *Folder {
	t.Helper()
	f, err := Open(dir)
	check(t, err)
	t.Cleanup(func() { f.Close() })
	_, err = f.Extend("test", points)
	check(t, err)
	return f
}

// hardFolder is a new folder with a name that a pattern, a shell, a format or Slurm would misread.
func hardFolder(t testing.TB) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), `a grid [of] 100%A \* ? {x} $HOME's "1"`)
	check(t, os.Mkdir(dir, 0o755))
	return dir
}

// listed are the paths of the files in a folder.
func listed(t testing.TB, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	check(t, err)
	var paths []string
	for _, e := range entries {
		paths = append(paths, filepath.Join(dir, e.Name()))
	}
	return paths
}

// contents has the bytes of all files that a grid keeps for its points: records, networks and learning curves.
func contents(t testing.TB, f *Folder) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, path := range append(listed(t, f.Path(pointsName)), listed(t, f.Path(curvesName))...) {
		raw, err := os.ReadFile(path)
		check(t, err)
		all[filepath.Base(path)] = string(raw)
	}
	return all
}

func TestParseAxis(t *testing.T) {
	for text, want := range map[string]string{
		"c=0.1, 1,10":             "0.1 1 10",
		"c=logspace:-4:3.25:30":   "",
		"c=logspace:-2:0:3":       "0.01 0.1 1",
		"lambda=linspace:0:1:3,7": "0 0.5 1 7",
		"lr=linspace:5:9:1":       "5",
		"seed=1-3,7,2":            "1 2 3 7",
		"seed=18446744073709551614-18446744073709551615": "18446744073709551614 18446744073709551615",
		"rho=calcium,2/3,2":                    "calcium 2/3 2",
		"noise=none,layer":                     "none layer",
		"hidden=100x100,50,none":               "100x100 50 none",
		"batch=10,20":                          "10 20",
		"c=logspace:1:1:2":                     "10",
		"sigma-init=1e-4,1e-3":                 "1e-4 1e-3",
		"noise=heterogeneous, homogeneous":     "heterogeneous homogeneous",
		"rho=entropic":                         "entropic",
		"mu-init=0.1":                          "0.1",
		"normalise=mnist,0.5x0.25,auto":        "mnist 0.5x0.25 auto",
		"validation=0,5000":                    "0 5000",
		"epochs=1,2":                           "1 2",
		"c=linspace:0.1:0.3:3":                 "0.1 0.2 0.3",
		"rho=linspace:0.5:2:4":                 "0.5 1 1.5 2",
		"seed=5":                               "5",
		"network=lenet5, mlp-5,none":           "lenet5 mlp-5 none",
		"network=conv 4 5x5, dense":            "conv 4 5x5, dense",
		"network=lenet5; conv 4 5x5, dense":    "lenet5 conv 4 5x5, dense",
		"c=1e-4,0.01,0.1,0.177828,1,10,3.1623": "1e-4 0.01 0.1 0.177828 1 10 3.1623",
	} {
		name, values, _ := strings.Cut(text, "=")
		axis, err := ParseAxis(train.Config{}, name, values)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if text == "c=logspace:-4:3.25:30" { // the authors' values
			if len(axis.Values) != 30 || axis.Values[0] != "0.0001" || !strings.HasPrefix(axis.Values[13], "0.17782794") ||
				axis.Values[12] != "0.1" {
				t.Errorf("%s: %v", text, axis.Values)
			}
			continue
		}
		if got := strings.Join(axis.Values, " "); got != want &&
			!(text == "c=linspace:0.1:0.3:3" && strings.HasPrefix(got, "0.1 0.2")) {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
	for _, text := range []string{
		"c=", "c=1,,2", "c=x", "c=logspace:1:2", "c=logspace:1:2:0", "c=logspace:a:2:3", "c=logspace:1:2:1000000", "seed=3-1",
		"seed=-1",
		"seed=1-99999999", "rho=-1", "noise=some", "hidden=ax3", "device=cpu,cuda", "gamma=1", "batch=1.5",
		"network=lenet5, conv 4 5x5, dense", "network=lenet5;", "network=mlp-5,mpl-6",
	} {
		name, values, _ := strings.Cut(text, "=")
		if axis, err := ParseAxis(train.Config{}, name, values); err == nil {
			t.Errorf("%s: got %v, want an error", text, axis.Values)
		}
	}
}

func TestPoints(t *testing.T) {
	c, _ := small(t)
	points, err := Points(c, axes(t, "noise=heterogeneous,none", "rho=calcium,2", "c=1,2,3", "seed=1-2")...)
	check(t, err)
	if len(points) != 2*3*2+2 {
		t.Errorf("%d points, want 12 with noise and 2 without", len(points))
	}
	known := map[string]bool{}
	for _, p := range points {
		if known[p.ID] {
			t.Errorf("%s twice", p.ID)
		}
		known[p.ID] = true
	}
	// An id depends on the network, not on how it was requested, where it runs or where the data are.
	again := c
	again.Device, again.Threads, again.CheckpointEvery, again.Data = "cuda:1", 7, 9, "/elsewhere"
	same, err := Points(again, axes(t, "seed=2,1", "c=3,2,1", "rho=1/2", "noise=heterogeneous")...)
	check(t, err)
	for _, p := range same {
		if !known[p.ID] {
			t.Errorf("%s was not among the points", p.ID)
		}
	}
	for _, change := range []func(*train.Config){
		func(c *train.Config) { c.Lambda *= 2 }, func(c *train.Config) { c.LearningRate *= 2 },
		func(c *train.Config) { c.Epochs++ },
		func(c *train.Config) { c.Batch++ }, func(c *train.Config) { c.MuInit *= 2 },
		func(c *train.Config) { c.SigmaInit *= 2 },
		func(c *train.Config) { c.Validation++ }, func(c *train.Config) { c.Draws++ },
		func(c *train.Config) { c.Hidden = []int{9, 7} },
		func(c *train.Config) { c.Seed = 77 }, func(c *train.Config) { c.C *= 1 + 1e-9 },
		func(c *train.Config) { c.Normalise = "auto" }, func(c *train.Config) { c.Normalise = "none" },
		func(c *train.Config) { c.Normalise = "0.1307,0.3" }, func(c *train.Config) { c.Classes = 5 },
		func(c *train.Config) { check(t, c.Set("rho", "1.999999999")) }, func(c *train.Config) { c.Noise = "layer" },
	} {
		one, err := Points(c)
		check(t, err)
		changed := c
		change(&changed)
		other, err := Points(changed)
		check(t, err)
		if one[0].ID == other[0].ID {
			t.Errorf("%+v and %+v have the same id", one[0].Config, other[0].Config)
		}
	}
	scaled, err := Points(c, axes(t, "s=1e-3", "rho=2,1/2")...)
	check(t, err)
	for i, want := range []float64{1e-6 / 2, math.Sqrt(1e-3) / 0.5} {
		if got := scaled[i].Config.C; math.Abs(got/want-1) > 1e-12 {
			t.Errorf("s = 0.001, rho %v: c is %g, want %g", scaled[i].Config.Rho, got, want)
		}
	}
	if _, err := Points(c, axes(t, "s=1", "rho=entropic")...); err == nil {
		t.Error("the entropic cost takes an s")
	}
	if _, err := Points(c, axes(t, "s=1", "c=2")...); err == nil {
		t.Error("s and c both, no error")
	}
	if _, err := Points(c, axes(t, "c=1", "c=2")...); err == nil {
		t.Error("one setting, two axes, no error")
	}
	if _, err := Points(c, axes(t, "c=0")...); err == nil {
		t.Error("c = 0 is planned")
	}
}

// Points that join a grid are compared with its points: a new value is a mixture, with the number of networks for each
// value. Settings that were added later leave the ids of earlier networks as they were: those of the published grid.
func TestOldIDs(t *testing.T) {
	c, err := train.Preset("published")
	check(t, err)
	for _, normalise := range []string{"", "mnist", "0.1307,0.3081"} {
		c.Normalise = normalise
		points, err := Points(c, axes(t, "c=0.0001", "rho=1/2", "seed=1,2")...)
		check(t, err)
		if points[0].ID != "heterogeneous-rho0.5-c0.0001-seed1-7330390f" ||
			points[1].ID != "heterogeneous-rho0.5-c0.0001-seed2-78de4a84" {
			t.Errorf("normalise %q: %s, %s", normalise, points[0].ID, points[1].ID)
		}
	}
}

func TestMixture(t *testing.T) {
	c, err := train.Preset("published")
	check(t, err)
	make := func(specs ...string) []Point {
		t.Helper()
		points, err := Points(c, axes(t, specs...)...)
		check(t, err)
		return points
	}
	before := make("c=1,2", "seed=1-3", "lambda=0.01,0.1")
	for _, test := range []struct {
		added []Point
		want  []Mix
	}{
		{make("c=7,8", "rho=calcium", "noise=homogeneous,none", "seed=9"), nil},
		{make("c=7", "lambda=0.1"), nil},
		{nil, nil},
		{make("c=7,8", "lambda=0.1,5"), []Mix{{"lambda", []MixValue{{"0.01", 6}, {"0.1", 8}, {"5", 2}}}}},
		{make("hidden=5,none,100x100", "epochs=2"), []Mix{
			{"epochs", []MixValue{{"50", 12}, {"2", 3}}}, {"hidden", []MixValue{{"100x100", 13}, {"5", 1}, {"none", 1}}},
		}},
		{make("normalise=mnist,0.1307x0.3081,auto"), []Mix{{"normalise", []MixValue{{"mnist", 13}, {"auto", 1}}}}},
	} {
		if diff := cmp.Diff(test.want, Mixture(before, test.added)); diff != "" {
			t.Error(diff)
		}
		if got := Mixture(nil, test.added); got != nil {
			t.Errorf("into an empty folder: %v", got)
		}
	}
}

// A point of a grid is the network that package train trains, to the byte, and so are its figures.
func TestPointEqualsRun(t *testing.T) {
	c, set := small(t)
	points := several(t, c)
	f := planned(t, t.TempDir(), points)
	check(t, f.Run(context.Background(), set, points, options(), Events{}))
	records, damaged, err := f.Records()
	check(t, err)
	if len(records) != len(points) || len(damaged) > 0 {
		t.Fatalf("%d records of %d points, damaged %v", len(records), len(points), damaged)
	}
	for _, p := range points {
		config := p.Config
		config.Device = "cpu"
		run, err := train.New(set, config)
		check(t, err)
		check(t, run.Train(context.Background(), train.Events{}))
		want, err := run.Checkpoint(0)
		check(t, err)
		got, err := f.Network(p.ID)
		check(t, err)
		if !slices.Equal(got.State.Mu, want.State.Mu) || !slices.Equal(got.State.Phi, want.State.Phi) {
			t.Errorf("%s is another network than alone", p.ID)
		}
		summary, err := run.Summarise(context.Background(), config.Draws)
		check(t, err)
		i := slices.IndexFunc(records, func(r store.Record) bool { return r.ID == p.ID })
		if diff := cmp.Diff(summary.Outcome, records[i].Outcome); diff != "" {
			t.Errorf("%s: %s", p.ID, diff)
		}
		check(t, run.Close())
	}
	if files := listed(t, f.Path(checkpointsName)); len(files) > 0 {
		t.Errorf("checkpoints are left: %v", files)
	}
	if files := listed(t, f.Path(progressName)); len(files) > 0 {
		t.Errorf("progress is left: %v", files)
	}
}

// Interrupted repeatedly, with other numbers of threads, a grid ends with the bytes of an undisturbed one.
func TestInterruptedGrid(t *testing.T) {
	c, set := small(t)
	points := several(t, c)
	whole := planned(t, t.TempDir(), points)
	check(t, whole.Run(context.Background(), set, points, options(), Events{}))
	want := contents(t, whole)

	dir := t.TempDir()
	interruptions := 0
	for {
		f := planned(t, dir, points)
		ctx, cancel := context.WithCancel(context.Background())
		o := options()
		o.Threads = 1 + interruptions%3
		calls := 0
		err := f.Run(ctx, set, points, o, Events{Progress: func(p Progress) {
			if calls++; calls > 4+interruptions%7 {
				cancel()
			}
		}})
		cancel()
		check(t, f.Close())
		if err == nil {
			if diff := cmp.Diff(want, contents(t, f)); diff != "" {
				t.Errorf("after %d interruptions: %s", interruptions, diff)
			}
			break
		}
		if !errors.Is(err, train.ErrInterrupted) {
			t.Fatal(err)
		}
		if interruptions++; interruptions > 1000 {
			t.Fatal("no end")
		}
	}
	if interruptions < 5 {
		t.Errorf("only %d interruptions", interruptions)
	}
}

// Damaged files are named and their points trained again; missing points are trained; nothing else is.
func TestOnlyTheMissingRun(t *testing.T) {
	c, set := small(t)
	points := several(t, c)
	f := planned(t, t.TempDir(), points)
	check(t, f.Run(context.Background(), set, points, options(), Events{}))
	want := contents(t, f)
	spoil := func(name string, change func(raw []byte) []byte) {
		t.Helper()
		path := f.Path(pointsName, name)
		raw, err := os.ReadFile(path)
		check(t, err)
		check(t, os.WriteFile(path, change(raw), 0o644))
	}
	flip := func(raw []byte) []byte { raw[len(raw)/2] ^= 1; return raw }
	spoil(points[0].ID+".json", flip)
	spoil(points[1].ID+".json", func(raw []byte) []byte { return raw[:len(raw)/2] })
	spoil(points[2].ID+".safetensors", flip)
	spoil(points[3].ID+".json", func([]byte) []byte { return nil })
	check(t, os.Remove(f.Path(pointsName, points[4].ID+".json")))
	check(t, os.Remove(f.Path(pointsName, points[5].ID+".safetensors")))
	var trained []string
	var damaged []string
	check(t, f.Run(context.Background(), set, points, options(), Events{
		Finished: func(r store.Record) { trained = append(trained, r.ID) },
		Damaged:  func(err error) { damaged = append(damaged, err.Error()) },
	}))
	if diff := cmp.Diff(slices.Sorted(slices.Values(ids(points[:6]))), slices.Sorted(slices.Values(trained))); diff != "" {
		t.Errorf("trained again: %s", diff)
	}
	for i, name := range []string{".json", ".json", ".safetensors", ".json", "", ".safetensors"} {
		if name != "" && !slices.ContainsFunc(damaged, func(text string) bool {
			return strings.Contains(text,
				points[i].ID+name)
		}) {
			t.Errorf("%s%s is not named: %v", points[i].ID, name, damaged)
		}
	}
	if diff := cmp.Diff(want, contents(t, f)); diff != "" {
		t.Error(diff)
	}
}

// An edited file counts only if it fits the plan, even if its checksum is right: records, and networks in another's
// place.
func TestOnlyThePlannedCounts(t *testing.T) {
	c, set := small(t)
	c.Epochs = 1
	points, err := Points(c, axes(t, "noise=heterogeneous,none", "lambda=0.01,0.02", "c=1e-4,1e-3,1e-2")...)
	check(t, err)
	f := planned(t, t.TempDir(), points)
	check(t, f.Run(context.Background(), set, points, options(), Events{}))
	want := contents(t, f)
	record := func(i int, change func(*store.Record)) {
		t.Helper()
		r, err := store.ReadRecord(f.Path(pointsName), points[i].ID)
		check(t, err)
		change(&r)
		check(t, store.WriteRecord(f.Path(pointsName), r))
	}
	network := func(i int, change func(*store.Checkpoint)) {
		t.Helper()
		n, err := f.Network(points[i].ID)
		check(t, err)
		change(n)
		check(t, store.WriteNetwork(f.networkPath(points[i].ID), n))
	}
	none := len(points) - 2 // two without noise, which differ in lambda only
	record(0, func(r *store.Record) { r.C *= 2 })
	record(1, func(r *store.Record) { r.Draws++ })
	network(2, func(n *store.Checkpoint) { n.State.Mu[3] = float32(math.NaN()) })
	check(t, os.WriteFile(f.networkPath(points[3].ID), []byte(want[points[4].ID+".safetensors"]), 0o644))
	check(t, os.WriteFile(f.networkPath(points[none].ID), []byte(want[points[none+1].ID+".safetensors"]), 0o644))
	spoilt := []int{0, 1, 2, 3, none}
	_, err = f.Network(points[3].ID)
	var corrupt *store.CorruptError
	if !errors.As(err, &corrupt) || !strings.Contains(err.Error(), "is not the network of this record") {
		t.Errorf("another's network: %v", err)
	}
	if _, err = f.Network(points[2].ID); !errors.As(err, &corrupt) ||
		!strings.Contains(err.Error(), "layer0.weight.mu holds NaN (row 0, column 3)") {
		t.Errorf("a network that is not finite: %v", err)
	}
	missing, damaged, err := f.Missing(points)
	check(t, err)
	var lost []string
	for _, i := range spoilt {
		lost = append(lost, points[i].ID)
		if !slices.ContainsFunc(damaged, func(err error) bool { return strings.Contains(err.Error(), points[i].ID) }) {
			t.Errorf("%s is not named: %v", points[i].ID, damaged)
		}
	}
	if diff := cmp.Diff(lost, ids(missing)); diff != "" {
		t.Errorf("missing: %s", diff)
	}
	check(t, f.Run(context.Background(), set, points, options(), Events{}))
	if diff := cmp.Diff(want, contents(t, f)); diff != "" {
		t.Error(diff)
	}
}

// The network of a record that has other costs than the paper's pays what the record says.
func TestNetworksOfLawsAreChecked(t *testing.T) {
	c, set := small(t)
	c.Epochs = 1
	check(t, c.Set("cost", "a = c*exp(-k*sigma); b = lambda*mu^2/sigma"))
	check(t, c.Set("set", "k=2"))
	points, err := Points(c, axes(t, "noise=heterogeneous,layer,none")...)
	check(t, err)
	f := planned(t, t.TempDir(), points)
	check(t, f.Run(context.Background(), set, points, options(), Events{}))
	quantal := c
	check(t, quantal.Set("synapse", "quantal"))
	check(t, quantal.Set("cost", "b = c*n*p + k*mu^2"))
	more, err := Points(quantal)
	check(t, err)
	_, err = f.Extend("test", more)
	check(t, err)
	points = append(more, points...)
	check(t, f.Run(context.Background(), set, points, options(), Events{}))
	for i, p := range points[:3] { // without noise no cost is left
		n, err := f.Network(p.ID)
		check(t, err)
		n.State.Mu[3] *= 1.01
		if i == 0 {
			n.State.Theta[0].Values[3] *= 1.01
		}
		check(t, store.WriteNetwork(f.networkPath(p.ID), n))
		if _, err := f.Network(p.ID); err == nil || !strings.Contains(err.Error(), "its cost b is ") {
			t.Errorf("network %d with another mean: %v", i, err)
		}
	}
	missing, damaged, err := f.Missing(points)
	check(t, err)
	if len(missing) != 3 || len(damaged) != 3 {
		t.Errorf("missing %v, damaged %v", ids(missing), damaged)
	}
}

// Without locks, two processes may train the same networks: nothing is lost, and neither removes the other's plan.
func TestFoldersWithoutLocks(t *testing.T) {
	c, set := small(t)
	c.Epochs = 1
	dir := t.TempDir()
	take := func(string) (*store.Lock, error) {
		return nil, fmt.Errorf("lock: %w", &store.NoLocksError{Path: dir, Err: syscall.ENOLCK})
	}
	var folders []*Folder
	for range 2 {
		f, err := open(dir, take)
		check(t, err)
		if f.NoLocks == nil || !errors.Is(f.NoLocks, syscall.ENOLCK) {
			t.Errorf("NoLocks is %v", f.NoLocks)
		}
		folders = append(folders, f)
	}
	points, err := Points(c, axes(t, "seed=1-3")...)
	check(t, err)
	_, err = folders[0].Extend("test", points[:2])
	check(t, err)
	if _, err = folders[1].Extend("test", points[1:]); err == nil ||
		!strings.Contains(err.Error(), "plan.json: another process") {
		t.Errorf("two plans at a time: %v", err)
	}
	check(t, folders[1].Close())
	if folders[1], err = open(dir, take); err != nil {
		t.Fatal(err)
	}
	_, err = folders[1].Extend("test", points[1:])
	check(t, err)
	var trained []string
	check(t, folders[0].Run(context.Background(), set, points[:2], options(), Events{Finished: func(store.Record) {
		if len(trained) > 0 {
			return
		}
		// Before the first knows that they are finished, the second trains them too.
		check(t, folders[1].Run(context.Background(), set, points, options(),
			Events{Finished: func(r store.Record) { trained = append(trained, r.ID) }}))
	}}))
	records, damaged, err := folders[1].Records()
	check(t, err)
	if len(records) != 3 || len(damaged) > 0 || len(trained) == 0 {
		t.Errorf("%d records, damaged %v, trained by the second %v", len(records), damaged, trained)
	}
}

// More values make a new plan with only the new points; the same values make none.
func TestGridsGrow(t *testing.T) {
	c, set := small(t)
	c.Epochs = 1
	dir := t.TempDir()
	first, err := Points(c, axes(t, "c=1e-4,1e-3", "seed=1")...)
	check(t, err)
	f := planned(t, dir, first)
	check(t, f.Run(context.Background(), set, first, options(), Events{}))
	before, err := os.ReadFile(f.Path("plan.json"))
	check(t, err)
	more, err := Points(c, axes(t, "c=1e-4,1e-3,1e-2", "seed=1-2")...)
	check(t, err)
	added, err := f.Extend("more", more)
	check(t, err)
	if added != 4 {
		t.Errorf("%d points added, want 4", added)
	}
	if again, err := f.Extend("more", more); again != 0 || err != nil || len(f.Plans) != 2 {
		t.Errorf("again: %d added, %v, %d plans", again, err, len(f.Plans))
	}
	trained := 0
	check(t, f.Run(context.Background(), set, more, options(), Events{Finished: func(store.Record) { trained++ }}))
	if trained != 4 {
		t.Errorf("%d trained, want the 4 new ones", trained)
	}
	if after, err := os.ReadFile(f.Path("plan.json")); err != nil || string(after) != string(before) {
		t.Errorf("the first plan has changed (%v)", err)
	}
	check(t, f.Close())
	view, err := View(dir)
	check(t, err)
	if len(view.Points()) != 6 {
		t.Errorf("%d points in the folder, want 6", len(view.Points()))
	}
}

func TestDivergenceIsAResult(t *testing.T) {
	c, set := small(t)
	points, err := Points(c, axes(t, "c=1e30,1e-4,1e29", "seed=1-2")...)
	check(t, err)
	f := planned(t, t.TempDir(), points)
	o := options()
	o.Interval = time.Nanosecond
	check(t, f.Run(context.Background(), set, points, o, Events{}))
	status, err := f.Status()
	check(t, err)
	if status.Done != 2 || status.Diverged != 4 || status.Waiting != 0 || status.Running != 0 {
		t.Errorf("status %+v", status)
	}
	records, _, err := f.Records()
	check(t, err)
	for _, r := range records {
		if r.Status == store.Diverged && (r.DivergedStep == nil || r.DivergedLayer == nil || r.DivergedWhat == "") {
			t.Errorf("%s: where did it diverge? %+v", r.ID, r)
		}
	}
	trained := 0
	check(t, f.Run(context.Background(), set, points, o, Events{Finished: func(store.Record) { trained++ }}))
	if trained > 0 {
		t.Errorf("%d trained again", trained)
	}
	all, err := Points(c, axes(t, "c=1e30", "seed=1-2")...)
	check(t, err)
	g := planned(t, t.TempDir(), all)
	check(t, g.Run(context.Background(), set, all, o, Events{}))
	if status, err := g.Status(); err != nil || status.Diverged != 2 {
		t.Errorf("all diverge: %+v, %v", status, err)
	}
}

// Two processes that train the same points do no harm.
func TestTwoAtOnce(t *testing.T) {
	c, set := small(t)
	points := several(t, c)
	whole := planned(t, t.TempDir(), points)
	check(t, whole.Run(context.Background(), set, points, options(), Events{}))

	f := planned(t, t.TempDir(), points)
	failed := make(chan error)
	for range 2 {
		go func() {
			task, err := View(f.Dir)
			if err == nil {
				o := options()
				o.Interval = time.Nanosecond
				err = task.Run(context.Background(), set, points, o, Events{})
			}
			failed <- err
		}()
	}
	for range 2 {
		check(t, <-failed)
	}
	if diff := cmp.Diff(contents(t, whole), contents(t, f)); diff != "" {
		t.Error(diff)
	}
}

func TestFoldersThatAreNone(t *testing.T) {
	dir := t.TempDir()
	if _, err := View(filepath.Join(dir, "none")); err == nil || !strings.Contains(err.Error(), "none") {
		t.Errorf("no folder: %v", err)
	}
	var corrupt *store.CorruptError
	if _, err := View(dir); !errors.As(err, &corrupt) {
		t.Errorf("an empty folder: %v", err)
	}
	check(t, os.WriteFile(filepath.Join(dir, "config.toml"), nil, 0o644))
	if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), "single run") {
		t.Errorf("the folder of a run: %v", err)
	}
	c, set := small(t)
	points, err := Points(c, axes(t, "seed=1-2")...)
	check(t, err)
	f := planned(t, t.TempDir(), points)
	var used *store.InUseError
	if _, err := Open(f.Dir); !errors.As(err, &used) || used.PID != os.Getpid() {
		t.Errorf("a folder in use: %v", err)
	}
	raw, err := os.ReadFile(f.Path("plan.json"))
	check(t, err)
	for name, changed := range map[string]string{
		"cut":     string(raw[:len(raw)/2]),
		"changed": strings.Replace(string(raw), `"seed": 1`, `"seed": 3`, 1),
		"other":   strings.Replace(string(raw), planFormat, "x", 1),
	} {
		check(t, os.WriteFile(f.Path("plan.json"), []byte(changed), 0o644))
		if _, err := View(f.Dir); !errors.As(err, &corrupt) || !strings.Contains(err.Error(), "plan.json") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := f.Enter(store.Environment{Kernels: "a", DataSHA256: set.SHA256}); err != nil {
		t.Fatal(err)
	}
	if before, err := f.Enter(store.Environment{Kernels: "b", DataSHA256: set.SHA256}); err != nil || before != "a" {
		t.Errorf("kernels before: %q, %v", before, err)
	}
	var data *mnist.DataError
	if _, err := f.Enter(store.Environment{DataSHA256: map[string]string{"images": "2"}}); !errors.As(err, &data) {
		t.Errorf("other data: %v", err)
	}
}

// A damaged checkpoint is named, and its networks start again.
func TestDamagedCheckpoint(t *testing.T) {
	c, set := small(t)
	points := several(t, c)[:2]
	f := planned(t, hardFolder(t), points)
	ctx, cancel := context.WithCancel(context.Background())
	err := f.Run(ctx, set, points, options(), Events{Progress: func(p Progress) {
		if len(p.Batches) > 0 && p.Batches[0].Step > 0 {
			cancel()
		}
	}})
	if !errors.Is(err, train.ErrInterrupted) {
		t.Fatal(err)
	}
	files := listed(t, f.Path(checkpointsName))
	if len(files) != 1 || !strings.HasPrefix(filepath.Base(files[0]), "team-") {
		t.Fatalf("checkpoints: %v", files)
	}
	raw, err := os.ReadFile(files[0])
	check(t, err)
	raw[len(raw)-5] ^= 1
	check(t, os.WriteFile(files[0], raw, 0o644))
	var damaged []string
	check(t, f.Run(context.Background(), set, points, options(),
		Events{Damaged: func(err error) { damaged = append(damaged, err.Error()) }}))
	if len(damaged) != 1 || !strings.Contains(damaged[0], files[0]) {
		t.Errorf("damaged: %v, want %s", damaged, files[0])
	}
	if left := listed(t, f.Path(checkpointsName)); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

func TestStatusOfRunning(t *testing.T) {
	c, set := small(t)
	points := several(t, c)
	f := planned(t, hardFolder(t), points)
	seen := false
	check(t, f.Run(context.Background(), set, points, options(), Events{Finished: func(store.Record) {
		view, err := View(f.Dir)
		check(t, err)
		s, err := view.Status()
		check(t, err)
		if total := s.Done + s.Diverged + s.Running + s.Waiting; total != s.Points || s.Points != len(points) {
			t.Errorf("%d of %d points accounted for: %+v", total, s.Points, s)
		}
		seen = seen || len(s.Processes) == 1 && !s.Processes[0].Silent && s.Processes[0].PID == os.Getpid()
	}}))
	if !seen {
		t.Error("the process was never seen at work")
	}
	// A process of this machine that has ended is silent, and the next one removes its files.
	gone := fmt.Sprintf(`{"host":%q,"pid":%d,"batches":[{"running":[%q]}],"updated":%q}`, hostName(), 1<<22-1,
		points[0].ID, time.Now().Format(time.RFC3339))
	check(t, os.WriteFile(f.Path(progressName, "gone.json"), []byte(gone), 0o644))
	s, err := f.Status()
	check(t, err)
	if len(s.Processes) != 1 || !s.Processes[0].Silent || s.Running != 0 {
		t.Errorf("a process that has ended: %+v", s)
	}
	check(t, os.Remove(f.Path(pointsName, points[0].ID+".json")))
	check(t, f.Run(context.Background(), set, points, options(), Events{}))
	if s, err := f.Status(); err != nil || len(s.Processes) > 0 || s.Done != len(points) {
		t.Errorf("%+v, %v", s, err)
	}
}

func TestEstimates(t *testing.T) {
	c, set := small(t)
	points := several(t, c)
	estimates, err := Estimates(context.Background(), set, points, options(), 20*time.Millisecond)
	check(t, err)
	n := 0
	for _, e := range estimates {
		n += e.Points
		if e.Steps != 100/7*c.Epochs || e.Seconds <= 0 || e.Memory <= 0 || e.Beside < 1 || e.Beside > e.Points {
			t.Errorf("%+v", e)
		}
	}
	if n != len(points) || len(estimates) != 4 {
		t.Errorf("%d points in %d estimates, want %d in 4", n, len(estimates), len(points))
	}
}

// Laws are an axis, and each has the numbers that it reads; the numbers of a law are axes.
func TestLawsAsAxes(t *testing.T) {
	base, err := train.Preset("quick")
	if err != nil {
		t.Fatal(err)
	}
	if err := base.Set("set", "k=3"); err != nil {
		t.Fatal(err)
	}
	laws, err := ParseAxis(base, "cost", "r = c*exp(-k*sigma), c*min(sigma^-1, 4); m = lambda*abs(mu), paper")
	if err != nil {
		t.Fatal(err)
	}
	points, err := Points(base, laws)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range points {
		got = append(got, p.Config.Costs.String()+" | "+p.Config.Numbers.String())
	}
	want := []string{"r = c*exp(-k*sigma) | k=3", "cost = c*min(sigma^-1, 4); m = lambda*abs(mu) | none", "paper | none"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if _, err := Points(base, Axis{Name: "cost", Values: []string{"c/sigma"}}); err == nil {
		t.Error("a number that no cost reads: no error")
	}
	if err := base.Set("cost", "c*exp(-k*sigma)"); err != nil {
		t.Fatal(err)
	}
	numbers, err := ParseAxis(base, "k", "linspace:1:3:3")
	if err != nil {
		t.Fatal(err)
	}
	if points, err = Points(base, numbers); err != nil || len(points) != 3 || points[2].Config.Numbers.String() != "k=3" ||
		points[0].Config.Numbers.String() != "k=1" || points[0].ID == points[1].ID {
		t.Errorf("got %v, %v", points, err)
	}
	if _, err := ParseAxis(base, "q", "1,2"); err == nil {
		t.Error("an axis of a number that no cost reads: no error")
	}
}

// Networks whose costs do not read what an axis varies are there once, whatever the order of the axes.
func TestNumbersThatLawsDoNotRead(t *testing.T) {
	base, err := train.Preset("quick")
	if err != nil {
		t.Fatal(err)
	}
	const k, inverse = "cost = c*exp(-k*sigma)", "cost = 1/sigma"
	laws := "cost=c*exp(-k*sigma),1/sigma"
	for _, c := range []struct {
		axes []string
		want []string // costs, c where it is read, lambda and numbers of the points
	}{
		{[]string{laws, "k=1,2"}, []string{k + " c 0.01 0.01 k=1", k + " c 0.01 0.01 k=2", inverse + " 0.01 none"}},
		{[]string{"k=1,2", laws}, []string{k + " c 0.01 0.01 k=1", inverse + " 0.01 none", k + " c 0.01 0.01 k=2"}},
		{[]string{"cost=c/sigma,1/sigma", "c=1,2", "rho=1,2", "lambda=3,4"}, []string{"cost = c/sigma c 1 0.01 none",
			"cost = c/sigma c 2 0.01 none", inverse + " 0.01 none"}},
		{[]string{"cost=1/sigma + lambda*mu^2,1/sigma", "lambda=3,4"}, []string{"cost = 1/sigma + lambda*mu^2 3 none",
			"cost = 1/sigma + lambda*mu^2 4 none", inverse + " 0.01 none"}},
		{[]string{"cost=c*exp(-k*sigma)", "noise=none,heterogeneous", "k=1,2"}, []string{k + " 0.01 k=1",
			k + " c 0.01 0.01 k=1", k + " c 0.01 0.01 k=2"}},
		{[]string{"cost=paper,1/sigma", "c=1,2"},
			[]string{"paper c 1 0.01 none", "paper c 2 0.01 none", inverse + " 0.01 none"}},
	} {
		var list []Axis
		with := base
		for _, text := range c.axes {
			name, values, _ := strings.Cut(text, "=")
			if name == "cost" {
				axis, err := ParseAxis(base, name, values)
				check(t, err)
				with = axis.AllCosts(base)
			}
		}
		for _, text := range c.axes {
			name, values, _ := strings.Cut(text, "=")
			axis, err := ParseAxis(with, name, values)
			check(t, err)
			list = append(list, axis)
		}
		points, err := Points(base, list...)
		check(t, err)
		var got []string
		for _, p := range points {
			text := p.Config.Costs.String()
			if p.Config.Reads("c") {
				text += fmt.Sprint(" c ", p.Config.C)
			}
			got = append(got, fmt.Sprint(text, " ", p.Config.Lambda, " ", p.Config.Numbers))
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%v: got\n%q, want\n%q", c.axes, got, c.want)
		}
	}
	if _, err := Points(base, Axis{"cost", []string{"1/sigma"}}, Axis{"k", []string{"1"}}); err == nil ||
		!strings.Contains(err.Error(), "k: no cost reads this number") {
		t.Errorf("an axis of a number that no law reads: %v", err)
	}
}
