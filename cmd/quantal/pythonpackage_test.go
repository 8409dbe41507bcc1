package main

import (
	"encoding/binary"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"quantal/internal/pythontest"
	"quantal/internal/stripes"
	"quantal/kernels"
	"quantal/mnist"
	"quantal/results/store"
)

// quantalDo runs commands, one a line.
func quantalDo(t *testing.T, lines ...string) {
	t.Helper()
	for _, line := range lines {
		var stderr strings.Builder
		if code := run(append([]string{"quantal"}, strings.Fields(line)...), io.Discard, &stderr); code != 0 {
			t.Fatalf("quantal %s: exit status %d\n%s", line, code, stderr.String())
		}
	}
}

// The data of these tests: a row of the first layer is longer than a group of 64 columns, and the last group of the
// test set has 10 images only.
const trainSmall = " --data digits --hidden 70x20 --epochs 1 --batch 10 --lr 1e-2 --sigma-init 0.3 --mu-init 0.3 " +
	"--c 1e-4"

func smallData(t *testing.T) {
	t.Helper()
	t.Chdir(t.TempDir())
	if err := writeDataset("digits", 300, 210, 8, 9, 5); err != nil {
		t.Fatal(err)
	}
}

// writeFloats writes the data of smallData as tables of floats, in columns of different sizes.
func writeFloats(dir string) error {
	set := stripes.Set(300, 210, 8, 9, 5)
	if err := stripes.Write(dir, set); err != nil { // for the labels
		return err
	}
	for prefix, e := range map[string]mnist.Examples{"train": set.Train, "t10k": set.Test} {
		raw := []byte{0, 0, 13, 2}
		raw = binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(raw, uint32(e.N())), 72)
		for i, x := range e.Images {
			raw = binary.BigEndian.AppendUint32(raw, math.Float32bits(float32(x)*float32(1+i%72)/50-3))
		}
		if err := os.WriteFile(filepath.Join(dir, prefix+"-images-idx3-ubyte"), raw, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// writeTables writes data in the other formats: numbers to fit with and without a test set, texts as classes, images.
func writeTables(t *testing.T) {
	var wrote bool
	pythontest.Run(t, `
import numpy as np
import os

r = np.random.default_rng(1)
x = r.normal(3, 2, (213, 3)).round(4)
y = np.stack([x @ [1, 2, -1] + r.normal(0, 0.1, 213), x[:, 0] * x[:, 1] / 3], 1).round(3)
np.savez("numbers.npz", x=x, y=y[:, 0])
np.savez_compressed("images.npz", x_train=r.integers(0, 9, (60, 5, 4)) + 3, y_train=np.arange(60) % 3,
                    x_test=r.integers(0, 9, (30, 5, 4)) + 3, y_test=np.arange(30) % 3)
def table(name, lines):
    with open(name, "w") as f:
        f.write("\n".join(lines) + "\n")
    return True
rows = [[*map(str, a), *map(str, b)] for a, b in zip(x, y)]
table("fit.csv", ["# measured", "a,b,d,first,second"] + [",".join(row) for row in rows])
os.mkdir("parts")
table("parts/train.csv", ["a,b,d,y"] + [",".join(row[:4]) for row in rows[:150]])
table("parts/test.csv", ["a,b,d,y", ""] + [", ".join(row[:4]) for row in rows[150:]])
names = np.array(["tulip", "a rose", "iris"])[np.digitize(x[:, 1], [2, 4])]
table("flowers.csv", ["split;height;width;class"] + [
    ";".join([["Train", "test"][i % 3 == 0], row[0].replace(".", ","), row[1].replace(".", ","), name])
    for i, (row, name) in enumerate(zip(rows, names))])
print("true")`, &wrote)
}

// Python, drawing the weights itself, has as many test images right as quantal, and fits numbers as well, by every
// measure; in networks of every activation, sharing and kind of synapse, from the folders of runs and of grids, on data
// of every format.
func TestPythonReproducesSampledAccuracies(t *testing.T) {
	pythontest.Find(t)
	smallData(t)
	var folders []string
	train := func(flags string) {
		folder := "run" + string(rune('A'+len(folders)))
		quantalDo(t, "train"+trainSmall+" --draws 3 "+flags+" --out "+folder)
		folders = append(folders, folder)
	}
	for _, a := range kernels.Activations() {
		train("--activation " + a.String())
	}
	for _, noise := range store.NoiseNames()[1:] {
		train("--noise " + noise)
	}
	train("--draw example")
	train("--draw example --noise neuron --activation tanh")
	train("--synapse quantal --cost c*n*p --n-init 4 --p-init 0.6")
	train("--normalise 0.3,0.2 --validation 100 --seed 18446744073709551615 --hidden none --rule sgd")
	if err := writeFloats("floats"); err != nil {
		t.Fatal(err)
	}
	train("--data floats")
	writeTables(t)
	for _, data := range []string{"numbers.npz --noise-variance 0.3", "images.npz", "flowers.csv", "parts --noise neuron",
		"fit.csv --answers second,first --activation tanh", "images.npz --likelihood gaussian --normalise-targets none",
		"numbers.npz --synapse quantal --cost c*n*p --n-init 4 --p-init 0.6"} {
		train("--data " + data)
	}
	for i, network := range []string{
		"conv 5 3x2 stride 2 pad 1 relu as a, conv 4 3x3 pad 1, conv 5 1x1, add a tanh, pool 2 average, dense 7 gelu, dense",
		"conv 6 3x3 as a, pool 3x2 stride 1, dense 5 as b, dense 5 from a sigmoid, add b, dense",
		"conv 3 3x3 pad 1 tanh as a, conv 3 3x3 pad 1, add a relu, pool 3, dense 9 relu, dense",
	} {
		folder := "run" + string(rune('A'+len(folders)))
		words := strings.Fields("quantal train --out " + folder +
			strings.Replace(trainSmall, "--hidden 70x20", "--draws 3 --noise", 1))
		words[slices.Index(words, "--noise")] += "=" + store.NoiseNames()[[]int{0, 3, 1}[i]]
		if i == 2 {
			words = append(words, "--draw", "example")
		}
		var stderr strings.Builder
		if code := run(append(words, "--network", network), io.Discard, &stderr); code != 0 {
			t.Fatalf("%s: exit status %d\n%s", network, code, stderr.String())
		}
		folders = append(folders, folder)
	}
	quantalDo(t, "grid"+trainSmall+" --draws 3 --noise heterogeneous,homogeneous --seeds 3 --out grid")
	points, err := filepath.Glob("grid/points/*.json")
	if err != nil || len(points) != 2 {
		t.Fatalf("%d points, %v", len(points), err)
	}
	for _, p := range points {
		folders = append(folders, "grid/"+strings.TrimSuffix(filepath.Base(p), ".json"))
	}

	var python []struct {
		Got      map[string]float64
		Summary  map[string]any
		SigmaRMS float64
		Examples float64
	}
	pythontest.Run(t, `
import json, sys
import numpy as np
import quantal

results = []
for folder in sys.argv[1:]:
    run = quantal.load_run(folder)
    images, labels = quantal.load_data(run.settings["data"], answers=run.settings["answers"])
    network = run.network()
    squares = np.concatenate([s[:, :-1].ravel() for s in network.sigma]).astype(float) ** 2
    for name, n, p, q in zip(("mu", "sigma"), *[network.quantities.get(x, [])[:1] * 2 for x in "npq"]):
        want = {"mu": n * p * q, "sigma": np.sqrt(n * p * (1 - p)) * np.abs(q)}[name]
        assert np.allclose(getattr(network, name)[0], want, rtol=1e-5, atol=1e-8), name
    assert bool(network.quantities) == (run.settings["synapse"] == "quantal")
    results.append({"Got": network.evaluate(images, labels, run.summary["draws"]), "Summary": run.summary,
                    "SigmaRMS": float(np.sqrt(squares.mean())), "Examples": len(labels)})
print(json.dumps(results))`, &python, folders...)
	differ, fits := false, 0
	for i, p := range python {
		names := []string{"accuracy_sampled", "accuracy_mean", "accuracy_predictive", "accuracy_expected_log"}
		if p.Summary["accuracy_mean"] == nil {
			names = []string{"r2_sampled", "r2_mean"}
			fits++
		}
		names = append(names, "loss_sampled", "loss_mean", "loss_predictive", "loss_expected_log")
		if len(p.Got) != len(names) {
			t.Errorf("%s: Python has %v, want %v", folders[i], p.Got, names)
		}
		for _, name := range names {
			want, there := p.Summary[name].(float64)
			got, n := p.Got[name], p.Examples
			if strings.HasPrefix(name, "accuracy") && (math.Round(got*n) != math.Round(want*n) || want < 0.1) {
				t.Errorf("%s: %s: %v examples of %v in Python, quantal has %v", folders[i], name, got*n, n, want*n)
			}
			if !there || !(math.Abs(got-want) < 1e-5*max(1, math.Abs(want))) {
				t.Errorf("%s: %s is %v in Python, %v in quantal", folders[i], name, got, want)
			}
		}
		want, _ := p.Summary["sigma_rms"].(float64)
		if !(math.Abs(p.SigmaRMS-want) <= 1e-6*want) {
			t.Errorf("%s: sigma_rms is %v in Python, %v in quantal", folders[i], p.SigmaRMS, want)
		}
		differ = differ || p.Got["accuracy_sampled"] != p.Got["accuracy_mean"]
	}
	if !differ || fits != 5 {
		t.Errorf("the draws change an answer: %t; %d networks fit numbers: this proves little", differ, fits)
	}
}

// The networks are the same in PyTorch, for every activation; so is the state_dict that quantal exports.
func TestPythonsNetworksInPyTorch(t *testing.T) {
	pythontest.Find(t, "torch")
	smallData(t)
	var folders []string
	for _, a := range kernels.Activations() {
		quantalDo(t, "train"+trainSmall+" --draws 0 --activation "+a.String()+" --out "+a.String(),
			"export "+a.String()+" --format torch")
		folders = append(folders, a.String())
	}
	var worst map[string]float64
	pythontest.RunWith(t, []string{"torch"}, `
import json, sys
import numpy as np
import torch
import quantal

images, _ = quantal.load_data("digits")
worst = {}
for folder in sys.argv[1:]:
    network = quantal.load_run(folder).network()
    assert network.activation == folder
    inputs = torch.tensor(network.inputs(images))
    difference = 0
    for weights in (None, network.sample(4)):
        y, want = network.torch(weights)(inputs).detach().numpy(), network.forward(images, weights)
        difference = max(difference, float(np.abs(y - want).max() / np.abs(want).max()))
    tensors, metadata = quantal.read_safetensors(folder + "/state_dict.safetensors")
    loaded = network.torch(network.sample(5))
    loaded.load_state_dict({name: torch.tensor(t) for name, t in tensors.items()})
    assert metadata["format"] == "pt" and metadata["activation"] == folder
    assert torch.equal(loaded(inputs), network.torch()(inputs))
    worst[folder] = difference
print(json.dumps(worst))`, &worst, folders...)
	if len(worst) != len(folders) {
		t.Errorf("compared %d networks of %d", len(worst), len(folders))
	}
	for name, difference := range worst {
		if !(difference < 2e-6) {
			t.Errorf("%s: outputs differ by %g of the largest", name, difference)
		}
	}
}

// load_grid gives the rows of table.jsonl, with pandas and without.
func TestPythonReadsAGrid(t *testing.T) {
	pythontest.Find(t)
	smallData(t)
	const grid = "grid --data digits --hidden 6 --epochs 1 --draws 0 "
	quantalDo(t, grid+"--c 0.1,0.01 --noise heterogeneous,none --rho 1/2 --seeds 1-2 --out paper",
		grid+"--validation 30 --cost c*exp(-k*sigma) --vary k=1,2 --c 0.1 --out law",
		grid+"--c 0.1x1 --rho 1/2 --vary activation=tanh,gelu --vary batch=10,20 --out layers",
		grid+"--likelihood gaussian --vary noise-variance=0.5,1 --validation 30 --out fits")
	const code = `
import json, sys
import numpy as np
if sys.argv[1] == "without":
    sys.modules["pandas"] = None
import quantal

differences = []
for folder in sys.argv[2:]:
    grid = quantal.load_grid(folder)
    if sys.argv[1] == "with":
        assert type(grid).__name__ == "DataFrame" and grid["sigma_rms"].dtype == float
        grid = {name: grid[name].tolist() for name in grid}
    rows = {r["id"]: r for r in map(json.loads, open(folder + "/table.jsonl"))}
    assert sorted(grid["id"]) == sorted(rows) and len(rows) > 1
    number = lambda x: isinstance(x, (int, float, np.number))
    missing = lambda x: x is None or number(x) and x != x
    for i, name in enumerate(grid["id"]):
        for column, want in rows[name].items():
            got = grid[column][i] if column in grid else None
            same = got == want or number(got) and number(want) and float(got) == want
            if not same and not (missing(got) and missing(want)):
                differences.append([folder, name, column, repr(got), repr(want)])
    extra = set(grid) - set(next(iter(rows.values())))
    differences += [[folder, column] for column in extra]
print(json.dumps(differences))`
	for _, way := range []string{"without", "with"} {
		t.Run(way, func(t *testing.T) {
			var modules []string
			if way == "with" {
				modules = []string{"pandas"}
			}
			var differences [][]string
			pythontest.RunWith(t, modules, code, &differences, way, "paper", "law", "layers", "fits")
			for _, d := range differences {
				t.Errorf("a difference from table.jsonl: %v", d)
			}
		})
	}
}

// Bad folders and files are named.
func TestPythonRefuses(t *testing.T) {
	python := pythontest.Find(t)
	smallData(t)
	quantalDo(t, "train"+trainSmall+" --draws 0 --out run")
	checkpoints, err := filepath.Glob("run/checkpoints/*")
	if err != nil || len(checkpoints) != 1 {
		t.Fatal(checkpoints, err)
	}
	raw, err := os.ReadFile(checkpoints[0])
	if err != nil {
		t.Fatal(err)
	}
	raw[len(raw)-5] ^= 1
	if err := os.WriteFile(checkpoints[0], raw, 0o644); err != nil {
		t.Fatal(err)
	}
	for code, want := range map[string]string{
		`load_run("run").network()`: `ValueError: run/checkpoints/step-\d+.safetensors: damaged.*checksum`,
		`load_run("nowhere")`:       `FileNotFoundError.*nowhere`,
		`load_grid("run")`:          `FileNotFoundError: run: is not the folder of a grid`,
		`load_data("run")`:          `FileNotFoundError.*run/t10k`,
		`load_data("x.npz")`:        `FileNotFoundError.*x.npz`,
		`load_data("x.csv")`:        `FileNotFoundError.*x.csv`,
	} {
		c := exec.Command(python, "-c", "import quantal\nquantal."+code)
		c.Env = pythontest.Environment(t)
		out, err := c.CombinedOutput()
		if err == nil || !regexp.MustCompile(want).Match(out) {
			t.Errorf("%s: %v, %s", code, err, out)
		}
	}
}

// The package has the program's version, and stays small.
func TestPythonPackage(t *testing.T) {
	files, err := filepath.Glob("../../python/quantal/*.py")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	lines := 0
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		lines += strings.Count(string(text), "\n")
	}
	const most = 400 + 60 // for networks of dense layers, and for others
	if lines > most {
		t.Errorf("%d lines, want at most %d", lines, most)
	}
	var python struct{ Version, Said string }
	pythontest.Run(t, `
import json, sys, tomllib
import quantal
said = tomllib.load(open(sys.argv[1], "rb"))["tool"]["setuptools"]["dynamic"]["version"]["attr"]
print(json.dumps({"Version": quantal.__version__, "Said": said}))`, &python,
		filepath.Join(pythontest.Package(t), "pyproject.toml"))
	if python.Version != store.Version || python.Said != "quantal.__version__" {
		t.Errorf("the package is %+v, the program %s", python, store.Version)
	}
}

// The tutorial for Python runs, on small data; it compares the accuracies itself.
func TestPythonTutorial(t *testing.T) {
	python := pythontest.Find(t)
	smallData(t)
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(program, "quantal"); err != nil { // TestMain makes it quantal by its name
		t.Fatal(err)
	}
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(python, filepath.Join(pythontest.Package(t), "tutorial.py"), "digits")
	c.Env = append(pythontest.Environment(t), "TMPDIR="+here, "QUANTAL="+filepath.Join(here, "quantal"))
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{`(?m)^\[1, 2\] \[0\.\d+, 0\.\d+\]$`,
		`accuracy_sampled +(0\.\d+) by quantal, 0\.\d+ here`, `% of the images get different answers in 10 draws`,
		`c 0\.001  accuracy 0\.\d+, sigma of the first layer from 0\.`,
		`c 0\.1 `, `PyTorch is not installed|accuracy_mean [01]\.`} {
		if !regexp.MustCompile(want).Match(out) {
			t.Errorf("the tutorial does not print %s:\n%s", want, out)
		}
	}
}
