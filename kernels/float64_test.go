package kernels

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"testing"

	"golang.org/x/sys/cpu"
)

// Exp and Log are those of package math, to the bit on an amd64 with fused operations, whose numbers training has had
// since its beginning, and have the same bytes on every processor.
func TestExpAndLogAreTheSameEverywhere(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	h := sha256.New()
	check := func(name string, x, got, want float64) {
		t.Helper()
		if e := math.Abs(got-want) / math.Abs(want); got != want && !(e < 1e-15) && !(math.IsNaN(got) && math.IsNaN(want)) &&
			math.Abs(want) > 0x1p-1022 && want < math.MaxFloat64/2 { // infinite a little early, as on amd64
			t.Errorf("%s(%v) is %v, want %v", name, x, got, want)
		}
		if runtime.GOARCH == "amd64" && cpu.X86.HasFMA && math.Float64bits(got) != math.Float64bits(want) && got == got {
			t.Errorf("%s(%v) is %v, in package math %v", name, x, got, want)
		}
		if got == got { // NaN has other bits on other processors
			_ = binary.Write(h, binary.LittleEndian, got) // a hash takes all
		}
	}
	for _, x := range []float64{0, 1, -1, 709.7827, 709.79, -708, -708.5, -740, -744.9, -745.1, -745.2, -746, -1e10,
		math.Inf(1), math.Inf(-1), math.NaN()} {
		check("Exp", x, Exp(x), math.Exp(x))
	}
	for _, x := range []float64{0, 1, -1, 2, math.Sqrt2, math.MaxFloat64, 0x1p-1022, math.Inf(1), math.NaN()} {
		check("Log", x, Log(x), math.Log(x))
	}
	for range 100_000 {
		x := random.Float64()
		for _, size := range []float64{1, 40, 1500} {
			check("Exp", -x*size, Exp(-x*size), math.Exp(-x*size))
			check("Exp", x*size/2, Exp(x*size/2), math.Exp(x*size/2))
		}
		for _, size := range []float64{0x1p-1000, 1, 100} {
			check("Log", x*size, Log(x*size), math.Log(x*size))
		}
	}
	if got, want := fmt.Sprintf("%x", h.Sum(nil))[:16], "322a10107208112f"; got != want {
		t.Errorf("the bytes of all have the sum %s, want %s", got, want)
	}
}
