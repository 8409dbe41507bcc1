package analysis

import (
	"math"
	"testing"

	"quantal/kernels"
)

// Weights are whole multiples of q with the mean and the standard deviation of their synapse: n is 12 and 0.75, which
// counts as 1, and the numbers are those of the energy. Synapses of mean 0 draw normal numbers.
func TestReleaseOfTwoSynapses(t *testing.T) {
	_, n := twoSynapses(t)
	plan := EnergyPlan{Spikes: 1}
	e, err := plan.network(n)
	if err != nil {
		t.Fatal(err)
	}
	var r ReleaseTest
	draw, err := r.weights(e, n)
	if err != nil {
		t.Fatal(err)
	}
	if r.BelowOne != 1 || r.Silent != 3 || r.NearCertain != 0 {
		t.Errorf("%+v", r)
	}
	const draws = 40000
	layer := n.State.Layout.Layers[0]
	w := make([]float32, layer.Stride())
	sums, squares := make([]float64, 3), make([]float64, 3)
	for i := range draws {
		draw(w, kernels.Noise{Seed: 5, Stream: kernels.StreamEvaluation, Step: uint32(i)}, layer, 0)
		for k, v := range w[:3] {
			sums[k] += float64(v)
			squares[k] += float64(v) * float64(v)
		}
		// 12 vesicles of 0.2/3; one of -0.5 with p = 1/5.
		if number := float64(w[0]) / (0.2 / 3); math.Abs(number-math.Round(number)) > 1e-4 || number < 0 || number > 12.01 {
			t.Fatalf("the first weight is %g", w[0])
		}
		if v := float64(w[1]); v != 0 && math.Abs(v+0.5) > 1e-5 {
			t.Fatalf("the second weight is %g", v)
		}
	}
	for k, want := range [][2]float64{{0.2, 0.1}, {-0.1, 0.2}, {7, 1}} {
		mean := sums[k] / draws
		sd := math.Sqrt(squares[k]/draws - mean*mean)
		if math.Abs(mean-want[0]) > 5*want[1]/math.Sqrt(draws) || math.Abs(sd/want[1]-1) > 0.03 {
			t.Errorf("synapse %d: mean %g, SD %g, want %g", k, mean, sd, want)
		}
	}
	noise := kernels.Noise{Seed: 5, Stream: kernels.StreamEvaluation}
	draw(w, noise, layer, 1)
	xi := make([]float32, 3)
	kernels.Normals(xi, noise, 1)
	for k, sigma := range []float32{0.1, 0.2, 1} {
		if math.Abs(float64(w[k]-sigma*xi[k])) > 1e-5 {
			t.Errorf("synapse %d of mean 0: %g, want %g", k, w[k], sigma*xi[k])
		}
	}
}
