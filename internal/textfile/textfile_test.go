package textfile

import "testing"

func TestDecode(t *testing.T) {
	for name, c := range map[string]struct{ data, want string }{
		"plain":                {"a\nσ\n", "a\nσ\n"},
		"nothing":              {"", ""},
		"mark":                 {"\xef\xbb\xbfa\n", "a\n"},
		"Windows":              {"\xef\xbb\xbfa\r\n\r\nb\r\n", "a\n\nb\n"},
		"old Mac":              {"a\r\rb", "a\n\nb"},
		"UTF-16 little-endian": {"\xff\xfea\x00\r\x00\n\x00\xc3\x03", "a\nσ"},
		"UTF-16 big-endian":    {"\xfe\xff\x00a\x00\n\x03\xc3", "a\nσ"},
		"not UTF-8":            {"\xb5 = 1\n", "\xb5 = 1\n"},
		"a mark within":        {"a\xef\xbb\xbf", "a\xef\xbb\xbf"},
	} {
		if got, err := Decode([]byte(c.data)); err != nil || string(got) != c.want {
			t.Errorf("%s: got %q and error %v, want %q", name, got, err, c.want)
		}
	}
}
