package explore

import (
	"context"
	"math"
	"runtime"
	"slices"
	"testing"

	"golang.org/x/sync/errgroup"
	"gonum.org/v1/gonum/integrate/quad"
	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"
)

// chosen are approximately the strengths that the full experiment chooses.
var chosen = map[string]map[string]float64{
	DeepSeaWorld: {Synapses: 1, Frozen: 0.05, Linear: 0.5, Falling: 0.5, Softmax: 0.03, Epsilon: 1, Greedy: 0},
	BanditWorld:  {Synapses: 1, Frozen: 0.2, Softmax: 0.2, Epsilon: 0.1, Greedy: 0},
}

// instance is a small world in which claims are tested.
type instance struct {
	world          string
	size, episodes int
}

// The instances. The bandit has more contexts than that of the full experiment, each of which is a separate bandit, so
// that agents differ less.
var (
	near = instance{DeepSeaWorld, 6, 800}
	mid  = instance{DeepSeaWorld, 10, 800}
	far  = instance{DeepSeaWorld, 14, 800}
	arms = instance{BanditWorld, 0, 6000}
)

// live lets an agent of a seed live in an instance, with the learner of the full experiment.
func (i instance) live(explorer string, seed uint64) (course, error) {
	c := DefaultConfig()
	c.Episodes, c.Choices, c.Contexts = i.episodes, i.episodes, 30
	w, episodes := (&experiment{Config: c}).world(pairing{world: i.world, size: i.size}, seed)
	return newAgent(c.Learner, w, explorer, chosen[i.world][explorer], seed).live(w, episodes, func() error { return nil })
}

// The claims of the figures, on small instances, each in at least 9 of 10 consecutive seeds.
func TestClaims(t *testing.T) {
	if testing.Short() {
		t.Skip("lets many agents live")
	}
	type agents map[instance]map[string]course
	var lives [10]agents // of each seed
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0))
	for k := range lives {
		lives[k] = agents{near: {}, mid: {}, far: {}, arms: {}}
		g.Go(func() error {
			for i, explorers := range map[instance][]string{
				near: {Softmax, Epsilon, Greedy}, mid: {Synapses}, far: {Synapses, Frozen, Linear, Falling, Softmax, Epsilon},
				arms: {Synapses, Softmax, Epsilon, Greedy},
			} {
				for _, explorer := range explorers {
					c, err := i.live(explorer, uint64(1+k))
					if err != nil {
						return err
					}
					lives[k][i][explorer] = c
				}
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	mean := func(c course) float64 { return stat.Mean(c.Returns, nil) }
	late := func(c course) float64 { return stat.Mean(c.Returns[len(c.Returns)*9/10:], nil) }
	shed := func(c course) bool {
		first, last := c.Sigmas[0], c.Sigmas[len(c.Sigmas)-1]
		return last[0] < first[0]/4 && last[0] < last[1]
	}
	for _, claim := range []struct {
		name string
		in   func(a agents) bool
	}{
		{"learned noise on synapses meets a reward 14 steps away and learns to get it", func(a agents) bool {
			c := a[far][Synapses]
			return c.Found > 0 && late(c) > 0.9 && c.Learned > 0.9
		}},
		{"noise on actions does not meet a reward 14 steps away",
			func(a agents) bool { return a[far][Softmax].Found == 0 && a[far][Epsilon].Found == 0 }},
		{"noise on synapses that is not learned does not meet it either",
			func(a agents) bool { return a[far][Frozen].Found == 0 }},
		{"noise on synapses that falls on schedule does not meet it either",
			func(a agents) bool { return a[far][Linear].Found == 0 && a[far][Falling].Found == 0 }},
		{"noise on actions meets a reward 6 steps away", func(a agents) bool {
			return a[near][Softmax].Found > 0 &&
				a[near][Epsilon].Found > 0
		}},
		{"no noise does not", func(a agents) bool { return a[near][Greedy].Found == 0 }},
		{"bandit: learned noise on synapses gets more than softmax",
			func(a agents) bool { return mean(a[arms][Synapses]) > mean(a[arms][Softmax]) }},
		{"bandit: learned noise on synapses gets more than epsilon-greedy",
			func(a agents) bool { return mean(a[arms][Synapses]) > mean(a[arms][Epsilon]) }},
		{"bandit: softmax gets more than no noise",
			func(a agents) bool { return mean(a[arms][Softmax]) > mean(a[arms][Greedy]) }},
		{"bandit: epsilon-greedy gets more than no noise",
			func(a agents) bool { return mean(a[arms][Epsilon]) > mean(a[arms][Greedy]) }},
		{"noise is shed where behaviour is learned", func(a agents) bool {
			return shed(a[mid][Synapses]) &&
				shed(a[arms][Synapses])
		}},
	} {
		holds := 0
		for _, a := range lives {
			if claim.in(a) {
				holds++
			}
		}
		t.Logf("%s: in %d of %d seeds", claim.name, holds, len(lives))
		if holds < 9 {
			t.Errorf("%s: in %d of %d seeds only", claim.name, holds, len(lives))
		}
	}
}

// If each cell has its own synapses, each of which an episode uses at most once, it does not matter that noise is held:
// redrawn in every step it explores equally well.
func TestRedrawn(t *testing.T) {
	const seeds = 10
	var returns [2][]float64
	met := 0
	for seed := range uint64(seeds) {
		for i, redrawn := range []bool{false, true} {
			w := sea(8, 1+seed)
			a := newAgent(DefaultConfig().Learner, w, Synapses, 1, 1+seed)
			a.redrawn = redrawn
			c, err := a.live(w, 500, func() error { return nil })
			if err != nil {
				t.Fatal(err)
			}
			returns[i] = append(returns[i], stat.Mean(c.Returns, nil))
			if redrawn && c.Found > 0 {
				met++
			}
		}
	}
	if met < 9 {
		t.Errorf("redrawn noise meets the reward in %d of %d seeds only", met, seeds)
	}
	held, redrawn := stat.Mean(returns[0], nil), stat.Mean(returns[1], nil)
	wide := math.Sqrt((stat.Variance(returns[0], nil) + stat.Variance(returns[1], nil)) / seeds)
	if math.Abs(held-redrawn) > 3*wide || slices.Equal(returns[0], returns[1]) {
		t.Errorf("mean return %.3f held, %.3f redrawn, with an error of %.3f", held, redrawn, wide)
	}
}

// The probability that a given one of N+1 normal numbers is the largest, by integration, is 1/(N+1).
func TestHeldInClosedForm(t *testing.T) {
	for _, n := range []int{1, 5, 30} {
		got := quad.Fixed(func(z float64) float64 {
			return distuv.UnitNormal.Prob(z) * math.Pow(distuv.UnitNormal.CDF(z), float64(n))
		}, -9, 9, 400, nil, 0)
		if math.Abs(got-1/float64(n+1)) > 1e-9 {
			t.Errorf("N = %d: %g, want %g", n, got, 1/float64(n+1))
		}
	}
}

// Before learning, noise that is held for an episode reaches the reward with probability 1/(N+1), and noise that is
// redrawn in every step, or held if each cell has its own meaning of the actions, with 2^-N like random actions. N = 6
// is enough to detect a mix-up: 0.14 is not 0.016.
func TestUntrained(t *testing.T) {
	c := small()
	c.Sizes, c.Untrained = []int{2, 6}, 3000
	e := &experiment{Config: c}
	e.Threads = 2
	all, err := e.untrained(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range all {
		want := math.Pow(2, -float64(u.Size))
		if u.Noise == Held {
			want = 1 / float64(u.Size+1)
		}
		if u.Expected != want {
			t.Errorf("%s, size %d: expected %g, want %g", u.Noise, u.Size, u.Expected, want)
		}
		if d := math.Abs(u.Share - want); d > 4.5*math.Sqrt(want*(1-want)/float64(u.Episodes)) {
			t.Errorf("%s, size %d: share %.4f, want %.4f", u.Noise, u.Size, u.Share, want)
		}
	}
}

// An agent without noise is the same as one whose noise is too small to matter, and takes the same way in every
// episode.
func TestWithoutNoise(t *testing.T) {
	w := sea(8, 3)
	none := newAgent(DefaultConfig().Learner, w, Greedy, 0, 3)
	tiny := newAgent(DefaultConfig().Learner, w, Synapses, 1e-12, 3)
	a, err := none.live(w, 100, func() error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	b, err := tiny.live(w, 100, func() error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	if b.Found != 0 || a.Found != 0 || math.Abs(stat.Mean(a.Returns, nil)-stat.Mean(b.Returns, nil)) > 0.01 {
		t.Errorf("mean returns %g and %g", stat.Mean(a.Returns, nil), stat.Mean(b.Returns, nil))
	}
	if last := a.Returns[50:]; slices.Max(last) != slices.Min(last) {
		t.Errorf("without noise the returns go on changing: %v", last)
	}
}

// A sigma that falls does so as its schedule says, whatever is learned, is the same for all synapses, and starts as the
// fixed one.
func TestAnnealed(t *testing.T) {
	for explorer, want := range map[string][3]float64{
		Frozen: {0.5, 0.5, 0.5}, Linear: {0.5, 0.25, 0.5 * 0.01}, Falling: {0.5, 0.05, 0.5 * math.Pow(0.01, 0.99)},
	} {
		w := sea(5, 1)
		a := newAgent(DefaultConfig().Learner, w, explorer, 0.5, 1)
		for i, episode := range []int{0, 50, 99} {
			a.episode(w, episode, 100)
			if err := a.learn(len(a.memory)); err != nil {
				t.Fatal(err)
			}
			if got := a.sigmas(w); math.Abs(got[0]/want[i]-1) > 1e-9 || math.Abs(got[1]/want[i]-1) > 1e-9 {
				t.Errorf("%s, episode %d of 100: sigma %g, want %g", explorer, episode, got, want[i])
			}
			drawn := 0.0 // the variance of the weights of an episode follows
			a.episode(w, episode, 100)
			for slot, x := range a.net.w {
				drawn += math.Pow(x-a.net.mu.Values[slot], 2)
			}
			n := float64(w.actions() * (w.states() + 1))
			if got := math.Sqrt(drawn / n); math.Abs(got/want[i]-1) > 0.35 {
				t.Errorf("%s, episode %d of 100: weights with a deviation of %g, want %g", explorer, episode, got, want[i])
			}
		}
	}
}

// Choices by softmax have its probabilities, those by epsilon-greedy the remaining share of random ones, and the others
// are greedy.
func TestChoices(t *testing.T) {
	const n = 20_000
	values := []float64{0.1, 0.4, 0.2}
	count := func(explorer string, strength, done float64) (share [3]float64) {
		a := &agent{explorer: explorer, strength: strength}
		for i := range n {
			u := [2]float64{(float64(i) + 0.5) / n, math.Mod(float64(i)*0.6180339887498949, 1)}
			share[a.choose(values, u, done)] += 1.0 / n
		}
		return share
	}
	z := math.Exp(0.5) + math.Exp(2) + math.Exp(1)
	for _, c := range []struct {
		explorer       string
		strength, done float64
		want           [3]float64
	}{
		{Softmax, 0.2, 0.3, [3]float64{math.Exp(0.5) / z, math.Exp(2) / z, math.Exp(1) / z}},
		{Epsilon, 0.6, 0, [3]float64{0.2, 0.6, 0.2}},
		{Epsilon, 0.6, 0.5, [3]float64{0.1, 0.8, 0.1}},
		{Greedy, 0, 0, [3]float64{0, 1, 0}},
		{Synapses, 1, 0, [3]float64{0, 1, 0}},
		{Frozen, 1, 0, [3]float64{0, 1, 0}},
	} {
		got := count(c.explorer, c.strength, c.done)
		for i := range got {
			if math.Abs(got[i]-c.want[i]) > 0.002 {
				t.Errorf("%s %g: shares %v, want %v", c.explorer, c.strength, got, c.want)
				break
			}
		}
	}
}
