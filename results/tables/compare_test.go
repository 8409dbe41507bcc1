package tables

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"quantal/internal/recordstest"
	"quantal/results/store"
)

// asRecords turns published values into records of networks.
func asRecords(list []Published) []store.Record {
	var records []store.Record
	for _, p := range list {
		r := store.Record{ID: fmt.Sprintf("%s-rho%g-c%g", p.Noise, p.RhoValue, p.C), Status: store.Done, Kernels: "portable",
			Outcome: store.NoOutcome()}
		r.Settings = p.Settings
		r.Seed = 1
		r.AccuracySampled, r.LossSampled, r.SigmaRMS, r.ReliabilityCost = p.AccuracyPercent/100, p.LossNats, p.SigmaRMS,
			p.ReliabilityCost
		records = append(records, r)
	}
	return records
}

// at is a set of networks of one point whose seeds have the given accuracies in percent and sigmas.
func at(rho, c float64, figures ...[2]float64) []store.Record {
	var records []store.Record
	for i, f := range figures {
		r := recordstest.Record(rho, c, uint64(i+1))
		r.AccuracySampled, r.SigmaRMS, r.LossSampled, r.ReliabilityCost = f[0]/100, f[1], 0.5, 1000
		records = append(records, r)
	}
	return records
}

func heterogeneous(rho, c, accuracy, sigma float64) Published {
	s := recordstest.Record(rho, c, 1).Settings
	s.Seed = 0
	return Published{Settings: s, AccuracyPercent: accuracy, LossNats: 0.4, SigmaRMS: sigma, ReliabilityCost: 800}
}

func TestDeviationsByHand(t *testing.T) {
	c, err := Compare(at(2, 0.1, [2]float64{91, 0.21}, [2]float64{92, 0.22}, [2]float64{93, 0.23}),
		[]Published{heterogeneous(2, 0.1, 90, 0.2)}, nil)
	check(t, err)
	// Three seeds, 91, 92 and 93: mean 92, standard deviation 1. 2 in units of it times sqrt(4/3) is sqrt(3). Student's t
	// with two degrees of freedom has P = 1 - t/sqrt(2 + t^2), here 1 - sqrt(3/5). Of sigma: 0.22, 0.01, 0.02, which is
	// the same.
	same := 1 - math.Sqrt(3./5)
	for i, want := range []Deviation{
		{"accuracy_percent", 92, 90, 2, math.Sqrt(3), same, 3, Within},
		{"loss_nats", 0.5, 0.4, 0.25, math.NaN(), math.NaN(), math.NaN(), NotJudged}, // all seeds the same
		{"sigma_rms", 0.22, 0.2, 0.1, math.Sqrt(3), same, 0.08, Beyond},
		{"reliability_cost", 1000, 800, 0.25, math.NaN(), math.NaN(), math.NaN(), NotJudged},
	} {
		d := c.Points[0].Deviations[i]
		if d.Column != want.Column || !near(d.Ours, want.Ours, 1e-9) || d.Published != want.Published ||
			!near(d.Deviation, want.Deviation, 1e-9) ||
			!near(d.SeedSDs, want.SeedSDs, 1e-9) || !near(d.P, want.P, 1e-9) || !near(d.Tolerance, want.Tolerance, 0) ||
			d.Verdict != want.Verdict {
			t.Errorf("got %+v, want %+v", d, want)
		}
	}
	if got := strings.Join(c.Beyond(), "; "); got != "sigma_rms at 1 of 1 points" {
		t.Errorf("beyond: %s", got)
	}
	// A standard deviation of two seeds, or of rounding, is not used as a unit.
	for _, seeds := range [][][2]float64{{{91, 0.21}}, {{91, 0.21}, {92, 0.23}},
		{{91, 0.2}, {91, 0.2 + 1e-12}, {91, 0.2 - 1e-12}}} {
		c, err = Compare(at(2, 0.1, seeds...), []Published{heterogeneous(2, 0.1, 90, 0.3)}, nil)
		check(t, err)
		for _, d := range c.Points[0].Deviations {
			if !math.IsNaN(d.SeedSDs) || !math.IsNaN(d.P) {
				t.Errorf("seeds %v: %s: %g SD, P %g", seeds, d.Column, d.SeedSDs, d.P)
			}
		}
	}
	for x, want := range map[float64]string{math.Sqrt(3): "+1.7", -100: "-100.0", 101: "over 100", -1e12: "over 100",
		math.NaN(): ""} {
		if got := FormatSDs(x); got != want {
			t.Errorf("%g SD is %q, want %q", x, got, want)
		}
	}
	// Five seeds: t(4) of 2.776 has P = 0.05 by any table.
	list := at(2, 0.1, [2]float64{90, 1}, [2]float64{91, 1}, [2]float64{92, 1}, [2]float64{93, 1}, [2]float64{94, 1})
	c, err = Compare(list, []Published{heterogeneous(2, 0.1, 92+2.776445*math.Sqrt(2.5*1.2), 1)}, nil)
	check(t, err)
	if d := c.Points[0].Deviations[0]; !near(d.P, 0.05, 1e-5) || !near(d.SeedSDs, -2.776445, 1e-6) {
		t.Errorf("%+v", d)
	}
}

// A column's sum: the root mean square, and how many deviations are rare among seeds.
func TestColumnSums(t *testing.T) {
	five := func(c, mean float64) []store.Record {
		var list [][2]float64
		for i := range 5 {
			list = append(list, [2]float64{mean + float64(i-2), 1})
		}
		return at(2, c, list...)
	}
	records := slices.Concat(five(0.1, 92), five(1, 80), at(2, 10, [2]float64{50, 1}))
	c, err := Compare(records, []Published{heterogeneous(2, 0.1, 92+2.8*math.Sqrt(2.5*1.2), 1),
		heterogeneous(2, 1, 80+2.7*math.Sqrt(2.5*1.2), 1), heterogeneous(2, 10, 48, 1)}, nil)
	check(t, err)
	if v := c.Columns[0]; !near(v.RMS, math.Sqrt((3*(2.8*2.8+2.7*2.7)+4)/3), 1e-9) || v.Scattered != 2 || v.Rare != 1 {
		t.Errorf("%+v", v)
	}
}

func TestVerdicts(t *testing.T) {
	for _, c := range []struct {
		ours, published float64
		tolerance       string
		want            string
	}{
		{92.9, 90, "", Within}, {93.1, 90, "", Beyond}, {87.1, 90, "", Within}, {86.9, 90, "", Beyond},
		{91.9, 90.95, "", Within}, {92, 90.95, "", Beyond},
		{12, 10, "", Within}, {14, 10, "", Beyond},
		{92, 90.95, "accuracy_percent=2", Within}, {12, 10, "accuracy_percent=1", Beyond},
		{50, 50, "accuracy_percent=0", Within},
	} {
		tolerances := Tolerances{}
		if c.tolerance != "" {
			check(t, tolerances.Set(c.tolerance))
		}
		got, err := Compare(at(2, 1, [2]float64{c.ours, 1}), []Published{heterogeneous(2, 1, c.published, 1)}, tolerances)
		check(t, err)
		if v := got.Points[0].Deviations[0].Verdict; v != c.want || got.Columns[0].Verdict != c.want {
			t.Errorf("%v, published %v, tolerance %q: %s, want %s", c.ours, c.published, c.tolerance, v, c.want)
		}
	}
	tolerances := Tolerances{}
	for _, text := range []string{"sigma_rms=5%", "loss_nats=0.3", "reliability_cost=10%"} {
		check(t, tolerances.Set(text))
	}
	got, err := Compare(at(2, 1, [2]float64{50, 1.06}, [2]float64{50, 1.06}), []Published{heterogeneous(2, 1, 50, 1)},
		tolerances)
	check(t, err)
	var verdicts, limits []string
	for _, v := range got.Columns {
		verdicts, limits = append(verdicts, v.Verdict), append(limits, v.Tolerance)
	}
	if s := strings.Join(verdicts, ", "); s != "within, within, beyond, beyond" {
		t.Errorf("verdicts %s", s)
	}
	if s := strings.Join(limits, ", "); s != "3 points, 1 above 90 %, 30 %, 5 %, 10 %" {
		t.Errorf("tolerances %s", s)
	}
	for _, text := range []string{"sigma=5%", "sigma_rms", "sigma_rms=-1", "sigma_rms=NaN", "sigma_rms=much", "=3", ""} {
		if err := (Tolerances{}).Set(text); err == nil || !strings.Contains(err.Error(), "want") {
			t.Errorf("tolerance %q: %v", text, err)
		}
	}
}

func TestWhatIsCompared(t *testing.T) {
	records := append(at(1./3, 0.177828, [2]float64{50, 1}), at(2, 5, [2]float64{50, 1})...)
	quiet, lost, other := recordstest.Record(2, 3, 1), diverged(2, 1, 1), recordstest.Record(1./3, 0.177828, 1)
	quiet.ID, quiet.Noise = "quiet", "none"
	other.ID, other.Lambda = "other", 0.5
	records = append(records, quiet, lost, other)
	reference := []Published{
		heterogeneous(0.33333, math.Pow(10, -0.75), 50, 1), heterogeneous(2, 1, 50, 1), heterogeneous(2, 5.01, 50, 1),
		{Settings: store.Settings{Data: "glyphs", Hidden: "100x100", Noise: "none"}, AccuracyPercent: 50,
			LossNats: math.NaN(), SigmaRMS: 0, ReliabilityCost: math.NaN()},
		{Settings: store.Settings{Data: "glyphs", Hidden: "100x100", Noise: "homogeneous", Rho: "2", RhoValue: 2, C: 5},
			AccuracyPercent: 1},
	}
	c, err := Compare(records, reference, nil)
	check(t, err)
	var compared []string
	for _, p := range c.Points {
		compared = append(compared, fmt.Sprintf("%s %d+%d", p.Name(), p.Seeds, p.Diverged))
	}
	got := strings.Join(compared, "; ") + " | " + strings.Join(c.NotTrained, "; ") + " | " +
		strings.Join(c.NotPublished, "; ")
	want := "rho 0.3333333333333333, c 0.177828, heterogeneous, lambda 0 1+0; rho 2, c 1, heterogeneous, lambda 0 " +
		"0+1; none, lambda 0 1+0 | " +
		"rho 2, c 5.01, heterogeneous; rho 2, c 5, homogeneous | rho 2, c 5, heterogeneous, lambda 0"
	if got != want {
		t.Errorf("compared\n%s\nwant\n%s", got, want)
	}
	if u := c.Unfit; len(u) != 1 || u[0].Name != "rho 0.3333333333333333, c 0.177828, heterogeneous, lambda 0.5" ||
		len(u[0].Differences) != 1 ||
		u[0].Differences[0].String() != "lambda is 0.5, in the reference 0" {
		t.Errorf("unfit: %+v", u)
	}
	// A network that diverged does not agree with the published values. Without noise there are two columns to compare.
	if d := c.Points[1].Deviations; len(d) != 4 || d[0].Verdict != Beyond || !math.IsNaN(d[0].Ours) ||
		d[1].Verdict != NotJudged {
		t.Errorf("diverged: %+v", d)
	}
	if d := c.Points[2].Deviations; len(d) != 2 || d[0].Verdict != Within || d[1].Column != "sigma_rms" ||
		d[1].Verdict != Beyond {
		t.Errorf("without noise: %+v", d)
	}
	if v := c.Columns[0]; v.Compared != 3 || v.Beyond != 1 || v.Verdict != Beyond || v.Largest != 0 {
		t.Errorf("accuracy: %+v", v)
	}

	_, err = Compare(nil, reference, nil)
	wantError(t, err, "no point has finished")
	_, err2 := Compare(at(2, 77, [2]float64{1, 1}), reference, nil)
	wantError(t, err2, "no finished point has rho, c and noise")
	if !errors.Is(err, store.ErrNothing) || !errors.Is(err2, store.ErrNothing) {
		t.Error("want ErrNothing")
	}
}

// There is no verdict on networks of another kind than the published ones.
func TestUnfit(t *testing.T) {
	records := at(2, 0.1, [2]float64{50, 1})
	records[0].Later = later()
	kinds := map[string]func(*store.Settings){
		"data is glyphs, in the reference mnist": func(s *store.Settings) { s.Data = "mnist" },
		"hidden is 100x100, in the reference 8":  func(s *store.Settings) { s.Hidden = "8" },
		"epochs is 0, in the reference 50":       func(s *store.Settings) { s.Epochs = 50 },
		"batch is 0, in the reference 20":        func(s *store.Settings) { s.Batch = 20 },
		"lr is 0, in the reference 0.0001":       func(s *store.Settings) { s.LearningRate = 1e-4 },
		"lambda is 0, in the reference 0.01":     func(s *store.Settings) { s.Lambda = 0.01 },
		"mu_init is 0, in the reference 0.1":     func(s *store.Settings) { s.MuInit = 0.1 },
		"sigma_init is 0, in the reference 0.5":  func(s *store.Settings) { s.SigmaInit = 0.5 },
		"validation is 0, in the reference 9":    func(s *store.Settings) { s.Validation = 9 },
		"normalise is mnist, in the reference auto": func(s *store.Settings) {
			s.Later = later(store.LaterSetting{Name: "normalise", Value: "auto", Text: "auto"})
		},
		"classes is those of the labels, in the reference 12": func(s *store.Settings) {
			s.Later = later(store.LaterSetting{Name: "classes", Value: 12, Whole: true, Text: "12"})
		},
	}
	var all []Published
	for want, change := range kinds {
		p := heterogeneous(2, 0.1, 50, 1)
		p.Later = later()
		change(&p.Settings)
		all = append(all, p)
		c, err := Compare(records, []Published{p}, nil)
		check(t, err)
		var unfit *UnfitError
		if !errors.As(c.Fits(), &unfit) || !errors.As(Fits(records, []Published{p}), &unfit) {
			t.Fatalf("%s: %v", want, c.Fits())
		}
		wantError(t, unfit, "is of other networks: "+want)
		if len(c.Points) != 0 || len(c.Beyond()) != 0 || c.Columns[0].Verdict != NotJudged || len(c.NotTrained) != 1 {
			t.Errorf("%s: %+v", want, c)
		}
		g := &Grid{Dir: "grid", Points: 2, Records: append(slices.Clone(records), records[0])}
		g.Records[1].C = 1
		figures, err := g.Figures(recordstest.RhoTitle, []Published{p})
		check(t, err)
		if !strings.Contains(figures[0].Note, "The published values are of other networks") {
			t.Errorf("%s: note %q", want, figures[0].Note)
		}
	}
	// Of several kinds the one that fits counts.
	fits := heterogeneous(2, 0.1, 50, 1)
	fits.Later = later()
	c, err := Compare(records, append(all, fits), nil)
	check(t, err)
	if len(c.Points) != 1 || c.Fits() != nil || Fits(records, append(all, fits)) != nil ||
		len(c.NotTrained) != len(all) {
		t.Errorf("%+v", c)
	}
}

// The published values compared with themselves deviate by nothing.
func TestPublishedAgainstItself(t *testing.T) {
	list := published(t)
	c, err := Compare(asRecords(list), list, Tolerances{"accuracy_percent": 1e-9, "loss_nats": 0, "sigma_rms": 0,
		"reliability_cost": 0})
	check(t, err)
	if len(c.Points) != 240 || len(c.Beyond()) > 0 || len(c.NotTrained)+len(c.NotPublished) > 0 {
		t.Errorf("%d points, beyond %v", len(c.Points), c.Beyond())
	}
}

// Three trained networks of each noise at a published point: accuracy_sampled is the figure that the paper has.
func TestTrainedNetworksAgainstPublished(t *testing.T) {
	list := published(t)
	file, err := os.Open(filepath.Join("..", "..", "bench", "results", "published-point.jsonl"))
	check(t, err)
	defer file.Close()
	var records []store.Record
	for lines := bufio.NewScanner(file); lines.Scan(); {
		r := store.Record{Status: store.Done, Outcome: store.NoOutcome()}
		check(t, json.Unmarshal(lines.Bytes(), &r))
		r.Settings = store.Settings{Data: "mnist", Hidden: "100x100", Noise: r.Noise, Rho: "2", RhoValue: 2, C: r.C,
			Lambda: 0.01, LearningRate: 1e-4,
			Batch: 20, Epochs: 50, MuInit: 0.1, SigmaInit: 1e-4, Seed: r.Seed}
		r.ID = fmt.Sprint(r.Noise, r.Seed)
		records = append(records, r)
	}
	c, err := Compare(records, list, Tolerances{})
	check(t, err)
	// Means and published values as in published-point.md.
	for i, want := range [][4]float64{{91.45, 91.03, 0.2493, 0.2418}, {65.77, 63.35, 0.3168, 0.3195}} {
		accuracy, sigma := c.Points[i].Deviations[0], c.Points[i].Deviations[2]
		if !near(accuracy.Ours, want[0], 1e-4) || accuracy.Published != want[1] || !near(sigma.Ours, want[2], 5e-4) ||
			!near(sigma.Published, want[3], 5e-4) ||
			c.Points[i].Seeds != 3 {
			t.Errorf("%s: %+v %+v", c.Points[i].Name(), accuracy, sigma)
		}
	}
	if len(c.Points) != 2 || len(c.Beyond()) > 0 {
		t.Errorf("%d points, beyond %v", len(c.Points), c.Beyond())
	}
	for i := range records {
		records[i].AccuracySampled = records[i].AccuracyExpectedLog
	}
	if c, err = Compare(records, list, nil); err != nil || len(c.Beyond()) == 0 {
		t.Errorf("accuracy_expected_log is taken for the published figure: %v", err)
	}
}
