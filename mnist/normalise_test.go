package mnist

import (
	"math"
	"testing"
)

func TestNormalisation(t *testing.T) {
	near := func(a, b float64) bool { return math.Abs(a-b) < 1e-12 }
	for name, c := range map[string]struct {
		images   []byte
		mean, sd float64
	}{
		"black and white": {[]byte{0, 255, 255, 0}, 0.5, 0.5},
		"three values":    {[]byte{0, 51, 102}, 0.2, 0.2 * math.Sqrt(2./3)},
		"one value":       {[]byte{51, 51, 51}, 0.2, 0},
	} {
		if n := (Examples{Images: c.images}).Normalisation(); !near(n.Mean, c.mean) || !near(n.SD, c.sd) ||
			(n.SD == 0) != (c.sd == 0) {
			t.Errorf("%s: %+v, want mean %g and SD %g", name, n, c.mean, c.sd)
		}
	}
}
