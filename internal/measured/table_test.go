package measured

import (
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"
)

func read(t *testing.T, text string) (*Table, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "table.csv")
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return Read(path)
}

// asUTF16 is a text in what Windows calls "Unicode": UTF-16, little-endian, after a byte order mark.
func asUTF16(text string) string {
	b := []byte{0xff, 0xfe}
	for _, u := range utf16.Encode([]rune(text)) {
		b = append(b, byte(u), byte(u>>8))
	}
	return string(b)
}

// One table in all the forms in which programs write it.
func TestReadForms(t *testing.T) {
	const text = "w,mu,sigma\n0.02,0.01,0.5\n1e3,-.004,5\n"
	replaced := func(pairs ...string) string { return strings.NewReplacer(pairs...).Replace(text) }
	for name, form := range map[string]string{
		"plain":                       text,
		"no end of line":              strings.TrimSpace(text),
		"mark":                        "\ufeff" + text,
		"Windows":                     "\ufeff" + replaced("\n", "\r\n"),
		"old Mac":                     replaced("\n", "\r"),
		"UTF-16":                      asUTF16(replaced("\n", "\r\n")),
		"empty lines":                 "\n" + replaced("\n", "\n\n") + "\n\n",
		"lines of empty cells":        text + ",,\n,,,,\n , \n",
		"commas at the ends of lines": replaced("\n", ",\n"),
		"a comma after the last name": replaced("sigma\n", "sigma,\n"),
		"blanks":                      replaced(",", "\t , ", "\n", " \n"),
		"quotes":                      replaced(",", `","`, "w", `"w`, "0.02", `"0.02`, "1e3", `"1e3`, "\n", "\"\n"),
		"comments":                    "# measured, by hand; in 2021\n" + replaced("1e3", "# on the second day\n1e3"),
		"semicolons":                  replaced(",", ";"),
		"semicolons, decimal commas":  replaced(",", ";", ".", ","),
		"semicolons everywhere":       replaced(",", ";", ".", ",", "\n", ";;\r\n") + ";;;\n",
		"tabs":                        replaced(",", "\t"),
		"tabs, decimal commas":        replaced(",", "\t", ".", ","),
	} {
		table, err := read(t, form)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if !slices.Equal(table.Names, []string{"w", "mu", "sigma"}) || len(table.Rows) != 2 {
			t.Errorf("%s: %q, %d rows", name, table.Names, len(table.Rows))
			continue
		}
		for column, want := range map[string][]float64{"w": {0.02, 1000}, "mu": {0.01, -0.004}, "sigma": {0.5, 5}} {
			got, err := table.Column(column, math.Inf(-1), math.Inf(1))
			if err != nil || !slices.Equal(got, want) {
				t.Errorf("%s: %s: got %v and error %v, want %v", name, column, got, err, want)
			}
		}
	}
}

func TestReadEmptyCells(t *testing.T) {
	table, err := read(t, "a\tb\tc\r\n\t2\t\r\n\r\n1\t\t3\r\n")
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []Row{{2, []string{"", "2", ""}}, {4, []string{"1", "", "3"}}} {
		if got := table.Rows[i]; got.Line != want.Line || !slices.Equal(got.Cells, want.Cells) {
			t.Errorf("row %d: got %+v, want %+v", i, got, want)
		}
	}
}

func TestReadBad(t *testing.T) {
	for text, want := range map[string]string{
		"":                           "is empty",
		"\r\n,,\r\n# a comment\r\n":  "is empty",
		"w,mu\n,\n":                  "no line below the names",
		"w,mu\n1,2\n3,4,5\n":         "line 3: want 2 values, one for each name, got 3",
		"\nw,mu\n1\n":                "line 3: want 2 values, one for each name, got 1",
		"w,mu\n0,5,0,3\n":            "line 2: want 2 values, one for each name, got 4", // decimal commas between commas
		"w,mu\n1,\"2\n":              "quote",
		"w;mu\n0,5;1\n1;2.5\n":       `got both: line 2, column w: "0,5"; line 3, column mu: "2.5"`,
		"w;mu\n1.234,5;1\n":          `line 2, column w: want a number, got "1.234,5"`,
		"w,mu\r1,2\r\r\rx,3\r":       `line 5, column w: want a number, got "x"`,
		"w;mu\n1;2\n;3\n":            `line 3, column w: want a number, got ""`,
		"\xff\xfew\x00,\x00m\x00\n,": "no line below the names", // half a UTF-16 file
		"W,MU\n1,2\n":                `want a column "w", got W, MU`,
	} {
		table, err := read(t, text)
		if err == nil {
			_, err = table.Column("w", math.Inf(-1), math.Inf(1))
		}
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "table.csv: ") {
			t.Errorf("%q: got error %v, want %q", text, err, want)
		}
	}
}
