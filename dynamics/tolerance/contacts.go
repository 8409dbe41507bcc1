package tolerance

import (
	"context"
	"fmt"
	"math"

	"golang.org/x/sync/errgroup"
	"gonum.org/v1/gonum/stat"

	"quantal/dynamics"
	"quantal/internal/fault"
	"quantal/results/tables"
)

// ContactVariance is the fluctuation of the network's outputs if its connections have a given number of contacts each.
type ContactVariance struct {
	Amplitude float64 `json:"amplitude"` // relative fluctuation of a contact
	Contacts  int     `json:"contacts"`
	// Variance of an output over draws of the network, mean over probes and outputs, with half of its 95 % interval over
	// draws.
	Variance     float64 `json:"variance"`
	VarianceCI95 float64 `json:"variance_ci95"`
	// Linearised is its value for small amplitudes: (amplitude^2/n) sum_i mu_i^2 (dy/dw_i)^2, mean over probes and
	// outputs.
	Linearised float64 `json:"linearised"`
	// Law is n times the variance, over that with one contact: 1 where it falls as 1/n.
	Law float64 `json:"law"`
}

// ContactSlope is the slope of the logarithm of the variance over that of the number of contacts: -1 if it falls as
// 1/n.
type ContactSlope struct {
	Amplitude float64 `json:"amplitude"`
	Slope     float64 `json:"slope"`
}

// measureContacts measures the variance of the outputs over numbers of contacts and amplitudes.
func (e *experiment) measureContacts(ctx context.Context) error {
	if len(e.Contacts) == 0 {
		return nil
	}
	unperturbed, err := e.logits(e.mu)
	if err != nil {
		return err
	}
	squares, err := e.session.OutputSquares(ctx, e.mu, unperturbed)
	if err != nil {
		return err
	}
	linear := 0.0
	for slot, in := range All(e.layout) {
		if in {
			linear += float64(e.mu[slot]) * float64(e.mu[slot]) * squares[slot]
		}
	}
	linear /= float64(len(unperturbed))
	const before = rankingShare + testingShare
	e.contacts = make([]ContactVariance, len(e.ContactAmplitudes)*len(e.Contacts)) // by amplitude, then contacts
	for i, n := range e.Contacts {
		e.job.Tell(before+(1-before)*float64(i)/float64(len(e.Contacts)), "variance with "+contactsName(n))
		variances, err := dynamics.Part(e.job.Parts, fmt.Sprintf("contacts%d", n), func() ([]ContactVariance, error) {
			return e.contactVariances(ctx, n)
		})
		if err != nil {
			return err
		}
		for j, v := range variances {
			v.Linearised = v.Amplitude * v.Amplitude / float64(n) * linear
			at := e.contacts[j*len(e.Contacts):][:i+1]
			at[i] = v
			at[i].Law = float64(n) * v.Variance / at[0].Variance
		}
	}
	return nil
}

// contactVariances are those of the outputs of networks with n contacts per connection, for each amplitude.
func (e *experiment) contactVariances(ctx context.Context, n int) ([]ContactVariance, error) {
	outputs, err := e.outputs(ctx, n)
	if err != nil {
		return nil, err
	}
	var list []ContactVariance
	for j, amplitude := range e.ContactAmplitudes {
		v := ContactVariance{Amplitude: amplitude, Contacts: n}
		v.Variance, v.VarianceCI95 = meanVariance(outputs[j])
		list = append(list, v)
	}
	return list, nil
}

// outputs are those of the probes, one row after the other, for each amplitude and draw of the network with n contacts
// per connection.
func (e *experiment) outputs(ctx context.Context, n int) ([][][]float32, error) {
	all := make([][][]float32, len(e.ContactAmplitudes))
	for j := range all {
		all[j] = make([][]float32, e.ContactDraws)
	}
	making, ctx := errgroup.WithContext(ctx)
	making.SetLimit(e.Threads)
	for d := range e.ContactDraws {
		making.Go(fault.Guarded(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			means := e.meanNoise(n, d)
			for j, amplitude := range e.ContactAmplitudes {
				var err error
				if all[j][d], err = e.logits(Contacts(e.layout, e.mu, amplitude, means)); err != nil {
					return err
				}
			}
			return nil
		}))
	}
	return all, making.Wait()
}

// logits are the outputs of the network with other weights for the probes, one row after the other.
func (e *experiment) logits(w []float32) ([]float32, error) {
	state := *e.network.State.State
	state.Mu = w
	layers, err := e.session.Activations(&state, e.network.Set.Test.Slice(0, e.Probes), 1) // threads take networks
	if err != nil {
		return nil, err
	}
	return layers[len(layers)-1], nil
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
	i := tables.NewInterval(squares)
	return i.Mean, i.HalfWidth
}

// contactSlopes fits the slopes of the measurements.
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
