package balance

import "quantal/dynamics"

// claims counts in how many networks each of the claims of the arms holds.
func (e *experiment) claims() (counts []dynamics.Count) {
	for _, arm := range []struct {
		name   string
		claims func() []dynamics.Claim
	}{{rewiring, e.rewiringClaims}, {volatility, e.volatilityClaims}, {memory, e.memoryClaims}, {ranges, e.rangeClaims}} {
		if e.does(arm.name) {
			counts = append(counts, dynamics.CountClaims(e.Seeds, arm.claims())...)
		}
	}
	return counts
}

// rewiringClaims are those of the arm of this name.
func (e *experiment) rewiringClaims() []dynamics.Claim {
	all := len(e.Shares) - 1
	at := func(regime, network, kind int) Outcome { return e.outcomes[regime][network][1+kind*len(e.Shares)+all] }
	const ee, ei, ie, ii = 0, 1, 2, 3 // in types
	return []dynamics.Claim{
		{Text: "inhibition fires more: redrawing E to E changes rates of E less than redrawing I to E",
			Holds: func(n int) bool { return at(0, n, ee).CorrelationE > at(0, n, ie).CorrelationE }},
		{Text: "inhibition fires more: redrawing E to E or E to I leaves most of the pattern, correlations above 0.8",
			Holds: func(n int) bool {
				return min(at(0, n, ee).CorrelationE, at(0, n, ee).CorrelationI, at(0, n, ei).CorrelationE,
					at(0, n, ei).CorrelationI) > 0.8
			}},
		{Text: "inhibition fires more: redrawing inhibitory contacts leaves little of the pattern onto which they are, " +
			"correlations below 0.3", Holds: func(n int) bool {
			return max(at(0, n, ie).CorrelationE, at(0, n, ii).CorrelationI) < 0.3
		}},
		{Text: "redrawing E to E changes rates of E more with even rates", Holds: func(n int) bool {
			return at(1, n, ee).CorrelationE < at(0, n, ee).CorrelationE
		}},
		{Text: "mean-field theory is right within 0.1, in both regimes and for each type", Holds: func(n int) bool {
			for r := range regimeNames {
				for k := range types {
					o := at(r, n, k)
					if !(near(o.CorrelationE, o.TheoryE) && near(o.CorrelationI, o.TheoryI)) {
						return false
					}
				}
			}
			return true
		}},
	}
}

func near(a, b float64) bool { return a-b < 0.1 && b-a < 0.1 }
