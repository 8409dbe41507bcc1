package dynamics_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"quantal/dynamics"
	"quantal/dynamics/drift"
	"quantal/dynamics/spines"
	"quantal/results/store"
	"quantal/train"
)

func setup(t *testing.T, e dynamics.Experiment, file string, flags ...string) *dynamics.Setup {
	t.Helper()
	s, err := e.Setup()
	if err != nil {
		t.Fatal(err)
	}
	if file != "" {
		if err := s.ReadFile(file); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Settle(train.Host{}, true); err != nil {
		t.Fatal(err)
	}
	for _, flag := range flags {
		name, value, _ := strings.Cut(flag, "=")
		f, err := s.Settings.Find(name)
		if err == nil {
			err = f.Set(value)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// A Go program makes an experiment like the command: the folder has all files, and its configuration repeats the
// experiment to the byte.
func TestExperimentFromGo(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "one.toml")
	law := "[[condition]]\nname = \"mine\"\nbounds = [\"reflecting\"]\nlow = 0.02\nhigh = 1\n" +
		"mu = { offset = 0.008, slope = -0.06 }\nsigma = { offset = 0.01, slope = 0.22 }\n"
	if err := os.WriteFile(file, []byte(law), 0o644); err != nil {
		t.Fatal(err)
	}
	make := func(name, file string, flags ...string) (*dynamics.Result, []byte) {
		s := setup(t, spines.Experiment(), file, flags...)
		if err := s.Check(); err != nil {
			t.Fatal(err)
		}
		told := 0.
		out := filepath.Join(dir, name)
		r, err := s.Make(context.Background(), train.Host{}, out, dynamics.Watch{
			Progress: func(done float64, _ string) { told = done }})
		if err != nil || told == 0 || !store.Finished(out) {
			t.Fatalf("told that %g is done: %v", told, err)
		}
		table, err := os.ReadFile(filepath.Join(out, "table.csv"))
		if err != nil {
			t.Fatal(err)
		}
		return r, table
	}
	quick := []string{"spines=200", "days=2", "follow=1", "cells=100"}
	r, table := make("a", file, append(quick, "seed=7", "threads=1")...)
	var text bytes.Buffer
	if err := r.Print(&text); err != nil || !strings.Contains(text.String(), "mine, reflecting") ||
		strings.Contains(text.String(), "control") {
		t.Errorf("tables of the one law of the file: %v\n%s", err, text.String())
	}
	if _, again := make("b", filepath.Join(dir, "a", store.ConfigName), quick...); !bytes.Equal(again, table) {
		t.Error("its own configuration makes another table")
	}
	if _, other := make("c", file, append(quick, "seed=8")...); bytes.Equal(other, table) {
		t.Error("another seed makes the same table")
	}
	if _, err := os.Stat(filepath.Join(dir, "a", "parts")); err == nil {
		t.Error("parts are left")
	}
}

// A file that lists no laws leaves the existing ones. The device of a network is not taken from its configuration.
func TestSetup(t *testing.T) {
	file := filepath.Join(t.TempDir(), "config.toml")
	if err := os.WriteFile(file, []byte("days = 3\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	s := setup(t, spines.Experiment(), file, "follow=1")
	if err := s.Check(); err != nil {
		t.Errorf("without laws in the file: %v", err)
	}
	if err := os.WriteFile(file, []byte("[training]\ndevice = \"cuda:7\"\nthreads = 3\nhidden = [4]\n"),
		0o644); err != nil {
		t.Fatal(err)
	}
	s = setup(t, drift.Experiment(), file)
	if c := s.Start.Training; c.Device != "auto" || c.Threads != 0 || c.Data != "glyphs" {
		t.Errorf("the network works on %s with %d threads, on %s", c.Device, c.Threads, c.Data)
	}
	s = setup(t, drift.Experiment(), file, "device=cpu", "threads=2", "data=mnist")
	if err := s.Check(); err != nil {
		t.Error(err)
	}
	if c := s.Start.Training; c.Device != "cpu" || c.Threads != 2 || c.Data != "mnist" {
		t.Errorf("the network works on %s with %d threads, on %s", c.Device, c.Threads, c.Data)
	}
}
