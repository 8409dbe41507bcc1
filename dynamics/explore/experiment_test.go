package explore

import (
	"context"
	"errors"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"gonum.org/v1/gonum/stat"

	"quantal/dynamics"
	"quantal/internal/dynamicstest"
	"quantal/train"
)

// small is a quick experiment.
func small() Config {
	c := DefaultConfig()
	c.Sizes, c.Episodes, c.Choices, c.Seeds, c.Untrained = []int{3, 6}, 80, 100, 3, 300
	c.Tuning = Tuning{Seeds: 2, Sizes: []int{3, 4}}
	for i := range c.Explorers {
		x := &c.Explorers[i]
		x.Strengths = x.Strengths[:min(2, len(x.Strengths))]
	}
	return c
}

// run makes an experiment, and returns its findings and their text without the time that it took.
func run(t *testing.T, c Config) (findings Findings, text string) {
	t.Helper()
	findings, err := Run(context.Background(), c, dynamicstest.Quiet)
	return findings, dynamicstest.Found(t, findings, err)
}

// The experiment finds the same for any number of threads; its table and its summary say the same; strengths are the
// best of those tried; and means are those of the agents run separately.
func TestRun(t *testing.T) {
	c := small()
	c.Threads = 1
	findings, text := run(t, c)
	for threads := 2; threads <= 3; threads++ {
		c.Threads = threads
		if _, again := run(t, c); again != text {
			t.Errorf("%d threads find something different from one", threads)
		}
	}
	s := findings.Summary
	if len(s.Outcomes) != 7*3 || len(findings.Table) != len(s.Outcomes) || len(s.Depths) != 7 || len(s.Strengths) != 12 {
		t.Fatalf("%d outcomes, %d rows, %d depths, %d strengths", len(s.Outcomes), len(findings.Table), len(s.Depths),
			len(s.Strengths))
	}
	for _, x := range s.Strengths {
		if i := slices.Index(x.Tried, x.Chosen); i < 0 || x.Returns[i] != slices.Max(x.Returns) || len(x.Tried) != 2 {
			t.Errorf("chosen: %+v", x)
		}
	}
	for i, o := range s.Outcomes {
		if (o.FarReward != nil) != (o.World == DeepSeaWorld) || o.Agents != 3 {
			t.Fatalf("%+v", o)
		}
		chosen := slices.IndexFunc(s.Strengths, func(x Strength) bool {
			return x.World == o.World &&
				x.Explorer == o.Explorer
		})
		if chosen >= 0 && s.Strengths[chosen].Chosen != o.Strength {
			t.Errorf("%s, %s: strength %g, chosen %g", o.World, o.Explorer, o.Strength, s.Strengths[chosen].Chosen)
		}
		e := &experiment{Config: c}
		var means []float64
		found := 0
		for k := range 3 {
			seed := uint64(c.Seed) + uint64(k)
			w, episodes := e.world(pairing{o.World, o.Size, o.Explorer, o.Strength}, seed)
			alone, err := newAgent(c.Learner, w, o.Explorer, o.Strength, seed).live(w, episodes, func() error { return nil })
			if err != nil {
				t.Fatal(err)
			}
			means = append(means, stat.Mean(alone.Returns, nil))
			if alone.Found > 0 {
				found++
			}
		}
		if math.Abs(o.Return-stat.Mean(means, nil)) > 1e-12 || findings.Table[i].Return != o.Return {
			t.Errorf("%s of %d, %s: return %g, row %g, want %g", o.World, o.Size, o.Explorer, o.Return, findings.Table[i].Return,
				stat.Mean(means, nil))
		}
		if o.FarReward != nil && (o.FarReward.Found != found || *findings.Table[i].Found != found) {
			t.Errorf("%s of %d, %s: %d found, want %d", o.World, o.Size, o.Explorer, o.FarReward.Found, found)
		}
	}
}

// The depth is the largest size up to which, at all sizes, enough agents meet the reward.
func TestDepths(t *testing.T) {
	e := &experiment{Config: Config{Explorers: []Explorer{{Name: Synapses}, {Name: Greedy}}}}
	var outcomes []Outcome
	add := func(explorer string, size int, share float64) {
		outcomes = append(outcomes, Outcome{World: DeepSeaWorld, Explorer: explorer, Size: size,
			FarReward: &FarReward{Share: share}})
	}
	for size, share := range map[int]float64{5: 1, 10: 0.95} {
		add(Synapses, size, share)
	}
	slices.SortFunc(outcomes, func(a, b Outcome) int { return a.Size - b.Size })
	add(Synapses, 15, 0.6)
	add(Synapses, 20, 0.4)
	add(Synapses, 30, 1)
	add(Greedy, 5, 0.4)
	add(Greedy, 10, 0.9)
	want := []Depth{{Synapses, 15, 10}, {Greedy, 0, 0}}
	if got := e.depths(outcomes); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// The files that an experiment leaves.
func TestSave(t *testing.T) {
	findings, _ := run(t, small())
	columns, rows := dynamicstest.Save(t, findings, "returns", "depth", "sigma")
	column := slices.Index(columns, "return")
	if len(rows) != 21 || rows[0][0] != BanditWorld || column < 0 || rows[0][slices.Index(columns, "found")] != "" {
		t.Fatalf("table: %d rows, the first %v", len(rows), rows[:2])
	}
	if v, err := strconv.ParseFloat(rows[0][column], 64); err != nil || v != findings.Summary.Outcomes[0].Return {
		t.Errorf("table: return %v, want %v", rows[0][column], findings.Summary.Outcomes[0].Return)
	}
}

// Fewer strategies, and one size, make fewer figures and no error.
func TestRunWithoutSynapses(t *testing.T) {
	c := small()
	c.Sizes = []int{4}
	var err error
	if c.Explorers, err = Named([]string{Greedy}); err != nil {
		t.Fatal(err)
	}
	findings, _ := run(t, c)
	if len(findings.Figures) != 2 || len(findings.Summary.Strengths) != 0 {
		t.Errorf("%d figures, %d strengths", len(findings.Figures), len(findings.Summary.Strengths))
	}
}

func TestProgress(t *testing.T) {
	c := small()
	c.Threads = 2
	if _, err := Run(context.Background(), c, dynamicstest.Rising(t)); err != nil {
		t.Fatal(err)
	}
}

func TestRunStops(t *testing.T) {
	dynamicstest.Stops(t, func(ctx context.Context, job dynamics.Job) (Findings, error) { return Run(ctx, small(), job) })
}

// A network that diverges is an error that names it.
func TestDiverged(t *testing.T) {
	c := small()
	c.Learner.Rate = 1e300
	_, err := Run(context.Background(), c, dynamicstest.Quiet)
	var diverged *train.DivergedError
	if !errors.As(err, &diverged) || !strings.Contains(err.Error(), "want a smaller rate") {
		t.Errorf("got %v", err)
	}
}

func TestCheck(t *testing.T) {
	for want, change := range map[string]func(c *Config){
		"sizes: want one or more":       func(c *Config) { c.Sizes = nil },
		"sizes 6,3: want":               func(c *Config) { c.Sizes = []int{6, 3} },
		"sizes 1: want":                 func(c *Config) { c.Sizes = []int{1} },
		"sizes 61: want":                func(c *Config) { c.Sizes = []int{61} },
		"episodes 39":                   func(c *Config) { c.Episodes = 39 },
		"choices 39":                    func(c *Config) { c.Choices = 39 },
		"contexts 0":                    func(c *Config) { c.Contexts = 0 },
		"arms 1":                        func(c *Config) { c.Arms = 1 },
		"seeds 1: want 2":               func(c *Config) { c.Seeds = 1 },
		"untrained 0":                   func(c *Config) { c.Untrained = 0 },
		"rate 0":                        func(c *Config) { c.Learner.Rate = 0 },
		"rate +Inf":                     func(c *Config) { c.Learner.Rate = math.Inf(1) },
		"momentum 1":                    func(c *Config) { c.Learner.Momentum = 1 },
		"learner.adam-epsilon 0":        func(c *Config) { c.Learner.AdamEpsilon = 0 },
		"every 0":                       func(c *Config) { c.Learner.Every = 0 },
		"replay -1":                     func(c *Config) { c.Learner.Replay = -1 },
		"tuning.seeds 0":                func(c *Config) { c.Tuning.Seeds = 0 },
		"tuning.sizes 4,4":              func(c *Config) { c.Tuning.Sizes = []int{4, 4} },
		"threads -1":                    func(c *Config) { c.Threads = -1 },
		"explorer: want one":            func(c *Config) { c.Explorers = nil },
		`explorer "luck": want one of`:  func(c *Config) { c.Explorers[0].Name = "luck" },
		"explorer frozen: want it once": func(c *Config) { c.Explorers[0].Name = Frozen },
		"strengths of explorer synapses: want one":    func(c *Config) { c.Explorers[0].Strengths = nil },
		"strengths of explorer synapses: 0":           func(c *Config) { c.Explorers[0].Strengths[0] = 0 },
		"strengths of explorer epsilon: 1.5: want pr": func(c *Config) { c.Explorers[5].Strengths[0] = 1.5 },
		"strengths of explorer greedy: 1: want 0":     func(c *Config) { c.Explorers[6].Strengths[0] = 1 },
	} {
		c := small()
		change(&c)
		if err := c.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	for _, c := range []Config{small(), DefaultConfig(), DefaultConfig().Quick()} {
		if err := c.Check(); err != nil {
			t.Error(err)
		}
	}
	if _, err := Named([]string{Softmax, "luck"}); err == nil || !strings.Contains(err.Error(), `"luck"`) {
		t.Errorf("got %v", err)
	}
}

// Interrupted at any time, the experiment continues from its kept parts.
func TestResume(t *testing.T) {
	dynamicstest.Resumes(t, func(ctx context.Context, job dynamics.Job) (Findings,
		error) {
		return Run(ctx, small(), job)
	})
}
