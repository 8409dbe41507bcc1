package train

import (
	"slices"
	"testing"
)

// TestDifferences: what a setting is as text, Set reads back, and two configurations differ by what was set.
func TestDifferences(t *testing.T) {
	published, err := Preset("published")
	if err != nil {
		t.Fatal(err)
	}
	other := published
	want := []NamedValue{{"hidden", "50x20"}, {"lr", "0.0003"}, {"noise", "neuron"}, {"rho", "4/3"}}
	for _, v := range want {
		if err := other.Set(v.Name, v.Value); err != nil {
			t.Fatal(err)
		}
	}
	if got := other.Differences(published); !slices.Equal(got, want) {
		t.Errorf("differences %v, want %v", got, want)
	}
	if got := published.Differences(published); len(got) != 0 {
		t.Errorf("a configuration differs from itself: %v", got)
	}
	values := other.values()
	again := published
	for _, name := range SettingNames() {
		text, ok := values[name]
		if !ok {
			t.Errorf("%s has no value", name)
		}
		if err := again.Set(name, text); err != nil {
			t.Errorf("%s: %q: %v", name, text, err)
		}
	}
	if got := again.Differences(other); len(got) != 0 {
		t.Errorf("read back, these differ: %v", got)
	}
}
