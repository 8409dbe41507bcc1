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
	"quantal/graph"
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
	c.StepSize, c.Temperature, c.Prior, c.Batch, c.Probes, c.Examples, c.Products = 5e-5, 1, 20, 40, 120, 1200, 30
	c.BurnIn, c.Steps, c.Looks = 8000, 8000, 20
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
	return findings, dynamicstest.Found(t, findings, err)
}

// The claims on a small network: hidden representations drift while loss and accuracy stay level, which without the
// gradient they do not; and synapses move less along directions that the data determine.
func TestDrift(t *testing.T) {
	c, n := small(t)
	findings, _ := run(t, c, n)
	s := findings.Summary
	drift, control, descent := s.Outcomes[0], s.Outcomes[1], s.Outcomes[2]
	t.Logf("drift %+v\ncontrol %+v\ngradient %+v\naging %+.3f", drift, control, descent, s.Aging)
	if s.Accuracy < 0.98 || drift.LowestAccuracy < 0.95 || descent.LowestAccuracy < 0.95 || control.Accuracy.End > 0.7 {
		t.Error("want accuracy to stay, except in the control")
	}
	if math.Abs(drift.TrainingLoss.Change) > 0.03*drift.TrainingLoss.Mean || math.Abs(drift.Loss.Change) > 0.05 ||
		control.TrainingLoss.Change < 1 {
		t.Error("want a level loss, except in the control")
	}
	if drift.Hidden > 0.5 || descent.Hidden < drift.Hidden+0.2 || drift.Similarity[2] < 0.9 || math.Abs(s.Aging) > 0.15 {
		t.Error("want hidden units that drift, by noise and not by age, and outputs that do not")
	}
	// some 500 weights
	if free := math.Sqrt(2 * c.Temperature * c.StepSize * float64(c.Steps)); math.Abs(control.Displacement/free-1) > 0.1 {
		t.Errorf("the control moves %.4f, free diffusion %.4f", control.Displacement, free)
	}
	for i, m := range s.Fisher.Motions {
		t.Logf("%d steps: drift %.4f, free %.4f, quadratic %.4f, bands %+v", m.Steps, m.Drift, m.Free, m.Quadratic, m.Bands)
		if want := []int{400, 8000}[i]; m.Steps != want || math.Abs(m.Drift/m.Quadratic-1) > 0.25 || m.Drift > 0.9*m.Free {
			t.Errorf("after %d steps synapses have moved by %v in squares, in a quadratic loss %v", m.Steps, m.Drift,
				m.Quadratic)
		}
	}
}

func TestDriftIsReproducible(t *testing.T) {
	c, n := small(t)
	c.BurnIn, c.Steps, c.Looks, c.Threads = 30, 60, 4, 1
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
	c.BurnIn, c.Steps, c.Looks = 100, 400, 4
	findings, _ := run(t, c, n)
	if len(findings.Table) != (2+3*5)*3 {
		t.Fatalf("%d rows, want 2 looks at burn-in and 5 under each of 3 conditions, at 3 layers", len(findings.Table))
	}
	settings := n.Config
	settings.Batch, settings.Lambda = c.Batch, c.Prior
	if err := settings.Set("cost", "lambda*mu^2/2"); err != nil {
		t.Fatal(err)
	}
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
	var reference *kernels.State
	var first [][]float32
	for i := range 5 {
		if err := f.Run(context.Background(), 100, nil); err != nil { // the first are the burn-in
			t.Fatal(err)
		}
		state, err := f.State(0)
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			reference = state
			if first, err = session.Activations(state, n.Set.Test, 0); err != nil {
				t.Fatal(err)
			}
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
			row := findings.Table[6+3*i+l]
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
					square += math.Pow(float64(state.Mu[at]-reference.Mu[at]), 2) / float64(shape.In*shape.Out)
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
}

func TestMeasures(t *testing.T) {
	list := []float64{1, 3, 2, 4}
	if got := change(list); math.Abs(got-2.4) > 1e-12 { // slope (-1.5*1 - 0.5*3 + 0.5*2 + 1.5*4) / 5
		t.Errorf("change %v, want 2.4", got)
	}
	if got := pairs(1, 3, 2, func(i, j int) float64 { return list[j] - list[i] }); got != 1 {
		t.Errorf("one pair: %v, want 1", got)
	}
	if got := pairs(0, 3, 1, func(i, j int) float64 { return list[j] - list[i] }); got != 1 {
		t.Errorf("the mean of three pairs is %v, want 1", got)
	}
}

func TestFilesOfDrift(t *testing.T) {
	c, n := small(t)
	c.BurnIn, c.Steps, c.Looks = 20, 40, 4
	findings, _ := run(t, c, n)
	columns, rows := dynamicstest.Save(t, findings, "drift", "spectrum", "tuning")
	if len(rows) != (3+3*5)*3 || strings.Join(columns, ",") !=
		"condition,step,time,accuracy,loss,training_loss,layer,units,silent,similarity,displacement" {
		t.Errorf("%d rows, %v", len(rows), columns)
	}
}

// Without hidden layers, and with many examples, the loss is nearly quadratic as far as the posterior reaches: synapses
// move along each part of the spectrum as far as in a quadratic loss.
func TestSoftmaxRegression(t *testing.T) {
	c, n := small(t)
	n.Set = stripes.Set(3000, 200, 12, 12, 6)
	for i := range n.Set.Train.Labels {
		if i%4 == 3 {
			n.Set.Train.Labels[i] = (n.Set.Train.Labels[i] + 1) % 6
		}
	}
	c.Training.Hidden = nil
	n.Config = c.Training
	layout := c.Training.Spec(graph.Row(144), 6).Layout()
	n.State = &store.Checkpoint{Layout: layout, State: c.Training.InitialState(layout)}
	c.StepSize, c.Prior, c.Batch, c.Examples, c.Products = 4e-5, 15, 100, 3000, 50
	c.BurnIn, c.Steps, c.Looks = 8000, 8000, 16
	findings, _ := run(t, c, n)
	f := findings.Summary.Fisher
	if f.Synapses != 145*6 || f.Examples != 3000 || f.Effective < 100 || f.Effective > 500 {
		t.Errorf("%d examples determine %v of %d directions", f.Examples, f.Effective, f.Synapses)
	}
	for _, m := range f.Motions {
		above := m.Above[0]
		t.Logf("%d steps: drift %v, quadratic %v with minibatches %v, free %v, %+v", m.Steps, m.Drift, m.Quadratic,
			m.Minibatch, m.Free, above)
		if math.Abs(m.Drift/m.Minibatch-1) > 0.1 || above.Over != 1 || m.Bands[0].Drift+above.Drift != 1 ||
			!(above.Drift/above.Minibatch > 0.6 && above.Drift/above.Minibatch < 1.4) || above.Drift > 0.9*above.Isotropic {
			t.Errorf("after %d steps: want displacement as in a quadratic loss", m.Steps)
		}
	}
}

// A network without hidden layers has only outputs, and no figure of tuning.
func TestDriftWithoutHiddenLayers(t *testing.T) {
	c, n := small(t)
	c.Training.Hidden = nil
	n.Config = c.Training
	layout := c.Training.Spec(graph.Row(16), 3).Layout()
	n.State = &store.Checkpoint{Layout: layout, State: c.Training.InitialState(layout)}
	c.BurnIn, c.Steps, c.Looks, c.Probes = 20, 40, 4, 100000
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
		"looks 3":        func(c *Config) { c.Looks = 3 },
		"steps 5":        func(c *Config) { c.Steps = 5 },
		"probes 2":       func(c *Config) { c.Probes = 2 },
		"prior 0":        func(c *Config) { c.Prior = 0 },
		"burn-in 0":      func(c *Config) { c.BurnIn = 0 },
		"products 0":     func(c *Config) { c.Products = 0 },
		"fisher-exampl":  func(c *Config) { c.Examples = 0 },
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
	c.BurnIn, c.Steps, c.Looks = 2000, 2000, 5
	dynamicstest.Resumes(t, func(ctx context.Context, job dynamics.Job) (Findings, error) { return Run(ctx, c, n, job) })
}
