package columns

import (
	"os"
	"testing"

	"quantal/internal/comments"
)

// comments.txt is what the code says: `go generate ./results/columns` writes it.
func TestCommentsAreThoseOfTheCode(t *testing.T) {
	structs, err := comments.Read(os.DirFS("../.."), "quantal", Structs()...)
	if err != nil {
		t.Fatal(err)
	}
	if string(Format(structs)) != commentsText {
		t.Error("the comments of structs that become files have changed: go generate ./results/columns")
	}
}

// Every field of every struct that becomes a file has a meaning.
func TestEveryFieldIsExplained(t *testing.T) {
	for _, name := range New(nil).Unexplained() {
		t.Errorf("%s: want a comment in the code, or a line in glossary.txt", name)
	}
}
