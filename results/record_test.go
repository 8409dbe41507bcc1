package results

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func record(rho float64, c float64, seed uint64) Record {
	r := Record{
		ID: fmt.Sprintf("rho%g-c%g-seed%d", rho, c, seed), Status: Done, Kernels: "portable", Outcome: NoOutcome(),
		Settings: Settings{Data: "glyphs", Hidden: "100x100", Noise: "heterogeneous", Rho: fmt.Sprint(rho), RhoValue: rho, C: c, Seed: seed},
	}
	r.AccuracySampled, r.SigmaRMS, r.SigmaRMSLayers, r.Steps = 0.5, 1./3, []float64{0.25, 1e-9}, 100
	return r
}

func TestRecords(t *testing.T) {
	dir := t.TempDir()
	step, layer := 12, 1
	bad := record(0.5, 10, 1<<60+1)
	bad.Status, bad.DivergedStep, bad.DivergedLayer, bad.DivergedWhat, bad.Outcome = Diverged, &step, &layer, "loss", NoOutcome()
	homogeneous := record(0.5, 1e-4, 3)
	homogeneous.ID, homogeneous.Noise = "hom", "homogeneous"
	want := []Record{record(0.5, 0.1, 1), record(0.5, 0.1, 2), bad, record(2, 1e-4, 1), homogeneous}
	for _, i := range []int{3, 0, 4, 2, 1} {
		check(t, WriteRecord(dir, want[i]))
	}
	got, damaged, err := ReadRecords(dir)
	check(t, err)
	if diff := cmp.Diff(want, got, cmpopts.EquateNaNs()); diff != "" || len(damaged) > 0 {
		t.Errorf("damaged %v, records: %s", damaged, diff)
	}
	if !math.IsNaN(got[0].LossMean) {
		t.Errorf("loss_mean is %v, want NaN", got[0].LossMean)
	}

	// Every change of a byte is found, and every cut.
	path := filepath.Join(dir, want[0].ID+".json")
	raw, err := os.ReadFile(path)
	check(t, err)
	spoil := func(what string, content []byte) {
		t.Helper()
		check(t, os.WriteFile(path, content, 0o644))
		got, damaged, err := ReadRecords(dir)
		check(t, err)
		if len(got) != len(want)-1 || len(damaged) != 1 {
			t.Fatalf("%s: %d records, damaged %v", what, len(got), damaged)
		}
		wantError(t, damaged[0], path)
	}
	for at := range raw {
		changed := slices.Clone(raw)
		changed[at] ^= 1
		spoil(fmt.Sprint("byte ", at), changed)
		spoil(fmt.Sprint("cut at ", at), raw[:at])
	}
	check(t, os.WriteFile(path, raw, 0o644))
	check(t, os.Rename(path, filepath.Join(dir, "other.json")))
	_, damaged, err = ReadRecords(dir)
	check(t, err)
	if len(damaged) != 1 {
		t.Errorf("a record under another's name is taken")
	}
	if records, damaged, err := ReadRecords(filepath.Join(dir, "none")); err != nil || records != nil || damaged != nil {
		t.Errorf("no folder: %v %v %v", records, damaged, err)
	}
}
