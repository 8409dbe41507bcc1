package kernels

import (
	"encoding/json"
	"math"
	"testing"

	"quantal/internal/pythontest"
)

// The package for Python draws the same words, and the same normals to the rounding: in every stream and layer, in rows
// that end anywhere in a block.
func TestPythonDrawsTheSameNoise(t *testing.T) {
	type layer struct {
		Noise
		Rows, Columns int
	}
	layers := []layer{
		{Noise{}, 3, 1},
		{Noise{Seed: 1, Stream: StreamTrain, Layer: 2, Step: 17}, 4, 17},
		{Noise{Seed: 0xfedcba9876543210, Stream: StreamEvaluation, Layer: 1, Step: 1 << 31, Draw: 1<<32 - 1}, 2, 64},
		{Noise{Seed: 7 << 33, Stream: StreamAnalysis, Layer: 65535, Draw: 3 << 24}, 5, 65},
		{Noise{Seed: 42, Stream: StreamEvaluation, Step: 600, Draw: 499}, 100, 785},
	}
	arguments, err := json.Marshal(layers)
	if err != nil {
		t.Fatal(err)
	}
	var python []struct {
		Words   [4]uint32 // of block 5
		Normals [][]float64
	}
	pythontest.Run(t, `
import json, sys
from quantal import noise

print(json.dumps([{
    "Words": [int(w) for w in noise.philox((5, l["Step"], l["Stream"] << 16 | l["Layer"], l["Draw"]),
                                           (l["Seed"] & 0xffffffff, l["Seed"] >> 32))],
    "Normals": noise.normals(*[l[x] for x in "Seed Stream Layer Step Draw Rows Columns".split()]).tolist(),
} for l in json.loads(sys.argv[1])]))`, &python, string(arguments))
	for i, l := range layers {
		if want := l.Words(5); python[i].Words != want {
			t.Errorf("%+v: the words of block 5 are %x, want %x", l, python[i].Words, want)
		}
		if len(python[i].Normals) != l.Rows {
			t.Fatalf("%+v: %d rows", l, len(python[i].Normals))
		}
		xi := make([]float32, l.Columns)
		for r, row := range python[i].Normals {
			if len(row) != l.Columns {
				t.Fatalf("%+v: %d columns", l, len(row))
			}
			Normals(xi, l.Noise, r)
			for k, x := range row {
				// A few units in the last place of the radius, at most 5.9.
				if d := math.Abs(x - float64(xi[k])); !(d < 2e-6) {
					t.Fatalf("%+v: row %d, column %d is %v, want %v", l, r, k, x, xi[k])
				}
			}
		}
	}
}
