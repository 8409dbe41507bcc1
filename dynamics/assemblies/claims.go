package assemblies

import "math"

// What a claim requires. Rise and peaks are in standard errors, because a network has a limited number of synapses.
const (
	remembered     = 0.9  // recall of existing assemblies, at least
	forgotten      = 0.1  // and of missing ones, at most
	separated      = 0.95 // separation of synapses within and between assemblies, at least
	alike          = 0.03 // its distance from 1/2 if they do not differ, at most
	fallsWithin    = 4.0  // standard errors by which f(w) may rise
	peakHeight     = 1.15 // of a second peak of w f(w) over the valley before it, at least
	peakSigmas     = 2.5  // and in standard errors
	largeWeight    = 0.2  // µm³; it is at a larger weight than this
	emptyMiddle    = 0.1  // share of synapses in the middle third if the distribution has run away, at most
	filledMiddle   = 0.25 // and at least if it has not
	piledUp        = 0.95 // share of synapses at the bounds if it has run to them, at least
	stepError      = 0.006
	criticalFactor = 1.63 // Kolmogorov-Smirnov: 1 % of samples from a distribution are further away than this over sqrt(n)
)

// Claims says which of ISD's statements about Fig. 3 hold in one network.
type Claims struct {
	// Together: with plasticity and fluctuation, synapses are strong within assemblies and weak elsewhere, assemblies
	// complete themselves, f(w) falls throughout (its lowest cell left out) and w f(w) has a second peak at large weights,
	// which it does not have in a network without assemblies.
	Together bool `json:"together"`
	// RunsAway: without fluctuation nearly all synapses are at one end or the other. Without any intrinsic dynamics they
	// accumulate at the bounds.
	RunsAway bool `json:"plasticity_alone_runs_away"`
	// Fades: without plasticity neither recall nor synapses distinguish assemblies from the rest, and the weights have the
	// distribution of the intrinsic dynamics in closed form.
	Fades bool `json:"fluctuation_alone_fades"`
	// Impairs: memory lasts to the end at strength 1, never longer for stronger fluctuation, and less than half of the
	// time at the strongest.
	Impairs bool `json:"strong_fluctuation_impairs"`
}

// secondPeak says whether w f(w) has a peak at large weights.
func (o Outcome) secondPeak() bool {
	return o.Peak.Height >= peakHeight && o.Peak.Sigmas >= peakSigmas && o.Peak.Size > largeWeight
}

// claims checks the outcomes of one network.
func claims(c Config, outcomes []Outcome) Claims {
	of := map[string]Outcome{}
	for _, o := range outcomes {
		of[o.Condition] = o
	}
	both, free, plasticity, still, fluctuation := of[Together], of[Unimprinted], of[PlasticityAlone], of[strengthName(0)],
		of[FluctuationAlone]
	k := Claims{
		Together: both.Recall >= remembered && both.Separation >= separated && both.Rise < fallsWithin && both.secondPeak() &&
			!free.secondPeak() && free.Recall <= forgotten,
		RunsAway: plasticity.Middle <= emptyMiddle && still.Middle <= emptyMiddle && both.Middle >= filledMiddle &&
			plasticity.AtBounds >= piledUp,
		Fades: fluctuation.Recall <= forgotten && math.Abs(fluctuation.Separation-0.5) <= alike &&
			fluctuation.KSStationary != nil &&
			*fluctuation.KSStationary <= stepError+criticalFactor/math.Sqrt(float64(c.Neurons*(c.Neurons-1))),
	}
	before, last := math.Inf(1), 0.0
	k.Impairs = !both.Lost
	for _, s := range c.Strengths {
		last = of[strengthName(s)].Retention
		k.Impairs = k.Impairs && last <= before
		before = last
	}
	k.Impairs = k.Impairs && last < both.Retention/2
	return k
}
