package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/pelletier/go-toml/v2"
	"github.com/urfave/cli/v2"

	"quantal/dynamics"
	"quantal/grid"
	"quantal/internal/setting"
	"quantal/results/store"
	"quantal/train"
)

// another is a value that a setting may have, other than that of the published preset.
func another(t *testing.T, name string) (train.Config, string) {
	t.Helper()
	for _, value := range append([]string{"2", "7", "cpu", "glyphs"},
		strings.Split(named(t, published(t), name).Axis, ",")...) {
		c := published(t)
		value = strings.Trim(value, "' ")
		if c.Set(name, value) != nil || c.Check() != nil {
			continue
		}
		switch different := c.Differences(published(t)).Names(); {
		case slices.Equal(different, []string{name}), name == "network" && slices.Equal(different, []string{"hidden", name}):
			return c, value
		}
	}
	t.Fatalf("%s: no other value is known: its Axis may name one", name)
	return train.Config{}, ""
}

func published(t *testing.T) train.Config {
	t.Helper()
	c, err := train.Preset("published")
	check1(t, err)
	return c
}

func named(t *testing.T, c train.Config, name string) setting.Setting {
	t.Helper()
	s, err := c.Settings().Find(name)
	check1(t, err)
	return s
}

func check1(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Every reader reads every setting, under both spellings of its name, with the value that was set.
func TestEveryReaderReadsEverySetting(t *testing.T) {
	write := func(text string) string {
		path := filepath.Join(t.TempDir(), "config.toml")
		check1(t, os.WriteFile(path, []byte(text), 0o644))
		return path
	}
	// document is a configuration as a file, with another spelling.
	document := func(encode func(any) ([]byte, error), c train.Config, name, spelling string) string {
		text, err := encode(c.Settings().Document())
		check1(t, err)
		return strings.Replace(string(text), name, spelling, 1)
	}
	for _, s := range new(train.Config).Settings() {
		// These need costs that read numbers, quantal synapses, held-out examples, or a convolution.
		if slices.Contains([]string{"set", "n-init", "p-init", "patience", "cost-per"}, s.Name) {
			continue
		}
		want, value := another(t, s.Name)
		for _, spelling := range []string{s.Name, s.Column()} {
			got := map[string]train.Config{}
			flags := intersperse(newApp(nil, nil), []string{"quantal", "train", "--" + spelling + "=" + value})
			c := published(t)
			app := &cli.App{Flags: trainingFlags(), Action: func(x *cli.Context) error { return applyFlags(x, c.Settings()) }}
			check1(t, app.Run(append([]string{"quantal"}, flags[2:]...)))
			got["flag"] = c

			c = published(t)
			missing, err := store.ReadSettings(write(document(toml.Marshal, want, s.Name, spelling)), c.Settings())
			check1(t, err)
			got["TOML"] = c
			if len(missing) > 0 {
				t.Errorf("%s: missing %v", spelling, missing.Names())
			}

			c = train.Config{}
			check1(t, json.Unmarshal([]byte(document(json.Marshal, want, s.Name, spelling)), &c))
			c.Normalise = strings.TrimSuffix(c.Normalise, "mnist") // chosen in the stored file
			got["JSON"] = c

			base, values, vary := published(t), map[string]string{}, map[string]string{}
			_, err = readGridFile(write(fmt.Sprintf("%s = %q", spelling, value)), &base, values, vary)
			check1(t, err)
			for name, value := range values {
				check1(t, base.Set(name, value))
			}
			got["grid file"] = base

			if s.Axis != "" {
				axis, err := grid.ParseAxis(published(t), spelling, value)
				check1(t, err)
				points, err := grid.Points(published(t), axis)
				check1(t, err)
				got["axis"] = points[0].Config
				base, values, vary := published(t), map[string]string{}, map[string]string{}
				_, err = readGridFile(write(fmt.Sprintf("[vary]\n%s = [%q]", spelling, value)), &base, values, vary)
				check1(t, err)
				if (values[s.Name] + vary[s.Name]) != value {
					t.Errorf("%s: [vary] reads %v, %v", spelling, values, vary)
				}
			}
			for reader, c := range got {
				if d := c.Differences(want); len(d) > 0 {
					t.Errorf("%s, %s = %s: differs in %v", reader, spelling, value, d.Names())
				}
			}
			if kinds := grid.Kinds(); slices.Contains(kinds.Columns, s.Column()) {
				read, err := kinds.Read(map[string]string{s.Column(): value})
				check1(t, err)
				if s := grid.SettingsOf(want, read.Data); read != s {
					t.Errorf("CSV, %s = %s: %+v", spelling, value, read)
				}
			}
		}
	}
}

// shownDefault is what --help says of a flag of a setting.
func shownDefault(f cli.Flag) string {
	switch f := f.(type) {
	case *cli.StringFlag:
		return f.DefaultText
	case *cli.StringSliceFlag:
		return f.DefaultText
	}
	return ""
}

// The default that --help shows for a flag is its value: giving it changes nothing.
func TestDefaults(t *testing.T) {
	for _, s := range new(train.Config).Settings() {
		if s.Before != "" {
			c := published(t)
			if err := named(t, c, s.Name).Set(s.Before); err != nil || c.Check() != nil {
				t.Errorf("%s: before %q: %v, %v", s.Name, s.Before, err, c.Check())
			}
		}
	}
	for _, e := range experiments() {
		first, err := e.Setup()
		check1(t, err)
		quick, err := e.Setup()
		check1(t, err)
		check1(t, quick.Settle(train.Host{}, true))
		texts := map[string]string{} // as --help has them
		for _, f := range dynamicsExperiment(e).Flags {
			texts[f.Names()[0]] = shownDefault(f)
		}
		for _, s := range first.Settings {
			full, small, _ := strings.Cut(texts[s.FlagName()], "; ")
			if s.FlagName() == "" || texts[s.FlagName()] == s.Unset || s.Name == "effective" { // in words
				continue
			}
			small, isQuick := strings.CutSuffix(small, " with --quick")
			for of, text := range map[*dynamics.Setup]string{first: full, quick: small} {
				if of == quick && !isQuick {
					text = full
				}
				before := of.Settings.Document()
				setting, err := of.Settings.Find(s.Name)
				check1(t, err)
				if err := setting.Set(text); err != nil || !reflect.DeepEqual(of.Settings.Document(), before) {
					t.Errorf("%s --%s: the default that is shown, %s, is another: %v", e.Name, s.FlagName(), text, err)
				}
			}
		}
	}
	for _, f := range trainingFlags() {
		c := published(t)
		s := named(t, c, f.Names()[0])
		text := shownDefault(f)
		if text == s.Unset && s.Text() == named(t, train.Config{}, s.Name).Text() {
			continue // in words
		}
		if err := s.Set(text); err != nil || len(c.Differences(published(t))) > 0 {
			t.Errorf("--%s: the default that is shown, %s, is another: %v", s.Name, text, err)
		}
	}
}

// A setting that does not exist is added, as a field and an entry in a list, to a copy of the sources, and then appears
// in flags and their checks, files, axes, dry runs, tables, comparisons and identities.
func TestMadeUpSetting(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the program")
	}
	root, err := filepath.Abs("../..")
	check1(t, err)
	dir := t.TempDir()
	overlay := map[string]map[string]string{"Replace": {}}
	for file, edit := range map[string][2]string{
		"config.go": {`(?m)^\tLearningRate .*$`, "$0\n\tMadeUp float64"},
		"setting.go": {`(?m)^\t\t\{Name: "seed"`,
			`		{Name: "made-up", Value: &c.MadeUp, Want: setting.Above(0), Axis: numbers, Before: "1", Help: "a number"},` +
				"\n$0"},
	} {
		path := filepath.Join(root, "train", file)
		text, err := os.ReadFile(path)
		check1(t, err)
		edited := regexp.MustCompile(edit[0]).ReplaceAll(text, []byte(edit[1]))
		if bytes.Equal(edited, text) {
			t.Fatalf("%s is not as this test knows it", file)
		}
		overlay["Replace"][path] = filepath.Join(dir, file)
		check1(t, os.WriteFile(filepath.Join(dir, file), edited, 0o644))
	}
	text, err := json.Marshal(overlay)
	check1(t, err)
	check1(t, os.WriteFile(filepath.Join(dir, "overlay.json"), text, 0o644))
	program := filepath.Join(dir, "quantal")
	build := exec.Command("go", "build", "-overlay", filepath.Join(dir, "overlay.json"), "-o", program, "./cmd/quantal")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	quantal := func(wants string, args ...string) string {
		t.Helper()
		c := exec.Command(program, args...)
		c.Dir = dir
		out, _ := c.CombinedOutput()
		if !regexp.MustCompile(wants).Match(out) {
			t.Errorf("quantal %s: want %s in\n%s", strings.Join(args, " "), wants, out)
		}
		return string(out)
	}
	small := []string{"--data", "glyphs", "--hidden", "none", "--epochs", "1", "--batch", "6000", "--draws", "0"}
	quantal(`--made-up value +a number \(default: 1\)`, "train", "--help")
	quantal(`--made-up 0: want a number above 0`, append([]string{"train", "--made-up", "0"}, small...)...)
	quantal(`--made-up "x": want a number`, append([]string{"train", "--made_up", "x"}, small...)...)
	quantal("made-up3", append([]string{"train", "--made-up", "3"}, small...)...) // in the folder's name
	quantal(`accuracy`, append([]string{"train", "--made_up", "3", "--out", "run"}, small...)...)
	config, err := os.ReadFile(filepath.Join(dir, "run", store.ConfigName))
	if err != nil || !strings.Contains(string(config), "made-up = 3.0\n") {
		t.Errorf("%v: config.toml is\n%s", err, config)
	}
	old := strings.ReplaceAll(string(config), "made-up = 3.0\n", "")
	check1(t, os.WriteFile(filepath.Join(dir, "old.toml"), []byte(old+"made_up = 4\n"), 0o644))
	quantal(`made-up4`, "train", "--config", "old.toml", "--epochs", "2")
	quantal(`cannot change`, "train", "--resume", "run", "--made-up", "2")

	vary := append([]string{"grid", "--c", "1", "--vary", "made_up=1,2", "--out", "grid"}, small...)
	quantal(`(?s)1 .*made-up 2\n.*\b2\b.*in all`, append(vary, "--dry-run")...)
	quantal(`2 points: 2 done`, vary...)
	quantal(`made-up 1 \(1 network\), 2 \(1 network\), 5 \(1 network\)`,
		append([]string{"grid", "--c", "1", "--made-up", "5", "--out", "grid"}, small...)...)
	table, err := os.ReadFile(filepath.Join(dir, "grid", "table.csv"))
	check1(t, err)
	lines := strings.Split(string(table), "\n")
	for i, want := range []string{",made_up,seed,status,", ",1,1,done,", ",2,1,done,", ",5,1,done,"} {
		if !strings.Contains(lines[i], want) {
			t.Errorf("line %d of table.csv is %s, want %s in it", i+1, lines[i], want)
		}
	}
	// The earlier network keeps its name.
	c := published(t)
	for i := 0; i < len(small); i += 2 {
		check1(t, c.Set(small[i][2:], small[i+1]))
	}
	check1(t, c.Set("c", "1"))
	points, err := grid.Points(c)
	check1(t, err)
	if !strings.HasPrefix(lines[1], points[0].ID+",") {
		t.Errorf("the network of before is %s, want %s", lines[1], points[0].ID)
	}
	check1(t, os.WriteFile(filepath.Join(dir, "other.csv"),
		[]byte("data,hidden,epochs,batch,made-up,rho,c,noise,sigma_rms\nglyphs,none,1,6000,9,2,1,heterogeneous,1\n"), 0o644))
	quantal(`made_up is 1, in the reference 9`, "compare", "grid", "other.csv")
	quantal(`made_up`, "compare", "--help")
}
