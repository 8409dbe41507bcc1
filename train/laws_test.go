package train

import (
	"context"
	"math"
	"os"
	"testing"

	"quantal/mnist"
	"quantal/results/store"
)

// The paper's laws, run as formulas instead of by kernels of their own, train networks that are as good and as noisy:
// five epochs over some of MNIST, or of the built-in digits.
func TestLawsAsFormulasTrainAlike(t *testing.T) {
	if testing.Short() {
		t.Skip("trains for half a minute with the portable kernels")
	}
	set := mnist.Glyphs()
	const folder = "../../shared/mnist"
	if _, err := os.Stat(folder); err == nil {
		if set, err = mnist.Load(folder); err != nil {
			t.Fatal(err)
		}
	}
	set.Train = set.Train.Slice(0, 5000)
	for _, exponents := range [][]string{{"calcium", "membrane", "actin", "trafficking"}, {"entropic"}} {
		var networks []Config
		for _, rho := range exponents {
			c, err := Preset("quick")
			if err != nil {
				t.Fatal(err)
			}
			if err := c.Set("rho", rho); err != nil {
				t.Fatal(err)
			}
			c.Epochs, c.Draws, c.C, c.LearningRate = 5, 1, 0.05, 3e-4
			networks = append(networks, c)
		}
		train := func(plain bool) (last []store.Epoch) {
			s := opened(t, set, networks...)
			p, err := s.trainingProgram()
			if err != nil {
				t.Fatal(err)
			}
			if plain {
				*p = *p.Plain()
			}
			if _, recognised := p.Gradients()[0].Standard(); recognised == plain {
				t.Fatalf("%v: recognised %v", exponents, recognised)
			}
			r, err := begin(s, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			last = make([]store.Epoch, len(networks))
			if err := r.Train(context.Background(), Events{Epoch: func(i int, e store.Epoch) error {
				last[i] = e
				return nil
			}}); err != nil {
				t.Fatal(err)
			}
			return last
		}
		own, formula := train(false), train(true)
		for i, rho := range exponents {
			a, b := own[i], formula[i]
			t.Logf("%s: %s: accuracy with mean weights %.2f and %.2f %%, sampled %.2f and %.2f %%, sigma %.6g and %.6g",
				set.Name, rho, 100*a.AccuracyMean, 100*b.AccuracyMean, 100*a.AccuracySampled, 100*b.AccuracySampled, a.SigmaRMS,
				b.SigmaRMS)
			const points = 0.003
			if math.Abs(a.AccuracyMean-b.AccuracyMean) > points || math.Abs(a.AccuracySampled-b.AccuracySampled) > points ||
				math.Abs(a.SigmaRMS/b.SigmaRMS-1) > 1e-3 {
				t.Errorf("%s: want accuracies within 0.3 percentage points and sigma within 0.1 %%", rho)
			}
			if a.AccuracyMean < 0.8 || math.Abs(a.SigmaRMS/networks[i].SigmaInit-1) < 0.04 {
				t.Errorf("%s: too little was learnt to compare", rho)
			}
		}
	}
}
