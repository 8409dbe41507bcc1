// Package textfile makes of text files what their readers expect, wherever they were written.
package textfile

import (
	"bytes"
	"fmt"

	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// Decode returns a text in UTF-8, without a byte order mark, whose lines end with a line feed. Windows' programs put
// the mark in front, write UTF-16 behind one, and end lines with a carriage return and a line feed; old ones of the Mac
// with the former alone. The number of lines stays what it is. Text in UTF-8 may be anything: whoever parses it says
// what is wrong.
func Decode(data []byte) ([]byte, error) {
	text, _, err := transform.Bytes(unicode.BOMOverride(transform.Nop), data)
	if err != nil {
		return nil, fmt.Errorf("the text cannot be decoded: %w", err)
	}
	text = bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))
	return bytes.ReplaceAll(text, []byte("\r"), []byte("\n")), nil
}
