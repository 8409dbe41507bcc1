package balance

import (
	"context"
	"fmt"
	"math"

	"gonum.org/v1/gonum/stat"

	"quantal/dynamics"
	"quantal/kernels"
	"quantal/results/draw"
)

// memories are the contacts that have the patterns: by index in types, and with the sign of the change of an efficacy
// between neurons of one pattern.
var memories = []struct {
	name  string
	kinds []int
}{{"E to E", []int{0}}, {"I to E", []int{2}}, {"both", []int{0, 2}}}

// hebbian is the sign of the change of efficacies from a population: inhibition within a pattern becomes weaker.
var hebbian = [populations]float64{1, -1}

// patterns say how far each neuron is in each pattern: a neuron with a number below Active is in it, and one below half
// of that gets the cue.
func (c Config) patterns(seed uint64) (all [populations][][]float64) {
	for a := range populations {
		for p := range c.Patterns {
			u := make([]float64, c.size(a))
			kernels.Uniforms(u, noise(seed, patternNoise, a, p), 0)
			all[a] = append(all[a], u)
		}
	}
	return all
}

// embed changes the efficacies of contacts by the patterns: for each by Strength (x_i - f)(x_j - f)/(f (1 - f)), where
// x is 1 for a neuron in the pattern and else 0, and f is Active. None changes its sign.
func (c Config) embed(w wiring, in [populations][][]float64, kind int) wiring {
	to, from := types[kind].to, types[kind].from
	b := w[to][from]
	b.weights = make([]float64, b.Len())
	member := func(a, p, i int) float64 {
		if in[a][p][i] < c.Active {
			return 1 - c.Active
		}
		return -c.Active
	}
	for j := range c.size(from) {
		for k := b.Start[j]; k < b.Start[j+1]; k++ {
			change := 0.
			for p := range c.Patterns {
				change += member(to, p, int(b.Target[k])) * member(from, p, j)
			}
			b.weights[k] = c.efficacy(to, from) * max(0, 1+hebbian[from]*c.Strength*change/(c.Active*(1-c.Active)))
		}
	}
	w[to][from] = b
	return w
}

// recalled is what a network does with cues.
type recalled struct {
	Recall, Lingering float64
	Rate, Deviation   [populations]float64
}

// onset is not counted after a cue begins or ends, s.
const onset = 0.05

// recall cues one pattern after the other: a time without a cue, one with the cue, and one after it, of equal length.
// Recall is by how much the rates of those excitatory neurons in the pattern that get no cue rise during it, less that
// of the neurons outside, over the mean rate; Lingering is the same after the cue.
func (c Config) recall(ctx context.Context, w wiring, drive [populations]float64, in [populations][][]float64,
	seed uint64, start int, did func(steps int)) (r recalled, err error) {
	n, err := c.network(w, drive, seed, start)
	if err != nil {
		return r, err
	}
	var counting []float64         // spikes of E, nil while they do not count
	var all [populations][]float64 // spikes without a cue, then rates
	for a := range populations {
		all[a] = make([]float64, c.size(a))
	}
	quiet := false
	n.OnSpikes = func(a, _ int, neurons []uint32) {
		for _, i := range neurons {
			if a == excitatory && counting != nil {
				counting[i]++
			}
			if quiet {
				all[a][i]++
			}
		}
	}
	if err := advance(ctx, n, c.steps(c.Settle), did); err != nil {
		return r, err
	}
	cue := func(p int, input float64) {
		for a := range populations {
			for i, u := range in[a][p] {
				if u < c.Active/2 {
					n.SetInput(a, i, drive[a]+input)
				}
			}
		}
	}
	counts := make([][3][]float64, c.Patterns) // without, during and after the cue
	for p := range counts {
		for phase := range 3 {
			switch phase {
			case 1:
				cue(p, c.Cue)
			case 2:
				cue(p, 0)
			}
			if err := advance(ctx, n, c.steps(onset), did); err != nil {
				return r, err
			}
			counts[p][phase] = make([]float64, c.size(excitatory))
			counting, quiet = counts[p][phase], phase == 0
			if err := advance(ctx, n, c.steps(c.Cueing)-c.steps(onset), did); err != nil {
				return r, err
			}
			counting, quiet = nil, false
		}
	}
	seconds := float64(c.steps(c.Cueing)-c.steps(onset)) * c.Step / 1000 * float64(c.Patterns)
	for a := range populations {
		for i := range all[a] {
			all[a][i] /= seconds
		}
		r.Rate[a], r.Deviation[a] = stat.MeanStdDev(all[a], nil)
	}
	for phase, to := range map[int]*float64{1: &r.Recall, 2: &r.Lingering} {
		var rise, of [2]float64 // outside and inside of the pattern
		for p := range counts {
			for i, count := range counts[p][phase] {
				if u := in[excitatory][p][i]; u >= c.Active/2 {
					inside := 0
					if u < c.Active {
						inside = 1
					}
					rise[inside] += count/seconds*float64(c.Patterns) - all[excitatory][i]
					of[inside]++
				}
			}
		}
		*to = (rise[1]/of[1] - rise[0]/of[0]) / r.Rate[excitatory]
	}
	return r, nil
}

// remember embeds patterns in network n, and cues them before and after contacts of each type are redrawn.
func (e *experiment) remember(ctx context.Context, n int) (outcomes []Outcome, err error) {
	c := e.Config
	in := c.patterns(e.seed(n))
	plain := c.wire(e.seed(n))
	for m, place := range memories {
		w := plain
		for _, kind := range place.kinds {
			w = c.embed(w, in, kind)
		}
		for k, change := range e.changes {
			changed := w
			if change.kind >= 0 {
				t := types[change.kind]
				changed = c.redraw(w, e.seed(n), t.to, t.from, change.which, change.share)
			}
			run := m*len(e.changes) + k
			r, err := seen(e, fmt.Sprintf("memory-network%d-run%d", n, run), "memory: "+place.name,
				c.steps(c.Settle)+3*c.Patterns*c.steps(c.Cueing), func(did func(steps int)) (recalled, error) {
					return c.recall(ctx, changed, e.theory[0].Drive, in, e.seed(n), run, did)
				})
			if err != nil {
				return nil, err
			}
			at := e.plain(memory)
			at.Memory, at.Redrawn, at.Share = place.name, change.name(), change.share
			none := math.NaN()
			outcomes = append(outcomes, Outcome{Case: at, Seed: e.seed(n), RateE: r.Rate[excitatory], RateI: r.Rate[inhibitory],
				SDE: r.Deviation[excitatory], SDI: r.Deviation[inhibitory], CVE: none, CVI: none, RawE: none, RawI: none,
				CorrelationE: none, CorrelationI: none, TheoryE: none, TheoryI: none, Recall: r.Recall, Lingering: r.Lingering})
		}
	}
	return outcomes, nil
}

// recallOf is the recall in network n from a place, by index in memories, with contacts of a type redrawn by the
// largest share; none of type -1.
func (e *experiment) recallOf(n, place, kind int) float64 {
	return e.others[memory][n][place*len(e.changes)+max(0, (1+kind)*len(e.Shares))].Recall
}

// memoryClaims are those of this arm; see claims.
func (e *experiment) memoryClaims() []dynamics.Claim {
	const none, ee, ie = -1, 0, 2      // in types
	const inEE, inIE, inBoth = 0, 1, 2 // in memories
	return []dynamics.Claim{
		{Text: "memory: patterns in E to E, in I to E and in both are recalled, by more than a tenth of the mean rate",
			Holds: func(n int) bool {
				return min(e.recallOf(n, inEE, none), e.recallOf(n, inIE, none), e.recallOf(n, inBoth, none)) > 0.1
			}},
		{Text: "memory: recall from I to E is stronger than from E to E", Holds: func(n int) bool {
			return e.recallOf(n, inIE, none) > e.recallOf(n, inEE, none)
		}},
		{Text: "memory: in I to E, less than half of recall is left after I to E is redrawn, and more after E to E is",
			Holds: func(n int) bool {
				half := e.recallOf(n, inIE, none) / 2
				return e.recallOf(n, inIE, ie) < half && e.recallOf(n, inIE, ee) > half
			}},
		{Text: "memory: in E to E, less than half of recall is left after E to E is redrawn, and more after I to E is",
			Holds: func(n int) bool {
				half := e.recallOf(n, inEE, none) / 2
				return e.recallOf(n, inEE, ee) < half && e.recallOf(n, inEE, ie) > half
			}},
		{Text: "memory: in both, more of recall is left after E to E is redrawn than after I to E is",
			Holds: func(n int) bool { return e.recallOf(n, inBoth, ee) > e.recallOf(n, inBoth, ie) }},
	}
}

// memoryFigure shows recall over the share of redrawn contacts.
func (e *experiment) memoryFigure() (*draw.Illustration, error) {
	if !e.does(memory) {
		return nil, nil
	}
	s := sheet{}
	for m, place := range memories {
		s.Panel("patterns in "+place.name, draw.Axis{Label: "Share of redrawn contacts", Min: 0, Max: 1.02},
			draw.Axis{Label: "Recall (over the mean rate of E)"})
		for k, t := range types {
			s.means(t.name, typeColors[k], 1+len(e.Shares), func(i int) (float64, dynamics.Estimate) {
				at := m * len(e.changes)
				if i == 0 {
					return 0, e.mean(memory, at, recallOf)
				}
				return e.Shares[i-1], e.mean(memory, at+k*len(e.Shares)+i, recallOf)
			})
		}
		s.FromZero()
		s.Last().Y.Min = -0.1
	}
	return s.Illustration(3, 62, draw.Illustration{
		Name: "memory", Title: "Recall of patterns over rewiring of each type of contacts",
		Caption: fmt.Sprintf("%d patterns of %g of the neurons, embedded with strength %g in the efficacies of the contacts "+
			"named above each panel, E to E Hebbian, I to E anti-Hebbian. Half of a pattern gets %g mV for %g s; recall is by "+
			"how much the rates of its other excitatory neurons rise, less that of those outside, over the mean rate. Redrawn "+
			"contacts have no pattern. Means over networks with 95 %% intervals. ", e.Patterns, e.Active, e.Strength, e.Cue,
			e.Cueing) + e.protocol()})
}

func recallOf(o Outcome) float64 { return o.Recall }
