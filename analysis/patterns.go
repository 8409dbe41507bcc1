package analysis

import (
	"context"
	"fmt"
	"math"
	"path/filepath"
	"runtime"

	"golang.org/x/sync/errgroup"

	"quantal/internal/fault"
	"quantal/internal/sentence"
	"quantal/kernels"
	"quantal/mnist"
	"quantal/results/store"
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
// axes.
type SignatureSlope struct {
	ID       string  `json:"id"`
	Data     string  `json:"data"`
	Hidden   string  `json:"hidden"`
	Rho      string  `json:"rho"`
	RhoValue float64 `json:"rho_value"` // 0 for entropic; NaN where no cost reads rho
	C        float64 `json:"c"`         // NaN where no cost reads it
	Seed     uint64  `json:"seed"`
	Layer    int     `json:"layer"` // from 1, which reads the data
	Inputs   int     `json:"inputs"`
	Outputs  int     `json:"outputs"`

	Signature Signature `json:"signature"`
	Slope
	Resamples int `json:"resamples"` // of the interval
	// Analytic is the slope of Eq. 67 or 68, NaN for input_rate. Costs other than the paper's have a slope that varies
	// with sigma; it is the median over the synapses, each at its optimum.
	Analytic float64 `json:"analytic"`
	// VarianceRatio is the median over synapses of sigma^2 over the optimum (Eq. 66 for the paper's costs); NaN unless the
	// signature is a Hessian.
	VarianceRatio float64 `json:"variance_ratio"`
	Note          string  `json:"note"` // why there is no slope

	Cost store.Later `json:"-"` // a column cost with what synapses pay, unless it is the paper's costs
}

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

// mostWork bounds resamples times points of an interval, which takes some 15 ns each: a layer of 78,400 synapses gets
// 255 resamples.
const mostWork = 20_000_000

// limited is the bootstrap with fewer resamples if there are many points.
func (b Bootstrap) limited(points int) Bootstrap {
	b.Resamples = min(b.Resamples, max(100, mostWork/max(1, points)))
	return b
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
	for i, layer := range p.Layers {
		at := p.at(i)
		c, slopes := at.Config, at.optimalSlopes(layer)
		for _, which := range AllSignatures() {
			x, limited := layer.Of(which), b.limited(len(layer.Variance))
			s := SignatureSlope{
				ID: p.ID, Data: filepath.Base(c.Data), Hidden: train.FormatHidden(c.Hidden), Rho: c.Rho.String(),
				RhoValue: float64(c.Rho.Value()), C: c.C, Seed: uint64(c.Seed),
				Layer: i + 1, Inputs: layer.Inputs, Outputs: layer.Outputs, Signature: which,
				Analytic: which.Analytic(slopes), Resamples: limited.Resamples, VarianceRatio: math.NaN(),
			}
			if len(c.Costs) > 0 {
				s.Cost = store.NewLater(store.LaterSetting{Name: "cost", Value: c.Costs.String(), Text: c.Costs.String()})
			}
			if !c.Reads("rho") {
				s.Rho, s.RhoValue = "", math.NaN()
			}
			if !c.Reads("c") {
				s.C = math.NaN()
			}
			var err error
			if s.Slope, err = FitSlope(x, layer.Variance, limited); err != nil {
				s.Slope = Slope{Value: math.NaN(), Low: math.NaN(), High: math.NaN(), Intercept: math.NaN(),
					Correlation: math.NaN()}
				s.Note = sentence.Of(err)
			}
			if which == Hessian || which == HessianExamples {
				s.VarianceRatio = at.medianRatio(layer, x)
			}
			p.Slopes = append(p.Slopes, s)
		}
	}
}

// Slope is the slope of a layer, counted from 0.
func (p *Pattern) Slope(layer int, which Signature) SignatureSlope {
	return p.Slopes[layer*len(AllSignatures())+int(which)]
}

// Rows are the slopes of all networks.
func (p *Patterns) Rows() []SignatureSlope {
	var rows []SignatureSlope
	for _, n := range p.Networks {
		rows = append(rows, n.Slopes...)
	}
	return rows
}

// settledRatio is the largest factor between the median of sigma^2 over the optimum of Eq. 66 and 1, in either
// direction, if sigma has settled.
const settledRatio = 1.25

// Unsettled says in a sentence in how many layers sigma is away from the optimum that the slopes presume; it is empty
// if in none.
func (p *Patterns) Unsettled() string {
	count, layers := 0, 0
	for _, n := range p.Networks {
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
