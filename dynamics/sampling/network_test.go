package sampling

import (
	"context"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"

	"quantal/dynamics"
	"quantal/internal/dynamicstest"
	"quantal/internal/stripes"
	"quantal/kernels"
	"quantal/train"
)

// small is a quick experiment.
func small(t *testing.T) Config {
	t.Helper()
	c, err := DefaultConfig()
	if err != nil {
		t.Fatal(err)
	}
	c = c.Quick()
	c.Chains, c.Steps, c.Temperatures, c.Batches = Block, []float64{0.5, 1.5}, []float64{2}, []int{2}
	c.Linear[1].Dimension, c.Linear[1].Examples = 5, 40
	c.Logistic[1].Dimension, c.Logistic[1].Examples = 3, 30
	for _, problems := range [][]Problem{c.Linear, c.Logistic} {
		for i := range problems {
			problems[i].Effective = 400
		}
	}
	c.Graph.Dimension, c.Graph.Examples, c.Graph.Effective = 3, 10, 200
	c.Posterior = Posterior{Temperatures: []float64{0, 0.5}, Step: 0.05, Decay: 0.6, Delay: 2, Batch: 10, Chains: 2,
		Burn: 2, Samples: 3}
	c.Training.Data, c.Training.Hidden, c.Training.Epochs, c.Training.LearningRate = "stripes", []int{8}, 20, 3e-3
	c.Training.SigmaInit, c.Training.Device = 0.1, "cpu"
	return c
}

// network trains a small network.
func network(t *testing.T, c train.Config) *dynamics.Network {
	t.Helper()
	n, err := dynamicstest.Train(stripes.Set(200, 100, 4, 4, 4), c)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// find makes an experiment, and returns its findings and their text without the time that it took.
func find(t *testing.T, c Config, n *dynamics.Network) (findings Findings, text string) {
	t.Helper()
	findings, err := Run(context.Background(), c, n, dynamicstest.Rising(t))
	return findings, dynamicstest.Found(t, findings, err)
}

// The whole experiment: every part is present, and everything is the same for any number of threads.
func TestRun(t *testing.T) {
	c := small(t)
	n := network(t, c.Training)
	c.Threads = 1
	findings, text := find(t, c, n)
	for _, threads := range []int{2, 3} {
		c.Threads = threads
		if _, again := find(t, c, n); again != text {
			t.Errorf("%d threads find something different from one", threads)
		}
	}
	var names []string
	for _, f := range findings.Figures {
		names = append(names, f.Name)
	}
	if want := "posterior steps logistic graph network"; strings.Join(names, " ") != want {
		t.Errorf("figures %v, want %s", names, want)
	}
	rows := map[string]int{}
	for _, r := range findings.Table {
		rows[r.Part]++
		if (r.CovarianceError == nil) == (r.Accuracy == nil) {
			t.Errorf("row %+v: want a covariance or an accuracy", r)
		}
	}
	// Two rows for each of 2 linear runs, 2 steps, a temperature, a minibatch; 4 and 2 for the logistic ones; 2 in the
	// graph; 2 and 2 + 2 predictors.
	if want := (map[string]int{partRegression: 2*6 + 4 + 2, partGraph: 2, partNetwork: 6}); !reflect.DeepEqual(rows,
		want) {
		t.Errorf("rows %v, want %v", rows, want)
	}
}

// Averages over samples of a network, against chains run by package train alone, with predictions averaged by hand.
func TestNetworkAverages(t *testing.T) {
	c := small(t)
	c.Parts, c.Threads = []string{partNetwork}, 1
	n := network(t, c.Training)
	findings, _ := find(t, c, n)
	out, p := findings.Summary.Network, c.Posterior

	config := n.Config
	config.Batch, config.Threads = p.Batch, 1
	session, err := train.Open(n.Set, config)
	if err != nil {
		t.Fatal(err)
	}
	perEpoch := session.StepsPerEpoch()
	const layer = 1 // the first that the experiment takes
	for i, temperature := range p.Temperatures {
		var members []train.Fluctuation
		for chain := range p.Chains {
			members = append(members, train.Fluctuation{
				Start: n.State.State, Seed: chainSeed(uint64(c.Seed), layer, i*p.Chains+chain),
				StepSize: p.Step / float64(n.Set.Train.N()), Temperature: temperature,
			})
		}
		chains, err := session.Fluctuate(kernels.Langevin{Delay: 2 * float64(perEpoch), Decay: 0.6}, members...)
		if err != nil {
			t.Fatal(err)
		}
		defer chains.Close()
		sum, weights := make([]float64, n.Set.Test.N()*4), 0.0
		for epoch := 1; epoch <= p.Burn+p.Samples; epoch++ {
			if err := chains.Run(context.Background(), perEpoch, nil); err != nil {
				t.Fatal(err)
			}
			if epoch <= p.Burn {
				continue
			}
			weight := math.Pow(1+float64(epoch)/2, -0.6)
			for chain := range p.Chains {
				s, err := chains.State(chain)
				if err != nil {
					t.Fatal(err)
				}
				probabilities, err := session.Probabilities(s, n.Set.Test, 0)
				if err != nil {
					t.Fatal(err)
				}
				for k, v := range probabilities {
					sum[k] += weight * v
				}
				weights += weight
			}
		}
		nll, right := 0.0, 0
		for e, label := range n.Set.Test.Labels {
			best := 0
			for k := range 4 {
				if sum[4*e+k] > sum[4*e+best] {
					best = k
				}
			}
			if best == int(label) {
				right++
			}
			nll -= math.Log(sum[4*e+int(label)]/weights) / float64(n.Set.Test.N())
		}
		got := out.averageOf(temperature)
		if math.Abs(got.NLL-nll) > 1e-12 || got.Accuracy != float64(right)/float64(n.Set.Test.N()) ||
			got.Averaged != p.Chains*p.Samples {
			t.Errorf("T = %g: NLL %v, accuracy %v of %d samples, want %v and %d right", temperature, got.NLL, got.Accuracy,
				got.Averaged, nll, right)
		}
		last := out.Chains[i].Course[p.Chains*p.Samples-1]
		if last.NLL != got.NLL || last.Samples != got.Averaged {
			t.Errorf("T = %g: the course ends at %+v", temperature, last)
		}
	}
	point, err := session.Probabilities(n.State.State, n.Set.Test, 0)
	if err != nil {
		t.Fatal(err)
	}
	want, err := Calibrate(point, n.Set.Test.Labels)
	if err != nil {
		t.Fatal(err)
	}
	if got := out.Predictors[0]; !reflect.DeepEqual(got.Calibration, want) || got.OverTrained != (Gain{}) {
		t.Errorf("the trained network: %+v, want %+v", got, want)
	}
	var descent Predictor
	for _, p := range out.Predictors {
		if p.Name == "T = 0, end of one chain" {
			descent = p
		}
	}
	for _, p := range out.Predictors {
		for of, g := range map[*Predictor]Gain{&out.Predictors[0]: p.OverTrained, &descent: *p.OverDescent} {
			if math.Abs(g.NLL-(of.NLL-p.NLL)) > 1e-12 || math.Abs(g.Accuracy-(p.Accuracy-of.Accuracy)) > 1e-12 {
				t.Errorf("%s over %s: %+v", p.Name, of.Name, g)
			}
		}
	}
	cold, warm := out.Chains[0], out.Chains[1]
	if !(cold.Spread < warm.Spread/5) || cold.MinibatchNoise != nil || !(*warm.MinibatchNoise > 0) {
		t.Errorf("spread %g and %g, noise of minibatches %v and %v", cold.Spread, warm.Spread, cold.MinibatchNoise,
			warm.MinibatchNoise)
	}
	if l := cold.TrainingLoss; len(l) != 5 || !(l[4] < l[0]) {
		t.Errorf("gradient descent: training losses %v", l)
	}
	other := *n
	other.Config.Noise = "none" // without its own noise there is no average over it
	state := *n.State
	state.Layout.Sharing = kernels.NoNoise
	state.State = &kernels.State{Mu: state.State.Mu}
	other.State = &state
	if findings, _ := find(t, c, &other); len(findings.Summary.Network.Predictors) != len(out.Predictors)-1 {
		t.Errorf("%d predictors without noise", len(findings.Summary.Network.Predictors))
	}
}

// Weights drawn from a network's own noise have its means and standard deviations.
func TestDrawWeights(t *testing.T) {
	for _, sharing := range []kernels.Sharing{kernels.PerSynapse, kernels.PerNeuron} {
		l := kernels.Layout{Layers: []kernels.Layer{{In: 2, Out: 3}, {In: 3, Out: 2}}, Sharing: sharing}
		s := kernels.NewState(l, 0)
		for i := range s.Mu {
			s.Mu[i] = float32(i)
		}
		for i := range s.Phi {
			s.Phi[i] = float32(kernels.SoftplusInverse(0.1 * float64(1+i%7)))
		}
		const draws = 4000
		mean, square := make([]float64, len(s.Mu)), make([]float64, len(s.Mu))
		for k := range draws {
			for i, w := range drawWeights(l, s, 3, 5, k).Mu {
				d := float64(w - s.Mu[i])
				mean[i] += d / draws
				square[i] += d * d / draws
			}
		}
		for i, layer := range l.Layers {
			for r := range layer.Out {
				for k := range layer.Columns() {
					at := l.Slot(i, r, k)
					sigma, _ := kernels.Softplus(float64(s.Phi[l.PhiOffset(i)+layer.PhiIndex(sharing, r, k)]))
					if math.Abs(mean[at]) > 4.5*sigma/math.Sqrt(draws) ||
						math.Abs(square[at]/(sigma*sigma)-1) > 4.5*math.Sqrt(2./draws) {
						t.Errorf("%v, layer %d, row %d, column %d: mean off by %g, variance %g, sigma %g", sharing, i, r, k, mean[at],
							square[at], sigma)
					}
				}
			}
		}
	}
}

func TestMeanWithInterval(t *testing.T) {
	mean, half := meanWithInterval([]float64{1, 2, 3, 6})
	if want := 1.96 * math.Sqrt((4+1+0+9)/3./4); mean != 3 || math.Abs(half-want) > 1e-12 {
		t.Errorf("%v ± %v, want 3 ± %v", mean, half, want)
	}
}

func TestMinibatchNoise(t *testing.T) {
	s := kernels.NewSums(kernels.Layout{Layers: []kernels.Layer{{In: 1, Out: 1}}})
	s.Minibatches = 3
	copy(s.Gradient, []float64{6, 3}) // 1, 2, 3 and 1, 1, 1
	copy(s.Square, []float64{14, 3})
	if got, want := minibatchNoise(s, 2), (2./3+0)/2; math.Abs(got-want) > 1e-15 {
		t.Errorf("got %v, want %v", got, want)
	}
}

// The compiled graph samples Normal(m, T v (X'X)^-1), m from least squares; an ignored temperature, a prior that should
// not exist and noise without the factor 2 are detected.
func TestGraphPosterior(t *testing.T) {
	e := &experiment{Config: small(t), work: dynamics.NewWork(1, dynamicstest.Quiet)}
	e.Step, e.Temperature, e.Chains, e.Threads = 0.1, 0.7, 2*Block, 2
	p, err := e.graphProblem(Problem{Dimension: 4, Examples: 30, Correlation: 0.3, NoiseVariance: 0.5, PriorVariance: 1,
		Effective: 8000})
	if err != nil {
		t.Fatal(err)
	}
	o, err := e.graphChains(context.Background(), e.newJob(p, e.Step, Langevin{Temperature: e.Temperature}))
	if err != nil {
		t.Fatal(err)
	}
	mean, modes := solved(t, NewLinear(p.linear.Data, 0.5, math.Inf(1)))
	if err := disagrees(o.sample, mean, modes.Covariance(0.7)); err != nil {
		t.Error(err)
	}
	t.Logf("%.0f effective samples, covariance off by %.2f %%", o.sample.Effective(),
		100*RelativeError(o.sample.Covariance, modes.Covariance(0.7)))
	for name, temperature := range map[string]float64{"T = 1": 1, "noise without the factor 2": 0.35} {
		if disagrees(o.sample, mean, modes.Covariance(temperature)) == nil {
			t.Errorf("%s passes", name)
		}
	}
	mean, modes = solved(t, NewLinear(p.linear.Data, 0.5, 0.3))
	if disagrees(o.sample, mean, modes.Covariance(0.7)) == nil {
		t.Error("a prior passes")
	}
}

// At T = 0 the compiled graph descends as gradient descent in float64 does, to the precision of float32.
func TestGraphDescends(t *testing.T) {
	e := &experiment{Config: small(t), work: dynamics.NewWork(1, dynamicstest.Quiet)}
	p, err := e.graphProblem(Problem{Dimension: 4, Examples: 30, Correlation: 0.3, NoiseVariance: 0.5, PriorVariance: 1,
		Effective: 100})
	if err != nil {
		t.Fatal(err)
	}
	program, data, err := compileLinear(p.linear, kernels.Langevin{})
	if err != nil {
		t.Fatal(err)
	}
	device, err := train.ChooseDevice("cpu")
	if err != nil {
		t.Fatal(err)
	}
	eps := 0.2 / p.modes.Stiffest()
	vm, err := device.Open(program, []kernels.Member{{LearningRate: eps, NoiseVariance: 0.5}}, data, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer vm.Close()
	if _, err := vm.Run(context.Background(), 0, 15); err != nil {
		t.Fatal(err)
	}
	state, err := vm.State(0)
	if err != nil {
		t.Fatal(err)
	}
	theta := make([]float64, 4)
	for range 15 {
		next := append([]float64(nil), theta...)
		for i, y := range p.linear.Y {
			x := p.linear.X.RawRowView(i)
			for k := range next {
				next[k] -= eps * x[k] * (dot(x, theta) - y) / 0.5
			}
		}
		theta = next
	}
	for k, want := range theta {
		if math.Abs(float64(state.Mu[k])-want) > 1e-5 {
			t.Errorf("parameter %d is %v, want %v", k, state.Mu[k], want)
		}
	}
}

func TestRunStops(t *testing.T) {
	c := small(t)
	n := network(t, c.Training)
	for _, part := range Parts() {
		c.Parts = []string{part}
		ctx, cancel := context.WithCancel(context.Background())
		if _, err := Run(ctx, c, n, dynamics.Job{Progress: func(float64, string) { cancel() }}); !errors.Is(err,
			context.Canceled) {
			t.Errorf("%s: got %v", part, err)
		}
		cancel()
	}
	c.Parts = []string{partNetwork}
	if _, err := Run(context.Background(), c, nil, dynamicstest.Quiet); err == nil {
		t.Error("no network is needed")
	}
	c.Posterior.Step = 1e4
	if _, err := Run(context.Background(), c, n, dynamicstest.Quiet); !errors.As(err, new(*train.DivergedError)) {
		t.Errorf("steps that are too long: %v", err)
	}
}

func TestCheck(t *testing.T) {
	for want, change := range map[string]func(c *Config){
		"parts: want one or more":                    func(c *Config) { c.Parts = nil },
		`parts "all": want one of regression, graph`: func(c *Config) { c.Parts = []string{"all"} },
		"parts graph: want it once":                  func(c *Config) { c.Parts = []string{"graph", "graph"} },
		"step 2: want a number above 0":              func(c *Config) { c.Step = 2 },
		"temperature 0: want":                        func(c *Config) { c.Temperature = 0 },
		"chains 100: want a multiple of 64":          func(c *Config) { c.Chains = 100 },
		"threads -1":                                 func(c *Config) { c.Threads = -1 },
		"steps 2: want":                              func(c *Config) { c.Steps = []float64{1, 2} },
		"temperatures 0: want":                       func(c *Config) { c.Temperatures = []float64{0} },
		"batches 0: want":                            func(c *Config) { c.Batches = []int{0} },
		"linear: dimension 0":                        func(c *Config) { c.Linear[0].Dimension = 0 },
		"linear: examples 0":                         func(c *Config) { c.Linear[0].Examples = 0 },
		"linear: correlation 1":                      func(c *Config) { c.Linear[1].Correlation = 1 },
		"linear: noise-variance 0":                   func(c *Config) { c.Linear[0].NoiseVariance = 0 },
		"logistic: prior-variance +Inf":              func(c *Config) { c.Logistic[0].PriorVariance = math.Inf(1) },
		"logistic: effective 99":                     func(c *Config) { c.Logistic[1].Effective = 99 },
		"graph: dimension 1: want 2 or more":         func(c *Config) { c.Graph.Dimension = 1 },
		"temperatures: want one":                     func(c *Config) { c.Posterior.Temperatures = nil },
		"temperatures -1: want 0":                    func(c *Config) { c.Posterior.Temperatures = []float64{0, -1} },
		"temperatures 1: want it once":               func(c *Config) { c.Posterior.Temperatures = []float64{1, 1} },
		"network-step 0":                             func(c *Config) { c.Posterior.Step = 0 },
		"posterior.decay 2":                          func(c *Config) { c.Posterior.Decay = 2 },
		"posterior.delay 0":                          func(c *Config) { c.Posterior.Delay = 0 },
		"posterior.batch 0":                          func(c *Config) { c.Posterior.Batch = 0 },
		"network-chains 0":                           func(c *Config) { c.Posterior.Chains = 0 },
		"burn -1":                                    func(c *Config) { c.Posterior.Burn = -1 },
		"samples 0":                                  func(c *Config) { c.Posterior.Samples = 0 },
	} {
		c := small(t)
		change(&c)
		if err := c.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	if err := small(t).Check(); err != nil {
		t.Error(err)
	}
}

// Interrupted at any time, the experiment continues from its kept parts.
func TestResume(t *testing.T) {
	c := small(t)
	n := network(t, c.Training)
	dynamicstest.Resumes(t, func(ctx context.Context, job dynamics.Job) (Findings, error) { return Run(ctx, c, n, job) })
}
