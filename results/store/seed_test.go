package store

import (
	"math"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"quantal/internal/setting"
)

// All 64 bits of a seed survive a configuration file, and smaller seeds look as they always did.
func TestSeedInAConfiguration(t *testing.T) {
	type seeded struct {
		Seed Seed `toml:"seed" json:"seed"`
	}
	f := newRun(t)
	for seed, text := range map[Seed]string{
		0: "seed = 0\n", 1: "seed = 1\n", math.MaxInt64: "seed = 9223372036854775807\n",
		math.MaxInt64 + 1: `seed = "9223372036854775808"` + "\n", math.MaxUint64: `seed = "18446744073709551615"` + "\n",
	} {
		check(t, f.WriteConfig(seeded{seed}))
		written, err := os.ReadFile(f.Path(ConfigName))
		check(t, err)
		if string(written) != text {
			t.Errorf("seed %d is written %s, want %s", seed, written, text)
		}
		var got seeded
		_, err = f.ReadConfig(setting.List{{Name: "seed", Value: &got.Seed}})
		check(t, err)
		if got.Seed != seed {
			t.Errorf("seed %d is read as %d", seed, got.Seed)
		}
		line, err := EncodeJSON(got)
		check(t, err)
		if want := strings.NewReplacer("seed = ", `{"seed":`, "\n",
			"}").Replace(strings.ReplaceAll(text, `"`, "")); string(line) != want {
			t.Errorf("seed %d in JSON: %s, want %s", seed, line, want)
		}
	}
	for text, want := range map[string]Seed{
		"18446744073709551615": math.MaxUint64, "'7'": 7, "+7": 7, "0x10": 16, "1_000": 1000, "0b11": 3, "0o17": 15,
	} {
		got := seeded{99}
		check(t, decodeConfig([]byte("seed = "+text+" # so\n"), &got))
		if got.Seed != want {
			t.Errorf("%s is read as %d, want %d", text, got.Seed, want)
		}
	}
	for _, text := range []string{"-1", "1.5", "18446744073709551616", `"18446744073709551616"`, `"0x10"`, `""`, `"`,
		"[1]", "true", "{}"} {
		var got seeded
		if err := decodeConfig([]byte("seed = "+text+"\n"), &got); err == nil {
			t.Errorf("%s is read as %d", text, got.Seed)
		}
	}
	path := f.Path("a.toml")
	check(t, os.WriteFile(path, []byte("seed = -1\n"), 0o644))
	wantError(t, ReadConfigFile(path, &seeded{}), path, "seed -1: want a whole number from 0 to 2^64-1")
}

// Without types, as in a grid's file, a number that TOML has no place for is text.
func TestNumbersTooLargeForTOML(t *testing.T) {
	for text, want := range map[string]any{
		"seeds = 18446744073709551615\n": "18446744073709551615",
		"# 1\nseeds = [1, +18_446_744_073_709_551_615, 0x8000000000000000] # so": []any{
			int64(1), "18446744073709551615", "9223372036854775808",
		},
		"seeds = 9223372036854775807":            int64(math.MaxInt64),
		"seeds = [\n  -99999999999999999999,\n]": []any{"-99999999999999999999"},
	} {
		var all map[string]any
		check(t, decodeConfig([]byte(text), &all))
		if diff := cmp.Diff(want, all["seeds"]); diff != "" {
			t.Errorf("%s (-want +got)\n%s", text, diff)
		}
	}
}
