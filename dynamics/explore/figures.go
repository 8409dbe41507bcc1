package explore

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/stat"

	"quantal/dynamics"
	"quantal/internal/setting"
	"quantal/results/draw"
	"quantal/results/tables"
)

// Sources of numbers.
const (
	fromSimulation = "simulation"
	fromClosedForm = "closed form"
)

// bandits is the title of the panels about them.
const bandits = "Bandit"

// look is how a strategy is drawn.
func look(explorer string) draw.Color {
	return map[string]draw.Color{
		Synapses: draw.Green, Frozen: draw.Purple, Linear: draw.Blue, Falling: draw.Sky, Softmax: draw.Orange,
		Epsilon: draw.Red, Greedy: draw.Grey,
	}[explorer]
}

// title is the name of a strategy in a key.
func title(explorer string) string {
	return map[string]string{
		Synapses: "synapses, learned σ", Frozen: "synapses, fixed σ", Linear: "synapses, σ falls linearly",
		Falling: "synapses, σ falls exponentially", Softmax: "actions, softmax", Epsilon: "actions, ε-greedy",
		Greedy: "no noise",
	}[explorer]
}

// figures draws all figures.
func (e *experiment) figures(s Summary) ([]draw.Illustration, error) {
	var makers []func() (*draw.Illustration, error)
	for _, figure := range []func(Summary) (*draw.Illustration, error){e.returnsFigure, e.depthFigure, e.sigmaFigure} {
		makers = append(makers, func() (*draw.Illustration, error) { return figure(s) })
	}
	return dynamics.Draw(makers...)
}

// protocol says how the agents were made.
func (e *experiment) protocol(s Summary) string {
	var chosen []string
	for _, x := range s.Strengths {
		chosen = append(chosen, fmt.Sprintf("%s on the %s %g", title(x.Explorer), x.World, x.Chosen))
	}
	l := e.Learner
	return fmt.Sprintf("%d agents of each kind, seeds from %d; all learn in the same way (learning rate %g, Adam's "+
		"epsilon %g, %d remembered steps in a minibatch). "+
		"Strengths are those with the largest mean return of %d other agents (deep sea of %s): %s.",
		e.Seeds, e.Seed, l.Rate, l.AdamEpsilon, l.Replay, e.Tuning.Seeds, setting.Setting{Value: &e.Tuning.Sizes}.Text(),
		strings.Join(chosen, ", "))
}

// drawnSizes are two sizes of deep sea shown in detail: one that noisy actions explore, and a larger one.
func (e *experiment) drawnSizes() []int {
	at := func(size int) int { // the nearest
		return slices.MinFunc(e.Sizes, func(a, b int) int { return max(a-size, size-a) - max(b-size, size-b) })
	}
	return slices.Compact([]int{at(10), at(20)})
}

// blockMeans are the middles of blocks of episodes, and an agent's mean returns over them.
func blockMeans(returns []float64) (middle, mean []float64) {
	for b := range blocks {
		from, to := b*len(returns)/blocks, (b+1)*len(returns)/blocks
		middle, mean = append(middle, float64(from+to)/2), append(mean, stat.Mean(returns[from:to], nil))
	}
	return middle, mean
}

// acrossAgents returns the mean and the half-width of its interval, point by point, over the values of the agents.
func acrossAgents(agents [][]float64) (mean, half []float64) {
	for i := range agents[0] {
		var values []float64
		for _, a := range agents {
			values = append(values, a[i])
		}
		interval := tables.NewInterval(values)
		mean, half = append(mean, interval.Mean), append(half, interval.HalfWidth)
	}
	return mean, half
}

// returnsFigure shows the return over episodes: on the bandit, and on two sizes of deep sea.
func (e *experiment) returnsFigure(s Summary) (*draw.Illustration, error) {
	sheet := &dynamics.Sheet{}
	panel := func(name, label string, keep func(Outcome) bool) {
		y := "Return of an episode"
		if name == bandits {
			y = "Return − optimum"
		}
		sheet.Panel(name, draw.Axis{Label: label}, draw.Axis{Label: y})
		optimum := 0.0
		for i, o := range s.Outcomes {
			if !keep(o) {
				continue
			}
			var middle []float64
			var means [][]float64
			for _, c := range e.lived[i] {
				m, mean := blockMeans(c.Returns)
				if name == bandits {
					floats.AddConst(-c.Optimum, mean)
				} else {
					optimum = c.Optimum
				}
				middle, means = m, append(means, mean)
			}
			mean, half := acrossAgents(means)
			sheet.Banded(fromSimulation, draw.Curve{Label: title(o.Explorer), X: middle, Y: mean, Color: look(o.Explorer)}, half)
			sheet.Last().X.Max = float64(len(e.lived[i][0].Returns))
		}
		sheet.Curve("optimum", draw.Curve{
			Label: "optimum", X: []float64{0, sheet.Last().X.Max}, Y: []float64{optimum, optimum}, Color: draw.Ink, Thin: true,
			Dashed: true,
		})
	}
	panel(bandits, "Choice", func(o Outcome) bool { return o.World == BanditWorld })
	for _, size := range e.drawnSizes() {
		panel(fmt.Sprintf("Deep sea of %d", size), "Episode",
			func(o Outcome) bool { return o.World == DeepSeaWorld && o.Size == size })
		sheet.Last().Y.Min, sheet.Last().Y.Max = -0.05, 1.05
	}
	return sheet.Illustration(3, 68, draw.Illustration{
		Name: "returns", Title: "Return over episodes, with the noise on synapses, on actions, or nowhere",
		Caption: fmt.Sprintf("Means over agents with 95 %% intervals, in blocks of a %dth of all episodes. A: a bandit "+
			"with %d contexts and %d arms, another for each "+
			"agent; the difference to the largest possible return. The others: deep sea, where the only reward is after "+
			"as many steps to the right as it is deep, and actions have a different meaning "+
			"in each cell. ", blocks, e.Contexts, e.Arms) + e.protocol(s),
	})
}

// depthFigure shows how deep each strategy goes.
func (e *experiment) depthFigure(s Summary) (*draw.Illustration, error) {
	sheet := &dynamics.Sheet{}
	size := draw.Axis{Label: "Size of deep sea", Min: float64(e.Sizes[0]) - 1, Max: float64(slices.Max(e.Sizes)) + 1}
	sheet.Panel("", size, draw.Axis{Label: "Agents that reached the reward (%)", Min: -4, Max: 104})
	var texts []string
	var sizes, first [][]float64
	for _, x := range e.Explorers {
		var at, share, low, high, met, median []float64
		for _, o := range s.Outcomes {
			if o.Explorer != x.Name || o.FarReward == nil {
				continue
			}
			f := o.FarReward
			at, share = append(at, float64(o.Size)), append(share, 100*f.Share)
			low, high = append(low, 100*f.ShareLow), append(high, 100*f.ShareHigh)
			if f.FirstMedian != nil {
				met, median = append(met, float64(o.Size)), append(median, *f.FirstMedian)
			}
			if o.Size == slices.Max(e.Sizes) {
				texts = append(texts, fmt.Sprintf("%s %d of %d", title(x.Name), f.Found, o.Agents))
			}
		}
		c := look(x.Name)
		sheet.Area(fromSimulation, draw.Band("", at, low, high, c))
		sheet.Curve(fromSimulation, draw.Curve{Label: title(x.Name), X: at, Y: share, Color: c})
		sheet.Points(fromSimulation, draw.Points{X: at, Y: share, Color: c})
		sizes, first = append(sizes, met), append(first, median)
	}
	sheet.Panel("", size, draw.Axis{Label: "First reached, median (episode)", Log: true, Min: 1, Max: float64(e.Episodes)})
	for i, x := range e.Explorers {
		sheet.Curve(fromSimulation, draw.Curve{X: sizes[i], Y: first[i], Color: look(x.Name)})
		sheet.Points(fromSimulation, draw.Points{X: sizes[i], Y: first[i], Color: look(x.Name)})
	}
	var x, chance []float64
	for n := 2; n <= slices.Max(e.Sizes); n++ {
		// The median of a geometric distribution; about ln 2 times 2^n.
		x, chance = append(x, float64(n)), append(chance, math.Pow(2, float64(n))*math.Ln2)
	}
	sheet.Curve(fromClosedForm, draw.Curve{Label: "B: actions at random", X: x, Y: chance, Color: draw.Ink, Thin: true,
		Dashed: true})
	sheet.Panel("Before learning", draw.Axis{Label: "Size of deep sea", Min: 1, Max: float64(slices.Max(e.Sizes)) + 1},
		draw.Axis{Label: "Chance of the reward in an episode", Log: true, Min: 0.2 * math.Pow(2, -redrawnSizes), Max: 1})
	for i, noise := range []string{Held, Redrawn, OwnWays, ByChance} {
		var at, share, expected []float64
		for _, u := range s.Untrained {
			if u.Noise == noise {
				at, share, expected = append(at, float64(u.Size)), append(share, u.Share), append(expected, u.Expected)
			}
		}
		c := []draw.Color{draw.Green, draw.Blue, draw.Sky, draw.Orange}[i]
		if noise == Held || noise == Redrawn {
			sheet.Curve(fromClosedForm, draw.Curve{X: at, Y: expected, Color: c, Thin: true})
		}
		sheet.Points(fromSimulation, draw.Points{Label: untrainedLabel(noise), X: at, Y: share, Color: c})
	}
	return sheet.Illustration(3, 76, draw.Illustration{
		Name: "depth", Title: "How deep noise on synapses, on actions, or nowhere explores",
		Caption: fmt.Sprintf("A: share of the agents that reach the far reward at least once in %d episodes, with exact "+
			"95 %% intervals. At the largest size: %s. B: the median over "+
			"agents of the episode in which they first reach it, if at least half do; actions at random take 2^N ln 2. "+
			"C: networks that have learned nothing, whose synapses all have σ = 1, in a deep sea where an action "+
			"means the same in all cells; in %d episodes each. Held for an episode, the noise makes the same choice in "+
			"many cells and reaches the reward with "+
			"probability 1/(N+1); redrawn in every step, or if each cell has its own meaning of the actions, with 2^-N, "+
			"like noise on the actions. ",
			e.Episodes, strings.Join(texts, ", "), e.Untrained) + e.protocol(s),
	})
}

// untrainedLabel is the key of a kind of noise before learning.
func untrainedLabel(noise string) string {
	return map[string]string{
		Held: "C: held for an episode", Redrawn: "C: redrawn in every step", OwnWays: "C: held, own meanings",
		ByChance: "C: actions at random",
	}[noise]
}

// sigmaFigure shows the learned sigma over training.
func (e *experiment) sigmaFigure(s Summary) (*draw.Illustration, error) {
	if !slices.ContainsFunc(e.Explorers, func(x Explorer) bool { return x.Name == Synapses }) {
		return nil, nil
	}
	sheet := &dynamics.Sheet{}
	panel := func(name, label string, keep func(Outcome) bool) {
		for i, o := range s.Outcomes {
			if o.Explorer != Synapses || !keep(o) {
				continue
			}
			sheet.Panel(name, draw.Axis{Label: label}, draw.Axis{Label: "Mean σ"})
			for k, group := range []string{"synapses of the best behaviour", "other synapses"} {
				var agents [][]float64
				for _, c := range e.lived[i] {
					var sigma []float64
					for _, v := range c.Sigmas {
						sigma = append(sigma, v[k])
					}
					agents = append(agents, sigma)
				}
				mean, half := acrossAgents(agents)
				var at []float64
				for b := range mean {
					at = append(at, float64(b*len(e.lived[i][0].Returns)/blocks))
				}
				sheet.Last().X.Max = at[len(at)-1]
				sheet.Banded(fromSimulation, draw.Curve{Label: group, X: at, Y: mean,
					Color: []draw.Color{draw.Green, draw.Grey}[k]}, half)
			}
			sheet.FromZero()
		}
	}
	panel(bandits, "Choice", func(o Outcome) bool { return o.World == BanditWorld })
	for _, size := range e.drawnSizes() {
		panel(fmt.Sprintf("Deep sea of %d", size), "Episode",
			func(o Outcome) bool { return o.World == DeepSeaWorld && o.Size == size })
	}
	return sheet.Illustration(3, 68, draw.Illustration{
		Name: "sigma", Title: "Noise is shed where behaviour is learned",
		Caption: "Mean σ over the synapses from the states of the best behaviour to its actions (in deep sea, from the " +
			"cells of the diagonal to the steps to the right; on the bandit, from " +
			"each context to its best arm), and over all other synapses; means over agents with 95 % intervals. " +
			e.protocol(s),
	})
}
