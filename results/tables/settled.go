package tables

import (
	"fmt"
	"math"

	"quantal/kernels"
	"quantal/results/store"
)

// Has sigma settled, or would it change further if training continued? The files of a network cannot prove that it has,
// but they can show signs that it has not:
//
//   - The learning curve of a run: the root mean square of sigma in some layer still changes by more than settledChange
//     in the last tenth of the epochs.
//   - The distance from the start, for runs and for points of a grid, which have no curve: Adam moves phi by at most
//     about the learning rate per step, so phi can move at most by lr times steps. A sigma that moved by more than
//     settledTravel of that distance spent most of the training on it, and shows how long it trained. The 240 networks
//     of the paper's Fig. 2 moved by at most 0.76.
const (
	settledChange = 0.05
	settledTravel = 0.8
)

// SigmaChange is the largest change of a layer's root mean square sigma in the last tenth of the epochs, at least one,
// as a fraction of it. Without two epochs to compare it is NaN.
func SigmaChange(epochs []store.Epoch) float64 {
	if len(epochs) < 2 {
		return math.NaN()
	}
	last := epochs[len(epochs)-1]
	before := epochs[0]
	for _, e := range epochs[:len(epochs)-1] {
		if 10*e.Epoch <= 9*last.Epoch {
			before = e
		}
	}
	change := math.NaN()
	for i, sigma := range last.SigmaRMSLayers {
		if i < len(before.SigmaRMSLayers) && sigma > 0 {
			if c := math.Abs(1 - before.SigmaRMSLayers[i]/sigma); !(c <= change) {
				change = c
			}
		}
	}
	return change
}

// SigmaTravel is the distance of sigma from its start to its root mean square, in phi, as a fraction of the largest
// distance that Adam can move it: the learning rate times the steps. It is NaN if one of them is.
func SigmaTravel(initial, rms, learningRate float64, steps int) float64 {
	way := kernels.SoftplusInverse(rms) - kernels.SoftplusInverse(initial)
	return math.Abs(way) / (learningRate * float64(steps))
}

// travelOf is the SigmaTravel of a point, NaN for a network without noise and for one that diverged, and unless Adam
// trained it.
func travelOf(r store.Record) float64 {
	// only Adam bounds the distance
	if r.Status != store.Done || r.Noise == store.WithoutNoise || r.Steps == 0 || r.Converged != "" ||
		r.Later.Has("rule") || r.Layers("lr")+r.Layers("sigma_init") != "" {
		return math.NaN()
	}
	return SigmaTravel(r.SigmaInit, r.SigmaRMS, r.LearningRate*meanRate(r), r.Steps)
}

// meanRate is the mean learning rate over the steps of a run, as a multiple of the first.
func meanRate(r store.Record) float64 {
	schedule, sum := kernels.Schedule{Steps: r.Steps}, 0.0
	if r.StoppedEpoch > 0 { // it runs over all epochs
		schedule.Steps = r.Steps / r.StoppedEpoch * r.Epochs
	}
	for _, s := range r.Later.List() {
		if text, ok := s.Value.(string); ok && s.Name == "lr_schedule" {
			_ = schedule.Shape.UnmarshalText([]byte(text)) // constant if it is none
		}
	}
	for step := range r.Steps {
		sum += schedule.RateAt(step)
	}
	return sum / float64(r.Steps)
}

const trainLonger = "train longer, or start closer to the final sigma (sigma-init, lr)"

// UnsettledRun says in a sentence that the sigma of a run, given its learning curve and its record, has not settled; it
// is empty without a sign of that.
func UnsettledRun(epochs []store.Epoch, r store.Record) string {
	switch change, travel := SigmaChange(epochs), travelOf(r); {
	case r.Converged != "": // after the epochs
	case travel > settledTravel:
		return fmt.Sprintf("sigma has not settled: it moved by %.0f %% of the distance that lr times steps allows, "+
			"so it shows how long the network trained: %s", 100*travel, trainLonger)
	case change > settledChange:
		return fmt.Sprintf("sigma has not settled: in the last tenth of the epochs it changed by %.0f %% in some layer: %s",
			100*change, trainLonger)
	}
	return ""
}

// UnsettledPoints says in a sentence that points of a grid have a sigma that has not settled; it is empty without a
// sign of that.
func UnsettledPoints(records []store.Record) string {
	count, noisy := 0, 0
	for _, r := range records {
		travel := travelOf(r)
		if !math.IsNaN(travel) {
			noisy++
		}
		if travel > settledTravel {
			count++
		}
	}
	if count == 0 {
		return ""
	}
	return fmt.Sprintf("sigma has not settled in %d of %d points: it moved by more than %.0f %% of the distance that "+
		"lr times steps allows, so it shows how long they trained: %s", count, noisy, 100*settledTravel, trainLonger)
}
