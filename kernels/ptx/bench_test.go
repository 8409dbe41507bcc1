package ptx

import (
	"math"
	"testing"
)

// Sizes of the published preset: 784-100-100-10, minibatches of 20.
const (
	benchInputs   = 784
	benchExamples = 20
	benchSynapses = 92320
)

func benchLaunch(b *testing.B, g gpu, file, kernel string, grid, block [3]int, args ...any) {
	k, err := load(b, file).Kernel(kernel)
	if err != nil {
		b.Fatal(err)
	}
	before := g.Stats().Instructions
	for b.Loop() {
		if err := g.Launch(k, Launch{Grid: grid, Block: block, Args: args}); err != nil {
			b.Fatal(err)
		}
	}
	done := g.Stats().Instructions - before
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(done), "ns/thread-instruction")
	b.ReportMetric(float64(done)/float64(b.N), "thread-instructions/op")
}

func filled(n int, v float32) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = v
	}
	return x
}

// The parts of one training step of the published preset. A step is Sample, three times Product (forward, and backward
// to weights and inputs) and Update, so their sum is about a step.

func BenchmarkSample(b *testing.B) {
	g := gpu{NewMachine(), b}
	w := g.upload(randomFloats(benchSynapses))
	benchLaunch(b, g, "step.ptx", "sample", d1((benchSynapses/4+255)/256), d1(256), w, w,
		g.upload(filled(benchSynapses, -3)), int32(benchSynapses), uint32(1))
}

func BenchmarkProduct(b *testing.B) {
	g := gpu{NewMachine(), b}
	benchLaunch(b, g, "tile.ptx", "matmul", [3]int{(115 + 15) / 16, 2, 1}, [3]int{16, 16, 1},
		g.upload(make([]float32, benchExamples*115)), g.upload(randomFloats(benchExamples*benchInputs)),
		g.upload(randomFloats(benchInputs*115)),
		int32(benchExamples), int32(115), int32(benchInputs))
}

func BenchmarkUpdate(b *testing.B) {
	g := gpu{NewMachine(), b}
	const n = benchInputs * 116
	benchLaunch(b, g, "step.ptx", "update", d1((n/4+255)/256), d1(256), g.upload(randomFloats(n)), g.upload(filled(n, -3)),
		g.upload(make([]float32, 4*n)),
		g.upload(randomFloats(benchExamples*benchInputs)), g.upload(randomFloats(benchExamples*116)), int32(benchInputs),
		int32(n), uint32(1))
}

// An empty launch of 8 blocks of 256 threads.
func BenchmarkLaunch(b *testing.B) {
	g := gpu{NewMachine(), b}
	w := g.upload(make([]float32, 4))
	benchLaunch(b, g, "step.ptx", "sample", d1(8), d1(256), w, w, w, int32(0), uint32(1))
}

func BenchmarkParse(b *testing.B) {
	for b.Loop() {
		load(b, "math.ptx")
	}
}

// The sampled weights have the right moments: the benchmark's kernel does what it says.
func TestSampledWeights(t *testing.T) {
	m := load(t, "step.ptx")
	g := newGPU(t)
	const n = 20000
	w := make([]float32, n)
	out := g.upload(w)
	g.launch(m, "sample", d1((n/4+255)/256), d1(256), 0, out, g.upload(filled(n, 0.5)), g.upload(filled(n, -3)), int32(n),
		uint32(9))
	g.download(out, w)
	var sum, sum2 float64
	for _, v := range w {
		sum += float64(v) - 0.5
		sum2 += (float64(v) - 0.5) * (float64(v) - 0.5)
	}
	sigma := math.Log1p(math.Exp(-3))
	close32(t, "mean", sum/n, 0, 4*sigma/math.Sqrt(n))
	close32(t, "variance over sigma^2", sum2/n/(sigma*sigma), 1, 4*math.Sqrt(2.0/n))
}
