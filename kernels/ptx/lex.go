package ptx

import (
	"fmt"
	"strings"
)

// A token of PTX text. Words keep their inner dots, so "ld.global.f32", "%tid.x" and ".reg" are one token each.
type token struct {
	kind tokenKind
	text string // for strings: without the quotes
	line int
}

type tokenKind uint8

const (
	tokenEnd    tokenKind = iota
	tokenWord             // a directive, opcode, register, label or symbol
	tokenNumber           // starts with a digit
	tokenString
	tokenMark // one character: , ; : { } [ ] ( ) < > @ ! | + - = *
)

func (t token) String() string {
	switch t.kind {
	case tokenEnd:
		return "the end of the text"
	case tokenString:
		return fmt.Sprintf("%q", t.text)
	}
	return t.text
}

func isWordStart(c byte) bool {
	return c == '_' || c == '$' || c == '%' || c == '.' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// lex splits text into tokens, ending with one of kind tokenEnd. It drops comments.
func lex(text string) ([]token, error) {
	tokens := make([]token, 0, len(text)/4+1)
	line := 1
	for i := 0; i < len(text); {
		c := text[i]
		switch {
		case c == '\n':
			line++
			i++
		case c == ' ' || c == '\t' || c == '\r':
			i++
		case strings.HasPrefix(text[i:], "//"):
			if end := strings.IndexByte(text[i:], '\n'); end >= 0 {
				i += end
			} else {
				i = len(text)
			}
		case strings.HasPrefix(text[i:], "/*"):
			end := strings.Index(text[i+2:], "*/")
			if end < 0 {
				return nil, fmt.Errorf("ptx: line %d: comment without end", line)
			}
			line += strings.Count(text[i:i+2+end], "\n")
			i += end + 4
		case c == '"':
			end := strings.IndexAny(text[i+1:], "\"\n")
			if end < 0 || text[i+1+end] == '\n' {
				return nil, fmt.Errorf("ptx: line %d: string without end", line)
			}
			tokens = append(tokens, token{tokenString, text[i+1 : i+1+end], line})
			i += end + 2
		case isWordStart(c) || isDigit(c):
			end := i + 1
			for end < len(text) {
				if isWordStart(text[end]) && text[end] != '%' || isDigit(text[end]) {
					end++
				} else if strings.HasPrefix(text[end:], "::") { // as in ld.global.L2::128B
					end += 2
				} else {
					break
				}
			}
			kind := tokenWord
			if isDigit(c) {
				kind = tokenNumber
			}
			tokens = append(tokens, token{kind, text[i:end], line})
			i = end
		case strings.IndexByte(",;:{}[]()<>@!|+-=*", c) >= 0:
			tokens = append(tokens, token{tokenMark, text[i : i+1], line})
			i++
		default:
			return nil, fmt.Errorf("ptx: line %d: unexpected character %q", line, rune(c))
		}
	}
	return append(tokens, token{kind: tokenEnd, line: line}), nil
}
