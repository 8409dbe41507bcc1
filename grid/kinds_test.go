package grid

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"quantal/results/store"
	"quantal/results/tables"
	"quantal/train"
)

// What published networks are is read as settings are, under the names of columns and of flags.
func TestKinds(t *testing.T) {
	read := func(text string) ([]tables.Published, error) {
		path := filepath.Join(t.TempDir(), "published.csv")
		check(t, os.WriteFile(path, []byte(text), 0o644))
		return tables.ReadPublished(path, Kinds())
	}
	list, err := read("data,hidden,epochs,batch,lr,lambda,mu-init,sigma_init,validation,normalise,classes,rule,rho,c," +
		"noise,loss_nats\n" +
		"digits,8x9,2,7,0.5,0,0.2,0.3,11,auto,12,sgd,2,1,layer,1\n,,,,,,,,,,,,1/2,1,layer,1\n" +
		",none,,,,,,,,mnist,,adam,2,1,layer,1\n" +
		",,,,,,,,,,,,,,none,1\n")
	check(t, err)
	place := func(c train.Config, data string, set ...string) store.Settings {
		for _, text := range set {
			name, value, _ := strings.Cut(text, "=")
			check(t, c.Set(name, value))
		}
		s := SettingsOf(c, data)
		s.Seed = 0
		return s
	}
	c, err := train.Preset("published")
	check(t, err)
	for i, want := range []store.Settings{
		place(c, "digits", "hidden=8x9", "epochs=2", "batch=7", "lr=0.5", "lambda=0", "mu-init=0.2", "sigma-init=0.3",
			"validation=11", "normalise=auto", "classes=12", "rule=sgd", "rho=2", "c=1", "noise=layer"),
		place(c, "mnist", "rho=1/2", "c=1", "noise=layer"),
		place(c, "mnist", "hidden=none", "rho=2", "c=1", "noise=layer"),
		place(c, "mnist", "noise=none"),
	} {
		if want.Noise == "none" {
			want.Rho, want.RhoValue, want.C = "", 0, 0
		}
		if list[i].Settings != want {
			t.Errorf("line %d: read %+v, want %+v", i+2, list[i].Settings, want)
		}
	}
	list, err = read("rho,c,noise,cost,set,activation,lr_schedule,weight-decay,loss_nats\n" +
		",,layer,\"exp(-k*sigma)\",k=2,tanh,cosine,0.5,1\n,3,layer,reliability = c/sigma; m = mu^2,,,,,1\n2,1,layer,,,,,,1\n")
	check(t, err)
	for i, want := range []store.Settings{
		place(c, "mnist", "noise=layer", "cost=exp(-k*sigma)", "set=k=2", "activation=tanh", "lr-schedule=cosine",
			"weight-decay=0.5"),
		place(c, "mnist", "noise=layer", "c=3", "cost=reliability = c/sigma; m = mu^2"),
		place(c, "mnist", "noise=layer", "rho=2", "c=1"),
	} {
		if list[i].Settings != want {
			t.Errorf("line %d: read %+v, want %+v", i+2, list[i].Settings, want)
		}
	}
	const header = "rho,c,noise,accuracy_percent\n"
	for text, parts := range map[string][]string{
		header + "2,x,layer,5\n":                                   {"line 2, column c", `"x"`, "want a number"},
		header + "2,0,layer,5\n":                                   {"line 2, column c", "above 0"},
		header + "2,,layer,5\n":                                    {"line 2, column c", "want a number"},
		header + "2,1,loud,5\n":                                    {"line 2, column noise", `"loud"`, "homogeneous"},
		header + "-1,1,layer,5\n":                                  {"line 2, column rho", `"-1"`, "number or fraction"},
		"rho,c,noise,loss_nats,hidden\n2,1,layer,1,8-9":            {"line 2, column hidden", `"8-9"`, "whole number"},
		"rho,c,noise,loss_nats,epochs\n2,1,layer,1,0.5":            {"line 2, column epochs", "whole number"},
		"rho,c,noise,cost,loss_nats\n,1,layer,exp(-k*sigma),1":     {"line 2, column cost", "the number k"},
		"rho,c,noise,cost,loss_nats\n,,layer,c*exp(-sigma),1":      {"line 2, column c", "the cost reads it"},
		"rho,c,noise,cost,loss_nats\n,1,layer,exp(sigma,1":         {"line 2, column cost", "exp(sigma"},
		"rho,c,noise,loss_nats,lr\n2,1,layer,1,-1":                 {"line 2, column lr", "above 0"},
		"rho,c,noise,loss_nats,draws\n2,1,layer,1,20":              {"line 1, column 5", `"draws"`, "mu_init"},
		"rho,c,noise,loss_nats,mu-init,mu_init\n2,1,layer,1,20,20": {"line 1, column 6", "mu_init occurs twice"},
	} {
		_, err := read(text)
		for _, part := range parts {
			if err == nil || !strings.Contains(err.Error(), part) {
				t.Errorf("%q: %v, want %s in it", text, err, part)
			}
		}
	}
}
