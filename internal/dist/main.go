// Command dist makes what a release consists of, in the folder dist: archives of the program for each system, packages
// for Debian, an SBOM and checksums. The bytes depend on the commit and the compilers alone.
//
//	go run ./internal/dist [SYSTEM...]     # such as linux/arm64; without one, all and the program for GPUs
package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"quantal/results/store"
)

// Only the versions of tools are pinned; `go run` fetches them.
const (
	nfpm      = "github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.43.0"
	cyclonedx = "github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@v1.10.0"
	folder    = "dist"
)

var systems = []string{"linux/amd64", "linux/arm64", "darwin/amd64", "darwin/arm64", "windows/amd64", "linux/amd64/gpu"}

func main() {
	log.SetFlags(0)
	log.SetPrefix("dist: ")
	chosen := os.Args[1:]
	for _, s := range chosen {
		if !slices.Contains(systems, s) {
			log.Fatalf("%s: want some of %s", s, strings.Join(systems, ", "))
		}
	}
	if len(chosen) == 0 {
		chosen = systems
	}
	if err := release(chosen); err != nil {
		log.Fatal(err)
	}
}

// maker makes the files of one release.
type maker struct {
	time   time.Time // of the commit: that of all files
	common []file    // in every archive
	parts  string    // a temporary folder
}

func release(systems []string) error {
	changes, err := output(nil, "git", "status", "--porcelain", "--untracked-files=no")
	if err != nil {
		return err
	}
	if len(changes) > 0 {
		return errors.New("want a clean tree, since a release is of a commit; git status names the changes")
	}
	stamp, err := output(nil, "git", "log", "-1", "--format=%ct")
	if err != nil {
		return err
	}
	seconds, err := strconv.ParseInt(strings.TrimSpace(string(stamp)), 10, 64)
	if err != nil {
		return fmt.Errorf("time of the commit: %w", err)
	}
	m := &maker{time: time.Unix(seconds, 0).UTC()}
	if m.parts, err = os.MkdirTemp("", "quantal-dist-"); err != nil {
		return err
	}
	defer os.RemoveAll(m.parts)
	if err := errors.Join(os.RemoveAll(folder), os.MkdirAll(folder, 0o755)); err != nil {
		return err
	}
	if err := m.gather(systems); err != nil {
		return err
	}
	for _, s := range systems {
		if err := m.program(s); err != nil {
			return fmt.Errorf("%s: %w", s, err)
		}
	}
	if err := m.sbom(); err != nil {
		return fmt.Errorf("SBOM: %w", err)
	}
	return checksums()
}

// gather collects what every archive has beside the program.
func (m *maker) gather(systems []string) error {
	for _, name := range []string{"LICENSE", "README.md", "CHANGELOG.md", "CITATION.cff"} {
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		m.common = append(m.common, file{name: name, content: text})
	}
	licences, err := licences(systems)
	if err != nil {
		return err
	}
	here := filepath.Join(m.parts, "here")
	if _, err := output([]string{"CGO_ENABLED=0"}, "go", "build", "-o", here, "./cmd/quantal"); err != nil {
		return err
	}
	m.common = append(m.common, file{name: "LICENSES.txt", content: licences})
	for name, args := range map[string][]string{
		"quantal.1": {"help", "man"}, "completions/quantal.bash": {"completion", "bash"},
		"completions/_quantal": {"completion", "zsh"}, "completions/quantal.fish": {"completion", "fish"},
	} {
		text, err := output(nil, here, args...)
		if err != nil {
			return err
		}
		m.common = append(m.common, file{name: name, content: text})
	}
	return nil
}

// program builds the program for a system and packs it.
func (m *maker) program(system string) error {
	parts := strings.Split(system, "/")
	goos, arch, gpu := parts[0], parts[1], len(parts) > 2
	name := "quantal"
	if goos == "windows" {
		name += ".exe"
	}
	path := filepath.Join(m.parts, strings.ReplaceAll(system, "/", "-"))
	command := []string{"go", "build", "-trimpath", "-ldflags=-s -w -buildid=", "-o", path, "./cmd/quantal"}
	environment := []string{"GOOS=" + goos, "GOARCH=" + arch, "CGO_ENABLED=0", "GOAMD64=v1", "GOARM64=v8.0",
		"GOFLAGS=-buildvcs=true"}
	if gpu {
		command[0], environment[2] = "kernels/cuda/go.sh", "CGO_ENABLED=1"
	}
	if _, err := output(environment, command[0], command[1:]...); err != nil {
		return err
	}
	program, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	base := fmt.Sprintf("quantal-%s-%s", store.Version, strings.ReplaceAll(system, "/", "-"))
	files := append(slices.Clone(m.common), file{name: name, content: program, runs: true})
	slices.SortFunc(files, func(a, b file) int { return strings.Compare(a.name, b.name) })
	pack, ending := tarGzip, ".tar.gz"
	if goos == "windows" {
		pack, ending = zipped, ".zip"
	}
	archive, err := pack(base, files, m.time)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(folder, base+ending), archive, 0o644); err != nil {
		return err
	}
	if goos != "linux" || gpu {
		return nil
	}
	return m.debian(arch, files)
}

// debian makes the package of a program for Linux.
func (m *maker) debian(arch string, files []file) error {
	dir := filepath.Join(m.parts, "debian-"+arch)
	places := map[string]string{
		"quantal": "/usr/bin/quantal", "quantal.1": "/usr/share/man/man1/quantal.1.gz",
		"LICENSE": "/usr/share/doc/quantal/copyright", "LICENSES.txt": "/usr/share/doc/quantal/LICENSES.txt",
		"CHANGELOG.md": "/usr/share/doc/quantal/CHANGELOG.md", "README.md": "/usr/share/doc/quantal/README.md",
		"CITATION.cff":             "/usr/share/doc/quantal/CITATION.cff",
		"completions/quantal.bash": "/usr/share/bash-completion/completions/quantal",
		"completions/_quantal":     "/usr/share/zsh/vendor-completions/_quantal",
		"completions/quantal.fish": "/usr/share/fish/vendor_completions.d/quantal.fish",
	}
	type info struct {
		Mode  uint32    `json:"mode"`
		MTime time.Time `json:"mtime"`
	}
	type content struct {
		Source      string `json:"src"`
		Destination string `json:"dst"`
		Info        info   `json:"file_info"`
	}
	var contents []content
	for _, f := range files {
		place, ok := places[f.name]
		if !ok {
			return fmt.Errorf("no place for %s in a package", f.name)
		}
		path := filepath.Join(dir, f.name)
		text := f.content
		if strings.HasSuffix(place, ".gz") {
			packed, err := gzipped(text)
			if err != nil {
				return err
			}
			text = packed
		}
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, text, 0o644)); err != nil {
			return err
		}
		contents = append(contents, content{path, place, info{uint32(f.mode()), m.time}})
	}
	// JSON is YAML, too.
	text, err := json.Marshal(map[string]any{
		"name": "quantal", "arch": arch, "platform": "linux", "version": store.Version, "section": "science",
		"maintainer": "the authors of quantal <quantal@localhost>", "license": "MIT", "mtime": m.time,
		"description": "train neural networks whose synapses are unreliable and pay for reliability",
		"contents":    contents,
	})
	if err != nil {
		return err
	}
	config := filepath.Join(dir, "nfpm.json")
	if err := os.WriteFile(config, text, 0o644); err != nil {
		return err
	}
	epoch := fmt.Sprintf("SOURCE_DATE_EPOCH=%d", m.time.Unix())
	_, err = output([]string{epoch, "GOFLAGS="}, "go", "run", nfpm, "package", "--config", config, "--packager", "deb",
		"--target", fmt.Sprintf("%s/quantal_%s_%s.deb", folder, store.Version, arch))
	return err
}

// sbom lists what is linked, in the format of CycloneDX.
func (m *maker) sbom() error {
	path := filepath.Join(m.parts, "sbom.json")
	_, err := output([]string{"CGO_ENABLED=0", "GOFLAGS="}, "go", "run", cyclonedx, "app", "-json", "-licenses",
		"-noserial", "-std", "-main", "cmd/quantal", "-output", path, ".")
	if err != nil {
		return err
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var bill map[string]any
	if err := json.Unmarshal(text, &bill); err != nil {
		return err
	}
	if meta, ok := bill["metadata"].(map[string]any); ok {
		meta["timestamp"] = m.time.Format(time.RFC3339)
	}
	if text, err = json.MarshalIndent(bill, "", "  "); err != nil {
		return err
	}
	path = filepath.Join(folder, fmt.Sprintf("quantal-%s.cdx.json", store.Version))
	return os.WriteFile(path, append(text, '\n'), 0o644)
}

// checksums writes those of all files, as sha256sum reads them.
func checksums() error {
	entries, err := os.ReadDir(folder) // sorted
	if err != nil {
		return err
	}
	var sums bytes.Buffer
	for _, e := range entries {
		content, err := os.ReadFile(filepath.Join(folder, e.Name()))
		if err != nil {
			return err
		}
		fmt.Fprintf(&sums, "%x  %s\n", sha256.Sum256(content), e.Name())
	}
	fmt.Print(sums.String())
	return os.WriteFile(filepath.Join(folder, "SHA256SUMS"), sums.Bytes(), 0o644)
}

// output runs a command with additions to the environment. The error has its message.
func output(environment []string, name string, args ...string) ([]byte, error) {
	var stdout, stderr bytes.Buffer
	c := exec.Command(name, args...)
	c.Env = append(os.Environ(), environment...)
	c.Stdout, c.Stderr = &stdout, &stderr
	if err := c.Run(); err != nil {
		return nil, fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, stderr.String())
	}
	return stdout.Bytes(), nil
}
