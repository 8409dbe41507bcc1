package sampling

import (
	"time"

	"gonum.org/v1/gonum/mat"

	"quantal/dynamics"
	"quantal/kernels"
	"quantal/train"
)

// keptSample is a Sample as a part of the experiment: the covariance row by row.
type keptSample struct {
	Vectors         int
	Mean            []float64
	Covariance      []float64
	Times           []float64
	Autocorrelation [][]float64
	Kept            [][]float64
	Accepted        float64
}

func (s *Sample) toKeep() keptSample {
	k := keptSample{s.Vectors, s.Mean, nil, s.Times, s.Autocorrelation, s.Kept, s.Accepted}
	n := s.Covariance.SymmetricDim()
	for i := range n {
		for j := range n {
			k.Covariance = append(k.Covariance, s.Covariance.At(i, j))
		}
	}
	return k
}

func (k keptSample) sample() *Sample {
	return &Sample{k.Vectors, k.Mean, mat.NewSymDense(len(k.Mean), k.Covariance), k.Times, k.Autocorrelation, k.Kept,
		k.Accepted}
}

// sample returns the result of chains, from the parts of the experiment if it is kept there. work is the work of
// running them.
func (e *experiment) sample(name, what string, work float64, run func() (*Sample, error)) (*Sample, error) {
	made := false
	k, err := dynamics.Part(e.job.Parts, name, func() (keptSample, error) {
		made = true
		s, err := run()
		if err != nil {
			return keptSample{}, err
		}
		return s.toKeep(), nil
	})
	if err != nil {
		return nil, err
	}
	if !made {
		e.work.Did(work, what)
	}
	return k.sample(), nil
}

// keptChains is the state of the chains of a network after an epoch.
type keptChains struct {
	Epoch int         // epochs done
	Mu    [][]float32 // of each chain
	Laws  []keptLaw
}

// keptLaw is a law.
type keptLaw struct {
	Chains      ChainLaw
	Sum         []float64 // of the predictions
	Weight      float64
	N, Kept     int
	Theta       []float64
	ThetaSquare []float64
}

const chainsPart = "chains"

// keeper keeps chains from time to time, so that keeping takes little of the time.
type keeper struct {
	parts *dynamics.Parts
	last  time.Time
	took  time.Duration
}

// seldom is the ratio of the time between two keepings to the time of one.
const seldom = 20

// keep keeps the chains after a number of epochs.
func (k *keeper) keep(epochs int, chains *train.Fluctuations, laws []*law) error {
	if k.parts == nil || time.Since(k.last) < seldom*k.took {
		return nil
	}
	began := time.Now()
	kept := keptChains{Epoch: epochs}
	for m := range chains.Networks() {
		state, err := chains.State(m)
		if err != nil {
			return err
		}
		kept.Mu = append(kept.Mu, state.Mu)
	}
	for _, l := range laws {
		kept.Laws = append(kept.Laws, keptLaw{l.ChainLaw, l.average.sum, l.average.weight, l.average.n, l.kept, l.sum,
			l.square})
	}
	err := k.parts.Write(chainsPart, kept)
	k.last, k.took = time.Now(), time.Since(began)
	return err
}

// restore resets chains and laws to their kept state, and returns its number of epochs; 0 if there is none.
func (e *experiment) restore(chains *train.Fluctuations, perEpoch int, start *kernels.State,
	laws []*law) (epochs int, err error) {
	var kept keptChains
	if found, err := e.job.Parts.Read(chainsPart, &kept); !found || err != nil {
		return 0, err
	}
	var states []*kernels.State
	for _, mu := range kept.Mu {
		s := *start
		s.Mu = mu
		states = append(states, &s)
	}
	for i, k := range kept.Laws {
		*laws[i] = law{k.Chains, average{k.Sum, k.Weight, k.N}, k.Kept, k.Theta, k.ThetaSquare}
	}
	return kept.Epoch, chains.Continue(kept.Epoch*perEpoch, states)
}
