package main

import (
	"os"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// TestBarFits draws bars with more text than there is room for: no line is wider than the terminal, so none wraps.
func TestBarFits(t *testing.T) {
	for _, width := range []int{24, 40, 80, 200} {
		var out strings.Builder
		b := &bar{out: &out, width: func() int { return width }}
		parts := []string{"117/240 points, 3 diverged", "24 running, step 123456/150000", strings.Repeat("µ", 300)}
		for i := range 50 {
			b.drawn = time.Time{} // as if the last drawing were long ago
			b.show(float64(i)/49, 90*time.Minute, parts...)
		}
		b.println(&out, "a line that stays")
		b.close()
		drawn := 0
		for _, line := range strings.FieldsFunc(out.String(), func(r rune) bool { return r == '\r' || r == '\n' }) {
			line = strings.ReplaceAll(line, "\x1b[2K", "")
			line = strings.ReplaceAll(line, "\x1b[0K", "")
			if strings.Contains(line, "\x1b") {
				t.Fatalf("an escape sequence that this test does not know: %q", line)
			}
			if n := utf8.RuneCountInString(line); n >= width {
				t.Errorf("width %d: a line of %d columns: %q", width, n, line)
			}
			if strings.Contains(line, "%") {
				drawn++
			}
		}
		if drawn < 50 {
			t.Errorf("width %d: %d drawings, want 50", width, drawn)
		}
		if width == 80 && !strings.Contains(out.String(), "elapsed 0s, left 1h30m0s") {
			t.Errorf("elapsed and left are not in a line of 80 columns: %q", out.String())
		}
		if width == 200 && !strings.Contains(out.String(), "24 running") {
			t.Errorf("a part that would fit is missing: %q", out.String())
		}
	}
}

// TestBarIsSlow counts drawings under constant progress: the bar is redrawn only after a while.
func TestBarIsSlow(t *testing.T) {
	var out strings.Builder
	b := &bar{out: &out, width: func() int { return 80 }}
	b.show(0, -1, "first")
	b.drawn = time.Now().Add(time.Hour) // however slow this machine is
	for i := range 1000 {
		b.show(float64(i)/1000, -1, "next")
	}
	if strings.Contains(out.String(), "next") {
		t.Errorf("the bar was drawn again at once: %q", out.String())
	}
}

// TestNoBar: a writer that is not a terminal gets no bar, and unchanged lines.
func TestNoBar(t *testing.T) {
	f, err := os.Create(t.TempDir() + "/log")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b := newBar(f)
	b.show(0.5, -1, "half")
	b.println(f, "a line")
	b.close()
	if text, _ := os.ReadFile(f.Name()); string(text) != "a line\n" {
		t.Errorf("wrote %q, want one line", text)
	}
}
