package tables

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"quantal/results/store"
)

// fraction reads 1/2 and 2, as drivers do.
func fraction(s string) (float64, error) {
	numerator, denominator, found := strings.Cut(s, "/")
	if !found {
		denominator = "1"
	}
	n, err := strconv.ParseFloat(numerator, 64)
	d, err2 := strconv.ParseFloat(denominator, 64)
	if err != nil || err2 != nil || !(n/d > 0) {
		return 0, fmt.Errorf("rho %q: want a number or fraction", s)
	}
	return n / d, nil
}

// standard is the settings of a reference that does not give them.
func standard() store.Settings {
	return store.Settings{Data: "mnist", Hidden: "100x100", Lambda: 0.01, LearningRate: 1e-4, Batch: 20, Epochs: 50,
		MuInit: 0.1, SigmaInit: 1e-4}
}

// someKinds reads rho, c, noise, data and hidden, as package grid does for all settings.
func someKinds() Kinds {
	return Kinds{[]string{"data", "hidden"}, func(texts map[string]string) (store.Settings, error) {
		s := standard()
		s.Noise, s.Data, s.Hidden = texts["noise"], cmp.Or(texts["data"], s.Data), cmp.Or(texts["hidden"], s.Hidden)
		if s.Noise == store.WithoutNoise {
			return s, nil
		}
		var err error
		if s.RhoValue, err = fraction(texts["rho"]); err != nil {
			return s, fmt.Errorf("column rho: %w", err)
		}
		s.Rho = texts["rho"]
		s.C, err = strconv.ParseFloat(texts["c"], 64)
		return s, err
	}}
}

// published is the arrays of EES Fig. 2 and 3.
func published(t *testing.T) []Published {
	t.Helper()
	list, err := ReadPublished(filepath.Join("..", "published", "fig2and3_published.csv"), someKinds())
	check(t, err)
	return list
}

func readText(t *testing.T, text string) ([]Published, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "published.csv")
	check(t, os.WriteFile(path, []byte(text), 0o644))
	return ReadPublished(path, someKinds())
}

func TestPublishedValues(t *testing.T) {
	list := published(t)
	if len(list) != 240 {
		t.Fatalf("%d points", len(list))
	}
	settings := standard()
	settings.Rho, settings.RhoValue, settings.C, settings.Noise = "2", 2, 0.1, "homogeneous"
	want := Published{settings, 63.35, 1.3295, 0.31949, 437917}
	found := false
	for _, p := range list {
		found = found || p == want
	}
	if !found {
		t.Errorf("no %+v", want)
	}
}

func TestReadPublished(t *testing.T) {
	list, err := readText(t, "\ufeffc, sigma_rms,noise,rho,accuracy_percent\n1e-3,0.5,layer,2/3,\n,0,none,,98.5\n")
	check(t, err)
	if len(list) != 2 || !near(list[0].RhoValue, 2./3, 1e-12) || list[0].Rho != "2/3" || list[0].C != 1e-3 ||
		list[0].SigmaRMS != 0.5 ||
		!math.IsNaN(list[0].AccuracyPercent) || !math.IsNaN(list[0].LossNats) || list[1].AccuracyPercent != 98.5 ||
		list[1].Noise != "none" {
		t.Errorf("read %+v", list)
	}
	// As saved by a spreadsheet in a country with decimal commas.
	list, err = readText(t, "\ufeffrho;c ;noise;accuracy_percent;;\r\n0,5;1E-3;layer;97,25;;\r\n1/2;0,01;layer;98;;\r\n"+
		";;;;;\r\n")
	check(t, err)
	if len(list) != 2 || list[0].RhoValue != 0.5 || list[0].C != 1e-3 || list[0].AccuracyPercent != 97.25 ||
		list[1].RhoValue != 0.5 || list[1].C != 0.01 {
		t.Errorf("read %+v", list)
	}
	const header = "rho,c,noise,accuracy_percent\n"
	for text, parts := range map[string][]string{
		"":                                    {"is empty", "names of the columns"},
		header:                                {"no line below"},
		"rho,c,noise\n2,1,layer\n":            {"line 1", "nothing to compare", "sigma_rms"},
		"rho,noise,sigma_rms\n2,layer,1\n":    {"line 1", "there is no c"},
		"rho,c,noise,accuracy\n2,1,layer,5\n": {"line 1, column 4", `"accuracy"`, "accuracy_percent"},
		"rho,c,noise,sigma_rms,c\n2,1,layer,5,1\n":                   {"line 1, column 5", "twice"},
		header + "2,1,layer\n":                                       {"line 2", "want 4 values, one for each name, got 3"},
		header + "2,1,\"layer,5\n":                                   {"line 2", "quote"},
		header + "-1,1,layer,5\n":                                    {"line 2, column rho", "number or fraction"},
		header + "2,1,layer,0.91%\n":                                 {"line 2, column accuracy_percent", "0 to 100"},
		header + "2,1,layer,101\n":                                   {"line 2, column accuracy_percent", "0 to 100"},
		header + "2,1,layer,NaN\n":                                   {"line 2, column accuracy_percent", "0 to 100"},
		header + "2,1,layer,5\n\n4/2,1.0001,layer,6\n":               {"line 4", "is already in line 2"},
		"rho,c,noise,sigma_rms\n2,1,layer,-0.5\n":                    {"line 2, column sigma_rms", "from 0"},
		"rho,c,noise,data\n2,1,layer,mnist\n":                        {"line 1", "nothing to compare"},
		"rho,c,noise,loss_nats,data\n2,1,layer,1,a\n2,1,layer,1,a\n": {"line 3", "is already in line 2"},
		"rho,c,noise,loss_nats,reliability_cost\n2,1,layer,,y":       {"line 2, column reliability_cost", `"y"`},
	} {
		_, err := readText(t, text)
		wantError(t, err, append(parts, "published.csv: ")...)
		if !isCorrupt(err) {
			t.Errorf("%q: want a CorruptError", text)
		}
	}
	_, err = ReadPublished(filepath.Join(t.TempDir(), "none.csv"), someKinds())
	if wantError(t, err, "none.csv"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}
