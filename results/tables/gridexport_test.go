package tables

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"quantal/internal/pythontest"
	"quantal/internal/recordstest"
	"quantal/internal/resultstest"
	"quantal/kernels"
	"quantal/results/store"
)

// exported is what numpy reads from an archive.
type exported struct {
	Kind  string // of numbers: f8, i8, U3
	Shape []int
	List  []any
}

const describeExport = `
import json, sys
import numpy as np

z = np.load(sys.argv[1])
def plain(x):
    return None if isinstance(x, float) and x != x else str(x) if isinstance(x, int) else x
print(json.dumps({n: {"Kind": z[n].dtype.str[1:], "Shape": z[n].shape,
    "List": [plain(x) for x in z[n].ravel().tolist()][:8]} for n in z.files}))
`

// exportGrid exports a grid into a file.
func exportGrid(path string, records []store.Record, what string,
	network func(string) (*store.Checkpoint, error)) (damaged []error, err error) {
	err = store.WriteFile(path, func(w io.Writer) (err error) {
		damaged, err = ExportGrid(w, records, what, network)
		return err
	})
	return damaged, err
}

func TestPythonReadsAnExportedGrid(t *testing.T) {
	records := tableRecords()
	full, lost := records[1], records[3]
	networks := map[string]*store.Checkpoint{}
	for i, r := range records {
		networks[r.ID] = filled(layoutOf(kernels.PerSynapse, 3, 2, 1), 5, resultstest.Normal(uint64(i)))
	}
	read := func(id string) (*store.Checkpoint, error) {
		if id == lost.ID {
			t.Error("a diverged network has none that could be read")
		}
		if id == "quiet" {
			return nil, store.Corrupt("quiet.safetensors", "is cut short")
		}
		return networks[id], nil
	}
	dir := t.TempDir()
	for _, what := range []string{"summary", "sigma", "mu"} {
		path := filepath.Join(dir, what+".npz")
		damaged, err := exportGrid(path, records, what, read)
		check(t, err)
		if len(damaged) != map[string]int{"summary": 0, "sigma": 1, "mu": 1}[what] {
			t.Errorf("%s: damaged %v", what, damaged)
		}
		first, err := os.ReadFile(path)
		check(t, err)
		if _, err := exportGrid(path, records, what, read); err != nil {
			t.Error(err)
		}
		if again, err := os.ReadFile(path); err != nil || !bytes.Equal(first, again) {
			t.Errorf("%s: the same grid gave other bytes", what)
		}
		var got map[string]exported
		pythontest.Run(t, describeExport, &got, path)
		columns := len(recordRow(full))
		if what == "summary" && len(got) != columns || what != "summary" && len(got) != columns+2*(4+2) {
			t.Errorf("%s: %d arrays, %d columns", what, len(got), columns)
		}
		// The order of table.csv: full, its seed 2, the diverged one, the one without noise.
		for name, want := range map[string]exported{
			"id":                          {"U24", []int{4}, []any{full.ID, "rho2-c0.1-seed2", lost.ID, "quiet"}},
			"data":                        {"U6", []int{4}, []any{"<σ>", "glyphs", "glyphs", "glyphs"}},
			"c":                           {"f8", []int{4}, []any{1e-7, 0.1, 0.1, nil}},
			"rho":                         {"U3", []int{4}, []any{"1/3", "2", "2", ""}},
			"seed":                        {"u8", []int{4}, []any{"9223372036854775809", "2", "3", "1"}},
			"draws":                       {"i8", []int{4}, []any{"20", "0", "0", "0"}},
			"accuracy_sampled":            {"f8", []int{4}, []any{0.5, 0.5, nil, 0.5}},
			"loss_mean":                   {"f8", []int{4}, []any{nil, nil, nil, nil}},
			"validation_loss_sampled":     {"f8", []int{4}, []any{0.1, nil, nil, nil}},
			"validation_accuracy_sampled": {"f8", []int{4}, []any{nil, nil, nil, nil}},
			"sigma_rms_layers":            {"f8", []int{4, 3}, []any{0.1, 1e-9, nil, 0.25, 1e-9, nil, nil, nil}},
			"diverged_step":               {"i8", []int{4}, []any{"-1", "-1", "12", "-1"}},
			"diverged_what":               {"U4", []int{4}, []any{"", "", "loss", ""}},
		} {
			g := got[name]
			if ok := len(g.List) == len(want.List) && len(g.Shape) == len(want.Shape) && g.Kind[:1] == want.Kind[:1]; !ok {
				t.Errorf("%s: %s is %+v, want %+v", what, name, g, want)
				continue
			}
			for i, x := range want.List {
				if g.List[i] != x {
					t.Errorf("%s: %s is %v, want %v", what, name, g.List, want.List)
					break
				}
			}
		}
		if what == "summary" {
			continue
		}
		for _, want := range networks[full.ID].Export() {
			g, found := got[full.ID+"/"+want.Name]
			if found != (want.Name[len(want.Name)-len(what):] == what) {
				t.Errorf("%s: %s is there: %v", what, want.Name, found)
			}
			for i, x := range g.List {
				if x != float64(want.Data[i]) || len(g.Shape) != len(want.Shape) || g.Shape[0] != want.Shape[0] {
					t.Errorf("%s: %s is %+v, want %v", what, want.Name, g, want)
					break
				}
			}
		}
	}
}

func TestExportOfLittle(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "x.npz")
	none := func(string) (*store.Checkpoint, error) { return nil, errors.New("none") }
	_, err := exportGrid(path, nil, ExportSummary, none)
	if wantError(t, err, "no point has finished"); !errors.Is(err, store.ErrNothing) {
		t.Error("want ErrNothing")
	}
	_, err = exportGrid(path, tableRecords(), "phi", none)
	wantError(t, err, `"phi"`, "want one of summary, sigma, mu")
	_, err = exportGrid(filepath.Join(dir, "missing", "x.npz"), tableRecords(), ExportSummary, none)
	wantError(t, err, "missing", "no such file")
	// Only diverged networks, so no layers and no text in some columns.
	_, err = exportGrid(path, []store.Record{diverged(2, 0.1, 1)}, ExportMu, none)
	check(t, err)
	var got map[string]exported
	pythontest.Run(t, describeExport, &got, path)
	if g := got["sigma_rms_layers"]; len(g.Shape) != 2 || g.Shape[1] != 0 {
		t.Errorf("sigma_rms_layers is %+v", g)
	}
	if _, err = exportGrid(path, []store.Record{recordstest.Record(2, 0.1, 1)}, ExportSummary, none); err != nil {
		t.Error(err)
	}
	pythontest.Run(t, describeExport, &got, path)
	if g := got["diverged_what"]; len(g.List) != 1 || g.List[0] != "" {
		t.Errorf("diverged_what is %+v", g)
	}
}
