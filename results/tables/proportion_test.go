package tables

import (
	"math"
	"testing"
)

// The limits of Clopper and Pearson by their definition: if the true share is at the lower one, the count or more has
// probability 2.5 %, and at the upper one the count or fewer.
func TestProportion(t *testing.T) {
	binomial := func(n, k int, p float64) float64 {
		choose := 1.0
		for i := range k {
			choose *= float64(n-i) / float64(i+1)
		}
		return choose * math.Pow(p, float64(k)) * math.Pow(1-p, float64(n-k))
	}
	for _, n := range []int{1, 7, 20} {
		for count := range n + 1 {
			p := NewProportion(count, n)
			if p.Count != count || p.N != n || p.Share != float64(count)/float64(n) {
				t.Fatalf("%d of %d: %+v", count, n, p)
			}
			above, below := 0.0, 0.0
			for k := range n + 1 {
				if k >= count {
					above += binomial(n, k, p.Low)
				}
				if k <= count {
					below += binomial(n, k, p.High)
				}
			}
			if count == 0 && p.Low != 0 || count > 0 && !near(above, 0.025, 1e-9) {
				t.Errorf("%d of %d: from %g: probability %g", count, n, p.Low, above)
			}
			if count == n && p.High != 1 || count < n && !near(below, 0.025, 1e-9) {
				t.Errorf("%d of %d: to %g: probability %g", count, n, p.High, below)
			}
		}
	}
	// A published one: 0 of 20 is up to 16.8 %.
	if p := NewProportion(0, 20); !near(p.High, 0.16843, 1e-4) {
		t.Errorf("0 of 20: to %g", p.High)
	}
}
