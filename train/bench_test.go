package train

import (
	"context"
	"testing"

	"quantal/mnist"
)

// The cost of a network outside the VM: of preparing it, and of measuring its results.
func BenchmarkOutsideTheVM(b *testing.B) {
	c, err := Preset("published")
	if err != nil {
		b.Fatal(err)
	}
	set := mnist.Glyphs()
	r, err := New(set, c)
	if err != nil {
		b.Fatal(err)
	}
	defer r.Close()
	scores, err := r.vm.Evaluate(context.Background(), r.testing, 0, 0)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("New", func(b *testing.B) {
		for b.Loop() {
			r, err := New(set, c)
			if err != nil {
				b.Fatal(err)
			}
			r.Close()
		}
	})
	b.Run("InitialState", func(b *testing.B) {
		for b.Loop() {
			c.InitialState(r.Program.Layout)
		}
	})
	b.Run("outcomes", func(b *testing.B) {
		for b.Loop() {
			if _, err := r.outcomes(scores); err != nil {
				b.Fatal(err)
			}
		}
	})
}
