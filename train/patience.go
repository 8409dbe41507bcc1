package train

import (
	"context"
	"math"
	"slices"
	"time"

	"quantal/kernels"
)

// best is the least loss of a network on the held-out examples so far, and the epoch after which it had it; 0 before.
type best struct {
	Loss  float64 `json:"best_validation_loss,omitempty"`
	Epoch int     `json:"best_epoch,omitempty"`
}

// validated are the scores of all networks on the held-out examples at a step.
type validated struct {
	step   int
	scores []kernels.Score
}

// validate measures the networks on the held-out examples at the present step, once; nil if there are none.
func (r *Run) validate(ctx context.Context) ([]kernels.Score, error) {
	if r.held == nil || r.validated.scores != nil && r.validated.step == r.step {
		return r.validated.scores, nil
	}
	scores, err := r.vm.Evaluate(ctx, r.held, r.step, 0)
	if err == nil {
		r.validated = validated{r.step, scores}
	}
	return scores, err
}

// watches reports whether a network has a patience.
func (r *Run) watches() bool {
	return slices.ContainsFunc(r.Networks, func(c Config) bool { return c.Patience > 0 })
}

// watch notes the networks whose loss on the held-out examples is less than ever before, at the end of an epoch. Doing
// it twice changes nothing.
func (r *Run) watch(ctx context.Context) error {
	if !r.watches() {
		return nil
	}
	began := time.Now()
	scores, err := r.validate(ctx)
	if err != nil {
		return err
	}
	r.spent.MeasuringSeconds += time.Since(began).Seconds()
	for m, score := range scores {
		least := math.Inf(1)
		if r.best[m].Epoch > 0 {
			least = r.best[m].Loss
		}
		if r.Networks[m].Patience > 0 && score.LossSampled < least {
			r.best[m] = best{score.LossSampled, r.step / r.StepsPerEpoch()}
		}
	}
	return nil
}

// Stopped reports whether the patience of a network is over: the loss on the held-out examples has not fallen for
// Config.Patience epochs.
func (r *Run) Stopped(network int) bool {
	patience := r.Networks[network].Patience
	return patience > 0 && r.diverged[network] == nil && r.Measured()-r.best[network].Epoch >= patience
}

func (r *Run) anyStopped() bool {
	for m := range r.Networks {
		if r.Stopped(m) {
			return true
		}
	}
	return false
}
