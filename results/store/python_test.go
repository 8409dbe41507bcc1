package store

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"quantal/internal/pythontest"
	"quantal/kernels"
)

// reader is the Python function in the package documentation, so that the documented one is tested.
func reader(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("doc.go")
	check(t, err)
	_, code, _ := strings.Cut(string(text), "A reader in Python:\n//\n")
	code, _, found := strings.Cut(code, "//\n// Files of")
	if !found {
		t.Fatal("no reader in doc.go")
	}
	return strings.ReplaceAll(strings.ReplaceAll(code, "//\t", ""), "//\n", "\n")
}

// described is a tensor as Python sees it: shape, and bits in C order.
type described struct {
	Shape []int
	Bits  []uint32
}

const describe = `
import json, sys
import numpy as np

def describe(arrays):
    assert all(a.dtype == np.dtype("<f4") and a.flags.c_contiguous for a in arrays.values())
    return {n: {"Shape": a.shape, "Bits": a.ravel().view("<u4").tolist()} for n, a in arrays.items()}

`

func wantDescribed(t *testing.T, got map[string]described, want []Tensor) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%d tensors, want %d", len(got), len(want))
	}
	for _, w := range want {
		g := got[w.Name]
		if fmt.Sprint(g.Shape) != fmt.Sprint(w.Shape) {
			t.Errorf("%s: shape %v, want %v", w.Name, g.Shape, w.Shape)
		}
		data := make([]float32, len(g.Bits))
		for i, b := range g.Bits {
			data[i] = math.Float32frombits(b)
		}
		if !equalBits(data, w.Data) {
			t.Errorf("%s: data differ", w.Name)
		}
	}
}

func TestPythonReadsCheckpoints(t *testing.T) {
	var checkpoints []*Checkpoint
	var paths []string
	for sharing := kernels.PerSynapse; sharing <= kernels.NoNoise; sharing++ {
		c := filled(layoutOf(sharing, 17, 5, 3), 12, normal(1))
		c.State.Mu[0] = math.Float32frombits(0x7fa00001) // a signalling NaN with a payload
		path := filepath.Join(t.TempDir(), "c.safetensors")
		check(t, c.Write(path))
		checkpoints, paths = append(checkpoints, c), append(paths, path)
	}
	var read []struct {
		Tensors  map[string]described
		Metadata map[string]string
	}
	pythontest.Run(t, reader(t)+describe+`
files = [read(path) for path in sys.argv[1:]]
print(json.dumps([{"Tensors": describe(t), "Metadata": m} for t, m in files]))`, &read, paths...)
	for i, c := range checkpoints {
		var want []Tensor
		for _, p := range c.pieces() {
			want = append(want, p.gather(c.State))
		}
		wantDescribed(t, read[i].Tensors, want)
		for key, value := range map[string]string{"format": "quantal-checkpoint", "format_version": "1", "step": "12",
			"seed": "18446744073709551608", "layers": "17-5-3", "sharing": c.Layout.Sharing.String(),
			"graph": c.Graph, "driver": c.Driver} {
			if got := read[i].Metadata[key]; got != value {
				t.Errorf("metadata %s is %q, want %q", key, got, value)
			}
		}
	}
}

func TestPythonReadsNPZ(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.npz")
	want := append(filled(layoutOf(kernels.PerNeuron, 17, 5, 3), 12, normal(1)).Export(),
		Tensor{"cube", []int{2, 3, 2}, []float32{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, float32(math.NaN())}},
		Tensor{"number", nil, []float32{3}})
	check(t, WriteNPZ(path, want))
	var got map[string]described
	pythontest.Run(t, describe+"z = np.load(sys.argv[1])\nprint(json.dumps(describe({n: z[n] for n in z.files})))", &got,
		path)
	wantDescribed(t, got, want)
}
