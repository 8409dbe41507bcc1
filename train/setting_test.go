package train

import (
	"slices"
	"strings"
	"testing"
)

// TestDifferences: Set reads back the text of a setting, and two configurations differ by the settings that were set.
func TestDifferences(t *testing.T) {
	published, err := Preset("published")
	if err != nil {
		t.Fatal(err)
	}
	other := published
	want := []string{"hidden 50x20", "lr 0.0003", "noise neuron", "rho 4/3"}
	for _, v := range want {
		name, value, _ := strings.Cut(v, " ")
		if err := other.Set(name, value); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	for _, s := range other.Differences(published) {
		got = append(got, s.Name+" "+s.Text())
	}
	if !slices.Equal(got, want) {
		t.Errorf("differences %v, want %v", got, want)
	}
	if got := published.Differences(published); len(got) != 0 {
		t.Errorf("a configuration differs from itself: %v", got)
	}
	again := published
	for _, s := range other.Settings() {
		if err := again.Set(s.Name, s.Text()); err != nil {
			t.Errorf("%s: %q: %v", s.Name, s.Text(), err)
		}
	}
	if got := again.Differences(other); len(got) != 0 {
		t.Errorf("read back, these differ: %v", got)
	}
}
