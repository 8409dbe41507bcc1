package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// bar is the last line of a terminal, which shows progress. It never wraps: parts that do not fit are left out.
type bar struct {
	out   io.Writer
	width func() int // columns of the terminal

	shown *progressbar.ProgressBar
	began time.Time
	first float64 // how much was done when the bar began
	drawn time.Time
}

const (
	// redrawn is the shortest time between two drawings.
	redrawn = 250 * time.Millisecond
	// barCells is the number of cells of the bar, barRoom its width without the text: a space, 4 digits and %, brackets.
	barCells = 10
	barRoom  = barCells + 12
)

// newBar returns a bar on a terminal, and otherwise nil, for which the methods do nothing.
func newBar(out io.Writer) *bar {
	if !isTerminal(out) {
		return nil
	}
	return &bar{out: out, width: func() int { return terminalColumns(out) }}
}

// terminalColumns is the width of a terminal, 80 if it is not known.
func terminalColumns(out io.Writer) int {
	if f, ok := out.(*os.File); ok {
		if width, _, err := term.GetSize(int(f.Fd())); err == nil && width > 0 {
			return width
		}
	}
	return 80
}

// gradients shows how many steps of measuring gradients are done.
func (b *bar) gradients(done, steps int) { b.show(float64(done)/float64(steps), -1, "gradients") }

// show draws the bar, unless it was drawn a moment ago. done is from 0 to 1; parts are shown as far as they fit, the
// first ones first. If the estimate of the time left is below 0, it follows from the time so far.
func (b *bar) show(done float64, left time.Duration, parts ...string) {
	if b == nil || time.Since(b.drawn) < redrawn {
		return
	}
	now := time.Now()
	if b.shown == nil {
		b.began, b.first = now, done
		b.shown = progressbar.NewOptions(1000,
			progressbar.OptionSetWriter(b.out), progressbar.OptionSetWidth(barCells), progressbar.OptionSetPredictTime(false),
			progressbar.OptionSetElapsedTime(false), progressbar.OptionUseANSICodes(true),
			progressbar.OptionSetTheme(progressbar.ThemeASCII))
	}
	elapsed := now.Sub(b.began)
	if left < 0 && done > b.first {
		left = time.Duration(float64(elapsed) * (1 - done) / (done - b.first))
	}
	times := fmt.Sprintf("elapsed %v", elapsed.Round(time.Second))
	if left >= 0 {
		times += fmt.Sprintf(", left %v", left.Round(time.Second))
	}
	if len(parts) > 0 {
		parts = append([]string{parts[0], times}, parts[1:]...)
	} else {
		parts = []string{times}
	}
	b.drawn = now
	_ = b.shown.Set(min(999, int(1000*done))) // it fails only if the terminal does; at 1000 it would say no more
	b.shown.Describe(fit(parts, b.width()-barRoom))
}

// fit joins as many parts as fit into a width, with two spaces between them. The first is cut if it alone is too long.
func fit(parts []string, width int) string {
	text := ""
	for i, part := range parts {
		part = string(visible([]byte(part)))
		if i > 0 {
			part = text + "  " + part
		}
		if utf8.RuneCountInString(part) > width {
			if i == 0 {
				return string([]rune(part)[:max(0, width)])
			}
			break
		}
		text = part
	}
	return text
}

// println writes a line that stays, above the bar; without a bar it writes an ordinary line.
func (b *bar) println(out io.Writer, line string) {
	if b != nil && b.shown != nil {
		_ = b.shown.Clear()
		b.drawn = time.Time{}
	}
	fmt.Fprintln(out, strings.TrimRight(line, "\n"))
}

// close removes the bar.
func (b *bar) close() {
	if b != nil && b.shown != nil {
		_ = b.shown.Clear()
		_ = b.shown.Exit()
		fmt.Fprint(b.out, "\r")
	}
}
