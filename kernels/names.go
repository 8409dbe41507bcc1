package kernels

import (
	"fmt"
	"slices"
	"strings"
)

// name is the String of an enumeration with the given names.
func name(names []string, kind string, i int) string {
	if i < 0 || i >= len(names) {
		return fmt.Sprintf("%s(%d)", kind, i)
	}
	return names[i]
}

// named finds the value of an enumeration by its name.
func named(names []string, kind string, text []byte) (int, error) {
	i := slices.Index(names, string(text))
	if i < 0 {
		return 0, fmt.Errorf("%s %q: want one of %s", kind, text, strings.Join(names, ", "))
	}
	return i, nil
}
