package spiking

import (
	"context"
	"encoding/json"
	"math"
	"os"
	"os/exec"
	"reflect"
	"slices"
	"strings"
	"testing"

	"quantal/internal/pythontest"
	"quantal/kernels"
)

// samplingTable has what testdata/sampling.py found.
type samplingTable struct {
	Seed                           uint64
	Step, Refractory               float64
	Sources, Neurons, Delay, Every int
	RewardEvery                    int `json:"reward_every"`
	Parameters                     map[string]float64
	Contacts, Imposed, Fired       [][2]int
	Start, Rewards                 []float64
	Crossed                        int
	AtBounds                       int `json:"at_bounds"`
	After                          []int
	Theta, G, V, Bias              [][]float64
}

// samplingFromNumpy reads the table, made anew if QUANTAL_LONG_TESTS is set and numpy installed.
func samplingFromNumpy(t *testing.T) (table samplingTable) {
	t.Helper()
	raw, err := os.ReadFile("testdata/sampling.json")
	if os.Getenv("QUANTAL_LONG_TESTS") != "" {
		c := exec.Command(pythontest.Find(t, "numpy"), "testdata/sampling.py")
		c.Stderr = os.Stderr
		raw, err = c.Output()
	}
	if err == nil {
		err = json.Unmarshal(raw, &table)
	}
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// model is the network of the table.
func (c samplingTable) model() *Model {
	p := c.Parameters
	m := &Model{Step: c.Step, Seed: c.Seed, Populations: []Population{{Size: c.Sources}, {Size: c.Neurons,
		Neuron: &Neuron{Tau: p["tau"], Refractory: c.Refractory, Receptors: []Receptor{{Tau: p["tau_x"]}},
			Escape: &Escape{Rate: p["rate"], Target: p["target"], Adapt: p["adapt"]}}}},
		Projections: []Projection{{From: 0, To: 1, Delay: c.Delay, Contacts: Pairs(c.Sources, c.Contacts),
			Sampling: &Sampling{Start: c.Start, TauEligibility: p["tau_e"], TauGradient: p["tau_g"], TauReward: p["tau_r"],
				Offset: p["offset"], Expected: p["expected"], Gain: p["gain"], Most: p["most"], Speed: p["speed"],
				Temperature: p["temperature"], PriorMean: p["prior_mean"], PriorSD: p["prior_sd"], W0: p["w0"],
				Theta0: p["theta0"], Low: p["low"], High: p["high"], Every: c.Every}}}}
	for _, s := range c.Imposed {
		m.Populations[0].Imposed = append(m.Populations[0].Imposed, Spike{s[0], s[1]})
	}
	return m
}

// samplingOf runs the network of the table.
func samplingOf[T kernels.Float](t *testing.T, c samplingTable) (found samplingTable) {
	t.Helper()
	n, err := New[T](c.model())
	if err != nil {
		t.Fatal(err)
	}
	n.OnSpikes = func(population, step int, neurons []uint32) {
		for _, i := range neurons {
			if population == 1 {
				found.Fired = append(found.Fired, [2]int{step, int(i)})
			}
		}
	}
	wide := func(of func(i int) T, size int) (row []float64) {
		for i := range size {
			row = append(row, float64(of(i)))
		}
		return row
	}
	for _, after := range c.After {
		for n.Step() < after {
			n.Reward = c.Rewards[n.Step()/c.RewardEvery]
			k := min(after, (n.Step()/c.RewardEvery+1)*c.RewardEvery) - n.Step()
			if err := n.Advance(context.Background(), k); err != nil {
				t.Fatal(err)
			}
		}
		theta, g := n.Parameters(0), n.Gradients(0)
		found.Theta = append(found.Theta, wide(func(i int) T { return theta[i] }, len(theta)))
		found.G = append(found.G, wide(func(i int) T { return g[i] }, len(g)))
		found.V = append(found.V, wide(func(i int) T { return n.Potential(1, i) }, c.Neurons))
		found.Bias = append(found.Bias, wide(func(i int) T { return T(n.Bias(1, i)) }, c.Neurons))
	}
	return found
}

// Neurons that fire by escape, eligibility, gradients, the reward's mean and parameters are those of the equations as
// numpy computes them: with the same noise the spikes are the same.
func TestSamplingIsNumpys(t *testing.T) {
	c := samplingFromNumpy(t)
	if len(c.Fired) < 100 || c.Crossed < 40 || c.AtBounds < 2 {
		t.Errorf("the table has %d spikes, %d contacts retracted or formed, %d at the bounds", len(c.Fired), c.Crossed,
			c.AtBounds)
	}
	compare := func(found samplingTable, bound float64) {
		t.Helper()
		if !reflect.DeepEqual(found.Fired, c.Fired) {
			t.Errorf("%d spikes, want %d, others or at other times", len(found.Fired), len(c.Fired))
		}
		for k, d := range []float64{largest(found.Theta, c.Theta), largest(found.G, c.G), largest(found.V, c.V),
			largest(found.Bias, c.Bias)} {
			if !(d < bound) {
				t.Errorf("%s differs by %g from numpy's", []string{"theta", "g", "v", "bias"}[k], d)
			}
		}
	}
	compare(samplingOf[float64](t, c), 1e-10)
	compare(samplingOf[float32](t, c), 1e-3) // rounding grows: parameters move weights, and these the gradients
}

// With a reward that does not depend on what neurons do, parameters sample the prior, at the temperature: N(mean,
// T sd^2), if no gradient is used.
func TestSamplingHasThePrior(t *testing.T) {
	c := Bernoulli(kernels.Noise{}, 40, 50, 1, true)
	m := &Model{Step: 1, Seed: 3, Populations: []Population{{Size: 40}, {Size: 50, Neuron: &Neuron{Tau: 20,
		Receptors: []Receptor{{Tau: 2}}, Escape: &Escape{Rate: 1}}}}, Projections: []Projection{{From: 0, To: 1, Delay: 20,
		Contacts: c, Sampling: &Sampling{Start: slices.Repeat([]float64{2}, c.Len()), TauEligibility: 1, TauGradient: 1,
			TauReward: 1, Expected: 1, Speed: 4, Temperature: .3, PriorMean: -.4, PriorSD: 1.5, W0: 1, Low: -9, High: 9,
			Every: 20}}}}
	n, err := New[float32](m)
	if err == nil {
		err = n.Advance(context.Background(), 4000)
	}
	if err != nil {
		t.Fatal(err)
	}
	var sum, squares float64
	for _, x := range n.Parameters(0) {
		sum += float64(x)
		squares += float64(x) * float64(x)
	}
	mean := sum / 2000
	variance := squares/2000 - mean*mean
	// The Euler step with a factor a = 1 - 4 x 0.02 / 1.5^2 has the variance 2 x 4 x 0.3 x 0.02 / (1 - a^2).
	a := 1 - 4*.02/(1.5*1.5)
	want := 2 * 4 * .3 * .02 / (1 - a*a)
	if math.Abs(mean+.4) > 4*math.Sqrt(want/2000) || math.Abs(variance/want-1) > 4*math.Sqrt(2./2000) {
		t.Errorf("mean %g and variance %g, want %g and %g", mean, variance, -.4, want)
	}
}

// A neuron fires by escape with the probability of its rate, also when the rate is high, and is refractory.
func TestEscapeRate(t *testing.T) {
	const size, steps = 200, 4000
	for _, refractory := range []float64{0, 5} {
		m := &Model{Step: 1, Seed: 9, Populations: []Population{{Size: size, Neuron: &Neuron{Tau: 20, Threshold: 1,
			Input: 3, Refractory: refractory, Receptors: []Receptor{{Tau: 2}}, Escape: &Escape{Rate: 10}}}}}
		n, err := New[float32](m)
		if err != nil {
			t.Fatal(err)
		}
		for i := range size {
			n.SetPotential(0, i, 3)
		}
		last, shortest, spikes := make([]int, size), steps, 0
		n.OnSpikes = func(_, step int, neurons []uint32) {
			for _, i := range neurons {
				if last[i] > 0 {
					shortest = min(shortest, step-last[i])
				}
				last[i], spikes = step, spikes+1
			}
		}
		if err := n.Advance(context.Background(), steps); err != nil {
			t.Fatal(err)
		}
		p := -math.Expm1(-.01 * math.Exp(2))
		free := max(refractory, 1)
		want := size * steps / (1/p + free - 1)
		if math.Abs(float64(spikes)-want) > 4*math.Sqrt(want) || shortest != int(free) {
			t.Errorf("refractory %g ms: %d spikes, want %g; shortest interval %d", refractory, spikes, want, shortest)
		}
	}
}

// Bytes do not depend on threads, nor float32 networks of several shards on where shards end.
func TestSamplingThreads(t *testing.T) {
	const size = shardSize + 60
	c := Bernoulli(layer(1), 30, size, .05, true)
	run := func(threads int) []float32 {
		n, err := New[float32](&Model{Step: 1, Seed: 5, Populations: []Population{{Size: 30, Rate: 20}, {Size: size,
			Neuron: &Neuron{Tau: 20, Receptors: []Receptor{{Tau: 2}}, Escape: &Escape{Rate: 10}}}}, Projections: []Projection{
			{From: 0, To: 1, Delay: 4, Contacts: c, Sampling: &Sampling{Start: slices.Repeat([]float64{1}, c.Len()),
				TauEligibility: 100, TauGradient: 100, TauReward: 100, Expected: 1, Gain: 100, Most: 100, Speed: 1,
				Temperature: .1, PriorSD: 2, W0: 10, Theta0: 3, Low: -2, High: 5, Every: 30}}}})
		if err != nil {
			t.Fatal(err)
		}
		n.Threads, n.Reward = threads, .7
		n.SetRate(0, 3, 90)
		if err := n.Advance(context.Background(), 200); err != nil {
			t.Fatal(err)
		}
		return slices.Concat(n.Parameters(0), n.Weights(0), n.Gradients(0))
	}
	one := run(1)
	if !slices.Equal(one, run(3)) {
		t.Error("3 threads find something different from one")
	}
	if same := len(c.Target) - len(slices.Compact(slices.Sorted(slices.Values(one[:len(c.Target)])))); same > 2 {
		t.Errorf("%d parameters have moved as others have", same)
	}
}

func TestSamplingCheck(t *testing.T) {
	for want, change := range map[string]func(m *Model){
		"sampling: want neurons with currents": func(m *Model) {
			m.Populations[1].Neuron.Escape = nil
			m.Populations[1].Neuron.Threshold = 1
		},
		"sampling has weights of its own":               func(m *Model) { m.Projections[0].Weight = 1 },
		"sampling: 1 parameters for 70":                 func(m *Model) { m.Projections[0].Sampling.Start = []float64{1} },
		"sampling: want time constants and an expected": func(m *Model) { m.Projections[0].Sampling.Expected = 0 },
		"with prior_sd and w0 above 0":                  func(m *Model) { m.Projections[0].Sampling.W0 = 0 },
		"a temperature and a limit of 0 or more":        func(m *Model) { m.Projections[0].Sampling.Temperature = -1 },
		"population 1 : escape {Rate:0 ":                func(m *Model) { m.Populations[1].Neuron.Escape.Rate = 0 },
	} {
		m := samplingFromNumpy(t).model()
		change(m)
		if err := m.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
