package assemblies

import (
	"context"
	"math"
	"slices"
	"strings"
	"testing"

	"quantal/dynamics"
	"quantal/dynamics/spines"
	"quantal/internal/dynamicstest"
)

// small is an instance in which all claims hold, and a network takes a second or two.
func small() Config {
	c := DefaultConfig()
	c.Neurons, c.Alone, c.Every, c.Moves, c.Strengths = 100, 100, 4, 5, []float64{0, 1, 1.6, 1.9}
	return c
}

// tiny is for everything except the claims.
func tiny() Config {
	c := small()
	c.Neurons, c.Assemblies, c.Imprint, c.Alone, c.Seeds = 20, 4, 4, 8, 2
	return c
}

// The claims of the experiment, each in 9 of 10 consecutive seeds.
func TestClaims(t *testing.T) {
	c := small()
	if testing.Short() {
		c.Seeds = 1
	}
	f, err := Run(context.Background(), c, dynamicstest.Quiet)
	if err != nil {
		t.Fatal(err)
	}
	for _, claim := range f.Summary.Claims {
		if claim.Of != c.Seeds || claim.Seen < c.Seeds-c.Seeds/10 {
			t.Errorf("%s: in %d of %d networks", claim.Claim, claim.Seen, claim.Of)
		}
	}
	// Plasticity and fluctuation together convert far fewer strong synapses into weak ones, and the reverse, than
	// fluctuation alone, and as many in both directions; without fluctuation hardly any convert.
	rates := map[string]Average{}
	for _, a := range f.Summary.Averages {
		rates[a.Condition] = a
	}
	both, alone, still := rates[Together], rates[FluctuationAlone], rates[PlasticityAlone]
	if both.Weakened.Mean > 0.5*alone.Weakened.Mean || both.Strengthened.Mean > 0.6*alone.Strengthened.Mean ||
		still.Weakened.Mean > 0.05*both.Weakened.Mean || still.Strengthened.Mean > 0.05*both.Strengthened.Mean {
		t.Errorf("interconversion: together %+v, fluctuation alone %+v, plasticity alone %+v", both, alone, still)
	}
	if down, up := both.Strong.Mean*both.Weakened.Mean, (1-both.Strong.Mean)*both.Strengthened.Mean; down <= 0 ||
		math.Abs(up/down-1) > 0.05 {
		t.Errorf("together: %g of all synapses weaken in a day, %g strengthen", down, up)
	}
	for _, o := range f.Table {
		// The prediction of the mean drift of plasticity for the weights within assemblies; some 900 of them, not independent
		// over time.
		if o.Condition == Together && (o.KSInside == nil || *o.KSInside > 0.08) {
			t.Errorf("seed %d: weights within assemblies are not distributed as predicted", o.Seed)
		}
		if t.Failed() {
			t.Logf("%+v", o)
		}
	}
}

// Each claim fails if its cause is removed.
func TestFaultsTakeClaimsAway(t *testing.T) {
	if testing.Short() {
		t.Skip("lets six more networks live")
	}
	all := Claims{true, true, true, true}
	for _, fault := range []struct {
		name   string
		change func(c *Config)
		lost   func(k Claims) bool
	}{
		{"additive fluctuation", func(c *Config) { c.Sigma = spines.Line{Offset: 0.03} },
			func(k Claims) bool { return !k.Together }},
		{"reversed plasticity", func(c *Config) { c.Plasticity = -c.Plasticity },
			func(k Claims) bool { return !k.Together && !k.Impairs }},
		{"hardly any fluctuation", func(c *Config) { c.Sigma = spines.Line{Offset: 0.0015, Slope: 0.02} },
			func(k Claims) bool { return !k.Together && !k.Impairs }},
		{"hardly any plasticity", func(c *Config) { c.Plasticity /= 20 },
			func(k Claims) bool { return !k.Together && !k.RunsAway && !k.Impairs }},
		{"little time", func(c *Config) { c.Alone = 8 }, func(k Claims) bool { return !k.Fades }},
		{"no inhibition", func(c *Config) { c.Inhibition = 0 }, func(k Claims) bool { return !k.Together }},
	} {
		c := small()
		c.Seeds, c.Alone, c.Strengths = 1, 40, []float64{0, 1, 1.9}
		fault.change(&c)
		e := &experiment{Config: c}
		if err := e.run(context.Background(), dynamicstest.Quiet); err != nil {
			t.Fatal(err)
		}
		if k := claims(c, e.outcomes[0]); k == all || !fault.lost(k) {
			t.Errorf("%s: %+v", fault.name, k)
		}
	}
}

// everything makes an experiment and returns its findings as text, except the time that it took.
func everything(t *testing.T, c Config) string {
	t.Helper()
	f, err := Run(context.Background(), c, dynamicstest.Quiet)
	return dynamicstest.Found(t, f, err)
}

func TestBytesDoNotDependOnThreads(t *testing.T) {
	c := tiny()
	c.Threads = 1
	want := everything(t, c)
	for _, c.Threads = range []int{2, 3} {
		if everything(t, c) != want {
			t.Errorf("%d threads find something different from one", c.Threads)
		}
	}
	c.Seed++
	if everything(t, c) == want {
		t.Error("another seed finds the same")
	}
}

// The first network is the same alone, and without the other strengths.
func TestNetworksDoNotDependOnOthers(t *testing.T) {
	outcomes := func(c Config) []Outcome {
		e := &experiment{Config: c}
		if err := e.run(context.Background(), dynamicstest.Quiet); err != nil {
			t.Fatal(err)
		}
		return e.outcomes[0]
	}
	c := tiny()
	all := outcomes(c)
	c.Seeds, c.Strengths = 1, []float64{0, 1, 1.9}
	for _, o := range outcomes(c) {
		k := slices.IndexFunc(all, func(other Outcome) bool { return other.Condition == o.Condition })
		if o.KSStationary, o.KSInside, all[k].KSStationary, all[k].KSInside = nil, nil, nil, nil; o != all[k] {
			t.Errorf("%+v among others, %+v by itself", all[k], o)
		}
	}
}

func TestSave(t *testing.T) {
	c := tiny()
	f, err := Run(context.Background(), c, dynamicstest.Rising(t))
	if err != nil {
		t.Fatal(err)
	}
	columns, rows := dynamicstest.Save(t, f, "fig3", "matrix", "memory")
	if len(rows) != c.Seeds*(4+len(c.Strengths)-1) {
		t.Fatalf("%d rows", len(rows))
	}
	for _, column := range []string{"condition", "seed", "strength", "recall", "separation", "retention_days",
		"peak_height", "ks_stationary"} {
		if !slices.Contains(columns, column) {
			t.Errorf("no column %s in %v", column, columns)
		}
	}
}

func TestRunStops(t *testing.T) {
	dynamicstest.Stops(t, func(ctx context.Context, job dynamics.Job) (Findings, error) { return Run(ctx, tiny(), job) })
}

func TestCheck(t *testing.T) {
	for want, change := range map[string]func(c *Config){
		"assemblies 1":                       func(c *Config) { c.Assemblies = 1 },
		"neurons 101: want a multiple":       func(c *Config) { c.Neurons = 101 },
		"neurons 10: want a multiple":        func(c *Config) { c.Neurons = 10 },
		"step 0":                             func(c *Config) { c.Step = 0 },
		"patterns 0":                         func(c *Config) { c.Patterns = 0 },
		"moves 0":                            func(c *Config) { c.Moves = 0 },
		"imprint 0.1":                        func(c *Config) { c.Imprint = 0.1 },
		"every 0.1":                          func(c *Config) { c.Every = 0.1 },
		"alone 1":                            func(c *Config) { c.Alone = 1 },
		"want at most 2147483647 steps":      func(c *Config) { c.Alone = 1e9 },
		"strengths 1,0: want rising":         func(c *Config) { c.Strengths = []float64{1, 0} },
		"strengths: want 0 and 1 among them": func(c *Config) { c.Strengths = []float64{0, 2} },
		"strengths 0,1,1: want rising":       func(c *Config) { c.Strengths = []float64{0, 1, 1} },
		"strengths -1,0,1: want rising":      func(c *Config) { c.Strengths = []float64{-1, 0, 1} },
		"seeds 0":                            func(c *Config) { c.Seeds = 0 },
		"threads -1":                         func(c *Config) { c.Threads = -1 },
		"low 0: want a number above 0":       func(c *Config) { c.Low = 0 },
		"plasticity -1":                      func(c *Config) { c.Plasticity = -1 },
		"noise NaN":                          func(c *Config) { c.Noise = math.NaN() },
		"sigma: condition intrinsic":         func(c *Config) { c.Sigma.Offset = -1 },
		"moves 1: at strength 1.9":           func(c *Config) { c.Moves = 1 },
	} {
		c := small()
		change(&c)
		if err := c.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	for _, c := range []Config{DefaultConfig(), DefaultConfig().Quick(), small(), tiny()} {
		if err := c.Check(); err != nil {
			t.Error(err)
		}
	}
}

// Interrupted at any time, the experiment continues from its kept parts.
func TestResume(t *testing.T) {
	dynamicstest.Resumes(t, func(ctx context.Context, job dynamics.Job) (Findings, error) { return Run(ctx, tiny(), job) })
}
