package main

import (
	"bytes"
	"fmt"
	"io"
	"unicode"
	"unicode/utf8"
)

// printable passes on text with visible control characters, as JSON writes them: names of files, labels of data and
// answers of servers may contain sequences that a terminal obeys.
type printable struct{ to io.Writer }

// Write passes on all of text, or fails.
func (p printable) Write(text []byte) (int, error) {
	if _, err := p.to.Write(visible(text)); err != nil {
		return 0, err
	}
	return len(text), nil
}

// visible is text in which each character without a visible shape, except line breaks and tabs, is replaced by its
// number.
func visible(text []byte) []byte {
	if bytes.IndexFunc(text, obeyed) < 0 && utf8.Valid(text) {
		return text
	}
	var b bytes.Buffer
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, text[0])
		case obeyed(r):
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.Write(text[:size])
		}
		text = text[size:]
	}
	return b.Bytes()
}

// obeyed reports whether a terminal acts on a character instead of showing it. This includes the marks of direction,
// which show a line in another order.
func obeyed(r rune) bool {
	return r != '\n' && r != '\t' && (unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r))
}
