package nearest

import "testing"

func TestName(t *testing.T) {
	commands := []string{"demo", "train", "grid", "status", "eval", "export", "figures", "data", "bench"}
	flags := []string{"data", "hidden", "noise", "rho", "c", "lambda", "epochs", "batch", "lr", "mu-init", "sigma-init",
		"out", "json"}
	mechanisms := []string{"calcium", "membrane", "actin", "trafficking", "entropic"}
	for _, c := range []struct {
		word  string
		names []string
		want  string
	}{
		{"trian", commands, "train"}, {"figure", commands, "figures"}, {"evla", commands, "eval"}, {"Grid", commands, "grid"},
		{"nonsense", commands, ""}, {"", commands, ""},
		{"roh", flags, "rho"}, {"mu_init", flags, "mu-init"}, {"sigma_init", flags, "sigma-init"}, {"lamda", flags, "lambda"},
		{"epoch", flags, "epochs"}, {"x", flags, ""}, {"threshold", flags, ""},
		{"calcum", mechanisms, "calcium"}, {"traficking", mechanisms, "trafficking"}, {"bone", mechanisms, ""},
	} {
		if got := Name(c.word, c.names); got != c.want {
			t.Errorf("Name(%q) = %q, want %q", c.word, got, c.want)
		}
	}
	if got, want := Hint("calcum", mechanisms), "; did you mean calcium?"; got != want {
		t.Errorf("Hint = %q, want %q", got, want)
	}
}
