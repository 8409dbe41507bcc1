package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/urfave/cli/v2"

	"quantal/internal/sentence"
)

// logger writes remarks for people to standard error, as many as the flags of talk request.
func logger(c *cli.Context) *slog.Logger {
	t, _ := c.App.Metadata[talkKey].(*talk)
	return slog.New(&remarks{out: printable{t.to}, level: t.level})
}

// remarks writes a log record as a line for people: the message, then key=value pairs; no clock, and a level only if it
// is a warning or worse.
type remarks struct {
	out   io.Writer
	level slog.Level
	attrs []slog.Attr
}

// Enabled takes everything from the level up.
func (h *remarks) Enabled(_ context.Context, l slog.Level) bool { return l >= h.level }

// Handle writes one record.
func (h *remarks) Handle(_ context.Context, r slog.Record) error {
	var b strings.Builder
	if r.Level >= slog.LevelWarn {
		b.WriteString(strings.ToLower(r.Level.String()) + ": ")
	}
	b.WriteString(r.Message)
	add := func(a slog.Attr) bool {
		value := a.Value.String()
		if err, ok := a.Value.Any().(error); ok {
			value = sentence.Of(err)
		}
		if strings.ContainsAny(value, " \t\n\"") || value == "" {
			value = fmt.Sprintf("%q", value)
		}
		fmt.Fprintf(&b, "  %s=%s", a.Key, value)
		return true
	}
	for _, a := range h.attrs {
		add(a)
	}
	r.Attrs(add)
	b.WriteByte('\n')
	_, err := io.WriteString(h.out, b.String())
	return err
}

// WithAttrs returns a handler that adds the attributes to each record.
func (h *remarks) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &remarks{out: h.out, level: h.level, attrs: append(append([]slog.Attr{}, h.attrs...), attrs...)}
}

// WithGroup ignores groups: remarks are flat.
func (h *remarks) WithGroup(string) slog.Handler { return h }
