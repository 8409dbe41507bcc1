package cpu

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"testing"

	"quantal/kernels"
)

// digest is of numbers that are none of them NaN, whose bits processors choose.
type digest struct{ bytes []byte }

func (d *digest) add(of ...any) {
	for _, x := range of {
		var err error
		if d.bytes, err = binary.Append(d.bytes, binary.LittleEndian, x); err != nil {
			panic(err)
		}
	}
}

func (d *digest) String() string { return fmt.Sprintf("%x", sha256.Sum256(d.bytes))[:16] }

// between fills aligned memory with numbers from low up, n/1024 steps of size step: they are exact, so that they are
// the same on processors whose Go fuses products and sums.
func between(n int, seed uint32, low, step float32) []float32 {
	x := aligned(n)
	for i := range x {
		seed = seed*1664525 + 1013904223
		x[i] = low + float32(seed>>22)*step // step is a power of two and low has few digits: no rounding
	}
	return x
}

// The sets avx2 and neon have the same operations in the same order: each kernel writes the same bytes.
func TestNEONHasTheBytesOfAVX2(t *testing.T) {
	at := slices.IndexFunc(available(), func(s *kernelSet) bool { return s.name == "avx2" || s.name == "neon" })
	if at < 0 {
		t.Skip("neither avx2 nor neon")
	}
	set := available()[at]
	l := kernels.Layer{In: 75, Out: 23} // tiles of all sizes
	const batch = 13
	width := kernels.Stride(l.Out)
	x, y := between(batch*l.Stride(), 1, -1, 0x1p-9), between(batch*width, 2, -1, 0x1p-9)
	mu, phi := between(l.Slots(), 3, -1, 0x1p-9), between(l.Slots(), 4, -9, 0x1p-6)
	got := map[string]string{}
	sum := func(name string, of ...any) {
		var d digest
		d.add(of...)
		got[name] = d.String()
	}
	noise := kernels.Noise{Seed: 5, Layer: 3, Step: 7}
	for _, rho := range []float32{0, 0.5, 1, 2, 3.1} {
		d := &drawing{Layer: l, noise: noise, keys: noise.Keys(), mu: mu, phi: phi,
			costs: kernels.Slopes[float32]{Reliability: 0.3, Rho: rho}, slope: aligned(l.Slots()), cost: aligned(l.Slots()),
			sigma: between(l.Slots(), 6, 0, 0x1p-10)}
		w, shared, again, variance := aligned(l.Slots()), aligned(l.Slots()), aligned(l.Slots()), aligned(l.Slots())
		set.sample(d, w, 0, l.Out)
		slope, cost := slices.Clone(d.slope), slices.Clone(d.cost)
		set.sampleShared(d, shared, 0, l.Out, 0.3)
		set.redraw(d, again, 0, l.Out)
		set.variances(d, variance, 0, l.Out)
		sum(fmt.Sprintf("draw rho %v", rho), w, slope, cost, shared, again, variance, d.slope, d.cost)
	}
	for _, a := range []kernels.Activation{kernels.Linear, kernels.ReLU} {
		p := &product{Layer: l, batch: batch, activation: a}
		out, dx := aligned(batch*width), aligned(batch*l.Stride())
		set.forward(p, out, x, mu, 0, l.Out)
		set.backward(p, dx, x, y, mu, 0, batch)
		sum(fmt.Sprintf("product %v", a), out, dx)
	}
	for _, rule := range kernels.Movers() {
		for _, sharing := range []kernels.Sharing{kernels.PerSynapse, kernels.PerNetwork, kernels.NoNoise} {
			param := func(seed uint32) kernels.Param[float32] {
				p := kernels.Param[float32]{Values: between(l.Slots(), seed, -1, 0x1p-9)}
				for i := range rule.Moments() {
					p.Moments[i] = between(l.Slots(), seed+1+uint32(i), 0, 0x1p-10)
				}
				return p
			}
			update := func(name string, more func(u *updating)) {
				u := &updating{Layer: l, batch: batch, sharing: sharing, x: x, dy: y,
					row:   kernels.Row[float32]{Mu: param(10), Phi: param(20)},
					slope: between(l.Slots(), 30, -1, 0x1p-9), cost: between(l.Slots(), 31, -1, 0x1p-9),
					sums: make([]float64, l.Out)}
				u.numbers = [...]float32{0.9, 0.1, 0.99, 0.01, 0.125, 1.5, 1e-8, 0.7, -0.7, 0.01, 1e38}
				more(u)
				bad := !set.update[rule.Name()](u, newScratch(l), 0, l.Out)
				of := []any{bad, u.sums}
				for _, p := range []kernels.Param[float32]{u.row.Mu, u.row.Phi} {
					of = append(of, p.Values, p.Moments[0], p.Moments[1])
				}
				sum(fmt.Sprintf("update %s, sigma per %v", rule.Name(), sharing)+name, of...)
			}
			update("", func(*updating) {})
			priced := func(u *updating) { u.price = between(l.Slots(), 32, -1, 0x1p-9) }
			update(", priced", priced)
			if sharing == kernels.PerSynapse {
				perExample := func(u *updating) {
					u.xSquares, u.dv = between(batch*l.Stride(), 33, 0, 0x1p-10), between(batch*width, 34, -1, 0x1p-9)
				}
				update(", per example", perExample)
				update(", per example, priced", func(u *updating) { perExample(u); priced(u) })
			}
		}
	}
	for _, cells := range []int{1, 8} {
		d := &kernels.Diffusion[float32]{Low: 0.125, High: 2, PerUnit: float32(cells) / 2}
		c := between(4*cells, 60, -0.25, 0x1p-11)
		for i := range cells {
			d.Cells = append(d.Cells, kernels.DiffusionCell[float32]{Drift: c[4*i], DriftSlope: c[4*i+1], Noise: 0.5 + c[4*i+2],
				NoiseSlope: c[4*i+3]})
		}
		w, sites, born := between(256, 61, 0.125, 0x1p-10), between(256, 62, 0.125, 0x1p-10), make([]uint32, 256)
		clear(sites[:60])
		set.advance(d, w, noise, 128, 3)
		turnover := kernels.Turnover[float32]{Birth: 0.25, Smallest: 0.25, Spread: 0.5}
		births, losses := set.advanceSites(d, turnover, sites, born, noise, 128, 3)
		sum(fmt.Sprintf("diffusion, %d cells", cells), w, sites, born, int64(births), int64(losses))
	}
	u := newSumming(l, batch)
	u.x, u.dy = x, y
	set.squares(u.dySquares, u.dy)
	set.sumInputs(u, 0, l.Stride())
	set.sum(u, newScratch(l), 0, l.Out)
	sum("sum", u.xSquares, u.dySquares, u.sums.Gradient, u.sums.Magnitude, u.sums.Square, u.sums.ExampleSquare,
		u.inputs.Magnitude, u.inputs.Square)
	var formulas digest
	for _, o := range set.operations {
		if o == nil {
			continue
		}
		n := 256
		dst := aligned(n)
		of := func(seed uint32) *float32 { return &between(n, seed, 0x1p-6, 0x1p-8)[0] }
		o(&dst[0], of(40), of(41), of(42), of(43), 1, 1, 1, 1, n)
		formulas.add(dst)
	}
	got["formulas"] = formulas.String()
	for _, a := range []kernels.Activation{kernels.LeakyReLU, kernels.Sigmoid, kernels.SoftplusActivation, kernels.GELU} {
		v, slope := between(1024, 50, -8, 0x1p-6), aligned(1024)
		set.activate(a, v, slope)
		d := between(1024, 51, -1, 0x1p-9)
		set.gradient(a, d, v)
		sum(fmt.Sprintf("activation %v", a), v, slope, d)
	}
	for name, want := range bytesOfAVX2 {
		if got[name] != want {
			t.Errorf("%s: %s writes %s, want %s", name, set.name, got[name], want)
		}
	}
	if len(got) != len(bytesOfAVX2) {
		t.Errorf("%d sums, want %d: %v", len(got), len(bytesOfAVX2), got)
	}
}

// bytesOfAVX2 is the start of the SHA-256 of what avx2 writes.
var bytesOfAVX2 = map[string]string{
	"activation gelu":                        "681170066b89aea6",
	"activation leaky-relu":                  "f1a18971ef4dfad4",
	"activation sigmoid":                     "3b8feca46fe6ece9",
	"activation softplus":                    "b80a7157719fabd2",
	"diffusion, 1 cells":                     "7fa865e793f2ce93",
	"diffusion, 8 cells":                     "e15270e7bbb3230c",
	"draw rho 0":                             "b19ce0791a6c5e9b",
	"draw rho 0.5":                           "73ce2d9755faf25a",
	"draw rho 1":                             "37348455409321ef",
	"draw rho 2":                             "92048eac1a08f640",
	"draw rho 3.1":                           "45eda023516dd8b8",
	"formulas":                               "f0fc16af8acaaead",
	"product linear":                         "4461a7749a3ed8c5",
	"product relu":                           "0c249234ec2f908a",
	"sum":                                    "373ef937eb2748bb",
	"update adam, sigma per network":         "51708ea7d0dfd746",
	"update adam, sigma per network, priced": "b3af5681c20c9ede",
	"update adam, sigma per none":            "4f9d4d50a683d4b6",
	"update adam, sigma per none, priced":    "803bcd3b792ad728",
	"update adam, sigma per synapse":         "b15b4971145a5ff7",
	"update adam, sigma per synapse, per example":             "3057f44dfe82d7bc",
	"update adam, sigma per synapse, per example, priced":     "210afc20860c3908",
	"update adam, sigma per synapse, priced":                  "12289d1746fd66c7",
	"update momentum, sigma per network":                      "9394857fbe68b04f",
	"update momentum, sigma per network, priced":              "308743aed27cd68a",
	"update momentum, sigma per none":                         "fb39adb6147a532f",
	"update momentum, sigma per none, priced":                 "5f6e9f3db37371ad",
	"update momentum, sigma per synapse":                      "c4fa4a2e931f15eb",
	"update momentum, sigma per synapse, per example":         "75e7c96ef0fc07cc",
	"update momentum, sigma per synapse, per example, priced": "364258d7d37ec696",
	"update momentum, sigma per synapse, priced":              "306795cc4645a727",
	"update rmsprop, sigma per network":                       "5d93e4abc871f2ba",
	"update rmsprop, sigma per network, priced":               "5840c8e1b7a7e4a3",
	"update rmsprop, sigma per none":                          "6ec8fb2dd90b16f5",
	"update rmsprop, sigma per none, priced":                  "5a7cf001290c3a0f",
	"update rmsprop, sigma per synapse":                       "edde57451d0342f3",
	"update rmsprop, sigma per synapse, per example":          "abc188a946fb9c0c",
	"update rmsprop, sigma per synapse, per example, priced":  "4f07c1eec57b8482",
	"update rmsprop, sigma per synapse, priced":               "32cfe9a5a188ed5c",
	"update sgd, sigma per network":                           "cdb59ad58cd83523",
	"update sgd, sigma per network, priced":                   "7179a496bf4d5f23",
	"update sgd, sigma per none":                              "49df4f56412fdb59",
	"update sgd, sigma per none, priced":                      "3697ea6b947da675",
	"update sgd, sigma per synapse":                           "3fc6702a4055f85c",
	"update sgd, sigma per synapse, per example":              "0650edb78fcc722e",
	"update sgd, sigma per synapse, per example, priced":      "c2c169c5133b5ff1",
	"update sgd, sigma per synapse, priced":                   "64ec7e9004a3ea2d",
}
