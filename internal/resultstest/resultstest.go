// Package resultstest has what the tests of the packages in folder results share. It knows none of them.
package resultstest

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"

	"quantal/kernels"
)

// Check ends the test if there is an error.
func Check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// WantError checks an error's text, and that it is one line that begins with the package's name.
func WantError(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want one with %q", parts)
	}
	text := err.Error()
	if !regexp.MustCompile(`^(store|draw|tables): .*$`).MatchString(text) {
		t.Errorf("error is not one line that begins with the package: %s", text)
	}
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("error lacks %q: %s", part, text)
		}
	}
}

// IsA says whether an error is one of a type.
func IsA[E error](err error) bool {
	_, is := errors.AsType[E](err)
	return is
}

// LayoutOf makes a layout of layers with the given sizes.
func LayoutOf(sharing kernels.Sharing, sizes ...int) kernels.Layout {
	l := kernels.Layout{Sharing: sharing}
	for i, out := range sizes[1:] {
		l.Layers = append(l.Layers, kernels.Layer{In: sizes[i], Out: out})
	}
	return l
}

// Normal returns normally distributed numbers of a fixed sequence.
func Normal(seed uint64) func() float32 {
	r := rand.New(rand.NewPCG(seed, 1))
	return func() float32 { return float32(r.NormFloat64()) }
}

// WellFormed checks that a picture is SVG with shapes, without text elements and without NaN.
func WellFormed(t *testing.T, name string, svg []byte) {
	t.Helper()
	paths := 0
	for d := xml.NewDecoder(bytes.NewReader(svg)); ; {
		token, err := d.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if e, ok := token.(xml.StartElement); ok && e.Name.Local == "path" {
			paths++
		}
	}
	if paths < 20 || bytes.Contains(svg, []byte("NaN")) || bytes.Contains(svg, []byte("Inf")) ||
		bytes.Contains(svg, []byte("<text")) {
		t.Errorf("%s: %d paths, or a NaN or a text element", name, paths)
	}
}
