package tables

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"quantal/internal/recordstest"
	"quantal/results/draw"
	"quantal/results/store"
)

// priced is a network whose synapses pay by a law with a number k; none is read if k is 0.
func priced(law string, c, k, accuracy float64, seed uint64) store.Record {
	r := recordstest.Record(2, c, seed)
	r.Rho, r.RhoValue, r.AccuracySampled = "", 0, accuracy
	r.ID = fmt.Sprintf("%s-%g-%g-%d", law, c, k, seed)
	list := []store.LaterSetting{{Name: "cost", Value: law, Text: law}}
	if set := fmt.Sprintf("k=%g,n=3", k); k > 0 {
		list = append(list, store.LaterSetting{Name: "set", Value: set, Text: set})
	} else {
		list = append(list, store.LaterSetting{Name: "set", Value: "none", Text: "none", Before: true})
	}
	r.Later = store.NewLater(list...)
	r.ObjectiveCosts = store.Terms{"cost": 100 * k}
	return r
}

const (
	exponential = "cost = c*exp(-k*sigma)/n"
	inverse     = "cost = c/sigma"
)

// A grid over a number of a law: columns of its own, figures over it, and words that say what differs.
func TestNumbersOfCosts(t *testing.T) {
	var records []store.Record
	for i, k := range []float64{10, 0.5, 2} {
		for seed := range 2 {
			records = append(records, priced(exponential, 0.1, k, 0.5+0.1*float64(i), uint64(seed+1)))
		}
	}
	records = append(records, priced(inverse, 0.1, 0, 0.4, 1))
	lines := strings.Split(writtenTables(t, records)["table.csv"], "\n")
	for i, want := range []string{",cost,set,set_k,set_n,seed,",
		`,cost = c*exp(-k*sigma)/n,"k=0.5,n=3",0.5,3,1,`, `,"k=0.5,n=3",0.5,3,2,`, `,"k=2,n=3",2,3,1,`, `,"k=2,n=3",2,3,2,`,
		`,"k=10,n=3",10,3,1,`, `,"k=10,n=3",10,3,2,`, ",cost = c/sigma,none,,,1,"} {
		if !strings.Contains(lines[i], want) {
			t.Errorf("line %d is %q, want %s in it", i, lines[i], want)
		}
	}
	means := strings.Split(writtenTables(t, records)["means.csv"], "\n")
	if len(means) != 6 || !strings.Contains(means[2], `,"k=2,n=3",2,3,2,0,0.7,0,`) {
		t.Errorf("means.csv is %q", means)
	}

	g := &Grid{Dir: "grid", Points: len(records), Records: records}
	figures, err := g.Figures(func(s store.Settings) string { return s.Later.Text("cost") }, nil)
	check(t, err)
	if len(figures) != 2 || figures[0].Name != "fig2-over-k" || figures[1].Name != "fig3-over-k" {
		t.Fatalf("figures %+v", figures)
	}
	over, cost := figures[0].Blocks[0].Rows, figures[1].Blocks[0].Rows
	if len(over[0]) != 1 || len(cost[0]) != 1 || over[0][0].X.Label != "Number k of the cost" || !over[0][0].X.Log ||
		over[0][0].Title != short(exponential) || !strings.Contains(figures[0].Note, "1 cost with a single k is not drawn.") {
		t.Errorf("panels %+v, note %q", over[0], figures[0].Note)
	}
	if c := curvesOf(over[0][0], "heterogeneous"); len(c) != 1 || !slices.Equal(c[0].X, []float64{0.5, 2, 10}) ||
		!near(c[0].Y[0], 60, 1e-9) || !near(c[0].Y[2], 50, 1e-9) {
		t.Errorf("curves %+v", c)
	}
	p := parsed(t, g.Report(figures, nil))
	p.wants(t, "Highest test accuracy with noise and sampled weights: 70.00 % (2 seeds), at c 0.1, heterogeneous, "+
		"c*exp(-k*sigma)/n, k 2.", "Test accuracy and noise over k, a number of the cost")

	tell := Distinctions([]store.Settings{records[0].Settings, records[2].Settings, records[6].Settings})
	if got := strings.Join(tell(records[2].Settings), "; "); got != "c*exp(-k*sigma)/n; k 0.5" {
		t.Errorf("told %q", got)
	}
	if got := Distinctions([]store.Settings{records[0].Settings, records[1].Settings})(records[0].Settings); got != nil {
		t.Errorf("seeds differ in %q", got)
	}
}

// Figures are over what takes most values, of c and the numbers of laws.
func TestWhatFiguresAreOver(t *testing.T) {
	grid := func(cs, ks []float64) (list []store.Record) {
		for _, c := range cs {
			for _, k := range ks {
				list = append(list, priced(exponential, c, k, 0.5, 1))
			}
		}
		return append(list, recordstest.GridRecords([]float64{2}, []string{"none"}, []float64{0.1}, 1,
			func(r *store.Record) { r.C, r.Later = 0, list[0].Later })...)
	}
	for want, records := range map[string][]store.Record{
		"fig2-k1 fig3-k1 fig2-k2 fig3-k2 over-c":                                 grid([]float64{0.1, 1, 2}, []float64{1, 2}),
		"fig2-over-k-c0.1 fig3-over-k-c0.1 fig2-over-k-c1 fig3-over-k-c1 over-k": grid([]float64{0.1, 1}, []float64{1, 2, 3}),
		"fig2-over-k fig3-over-k":                                                grid([]float64{0.1}, []float64{1, 2}),
		"over-noise":                                                             grid([]float64{0.1}, []float64{1}),
		"fig2-k1 fig3-k1 fig2-k2 fig3-k2 fig2-over-k-c1 fig3-over-k-c1 fig2-over-k-c3 fig3-over-k-c3 " +
			"over-c": grid([]float64{1, 3}, []float64{1, 2}),
	} {
		g := &Grid{Dir: "grid", Points: 9, Records: records}
		figures, err := g.Figures(func(store.Settings) string { return "law" }, nil)
		check(t, err)
		var got []string
		for _, f := range figures {
			got = append(got, f.Name)
			level, ok := f.Blocks[0].Rows[0][0].Layers[0].(draw.Level)
			if strings.Contains(f.Name, "fig2-over-k") && (!ok || !near(level.Y, 98, 1e-9)) {
				t.Errorf("%s: accuracy without noise %v", f.Name, level.Y)
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%v, want %s", got, want)
		}
	}
}

// Laws of a common beginning are told apart by as much of them as it takes.
func TestShortLaws(t *testing.T) {
	long := "c*exp(-sigma) + c*sigma^-2 + lambda*abs(mu)"
	got := shortLaws([]string{"", "cost = " + long, "cost = " + long + "^2", "a = 1/sigma; b = mu^2"})
	for law, want := range map[string]string{"": "", "cost = " + long: long, "cost = " + long + "^2": long + "^2",
		"a = 1/sigma; b = mu^2": "a = 1/sigma; b = mu^2"} {
		if got[law] != want {
			t.Errorf("%q is %q, want %q", law, got[law], want)
		}
	}
	if got := shortLaws([]string{long, "1/sigma"})[long]; got != "c*exp(-sigma) + c*sigma…" {
		t.Errorf("short %q", got)
	}
}

// Numbers that are fractions are written as such.
func TestFractionsInLaws(t *testing.T) {
	for formula, want := range map[string]string{
		"c*abs(mu)^1.3333333333333333*sigma^-0.6666666666666666": "c*abs(mu)^(4/3)*sigma^-(2/3)",
		"c*1.6493848884661177*sigma^-0.2":                        "c*1.6493848884661177*sigma^-0.2",
		"0.08333333333333333*sigma":                              "(1/12)*sigma",
	} {
		if got := withFractions(formula); got != want {
			t.Errorf("%s is %s, want %s", formula, got, want)
		}
	}
}

// A network of another law is not one of the published: it is named, and gets no verdict.
func TestLawsAgainstPublished(t *testing.T) {
	read := priced("cost = c*abs(mu)*sigma^-rho", 0.1, 0, 0.5, 1) // has rho and c of the published network
	read.Rho, read.RhoValue = "2", 2
	other := priced(exponential, 0.1, 2, 0.5, 1)
	paper := recordstest.Record(2, 0.1, 1)
	c, err := Compare([]store.Record{read, other, paper}, []Published{heterogeneous(2, 0.1, 50, 1./3)}, nil)
	check(t, err)
	if len(c.Points) != 1 || len(c.Unfit) != 1 || len(c.NotPublished) != 1 || len(c.NotTrained) != 0 ||
		c.NotPublished[0] != "c 0.1, heterogeneous, c*exp(-k*sigma)/n" ||
		c.Unfit[0].Name != "rho 2, c 0.1, heterogeneous, c*abs(mu)*sigma^-rho" ||
		c.Unfit[0].Differences[0].Setting != "cost" {
		t.Errorf("%+v", c)
	}
	_, err = Compare([]store.Record{other}, []Published{heterogeneous(2, 0.1, 50, 1./3)}, nil)
	wantError(t, err, "nothing to compare")

	// Published values of a law.
	own := heterogeneous(2, 0.1, 53, 0.33)
	own.Settings = seedless(other.Settings)
	c, err = Compare([]store.Record{other, priced(exponential, 0.1, 3, 0.5, 1), paper}, []Published{own}, nil)
	check(t, err)
	if len(c.Points) != 1 || c.Points[0].About != "c*exp(-k*sigma)/n, k 2" || c.Columns[0].Verdict != Within ||
		len(c.Unfit) != 1 || c.Unfit[0].Differences[0].Setting != "set" || len(c.NotPublished) != 1 {
		t.Errorf("%+v", c)
	}
}
