package explore

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/stat"

	"quantal/dynamics"
	"quantal/internal/fault"
	"quantal/kernels"
	"quantal/results/tables"
)

// Worlds.
const (
	BanditWorld  = "bandit"
	DeepSeaWorld = "deep sea"
)

// Summary holds the results.
type Summary struct {
	Outcomes  []Outcome   `json:"outcomes"`
	Depths    []Depth     `json:"depths"`
	Strengths []Strength  `json:"strengths"` // of strategies that have a choice
	Untrained []Untrained `json:"untrained"`
	Seed      uint64      `json:"seed"`
	Seconds   float64     `json:"seconds"` // of everything except drawing
}

// Outcome is the result of the agents with one strategy in one world.
type Outcome struct {
	World    string  `json:"world"`
	Size     int     `json:"size"` // of deep sea; 0 for the bandit
	Explorer string  `json:"explorer"`
	Strength float64 `json:"strength"`
	Agents   int     `json:"agents"`
	Performance
	FarReward *FarReward `json:"far_reward,omitempty"` // in deep sea
}

// Performance is means over agents. Intervals are t intervals of 95 % over the agents.
type Performance struct {
	// Return is that of an episode, over all of them; Late over the last tenth; and Learned is the expected return of the
	// means of the synapses at the end. Optimum is the largest expected return.
	Return           float64 `json:"return"`
	ReturnHalfWidth  float64 `json:"return_half_width"`
	Late             float64 `json:"late_return"`
	LateHalfWidth    float64 `json:"late_return_half_width"`
	Learned          float64 `json:"learned_return"`
	LearnedHalfWidth float64 `json:"learned_return_half_width"`
	Optimum          float64 `json:"optimum"`
	Regret           float64 `json:"regret"` // the optimum minus the return; each agent has its own bandit
	RegretHalfWidth  float64 `json:"regret_half_width"`
	// At the end, over the synapses of the best behaviour, and over all others; biases are neither. 0 without noise.
	SigmaBest   float64 `json:"sigma_best"`
	SigmaOthers float64 `json:"sigma_others"`
}

// FarReward is how many agents reached the far reward of deep sea at least once, with the exact interval of 95 %, and
// how many reach it at the end with the means of their synapses.
type FarReward struct {
	Found     int     `json:"found"`
	Share     float64 `json:"found_share"`
	ShareLow  float64 `json:"found_low"`
	ShareHigh float64 `json:"found_high"`
	// FirstMedian is the median over agents of the episode in which they first reached it; missing if half of them never
	// did.
	FirstMedian *float64 `json:"first_median"`
	Learned     int      `json:"learned"`
}

// Depth is how deep a strategy goes: the largest size such that at all sizes up to it the given share of agents reaches
// the far reward; 0 if they do not even at the smallest.
type Depth struct {
	Explorer   string `json:"explorer"`
	Half       int    `json:"half"`
	NineTenths int    `json:"nine_tenths"`
}

// Strength is the choice for a strategy in a world.
type Strength struct {
	World    string    `json:"world"`
	Explorer string    `json:"explorer"`
	Tried    []float64 `json:"tried"`
	Returns  []float64 `json:"returns"` // of each: mean over all episodes, tuning agents and tuning sizes
	Chosen   float64   `json:"chosen"`
}

// Untrained is how often networks that have learned nothing reach the far reward of a deep sea in which an action means
// the same in all cells.
type Untrained struct {
	Noise    string  `json:"noise"`
	Size     int     `json:"size"`
	Episodes int     `json:"episodes"`
	Found    int     `json:"found"`
	Share    float64 `json:"share"`
	Expected float64 `json:"expected"`
}

// Row is a row of the table: an outcome.
type Row struct {
	World    string  `json:"world"`
	Size     int     `json:"size"`
	Explorer string  `json:"explorer"`
	Strength float64 `json:"strength"`
	Agents   int     `json:"agents"`
	Performance
	Found       *int     `json:"found"`
	Share       *float64 `json:"found_share"`
	ShareLow    *float64 `json:"found_low"`
	ShareHigh   *float64 `json:"found_high"`
	FirstMedian *float64 `json:"first_median"`
	LearnedIt   *int     `json:"learned"`
}

// Findings are what the experiment leaves.
type Findings = dynamics.Findings[Summary, Row]

// pairing is one kind of agent in one kind of world.
type pairing struct {
	world    string
	size     int
	explorer string
	strength float64
}

// experiment is a running experiment.
type experiment struct {
	Config
	lived [][]course // of each outcome
	doing *dynamics.Work
	parts *dynamics.Parts
}

// Run makes the experiment. Cancelled, it returns the context's error.
func Run(ctx context.Context, config Config, job dynamics.Job) (Findings, error) {
	var findings Findings
	if err := config.Check(); err != nil {
		return findings, err
	}
	e := &experiment{Config: config, parts: job.Parts}
	e.Threads = kernels.Threads(e.Threads)
	began := time.Now()
	tuning, total := e.tuning(), 0.
	for _, s := range tuning {
		total += e.work(s) * float64(e.Tuning.Seeds)
	}
	for _, s := range e.settings(nil) {
		total += e.work(s) * float64(e.Seeds)
	}
	e.doing = dynamics.NewWork(total, job)
	summary := Summary{Seed: uint64(config.Seed)}
	courses, err := e.live(ctx, tuning, e.Tuning.Seeds, tuningSeeds, "choosing strengths")
	if err != nil {
		return findings, err
	}
	summary.Strengths = e.choose(tuning, courses)
	settings := e.settings(summary.Strengths)
	if courses, err = e.live(ctx, settings, e.Seeds, 0, ""); err != nil {
		return findings, err
	}
	e.lived = courses
	for i, s := range settings {
		summary.Outcomes = append(summary.Outcomes, e.outcome(s, courses[i]))
	}
	summary.Depths = e.depths(summary.Outcomes)
	if summary.Untrained, err = e.untrained(ctx); err != nil {
		return findings, err
	}
	summary.Seconds = job.Seconds(began)
	findings.Summary = summary
	for _, o := range summary.Outcomes {
		findings.Table = append(findings.Table, o.row())
	}
	findings.Figures, err = e.figures(summary)
	return findings, err
}

// tuningSeeds is the distance between the seeds of the agents on which strengths are chosen and those of the others.
const tuningSeeds = 1 << 32

// tuning lists the trials, all sizes of a strength in a row. If there is only one strength, there are none.
func (e *experiment) tuning() []pairing {
	var all []pairing
	for _, world := range []string{BanditWorld, DeepSeaWorld} {
		sizes := []int{0}
		if world == DeepSeaWorld {
			sizes = e.Tuning.Sizes
		}
		for _, x := range e.Explorers {
			if len(x.Strengths) == 1 {
				continue
			}
			for _, strength := range x.Strengths {
				for _, size := range sizes {
					all = append(all, pairing{world, size, x.Name, strength})
				}
			}
		}
	}
	return all
}

// settings lists the settings with the chosen strengths; if none was chosen, the first is taken.
func (e *experiment) settings(chosen []Strength) []pairing {
	strength := func(world, explorer string) float64 {
		for _, s := range chosen {
			if s.World == world && s.Explorer == explorer {
				return s.Chosen
			}
		}
		i := slices.IndexFunc(e.Explorers, func(x Explorer) bool { return x.Name == explorer })
		return e.Explorers[i].Strengths[0]
	}
	var all []pairing
	for _, x := range e.Explorers {
		all = append(all, pairing{BanditWorld, 0, x.Name, strength(BanditWorld, x.Name)})
	}
	for _, size := range e.Sizes {
		for _, x := range e.Explorers {
			all = append(all, pairing{DeepSeaWorld, size, x.Name, strength(DeepSeaWorld, x.Name)})
		}
	}
	return all
}

// String is the pairing for the progress bar.
func (s pairing) String() string {
	if s.world == BanditWorld {
		return s.world + ", " + s.explorer
	}
	return fmt.Sprintf("%s of %d, %s", s.world, s.size, s.explorer)
}

// part is the name of the kept part of an agent.
func (s pairing) part(seed uint64) string {
	return fmt.Sprintf("%s%d-%s-%g-%d", s.world, s.size, s.explorer, s.strength, seed)
}

// work is the approximate time of an agent, in arbitrary units.
func (e *experiment) work(s pairing) float64 {
	noise := 1.0
	if onSynapses(s.explorer) {
		noise = 3
	}
	if s.world == BanditWorld {
		return noise * float64(e.Choices*e.Contexts*e.Arms)
	}
	return noise * float64(e.Episodes*s.size*s.size*s.size)
}

// world makes the world of an agent.
func (e *experiment) world(s pairing, seed uint64) (w world, episodes int) {
	if s.world == BanditWorld {
		return newBandit(e.Contexts, e.Arms, place(seed, layerArms, 0, 0), func(episode int) kernels.Noise {
			return place(seed, layerEpisode, episode, 0)
		}), e.Choices
	}
	return newDeepSea(s.size, false, place(seed, layerMeaning, s.size, 0)), e.Episodes
}

// live lets agents with seeds from first on live in each of the settings.
func (e *experiment) live(ctx context.Context, settings []pairing, agents int, first uint64,
	what string) ([][]course, error) {
	courses := make([][]course, len(settings))
	for i := range courses {
		courses[i] = make([]course, agents)
	}
	// The longest ones come first, so that no thread has one of them left at the end.
	order := make([]int, len(settings))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int { return int(e.work(settings[j]) - e.work(settings[i])) })
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(e.Threads)
	for _, i := range order {
		for k := range agents {
			g.Go(fault.Guarded(func() error {
				s, seed := settings[i], uint64(e.Seed)+first+uint64(k)
				w, episodes := e.world(s, seed)
				doing := what
				if doing == "" {
					doing = s.String()
				}
				done := 0
				c, err := dynamics.Part(e.parts, s.part(seed), func() (course, error) {
					return newAgent(e.Learner, w, s.explorer, s.strength, seed).live(w, episodes, func() error {
						done++
						e.doing.Did(e.work(s)/blocks, doing)
						return ctx.Err()
					})
				})
				if err == nil && done == 0 { // it was kept
					e.doing.Did(e.work(s), doing)
				}
				courses[i][k] = c
				return err
			}))
		}
	}
	return courses, g.Wait()
}

// choose takes the strength with the largest mean return for each strategy and world, the first of equal ones.
func (e *experiment) choose(tried []pairing, courses [][]course) []Strength {
	var all []Strength
	for i, s := range tried {
		if n := len(all); n == 0 || all[n-1].World != s.world || all[n-1].Explorer != s.explorer {
			all = append(all, Strength{World: s.world, Explorer: s.explorer})
		}
		x := &all[len(all)-1]
		sizes := 1
		if s.world == DeepSeaWorld {
			sizes = len(e.Tuning.Sizes)
		}
		if n := len(x.Tried); n == 0 || x.Tried[n-1] != s.strength {
			x.Tried, x.Returns = append(x.Tried, s.strength), append(x.Returns, 0)
		}
		for _, c := range courses[i] {
			x.Returns[len(x.Returns)-1] += stat.Mean(c.Returns, nil) / float64(len(courses[i])*sizes)
		}
	}
	for i := range all {
		x := &all[i]
		x.Chosen = x.Tried[floats.MaxIdx(x.Returns)]
	}
	return all
}

// outcome sums up the agents of a setting.
func (e *experiment) outcome(s pairing, courses []course) Outcome {
	o := Outcome{World: s.world, Size: s.size, Explorer: s.explorer, Strength: s.strength, Agents: len(courses)}
	var mean, late, learned, optimum, regret, first []float64
	far := FarReward{}
	for k, c := range courses {
		n := len(c.Returns)
		mean, late, learned = append(mean, stat.Mean(c.Returns, nil)), append(late, stat.Mean(c.Returns[n-n/10:], nil)),
			append(learned, c.Learned)
		optimum, regret = append(optimum, c.Optimum), append(regret, c.Optimum-mean[k])
		last := c.Sigmas[len(c.Sigmas)-1]
		o.SigmaBest += last[0] / float64(len(courses))
		o.SigmaOthers += last[1] / float64(len(courses))
		at := math.Inf(1)
		if c.Found > 0 {
			far.Found++
			at = float64(c.Found)
		}
		if c.Learned > 0.5 {
			far.Learned++
		}
		first = append(first, at)
	}
	o.Optimum = stat.Mean(optimum, nil)
	for _, f := range []struct {
		mean, half *float64
		values     []float64
	}{{&o.Return, &o.ReturnHalfWidth, mean}, {&o.Late, &o.LateHalfWidth, late}, {&o.Learned, &o.LearnedHalfWidth, learned},
		{&o.Regret, &o.RegretHalfWidth, regret}} {
		i := tables.NewInterval(f.values)
		*f.mean, *f.half = i.Mean, i.HalfWidth
	}
	if s.world == DeepSeaWorld {
		p := tables.NewProportion(far.Found, len(courses))
		far.Share, far.ShareLow, far.ShareHigh = p.Share, p.Low, p.High
		slices.Sort(first)
		if median := first[(len(first)-1)/2]; !math.IsInf(median, 0) {
			far.FirstMedian = &median
		}
		o.FarReward = &far
	}
	return o
}

func (o Outcome) row() Row {
	r := Row{World: o.World, Size: o.Size, Explorer: o.Explorer, Strength: o.Strength, Agents: o.Agents,
		Performance: o.Performance}
	if f := o.FarReward; f != nil {
		r.Found, r.Share, r.ShareLow, r.ShareHigh, r.FirstMedian, r.LearnedIt = &f.Found, &f.Share, &f.ShareLow, &f.ShareHigh,
			f.FirstMedian, &f.Learned
	}
	return r
}

// depths are those of all strategies.
func (e *experiment) depths(outcomes []Outcome) []Depth {
	var all []Depth
	for _, x := range e.Explorers {
		d := Depth{Explorer: x.Name}
		for _, limit := range []struct {
			depth *int
			share float64
		}{{&d.Half, 0.5}, {&d.NineTenths, 0.9}} {
			for _, o := range outcomes { // by size
				if o.Explorer != x.Name || o.FarReward == nil {
					continue
				}
				if o.FarReward.Share < limit.share {
					break
				}
				*limit.depth = o.Size
			}
		}
		all = append(all, d)
	}
	return all
}

// Kinds of noise in the comparison of untrained networks.
const (
	Held     = "synapses, held for an episode"
	Redrawn  = "synapses, redrawn in every step"
	OwnWays  = "synapses, held, but each cell has its own meaning of the actions"
	ByChance = "actions"
)

// redrawnSizes are the depths up to which a probability of 2^-size can be counted.
const redrawnSizes = 10

// untrained counts how often networks that have learned nothing, all of whose sigmas are 1, reach the far reward. The
// package documentation has the expected values.
func (e *experiment) untrained(ctx context.Context) ([]Untrained, error) {
	var all []Untrained
	for _, noise := range []string{Held, Redrawn, OwnWays, ByChance} {
		for size := 2; size <= slices.Max(e.Sizes); size++ {
			if size > redrawnSizes && (noise != Held || !slices.Contains(e.Sizes, size)) {
				continue
			}
			u := Untrained{Noise: noise, Size: size, Episodes: e.Untrained, Expected: math.Pow(2, -float64(size))}
			if noise == Held {
				u.Expected = 1 / float64(size+1)
			}
			all = append(all, u)
		}
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(e.Threads)
	for i := range all {
		g.Go(fault.Guarded(func() error {
			var err error
			all[i], err = dynamics.Part(e.parts, fmt.Sprintf("untrained-%s-%d", all[i].Noise, all[i].Size),
				func() (Untrained, error) {
					return e.search(ctx, all[i])
				})
			return err
		}))
	}
	return all, g.Wait()
}

// search lets an agent that learns nothing search for the far reward.
func (e *experiment) search(ctx context.Context, u Untrained) (Untrained, error) {
	explorer := Synapses
	if u.Noise == ByChance {
		explorer = Softmax // of equal values: all actions are equally likely
	}
	w := newDeepSea(u.Size, true, kernels.Noise{})
	a := newAgent(e.Learner, w, explorer, 1, uint64(e.Seed))
	a.redrawn, a.net.common = u.Noise == Redrawn, 1
	for episode := range u.Episodes {
		if episode%64 == 0 && ctx.Err() != nil {
			return u, ctx.Err()
		}
		if u.Noise == OwnWays { // different ones each time
			w = newDeepSea(u.Size, false, place(uint64(e.Seed), layerMeaning, u.Size, 1+episode))
		}
		if _, largest := a.episode(w, episode, u.Episodes); largest > 0.5 {
			u.Found++
		}
		a.memory = a.memory[:0]
	}
	u.Share = float64(u.Found) / float64(u.Episodes)
	return u, nil
}
