package tolerance

import (
	"context"
	"math"

	"golang.org/x/sync/errgroup"
	"gonum.org/v1/gonum/stat"

	"quantal/results"
	"quantal/train"
)

// ContactVariance is how much the outputs of the network fluctuate when its connections have so many contacts each.
type ContactVariance struct {
	Amplitude float64 `json:"amplitude"` // relative fluctuation of a contact
	Contacts  int     `json:"contacts"`
	// Variance of an output over draws of the network, mean over probes and outputs, with half of its 95 % interval over draws.
	Variance     float64 `json:"variance"`
	VarianceCI95 float64 `json:"variance_ci95"`
	// Linearised is what it is for small amplitudes: (amplitude^2/n) sum_i mu_i^2 (dy/dw_i)^2, mean over probes and outputs.
	Linearised float64 `json:"linearised"`
	// Law is n times the variance, over that with one contact: 1 where it falls as 1/n.
	Law float64 `json:"law"`
}

// ContactSlope is the slope of the logarithm of the variance over that of the number of contacts: -1 where it falls as 1/n.
type ContactSlope struct {
	Amplitude float64 `json:"amplitude"`
	Slope     float64 `json:"slope"`
}

// measureContacts measures the variance of the outputs over numbers of contacts and amplitudes.
func (e *experiment) measureContacts(ctx context.Context) error {
	if len(e.Contacts) == 0 {
		return nil
	}
	at, err := e.outputs(ctx, 1, func(int) []float32 { return e.mu })
	if err != nil {
		return err
	}
	squares, err := train.OutputSquares(ctx, e.network.Set, e.network.Config, e.mu, at[0])
	if err != nil {
		return err
	}
	linear := 0.0
	for slot, in := range All(e.layout) {
		if in {
			linear += float64(e.mu[slot]) * float64(e.mu[slot]) * squares[slot]
		}
	}
	linear /= float64(len(at[0]))
	const before = rankingShare + testingShare
	done, total := 0, len(e.Contacts)*len(e.ContactAmplitudes)
	for _, amplitude := range e.ContactAmplitudes {
		single := math.NaN()
		for _, n := range e.Contacts {
			e.progress(before+(1-before)*float64(done)/float64(total), "variance with "+contactsName(n))
			outputs, err := e.outputs(ctx, e.ContactDraws, func(draw int) []float32 { return e.contact(n, amplitude, draw) })
			if err != nil {
				return err
			}
			v := ContactVariance{Amplitude: amplitude, Contacts: n, Linearised: amplitude * amplitude / float64(n) * linear}
			v.Variance, v.VarianceCI95 = meanVariance(outputs)
			if n == 1 {
				single = v.Variance
			}
			v.Law = float64(n) * v.Variance / single
			e.contacts = append(e.contacts, v)
			done++
		}
	}
	return nil
}

// outputs are those of the probes, one row after the other, for each draw of the network's weights.
func (e *experiment) outputs(ctx context.Context, draws int, weights func(draw int) []float32) ([][]float32, error) {
	all := make([][]float32, draws)
	making, ctx := errgroup.WithContext(ctx)
	making.SetLimit(e.Threads)
	for d := range draws {
		making.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			var err error
			all[d], err = e.logits(weights(d))
			return err
		})
	}
	return all, making.Wait()
}

// meanVariance is the variance over draws, mean over the values of a draw, and half of its 95 % interval.
func meanVariance(draws [][]float32) (variance, halfWidth float64) {
	n := float64(len(draws))
	mean := make([]float64, len(draws[0]))
	for _, values := range draws {
		for i, v := range values {
			mean[i] += float64(v) / n
		}
	}
	var squares []float64 // of each draw: its mean squared deviation
	for _, values := range draws {
		sum := 0.0
		for i, v := range values {
			d := float64(v) - mean[i]
			sum += d * d
		}
		squares = append(squares, sum/float64(len(values))*n/(n-1))
	}
	i := results.NewInterval(squares)
	return i.Mean, i.HalfWidth
}

// contactSlopes fits the slopes of what has been measured.
func contactSlopes(list []ContactVariance) []ContactSlope {
	var slopes []ContactSlope
	for from := 0; from < len(list); {
		var x, y []float64
		to := from
		for ; to < len(list) && list[to].Amplitude == list[from].Amplitude; to++ {
			x, y = append(x, math.Log(float64(list[to].Contacts))), append(y, math.Log(list[to].Variance))
		}
		if len(x) > 1 {
			_, slope := stat.LinearRegression(x, y, nil, false)
			slopes = append(slopes, ContactSlope{list[from].Amplitude, slope})
		}
		from = to
	}
	return slopes
}
