package analysis

import (
	"math"

	"pgregory.net/rapid"
)

func near(a, b, tolerance float64) bool {
	return math.Abs(a-b) <= tolerance*max(math.Abs(a), math.Abs(b))
}

// drawLinear draws a model with the given number of inputs whose examples determine the weights.
func drawLinear(t *rapid.T, inputs int) Linear {
	n := inputs + 1 + rapid.IntRange(3, 12).Draw(t, "examples")
	l := Linear{NoiseVariance: math.Exp(rapid.Float64Range(-3, 1).Draw(t, "ln noise variance"))}
	seed := rapid.Uint64().Draw(t, "seed")
	truth := normals(inputs+1, noise(seed, forTargets), 0)
	e := normals(n, noise(seed, forTargets), 1)
	for a := range n {
		x := normals(inputs, noise(seed, forInputs), a)
		v := truth[inputs] + math.Sqrt(l.NoiseVariance)*e[a]
		for i := range x {
			x[i] = math.Exp(0.3*float64(i)) * (x[i] + 0.5*x[0]) // correlated, of different rates
			v += truth[i] * x[i]
		}
		l.X, l.V = append(l.X, x), append(l.V, v)
	}
	return l
}
