// Package nearest finds the name that somebody who mistyped one may have meant.
package nearest

import (
	"strings"

	"github.com/xrash/smetrics"
)

// Name is the one of names that is closest to word: the fewest letters added, dropped, changed or swapped with their
// neighbour. It is empty if even that needs more than two of them, or if nothing of the word would be left.
func Name(word string, names []string) string {
	word = strings.ToLower(word)
	best, least := "", 0
	for _, name := range names {
		if d := distance(word, strings.ToLower(name)); best == "" || d < least {
			best, least = name, d
		}
	}
	if least > 2 || least >= len(word) || 2*least > len(best) && len(best) > 3 {
		return ""
	}
	return best
}

// Hint is what to add to a message about a word that is none of names: "; did you mean calcium?", or nothing.
func Hint(word string, names []string) string {
	if name := Name(word, names); name != "" && name != word {
		return "; did you mean " + name + "?"
	}
	return ""
}

// OneOf is what to say of a word that is none of names: "want one of calcium, membrane; did you mean calcium?".
func OneOf(word string, names []string) string {
	return "want one of " + strings.Join(names, ", ") + Hint(word, names)
}

// distance counts edits. To swap two neighbours counts as one: of all slips of the finger it is the most frequent.
func distance(a, b string) int {
	d := smetrics.WagnerFischer(a, b, 1, 1, 1)
	for i := range len(a) - 1 {
		swapped := a[:i] + a[i+1:i+2] + a[i:i+1] + a[i+2:]
		d = min(d, 1+smetrics.WagnerFischer(swapped, b, 1, 1, 1))
	}
	return d
}
