package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"quantal/internal/pythontest"
	"quantal/internal/stripes"
	"quantal/mnist"
)

// forward is how a user would run an exported network in numpy, on the test images of an IDX folder.
const forward = `
import json, sys
import numpy as np

folder, export = sys.argv[1:]
raw = open(folder + "/t10k-images-idx3-ubyte", "rb").read()
n, rows, columns = np.frombuffer(raw[4:16], ">u4")
images = np.frombuffer(raw[16:], np.uint8).reshape(n, rows * columns)
labels = np.frombuffer(open(folder + "/t10k-labels-idx1-ubyte", "rb").read()[8:], np.uint8)
net = np.load(export)
h = ((images / 255 - net["pixel_mean"]) / net["pixel_sd"]).astype(np.float32)
layers = len(net.files) // 4
for i in range(layers):
    h = h @ net[f"layer{i}.weight.mu"].T + net[f"layer{i}.bias.mu"]
    if i < layers - 1:
        h = np.maximum(h, 0)
print(json.dumps({"correct": int((h.argmax(1) == labels).sum()), "sigma": float(np.sqrt(np.mean(
    np.concatenate([net[f"layer{i}.weight.sigma"].ravel() for i in range(layers)]).astype(float) ** 2)))}))
`

// A forward pass in numpy with the exported means gives accuracy_mean to the last image, and the exported sigma gives
// sigma_rms, for any normalisation of pixels. The digits here are grey, so that it matters.
func TestNumpyReproducesAccuracyMean(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	if err := writeGlyphs(data, 6000, func(x byte) byte { return 40 + x/2 }); err != nil {
		t.Fatal(err)
	}
	for _, normalise := range []string{"", "mnist", "none", "0.4,0.2"} {
		t.Run(normalise, func(t *testing.T) { numpyReproducesAccuracyMean(t, data, normalise) })
	}
}

func numpyReproducesAccuracyMean(t *testing.T, data, normalise string) {
	dir := t.TempDir()
	out, export := filepath.Join(dir, "run"), filepath.Join(dir, "net.npz")
	command := func(args ...string) {
		t.Helper()
		devnull, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer devnull.Close()
		if code := run(append([]string{"quantal"}, args...), devnull, devnull); code != 0 {
			t.Fatalf("quantal %v: exit status %d", args, code)
		}
	}
	args := []string{"train", "--data", data, "--epochs", "1", "--lr", "1e-3", "--sigma-init", "0.05", "--c", "0.001",
		"--draws", "0", "--out", out}
	if normalise != "" {
		args = append(args, "--normalise", normalise)
	}
	command(args...)
	command("export", out, "--out", export)

	var summary struct {
		AccuracyMean float64 `json:"accuracy_mean"`
		SigmaRMS     float64 `json:"sigma_rms"`
		Test         int     `json:"test_examples"`
	}
	raw, err := os.ReadFile(filepath.Join(out, "summary.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &summary); err != nil {
		t.Fatal(err)
	}
	var numpy struct {
		Correct int
		Sigma   float64
	}
	pythontest.Run(t, forward, &numpy, data, export)
	if want := int(summary.AccuracyMean*float64(summary.Test) + 0.5); numpy.Correct != want {
		t.Errorf("numpy has %d images right, accuracy_mean says %d of %d", numpy.Correct, want, summary.Test)
	}
	if summary.AccuracyMean < 0.3 || summary.AccuracyMean > 0.999 {
		t.Errorf("accuracy_mean is %v: a network that is always or never right proves little", summary.AccuracyMean)
	}
	if r := numpy.Sigma / summary.SigmaRMS; r < 1-1e-6 || r > 1+1e-6 {
		t.Errorf("numpy has sigma_rms %v, the summary %v", numpy.Sigma, summary.SigmaRMS)
	}
}

// writeGlyphs writes the built-in digits as IDX files, with the first train training images, and pixels changed by a
// function.
func writeGlyphs(dir string, train int, shown func(byte) byte) error {
	glyphs := mnist.Glyphs()
	for _, images := range [][]byte{glyphs.Train.Images, glyphs.Test.Images} {
		for i, x := range images {
			images[i] = shown(x)
		}
	}
	glyphs.Train = glyphs.Train.Slice(0, train)
	return stripes.Write(dir, glyphs)
}

// The example in the README reads a grid that `quantal grid export` wrote, and prints a line per network with its
// numbers.
func TestREADMEsPythonReadsAnExportedGrid(t *testing.T) {
	readme, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, code, _ := strings.Cut(string(readme), "```python\nimport numpy as np\ngrid = ")
	code, _, found := strings.Cut(code, "```")
	if !found {
		t.Fatal("no example in the README")
	}
	python := pythontest.Find(t)
	t.Chdir(t.TempDir())
	if err := writeDataset("digits", 600, 60, 8, 8, 4); err != nil {
		t.Fatal(err)
	}
	for _, args := range []string{
		"grid --data digits --hidden 16 --epochs 1 --draws 0 --sigma-init 0.05 --c 1e-3,1e-4 --rho 1/2 --noise " +
			"heterogeneous,none --seeds 1-2 --out grid",
		"grid export grid --what sigma --out grid.npz", "tables grid",
	} {
		if code := run(append([]string{"quantal"}, strings.Fields(args)...), io.Discard, io.Discard); code != 0 {
			t.Fatalf("quantal %s: exit status %d", args, code)
		}
	}
	out, err := exec.Command(python, "-c", "import numpy as np\ngrid = "+code).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	raw, err := os.ReadFile("grid/table.csv")
	if err != nil {
		t.Fatal(err)
	}
	table, err := csv.NewReader(bytes.NewReader(raw)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var want []string // the heterogeneous rows in the order of c, then seed, as they are in the table
	for _, row := range table[1:] {
		cell := func(name string) string { return row[slices.Index(table[0], name)] }
		if cell("noise") != "heterogeneous" {
			continue
		}
		c, _ := strconv.ParseFloat(cell("c"), 64)
		accuracy, _ := strconv.ParseFloat(cell("accuracy_sampled"), 64)
		want = append(want, fmt.Sprintf("rho 1/2, c %g, seed %s: %.2f %%,", c, cell("seed"), 100*accuracy))
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if len(lines) != 4 || len(want) != 4 {
		t.Fatalf("the example printed\n%s", out)
	}
	for i, line := range lines {
		if !strings.HasPrefix(line, want[i]) || !strings.Contains(line, "median 0.0") {
			t.Errorf("line %q, want %q", line, want[i])
		}
	}
}
