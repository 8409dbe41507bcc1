package main

import (
	"io"
	"strings"

	"github.com/urfave/cli/v2"

	"quantal/results/columns"
)

// manPage writes the manual page in the format of man: from the commands, their flags, and what explains columns.
func manPage(c *cli.Context) error {
	e, err := explainer()
	if err != nil {
		return err
	}
	var m manual
	m.line(".TH QUANTAL 1")
	m.line(".SH NAME")
	m.text("quantal - " + c.App.Usage)
	m.line(".SH SYNOPSIS")
	m.line(`.B quantal \fICOMMAND\fP [\fIOPTIONS\fP] [\fIARGUMENTS\fP]`)
	m.line(".SH DESCRIPTION")
	m.text(c.App.Description)
	m.line(".SH OPTIONS")
	m.text("Every command has these; its own follow with it.")
	m.flags(c.App.Flags, nil)
	m.line(".SH COMMANDS")
	m.commands("quantal", c.App.Commands, c.App.Flags)
	for _, f := range columns.Files() {
		m.line(".SH FILE " + strings.ToUpper(escaped(f.Pattern)))
		m.text(f.About)
		for _, k := range e.Kinds(f.Pattern) {
			if k.About != f.About {
				m.line(".PP")
				m.text(k.About)
			}
			for _, entry := range k.Entries {
				m.item(entry.Name, entry.Meaning)
			}
		}
	}
	_, err = io.WriteString(c.App.Writer, m.String())
	return err
}

// manual is a page in the language of man.
type manual struct{ strings.Builder }

func (m *manual) line(text string) { m.WriteString(text + "\n") }

// text is filled into lines. One that begins with a blank stays a line of its own.
func (m *manual) text(text string) { m.line(escaped(text)) }

// item is a term with its explanation.
func (m *manual) item(term, text string) {
	m.line(".TP")
	m.line(`\fB` + escaped(term) + `\fP`)
	m.text(text)
}

// flags explains flags, but for those of another list.
func (m *manual) flags(list, without []cli.Flag) {
	known := map[string]bool{"generate-bash-completion": true}
	for _, f := range without {
		known[f.Names()[0]] = true
	}
	for _, f := range list {
		if !known[f.Names()[0]] {
			names, usage, _ := strings.Cut(f.String(), "\t")
			m.item(names, strings.TrimSuffix(usage, " (default: false)"))
		}
	}
}

// commands explains commands and theirs.
func (m *manual) commands(parent string, list []*cli.Command, common []cli.Flag) {
	for _, command := range list {
		if command.Hidden {
			continue
		}
		name := parent + " " + command.Name
		m.line(".SS " + escaped(name))
		m.text(command.Usage)
		m.line(".PP\n.nf")
		m.text(command.UsageText)
		m.line(".fi")
		if command.Description != "" {
			m.line(".PP")
			m.text(command.Description)
		}
		m.flags(command.Flags, common)
		m.commands(name, command.Subcommands, common)
	}
}

// escaped is text in which nothing means anything to man.
func escaped(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`, "\n.", "\n\\&.", "\n'", "\n\\&'").Replace(text)
	if strings.HasPrefix(text, ".") || strings.HasPrefix(text, "'") {
		return `\&` + text
	}
	return text
}
