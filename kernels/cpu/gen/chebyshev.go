package main

import "math"

// chebyshev returns the polynomial of the given degree that agrees with f at the Chebyshev nodes of [lo, hi]: its error
// is within a small factor of the smallest possible. The coefficients are those of the powers of x, highest first.
func chebyshev(f func(float64) float64, lo, hi float64, degree int) []float64 {
	n := degree + 1
	nodes, difference := make([]float64, n), make([]float64, n)
	for i := range nodes {
		nodes[i] = (lo+hi)/2 + (hi-lo)/2*math.Cos(math.Pi*(float64(i)+0.5)/float64(n))
		difference[i] = f(nodes[i])
	}
	for order := 1; order < n; order++ { // Newton's divided differences
		for i := n - 1; i >= order; i-- {
			difference[i] = (difference[i] - difference[i-1]) / (nodes[i] - nodes[i-order])
		}
	}
	powers := []float64{difference[n-1]} // multiplied out from the inside, lowest power first
	for i := n - 2; i >= 0; i-- {
		next := make([]float64, len(powers)+1)
		for k, c := range powers {
			next[k+1] += c
			next[k] -= nodes[i] * c
		}
		next[0] += difference[i]
		powers = next
	}
	for i, j := 0, n-1; i < j; i, j = i+1, j-1 {
		powers[i], powers[j] = powers[j], powers[i]
	}
	return powers
}
