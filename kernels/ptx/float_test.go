package ptx

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
)

// roundExactly is the oracle: a rational number rounded to float32 by arbitrary-precision arithmetic. zero is the
// result for an exact zero.
func roundExactly(x *big.Rat, mode rounding, zero float32) float32 {
	if x.Sign() == 0 {
		return zero
	}
	f, _ := x.Float32()
	if mode == nearest {
		return f
	}
	if math.IsInf(float64(f), 0) {
		switch {
		case mode == towardZero, mode == downward && f > 0, mode == upward && f < 0:
			return float32(math.Copysign(math.MaxFloat32, float64(f)))
		}
		return f
	}
	difference := new(big.Rat).SetFloat64(float64(f)).Cmp(x)
	if difference == 0 {
		return f
	}
	above := difference > 0
	if mode == towardZero {
		mode = downward
		if x.Sign() < 0 {
			mode = upward
		}
	}
	switch {
	case mode == downward && above:
		return math.Nextafter32(f, float32(math.Inf(-1)))
	case mode == upward && !above:
		return math.Nextafter32(f, float32(math.Inf(1)))
	}
	if f == 0 && x.Sign() < 0 {
		return float32(math.Copysign(0, -1))
	}
	return f
}

// awkward returns floats that are hard to round: few bits set, near one, subnormal, huge.
func awkward(r *rand.Rand) float32 {
	switch r.IntN(6) {
	case 0:
		return math.Float32frombits(r.Uint32()&^(0xff<<23) | uint32(r.IntN(255))<<23)
	case 1:
		return math.Float32frombits(r.Uint32() & 0x807fffff) // subnormal
	case 2:
		return float32(math.Ldexp(float64(1-2*r.IntN(2))*(1+math.Ldexp(float64(r.IntN(4)), -23)), r.IntN(60)-30))
	case 3:
		return float32(math.Ldexp(float64(1-2*r.IntN(2))*(1+math.Ldexp(float64(r.IntN(4)), -12)), r.IntN(20)-10))
	case 4:
		return float32(math.Ldexp(float64(1-2*r.IntN(2)), r.IntN(277)-149))
	}
	return float32(r.NormFloat64())
}

func rat(v float32) *big.Rat { return new(big.Rat).SetFloat64(float64(v)) }

func TestRoundingAgainstExactArithmetic(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	modes := []rounding{nearest, towardZero, downward, upward}
	same := func(a, b float32) bool { return math.Float32bits(a) == math.Float32bits(b) }
	for range 40000 {
		a, b, c := awkward(r), awkward(r), awkward(r)
		mode := modes[r.IntN(4)]
		if r.IntN(4) == 0 { // a sum close to a tie
			c = float32(math.Ldexp(float64(a)*float64(b), r.IntN(60)-30))
		}
		if math.IsInf(float64(c), 0) {
			continue
		}
		product := new(big.Rat).Mul(rat(a), rat(b))
		want := roundExactly(new(big.Rat).Add(product, rat(c)), mode, fmaMode(a, b, c, mode))
		if got := fmaMode(a, b, c, mode); !same(got, want) {
			t.Fatalf("fma(%x, %x, %x) in mode %d = %x, want %x", a, b, c, mode, got, want)
		}
		if got := fma32(a, b, c); mode == nearest && !same(got, want) {
			t.Fatalf("fma(%x, %x, %x) = %x, want %x", a, b, c, got, want)
		}
		if got, want := (exact32{float64(a) * float64(b), 0}).round(mode),
			roundExactly(product, mode, a*b); !same(got, want) {
			t.Fatalf("%x * %x in mode %d = %x, want %x", a, b, mode, got, want)
		}
		if b != 0 {
			want := roundExactly(new(big.Rat).Quo(rat(a), rat(b)), mode, a/b)
			if got := divMode(a, b, mode); !same(got, want) {
				t.Fatalf("%x / %x in mode %d = %x, want %x", a, b, mode, got, want)
			}
		}
	}
}

func TestSquareRootRounding(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 20000 {
		a := float32(math.Abs(float64(awkward(r))))
		down, up := sqrtMode(a, downward), sqrtMode(a, upward)
		square := func(v float32) int { return new(big.Rat).Mul(rat(v), rat(v)).Cmp(rat(a)) }
		if square(down) > 0 || square(up) < 0 || down != up && math.Nextafter32(down, up) != up || down != up &&
			square(down) == 0 {
			t.Fatalf("sqrt(%x) is between %x and %x", a, down, up)
		}
		near := sqrtMode(a, nearest)
		middle := new(big.Rat).Quo(new(big.Rat).Add(rat(down), rat(up)), big.NewRat(2, 1))
		want := up
		if new(big.Rat).Mul(middle, middle).Cmp(rat(a)) > 0 {
			want = down
		}
		if near != want {
			t.Fatalf("sqrt(%x) = %x, want %x", a, near, want)
		}
	}
}

// Every 16-bit float survives the conversion to float32 and back, and rounding picks the nearest of its neighbours.
func TestHalf(t *testing.T) {
	for h := range uint32(0x7c00) {
		x := halfValue(uint16(h))
		if got := halfBits(x, nearest); got != uint16(h) {
			t.Fatalf("%#04x is %g, which becomes %#04x", h, x, got)
		}
		next := halfValue(uint16(h + 1))
		if math.IsInf(next, 0) {
			next = 65536
		}
		middle := (x + next) / 2
		if got := halfBits(middle, nearest); uint32(got) != h+h&1 {
			t.Fatalf("between %#04x and the next: %#04x", h, got)
		}
		if got := halfBits(math.Nextafter(middle, 0), nearest); uint32(got) != h {
			t.Fatalf("below the middle of %#04x and the next: %#04x", h, got)
		}
		if got := halfBits(-math.Nextafter(middle, 1e9), nearest); uint32(got) != h+1|0x8000 {
			t.Fatalf("above the middle of %#04x and the next, negative: %#04x", h, got)
		}
	}
}
