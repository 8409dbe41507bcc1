package main

import (
	"fmt"
	"maps"
	"math"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/builtin"
	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"

	"quantal/internal/measured"
)

// Report is what a page says and what the tables say.
type Report struct {
	Page                      string
	Part                      bool // the page names make evidence-check, or has a comment
	Checked, Labels, Asserted int
	Faults                    []string // differences, and comments that cannot be followed
	Unchecked                 int
	Listed                    []string // the unchecked numbers of each paragraph
}

const (
	digits = `[+\-−]?\d(?:[\d,]*\d)?(?:\.\d+)?(?:e[+-]?\d+)?`
	mark   = "<!-- evidence"
)

var (
	token   = regexp.MustCompile(digits)
	hole    = regexp.MustCompile(`\{[^{}]*\}|\.\.\.`)
	hidden  = regexp.MustCompile("(?s)`[^`]*`|\\]\\([^)]*\\)|<[^>]*>|https?://\\S+")
	letting = regexp.MustCompile(`^let (\w+)(?:\(([^)]*)\))? = (.*)$`)
	ordinal = regexp.MustCompile(`^(#|    |<!--|!\[)`)
)

// block is a paragraph, a list, a table or a fenced text: what stands between empty lines.
type block struct {
	line  int
	text  string // blanks are one blank each; the lines of tables and fenced texts are kept
	spans [][]int
	state []byte // of each number: 0 not checked, c checked, l a label, u said to be unchecked
}

// check reads a page; tables are in folder. The page takes part as a whole if whole is true and it says so.
func check(name, page, folder string, whole bool) *Report {
	r := &Report{Page: name}
	head, _, _ := strings.Cut(page, "\n## ")
	whole = whole && strings.Contains(strings.Join(strings.Fields(head), " "), "make evidence-check")
	r.Part = whole || strings.Contains("\n"+page, "\n"+mark)
	c := &comments{report: r, folder: folder, tables: map[string]*measured.Table{}}
	c.env = c.functions()
	var last *block
	finish := func(commented bool) {
		if last == nil {
			return
		}
		var left []string
		for i, s := range last.spans {
			switch last.state[i] {
			case 'c':
				r.Checked++
			case 'l':
				r.Labels++
			default:
				left = append(left, last.text[s[0]:s[1]])
			}
		}
		if (whole || commented) && left != nil {
			r.Unchecked += len(left)
			r.Listed = append(r.Listed, fmt.Sprintf("%s:%d: %s", name, last.line, strings.Join(left, "  ")))
		}
		last = nil
	}
	lines := strings.Split(page, "\n")
	for i := 0; i < len(lines); {
		start := i
		switch {
		case strings.TrimSpace(lines[i]) == "":
			i++
		case strings.HasPrefix(lines[i], mark):
			for i < len(lines) && !strings.HasSuffix(strings.TrimSpace(lines[i]), "-->") {
				if i++; i == len(lines) || strings.HasPrefix(lines[i], "<!--") {
					r.Faults = append(r.Faults, fmt.Sprintf("%s:%d: the comment does not end: want -->", name, start+1))
					break
				}
			}
			i = min(i+1, len(lines))
			c.block = last
			c.follow(start+1, lines[start:i])
			finish(true)
		case ordinal.MatchString(lines[i]):
			finish(false)
			i++
		default:
			finish(false)
			fenced := strings.HasPrefix(lines[i], "```")
			i++
			for i < len(lines) && (fenced && lines[i] != "```" || !fenced && strings.TrimSpace(lines[i]) != "" &&
				!strings.HasPrefix(lines[i], mark)) {
				i++
			}
			if fenced {
				i = min(i+1, len(lines))
			}
			last = newBlock(start+1, lines[start:i], fenced)
		}
	}
	finish(false)
	return r
}

func newBlock(line int, lines []string, fenced bool) *block {
	for i, l := range lines {
		lines[i] = strings.Join(strings.Fields(l), " ")
	}
	b := &block{line: line}
	if fenced || strings.HasPrefix(lines[0], "|") {
		b.text = strings.Join(lines, "\n")
	} else {
		b.text = strings.Join(lines, " ")
	}
	shown := b.text
	if !fenced {
		shown = hidden.ReplaceAllStringFunc(shown, func(s string) string { return strings.Repeat("x", len(s)) })
	}
	for _, s := range token.FindAllStringIndex(shown, -1) {
		before, _ := utf8.DecodeLastRuneInString(shown[:s[0]])
		after, size := utf8.DecodeRuneInString(shown[s[1]:])
		next, _ := utf8.DecodeRuneInString(shown[s[1]+size:])
		if first, n := utf8.DecodeRuneInString(shown[s[0]:]); strings.ContainsRune("+-−", first) && inWord(before) {
			s[0] += n
			before = first
			if first == '-' {
				continue
			}
		}
		if !inWord(before) && !unicode.IsLetter(after) && after != '_' && !(after == '-' && inWord(next)) {
			b.spans = append(b.spans, s)
		}
	}
	b.state = make([]byte, len(b.spans))
	return b
}

func inWord(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) || r == '_' }

// around is a number with a few words on each side.
func around(text string, s []int) string {
	from, to := max(0, s[0]-40), min(len(text), s[1]+30)
	return strings.ToValidUTF8(strings.ReplaceAll(text[from:s[0]]+"["+text[s[0]:s[1]]+"]"+text[s[1]:to], "\n", " "), "")
}

// comments follows the comments of a page.
type comments struct {
	report *Report
	folder string
	tables map[string]*measured.Table
	first  string // the table of the comment
	env    map[string]any
	block  *block
	at     int // where in the block the next sentence is looked for
}

func (c *comments) follow(line int, lines []string) {
	fault := func(i int, format string, args ...any) {
		c.report.Faults = append(c.report.Faults, fmt.Sprintf("%s:%d: ", c.report.Page, line+i)+fmt.Sprintf(format, args...))
	}
	if c.block == nil {
		fault(0, "a comment stands after the paragraph, list or table that it checks, with nothing between them")
		return
	}
	c.at = 0
	var names []string
	bindings := [][]string{nil}
	type sentence struct {
		line int
		text string
	}
	var waiting []sentence
	run := func() {
		for _, values := range bindings {
			env := maps.Clone(c.env)
			for i, name := range names {
				env[name] = values[i]
			}
			for _, s := range waiting {
				if err := c.sentence(s.text, env); err != nil {
					fault(s.line, "%v", err)
				}
			}
		}
		waiting = nil
	}
	for i, text := range lines {
		text = strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(text), "-->"))
		if strings.HasPrefix(lines[i], " ") {
			continue
		}
		for _, more := range lines[i+1:] {
			if !strings.HasPrefix(more, " ") {
				break
			}
			text += " " + strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(more), "-->"))
		}
		switch {
		case i == 0:
			if files := strings.Fields(strings.TrimPrefix(text, mark)); len(files) > 0 {
				c.first = files[0]
			}
		case text == "":
		case strings.HasPrefix(text, "let "):
			m := letting.FindStringSubmatch(text)
			if m == nil {
				fault(i, "want let NAME = EXPR or let NAME(A, B) = EXPR: %s", text)
				continue
			}
			if err := c.let(m[1], m[2], m[3]); err != nil {
				fault(i, "%v", err)
			}
		case strings.HasPrefix(text, "rows "):
			run()
			left, right, _ := strings.Cut(strings.TrimPrefix(text, "rows "), "=")
			names, bindings = fields(left, "|"), nil
			for _, row := range fields(right, ";") {
				values := fields(row, "|")
				if len(values) != len(names) {
					fault(i, "%q has %d values for %d names", row, len(values), len(names))
					continue
				}
				bindings = append(bindings, values)
			}
		default:
			waiting = append(waiting, sentence{i, text})
		}
	}
	run()
}

func fields(s, separator string) []string {
	parts := strings.Split(s, separator)
	for i, p := range parts {
		parts[i] = strings.TrimSpace(p)
	}
	return parts
}

func (c *comments) let(name, parameters, body string) error {
	if _, known := builtin.Index[name]; known || c.functions()[name] != nil {
		return fmt.Errorf("let %s: a function has that name", name)
	}
	if parameters == "" {
		v, err := expr.Eval(body, c.env)
		c.env[name] = v
		return err
	}
	names, outer := fields(parameters, ","), maps.Clone(c.env)
	c.env[name] = func(args ...any) (any, error) {
		if len(args) != len(names) {
			return nil, fmt.Errorf("%s has the parameters %s", name, parameters)
		}
		env := maps.Clone(outer)
		for i, n := range names {
			env[n] = args[i]
		}
		return expr.Eval(body, env)
	}
	return nil
}

// sentence compares a line of a comment with the block.
func (c *comments) sentence(text string, env map[string]any) error {
	if condition, ok := strings.CutPrefix(text, "assert "); ok {
		v, err := expr.Eval(condition, env)
		if err == nil && v != true {
			err = fmt.Errorf("not true of the tables: %s", condition)
		}
		c.report.Asserted++
		return err
	}
	words, unchecked := strings.CutPrefix(text, "unchecked ")
	words = strings.Join(strings.Fields(words), " ")
	// Numbers, words between them, and what is meant by "...".
	anything := `.*?`
	if strings.Contains(c.block.text, "\n") {
		anything = `[^|\n]*?`
	}
	var pattern strings.Builder
	var expressions []string
	var values []float64
	from := 0
	for _, h := range hole.FindAllStringIndex(words, -1) {
		pattern.WriteString(regexp.QuoteMeta(words[from:h[0]]))
		if from = h[1]; words[h[0]] == '.' {
			pattern.WriteString("(" + anything + ")")
			expressions, values = append(expressions, ""), append(values, 0)
			continue
		}
		e := words[h[0]+1 : h[1]-1]
		v, err := expr.Eval(e, env)
		if err != nil {
			return fmt.Errorf("%s: %s", e, strings.SplitN(err.Error(), "\n", 2)[0])
		}
		if text, ok := v.(string); ok {
			pattern.WriteString(regexp.QuoteMeta(text))
			continue
		}
		x, ok := float(v)
		if !ok {
			return fmt.Errorf("%s is %v, not a number", e, v)
		}
		pattern.WriteString("(" + digits + ")")
		expressions, values = append(expressions, e), append(values, x)
	}
	pattern.WriteString(regexp.QuoteMeta(words[from:]))
	re, err := regexp.Compile(pattern.String())
	if err != nil {
		return err
	}
	m := re.FindStringSubmatchIndex(c.block.text[c.at:])
	if m == nil {
		return fmt.Errorf("the text above has no (further) sentence like: %s", words)
	}
	for i := range m {
		m[i] += c.at
	}
	c.at = m[1]
	label := byte('l')
	if unchecked {
		label = 'u'
	}
	skipped := func(s []int) bool { // by a "..."
		for k, e := range expressions {
			if e == "" && m[2*k+2] <= s[0] && s[1] <= m[2*k+3] {
				return true
			}
		}
		return false
	}
	for i, s := range c.block.spans {
		if c.block.state[i] == 0 && s[0] >= m[0] && s[1] <= m[1] && !skipped(s) {
			c.block.state[i] = label
		}
	}
	var differences []string
	for k, e := range expressions {
		if e == "" {
			continue
		}
		s := m[2*k+2 : 2*k+4]
		i := slices.IndexFunc(c.block.spans, func(x []int) bool { return x[0] <= s[0] && s[1] <= x[1] })
		if i < 0 || c.block.spans[i][1] != s[1] || len(strings.Trim(c.block.text[c.block.spans[i][0]:s[0]], "+-−")) > 0 {
			return fmt.Errorf("%q is not a number of its own in: %s", c.block.text[s[0]:s[1]], around(c.block.text, s))
		}
		x := values[k]
		printed := c.block.text[c.block.spans[i][0]:s[1]]
		c.block.state[i] = 'c'
		if !agrees(printed, x) {
			differences = append(differences, fmt.Sprintf("printed %s, the table gives %.6g (%s): %s", printed, x, e,
				around(c.block.text, c.block.spans[i])))
		}
	}
	if differences != nil {
		return fmt.Errorf("%s", strings.Join(differences, "\n\t"))
	}
	return nil
}

// agrees says whether x rounds to the printed digits. A value halfway between two may be rounded to either.
func agrees(printed string, x float64) bool {
	printed = strings.NewReplacer(",", "", "−", "-").Replace(printed)
	p, err := strconv.ParseFloat(printed, 64)
	if err != nil {
		return false
	}
	mantissa, exponent, _ := strings.Cut(printed, "e")
	unit := 1.0
	if _, decimals, ok := strings.Cut(mantissa, "."); ok {
		unit = math.Pow10(-len(decimals))
	}
	if e, err := strconv.Atoi(exponent); err == nil {
		unit *= math.Pow10(e)
	}
	return math.Abs(x-p) <= unit/2*(1+1e-6)
}

func float(v any) (float64, bool) {
	switch v := v.(type) {
	case float64:
		return v, !math.IsNaN(v)
	case int:
		return float64(v), true
	}
	return 0, false
}

func floats(v any) ([]float64, error) {
	switch v := v.(type) {
	case []float64:
		return v, nil
	case []any:
		xs := make([]float64, len(v))
		for i, e := range v {
			x, ok := float(e)
			if !ok {
				return nil, fmt.Errorf("%v is not a number", e)
			}
			xs[i] = x
		}
		return xs, nil
	}
	return nil, fmt.Errorf("%v is not a list of numbers", v)
}

func (c *comments) functions() map[string]any {
	ofList := func(f func([]float64) float64) func(any) (float64, error) {
		return func(v any) (float64, error) {
			xs, err := floats(v)
			if err == nil && len(xs) < 2 {
				err = fmt.Errorf("there are %d numbers", len(xs))
			}
			if err != nil {
				return 0, err
			}
			return f(xs), nil
		}
	}
	sd := func(xs []float64) float64 { return stat.StdDev(xs, nil) }
	return map[string]any{
		"column": c.column,
		"value": func(query, name string) (float64, error) {
			xs, err := c.column(query, name)
			if err == nil && len(xs) != 1 {
				err = fmt.Errorf("%q has %d numbers in the column %s, want one", query, len(xs), name)
			}
			if err != nil {
				return 0, err
			}
			return xs[0], nil
		},
		"number": func(query string) (int, error) {
			_, rows, err := c.rows(query)
			return len(rows), err
		},
		"sd": ofList(sd),
		"ci": ofList(func(xs []float64) float64 {
			n := float64(len(xs))
			return distuv.StudentsT{Sigma: 1, Nu: n - 1}.Quantile(0.975) * sd(xs) / math.Sqrt(n)
		}),
		"slope": func(v, w any) (float64, error) {
			xs, err := floats(v)
			if err != nil {
				return 0, err
			}
			ys, err := floats(w)
			if err != nil || len(xs) != len(ys) {
				return 0, fmt.Errorf("want as many numbers x as y: %v", err)
			}
			_, b := stat.LinearRegression(xs, ys, nil, false)
			return b, nil
		},
		"exact": func(k, n any) ([]float64, error) {
			x, ok1 := float(k)
			m, ok2 := float(n)
			if !ok1 || !ok2 || x < 0 || x > m {
				return nil, fmt.Errorf("want k of n: %v, %v", k, n)
			}
			low, high := 0.0, 1.0
			if x > 0 {
				low = distuv.Beta{Alpha: x, Beta: m - x + 1}.Quantile(0.025)
			}
			if x < m {
				high = distuv.Beta{Alpha: x + 1, Beta: m - x}.Quantile(0.975)
			}
			return []float64{low, high}, nil
		},
		"ln": func(v any) (float64, error) {
			x, ok := float(v)
			if !ok || x <= 0 {
				return 0, fmt.Errorf("ln of %v", v)
			}
			return math.Log(x), nil
		},
		"to": func(v, unit any) (float64, error) {
			x, ok1 := float(v)
			u, ok2 := float(unit)
			if !ok1 || !ok2 || u <= 0 {
				return 0, fmt.Errorf("want to(x, unit): %v, %v", v, unit)
			}
			return math.Round(x/u) * u, nil
		},
	}
}

var comparison = regexp.MustCompile(`^(\w+)(!=|=|<=|>=|<|>|~)(.*)$`)

// rows are those of a table that match a query.
func (c *comments) rows(query string) (*measured.Table, []measured.Row, error) {
	file := c.first
	if f, q, ok := strings.Cut(query, ".csv:"); ok {
		file, query = f+".csv", q
	}
	t := c.tables[file]
	if t == nil {
		var err error
		if t, err = measured.Read(filepath.Join(c.folder, file)); err != nil {
			return nil, nil, err
		}
		c.tables[file] = t
	}
	rows := t.Rows
	for _, condition := range fields(query, ";") {
		if condition == "" {
			continue
		}
		m := comparison.FindStringSubmatch(condition)
		if m == nil {
			return nil, nil, fmt.Errorf("want column=value, not %q", condition)
		}
		i := slices.Index(t.Names, m[1])
		if i < 0 {
			return nil, nil, fmt.Errorf("%s has no column %q", file, m[1])
		}
		var kept []measured.Row
		for _, row := range rows {
			if matches(row.Cells[i], m[2], m[3]) {
				kept = append(kept, row)
			}
		}
		rows = kept
	}
	return t, rows, nil
}

func matches(cell, operator, want string) bool {
	x, err1 := strconv.ParseFloat(cell, 64)
	y, err2 := strconv.ParseFloat(want, 64)
	both := err1 == nil && err2 == nil
	switch equal := cell == want || both && math.Abs(x-y) <= 1e-5*math.Abs(y); operator {
	case "=":
		return equal
	case "!=":
		return !equal
	case "<=":
		return both && (x < y || equal)
	case ">=":
		return both && (x > y || equal)
	case "~":
		return strings.Contains(cell, want)
	case "<":
		return both && x < y && !equal
	default:
		return both && x > y && !equal
	}
}

func (c *comments) column(query, name string) ([]float64, error) {
	t, rows, err := c.rows(query)
	if err != nil {
		return nil, err
	}
	i := slices.Index(t.Names, name)
	if i < 0 {
		return nil, fmt.Errorf("there is no column %q", name)
	}
	xs := []float64{}
	for _, row := range rows {
		if row.Cells[i] == "" {
			continue
		}
		x, err := strconv.ParseFloat(row.Cells[i], 64)
		if err != nil {
			return nil, fmt.Errorf("line %d, column %s: %q is not a number", row.Line, name, row.Cells[i])
		}
		xs = append(xs, x)
	}
	if len(xs) == 0 {
		return nil, fmt.Errorf("no row with a %s matches %q", name, query)
	}
	return xs, nil
}
