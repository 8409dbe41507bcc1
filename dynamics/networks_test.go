package dynamics

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"quantal/internal/setting"
	"quantal/internal/stripes"
	"quantal/results/store"
	"quantal/train"
)

// probe is the configuration of an experiment that finds the first weight of its network, and the seed.
type probe struct {
	Start
	Seed    store.Seed
	Threads int
	Parts   []string // alone, each
}

func (c probe) Quick() probe { return c }
func (c probe) Check() error { return nil }

func (c *probe) settings() setting.List {
	return append(setting.List{{Name: "parts", Value: &c.Parts}}, SeedAndThreads(&c.Seed, &c.Threads)...)
}

type probed struct {
	Weight *float64 `json:"weight"`
	Noise  uint64   `json:"noise"`
}

// probing is the experiment; run is called when it is made with a network, or with none.
func probing(t *testing.T, run func(n *Network) error) Experiment {
	training, err := train.Preset("quick")
	if err != nil {
		t.Fatal(err)
	}
	training.Data, training.Hidden, training.Batch, training.Draws, training.Device = t.TempDir(), []int{5}, 10, 0, "cpu"
	if err := stripes.Write(training.Data, stripes.Set(40, 20, 3, 3, 2)); err != nil {
		t.Fatal(err)
	}
	return Design[probe, map[string]float64, probed]{
		Help:     Help{Name: "probe"},
		Default:  func() (probe, error) { return probe{Start: Start{Training: training}, Seed: 7}, nil },
		Settings: (*probe).settings, Start: func(c *probe) *Start { return &c.Start },
		NeedsNetwork: func(c probe) bool { return len(c.Parts) != 1 || c.Parts[0] != "alone" },
		Alone: func(c probe) (alone, each probe, some bool) {
			alone, each = c, c
			alone.Parts, each.Parts = []string{"alone"}, []string{"each"}
			return alone, each, len(c.Parts) == 2
		},
		Run: func(_ context.Context, c probe, n *Network, job Job) (Findings[map[string]float64, probed], error) {
			row := probed{Noise: uint64(c.Seed)}
			if n != nil {
				w := float64(n.State.State.Mu[0])
				row.Weight = &w
			}
			job.Tell(1, "probing")
			return Findings[map[string]float64, probed]{
				Summary: map[string]float64{"noise": float64(row.Noise)}, Table: []probed{row},
			}, run(n)
		},
		Print: func(io.Writer, Findings[map[string]float64, probed]) error { return nil },
		Outcomes: func(f Findings[map[string]float64, probed]) []Outcome {
			noise := float64(f.Table[0].Noise)
			late := math.NaN()
			if noise > 8 {
				late = noise
			}
			return []Outcome{{"it", "", "noise", noise}, {"it", "", "late", late}, {"it", "other", "noise", 2 * noise}}
		},
	}.Experiment()
}

func (s *Setup) flags(t *testing.T, flags ...string) *Setup {
	t.Helper()
	for _, flag := range flags {
		name, value, _ := strings.Cut(flag, "=")
		f, err := s.Settings.Find(name)
		if err == nil {
			err = f.Set(value)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func settled(t *testing.T, e Experiment, networks []string, flags ...string) *Setup {
	t.Helper()
	s, err := e.Setup()
	if err == nil {
		err = s.Settle(train.Host{}, false, networks...)
	}
	if err == nil {
		err = s.flags(t, flags...).Check()
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// An experiment with several networks is made with each once, although it is interrupted, with a seed of its own, and
// once without; it leaves the rows of all, and means over networks. The folder of one network is a run folder, which
// repeats it, and from which others start.
func TestSeveralNetworks(t *testing.T) {
	var made []string
	stop := errors.New("stop")
	stopAt := "seed-2"
	e := probing(t, func(n *Network) error {
		id := alone
		if n != nil {
			id = n.ID
		}
		made = append(made, id)
		if id == stopAt {
			return stop
		}
		return nil
	})
	dir := filepath.Join(t.TempDir(), "out")
	last := 0.
	make := func(out string, networks []string, flags ...string) (*Result, error) {
		last = 0
		return settled(t, e, networks, flags...).Make(context.Background(), train.Host{}, out,
			Watch{Progress: func(done float64, what string) {
				if done < last || done > 1 || !strings.Contains(what, "probing") {
					t.Errorf("%g done, %s", done, what)
				}
				last = done
			}})
	}
	flags := []string{"seeds=1-3", "parts=alone,each"}
	if _, err := make(dir, nil, flags...); !errors.Is(err, stop) || !strings.HasPrefix(err.Error(), "seed-2: ") {
		t.Fatalf("interrupted: %v", err)
	}
	stopAt = ""
	result, err := make(dir, nil, flags...)
	if err != nil || math.Abs(last-1) > 1e-12 {
		t.Fatalf("%g done: %v", last, err)
	}
	if got := strings.Join(made, " "); got != "alone seed-1 seed-2 seed-2 seed-3" {
		t.Errorf("made %s", got)
	}
	read := func(path ...string) string {
		text, err := os.ReadFile(filepath.Join(path...))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	table := strings.Split(read(dir, tableName), "\n")
	if table[0] != "network,seed,weight,noise" || table[1] != "alone,,,7" || len(table) != 6 {
		t.Errorf("table:\n%s", strings.Join(table, "\n"))
	}
	weights := map[string]bool{}
	for i := range 3 {
		network, seed, weight, noise := "", 0, 0., 0
		if n, err := fmt.Sscanf(strings.ReplaceAll(table[2+i], ",", " "), "%s %d %g %d", &network, &seed, &weight,
			&noise); n != 4 || network != fmt.Sprintf("seed-%d", i+1) || seed != i+1 || noise != 7+i {
			t.Errorf("row %s: %v", table[2+i], err)
		}
		weights[fmt.Sprint(weight)] = true
	}
	if len(weights) != 3 {
		t.Errorf("networks with the weights %v", weights)
	}
	// 7, 8, 9: t(2) = 4.302653 times 1 over sqrt(3). Late is only 9.
	means := strings.Split(read(dir, meansName), "\n")
	for i, want := range []string{"name,over,measure,networks,mean,ci95,sd", "it,,noise,3,8,2.48413", "it,,late,1,9,,",
		"it,other,noise,3,16,4.96827"} {
		if !strings.HasPrefix(means[i], want) {
			t.Errorf("means.csv: %s, want %s", means[i], want)
		}
	}
	var text strings.Builder
	if err := result.Print(&text); err != nil ||
		!strings.Contains(text.String(), "means of 3 networks, with 95 % intervals\n\nit ") ||
		!strings.Contains(text.String(), "noise 8.0 ± 2.5  late 9 (1)\nit, less other  noise 16.0 ± 5.0\n") {
		t.Errorf("printed: %v\n%s", err, &text)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*", partsName)); left != nil {
		t.Errorf("parts are left: %v", left)
	}

	// Networks of run folders have the names of their folders, and their own seeds.
	networks := []string{filepath.Join(dir, "seed-3", NetworkFolder), filepath.Join(dir, "seed-1", NetworkFolder)}
	if _, err := make(dir+"-2", networks); err != nil {
		t.Fatal(err)
	}
	again := strings.Split(read(dir+"-2", tableName), "\n")
	if again[1] != strings.Replace(table[4], "seed-3", "network", 1) ||
		again[2] != strings.Replace(table[2], "seed-1", "network-2", 1) {
		t.Errorf("from the run folders:\n%s\n%s", again[1], again[2])
	}
	// One network, or the configuration of one, is made as alone.
	s, err := e.Setup()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.ReadFile(filepath.Join(dir, "seed-2", store.ConfigName)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Make(context.Background(), train.Host{}, dir+"-3", Watch{}); err != nil {
		t.Fatal(err)
	}
	if got, want := read(dir+"-3", tableName), read(dir, "seed-2", tableName); got != want {
		t.Errorf("repeated:\n%s, want\n%s", got, want)
	}
	one, err := make(dir+"-4", nil, "seeds=2", "seed=8")
	if err != nil {
		t.Fatal(err)
	}
	if _, several := one.Summary.(map[string]float64); !several || read(dir+"-4", tableName) != read(dir+"-3", tableName) {
		t.Errorf("with one seed: %v", one.Summary)
	}
	// A folder that has finished is left as it is.
	if _, err := make(dir, nil, flags...); err == nil {
		t.Error("made again in a finished folder")
	}
}

// Networks that differ in more than the seed, or not in the seed, are refused, and so are seeds beside folders.
func TestNetworksAreAlike(t *testing.T) {
	training, err := train.Preset("quick")
	if err != nil {
		t.Fatal(err)
	}
	other := training
	other.Seed, other.Draws, other.Device, other.Data = 2, 0, "cpu", "elsewhere"
	paths, data := []string{"a", "b"}, map[string]string{"images": "1"}
	both := func(second train.Config, its map[string]string) error {
		return alike([]trained{{"a", training, data}, {"b", second, its}})
	}
	for _, its := range []map[string]string{nil, {"images": "1"}} {
		if err := both(other, its); err != nil {
			t.Error(err)
		}
	}
	small := other
	small.Hidden = []int{3}
	for _, c := range []struct {
		second train.Config
		data   map[string]string
		want   string
	}{{training, data, "a and b have the same seed, 1"}, {small, data, "b has hidden 3, a has 100x100"},
		{other, map[string]string{"images": "2"}, "a and b learned different data"}} {
		var settings *train.SettingsError
		want := c.want + ": want networks that differ only in the seed"
		if err := both(c.second, c.data); !errors.As(err, &settings) || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
	for _, c := range []struct {
		start  Start
		needed bool
		want   string
	}{
		{Start{Seeds: Seeds{1, 2}, Network: "a"}, true, "seeds 1,2: want no folder of a network, such as a"},
		{Start{Seeds: Seeds{1, 2}, Networks: paths}, true, "seeds 1,2: want no folder of a network, such as a"},
		{Start{Seeds: Seeds{1}}, false, "seeds 1: no network is used"},
		{Start{Network: "c", Networks: paths}, true, "networks a, b: want none beside network c"},
	} {
		if err := c.start.check(c.needed); err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%v, want %s", err, c.want)
		}
	}
	var seeds Seeds
	if err := seeds.UnmarshalText([]byte("3,1-2,2,18446744073709551615")); err != nil ||
		seeds.String() != "3,1,2,18446744073709551615" {
		t.Errorf("seeds %s: %v", seeds, err)
	}
}
