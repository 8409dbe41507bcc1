package tables

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"quantal/internal/recordstest"
	"quantal/internal/resultstest"
	"quantal/results/store"
)

// tableRecords are a finished network, one with all optional values, one without noise, and one that diverged.
func tableRecords() []store.Record {
	full, quiet := recordstest.Record(1./3, 1e-7, 1<<63+1), recordstest.Record(2, 0.1, 1)
	loss := 0.1
	full.ID, full.Rho, full.Data, full.ValidationLossSampled = `a,"b"`, "1/3", "<σ>", &loss
	full.SigmaRMSLayers = []float64{0.1, 1e-9, math.NaN()}
	full.ReliabilityCost, full.Draws = 1.2345678901234568e22, 20
	quiet.ID, quiet.Noise = "quiet", "none"
	return []store.Record{recordstest.Record(2, 0.1, 2), full, quiet, diverged(2, 0.1, 3)}
}

const goldenCSV = `id,data,hidden,noise,rho,rho_value,c,lambda,lr,batch,epochs,mu_init,sigma_init,validation,seed,` +
	`status,kernels,` +
	`accuracy_sampled,accuracy_mean,accuracy_predictive,accuracy_expected_log,loss_sampled,loss_mean,loss_predictive,` +
	`loss_expected_log,draws,` +
	`validation_accuracy_sampled,validation_loss_sampled,sigma_rms,sigma_rms_layers,reliability_cost,` +
	`objective,objective_nll,objective_magnitude,objective_reliability,steps,diverged_step,diverged_layer,diverged_what
"a,""b""",<σ>,100x100,heterogeneous,1/3,0.3333333333333333,1e-7,0,0,0,0,0,0,0,9223372036854775809,done,portable,` +
	`0.5,,,,,,,,20,,0.1,0.3333333333333333,0.1;1e-9;,1.2345678901234568e+22,,,,,100,,,
rho2-c0.1-seed2,glyphs,100x100,heterogeneous,2,2,0.1,0,0,0,0,0,0,0,2,done,portable,` +
	`0.5,,,,,,,,0,,,0.3333333333333333,0.25;1e-9,,,,,,100,,,
rho2-c0.1-seed3-diverged,glyphs,100x100,heterogeneous,2,2,0.1,0,0,0,0,0,0,0,3,diverged,portable,` +
	`,,,,,,,,0,,,,,,,,,,0,12,1,loss
quiet,glyphs,100x100,none,,,,0,0,0,0,0,0,0,1,done,portable,` +
	`0.5,,,,,,,,0,,,0.3333333333333333,0.25;1e-9,,,,,,100,,,
`

func writtenTables(t *testing.T, records []store.Record) map[string]string {
	t.Helper()
	dir := t.TempDir()
	check(t, WriteTables(dir, records))
	files := map[string]string{}
	for _, name := range names(t, dir) {
		data, err := os.ReadFile(filepath.Join(dir, name))
		check(t, err)
		files[name] = string(data)
	}
	return files
}

// later is settings that came later than others: as they were before, unless it is said.
func later(said ...store.LaterSetting) store.Later {
	list := []store.LaterSetting{{Name: "normalise", Value: "mnist", Text: "mnist", Before: true},
		{Name: "classes", Whole: true, Text: "those of the labels", Before: true},
		{Name: "rule", Value: "adam", Text: "adam", Before: true}}
	for _, s := range said {
		list[slices.IndexFunc(list, func(other store.LaterSetting) bool { return other.Name == s.Name })] = s
	}
	return store.NewLater(list...)
}

// Settings that came later than others have columns where networks have them.
func TestTablesOfLaterSettings(t *testing.T) {
	old, auto, stated, sgd := recordstest.Record(2, 0.1, 1), recordstest.Record(2, 0.1, 1), recordstest.Record(2, 0.1, 1),
		recordstest.Record(2, 0.1, 1)
	old.Later = later()
	auto.Later = later(store.LaterSetting{Name: "normalise", Value: "auto", Text: "auto"})
	stated.Later = later(store.LaterSetting{Name: "normalise", Value: "0.5,0.25", Text: "0.5,0.25"},
		store.LaterSetting{Name: "classes", Value: 12, Whole: true, Text: "12"})
	sgd.Later = later(store.LaterSetting{Name: "rule", Value: "sgd", Text: "sgd"})
	lines := strings.Split(writtenTables(t, []store.Record{auto, stated, sgd, old})["table.csv"], "\n")
	for i, want := range []string{",validation,normalise,classes,rule,seed,", ",0,mnist,,adam,1,",
		",0,mnist,,sgd,1,", `,0,"0.5,0.25",12,adam,1,`, ",0,auto,,adam,1,"} {
		if !strings.Contains(lines[i], want) {
			t.Errorf("line %d is %q, want %s in it", i, lines[i], want)
		}
	}
	variants := variantsOf([]store.Record{old, auto}, alongC)
	if len(variants) != 2 || variants[0].label != "normalise mnist" || variants[1].label != "normalise auto" {
		t.Errorf("variants %+v", variants)
	}
}

func TestTables(t *testing.T) {
	records := tableRecords()
	files := writtenTables(t, records)
	if want := []string{"table.csv", "table.jsonl", "means.csv"}; !slices.Equal(TableNames(), want) ||
		len(files) != len(want) {
		t.Errorf("files %v", TableNames())
	}
	if files["table.csv"] != goldenCSV {
		t.Errorf("table.csv is\n%s\nwant\n%s", files["table.csv"], goldenCSV)
	}
	slices.Reverse(records)
	if again := writtenTables(t, records); !reflect.DeepEqual(files, again) {
		t.Error("records in another order gave other bytes")
	}
	if got := writtenTables(t, nil); strings.Count(got["table.csv"], "\n") != 1 || got["table.jsonl"] != "" ||
		!strings.HasPrefix(goldenCSV, got["table.csv"]) || strings.Count(got["means.csv"], "\n") != 1 {
		t.Errorf("tables of nothing: %q", got)
	}
	wantError(t, WriteTables(filepath.Join(t.TempDir(), "missing"), records), "missing", "no such file")
}

// A reader of the tables gets the values of the records, to the last bit.
func TestTablesReadBack(t *testing.T) {
	var records []store.Record
	next := resultstest.Normal(3)
	for i := range 20 {
		r := recordstest.Record(2, math.Exp(float64(next())), uint64(i))
		for _, f := range store.FieldsOf(reflect.ValueOf(&r.Outcome).Elem()) {
			if f.Value.Kind() == reflect.Float64 {
				f.Value.SetFloat(float64(next()) * math.Pow(10, 10*float64(next())))
			}
		}
		records = append(records, r)
	}
	slices.SortFunc(records, store.CompareRecords)
	files := writtenTables(t, records)
	rows, err := csv.NewReader(strings.NewReader(files["table.csv"])).ReadAll()
	check(t, err)
	lines := strings.Split(strings.TrimSuffix(files["table.jsonl"], "\n"), "\n")
	if len(rows) != 21 || len(lines) != 20 {
		t.Fatalf("%d rows, %d lines", len(rows), len(lines))
	}
	for i, r := range records {
		var object map[string]any
		d := json.NewDecoder(strings.NewReader(lines[i]))
		d.UseNumber()
		check(t, d.Decode(&object))
		if len(object) != len(rows[0]) {
			t.Errorf("line %d has %d columns, want %d", i+1, len(object), len(rows[0]))
		}
		for _, f := range store.FieldsOf(reflect.ValueOf(r)) {
			if f.Value.Kind() != reflect.Float64 {
				continue
			}
			fromCSV, err := strconv.ParseFloat(rows[i+1][slices.Index(rows[0], f.Name)], 64)
			check(t, err)
			fromJSON, err := strconv.ParseFloat(fmt.Sprint(object[f.Name]), 64)
			check(t, err)
			if want := f.Value.Float(); fromCSV != want || fromJSON != want {
				t.Errorf("%s: %v and %v, want %v", f.Name, fromCSV, fromJSON, want)
			}
		}
	}
	var last map[string]any
	check(t, json.Unmarshal([]byte(strings.Split(writtenTables(t, tableRecords())["table.jsonl"], "\n")[2]), &last))
	if last["accuracy_sampled"] != nil || last["diverged_what"] != "loss" ||
		len(last) != strings.Count(strings.Split(goldenCSV, "\n")[0], ",")+1 {
		t.Errorf("line of the diverged network: %v", last)
	}
}

func TestMeans(t *testing.T) {
	var records []store.Record
	for i, accuracy := range []float64{0.90, 0.92, 0.97} {
		r := recordstest.Record(2, 0.1, uint64(i+1))
		r.AccuracySampled = accuracy
		records = append(records, r)
	}
	records = append(records, diverged(2, 0.1, 9), diverged(2, 10, 1))
	rows, err := csv.NewReader(strings.NewReader(writtenTables(t, records)["means.csv"])).ReadAll()
	check(t, err)
	cell := func(row int, name string) string { return rows[row][slices.Index(rows[0], name)] }
	if len(rows) != 3 || slices.Contains(rows[0], "seed") || cell(1, "seeds") != "3" || cell(1, "diverged") != "1" ||
		cell(1, "c") != "0.1" {
		t.Fatalf("means.csv: %q", rows)
	}
	mean, err := strconv.ParseFloat(cell(1, "accuracy_sampled"), 64)
	check(t, err)
	half, err := strconv.ParseFloat(cell(1, "accuracy_sampled_ci95"), 64)
	check(t, err)
	// The squares of the differences from 0.93 add up to 0.0026; t(2) is 4.302653.
	if !near(mean, 0.93, 1e-12) || !near(half, 4.302653*math.Sqrt(0.0026/2/3), 1e-6) {
		t.Errorf("mean %v, half-width %v", mean, half)
	}
	if cell(2, "seeds") != "0" || cell(2, "diverged") != "1" || cell(2, "accuracy_sampled") != "" ||
		cell(1, "loss_mean") != "" {
		t.Errorf("a group without a figure: %q", rows[2])
	}
	objects, err := MeansJSON(records)
	check(t, err)
	var first map[string]any
	check(t, json.Unmarshal(objects[0], &first))
	if len(objects) != 2 || first["accuracy_sampled"] != mean || len(first) != len(rows[0]) ||
		!bytes.Contains(objects[1], []byte(`"accuracy_sampled":null`)) {
		t.Errorf("means as JSON: %s", objects)
	}
}

func TestWriteTable(t *testing.T) {
	type row struct {
		Name string `json:"name"`
		Inner
		Count *int `json:"count"`
	}
	n := 3
	path := filepath.Join(t.TempDir(), "table.csv")
	check(t, WriteTable(path, []row{{Name: "a, b", Inner: Inner{SD: math.NaN()}, Count: &n}, {Inner: Inner{SD: 0.1}}}))
	got, err := os.ReadFile(path)
	check(t, err)
	if want := "name,sd,count\n\"a, b\",,3\n,0.1,\n"; string(got) != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// Inner is the exported part of a row.
type Inner struct {
	SD float64 `json:"sd"`
}

// Text that a spreadsheet would run is text there; a number stays a number, of either sign.
func TestTextCell(t *testing.T) {
	for text, want := range map[string]string{
		"=1+1": "'=1+1", "@SUM(A1)": "'@SUM(A1)", "+cmd|' /C calc'!A0": "'+cmd|' /C calc'!A0", "-2+3": "'-2+3", "-": "'-",
		"\t=1": "'\t=1",
		"-0.5": "-0.5", "+1e3": "+1e3", "-Inf": "-Inf", "": "", "digits": "digits", "a=b": "a=b", "1/2": "1/2",
	} {
		if got := TextCell(text); got != want {
			t.Errorf("TextCell(%q) = %q, want %q", text, got, want)
		}
	}
	if got := csvField("-0.25"); got != "-0.25" {
		t.Errorf("the number -0.25 is the cell %q", got)
	}
}
