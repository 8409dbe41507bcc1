package main

import (
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/builtin"

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
