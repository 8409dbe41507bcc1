package explore

import (
	"math"
	"testing"

	"quantal/kernels"
)

// sea is a deep sea with its own meanings of actions.
func sea(size int, seed uint64) *deepSea {
	return newDeepSea(size, false, place(seed, layerMeaning, size, 0))
}

// play takes a sequence of actions from the start and returns the rewards.
func play(w world, actions []int) (sum float64, rewarded bool) {
	s := w.start(0)
	for _, a := range actions {
		var r float64
		r, s = w.act(a)
		sum += r
		rewarded = rewarded || r > 0.5
	}
	if s != over {
		panic("the episode is longer than its actions")
	}
	return sum, rewarded
}

// All action sequences of small seas: exactly one of the 2^N reaches the reward, so random actions do with probability
// 2^-N; it has the largest return, which is the optimum; and no sequence has more than the value from dynamic
// programming over the whole grid.
func TestDeepSeaAgainstAllSequences(t *testing.T) {
	for size := 2; size <= 9; size++ {
		d := sea(size, uint64(size))
		found, largest := 0, math.Inf(-1)
		for n := range 1 << size {
			actions := make([]int, size)
			for i := range actions {
				actions[i] = n >> i & 1
			}
			sum, rewarded := play(d, actions)
			largest = max(largest, sum)
			if rewarded {
				found++
			}
		}
		if found != 1 {
			t.Errorf("size %d: %d of %d sequences reach the reward, want one", size, found, 1<<size)
		}
		if math.Abs(largest-d.optimum()) > 1e-12 {
			t.Errorf("size %d: largest return %g, optimum %g", size, largest, d.optimum())
		}
	}
}

// grid is the value of every cell of a square of n x n, by dynamic programming over the whole grid, and whether right
// is best there. Written from the description alone: cell [row][column], a step right costs 0.01/n and is worth 1 in
// the lower right cell.
func grid(n int) (value [][]float64, right [][]bool) {
	value, right = make([][]float64, n+1), make([][]bool, n+1)
	for r := range value {
		value[r], right[r] = make([]float64, n+1), make([]bool, n+1)
	}
	for r := n - 1; r >= 0; r-- {
		for c := range n {
			toRight := -0.01/float64(n) + value[r+1][min(c+1, n-1)]
			if r == n-1 && c == n-1 {
				toRight++
			}
			toLeft := value[r+1][max(c-1, 0)]
			value[r][c], right[r][c] = max(toRight, toLeft), toRight > toLeft
		}
	}
	return value, right
}

func TestDeepSeaAgainstDynamicProgramming(t *testing.T) {
	for _, size := range []int{2, 5, 13, 30} {
		d := sea(size, 7)
		value, right := grid(size)
		if math.Abs(d.optimum()-value[0][0]) > 1e-12 {
			t.Errorf("size %d: optimum %g, want %g", size, d.optimum(), value[0][0])
		}
		best := 0
		for r := range size {
			for c := range r + 1 {
				s := r*(r+1)/2 + c
				if d.best(s, 0) && d.best(s, 1) {
					t.Fatalf("size %d: both actions are best in state %d", size, s)
				}
				for a := range 2 {
					if d.best(s, a) {
						best++
						if r != c || a != d.right[s] {
							t.Errorf("size %d: action %d is best in row %d, column %d", size, a, r, c)
						}
					}
				}
			}
		}
		if best != size {
			t.Errorf("size %d: the best behaviour has %d steps", size, best)
		}
		got := d.value(func(s int) int {
			r := int((math.Sqrt(float64(8*s+1)) - 1) / 2)
			if right[r][s-r*(r+1)/2] {
				return d.right[s]
			}
			return 1 - d.right[s]
		})
		if math.Abs(got-value[0][0]) > 1e-12 {
			t.Errorf("size %d: the best policy is worth %g, want %g", size, got, value[0][0])
		}
	}
}

// The effect of an action differs in about half of the cells, and is the same in all if requested.
func TestMeanings(t *testing.T) {
	ones := 0
	d := sea(40, 3)
	for _, a := range d.right {
		ones += a
	}
	if n := float64(len(d.right)); math.Abs(float64(ones)-n/2) > 5*math.Sqrt(n)/2 {
		t.Errorf("action 1 goes right in %d of %g cells", ones, n)
	}
	for _, a := range newDeepSea(40, true, kernels.Noise{Seed: 3}).right {
		if a != 1 {
			t.Fatal("actions mean different things")
		}
	}
}

// The optimum of a small bandit, over all policies; and its rewards have the stated means.
func TestBandit(t *testing.T) {
	const contexts, arms = 4, 3
	b := newBandit(contexts, arms, place(5, layerArms, 0, 0),
		func(episode int) kernels.Noise { return place(5, layerEpisode, episode, 0) })
	largest, policies := math.Inf(-1), 1
	for range contexts {
		policies *= arms
	}
	for p := range policies {
		policy := func(s int) int {
			n := p
			for range s {
				n /= arms
			}
			return n % arms
		}
		largest = max(largest, b.value(policy))
	}
	if math.Abs(largest-b.optimum()) > 1e-12 {
		t.Errorf("optimum %g, want %g", b.optimum(), largest)
	}
	if got := b.value(func(s int) int {
		for a := range arms {
			if b.best(s, a) {
				return a
			}
		}
		return -1
	}); math.Abs(got-largest) > 1e-12 {
		t.Errorf("the best arms are worth %g, want %g", got, largest)
	}

	const n = 40_000
	var sum, square, times [contexts]float64
	for e := range n {
		s := b.start(e)
		r, next := b.act(1)
		if next != over {
			t.Fatal("an episode is one choice")
		}
		times[s]++
		sum[s] += r
		square[s] += r * r
	}
	for s := range contexts {
		if p := times[s] / n; math.Abs(p-0.25) > 5*math.Sqrt(0.25*0.75/n) {
			t.Errorf("context %d in %.3f of the episodes", s, p)
		}
		mean := sum[s] / times[s]
		if math.Abs(mean-b.means[s*arms+1]) > 5/math.Sqrt(times[s]) {
			t.Errorf("context %d: mean reward %g, want %g", s, mean, b.means[s*arms+1])
		}
		if v := square[s]/times[s] - mean*mean; math.Abs(v-1) > 5*math.Sqrt(2/times[s]) {
			t.Errorf("context %d: variance of the reward %g, want 1", s, v)
		}
	}
}
