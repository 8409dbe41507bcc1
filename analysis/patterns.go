package analysis

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"path/filepath"
	"runtime"
	"slices"

	"golang.org/x/sync/errgroup"

	"quantal/internal/fault"
	"quantal/internal/sentence"
	"quantal/kernels"
	"quantal/mnist"
	"quantal/results/store"
	"quantal/results/tables"
	"quantal/synapse"
	"quantal/train"
)

// Pattern holds the signatures of a network's noise.
type Pattern struct {
	train.Network
	Layers []Signatures
	Slopes []SignatureSlope // layer by layer, the signatures in their order

	price  *synapse.Price   // of costs other than the paper's
	prices []*synapse.Price // by layer
}

// SignatureSlope is a row of a table: the slope of sigma^2 against a signature over the synapses of a layer, on log
// axes, in a network, or the mean over networks that differ only in the seed.
type SignatureSlope struct {
	ID       string  `json:"id"` // empty for several networks
	Data     string  `json:"data"`
	Hidden   string  `json:"hidden"`
	Rho      string  `json:"rho"`
	RhoValue float64 `json:"rho_value"` // 0 for entropic; NaN where no cost reads rho
	C        float64 `json:"c"`         // NaN where no cost reads it
	Seed     *uint64 `json:"seed"`      // nil for several networks
	Layer    int     `json:"layer"`     // from 1, which reads the data
	Inputs   int     `json:"inputs"`
	Outputs  int     `json:"outputs"`

	Signature Signature `json:"signature"`
	Slope
	Resamples int `json:"resamples"` // of the interval; 0 for several networks
	// Analytic is the slope of Eq. 67 or 68, NaN for input_rate. Costs other than the paper's have a slope that varies
	// with sigma; it is the median over the synapses, each at its optimum.
	Analytic float64 `json:"analytic"`
	// VarianceRatio is the median over synapses of sigma^2 over the optimum (Eq. 66 for the paper's costs), by
	// Hessian, or HessianExamples where that is the signature: how far sigma is from having converged.
	VarianceRatio float64 `json:"variance_ratio"`
	Note          string  `json:"note"` // why there is no slope

	Cost store.Later `json:"-"` // a column cost with what synapses pay, unless it is the paper's costs

	Interval Over `json:"interval"` // what Low and High are about
	Networks int  `json:"networks"` // how many
	// Of several networks, NaN for one: the mean half-width of the intervals within them, and the intervals of the other
	// means, that of VarianceRatio the geometric one.
	Within            float64 `json:"within_half_width"`
	CorrelationLow    float64 `json:"correlation_low"`
	CorrelationHigh   float64 `json:"correlation_high"`
	VarianceRatioLow  float64 `json:"variance_ratio_low"`
	VarianceRatioHigh float64 `json:"variance_ratio_high"`
}

// Over says what the interval of a slope is about.
type Over string

const (
	OverUnits    Over = "units"    // of one network's layer: FitLayerSlope
	OverNetworks Over = "networks" // that differ only in the seed: Student's t
)

// Patterns are the patterns of networks that learned one data set.
type Patterns struct {
	Epochs    int // of noisy passes
	Bootstrap Bootstrap
	Networks  []*Pattern
}

// MeasurePatterns passes the training set through each network, with frozen parameters, for a number of epochs with
// noise and one at w = mu, and fits sigma^2 against the signatures. The networks may differ in anything but the data,
// and each has a sigma per synapse. Progress, if not nil, is told of the steps done and to do.
func MeasurePatterns(
	ctx context.Context, set *mnist.Set, networks []train.Network, epochs int, b Bootstrap, progress func(done, steps int),
) (*Patterns, error) {
	if epochs < 1 {
		return nil, fmt.Errorf("analysis: patterns: want 1 or more epochs, got %d", epochs)
	}
	p := &Patterns{Epochs: epochs, Bootstrap: b}
	cohorts := cohortsOf(networks)
	var sessions []*train.Session
	all, before := 0, 0
	for _, cohort := range cohorts {
		var configs []train.Config
		for _, n := range cohort {
			configs = append(configs, n.Config)
		}
		session, err := train.Open(set, configs...)
		if err != nil {
			return nil, err
		}
		sessions = append(sessions, session)
		all += session.StepsPerEpoch() * (epochs + 1)
	}
	for i, cohort := range cohorts {
		session := sessions[i]
		var states []*kernels.State
		for _, n := range cohort {
			states = append(states, n.State.State)
		}
		pass := func(rule kernels.Accumulate, epochs int) ([]*kernels.Sums, error) {
			last := 0
			sums, err := session.Gradients(ctx, states, rule, epochs, func(done, steps int) {
				if last = steps; progress != nil {
					progress(before+done, all)
				}
			})
			before += last
			return sums, err
		}
		noisy, err := pass(kernels.Accumulate{}, epochs)
		if err != nil {
			return nil, err
		}
		atMu, err := pass(kernels.Accumulate{AtMu: true}, 1) // nothing in these sums depends on the order of the examples
		if err != nil {
			return nil, err
		}
		for i, n := range cohort {
			layers, err := NewSignatures(n.State, session.Examples(),
				func(l int) float64 { return n.Config.Layer(l).LearningRate }, noisy[i], atMu[i])
			if err != nil {
				return nil, fmt.Errorf("%s: %w", n.ID, err)
			}
			pattern := &Pattern{Network: n, Layers: layers}
			if len(n.Config.Costs) > 0 {
				for l := range layers {
					if pattern.price, err = n.Config.Layer(l).Price(); err != nil {
						return nil, fmt.Errorf("%s: %w", n.ID, err)
					}
					pattern.prices = append(pattern.prices, pattern.price)
				}
			}
			p.Networks = append(p.Networks, pattern)
		}
	}
	var side errgroup.Group
	side.SetLimit(runtime.GOMAXPROCS(0))
	for _, n := range p.Networks {
		side.Go(fault.Guarded(func() error {
			n.fit(b)
			return ctx.Err()
		}))
	}
	return p, side.Wait()
}

// cohortsOf groups networks that share a Program, in the order of their first ones.
func cohortsOf(networks []train.Network) [][]train.Network {
	var order []string
	groups := map[string][]train.Network{}
	for _, n := range networks {
		name := n.Config.Cohort()
		if groups[name] == nil {
			order = append(order, name)
		}
		groups[name] = append(groups[name], n)
	}
	var list [][]train.Network
	for _, name := range order {
		list = append(list, groups[name])
	}
	return list
}

// at is the pattern with the numbers that a layer has.
func (p *Pattern) at(layer int) *Pattern {
	q := *p
	q.Config = q.Config.Layer(layer)
	if p.prices != nil {
		q.price = p.prices[layer]
	}
	return &q
}

// fit computes the slopes.
func (p *Pattern) fit(b Bootstrap) {
	nan, seed := math.NaN(), uint64(p.Config.Seed)
	for i, layer := range p.Layers {
		at := p.at(i)
		c, slopes := at.Config, at.optimalSlopes(layer)
		ratio, ratioOfExamples := at.medianRatio(layer, layer.Hessian), at.medianRatio(layer, layer.HessianExamples)
		for _, which := range AllSignatures() {
			s := SignatureSlope{
				ID: p.ID, Data: filepath.Base(c.Data), Hidden: train.FormatHidden(c.Hidden), Rho: c.Rho.String(),
				RhoValue: float64(c.Rho.Value()), C: c.C, Seed: &seed,
				Layer: i + 1, Inputs: layer.Inputs, Outputs: layer.Outputs, Signature: which,
				Analytic: which.Analytic(slopes), Resamples: b.Resamples, VarianceRatio: ratio,
				Interval: OverUnits, Networks: 1, Within: nan, CorrelationLow: nan, CorrelationHigh: nan,
				VarianceRatioLow: nan, VarianceRatioHigh: nan,
			}
			if len(c.Costs) > 0 {
				s.Cost = store.NewLater(store.LaterSetting{Name: "cost", Value: c.Costs.String(), Text: c.Costs.String()})
			}
			if !c.Reads("rho") {
				s.Rho, s.RhoValue = "", nan
			}
			if !c.Reads("c") {
				s.C = nan
			}
			var err error
			if s.Slope, err = FitLayerSlope(layer.Of(which), layer.Variance, layer.Inputs, b); err != nil {
				s.Slope = Slope{Value: nan, Low: nan, High: nan, Intercept: nan, Correlation: nan}
				s.Note = sentence.Of(err)
			}
			if which == HessianExamples {
				s.VarianceRatio = ratioOfExamples
			}
			p.Slopes = append(p.Slopes, s)
		}
	}
}

// Slope is the slope of a layer, counted from 0.
func (p *Pattern) Slope(layer int, which Signature) SignatureSlope {
	return p.Slopes[layer*len(AllSignatures())+int(which)]
}

// Rows are the slopes of all networks, and then their means over networks that differ only in the seed.
func (p *Patterns) Rows() []SignatureSlope {
	var rows []SignatureSlope
	for _, n := range p.Networks {
		rows = append(rows, n.Slopes...)
	}
	return append(rows, p.Means()...)
}

// Means are the means of slopes over networks that differ only in the seed, where there are several.
func (p *Patterns) Means() []SignatureSlope {
	var means []SignatureSlope
	families := p.families()
	for _, n := range p.Networks {
		if family := families[n]; len(family) > 1 && family[0] == n {
			for i := range n.Slopes {
				means = append(means, meanSlope(family, i))
			}
		}
	}
	return means
}

// Summary is Means, with the slopes of networks that are alone of their kind.
func (p *Patterns) Summary() []SignatureSlope {
	var rows []SignatureSlope
	families := p.families()
	for _, n := range p.Networks {
		if len(families[n]) == 1 && families[n][0] == n {
			rows = append(rows, n.Slopes...)
		}
	}
	return append(rows, p.Means()...)
}

// families are, for each network, those that differ from it only in the seed, with the first of each seed, in order.
func (p *Patterns) families() map[*Pattern][]*Pattern {
	type key struct {
		config string
		rho    synapse.Power
	}
	keyOf := func(n *Pattern) key {
		c := n.Config
		c.Seed, c.Rho = 0, train.Exponent{} // 2 and trafficking are the same
		return key{fmt.Sprint(c), n.Config.Rho.Value()}
	}
	members := map[key][]*Pattern{}
	for _, n := range p.Networks {
		members[keyOf(n)] = append(members[keyOf(n)], n)
	}
	bySeed := func(a, b *Pattern) int { return cmp.Compare(a.Config.Seed, b.Config.Seed) }
	of := map[*Pattern][]*Pattern{}
	for _, all := range members {
		seeds := slices.CompactFunc(slices.SortedStableFunc(slices.Values(all), bySeed),
			func(a, b *Pattern) bool { return bySeed(a, b) == 0 })
		for _, n := range all {
			of[n] = seeds
		}
	}
	return of
}

// meanSlope is the mean of a row of networks, with intervals over those that have the slope.
func meanSlope(networks []*Pattern, row int) SignatureSlope {
	var rows []SignatureSlope
	for _, n := range networks {
		if s := n.Slopes[row]; s.Note == "" {
			rows = append(rows, s)
		}
	}
	m := networks[0].Slopes[row]
	m.ID, m.Seed, m.Resamples, m.Interval, m.Networks = "", nil, 0, OverNetworks, len(rows)
	if without := len(networks) - len(rows); without > 0 && len(rows) > 0 {
		m.Note = fmt.Sprintf("%d more without a slope", without)
	}
	over := func(of func(SignatureSlope) float64) (mean, low, high float64) {
		var values []float64
		for _, s := range rows {
			values = append(values, of(s))
		}
		i := tables.NewInterval(values)
		return i.Mean, i.Mean - i.HalfWidth, i.Mean + i.HalfWidth
	}
	m.Value, m.Low, m.High = over(func(s SignatureSlope) float64 { return s.Value })
	m.Correlation, m.CorrelationLow, m.CorrelationHigh = over(func(s SignatureSlope) float64 { return s.Correlation })
	ratio, low, high := over(func(s SignatureSlope) float64 { return math.Log(s.VarianceRatio) })
	m.VarianceRatio, m.VarianceRatioLow, m.VarianceRatioHigh = math.Exp(ratio), math.Exp(low), math.Exp(high)
	m.Within, _, _ = over(func(s SignatureSlope) float64 { return (s.High - s.Low) / 2 })
	m.Intercept, _, _ = over(func(s SignatureSlope) float64 { return s.Intercept })
	m.Analytic, _, _ = over(func(s SignatureSlope) float64 { return s.Analytic })
	m.Points, m.Dropped = 0, 0
	for _, s := range rows {
		m.Points, m.Dropped = m.Points+s.Points, m.Dropped+s.Dropped
	}
	return m
}

// settledRatio is the largest factor between the median of sigma^2 over the optimum of Eq. 66 and 1, in either
// direction, if sigma has settled.
const settledRatio = 1.25

// Unsettled says in a sentence in how many layers sigma is away from the optimum that the slopes presume; it is empty
// if in none.
func (p *Patterns) Unsettled() string {
	count, layers := 0, 0
	for _, n := range p.Networks {
		if n.Converged() != "" { // to another H, if the means have not settled
			continue
		}
		for i := range n.Layers {
			ratio := n.Slope(i, Hessian).VarianceRatio
			if math.IsNaN(ratio) {
				continue
			}
			layers++
			if ratio > settledRatio || ratio < 1/settledRatio {
				count++
			}
		}
	}
	if count == 0 {
		return ""
	}
	return fmt.Sprintf("sigma has not settled in %d of %d layers: the median of sigma^2 over its optimum is "+
		"outside %.2g to %.3g "+
		"there, and the slopes are not yet what they will become", count, layers, 1/settledRatio, settledRatio)
}

// Tensors are the signatures of all networks as arrays, ID/layerN.hessian and so on, layers counted from 0 as in other
// files.
func (p *Patterns) Tensors() []store.Tensor {
	var list []store.Tensor
	for _, n := range p.Networks {
		for i, layer := range n.Layers {
			list = append(list, layer.Tensors(fmt.Sprintf("%s/layer%d.", n.ID, i))...)
		}
	}
	return list
}
