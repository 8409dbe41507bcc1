// Package textfile converts text files to what their readers expect, no matter where they were written.
package textfile

import (
	"bytes"
	"fmt"

	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// Decode returns a text in UTF-8, without a byte order mark, whose lines end with a line feed. Programs for Windows
// write the mark first, use UTF-16 after one, and end lines with a carriage return and a line feed; old ones for the
// Mac with the former alone. The number of lines does not change. Text in UTF-8 may be anything: its parser says what
// is wrong.
func Decode(data []byte) ([]byte, error) {
	text, _, err := transform.Bytes(unicode.BOMOverride(transform.Nop), data)
	if err != nil {
		return nil, fmt.Errorf("the text cannot be decoded: %w", err)
	}
	text = bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))
	return bytes.ReplaceAll(text, []byte("\r"), []byte("\n")), nil
}
