package analysis

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"quantal/graph"
	"quantal/kernels"
	"quantal/synapse"
	"quantal/train"
)

// pricedMechanism is the mechanism that a network pays for: that of its rho, or of the law of package synapse to which
// its price is proportional. The held parameter is that of the law's derivation; its value is 0 unless the price says
// it.
func pricedMechanism(id string, c train.Config) (m synapse.Mechanism, held synapse.Parameter, value float64,
	err error) {
	if len(c.Costs) == 0 {
		if m, known := synapse.MechanismOf(c.Rho.Value()); known {
			return m, m.Held(), 0, nil
		}
	} else {
		for _, law := range synapse.Laws() {
			m, held, of := law.Mechanism()
			if value, ok := proportional(c, law); of && ok {
				return m, held, value, nil
			}
		}
	}
	return 0, 0, 0, &train.SettingsError{Err: fmt.Errorf(
		"mechanism: the network %s pays %s, which is the price of none of "+
			"calcium, membrane, actin and trafficking alone, with or without the mean: want one of them", id,
		c.DescribeCosts())}
}

// proportional reports whether the slope of a network's price along sigma is that of a law of the multiplier c, times a
// number that may differ by layer. If the law has an n, as trafficking_p, it is also found.
func proportional(c train.Config, law synapse.Law) (n float64, ok bool) {
	slope := func(c train.Config) func(mu, sigma float64) float64 {
		price, err := c.Price()
		if err != nil {
			return nil
		}
		return func(mu, sigma float64) float64 {
			_, s := price.At(mu, sigma)
			return s
		}
	}
	l, err := graph.ParseLaw(law.Text())
	if err != nil || !l.Formula.Reads(kernels.InputSigma) {
		return 0, false
	}
	for i := range c.Depth() {
		pays, reference := slope(c.Layer(i)), c.Layer(i)
		reference.Costs, reference.Numbers, reference.C = train.Costs{l}, nil, 1
		if pays == nil {
			return 0, false
		}
		if slices.Contains(l.Numbers(), "n") {
			// slope ~ mu^2 sigma / (mu^2 + n sigma^2)^2, so that two slopes at mu = 1 give n.
			r := math.Sqrt(pays(1, 0.5) * 2 / pays(1, 1))
			at := math.Round(1e9*(r-1)/(1-r/4)) / 1e9
			if !(at > 0) || i > 0 && at != n {
				return 0, false
			}
			n = at
			reference.Numbers = train.Numbers{"n": {n}}
		}
		if slices.ContainsFunc(l.Numbers(), func(name string) bool { return name != "c" && name != "n" }) {
			return 0, false
		}
		is, first := slope(reference), math.NaN()
		for _, mu := range []float64{0.03, 0.4, -0.7, 2} {
			for _, sigma := range []float64{0.01, 0.2, 0.9, 3} {
				ratio := pays(mu, sigma) / is(mu, sigma)
				if first != first {
					first = ratio
				}
				if !(first > 0 && math.Abs(ratio-first) <= 1e-6*first) {
					return 0, false
				}
			}
		}
	}
	return n, true
}

// learned are the releases of synapses that learn n, p and q; nil for others.
func learned(n train.Network, slot int) *synapse.Release {
	kind, err := synapse.KindOf(n.State.Layout.Parameters)
	if err != nil || len(kind.Links) == 0 {
		return nil
	}
	var r synapse.Release
	for i, link := range kind.Links {
		v := link.Of(float64(n.State.State.Theta[i].Values[slot]))
		switch strings.ToLower(link.Quantity) {
		case synapse.N.String():
			r.N = v
		case synapse.P.String():
			r.P = v
		case synapse.Q.String():
			r.Q = math.Abs(v)
		}
	}
	return &r
}
