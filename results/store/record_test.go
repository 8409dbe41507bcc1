package store

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"quantal/kernels"
)

func record(rho float64, c float64, seed uint64) Record {
	r := Record{
		ID: fmt.Sprintf("rho%g-c%g-seed%d", rho, c, seed), Status: Done, Kernels: "portable", Outcome: NoOutcome(),
		Settings: Settings{Data: "glyphs", Hidden: "100x100", Noise: "heterogeneous", Rho: fmt.Sprint(rho), RhoValue: rho,
			C: c, Seed: seed},
	}
	r.AccuracySampled, r.SigmaRMS, r.SigmaRMSLayers, r.Steps = 0.5, 1./3, []float64{0.25, 1e-9}, 100
	return r
}

func TestRecords(t *testing.T) {
	dir := t.TempDir()
	step, layer := 12, 1
	bad := record(0.5, 10, 1<<60+1)
	bad.Status, bad.DivergedStep, bad.DivergedLayer, bad.DivergedWhat, bad.Outcome = Diverged, &step, &layer, "loss",
		NoOutcome()
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

// An edited record with a valid checksum counts only if nothing is missing.
func TestRecordsNeedTheirFields(t *testing.T) {
	dir := t.TempDir()
	step, layer := 12, 1
	done, bad := record(2, 0.1, 1), record(2, 10, 1)
	bad.Status, bad.DivergedStep, bad.DivergedLayer, bad.DivergedWhat, bad.Outcome = Diverged, &step, &layer, "loss",
		NoOutcome()
	for _, r := range []Record{done, bad} {
		check(t, WriteRecord(dir, r))
		path := filepath.Join(dir, r.ID+".json")
		raw, err := os.ReadFile(path)
		check(t, err)
		var fields map[string]json.RawMessage
		check(t, json.Unmarshal(raw, &fields))
		delete(fields, "sha256")
		// edited writes the record with one field removed, or changed to another text, and the right checksum.
		edited := func(name, text string) {
			changed := maps.Clone(fields)
			delete(changed, name)
			if text != "" {
				changed[name] = json.RawMessage(text)
			}
			body, err := json.Marshal(changed)
			check(t, err)
			line := []byte(recordPrefix + noDigits + "\"," + string(body[1:]) + "\n")
			copy(line[len(recordPrefix):], recordChecksum(line))
			check(t, os.WriteFile(path, line, 0o644))
		}
		edited("nothing", "")
		got, err := ReadRecord(dir, r.ID)
		check(t, err)
		if diff := cmp.Diff(r, got, cmpopts.EquateNaNs()); diff != "" {
			t.Fatal(diff)
		}
		refused := func(what string, wants ...string) {
			t.Helper()
			_, err := ReadRecord(dir, r.ID)
			if err == nil || !isCorrupt(err) {
				t.Fatalf("%s %s: error %v, want a CorruptError", r.Status, what, err)
			}
			wantError(t, err, wants...)
		}
		for name := range fields {
			edited(name, "")
			refused("without "+name, path)
		}
		for _, name := range []string{"data", "hidden", "rho_value", "c", "seed", "batch", "kernels", "steps", "draws"} {
			edited(name, "null")
			refused(name+" is null", name)
		}
		edited("noise", `""`)
		refused("no noise", "noise")
		edited("status", `"finished"`)
		refused("another status", `status is "finished", want done or diverged`)
		edited("loss_mean", "null") // a loss may be infinite
		_, err = ReadRecord(dir, r.ID)
		check(t, err)
		if r.Status == Done {
			for _, name := range []string{"accuracy_sampled", "sigma_rms", "sigma_rms_layers"} {
				edited(name, "null")
				refused(name+" is null", name)
			}
		}
	}
}

func TestRecordOfItsNetwork(t *testing.T) {
	layout := layoutOf(kernels.PerSynapse, 3, 2, 1)
	c := filled(layout, 100, normal(1))
	r := record(2, 0.1, c.Seed)
	r.Hidden, r.Lambda, r.SigmaRMSLayers = "2", 0.5, c.SigmaRMSLayers()
	sum := 0.0
	for n := range layout.Rows() {
		for _, v := range c.State.Mu[n.First:][:n.Columns()] {
			sum += math.Abs(float64(v))
		}
	}
	r.ObjectiveMagnitude = 0.5 * sum
	check(t, r.Check(c, nil))
	for want, change := range map[string]func(c *Checkpoint){
		"seed": func(c *Checkpoint) { c.Seed++ },
		"step": func(c *Checkpoint) { c.Step++ },
		"hidden": func(c *Checkpoint) {
			*c = *filled(layoutOf(kernels.PerSynapse, 3, 4, 1), 100,
				normal(1))
		},
		"hidden is none":          func(c *Checkpoint) { *c = *filled(layoutOf(kernels.PerSynapse, 3, 1), 100, normal(1)) },
		"cost of magnitude":       func(c *Checkpoint) { c.State.Mu[layout.Offset(1)+2] *= 1.01 }, // the bias
		"sigma_rms of layer 1 is": func(c *Checkpoint) { c.State.Phi[layout.PhiOffset(1)] += 0.01 },
	} {
		other := filled(layout, 100, normal(1))
		change(other)
		if err := r.Check(other, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
	pays := func(a, b float64) func(*Checkpoint) (Terms, error) {
		return func(*Checkpoint) (Terms, error) { return Terms{"a": a, "b": b}, nil }
	}
	r.ObjectiveMagnitude, r.ObjectiveCosts = math.NaN(), Terms{"a": 0.5, "b": math.NaN()}
	check(t, r.Check(c, pays(0.5, math.NaN())))
	check(t, r.Check(c, pays(0.5*(1+1e-8), math.Inf(1)))) // not finite in the network either
	for want, terms := range map[string]func(*Checkpoint) (Terms, error){
		"its cost a is 0.501, the record says 0.5": pays(0.501, math.NaN()), "its cost b is 1": pays(0.5, 1),
		"its cost a is NaN": func(*Checkpoint) (Terms, error) { return nil, nil },
	} {
		if err := r.Check(c, terms); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
	r.ObjectiveMagnitude, r.ObjectiveCosts = 7, nil // synapses that pay several times
	r.Later = NewLater(LaterSetting{Name: "cost_per", Value: "position", Text: "position"})
	magnitude := func(m float64) func(*Checkpoint) (Terms, error) {
		return func(*Checkpoint) (Terms, error) { return Terms{"magnitude": m}, nil }
	}
	check(t, r.Check(c, magnitude(7)))
	if err := r.Check(c, magnitude(7.01)); err == nil || !strings.Contains(err.Error(), "cost of magnitude is 7.01") {
		t.Errorf("another magnitude: %v", err)
	}
	for name, at := range map[string]*float32{
		"layer0.weight.mu holds NaN (row 1, column 2)": &c.State.Mu[layout.Offset(0)+layout.Layers[0].Stride()+2],
		"layer1.bias.mu holds +Inf (row 0, column 0)":  &c.State.Mu[layout.Offset(1)+2],
		"layer1.weight.phi holds -Inf":                 &c.State.Phi[layout.PhiOffset(1)],
	} {
		check(t, c.CheckFinite())
		before := *at
		switch {
		case strings.Contains(name, "NaN"):
			*at = float32(math.NaN())
		case strings.Contains(name, "+Inf"):
			*at = float32(math.Inf(1))
		default:
			*at = float32(math.Inf(-1))
		}
		if err := c.CheckFinite(); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("error %v, want one with %q", err, name)
		}
		*at = before
	}
}
