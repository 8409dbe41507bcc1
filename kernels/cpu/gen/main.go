// Command gen writes the assembly kernels of package cpu: go run . in this folder, or go run . FOLDER to write
// elsewhere.
//
// It is a separate module, so that quantal does not depend on avo. The kernels of all sets, AVX-512, AVX2 and NEON,
// come from one description: assembler.go hides what differs, neon.go has the vector instructions of arm64 and arm64.go
// prints for it, functions.go has the elementary functions, and each of the other files one kernel or a family of them.
package main

import (
	"bytes"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/pass"
	"github.com/mmcloughlin/avo/printer"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("gen: ")
	out := ".."
	if len(os.Args) > 1 {
		out = os.Args[1]
	}
	hash, err := sourceHash(".")
	if err != nil {
		log.Fatal(err)
	}
	for _, a := range []*assembler{newAssembler("AVX512", 16), newAssembler("AVX2", 8), newAssembler("NEON", 4)} {
		if err := a.write(out, hash); err != nil {
			log.Fatal(err)
		}
	}
}

// write writes the set's assembly and its Go declarations.
func (a *assembler) write(folder, hash string) error {
	for _, law := range powerLaws {
		a.sample(law)
	}
	a.sampleSlopes()
	a.sigmas()
	a.sampleShared()
	a.redraw()
	a.forward()
	a.backward()
	for _, priced := range []bool{false, true} {
		for _, rule := range movers {
			a.updates(rule, priced)
		}
	}
	a.perExample()
	a.formDW()
	for _, rule := range movers {
		a.move(rule)
	}
	a.sum()
	a.squares()
	a.sumInputs()
	a.gather()
	a.claim()
	a.activations()
	a.uniforms()
	for _, tabulated := range []bool{false, true} {
		a.advance(tabulated)
		a.advanceSites(tabulated)
	}
	for _, o := range operations {
		a.formulaOperation(o)
	}
	if !a.arm() {
		a.arrivals()
		a.currents()
		a.leak()
		a.steps()
	}
	a.probe()
	file, err := a.Result()
	if err != nil {
		build.LogError(log.Default(), err, 10)
		return fmt.Errorf("%s: no kernels", a.set)
	}
	if err := pass.Compile.Execute(file); err != nil {
		return fmt.Errorf("%s: %w", a.set, err)
	}
	config := printer.Config{Name: "kernels/cpu/gen, sources " + hash, Pkg: "cpu"}
	name, assembly := filepath.Join(folder, strings.ToLower(a.set)+"_amd64"), printer.NewGoAsm(config)
	if a.arm() {
		name, assembly = filepath.Join(folder, strings.ToLower(a.set)+"_arm64"), &armPrinter{config, a.vectorPool}
	}
	for ending, p := range map[string]printer.Printer{".s": assembly, ".go": printer.NewStubs(config)} {
		text, err := p.Print(file)
		if err != nil {
			return fmt.Errorf("%s: %w", a.set, err)
		}
		if !a.wide() && !a.arm() {
			if err := onlyLowRegisters(text); err != nil {
				return err
			}
		}
		if ending == ".go" {
			text = wrapped(text)
		}
		if err := os.WriteFile(name+ending, text, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// wrapped breaks lines of more than 120 characters at the last commas before.
func wrapped(text []byte) []byte {
	var b bytes.Buffer
	for line := range bytes.Lines(text) {
		next := []byte("\t")
		if bytes.HasPrefix(line, []byte("//")) {
			next = []byte("// ")
		}
		for len(line) > 120 {
			at := bytes.LastIndex(line[:120], []byte(", ")) + 1
			if at == 0 {
				break
			}
			b.Write(line[:at])
			b.WriteByte('\n')
			line = append(bytes.Clone(next), line[at+1:]...)
		}
		b.Write(line)
	}
	return b.Bytes()
}

// onlyLowRegisters refuses AVX2 kernels that use the registers 16 to 31, which avo allocates but only AVX-512 has.
func onlyLowRegisters(text []byte) error {
	for i := 16; i < 32; i++ {
		for _, kind := range "XYZ" {
			if r := fmt.Sprintf("%c%d", kind, i); bytes.Contains(text, []byte(r+",")) || bytes.Contains(text, []byte(r+"\n")) {
				return fmt.Errorf("an AVX2 kernel uses register %s", r)
			}
		}
	}
	return nil
}
