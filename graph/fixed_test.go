package graph

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"quantal/kernels"
	"quantal/kernels/cpu"
	"quantal/kernels/cuda"
)

// fixedRun is a small training, or measurement, whose numbers may not change, with the start of the SHA-256 of its
// results.
type fixedRun struct {
	sizes      []int
	batch      int
	activation kernels.Activation
	sharing    kernels.Sharing
	likelihood kernels.Likelihood
	rho        [2]float64 // of two members
	rule       kernels.Rule

	portable, avx2, avx512, cuda string
}

func (f fixedRun) String() string {
	return fmt.Sprintf("%v %v, sigma per %v, %v, rho %.3g, %v", f.sizes, f.activation, f.sharing, f.likelihood, f.rho,
		f.rule)
}

// fixedRuns have all sharings, likelihoods, rules, activations and exponents that have their own code, and 0 to 3
// hidden layers. If a change of the arithmetic is intended, the failing test prints the new sums, and how
// far the new numbers are from the old. With the new sums in place, go test ./graph -run TestFixedRuns -keep writes the
// numbers down.
var fixedRuns = []fixedRun{
	{[]int{19, 4}, 5, kernels.Linear, kernels.PerSynapse, kernels.Categorical, [2]float64{0, 0.5}, kernels.DefaultAdam(),
		"f7b03351eae407a6", "8a2b8aad1901e091", "6538eeb09705b13e", "00325c0d21ca001f"},
	{[]int{70, 9, 5}, 20, kernels.ReLU, kernels.PerSynapse, kernels.Categorical, [2]float64{1, 2}, kernels.DefaultAdam(),
		"7cdbc86f3df9d22b", "20046ee4cf2d6054", "1eacfb877b7b669d", "b342007e5c5b8922"},
	{[]int{150, 18, 7, 3}, 21, kernels.Tanh, kernels.PerSynapse, kernels.Gaussian, [2]float64{4. / 3, 2},
		kernels.DefaultAdam(),
		"484ec6380663629f", "cad1558e5c8c420a", "c2f3e031d241f00e", "d808df66fe51b7a2"},
	{[]int{33, 8, 9, 6, 4}, 7, kernels.ReLU, kernels.PerNeuron, kernels.Categorical, [2]float64{2, 2. / 3},
		kernels.DefaultAdam(),
		"093c37169b48b9e8", "3c09b58e07665d91", "0fc00aaecb7133fa", "acbe0356ae95e0ad"},
	{[]int{20, 30, 3}, 6, kernels.Linear, kernels.PerLayer, kernels.Gaussian, [2]float64{0, 1}, kernels.DefaultAdam(),
		"6999446f4433baa2", "31914f3a183d85a3", "64943df2d74f4b64", "c0090435df032c59"},
	{[]int{140, 12, 4}, 20, kernels.ReLU, kernels.PerNetwork, kernels.Categorical, [2]float64{0.5, 2},
		kernels.DefaultAdam(),
		"8fa7bcd44eec5ed5", "1975c432c12638f9", "dbbb76e646d7b3e2", "6eefac233ea57ef6"},
	{[]int{17, 5, 3}, 9, kernels.Tanh, kernels.NoNoise, kernels.Categorical, [2]float64{2, 2}, kernels.DefaultAdam(),
		"abeaa69a202a77b5", "053a25c9804b2d4a", "24f7375f024f3fc7", "4c287ed4e6649554"},
	{[]int{40, 20, 4}, 10, kernels.ReLU, kernels.PerSynapse, kernels.Categorical, [2]float64{2, 1},
		kernels.Langevin{Delay: 10, Decay: 0.6},
		"e1423b13566c9be1", "00cef403d4ae290b", "43a0aa240ea7dc73", "3c5baefe2bc98de7"},
	{[]int{40, 15, 4}, 10, kernels.ReLU, kernels.PerSynapse, kernels.Categorical, [2]float64{2, 1}, kernels.Accumulate{},
		"8f3a355b952955f9", "6fc4a2a59d641afb", "84add0e1c21fbdac", "08a9bc90f8bd44aa"},
	{[]int{24, 6, 5, 2}, 8, kernels.Tanh, kernels.PerLayer, kernels.Gaussian, [2]float64{2, 0},
		kernels.Accumulate{AtMu: true},
		"3f23307079eaa183", "cc1bc197c3d23c65", "4137ed1160ce69b5", "4ae31c2ddb089cc2"},
}

// TestFixedRuns compares the results of fixed runs with those recorded when they were written, to the bit.
func TestFixedRuns(t *testing.T) {
	if *keep {
		t.Cleanup(func() { writeKept(t) })
	}
	for _, f := range fixedRuns {
		t.Run(f.String(), func(t *testing.T) {
			t.Parallel()
			for set, want := range map[string]string{
				"portable": f.portable, "avx2": f.avx2, "neon": f.avx2, "avx512": f.avx512,
			} {
				if slices.Contains(cpu.KernelSets(), set) {
					f.check(t, set, want, func(p *kernels.Program, m []kernels.Member, d *kernels.Data) (kernels.VM, error) {
						return cpu.OpenWith(set, p, m, d, 2)
					})
				}
			}
			f.check(t, "cuda", f.cuda, func(p *kernels.Program, m []kernels.Member, d *kernels.Data) (kernels.VM, error) {
				return cuda.OpenOn(cuda.Interpreted(1<<30), p, m, d)
			})
		})
	}
}

// check runs three steps, which end within the second epoch.
func (f fixedRun) check(t *testing.T, machine, want string,
	open func(*kernels.Program, []kernels.Member, *kernels.Data) (kernels.VM, error),
) {
	t.Helper()
	random := rand.New(rand.NewPCG(1, 2))
	uniform := func(low, high float64) float32 { return float32(low + (high-low)*random.Float64()) }
	data := &kernels.Data{N: 2*f.batch + 1, Width: f.sizes[0], Scale: 0.012, Shift: -0.4, Order: turned}
	outputs := f.sizes[len(f.sizes)-1]
	for range data.N * data.Width {
		if f.likelihood == kernels.Categorical {
			data.Bytes = append(data.Bytes, byte(random.IntN(256)))
		} else {
			data.Floats = append(data.Floats, uniform(-1, 1))
		}
	}
	for range data.N {
		if f.likelihood == kernels.Categorical {
			data.Labels = append(data.Labels, byte(random.IntN(outputs)))
			continue
		}
		for range outputs {
			data.Targets = append(data.Targets, uniform(-1, 1))
		}
	}
	var left []keptTensor
	for i, rho := range f.rho {
		program, err := CompileSpec(Spec{
			Sizes: f.sizes, Batch: f.batch, Activation: f.activation, Sharing: f.sharing, Likelihood: f.likelihood,
			Costs: costsFor(rho, f.sharing),
		}, f.rule)
		if err != nil {
			t.Fatal(err)
		}
		vm, err := open(program, []kernels.Member{{
			Seed: 7<<40 + uint64(i), C: 0.3, Rho: rho, Lambda: 0.2, LearningRate: 2e-3, NoiseVariance: 0.3,
			Temperature: 0.01 * float64(i+1),
		}}, data)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = vm.Close() }()
		s := kernels.NewState(program.Layout, 0)
		eachSynapse(program.Layout, func(slot, phi int) {
			s.Mu[slot] = uniform(-0.4, 0.4)
			if phi >= 0 {
				s.Phi[phi] = float32(kernels.SoftplusInverse(float64(uniform(0.05, 0.4))))
			}
		})
		if err := vm.Load(0, s); err != nil {
			t.Fatal(err)
		}
		progress, err := vm.Run(context.Background(), 0, 3)
		if err != nil {
			t.Fatal(err)
		}
		if progress[0].Diverged != nil {
			t.Fatal(progress[0].Diverged)
		}
		of := fmt.Sprintf(" of network %d", i)
		left = append(left, keepTensor("losses"+of, progress[0].Losses))
		if s, err = vm.State(0); err != nil {
			t.Fatal(err)
		}
		left = append(left, keepTensor("mu"+of, s.Mu), keepTensor("phi"+of, s.Phi))
		switch f.rule.(type) {
		case kernels.Adam:
			for j, moments := range slices.Concat(s.MuMoments, s.PhiMoments) {
				left = append(left, keepTensor([]string{"mu.m", "mu.v", "phi.m", "phi.v"}[j]+of, moments))
			}
		case kernels.Accumulate:
			sums, err := vm.Sums(0)
			if err != nil {
				t.Fatal(err)
			}
			left = append(left, keepTensor("sums of g"+of, sums.Gradient), keepTensor("sums of |g|"+of, sums.Magnitude),
				keepTensor("sums of g^2"+of, sums.Square), keepTensor("sums of g^2 of examples"+of, sums.ExampleSquare))
			for l, in := range sums.Inputs {
				left = append(left, keepTensor(fmt.Sprintf("sums of |x| of layer %d%s", l, of), in.Magnitude))
				left = append(left, keepTensor(fmt.Sprintf("sums of x^2 of layer %d%s", l, of), in.Square))
			}
		}
	}
	h := sha256.New()
	for _, x := range left {
		h.Write(x.bytes)
	}
	got := hex.EncodeToString(h.Sum(nil))[:16]
	if *keep && got == want {
		kept.Store(want, left)
		return
	}
	if list := differences(t, want, left); got != want || list != "" {
		t.Errorf("%s: the sum is %s, want %s%s", machine, got, want, list)
	}
}

// keep says to write what differences reads, once the sums in fixedRuns are right.
var keep = flag.Bool("keep", false, "write testdata/fixed.json")

const keptFile = "testdata/fixed.json"

var kept sync.Map // tensors by the sum of their run

// readKept returns the tensors of the file by the sum of their run.
func readKept(t *testing.T) map[string][]keptTensor {
	text, err := os.ReadFile(keptFile)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]keptTensor{}
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatalf("%s: %v", keptFile, err)
	}
	return all
}

// writeKept replaces the runs of the file that this machine can make, and drops those that no longer exist.
func writeKept(t *testing.T) {
	old, all := readKept(t), map[string][]keptTensor{}
	for _, f := range fixedRuns {
		for _, run := range []string{f.portable, f.avx2, f.avx512, f.cuda} {
			if left, ok := kept.Load(run); ok {
				all[run] = left.([]keptTensor)
			} else {
				all[run] = old[run]
			}
		}
	}
	text, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.NewReplacer("},{", "},\n{", ":[{", ":[\n{").Replace(string(text)) // one for each tensor
	if err := os.WriteFile(keptFile, []byte(lines+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
}

// keptTensor is what is kept of the numbers that a run leaves in one place, to say how far later ones are from them.
type keptTensor struct {
	Name  string
	Sum   string    // start of the SHA-256
	Parts [4]digits // sums over quarters
	Size  digits    // sum of the absolute values
	bytes []byte
}

// digits is a number of which eight digits are written.
type digits float64

func (d digits) MarshalJSON() ([]byte, error) {
	return strconv.AppendFloat(nil, float64(d), 'g', 8, 64), nil
}

func keepTensor[T float32 | float64](name string, numbers []T) keptTensor {
	x := keptTensor{Name: name}
	for i, v := range numbers {
		x.Parts[len(x.Parts)*i/len(numbers)] += digits(v)
		x.Size += digits(math.Abs(float64(v)))
	}
	x.bytes, _ = binary.Append(nil, binary.LittleEndian, numbers) // fails on other types only
	sum := sha256.Sum256(x.bytes)
	x.Sum = hex.EncodeToString(sum[:4])
	return x
}

// differences says which tensors of a run differ from those that were kept, and by how much.
func differences(t *testing.T, run string, left []keptTensor) string {
	kept := readKept(t)[run]
	if len(kept) != len(left) {
		return fmt.Sprintf(" (%d tensors, %d in %s)", len(left), len(kept), keptFile)
	}
	var list strings.Builder
	for i, x := range left {
		old := kept[i]
		if x.Sum == old.Sum {
			continue
		}
		worst := 0.0
		for j, v := range x.Parts {
			worst = max(worst, math.Abs(float64(v-old.Parts[j])))
		}
		fmt.Fprintf(&list, "\n\t%s: sums over quarters differ by up to %.1g of their mean size", x.Name,
			worst/(float64(old.Size)/float64(len(x.Parts))))
	}
	return list.String()
}

// turned is some order of the examples for each seed and epoch.
func turned(dst []int32, seed uint64, epoch int) {
	for i := range dst {
		dst[i] = int32((uint64(i) + 3*seed + 2*uint64(epoch)) % uint64(len(dst)))
	}
}

// eachSynapse calls f with the slots of every synapse: of its mu, and of its phi at its first occurrence, else -1.
func eachSynapse(l kernels.Layout, f func(mu, phi int)) {
	met := map[int]bool{}
	for i, layer := range l.Layers {
		for r := range layer.Out {
			for k := range layer.Columns() {
				phi := -1
				if at := l.PhiOffset(i) + layer.PhiIndex(l.Sharing, r, k); l.Sharing != kernels.NoNoise && !met[at] {
					met[at], phi = true, at
				}
				f(l.Offset(i)+r*layer.Stride()+k, phi)
			}
		}
	}
}
