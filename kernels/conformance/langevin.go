package conformance

import (
	"math"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"quantal/kernels"
)

// Schedules are steps of constant size and of shrinking size.
var Schedules = []kernels.Langevin{{}, {Delay: 2, Decay: 0.6}}

func langevinAgainstFloat64(t *testing.T, machines []Machine) {
	short := Designs()
	for i, d := range slices.Concat(short, measured([]int{13, 4}, []int{33, 17, 9, 5}, []int{9, 6, 7, 5, 3},
		[]int{70, 20, 15, 3})) {
		if testing.Short() && i%5 != 0 {
			continue
		}
		rule := Schedules[i/2%2]
		t.Run(d.String()+"/"+rule.String(), func(t *testing.T) {
			d.Members = max(d.Members, 2) // one is not corrected
			n := d.Network(t).Fluctuating(t, rule)
			flaws := []string{"xi = 0", "the noise of training", "a wrong counter", "a factor of 2", "N/B missing",
				"B/N of the prior missing",
				"the sign of the prior"}
			if rule.Decay != 0 {
				flaws = append(flaws, "steps of constant size")
			}
			comparison{network: n, first: 5, count: 4, losses: 1e-5, flaws: flaws,
				after: func(t *testing.T, vm kernels.VM) {
					for m := range n.Members {
						s := StateOf(t, vm, m)
						n.checkPads(t, s.Mu)
						s.Mu = n.Start[m].Mu
						if diff := cmp.Diff(n.Start[m], s); diff != "" {
							t.Errorf("member %d: phi or a moment has moved (-want +got)\n%s", m, diff)
						}
					}
					// The faults that also matter to the member that is not corrected.
					for _, flaw := range flaws[:4] {
						control := n.Only(1).After(5, 4, flaw)[0]
						if e := control.displacement(StateOf(t, vm, 1).Mu, n.Start[1].Mu); e < 100*displacementTolerance {
							t.Errorf("without a gradient, the planted fault %q goes unnoticed: %.2g", flaw, e)
						}
					}
				}}.on(t, some(machines, 0, i < len(short)))
		})
	}
}

// noiseVanishes: no noise is drawn at temperature 0, and the result is the same, to the last bit, as with noise that is
// too small to have an effect.
func noiseVanishes(t *testing.T, m Machine) {
	n := Design{
		Sizes: []int{33, 17, 9, 5}, Activation: kernels.ReLU, Batch: 20, Likelihood: kernels.Gaussian, Rho: 2, Examples: 150,
	}.Network(t).Fluctuating(t, kernels.Langevin{})
	n = n.Only(0, 0, 0, 0, 0)
	n.Members[0].Temperature = 0
	n.Members[1].Temperature = 1e-30 // sqrt(2 eps T) is some 1e-17
	n.Members[3].Uncorrected, n.Members[4].Uncorrected = true, true
	n.Members[4].Temperature *= 4
	vm := n.Open(t, m.Open)
	mu := func(member int) []float32 { return StateOf(t, vm, member).Mu }
	Run(t, vm, 0, 5)
	// Two controls at temperatures 1 and 4: the same noise, twice as large.
	a, b := mu(3), mu(4)
	for i, start := range n.Start[0].Mu {
		if d := float64(b[i]-start) - 2*float64(a[i]-start); math.Abs(d) > 1e-6 {
			t.Fatalf("slot %d moved by %v at temperature 1 and by %v at 4", i, a[i]-start, b[i]-start)
		}
	}
	if !m.Slow {
		Run(t, vm, 5, 35)
	}
	if !slices.Equal(mu(0), mu(1)) {
		t.Error("the bits differ from those of a run with vanishing noise")
	}
	if slices.Equal(mu(0), mu(2)) {
		t.Error("noise that does not vanish changes nothing")
	}
}

// samplesThePosterior samples linear regression with a flat prior: the posterior is Normal(OLS, v (X'X)^-1). With steps
// of size eps, along an eigenvector of the precision H with eigenvalue h, the chain is theta' = (1 - eps h) theta +
// ..., of stationary variance 1 / (h (1 - eps h/2)).
func samplesThePosterior(t *testing.T, machine Machine) {
	if testing.Short() || machine.Slow {
		t.Skip("a million steps")
	}
	const (
		examples, chains, v = 12, 200, 0.3
		burn, apart, looks  = 300, 60, 40
	)
	n := Design{Sizes: []int{1, 1}, Activation: kernels.ReLU, Batch: examples, Likelihood: kernels.Gaussian,
		Rho: 2}.Network(t).Under(t, kernels.Langevin{})
	data := &kernels.Data{
		N: examples, Width: 1, Order: Order, Floats: Numbers(make([]float32, examples), 5, -0.5, 1.5),
		Targets: Numbers(make([]float32, examples), 6, -1, 1),
	}
	n.Data = data
	// X'X and X'y in closed form, with columns x and 1.
	var xx, x1, xy, y1 float64
	for i, x := range data.Floats {
		x, y := float64(x), float64(data.Targets[i])
		xx, x1, xy, y1 = xx+x*x, x1+x, xy+x*y, y1+y
	}
	det := xx*examples - x1*x1
	ols := [2]float64{(examples*xy - x1*y1) / det, (xx*y1 - x1*xy) / det}
	covariance := [2][2]float64{{examples * v / det, -x1 * v / det}, {-x1 * v / det, xx * v / det}}
	// That of the chain, H^-1 (1 - eps H/2)^-1, with the effect of finite steps.
	const eps = 0.02 / (examples / v)
	h := [2][2]float64{{xx / v, x1 / v}, {x1 / v, examples / v}}
	chain := func() [2][2]float64 {
		// (H - eps H^2 / 2)^-1
		var m [2][2]float64
		for i := range 2 {
			for j := range 2 {
				m[i][j] = h[i][j] - eps/2*(h[i][0]*h[0][j]+h[i][1]*h[1][j])
			}
		}
		d := m[0][0]*m[1][1] - m[0][1]*m[1][0]
		return [2][2]float64{{m[1][1] / d, -m[0][1] / d}, {-m[1][0] / d, m[0][0] / d}}
	}()
	start := n.Start[0]
	start.Mu[0], start.Mu[1] = float32(ols[0]), float32(ols[1])
	for _, temperature := range []float64{1, 0.25} {
		n.Members, n.Start = nil, nil
		for i := range chains {
			n.Members = append(n.Members, kernels.Member{Seed: uint64(1 + i), LearningRate: eps, NoiseVariance: v,
				Temperature: temperature})
			n.Start = append(n.Start, start)
		}
		vm := n.Open(t, machine.Open)
		Run(t, vm, 0, burn)
		var mean [2]float64
		var second [2][2]float64
		count := 0.0
		for look := range looks {
			Run(t, vm, burn+look*apart, apart)
			for m := range n.Members {
				mu := StateOf(t, vm, m).Mu
				d := [2]float64{float64(mu[0]) - ols[0], float64(mu[1]) - ols[1]}
				for i := range 2 {
					mean[i] += d[i]
					for j := range 2 {
						second[i][j] += d[i] * d[j]
					}
				}
				count++
			}
		}
		// The slowest direction forgets a third or so between samples: 8,000 samples are worth some 3,000 for the squares.
		worst := 0.0
		for i := range 2 {
			if e := math.Abs(mean[i]/count) / math.Sqrt(temperature*covariance[i][i]); e > 0.06 {
				t.Errorf("T = %g: mean %d is off by %.3f standard deviations", temperature, i, e)
			}
			for j := range 2 {
				got := second[i][j] / count / temperature
				scale := math.Sqrt(covariance[i][i] * covariance[j][j])
				worst = max(worst, math.Abs(got-covariance[i][j])/scale)
				if e := math.Abs(got-chain[i][j]) / scale; e > 0.05 {
					t.Errorf("T = %g: covariance %d %d is %.4g T, want %.4g (%.4g for infinitely small steps)", temperature, i, j, got,
						chain[i][j], covariance[i][j])
				}
			}
		}
		if worst > 0.06 {
			t.Errorf("T = %g: the covariance is off by %.3f of the exact posterior's", temperature, worst)
		}
		t.Logf("T = %g: covariance within %.3f of the posterior's", temperature, worst)
	}
}
