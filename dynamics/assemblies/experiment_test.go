package assemblies

import (
	"context"
	"testing"
)

func quiet(float64, string) {}

// small is an instance that takes a second for a network.
func small() Config {
	c := DefaultConfig()
	c.Neurons, c.Imprint, c.Alone, c.Every, c.Moves = 100, 40, 100, 4, 5
	c.Strengths = []float64{0, 1, 1.6, 1.9}
	return c
}

func TestClaims(t *testing.T) {
	f, err := Run(context.Background(), small(), quiet)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range f.Table {
		ks, in := -1.0, -1.0
		if o.KSStationary != nil {
			ks = *o.KSStationary
		}
		if o.KSInside != nil {
			in = *o.KSInside
		}
		t.Logf("%-22s %2d recall %.2f sep %.3f in %.3f out %.4f ret %3g bounds %.3f mid %.3f rise %.1f peak %.2f x%.2f %.1fs KS %.4f %.4f", o.Condition, o.Seed, o.Recall, o.Separation, o.Inside, o.Outside,
			o.Retention, o.AtBounds, o.Middle, o.Rise, o.Peak.Size, o.Peak.Height, o.Peak.Sigmas, ks, in)
	}
	for _, c := range f.Summary.Claims {
		if c.Seen < 9 {
			t.Errorf("%s: in %d of %d networks", c.Claim, c.Seen, c.Of)
		}
	}
}
