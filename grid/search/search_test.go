package search

import (
	"context"
	"errors"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"quantal/grid"
	"quantal/internal/stripes"
	"quantal/results/store"
	"quantal/train"
)

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func request(t testing.TB, axes, target, over, tolerance string) Request {
	t.Helper()
	r, err := asked(t, axes, target, over, tolerance)
	check(t, err)
	return r
}

func asked(t testing.TB, axes, target, over, tolerance string) (Request, error) {
	t.Helper()
	base, err := train.Preset("published")
	check(t, err)
	var list []grid.Axis
	for text := range strings.FieldsSeq(axes) {
		name, values, _ := strings.Cut(text, "=")
		axis, err := grid.ParseAxis(base, name, values)
		check(t, err)
		list = append(list, axis)
	}
	return New(base, list, target, over, tolerance)
}

// trained makes records of networks with an accuracy that follows from their settings, NaN if they diverge.
func trained(r Request, accuracy func(train.Config) float64) func([]grid.Point) []store.Record {
	return func(points []grid.Point) (records []store.Record) {
		for _, p := range points {
			record := store.Record{ID: p.ID, Settings: grid.SettingsOf(p.Config, "made up"), Status: store.Done,
				Outcome: store.NoOutcome()}
			if record.AccuracySampled = accuracy(p.Config); math.IsNaN(record.AccuracySampled) {
				record.Status = store.Diverged
			}
			records = append(records, record)
		}
		return records
	}
}

// search goes through all rounds with made-up networks, in a folder that has records.
func search(t testing.TB, r Request, accuracy func(train.Config) float64, records ...store.Record) (o Outcome,
	rounds int) {
	t.Helper()
	before := len(records)
	for ; rounds < 100; rounds++ {
		o, next, err := r.Decide(records)
		check(t, err)
		if len(next) == 0 {
			if o.Networks != len(records)-before {
				t.Errorf("%d networks are counted, %d were trained", o.Networks, len(records)-before)
			}
			return o, rounds
		}
		records = append(records, trained(r, accuracy)(next)...)
	}
	t.Fatal("no end")
	return
}

// falling is an accuracy that falls with log c, and is 0.9 at a c that depends on rho and the seed.
func falling(c train.Config) float64 {
	at := crossing(float64(c.Rho.Value()), uint64(c.Seed))
	return 0.1 + 0.85/(1+math.Pow(c.C/at, 1.3)*0.05/0.8)
}

func crossing(rho float64, seed uint64) float64 { return 0.02 * rho * math.Pow(10, 0.1*float64(seed)) }

// Each mechanism's c is found within the tolerance, each seed's too, with the t interval of their logarithms, and with
// a tenth of the networks that a grid of equal precision has.
func TestFound(t *testing.T) {
	r := request(t, "rho=calcium,2 seed=1-3", "accuracy_sampled=0.9", "c=1e-4:100", "c=0.05")
	o, rounds := search(t, r, falling)
	if len(o.Found) != 2 || rounds != 1+5 { // 6 decades at once, then a decade is halved five times
		t.Fatalf("%d mechanisms in %d rounds", len(o.Found), rounds)
	}
	for i, rho := range []float64{0.5, 2} {
		f := o.Found[i]
		if f.Settings.RhoValue != rho || f.Seeds != 3 || f.Remark != "" {
			t.Errorf("%+v", f)
		}
		if _, there := f.Columns["c"]; there || f.Columns["rho_value"] != rho {
			t.Errorf("settings of the mechanism: %v", f.Columns)
		}
		for _, c := range f.Crossings {
			want := crossing(rho, c.Seed)
			if math.Abs(math.Log10(c.Value/want)) > 0.005 || c.Low > want || c.High < want || c.High/c.Low > 1.123 {
				t.Errorf("rho %g, seed %d: %+v, want %g", rho, c.Seed, c, want)
			}
		}
		// The logarithms are 0.1 apart: their mean is the middle one, and t(2) 0.1 / sqrt(3) = 4.30265 * 0.057735.
		middle, half := crossing(rho, 2), 0.24841
		if math.Abs(math.Log10(f.Value/middle)) > 0.005 || math.Abs(math.Log10(f.High/f.Value)-half) > 0.03 ||
			math.Abs(math.Log10(f.Value/f.Low)-half) > 0.03 {
			t.Errorf("rho %g: %g, %g to %g; want %g", rho, f.Value, f.Low, f.High, middle)
		}
	}
	if o.Networks != 6*(7+5) || o.GridNetworks < 6*121 {
		t.Errorf("%d networks, a grid has %d", o.Networks, o.GridNetworks)
	}
	one := request(t, "", "accuracy_sampled=0.9", "c=1e-4:100", "")
	if o, _ := search(t, one, falling); !math.IsNaN(o.Found[0].Low) || !(o.Found[0].Value > 0) {
		t.Errorf("one seed has an interval: %+v", o.Found[0].Finding)
	}
}

func TestTolerances(t *testing.T) {
	r := request(t, "", "accuracy_sampled=0.9", "c=1e-4:100", "accuracy_sampled=0.002")
	o, _ := search(t, r, falling)
	got := o.Found[0].Crossings[0]
	config := r.Base
	config.C = got.Value
	if math.Abs(falling(config)-0.9) > 0.002 || o.Found[0].Remark != "" {
		t.Errorf("within 0.002 of the target: %+v", got)
	}
	step := func(c train.Config) float64 {
		if c.C < 0.5 {
			return 0.95
		}
		return 0.2
	}
	o, _ = search(t, r, step)
	if f := o.Found[0]; !math.IsNaN(f.Value) || !strings.Contains(f.Remark, "it comes no nearer to 0.9") {
		t.Errorf("a figure that jumps: %+v", f)
	}
	if o, _ = search(t, request(t, "", "accuracy_sampled=0.9", "c=1e-4:100", "0.01"), step); math.Abs(
		math.Log10(o.Found[0].Value/0.5)) > 0.01 {
		t.Errorf("where it jumps: %+v", o.Found[0])
	}
	decay := request(t, "", "accuracy_sampled=0.9", "weight-decay=0:1", "weight-decay=0.01")
	if o, _ = search(t, decay, func(c train.Config) float64 { return 1 - 0.3*c.WeightDecay }); math.Abs(
		o.Found[0].Value-1./3) > 0.01 {
		t.Errorf("on a linear scale: %+v", o.Found[0])
	}
	epochs := request(t, "", "accuracy_sampled=0.9", "epochs=1:100", "0.001")
	if o, _ = search(t, epochs, func(c train.Config) float64 { return 0.5 + 0.011*float64(c.Epochs) }); o.Found[0].Value !=
		36 || o.Found[0].Crossings[0].Low != 36 || o.Found[0].Crossings[0].High != 37 {
		t.Errorf("whole numbers: %+v", o.Found[0])
	}
	s := request(t, "rho=calcium,2", "accuracy_sampled=0.9", "s=1e-3:1", "")
	if o, _ = search(t, s, falling); len(o.Found) != 2 {
		t.Errorf("over s: %+v", o.Found)
	}
	for i, rho := range []float64{0.5, 2} {
		if c := math.Pow(o.Found[i].Value, rho) / rho; math.Abs(math.Log10(c/crossing(rho, 1))) > 0.05*rho {
			t.Errorf("over s, rho %g: c is %g, want %g", rho, c, crossing(rho, 1))
		}
	}
}

// What cannot be found is said, and no value is given.
func TestNotFound(t *testing.T) {
	for _, test := range []struct {
		remark   string
		accuracy func(c train.Config) float64
	}{
		{"accuracy_sampled is never below 0.9 from c 0.01 to 100: 0.95 to 0.95",
			func(train.Config) float64 { return 0.95 }},
		{"accuracy_sampled is below 0.9 from c 0.01 to 1: 0.5 to 0.5, and the network diverges at c 10, 100",
			func(c train.Config) float64 {
				if c.C > 5 {
					return math.NaN()
				}
				return 0.5
			}},
		{"accuracy_sampled is not monotone in c: it crosses 0.9 between 0.1 and 1, between 1 and 10, between 10 and 100",
			func(c train.Config) float64 {
				if c.C < 0.5 || c.C > 5 && c.C < 50 {
					return 0.95
				}
				return 0.5
			}},
		{"networks diverge between c 0.1, where accuracy_sampled is 0.95, and 10, where it is 0.5: there is no telling " +
			"where it crosses 0.9", func(c train.Config) float64 {
			switch {
			case c.C < 0.5:
				return 0.95
			case c.C < 5:
				return math.NaN()
			}
			return 0.5
		}},
		{"networks diverge between c 0.1, where accuracy_sampled is 0.95, and 1, where it is 0.5: there is no telling " +
			"where it crosses 0.9", func(c train.Config) float64 {
			switch {
			case c.C < 0.2:
				return 0.95
			case c.C < 0.8:
				return math.NaN()
			}
			return 0.5
		}},
		{"the networks diverge at every c that was tried, from 0.01 to 100",
			func(train.Config) float64 { return math.NaN() }},
	} {
		o, _ := search(t, request(t, "", "accuracy_sampled=0.9", "c=0.01:100", ""), test.accuracy)
		if f := o.Found[0]; !math.IsNaN(f.Value) || !math.IsNaN(f.Crossings[0].Value) || f.Remark != test.remark {
			t.Errorf("%+v, want %s", f.Finding, test.remark)
		}
	}
	_, err := asked(t, "likelihood=gaussian", "r2_mean=0.9", "c=1:2", "")
	check(t, err)
	// One of three seeds: the mechanism has no value. Where networks diverge elsewhere it has one.
	r := request(t, "seed=1-3", "accuracy_sampled=0.9", "c=1e-4:100", "")
	o, _ := search(t, r, func(c train.Config) float64 {
		if c.Seed == 2 {
			return 0.95
		}
		return falling(c)
	})
	if f := o.Found[0]; !math.IsNaN(f.Value) || !strings.HasPrefix(f.Remark, "seed 2: accuracy_sampled is never below") ||
		!(f.Crossings[0].Value > 0) {
		t.Errorf("one seed never crosses: %+v", f)
	}
	o, _ = search(t, r, func(c train.Config) float64 {
		if c.C == 100 {
			return math.NaN()
		}
		return falling(c)
	})
	if f := o.Found[0]; math.Abs(math.Log10(f.Value/crossing(2, 2))) > 0.005 ||
		!strings.Contains(f.Remark, "the network diverges at c 100") {
		t.Errorf("networks diverge elsewhere: %+v", f)
	}
}

// What contradicts that the figure is monotone is said beside the value: a network in the middle of a bracket that is
// beyond both of its ends, and those that the folder has besides.
func TestNotMonotone(t *testing.T) {
	bump := func(c train.Config) float64 { // from 0.9 at 0.1 to 0.95 and down again, to 0.1 at 1
		return 0.95 - 0.05*math.Pow((math.Log10(c.C)+0.7)/0.3, 2)
	}
	const bumpRemark = "accuracy_sampled is not monotone in c: it is 0.9 at 0.1, 0.927778 at 0.316228 and "
	if o, _ := search(t, request(t, "", "accuracy_sampled=0.8", "c=0.1:10", ""), bump); !(o.Found[0].Value > 0.4) ||
		!strings.HasPrefix(o.Found[0].Remark, bumpRemark) ||
		!strings.HasSuffix(o.Found[0].Remark, "it may cross 0.8 elsewhere, too") {
		t.Errorf("a bump: %+v", o.Found[0].Finding)
	}
	for over, within := range map[string]string{"c=1e-4:100": "c=0.05", "s=0.02:14": "s=0.025"} {
		r := request(t, "seed=1-2", "accuracy_sampled=0.9", over, within)
		dip := func(c train.Config) float64 { // which no network of the search meets
			if c.Seed == 2 && c.C > 2.2e-3 && c.C < 2.3e-3 {
				return 0.7
			}
			return falling(c)
		}
		o, _ := search(t, r, dip)
		if o.Found[0].Remark != "" {
			t.Errorf("%s, a dip between the networks: %+v", over, o.Found[0].Finding)
		}
		var points []grid.Point
		for _, axes := range [][2]string{{"c", "0.00225"}, {"lambda", "7"}, {"noise", "layer"}} {
			axis, err := grid.ParseAxis(r.Base, axes[0], axes[1])
			check(t, err)
			more, err := grid.Points(r.Base, axis, grid.Axis{Name: "seed", Values: []string{"1", "2"}})
			check(t, err)
			points = append(points, more...)
		}
		records := trained(r, func(c train.Config) float64 { return min(dip(c), 1/c.Lambda) })(points)
		o, _ = search(t, r, dip, records...)
		want := "seed 2: accuracy_sampled is not monotone in " + r.Over + ": other networks of the folder have 0.7 at "
		if f := o.Found[0]; !strings.HasPrefix(f.Remark, want) || strings.Contains(f.Remark, "seed 1") || !(f.Value > 0) {
			t.Errorf("%s: %+v, want %s", over, f.Finding, want)
		}
	}
}

// Numbers that laws read are searched over like settings, also if laws differ, and none needs another value.
func TestOverNumbers(t *testing.T) {
	base, err := train.Preset("published")
	check(t, err)
	laws, err := grid.ParseAxis(base, "cost", "c*exp(-k*sigma), c*sigma^-k")
	check(t, err)
	r, err := New(base, []grid.Axis{laws}, "accuracy_sampled=0.9", "k=0.1:10", "k=0.01")
	check(t, err)
	o, _ := search(t, r, func(c train.Config) float64 { return 0.9 - 0.1*math.Log10(c.Numbers["k"][0]/1.5) })
	if len(o.Found) != 2 {
		t.Fatalf("%d mechanisms", len(o.Found))
	}
	for _, f := range o.Found {
		if _, there := f.Columns["set_k"]; there || math.Abs(f.Value-1.5) > 0.02 || f.Columns["cost"] == nil {
			t.Errorf("%+v", f)
		}
	}
	check(t, base.Set("cost", "c*exp(-k*sigma)"))
	_, err = New(base, nil, "accuracy_sampled=0.9", "k=0.1:10", "k=0.01")
	check(t, err)
	other, err := grid.ParseAxis(base, "cost", "c*exp(-k*sigma), c*sigma^-2")
	check(t, err)
	if _, err = New(base, []grid.Axis{other}, "accuracy_sampled=0.9", "k=0.1:10", ""); err == nil ||
		!strings.Contains(err.Error(), "over k: k: no cost reads this number") {
		t.Errorf("a law that does not read it: %v", err)
	}
}

// What is ahead is never less than what comes, and of a new search it is the worst.
func TestAhead(t *testing.T) {
	r := request(t, "rho=calcium,2 seed=1-3", "accuracy_sampled=0.9", "c=1e-4:100", "c=0.05")
	a, err := r.Ahead(nil)
	check(t, err)
	if a.Rounds != 5 || len(a.Next) != 42 || len(a.Later) != 6 || a.Most != 72 || a.Grid != 6*121 || len(a.Values) != 7 ||
		a.Values[1] != 0.001 {
		t.Errorf("%d rounds, %d networks and %d, %d in all, %d in a grid; values %v", a.Rounds, len(a.Next), len(a.Later),
			a.Most, a.Grid, a.Values)
	}
	for _, tolerance := range []string{"c=0.05", "c=0.01", "accuracy_sampled=0.001"} {
		r := request(t, "rho=calcium,2", "accuracy_sampled=0.9", "c=1e-4:100", tolerance)
		var records []store.Record
		least := math.MaxInt // of what was said to be the most
		for {
			a, err := r.Ahead(records)
			check(t, err)
			_, next, err := r.Decide(records)
			check(t, err)
			if len(next) != len(a.Next) || (a.Most == 0) != (len(next) == 0) {
				t.Errorf("%s: %d networks are next, %d are ahead and %d at most", tolerance, len(next), len(a.Next), a.Most)
			}
			if least = min(least, a.Most+len(records)); len(next) == 0 {
				break
			}
			records = append(records, trained(r, falling)(next)...)
		}
		if len(records) > least {
			t.Errorf("%s: %d networks, said to be at most %d", tolerance, len(records), least)
		}
	}
}

func TestRefused(t *testing.T) {
	for _, test := range [][5]string{
		{"", "accuracy_sampled", "c=1:2", "", "accuracy_sampled=0.9"},
		{"", "accuracy=0.9", "c=1:2", "", `"accuracy" is not a column with numbers`},
		{"", "noise=0.9", "c=1:2", "", `"noise" is not a column with numbers`},
		{"", "c=0.9", "c=1:2", "", `"c" is not a column with numbers`},
		{"", "lambda=0.9", "c=1:2", "", `"lambda" is not a column with numbers`},
		{"", "validation_loss_sampled=1", "c=1:2", "", "have no validation_loss_sampled: want --validation"},
		{"likelihood=gaussian", "accuracy_mean=0.9", "c=1:2", "", "want r2_sampled, or a loss: they fit numbers"},
		{"likelihood=categorical", "r2_mean=0.9", "c=1:2", "", `"r2_mean" is not a column with numbers`},
		{"", "stopped_epoch=3", "c=1:2", "", "have no stopped_epoch: want --patience"},
		{"", "sigma_rms=0.1", "c", "", "c=1e-4:100"},
		{"", "sigma_rms=0.1", "c=1", "", "c=1e-4:100"},
		{"", "sigma_rms=0.1", "c=2:1", "", "want a number and a larger one"},
		{"", "sigma_rms=0.1", "c=a:1", "", "want a number"},
		{"", "sigma_rms=0.1", "c=-1:1", "", "c -1: want a number above 0"},
		{"", "sigma_rms=0.1", "gamma=1:2", "", `"gamma" cannot be an axis`},
		{"", "sigma_rms=0.1", "noise=1:2", "", "heterogeneous"},
		{"", "sigma_rms=0.1", "seed=1:2", "", "want another setting"},
		{"c=1,2", "sigma_rms=0.1", "c=1:2", "", "c has values already"},
		{"c=1,2", "sigma_rms=0.1", "s=1:2", "", "c has values already"},
		{"noise=none,layer", "accuracy_mean=0.1", "c=1:2", "", "is the same with any c: there is nothing to search"},
		{"", "sigma_rms=0.1", "c=1:2", "lambda=1", "want c or sigma_rms and a number above 0"},
		{"", "sigma_rms=0.1", "c=1:2", "c=0", "want c or sigma_rms and a number above 0"},
	} {
		if _, err := asked(t, test[0], test[1], test[2], test[3]); err == nil || !strings.Contains(err.Error(), test[4]) {
			t.Errorf("%q: %v, want %s", test[:4], err, test[4])
		}
	}
}

// A search with trained networks is an ordinary grid, found within fewer networks than a grid of equal precision;
// interrupted at any moment it ends with the same bytes.
func TestSearchOfTrainedNetworks(t *testing.T) {
	base, err := train.Preset("published")
	check(t, err)
	base.Hidden, base.Epochs, base.Batch, base.LearningRate, base.SigmaInit, base.Draws = []int{9}, 4, 7, 5e-2, 0.05, 0
	set := stripes.Set(100, 200, 5, 6, 3)
	seeds, err := grid.ParseAxis(base, "seed", "1-2")
	check(t, err)
	mechanisms, err := grid.ParseAxis(base, "rho", "calcium,2")
	check(t, err)
	r, err := New(base, []grid.Axis{mechanisms, seeds}, "sigma_rms=0.2", "c=1e-4:100", "c=0.1")
	check(t, err)
	device, err := train.ChooseDevice("cpu")
	check(t, err)
	// run searches, and is interrupted after some calls if these are not 0.
	run := func(dir string, calls int) (Outcome, error) {
		folder, err := grid.Open(dir)
		check(t, err)
		defer folder.Close()
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		return r.Run(folder, "test", func(_ int, points []grid.Point) error {
			return folder.Run(ctx, set, points, grid.Options{Devices: []train.Device{device}, Threads: 2, Interval: 1},
				grid.Events{Progress: func(grid.Progress) {
					if calls--; calls == 0 {
						cancel()
					}
				}})
		})
	}
	whole := t.TempDir()
	o, err := run(whole, 0)
	check(t, err)
	for _, f := range o.Found {
		if !(f.Low < f.Value && f.Value < f.High) {
			t.Errorf("found %+v", f.Finding)
		}
		for _, c := range f.Crossings {
			if !(c.AtLow < 0.2 && c.AtHigh >= 0.2) && !(c.AtLow >= 0.2 && c.AtHigh < 0.2) || c.High/c.Low > 1.26 {
				t.Errorf("a crossing that is none: %+v", c)
			}
		}
	}
	folder, err := grid.View(whole)
	check(t, err)
	if n := len(folder.Points()); n != o.Networks || n >= o.GridNetworks/3 {
		t.Errorf("%d points in the folder, %d networks, a grid has %d", n, o.Networks, o.GridNetworks)
	}
	dir, interruptions := t.TempDir(), 0
	for ; ; interruptions++ {
		again, err := run(dir, 3+interruptions%4)
		if err == nil {
			if diff := cmp.Diff(o.Found, again.Found, cmp.Comparer(func(a, b float64) bool {
				return a == b || a != a && b != b
			})); diff != "" {
				t.Error(diff)
			}
			break
		}
		if !errors.Is(err, train.ErrInterrupted) || interruptions > 1000 {
			t.Fatal(err)
		}
	}
	a, err := os.ReadFile(TablePath(folder))
	check(t, err)
	other, err := grid.View(dir)
	check(t, err)
	b, err := os.ReadFile(TablePath(other))
	check(t, err)
	if string(a) != string(b) || interruptions < 5 {
		t.Errorf("after %d interruptions:\n%s\nwant\n%s", interruptions, b, a)
	}
	stored, err := Read(dir)
	check(t, err)
	records, _, err := other.Records()
	check(t, err)
	if d, next, err := stored.Decide(records); err != nil || len(next) > 0 || d.Found[0].Value != o.Found[0].Value {
		t.Errorf("the stored request decides otherwise: %v, %v", d.Found, err)
	}
}
