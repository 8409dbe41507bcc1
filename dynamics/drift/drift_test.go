package drift

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"gonum.org/v1/gonum/stat"

	"quantal/dynamics"
	"quantal/internal/dynamicstest"
	"quantal/internal/stripes"
	"quantal/kernels"
	"quantal/results/store"
	"quantal/train"
)

// small is a quick experiment, with a network that has learnt stripes.
func small(t *testing.T) (Config, *dynamics.Network) {
	t.Helper()
	c, err := DefaultConfig()
	if err != nil {
		t.Fatal(err)
	}
	set := stripes.Set(1200, 200, 4, 4, 3)
	for i := range set.Train.Labels { // wrong labels, so that no network is certain of its answers: there is curvature
		if i%5 == 4 {
			set.Train.Labels[i] = (set.Train.Labels[i] + 1) % 3
		}
	}
	c.Training.Hidden, c.Training.Epochs, c.Training.Batch, c.Training.LearningRate = []int{16, 12}, 8, 20, 3e-3
	c.Training.Device = "cpu"
	c.StepSize, c.Temperature, c.Batch, c.Steps, c.Looks, c.Probes, c.Resamples = 5e-5, 1, 40, 8000, 20, 120, 200
	n, err := dynamicstest.Train(set, c.Training)
	if err != nil {
		t.Fatal(err)
	}
	return c, n
}

// run makes an experiment, and returns its findings and their text without the time that it took.
func run(t *testing.T, c Config, n *dynamics.Network) (findings Findings, text string) {
	t.Helper()
	findings, err := Run(context.Background(), c, n, dynamicstest.Quiet)
	if err != nil {
		t.Fatal(err)
	}
	s := findings.Summary
	s.Seconds = 0
	return findings, dynamicstest.Text(t, s, findings.Table, findings.Figures)
}

// The claims on a small network: representations drift while the task is solved, without the gradient it is lost,
// without noise less drifts, and synapses move farther where curvature is low.
func TestDrift(t *testing.T) {
	c, n := small(t)
	findings, _ := run(t, c, n)
	s := findings.Summary
	if len(s.Outcomes) != 3 || len(s.Layers) != 3 {
		t.Fatalf("%d outcomes, %d layers", len(s.Outcomes), len(s.Layers))
	}
	drift, control, descent := s.Outcomes[0], s.Outcomes[1], s.Outcomes[2]
	t.Logf("start %.3f, accuracies %.3f %.3f %.3f", s.Accuracy, drift.Accuracy, control.Accuracy, descent.Accuracy)
	t.Logf("similarities %.3f %.3f %.3f", drift.Similarity, control.Similarity, descent.Similarity)
	for l, m := range append(s.Layers, s.All) {
		t.Logf("weights %d: slope %v, control %v, relative %v, fisher %.3g, share %.3f, %.3f", l, m.Drift.Slope,
			m.Control.Slope, m.Relative,
			m.Fisher, m.Drift.LowShare, m.Control.LowShare)
	}
	if !(s.All.Relative.High < 0) || s.All.Drift.Slope.Value > s.All.Control.Slope.Value-0.01 ||
		s.All.Drift.LowShare < s.All.Control.LowShare {
		t.Errorf("slope %v, control %v, of their ratio %v, shares of the flatter half %.3f, %.3f", s.All.Drift.Slope,
			s.All.Control.Slope, s.All.Relative,
			s.All.Drift.LowShare, s.All.Control.LowShare)
	}
	// some 500 weights
	if free := math.Sqrt(2 * s.Temperature * s.Time); math.Abs(s.All.Control.Displacement/free-1) > 0.1 {
		t.Errorf("the control moves %.4f, free diffusion %.4f", s.All.Control.Displacement, free)
	}
	if s.Accuracy < 0.98 || s.Accuracy-drift.Accuracy > 0.06 || drift.Accuracy-control.Accuracy < 0.2 ||
		s.Accuracy-descent.Accuracy > 0.04 {
		t.Errorf("accuracy %.3f at the start; %.3f under drift, %.3f of the control, %.3f without noise", s.Accuracy,
			drift.Accuracy, control.Accuracy, descent.Accuracy)
	}
	for l := range 2 {
		if drift.Similarity[l] > 0.6 || descent.Similarity[l] < drift.Similarity[l]+0.2 {
			t.Errorf("hidden layer %d: similarity %.3f under drift, %.3f without noise", l+1, drift.Similarity[l],
				descent.Similarity[l])
		}
	}
	if drift.Similarity[2] < drift.Similarity[1] {
		t.Errorf("similarity %.3f: want outputs that stay more alike than the hidden layers", drift.Similarity)
	}
}

func TestDriftIsReproducible(t *testing.T) {
	c, n := small(t)
	c.Steps, c.Looks, c.Threads = 60, 4, 1
	_, text := run(t, c, n)
	c.Threads = 3
	if _, again := run(t, c, n); again != text {
		t.Error("3 threads find something different from one")
	}
	c.Seed++
	if _, again := run(t, c, n); again == text {
		t.Error("another seed finds the same")
	}
}

// The rows of the table are computed again from the states, one by one.
func TestTableAgainstStates(t *testing.T) {
	c, n := small(t)
	c.Steps, c.Looks = 300, 3
	findings, _ := run(t, c, n)
	if len(findings.Table) != 3*4*3 {
		t.Fatalf("%d rows, want 3 conditions x 4 looks x 3 layers", len(findings.Table))
	}
	settings := n.Config
	settings.Batch = c.Batch
	session, err := train.Open(n.Set, settings)
	if err != nil {
		t.Fatal(err)
	}
	f, err := session.Fluctuate(kernels.Langevin{}, train.Fluctuation{
		Start: n.State.State, Seed: uint64(c.Seed), StepSize: c.StepSize, Temperature: c.Temperature,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	first, err := session.Activations(n.State.State, n.Set.Test, 0)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 4 {
		if i > 0 {
			if err := f.Run(context.Background(), 100, nil); err != nil {
				t.Fatal(err)
			}
		}
		state, err := f.State(0)
		if err != nil {
			t.Fatal(err)
		}
		now, err := session.Activations(state, n.Set.Test, 0)
		if err != nil {
			t.Fatal(err)
		}
		p, err := session.Probabilities(state, n.Set.Test, 0)
		if err != nil {
			t.Fatal(err)
		}
		correct, loss := 0.0, 0.0
		for e, label := range n.Set.Test.Labels {
			row := p[3*e:][:3]
			if slices.Index(row, slices.Max(row)) == int(label) {
				correct++
			}
			loss -= math.Log(row[label])
		}
		for l, shape := range n.State.Layout.Layers {
			row := findings.Table[3*i+l]
			if row.Condition != "drift" || row.Step != 100*i || row.Layer != l+1 || row.Units != shape.Out ||
				math.Abs(row.Time-float64(row.Step)*c.StepSize) > 1e-12 {
				t.Fatalf("row %+v", row)
			}
			if math.Abs(row.Accuracy-correct/200) > 1e-12 || math.Abs(row.Loss-loss/200) > 1e-5 {
				t.Errorf("look %d: accuracy %v and loss %v, want %v and %v", i, row.Accuracy, row.Loss, correct/200, loss/200)
			}
			sum, counted := 0.0, 0.0
			for u := range shape.Out {
				var a, b []float64
				for probe := range 120 {
					a, b = append(a, float64(first[l][probe*shape.Out+u])), append(b, float64(now[l][probe*shape.Out+u]))
				}
				flatA, flatB := stat.Variance(a, nil) == 0, stat.Variance(b, nil) == 0
				switch {
				case flatA && flatB:
					continue
				case !flatA && !flatB:
					sum += stat.Correlation(a, b, nil)
				}
				counted++
			}
			if math.Abs(row.Similarity-sum/counted) > 1e-5 {
				t.Errorf("look %d, layer %d: similarity %v, want %v", i, l+1, row.Similarity, sum/counted)
			}
			square := 0.0
			for r := range shape.Out {
				for k := range shape.In {
					at := n.State.Layout.Slot(l, r, k)
					square += math.Pow(float64(state.Mu[at]-n.State.State.Mu[at]), 2) / float64(shape.In*shape.Out)
				}
			}
			if math.Abs(row.Displacement-math.Sqrt(square)) > 1e-6 {
				t.Errorf("look %d, layer %d: displacement %v, want %v", i, l+1, row.Displacement, math.Sqrt(square))
			}
		}
	}
}

func TestRepresentation(t *testing.T) {
	// [probes x units]: the first unit turns over, the second is scaled and shifted, the third falls silent, the fourth
	// always is silent, and the fifth has a constant response that float32 cannot represent exactly.
	before := []float32{
		1, 2, 3, 0, 0.1,
		2, 3, 5, 0, 0.1,
		3, 7, 4, 0, 0.1,
	}
	after := []float32{
		3, 25, 0, 0, 0.1,
		2, 35, 0, 0, 0.1,
		1, 75, 0, 0, 0.1,
	}
	a, b := NewRepresentation(before, 5), NewRepresentation(after, 5)
	if got := a.Similarity(b); math.Abs(got-(-1+1+0)/3.) > 1e-6 {
		t.Errorf("similarity %v, want 0", got)
	}
	if got := a.Similarity(a); math.Abs(got-1) > 1e-6 {
		t.Errorf("similarity to itself %v, want 1", got)
	}
	if a.Silent() != 2 || b.Silent() != 3 {
		t.Errorf("%d and %d silent units, want 2 and 3", a.Silent(), b.Silent())
	}
	if got := NewRepresentation([]float32{0, 0}, 1); !math.IsNaN(got.Similarity(got)) {
		t.Error("units that are all silent have a similarity")
	}
	lags := overLags([]Representation{a, b, a, b})
	if len(lags) != 3 || math.Abs(lags[0]) > 1e-6 || math.Abs(lags[1]-1) > 1e-6 || math.Abs(lags[2]) > 1e-6 {
		t.Errorf("over lags %v, want 0, 1, 0", lags)
	}
}

func TestShareOfTheFlatterHalf(t *testing.T) {
	for _, c := range []struct {
		displacement, curvature []float64
		want                    float64
	}{
		{[]float64{1, 2, 3, 4}, []float64{4, 3, 2, 1}, 0.7},
		{[]float64{1, 1, 1, 1}, []float64{0, 0, 0, 5}, 0.5},
		{[]float64{3, 3, 3, 1}, []float64{0, 0, 0, 5}, 0.6}, // two of the three
		{[]float64{8, 1, 1}, []float64{1, 2, 3}, 0.85},      // one and a half
	} {
		if got := lowShare(c.displacement, c.curvature); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("displacements %v, curvatures %v: share %v, want %v", c.displacement, c.curvature, got, c.want)
		}
	}
	list := binned([]float64{9, 1, 3, 5, 7}, []float64{0, 4, 3, 2, 1}, 2)
	if len(list) != 2 || list[0] != (bin{2, 6}) || list[1] != (bin{4, 2}) {
		t.Errorf("bins %v", list)
	}
}

// The curvature against squared gradients of single examples, by finite differences of the loss.
func TestFisher(t *testing.T) {
	c, n := small(t)
	e := &experiment{Config: c, network: n, job: dynamicstest.Quiet}
	e.Steps, e.Looks, e.StepSize, e.Temperature = 2, 2, 1e-8, 1e-2
	if err := e.measure(context.Background()); err != nil {
		t.Fatal(err)
	}
	layout := n.State.Layout
	for _, at := range [][3]int{{0, 3, 7}, {1, 2, 5}, {2, 1, 4}, {2, 0, 9}} {
		l, r, k := at[0], at[1], at[2]
		const h = 1e-2
		moved := func(by float32) []float64 {
			s := kernels.NewState(layout, 0)
			s.CopyFrom(n.State.State)
			s.Mu[layout.Slot(l, r, k)] += by
			p, err := e.session.Probabilities(s, n.Set.Train, 0)
			if err != nil {
				t.Fatal(err)
			}
			return p
		}
		up, down := moved(h), moved(-h)
		want := 0.0
		for i, label := range n.Set.Train.Labels {
			g := (math.Log(down[3*i+int(label)]) - math.Log(up[3*i+int(label)])) / (2 * h)
			want += g * g
		}
		if got := e.fisher[l][r*layout.Layers[l].In+k]; math.Abs(got-want) > 0.03*want+1e-4 {
			t.Errorf("layer %d, row %d, column %d: Fisher information %v, by differences %v", l, r, k, got, want)
		}
	}
}

func TestFilesOfDrift(t *testing.T) {
	c, n := small(t)
	c.Steps, c.Looks = 40, 4
	findings, _ := run(t, c, n)
	columns, rows := dynamicstest.Save(t, findings, "drift", "curvature", "tuning")
	if len(rows) != 3*5*3 || strings.Join(columns, ",") !=
		"condition,step,time,accuracy,loss,training_loss,layer,units,silent,similarity,displacement" {
		t.Errorf("%d rows, %v", len(rows), columns)
	}
}

// A network without hidden layers has only outputs, and no figure of tuning.
func TestDriftWithoutHiddenLayers(t *testing.T) {
	c, n := small(t)
	c.Training.Hidden = nil
	n.Config = c.Training
	layout := c.Training.Spec(16, 3).Layout()
	n.State = &store.Checkpoint{Layout: layout, State: c.Training.InitialState(layout)}
	c.Steps, c.Looks, c.Probes = 40, 2, 100000
	findings, _ := run(t, c, n)
	if len(findings.Figures) != 2 || findings.Summary.Probes != 200 {
		t.Errorf("%d figures, %d probes", len(findings.Figures), findings.Summary.Probes)
	}
}

func TestDriftRefuses(t *testing.T) {
	c, n := small(t)
	for want, change := range map[string]func(c *Config){
		"step-size 0":    func(c *Config) { c.StepSize = 0 },
		"temperature 0":  func(c *Config) { c.Temperature = 0 },
		"batch 0":        func(c *Config) { c.Batch = 0 },
		"looks 1":        func(c *Config) { c.Looks = 1 },
		"steps 5":        func(c *Config) { c.Steps = 5 },
		"probes 2":       func(c *Config) { c.Probes = 2 },
		"resamples 0":    func(c *Config) { c.Resamples = 0 },
		"threads -1":     func(c *Config) { c.Threads = -1 },
		"want a smaller": func(c *Config) { c.StepSize = 1e10 },
	} {
		bad := c
		change(&bad)
		if _, err := Run(context.Background(), bad, n, dynamicstest.Quiet); err == nil ||
			!strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want it to say %q", err, want)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Run(ctx, c, n, dynamicstest.Quiet); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// Interrupted at any time, the experiment continues from its kept parts.
func TestResume(t *testing.T) {
	c, n := small(t)
	dynamicstest.Resumes(t, func(ctx context.Context, job dynamics.Job) (Findings, error) { return Run(ctx, c, n, job) })
}
