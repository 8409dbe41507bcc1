package comments

import (
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

func TestRead(t *testing.T) {
	source := fstest.MapFS{
		"a/a.go": {Data: []byte(`package a

import "m/b/c"

// Outer is a row
// of a table.
type Outer[T any] struct {
	X, y float64 ` + "`json:\"x\"`" + ` // metres
	// Number counts X.
	Number int ` + "`json:\"n,omitempty\"`" + `
	Hidden int ` + "`json:\"-\"`" + `
	c.Inner
	More []*Other ` + "`json:\"more\"`" + `
	Terms map[string]c.Inner ` + "`json:\"terms\"`" + ` // by name
	Open *T ` + "`json:\"open\"`" + `
	List List[T] ` + "`json:\"list\"`" + `
	Kind kind ` + "`json:\"kind\"`" + `
}

type kind int

type List[S any] struct {
	S S ` + "`json:\"s\"`" + `
}
`)},
		"a/b.go":      {Data: []byte("package a\n\ntype Other struct {\n\tZ int `json:\"z\"`\n}\n")},
		"a/a_test.go": {Data: []byte("not Go")},
		"b/c/c.go":    {Data: []byte("package c\n\ntype Inner struct {\n\tP int `json:\"p\"` // of c\n}\n")},
	}
	got, err := Read(source, "m", "a.Outer")
	if err != nil {
		t.Fatal(err)
	}
	want := []Struct{
		{"a.Outer", "Outer is a row of a table.", []Field{{"x", "", "metres"}, {"n", "", "n counts x."}, {"p", "", "of c"},
			{"more", "a.Other", ""}, {"terms", "", "by name"}, {"open", Parameter, ""}, {"list", "a.List", ""},
			{"kind", "", ""}}},
		{"a.Other", "", []Field{{"z", "", ""}}},
		{"a.List", "", []Field{{"s", Parameter, ""}}},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if _, err := Read(source, "m", "a.kind"); err == nil {
		t.Error("a number passes for a struct")
	}
	if _, err := Read(source, "m", "a.None"); err == nil {
		t.Error("a missing type is read")
	}
}
