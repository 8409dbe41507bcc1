package conformance

import (
	"context"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"quantal/kernels"
)

func flawsOfTraining(n *Network) []string {
	flaws := []string{"B/N missing", "sign(mu) missing"}
	if n.Sharing == kernels.NoNoise {
		return flaws
	}
	return append(flaws, "xi = 0", "a wrong counter", "a cost counted twice", "dsigma/dphi missing")
}

func stepsAgainstFloat64(t *testing.T, machines []Machine) {
	short := Designs()
	for i, d := range slices.Concat(short, crossed()) {
		shorter := i < len(short)
		t.Run(d.String(), func(t *testing.T) {
			n := d.Network(t)
			c := comparison{network: n, flaws: flawsOfTraining(n), losses: 1e-5,
				after: func(t *testing.T, vm kernels.VM) {
					s := StateOf(t, vm, 0)
					n.checkPads(t, s.Mu)
					n.checkPads(t, s.MuMoments...)
					if n.Sharing == kernels.PerSynapse {
						n.checkPads(t, s.PhiMoments...)
					}
				}}
			c.count = 1
			c.on(t, some(machines, i, shorter))
			if c.count = 10; shorter {
				c.on(t, some(machines, i, true))
			}
			if shorter || testing.Short() {
				return // a hundred times a step
			}
			c.count, c.losses = 100, 1e-4
			c.on(t, some(machines, i, false))
		})
	}
}

// moversAgainstFloat64: the other rules that train also follow their equations: ten steps, in which a velocity reaches
// six tenths of its final size.
func moversAgainstFloat64(t *testing.T, machines []Machine) {
	for i, rule := range kernels.Movers()[1:] {
		for sharing := kernels.PerSynapse; sharing <= kernels.NoNoise; sharing++ {
			d := Design{Sizes: []int{20, 17, 5}, Sharing: sharing, Activation: kernels.ReLU, Batch: 6, Rho: 2. / 3}
			t.Run(rule.Name()+"/"+d.String(), func(t *testing.T) {
				n := d.Network(t).Under(t, rule)
				c := comparison{network: n, count: 10, flaws: flawsOfTraining(n), losses: 1e-5}
				c.on(t, some(machines, i+int(sharing), true))
			})
		}
	}
}

// schedulesAgainstFloat64: learning rates that change, with a decay of the weights, under every rule: all steps but the
// last of a run of eleven, in which the rate falls twice.
func schedulesAgainstFloat64(t *testing.T, machines []Machine) {
	for i, rule := range kernels.Movers() {
		for j, shape := range kernels.Shapes() {
			rule := kernels.Scheduled(rule, kernels.Schedule{Shape: shape, Steps: 11})
			d := Design{Sizes: []int{20, 17, 5}, Sharing: kernels.Sharing((i + 2*j) % 5), Activation: kernels.ReLU, Batch: 6,
				Rho: 2}
			t.Run(rule.String()+"/"+d.String(), func(t *testing.T) {
				n := d.Network(t).Under(t, rule)
				n.Members[0].WeightDecay = 20 // two hundredths per step
				flaws := append(flawsOfTraining(n), "no weight decay")
				if shape != kernels.Constant {
					flaws = append(flaws, "a constant rate", "the decay at a constant rate")
				}
				comparison{network: n, count: 10, flaws: flaws, losses: 1e-5}.on(t, some(machines, i+j, true))
			})
		}
	}
}

// activationsAgainstFloat64: ten steps of two hidden layers, and an evaluation with draws.
func activationsAgainstFloat64(t *testing.T, machines []Machine) {
	for i, activation := range kernels.Activations() {
		d := Design{Sizes: []int{20, 17, 18, 5}, Sharing: kernels.Sharing(i % 5), Activation: activation, Batch: 6 + 15*(i%2),
			Likelihood: kernels.Likelihood(i % 2), Rho: 2. / 3, Members: 2}
		t.Run(d.String(), func(t *testing.T) {
			n := d.Network(t)
			c := comparison{network: n, count: 10, flaws: flawsOfTraining(n), losses: 1e-5}
			got := map[string][]kernels.Score{}
			c.after = func(t *testing.T, vm kernels.VM) { got[t.Name()] = ScoresOf(t, vm, n.Data, 9, 2) }
			c.on(t, some(machines, i, true))
			checkScores(t, n.After(0, 10, ""), 9, 2, got)
		})
	}
}

// publishedPreset makes a step at the preset's real size.
func publishedPreset(t *testing.T, machines []Machine) {
	for _, sharing := range []kernels.Sharing{kernels.PerSynapse, kernels.PerNetwork} {
		n := Design{Sizes: []int{784, 100, 100, 10}, Batch: 20, Activation: kernels.ReLU, Sharing: sharing, Rho: 2}.Network(t)
		comparison{network: n, count: 1, flaws: flawsOfTraining(n), losses: 1e-5}.on(t, machines)
	}
}

// evaluateAgainstTheDefinitions compares scores with those of draws made here.
func evaluateAgainstTheDefinitions(t *testing.T, machines []Machine) {
	for _, d := range []Design{
		{Sizes: []int{12, 9, 4}, Activation: kernels.ReLU, Batch: 6, Rho: 2, Examples: 63},
		{Sizes: []int{12, 9, 4}, Activation: kernels.ReLU, Batch: 6, Rho: 2, Examples: 63, Likelihood: kernels.Gaussian},
		{Sizes: []int{20, 7, 3}, Activation: kernels.ReLU, Batch: 3, Rho: 2, Examples: 87, Members: 2},
		{Sizes: []int{270, 9, 5}, Sharing: kernels.PerNeuron, Activation: kernels.Tanh, Batch: 6, Rho: 2, Examples: 87},
		{Sizes: []int{15, 4}, Sharing: kernels.PerNetwork, Likelihood: kernels.Gaussian, Activation: kernels.ReLU, Batch: 6,
			Examples: 87, Members: 3},
		{Sizes: []int{15, 8, 4}, Sharing: kernels.NoNoise, Activation: kernels.ReLU, Batch: 6, Examples: 87},
	} {
		t.Run(d.String(), func(t *testing.T) {
			n := d.Network(t)
			const step = 9
			for _, draws := range []int{0, 3, 4} {
				got := map[string][]kernels.Score{}
				for _, m := range machines {
					got[m.Name] = ScoresOf(t, n.Open(t, m.Open), n.Data, step, draws)
				}
				checkScores(t, n.After(0, 0, ""), step, draws, got)
			}
		})
	}
}

// checkScores compares scores on machines. Losses may deviate as far as in runs with random rounding, and no answer may
// differ.
func checkScores(t *testing.T, want []*Reference, step, draws int, got map[string][]kernels.Score) {
	t.Helper()
	for m, r := range want {
		want, tolerance := r.score(step, draws), 0.0
		for rounded := range r.rounded() {
			other := rounded.score(step, draws)
			for _, d := range []float64{other.LossSampled - want.LossSampled, other.LossMean - want.LossMean,
				other.LossPredictive - want.LossPredictive, other.LossExpectedLog - want.LossExpectedLog} {
				if e := roundingFactor * math.Abs(d); e > tolerance { // not if it is NaN
					tolerance = e
				}
			}
		}
		for machine, scores := range got {
			if diff := cmp.Diff(want, scores[m], cmpopts.EquateApprox(0, tolerance), cmpopts.EquateNaNs()); diff != "" {
				t.Errorf("%s, member %d, %d draws (-want +got), losses to %.2g\n%s", machine, m, draws, tolerance, diff)
			}
		}
	}
}

// score evaluates the network on its training data.
func (r *Reference) score(step, draws int) kernels.Score {
	nan := math.NaN()
	s := kernels.Score{AccuracyPredictive: nan, LossPredictive: nan, AccuracyExpectedLog: nan, LossExpectedLog: nan}
	if draws > 0 {
		s = kernels.Score{}
	}
	count := func(accuracy, loss *float64, logp []float64, e int) {
		answer := 0
		if r.n.Likelihood == kernels.Categorical {
			answer = int(r.n.Data.Labels[e])
		}
		if slices.Index(logp, slices.Max(logp)) == answer {
			*accuracy += 1 / float64(r.n.Data.N)
		}
		*loss -= logp[answer] / float64(r.n.Data.N)
	}
	for e := range r.n.Data.N {
		group := e / kernels.EvaluationGroup
		single := r.logProbabilities(int32(e), step, group)
		count(&s.AccuracySampled, &s.LossSampled, single, e)
		count(&s.AccuracyMean, &s.LossMean, r.logProbabilities(int32(e), step, -1), e)
		if draws == 0 {
			continue
		}
		predictive, expected := make([]float64, len(single)), make([]float64, len(single))
		for d := range draws {
			for o, v := range r.logProbabilities(int32(e), step, group*draws+d) {
				predictive[o] += math.Exp(v) / float64(draws)
				expected[o] += v / float64(draws)
			}
		}
		for o, p := range predictive {
			predictive[o] = math.Log(p)
		}
		count(&s.AccuracyPredictive, &s.LossPredictive, predictive, e)
		count(&s.AccuracyExpectedLog, &s.LossExpectedLog, expected, e)
	}
	if r.n.Likelihood == kernels.Gaussian {
		s.AccuracySampled, s.AccuracyMean, s.AccuracyPredictive, s.AccuracyExpectedLog = nan, nan, nan, nan
	}
	return s
}

// small is a network for tests of a VM's behaviour.
var small = Design{Sizes: []int{30, 17, 4}, Activation: kernels.ReLU, Batch: 5, Rho: 2, Members: 5}

// bytesDoNotDependOnCompany: a network's numbers must not depend on the other networks, on how the machine divides the
// work, on how steps are split into calls, or on reading its state in between.
func bytesDoNotDependOnCompany(t *testing.T, machines []Machine) {
	for sharing := kernels.PerSynapse; sharing <= kernels.NoNoise; sharing++ {
		// Layers of the second are big enough for several threads to work on one network.
		for i, d := range []Design{small, {Sizes: []int{300, 62, 70, 4}, Activation: kernels.ReLU, Batch: 17, Rho: 2,
			Members: 3}} {
			d.Sharing = sharing
			shorter := i == 0 && (!testing.Short() || sharing%2 == 0)
			n := d.Network(t)
			rules := []*Network{n, n.Under(t, kernels.Accumulate{}), n.Under(t, kernels.Accumulate{AtMu: true}),
				n.Fluctuating(t, Schedules[int(sharing)%2])}
			if sharing == kernels.PerSynapse {
				d.Quantal = true
				rules = append(rules, d.Network(t))
			}
			for j, n := range rules {
				if testing.Short() && (j+int(sharing))%2 != 0 && j < 4 {
					continue
				}
				for _, m := range some(machines, 0, shorter) {
					t.Run(m.Name+"/"+n.Sharing.String()+"/"+n.Program.Rule.String(), func(t *testing.T) { n.company(t, m, i == 1) })
				}
			}
		}
	}
}

func (n *Network) company(t *testing.T, m Machine, large bool) {
	cuts := [][2]int{{0, 1}, {1, 9}, {10, 40}, {50, 7}}
	switch {
	case large:
		cuts = [][2]int{{0, 1}, {1, 4}, {5, 2}}
	case m.Slow:
		cuts = [][2]int{{0, 1}, {1, 3}, {4, 18}}
	}
	steps := cuts[len(cuts)-1][0] + cuts[len(cuts)-1][1]
	const place = 2 // its position: in the middle of five in batches of two
	alone := n.Only(place)
	want := alone.Open(t, m.Open)
	progress := Run(t, want, 0, steps)
	state, score := StateOf(t, want, 0), ScoresOf(t, want, n.Data, steps, 2)
	_, summed := n.Program.Rule.(kernels.Accumulate)
	ways := map[string]Open{"in company": m.Open}
	for name, open := range m.Ways {
		ways[name] = open
	}
	for name, open := range ways {
		for _, n := range []*Network{alone, n} {
			at := min(place, len(n.Members)-1)
			if large && at == place && name != "in company" {
				continue
			}
			vm := n.Open(t, open)
			var losses []float64
			for i, cut := range cuts {
				losses = append(losses, Run(t, vm, cut[0], cut[1])[at].Losses...)
				StateOf(t, vm, at)
				if i == 1 {
					ScoresOf(t, vm, n.Data, 1, 0)
				}
				if summed {
					SumsOf(t, vm, at)
				}
			}
			if diff := cmp.Diff(state, StateOf(t, vm, at)); diff != "" {
				t.Errorf("%s, %d members: the state differs (-alone +here)\n%s", name, len(n.Members), diff)
			}
			if diff := cmp.Diff(progress[0].Losses, losses); diff != "" {
				t.Errorf("%s, %d members: the losses of the steps differ (-alone +here)\n%s", name, len(n.Members), diff)
			}
			if got := ScoresOf(t, vm, n.Data, steps, 2)[at]; got != score[0] {
				t.Errorf("%s, %d members: score %+v, alone %+v", name, len(n.Members), got, score[0])
			}
			other := 0
			if other != at && cmp.Equal(StateOf(t, vm, other), state) {
				t.Errorf("%s: another member has the same state", name)
			}
			if !summed {
				continue
			}
			sums := SumsOf(t, want, 0)
			if !Same(sums, SumsOf(t, vm, at)) {
				t.Errorf("%s, %d members: the sums differ", name, len(n.Members))
			}
			if other != at && Same(sums, SumsOf(t, vm, other)) {
				t.Errorf("%s: another member has the same sums", name)
			}
			// Loading resets the sums, whether a member is on its device or not.
			n.Load(t, vm)
			for m := range n.Members {
				if !Same(kernels.NewSums(n.Program.Layout), SumsOf(t, vm, m)) {
					t.Errorf("%s: member %d: loading a state leaves sums", name, m)
				}
			}
			Run(t, vm, 0, steps)
			if !Same(sums, SumsOf(t, vm, at)) {
				t.Errorf("%s, %d members: the sums differ after loading", name, len(n.Members))
			}
		}
	}
}

// divergence: a network that diverges stops, with the place named, and the others continue.
func divergence(t *testing.T, m Machine) {
	for _, c := range []struct {
		name   string
		spoil  func(s *kernels.State, l kernels.Layout)
		want   kernels.Divergence
		losses int // steps that count
	}{
		{"sigma of layer 1", func(s *kernels.State, l kernels.Layout) { s.Phi[l.Offset(1)+2] = float32(math.NaN()) },
			kernels.Divergence{Step: 5, Layer: 1, What: "sigma"}, 0},
		{"weight of layer 0", func(s *kernels.State, l kernels.Layout) { s.Mu[3] = float32(math.Inf(1)) },
			kernels.Divergence{Step: 5, Layer: 0, What: "loss"}, 0},
		{"cost beyond float32", func(s *kernels.State, l kernels.Layout) { s.Phi[l.Offset(1)] = -60 },
			kernels.Divergence{Step: 5, Layer: 1, What: "gradient"}, 1},
	} {
		for draw := kernels.PerMinibatch; draw <= kernels.PerExample; draw++ {
			t.Run(fmt.Sprint(c.name, ", a draw per ", draw), func(t *testing.T) {
				d := small
				d.Members, d.Draw = 2, draw
				n := d.Network(t)
				healthy := n.Only(0).Open(t, m.Open)
				progress := Run(t, healthy, 5, 4)
				c.spoil(n.Start[1], n.Program.Layout)
				vm := n.Open(t, m.Open)
				first := diverging(t, vm, 5, 3, c.want)
				stands := StateOf(t, vm, 1)
				second := diverging(t, vm, 8, 1, c.want)
				if len(first[1].Losses) != c.losses || len(second[1].Losses) != 0 || math.IsNaN(first[1].NLL()) ||
					math.IsInf(first[1].NLL(), 0) {
					t.Errorf("losses of the stopped member: %v, %v", first[1].Losses, second[1].Losses)
				}
				// NaNs among them are equal here.
				if !cmp.Equal(stands, StateOf(t, vm, 1), cmpopts.EquateNaNs()) {
					t.Error("the stopped member moved")
				}
				if !cmp.Equal(StateOf(t, healthy, 0), StateOf(t, vm, 0)) ||
					!slices.Equal(progress[0].Losses, slices.Concat(first[0].Losses, second[0].Losses)) {
					t.Error("the healthy member's result depends on the other")
				}
				// A new state starts it again.
				if err := vm.Load(1, n.Start[0]); err != nil {
					t.Fatal(err)
				}
				Run(t, vm, 9, 1)
			})
		}
	}
}

// diverging runs two members, the second of which stops in one of the given ways.
func diverging(t *testing.T, vm kernels.VM, first, count int, want ...kernels.Divergence) []kernels.Progress {
	t.Helper()
	progress, err := vm.Run(context.Background(), first, count)
	if err != nil {
		t.Fatal(err)
	}
	if d := progress[0].Diverged; d != nil {
		t.Errorf("the healthy member stopped too: %v", d)
	}
	if d := progress[1].Diverged; d == nil || !slices.Contains(want, *d) {
		t.Errorf("got %v, want %v", d, want)
	}
	return progress
}
