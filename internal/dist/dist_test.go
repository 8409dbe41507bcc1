package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"quantal/results/store"
)

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// An archive has the files with their modes and the commit's time, and the same bytes at any time.
func TestArchives(t *testing.T) {
	at := time.Unix(1_700_000_000, 0).UTC()
	files := []file{{"LICENSE", []byte("MIT"), false}, {"quantal", []byte("program"), true}}
	const want = "f/LICENSE -rw-r--r-- MIT 1700000000\nf/quantal -rwxr-xr-x program 1700000000\n"

	packed, err := tarGzip("f", files, at)
	check(t, err)
	unzipped, err := gzip.NewReader(bytes.NewReader(packed))
	check(t, err)
	got := ""
	for r := tar.NewReader(unzipped); ; {
		h, err := r.Next()
		if err == io.EOF {
			break
		}
		check(t, err)
		content, err := io.ReadAll(r)
		check(t, err)
		got += fmt.Sprintln(h.Name, h.FileInfo().Mode(), string(content), h.ModTime.Unix())
	}
	if got != want {
		t.Errorf("tar:\n%s want\n%s", got, want)
	}

	zippedFiles, err := zipped("f", files, at)
	check(t, err)
	r, err := zip.NewReader(bytes.NewReader(zippedFiles), int64(len(zippedFiles)))
	check(t, err)
	got = ""
	for _, f := range r.File {
		entry, err := f.Open()
		check(t, err)
		content, err := io.ReadAll(entry)
		check(t, err)
		got += fmt.Sprintln(f.Name, f.Mode(), string(content), f.Modified.Unix())
	}
	if got != want {
		t.Errorf("zip:\n%s want\n%s", got, want)
	}
	time.Sleep(2 * time.Millisecond)
	again, err := tarGzip("f", files, at)
	check(t, err)
	zippedAgain, err := zipped("f", files, at)
	check(t, err)
	if !bytes.Equal(again, packed) || !bytes.Equal(zippedAgain, zippedFiles) {
		t.Error("the second archive differs from the first")
	}
}

// Every module that is linked has a licence that goes with it.
func TestLicences(t *testing.T) {
	t.Chdir("../..")
	text, err := licences([]string{"linux/amd64", "windows/amd64", "linux/amd64/gpu"})
	check(t, err)
	for _, want := range []string{"gorgonia.org/tensor v", "gorgonia.org/cu v", "github.com/google/renameio/v2 v", "uPlot",
		"Apache License", "SIL OPEN FONT LICENSE"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the licences lack %s", want)
		}
	}
	if strings.Contains(string(text), "apache/arrow") {
		t.Error("the licences name a module that a stub replaces")
	}
}

// The version is that of the program wherever it is written.
func TestVersions(t *testing.T) {
	for name, pattern := range map[string]string{"CITATION.cff": `(?m)^version: (.*)$`,
		"CHANGELOG.md": `(?m)^## (\S+)`} {
		text, err := os.ReadFile("../../" + name)
		check(t, err)
		if m := regexp.MustCompile(pattern).FindSubmatch(text); m == nil || string(m[1]) != store.Version {
			t.Errorf("%s has version %q first, want %s", name, m, store.Version)
		}
	}
}
