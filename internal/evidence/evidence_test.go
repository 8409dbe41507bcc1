package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What the pages of this tree say agrees with its tables.
func TestPages(t *testing.T) {
	reports, err := pages("../..", nil)
	if err != nil {
		t.Fatal(err)
	}
	checked := 0
	for _, r := range reports {
		for _, f := range r.Faults {
			t.Error(f)
		}
		t.Log(r)
		checked += r.Checked
	}
	if checked == 0 {
		t.Error("no page has a number that is checked")
	}
}

const table = `arm,size,seed,share,time
noise,10,1,0.95,120
noise,10,2,0.90,140
noise,10,3,0.97,
noise,20,1,0.5,1234
none,10,1,0.125,-3
`

const page = `# A page

` + "`make evidence-check`" + ` compares this page with the table. Section 4 is not in it.

- Noise reaches 94.00 ± 8.96 % over 3 seeds
  (lowest 90), AVX-512, once in 1,234 steps; 1.2e+03 of them.
- None stays at 0.12, in 7 of 8 cases, a time of −3.

<!-- evidence table.csv
let noise(size) = column("arm=noise; size=" + string(size), "share")
let without = "arm=none"
reaches {100*mean(noise(10))} ± {100*ci(noise(10))} % over {number("arm=noise; size<20")} seeds
  (lowest {100*min(noise(10))})
once in {value("size>10", "time")} steps; {value("size>=20", "time")} of them
stays at {value(without, "share")}, ... a time of {value(without, "time")}
assert value(without, "share") < min(noise(10))
-->

| size | share | 100 times |
|---|---|---|
| 10 | 0.94 | 94.0 |
| 20 | 0.50 | 50.0 |

<!-- evidence
rows size = 10; 20
| {size} | {mean(noise(size))} | {100*mean(noise(size))} |
-->
`

func checked(t *testing.T, page, table string) *Report {
	t.Helper()
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "table.csv"), []byte(table), 0o666); err != nil {
		t.Fatal(err)
	}
	return check("page.md", page, folder, true)
}

func TestCheck(t *testing.T) {
	r := checked(t, page, table)
	if len(r.Faults) != 0 || r.Checked != 12 || r.Labels != 2 || r.Asserted != 1 || r.Unchecked != 4 {
		t.Errorf("%v\n%v\n%v", r, r.Faults, r.Listed)
	}
	if r := check("page.md", "# Another page\n\nIt has 3 numbers, 1 and 2.\n", "", true); r.Part || r.Unchecked != 0 {
		t.Errorf("a page without a comment: %v", r)
	}
}

// Every change of a number in the text or in the table that its rounding shows is noticed.
func TestNotices(t *testing.T) {
	for _, change := range []struct{ in, from, to, fault string }{
		{"page", "94.00 ±", "94.01 ±", "printed 94.01, the table gives 94 (100*mean(noise(10)))"},
		{"page", "± 8.96", "± 8.95", "printed 8.95, the table gives 8.95669"},
		{"page", "over 3 seeds", "over 4 seeds", "printed 4, the table gives 3"},
		{"page", "lowest 90", "lowest 91", "printed 91"},
		{"page", "1,234", "1,235", "printed 1,235, the table gives 1234"},
		{"page", "1.2e+03", "1.3e+03", "printed 1.3e+03"},
		{"page", "at 0.12,", "at 0.14,", "printed 0.14, the table gives 0.125"},
		{"page", "−3", "3", "printed 3, the table gives -3"},
		{"page", "| 20 | 0.50 | 50.0 |", "| 20 | 0.50 | 50.1 |", "printed 50.1"},
		{"page", "Noise reaches", "Noise attains", "has no (further) sentence like: reaches"},
		{"page", "| 20 | 0.50 | 50.0 |\n", "", "has no (further) sentence like: | {size}"},
		{"page", "assert value(without, \"share\") <", "assert value(without, \"share\") >", "not true of the tables"},
		{"page", "arm=noise; size=", "arm=nosie; size=", "no row with a share matches"},
		{"page", "-->", "", "the comment does not end"},
		{"page", "\n<!-- evidence\n", "\nNo number.\n\n# A title\n<!-- evidence\n", "a comment stands after the paragraph"},
		{"page", "let without", "let max", "a function has that name"},
		{"page", "table.csv\nlet", "tabel.csv\nlet", "tabel.csv"},
		{"table", "0.97,", "0.98,", "printed 94.00, the table gives 94.3333"},
		{"table", "1234", "1235", "printed 1,234, the table gives 1235"},
		{"table", "none,10,1,0.125", "none,10,1,0.99", "not true of the tables"},
		{"table", "noise,20,1,0.5,1234", "noise,20,1,0.5,1234\nnoise,20,2,0.5,1234", "has 2 numbers in the column time"},
	} {
		page, table := page, table
		text := map[string]*string{"page": &page, "table": &table}[change.in]
		if *text = strings.Replace(*text, change.from, change.to, 1); !strings.Contains(*text, change.to) {
			t.Fatalf("%q is not there", change.from)
		}
		if faults := strings.Join(checked(t, page, table).Faults, "\n"); !strings.Contains(faults, change.fault) {
			t.Errorf("%s for %s: want %q, got %q", change.to, change.from, change.fault, faults)
		}
	}
}
