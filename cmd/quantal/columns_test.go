package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"quantal/results/columns"
)

// Every column, key and array of every file that the commands write has a meaning. What only larger experiments write
// is of structs that results/columns checks.
func TestColumnsAreExplained(t *testing.T) {
	if testing.Short() {
		t.Skip("makes runs, grids and experiments")
	}
	smallData(t)
	const tolerance = "draws = 2\nperturbations = ['deleted']\nhit = [0.2, 1.0]\ncontacts = [1, 2]\n" +
		"amplitudes = [0.5, 1]\ncontact-amplitudes = [0.1]\ncontact-draws = 10\nprobes = 20\nkept = [0.4]\n" +
		"shared-weights = [0.1, 1]\nfactors = [1.0, 2.0]\n[training]\nhidden = [6]\nepochs = 2\n"
	if err := os.WriteFile("config.toml", []byte(tolerance), 0o644); err != nil {
		t.Fatal(err)
	}
	const small = " --data digits --hidden 6x5 --epochs 2 --batch 10 --lr 1e-3 --sigma-init 0.05 --threads 1 --draws 2"
	quantalDo(t, "train"+small+" --c 1e-3 --rho 1/2 --validation 40 --normalise 0.3,0.2 --out run",
		"figures run", "analyze run --epochs 1 --npz", "energy run --out energy", "converge run --gradients 2 --out settled",
		"train"+small+" --synapse quantal --cost c*n*p --rule momentum --c 1e-4 --out vesicles",
		"energy vesicles --out energy-of-vesicles",
		"train"+small+" --noise neuron --cost c*exp(-k*sigma) --set k=2 --c 0.1x0.1x1 --lr 1e-3x1e-3x1e-4 --out law",
		"grid"+small+" --c 0.1,1 --rho 2 --noise heterogeneous,none --seeds 1-2 --out grid", "figures grid",
		"tables grid --curves",
		"analyze grid --epochs 1", "energy grid", "grid export grid --what all --out all.npz",
		"grid"+small+" --cost c*exp(-k*sigma) --vary k=1,2 --c 0.1x0.1x1 --noise heterogeneous --out laws",
		"grid"+small+" --synapse quantal --cost c*n*p --c 0.1 --out synapses", "grid export synapses --what all --out n.npz",
		"grid"+small+" --likelihood gaussian --validation 40 --c 0.1 --noise heterogeneous --out fits",
		"search"+small+" --target sigma_rms=0.04 --over c=1e-4:100 --tolerance c=0.5 --rho calcium --noise layer "+
			"--out search",
		"dynamics spines --spines 500 --days 5 --follow 1 --cells 100 --threads 1 --out spines",
		"dynamics tolerance --config config.toml --seeds 1-2 --data digits --draws 200 --threads 1 --out several",
		"dynamics drift run --step-size 1e-5 --batch 10 --burn-in 20 --steps 20 --looks 4 --probes 20 --out drift")
	for _, f := range []string{"npz", "safetensors", "torch"} {
		quantalDo(t, "export run --format "+f, "export vesicles --format "+f)
	}
	e, err := explainer()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range e.Unexplained() {
		t.Errorf("%s has no meaning: see results/columns", name)
	}
	read, names := map[string]bool{}, 0
	err = filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		structured := []string{".csv", ".json", ".jsonl", ".toml", ".npz", ".safetensors"}
		if err != nil || d.IsDir() || !slices.Contains(structured, filepath.Ext(path)) {
			return err
		}
		found, err := e.Explain(path)
		if err != nil {
			t.Error(err)
			return nil
		}
		kind, _ := columns.Kind(filepath.ToSlash(path))
		read[kind.Pattern] = true
		if len(found.Entries) == 0 {
			t.Errorf("%s: no name was found", path)
		}
		for _, entry := range found.Entries {
			names++
			if entry.Meaning == "" {
				t.Errorf("%s: %s has no meaning: see results/columns", path, entry.Name)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range columns.Files() {
		folder, _, _ := strings.Cut(f.Pattern, "/")
		if !read[f.Pattern] && !slices.Contains([]string{"launches", "progress", "progress.json", "curves"}, folder) {
			t.Errorf("no file %s was written", f.Pattern)
		}
	}
	if names < 500 {
		t.Errorf("only %d names were found", names)
	}
}
