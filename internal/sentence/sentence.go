// Package sentence turns errors into sentences for people.
package sentence

import (
	"regexp"
	"slices"
	"strings"
)

// Packages are those whose names precede their errors, for programmers; quantal, the name of this one, precedes errors
// that begin with a name that the user chose.
func Packages() []string {
	return []string{
		"analysis", "assemblies", "bench", "comments", "cpu", "cuda", "dist", "draw", "drift", "dynamics", "explore", "graph",
		"grid", "kernels", "libcuda", "mnist", "ptx", "quantal", "sampling", "serve", "slurm", "spiking", "spines", "store",
		"synapse", "tables", "tolerance", "train",
	}
}

// Of is an error for people: without the names of packages, and without Go's words for an interruption.
func Of(err error) string {
	text := plain(err)
	const canceled = "context canceled"
	if strings.Contains(text, "interrupted") {
		text = strings.ReplaceAll(text, ": "+canceled, "")
	}
	return strings.ReplaceAll(text, canceled, "interrupted")
}

// plain is the text of an error without the names of packages. Text after the first name stays, although it may look
// like another: a user's folder can be called grid.
func plain(err error) string {
	var inner []error
	switch e := err.(type) {
	case interface{ Unwrap() []error }:
		inner = e.Unwrap()
	case interface{ Unwrap() error }:
		inner = []error{e.Unwrap()}
	}
	head, tail := err.Error(), ""
	for _, e := range slices.Backward(inner) {
		if e == nil {
			continue
		}
		if i := strings.LastIndex(head, e.Error()); i >= 0 {
			tail = plain(e) + own(head[i+len(e.Error()):]) + tail
			head = head[:i]
		}
	}
	return own(head) + tail
}

// own is the text that an error adds to those it wraps, without the name before it, and without those of errors that it
// contains as text.
func own(text string) string {
	names := `(?:` + strings.Join(Packages(), "|") + `): `
	text = regexp.MustCompile(`(?m)^`+names).ReplaceAllString(text, "")
	for further := regexp.MustCompile(`: ` + names); further.MatchString(text); {
		text = further.ReplaceAllString(text, ": ")
	}
	return text
}
