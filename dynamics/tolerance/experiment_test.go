package tolerance

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"quantal/dynamics"
	"quantal/internal/dynamicstest"
	"quantal/internal/stripes"
	"quantal/kernels"
	"quantal/train"
)

// trained is a small network that has learnt its data, trained once for all tests.
var trained = sync.OnceValues(func() (*dynamics.Network, error) {
	c, err := train.Preset("published")
	if err != nil {
		return nil, err
	}
	c.Hidden, c.Epochs, c.LearningRate, c.SigmaInit, c.C, c.Batch, c.Device = []int{20, 12}, 30, 3e-3, 0.05, 1e-2, 10,
		"cpu"
	return dynamicstest.Train(stripes.Set(400, 150, 8, 8, 4), c)
})

func small(t *testing.T) (Config, *dynamics.Network) {
	t.Helper()
	n, err := trained()
	if err != nil {
		t.Fatal(err)
	}
	c, err := DefaultConfig()
	if err != nil {
		t.Fatal(err)
	}
	c = c.Quick()
	c.Draws, c.Probes, c.ContactDraws, c.Amplitudes, c.Hit = 3, 500, 60, []float64{0.5, 2}, []float64{0.3, 1}
	return c, n
}

// prepared is an experiment whose subsets are made and whose trials are listed.
func prepared(t *testing.T, c Config, n *dynamics.Network) *experiment {
	t.Helper()
	e, err := newExperiment(c, n, dynamicstest.Quiet)
	if err != nil {
		t.Fatal(err)
	}
	if err := e.rank(context.Background()); err != nil {
		t.Fatal(err)
	}
	e.plan()
	return e
}

// run makes an experiment, and returns its findings and their text without the time that it took.
func run(t *testing.T, c Config, n *dynamics.Network) (findings Findings, text string) {
	t.Helper()
	findings, err := Run(context.Background(), c, n, dynamicstest.Quiet)
	return findings, dynamicstest.Found(t, findings, err)
}

// forward is the network in float64, straight from the equations: the outputs for a test example.
func forward(n *dynamics.Network, w []float32, example int) []float64 {
	l, pixels := n.State.Layout, n.Set.Rows*n.Set.Columns
	var x []float64
	for _, v := range n.Set.Test.Images[example*pixels : (example+1)*pixels] {
		x = append(x, (float64(v)/255-0.1307)/0.3081)
	}
	for i, layer := range l.Layers {
		var y []float64
		for r := range layer.Out {
			row := w[l.Slot(i, r, 0):]
			sum := float64(row[layer.In])
			for k, v := range x {
				sum += v * float64(row[k])
			}
			if i < len(l.Layers)-1 {
				sum = max(sum, 0)
			}
			y = append(y, sum)
		}
		x = y
	}
	return x
}

// accuracyOfWeights is the share of the test examples that a network gets right.
func accuracyOfWeights(n *dynamics.Network, w []float32) float64 {
	correct := 0
	for b, label := range n.Set.Test.Labels {
		y := forward(n, w, b)
		if slices.Index(y, slices.Max(y)) == int(label) {
			correct++
		}
	}
	return float64(correct) / float64(n.Set.Test.N())
}

// For any number of tested networks, the experiment compiles four Programs: for gradients, tests, squared derivatives
// of the outputs, and the outputs of the networks with contacts.
func TestProgramsAreCompiledOnce(t *testing.T) {
	c, n := small(t)
	for range 2 {
		e := prepared(t, c, n)
		if err := errors.Join(e.test(context.Background()), e.measureContacts(context.Background())); err != nil {
			t.Fatal(err)
		}
		if got := e.session.Compilations(); got != 4 {
			t.Errorf("%d compilations with %d draws, want 4", got, c.ContactDraws)
		}
		c.Draws, c.ContactDraws = c.Draws+1, 2*c.ContactDraws
	}
}

// The whole experiment: its findings are the same for any number of threads, and the table has the results of its
// networks.
func TestRun(t *testing.T) {
	c, n := small(t)
	c.Threads = 1
	findings, text := run(t, c, n)
	c.Threads = 3
	if _, again := run(t, c, n); again != text {
		t.Error("3 threads find something else than one")
	}
	c.Seed++
	if _, other := run(t, c, n); other == text {
		t.Error("another seed finds the same")
	}
	c.Seed--
	const subsets = 1 + 2*3 + 1 + 4
	want := 1 + 5*subsets*2 + len(c.Contacts)*2 + len(c.Kept)*len(c.SharedWeights)*2 + 3*len(c.Factors)
	if len(findings.Table) != want || len(findings.Summary.Tolerances) != 5*subsets || len(findings.Figures) != 8 {
		t.Fatalf("%d rows, %d tolerances, %d figures, want %d, %d, 8", len(findings.Table), len(findings.Summary.Tolerances),
			len(findings.Figures), want, 5*subsets)
	}
	// Each row against the network in float64. An example at the border may fall to either side.
	e := prepared(t, c, n)
	for i, r := range findings.Table {
		mean := 0.0
		for d := range r.Draws {
			mean += accuracyOfWeights(n, e.trials[i].weights(d)) / float64(r.Draws)
		}
		if math.Abs(r.Accuracy-mean) > 1.5/float64(n.Set.Test.N()) {
			t.Errorf("%s, %s, %g: accuracy %g, want %g", r.Perturbation, r.Subset, r.Amount, r.Accuracy, mean)
		}
	}
	if findings.Summary.Accuracy < 0.9 {
		t.Errorf("the network has learnt too little to lose anything: accuracy %g", findings.Summary.Accuracy)
	}
}

// Every perturbation reaches its subset and nothing else. One that ignores the subset fails this.
func TestPerturbationsKeepToTheirSubset(t *testing.T) {
	c, n := small(t)
	e := prepared(t, c, n)
	l := e.layout
	for _, p := range c.Perturbations {
		for _, s := range e.subsets {
			weights := e.perturbed(p, s, 1)
			for draw := range 2 {
				w, in := weights(draw), s.of(draw)
				changed := 0
				for slot, v := range w {
					if !in[slot] && v != e.mu[slot] {
						t.Fatalf("%s of %s: slot %d is not in the subset and has changed", p, s.name, slot)
					}
					if v != e.mu[slot] {
						changed++
					}
				}
				if in.Size() != s.size() || changed < s.size()*9/10 {
					t.Errorf("%s of %s: %d of %d synapses have changed, want %d", p, s.name, changed, in.Size(), s.size())
				}
			}
		}
	}
	for _, s := range e.subsets {
		if random := strings.HasPrefix(s.name, "random"); slices.Equal(s.of(0), s.of(1)) == random {
			t.Errorf("%s: the same in two draws: %t", s.name, !random)
		}
	}
	// Half of each layer, according to their names.
	session, err := train.Open(n.Set, n.Config)
	if err != nil {
		t.Fatal(err)
	}
	fisher, err := session.Gradients(context.Background(), []*kernels.State{n.State.State}, kernels.Accumulate{AtMu: true},
		1, nil)
	if err != nil {
		t.Fatal(err)
	}
	by := map[string]func(slot int) float64{
		"fisher":    func(slot int) float64 { return fisher[0].ExampleSquare[slot] },
		"magnitude": func(slot int) float64 { return math.Abs(float64(e.mu[slot])) },
		"snr": func(slot int) float64 {
			sigma := math.Log1p(math.Exp(float64(n.State.State.Phi[slot])))
			return math.Abs(float64(e.mu[slot])) / sigma
		},
	}
	for _, s := range e.subsets {
		name, most := strings.CutSuffix(s.name, "-most")
		if !most {
			continue
		}
		in := s.of(0)
		for layer, slots := range All(l).layers(l) {
			least, largest := math.Inf(1), math.Inf(-1)
			for _, slot := range slots {
				if v := by[name](slot); in[slot] {
					least = min(least, v)
				} else {
					largest = max(largest, v)
				}
			}
			if least < largest*(1-1e-12) || s.counts[layer] != part(0.5, len(slots)) {
				t.Errorf("%s, layer %d: %d of %d synapses from %g on, the others up to %g", s.name, layer, s.counts[layer],
					len(slots), least, largest)
			}
		}
	}
}

// At small amplitude the variance of the outputs falls as 1/contacts, and is that of the linearised network.
func TestVarianceOverContacts(t *testing.T) {
	if testing.Short() {
		t.Skip("draws thousands of networks")
	}
	c, n := small(t)
	c.ContactAmplitudes, c.ContactDraws = []float64{0.01}, 1500
	e := prepared(t, c, n)
	c = e.Config // of which the probes are all test examples
	if err := e.measureContacts(context.Background()); err != nil {
		t.Fatal(err)
	}
	for _, v := range e.contacts {
		if math.Abs(v.Law-1) > 0.05 || math.Abs(v.Variance/v.Linearised-1) > 0.05 {
			t.Errorf("%d contacts: variance %.4g ± %.2g, linearised %.4g, n var(n)/var(1) = %.3f", v.Contacts, v.Variance,
				v.VarianceCI95, v.Linearised, v.Law)
		}
	}
	// The slope over a factor of 16 has a standard error near 0.01.
	if s := contactSlopes(e.contacts); len(s) != 1 || math.Abs(s[0].Slope+1) > 0.04 {
		t.Errorf("slope %+v, want -1", s)
	}
	// The variance itself, against naive means and squares of the outputs in float64.
	const draws = 40
	var all [][]float32
	var naive float64
	sum, square := make([]float64, c.Probes*n.Set.Classes), make([]float64, c.Probes*n.Set.Classes)
	for d := range draws {
		w := Contacts(e.layout, e.mu, 0.3, e.meanNoise(2, d))
		y, err := e.logits(w)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, y)
		for b := range c.Probes {
			for j, v := range forward(n, w, b) {
				sum[b*n.Set.Classes+j] += v
				square[b*n.Set.Classes+j] += v * v
			}
		}
	}
	for i := range sum {
		naive += (square[i] - sum[i]*sum[i]/draws) / (draws - 1) / float64(len(sum))
	}
	if got, _ := meanVariance(all); math.Abs(got/naive-1) > 1e-4 {
		t.Errorf("variance %g, want %g", got, naive)
	}
}

// The profiles have one cost, that of the network's own sigma; the shuffled one has the sigma of each layer on other
// synapses.
func TestProfiles(t *testing.T) {
	c, n := small(t)
	for _, rho := range []string{"1/2", "2", "entropic"} {
		network := *n
		var err error
		if network.Config.Rho, err = train.ParseExponent(rho); err != nil {
			t.Fatal(err)
		}
		e := prepared(t, c, &network)
		costs := map[string]float64{}
		for _, x := range e.trials {
			if x.Perturbation != profile || x.Amount != 1 {
				continue
			}
			// sigma from the weights and the noise of a draw.
			w, xi, sum := x.weights(1), normals(e.layout, source(uint64(c.Seed), forProfile, 1)), 0.0
			for slot, in := range synapses(e.layout) {
				if in {
					sum += network.Config.Rho.Value().Cost((float64(w[slot]) - float64(e.mu[slot])) / float64(xi[slot]))
				}
			}
			costs[x.Subset] = sum
		}
		want := n.State.State
		own := 0.0
		for slot, in := range synapses(e.layout) {
			if in {
				own += network.Config.Rho.Value().Cost(math.Log1p(math.Exp(float64(want.Phi[slot]))))
			}
		}
		for _, name := range []string{heterogeneous, homogeneous, shuffled} {
			if got := costs[name]; !(math.Abs(got/own-1) < 1e-3) { // the difference w - mu has lost digits
				t.Errorf("rho %s: the %s profile costs %g, the network %g", rho, name, got, own)
			}
		}
		if p := e.profiles(1); math.Abs(p.HomogeneousCost/p.Cost-1) > 1e-9 || math.Abs(p.Cost/own-1) > 1e-5 {
			t.Errorf("rho %s: costs %g and %g, want %g", rho, p.Cost, p.HomogeneousCost, own)
		}
	}
}

// With one weight for all connections, the score is the mean over the weights, and the best one is chosen without the
// examples on which it is scored: against the network in float64, and with other labels on the held-out half.
func TestSharedWeights(t *testing.T) {
	c, n := small(t)
	c.SharedWeights = []float64{0.01, 0.05, 0.1, 0.3, 1}
	e := prepared(t, c, n)
	findings, _ := run(t, c, n)
	half := float64(n.Set.Test.N()) / 2
	right := func(w []float32, from int) (share float64) { // of examples from, from+2, ...
		for b := from; b < n.Set.Test.N(); b += 2 {
			if y := forward(n, w, b); slices.Index(y, slices.Max(y)) == int(n.Set.Test.Labels[b]) {
				share += 1 / half
			}
		}
		return share
	}
	border := 1.5 / half // an example at the border may fall to either side
	for _, b := range findings.Summary.SharedWeights {
		mean, best, chosen, accuracy := 0.0, 0.0, 0.0, 0.0
		for i, r := range findings.Table {
			if r.Perturbation != sharedWeight || r.Subset != wiringName(b.Wiring, b.Kept) {
				continue
			}
			validation, heldOut := 0.0, 0.0
			for d := range r.Draws {
				w := e.trials[i].weights(d)
				validation += right(w, 0) / float64(r.Draws)
				heldOut += right(w, 1) / float64(r.Draws)
			}
			if math.Abs(*r.Validation-validation) > border || math.Abs(*r.HeldOut-heldOut) > border {
				t.Errorf("%s, %g: %g and %g, want %g and %g", r.Subset, r.Amount, *r.Validation, *r.HeldOut, validation, heldOut)
			}
			mean += heldOut / float64(len(c.SharedWeights))
			best = max(best, validation)
			if r.Amount == b.Strength {
				chosen, accuracy = validation, heldOut
			}
		}
		if math.Abs(b.Mean-mean) > border || chosen < best-border || math.Abs(b.Accuracy-accuracy) > border {
			t.Errorf("%+v: want a mean of %g, the best weight at %g and not %g, with an accuracy of %g", b, mean, best, chosen,
				accuracy)
		}
	}
	other, set := *n, *n.Set
	other.Set, set.Test.Labels = &set, slices.Clone(n.Set.Test.Labels)
	for b := 1; b < set.Test.N(); b += 2 {
		set.Test.Labels[b] = (set.Test.Labels[b] + 1) % byte(set.Classes)
	}
	changed, _ := run(t, c, &other)
	for i, b := range changed.Summary.SharedWeights {
		if before := findings.Summary.SharedWeights[i]; b.Strength != before.Strength ||
			b.Wiring == ownWiring && b.Accuracy == before.Accuracy {
			t.Errorf("with other labels on the held-out half: %+v, before %+v", b, before)
		}
	}
}

// Without biases, rectified neurons make the strength of a shared weight a factor of the outputs: the accuracy does not
// depend on it.
func TestSharedWeightIsAFactor(t *testing.T) {
	c, n := small(t)
	// powers of two, so that rounding is the same
	c.Kept, c.SharedWeights = []float64{0.3}, []float64{0.25, 0.5, 2, 8}
	network := *n
	state := *n.State
	network.State, state.State = &state, kernels.NewState(state.Layout, 0)
	state.State.CopyFrom(n.State.State)
	for r := range state.Layout.Rows() {
		state.State.Mu[r.First+r.In] = 0
	}
	findings, _ := run(t, c, &network)
	var list []float64
	for _, r := range findings.Table {
		if r.Perturbation == sharedWeight && r.Subset == wiringName(ownWiring, 0.3) {
			list = append(list, r.Accuracy)
		}
	}
	if len(list) != 4 || slices.Max(list) != slices.Min(list) {
		t.Errorf("accuracies %v", list)
	}
}

// A network without a sigma for each synapse has no signal-to-noise ratio, and no profiles.
func TestWithoutSigma(t *testing.T) {
	c, n := small(t)
	network := *n
	state := *n.State
	network.Config.Noise = "none"
	network.State, state.Layout.Sharing = &state, kernels.NoNoise
	state.State = kernels.NewState(state.Layout, 0)
	copy(state.State.Mu, n.State.State.Mu)
	findings, _ := run(t, c, &network)
	if findings.Summary.Profiles != nil || len(findings.Figures) != 7 {
		t.Errorf("%d figures, profiles %+v", len(findings.Figures), findings.Summary.Profiles)
	}
	for _, r := range findings.Table {
		if strings.HasPrefix(r.Subset, "snr") || r.Perturbation == profile {
			t.Fatalf("%+v", r)
		}
	}
}

func TestTolerated(t *testing.T) {
	list := []Row{{Amount: 0.5, Accuracy: 0.93}, {Amount: 1, Accuracy: 0.89}, {Amount: 2, Accuracy: 0.3},
		{Amount: 3, Accuracy: 0.95}}
	for _, x := range []struct{ unperturbed, want float64 }{
		{0.99, 0.5 * 0.05 / 0.06},    // 0.94, before the first amount
		{0.96, 0.5 + 0.5*0.02/0.04},  // 0.91
		{0.74, 1 + (0.89-0.69)/0.59}, // 0.69; a later rise is ignored
	} {
		if got := tolerated(x.unperturbed, list); math.Abs(got-x.want) > 1e-12 {
			t.Errorf("from %g: %g, want %g", x.unperturbed, got, x.want)
		}
	}
	if got := tolerated(0.3, list[:2]); !math.IsNaN(got) {
		t.Errorf("%g, want NaN: nothing is lost", got)
	}
}

func TestCheck(t *testing.T) {
	good, n := small(t)
	if err := good.Check(); err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(c *Config){
		"draws 1: want 2 to 1000000":                   func(c *Config) { c.Draws = 1 },
		"share 1: want a number":                       func(c *Config) { c.Share = 1 },
		"share NaN":                                    func(c *Config) { c.Share = math.NaN() },
		"threads -1":                                   func(c *Config) { c.Threads = -1 },
		`perturbations "burnt": want one of`:           func(c *Config) { c.Perturbations = []string{"burnt"} },
		"contacts [2 4]: want rising numbers, 1 first": func(c *Config) { c.Contacts = []int{2, 4} },
		"contacts [1 1]: want rising":                  func(c *Config) { c.Contacts = []int{1, 1} },
		"contact-draws 2: want 10":                     func(c *Config) { c.ContactDraws = 2 },
		"probes 0: want 1":                             func(c *Config) { c.Probes = 0 },
		"amplitudes 1,0.5: want rising":                func(c *Config) { c.Amplitudes = []float64{1, 0.5} },
		"hit 1.5: want rising numbers, each a share":   func(c *Config) { c.Hit = []float64{1.5} },
		"factors: want one or more":                    func(c *Config) { c.Factors = nil },
		"kept 0: want rising":                          func(c *Config) { c.Kept = []float64{0} },
		"shared-weights -1":                            func(c *Config) { c.SharedWeights = []float64{-1} },
		"contact-amplitudes +Inf: want rising":         func(c *Config) { c.ContactAmplitudes = []float64{math.Inf(1)} },
	} {
		c := good
		change(&c)
		if _, err := Run(context.Background(), c, n, dynamicstest.Quiet); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	if c, err := DefaultConfig(); err != nil || c.Check() != nil || c.Quick().Check() != nil ||
		reflect.DeepEqual(c, c.Quick()) {
		t.Errorf("defaults: %v, %v, %v", err, c.Check(), c.Quick().Check())
	}
}

// Cancelled anywhere, it ends with the context's error.
func TestCancel(t *testing.T) {
	c, n := small(t)
	for _, at := range []string{"gradients", deleted, "variance with 4 contacts"} {
		ctx, cancel := context.WithCancel(context.Background())
		_, err := Run(ctx, c, n, dynamics.Job{Progress: func(_ float64, what string) {
			if what == at {
				cancel()
			}
		}})
		cancel()
		if !errors.Is(err, context.Canceled) && !errors.Is(err, train.ErrInterrupted) {
			t.Errorf("cancelled at %s: %v", at, err)
		}
	}
}

// Interrupted at any time, the experiment continues from its kept parts.
func TestResume(t *testing.T) {
	c, n := small(t)
	dynamicstest.Resumes(t, func(ctx context.Context, job dynamics.Job) (Findings, error) { return Run(ctx, c, n, job) })
}

// Networks that pay otherwise are refused: their profiles of equal cost would be those of another price.
func TestOtherCostsAreRefused(t *testing.T) {
	for name, value := range map[string]string{"cost": "c*exp(-sigma)", "rho": "2x2/3x1"} {
		c, n := small(t)
		other := *n
		if err := other.Config.Set(name, value); err != nil {
			t.Fatal(err)
		}
		_, err := newExperiment(c, &other, dynamicstest.Quiet)
		if err == nil || !strings.Contains(err.Error(), "want the paper's") {
			t.Errorf("%s %s: got %v", name, value, err)
		}
	}
}

// The figures of several networks have means over them with t intervals, whatever the intervals over draws.
func TestTogether(t *testing.T) {
	c, n := small(t)
	first, _ := run(t, c, n)
	second := first
	second.Table = slices.Clone(first.Table)
	const t1 = 12.7062047364 // half of the interval over two is t(1) |a - b| / 2
	for i := range second.Table {
		second.Table[i].Accuracy -= 0.01
		second.Table[i].Loss += 0.5
	}
	figures, err := together(c, []Findings{first, second})
	if err != nil || len(figures) != len(c.Perturbations)+1 {
		t.Fatalf("%d figures: %v", len(figures), err)
	}
	for _, f := range figures {
		text := dynamicstest.Text(t, f.Numbers)
		var numbers struct {
			Series []struct {
				Panel string
				Y     []float64
				Half  []float64 `json:"half_width"`
			}
		}
		if err := json.Unmarshal([]byte(text), &numbers); err != nil || len(numbers.Series) == 0 {
			t.Fatalf("%s: %v", text, err)
		}
		for _, s := range numbers.Series {
			want := 100 * t1 * 0.01 / 2
			if f.Name == profile && s.Panel == "B" {
				want = t1 * 0.5 / 2
			}
			if last := len(s.Half) - 1; math.Abs(s.Half[last]-want) > 1e-6 {
				t.Errorf("%s, panel %s: half widths %v, want %g", f.Name, s.Panel, s.Half, want)
			}
		}
		if !strings.Contains(f.Caption, "2 networks: ") || !strings.Contains(f.Caption, "over networks") {
			t.Errorf("%s: %s", f.Name, f.Caption)
		}
	}
	want := dynamics.Outcome{Name: "deleted, positive", Over: "deleted, random-as-positive", Measure: "accuracy_at_most",
		Value: find(first, "positive") - find(first, "random-as-positive")}
	if !slices.Contains(outcomes(first), want) {
		t.Errorf("there is no %+v", want)
	}
}

// find is the accuracy if all of a subset is deleted.
func find(f Findings, subset string) (accuracy float64) {
	for _, r := range f.Table {
		if r.Perturbation == deleted && r.Subset == subset && r.Amount == 1 {
			accuracy = r.Accuracy
		}
	}
	return accuracy
}
