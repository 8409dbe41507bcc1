package cpu_test

import (
	"math"
	"testing"

	"gonum.org/v1/gonum/stat"

	"quantal/kernels"
	"quantal/kernels/conformance"
)

// The expected loss, accuracy and gradient of a network do not depend on which examples share a draw; only how much
// they vary does. Means over thousands of draws agree within five standard errors. Examples that share a draw err
// together: the loss of a test and the gradient of a minibatch vary several times as much.
func TestDrawsHaveTheSameExpectation(t *testing.T) {
	const tests, steps = 1500, 6000
	for sharing := kernels.PerSynapse; sharing <= kernels.PerNetwork; sharing++ {
		var losses, accuracies [2][]float64
		var gradients, variances [2][]float64
		for draw := kernels.PerMinibatch; draw <= kernels.PerExample; draw++ {
			d := conformance.Design{Sizes: []int{30, 17, 4}, Activation: kernels.ReLU, Batch: 20, Rho: 2, Examples: 20,
				Sharing: sharing, Draw: draw}
			n := d.Network(t)
			n.Data.Order = func(dst []int32, _ uint64, _ int) { conformance.Order(dst, 1, 1) } // always the same minibatch
			vm := n.Open(t, machine(machines()[0].Name).Open)
			for step := range tests {
				s := conformance.ScoresOf(t, vm, n.Data, step, 0)[0]
				losses[draw], accuracies[draw] = append(losses[draw], s.LossSampled), append(accuracies[draw], s.AccuracySampled)
			}
			vm = n.Under(t, kernels.Accumulate{}).Open(t, machine(machines()[0].Name).Open)
			conformance.Run(t, vm, 0, steps)
			sums := conformance.SumsOf(t, vm, 0)
			for i, g := range sums.Gradient {
				gradients[draw] = append(gradients[draw], g/steps)
				variances[draw] = append(variances[draw], sums.Square[i]/steps-g*g/steps/steps)
			}
		}
		spread := map[string]float64{}
		for name, of := range map[string][2][]float64{"loss": losses, "accuracy": accuracies} {
			m0, v0 := stat.MeanVariance(of[0], nil)
			m1, v1 := stat.MeanVariance(of[1], nil)
			if e := math.Abs(m0-m1) / math.Sqrt((v0+v1)/tests); !(e < 5) {
				t.Errorf("%v: the mean %s is %g and %g: %g standard errors", sharing, name, m0, m1, e)
			}
			spread[name] = v0 / v1
		}
		chi, of := 0., 0.
		for i, v := range variances[0] {
			if sum := v + variances[1][i]; sum > 0 {
				e := gradients[0][i] - gradients[1][i]
				chi += e * e / (sum / steps)
				of++
			}
		}
		// Neighbouring gradients depend on each other, so the mean square is not as near to 1 as 600 numbers would be.
		if chi /= of; !(chi < 1.6) {
			t.Errorf("%v: gradients differ by %g of their variance", sharing, chi)
		}
		ratio := stat.Mean(variances[0], nil) / stat.Mean(variances[1], nil)
		t.Logf("%v: with a shared draw the variance is %.2g times that of the gradient, %.2g times that of the loss, "+
			"%.2g times that of the accuracy", sharing, ratio, spread["loss"], spread["accuracy"])
		if !(ratio > 1.5) || !(spread["loss"] > 1.5) {
			t.Errorf("%v: the spread does not depend on the draw", sharing)
		}
	}
}
