package main

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"quantal/grid/search"
	"quantal/internal/setting"
	"quantal/results/columns"
	"quantal/results/formats"
	"quantal/results/tables"
	"quantal/train"
)

// The scripts ask the program itself: urfave/cli answers a command line that ends in --generate-bash-completion.
const (
	bashCompletion = `_quantal() {
	local current="${COMP_WORDS[COMP_CWORD]}" before= words
	words=("${COMP_WORDS[@]:0:$COMP_CWORD}")
	[[ "$current" == "=" ]] && current=
	[[ "$current" == -* ]] && words+=("$current")
	[[ "$current" == *,* ]] && before="${current%,*},"
	COMPREPLY=($(compgen -P "$before" -W "$("${words[@]}" --generate-bash-completion 2>/dev/null)" -- "${current##*,}"))
}
complete -o bashdefault -o default -o nospace -F _quantal quantal
`
	zshCompletion = `#compdef quantal
_quantal() {
	local -a options
	local current="${words[CURRENT]}"
	if [[ "$current" == -* ]]; then
		options=("${(@f)$(${words[1,CURRENT-1]} ${current} --generate-bash-completion 2>/dev/null)}")
	else
		options=("${(@f)$(${words[1,CURRENT-1]} --generate-bash-completion 2>/dev/null)}")
	fi
	if [[ -n "${options[1]}" ]]; then _describe 'values' options; else _files; fi
}
compdef _quantal quantal
`
)

func completionCommand() *cli.Command {
	return &cli.Command{
		Name:      "completion",
		Usage:     "print a script that completes commands and flags in a shell",
		UsageText: "quantal completion bash|zsh|fish\nfor bash: source <(quantal completion bash)",
		Action: func(c *cli.Context) error {
			shell, err := oneArgument(c, "bash, zsh or fish")
			if err != nil {
				return err
			}
			var script string
			switch shell {
			case "bash":
				script = bashCompletion
			case "zsh":
				script = zshCompletion
			case "fish":
				if script, err = c.App.ToFishCompletion(); err != nil {
					return err
				}
				script += fishValues(c.App.Commands)
			default:
				return usage("completion %q: want bash, zsh or fish", shell)
			}
			_, err = fmt.Fprint(c.App.Writer, script)
			return err
		},
	}
}

// withValues makes commands complete the values of their flags as well.
func withValues(parent *cli.Command, commands []*cli.Command) {
	for _, command := range commands {
		withValues(command, command.Subcommands)
		command.BashComplete = func(c *cli.Context) {
			if list := valuesAt(parent, command); len(list) > 0 {
				fmt.Fprintln(c.App.Writer, strings.Join(list, "\n"))
				return
			}
			cli.DefaultCompleteWithFlags(command)(c)
		}
	}
}

// valuesAt are the values that may follow what has been typed; none if names of commands and flags do.
func valuesAt(parent, command *cli.Command) []string {
	typed := os.Args[:len(os.Args)-1] // the last asks for completion
	if typed[len(typed)-1] == "=" {   // a word of its own for bash
		typed = typed[:len(typed)-1]
	}
	if flag, is := strings.CutPrefix(typed[len(typed)-1], "-"); is {
		return valuesOf(parent, command, strings.TrimPrefix(flag, "-"))
	}
	if typed[len(typed)-1] != command.Name {
		return nil
	}
	var list []string
	switch command.Name {
	case "columns":
		for _, f := range columns.Files() {
			if !strings.Contains(f.Pattern, "*") {
				list = append(list, f.Pattern)
			}
		}
	case "completion":
		list = []string{"bash", "zsh", "fish"}
	case "help":
		for _, c := range append(slices.Clone(command.Subcommands), newApp(nil, nil).Commands...) {
			list = append(list, c.Name)
		}
	}
	return list
}

// valuesOf are the known values of a flag, which need not be all.
func valuesOf(parent, command *cli.Command, flag string) []string {
	var list []string
	switch flag {
	case "format":
		for _, f := range formats.All() {
			list = append(list, f.Name)
		}
		return list
	case "what":
		return tables.ExportNames()
	case "preset":
		if list = train.Presets(); command.Name == "grid" || command.Name == "search" {
			list = append(list, "fig2")
		}
		return list
	case "launch":
		return []string{"slurm"}
	case "target":
		for _, name := range search.Figures(train.Config{}) {
			list = append(list, name+"=")
		}
		return list
	}
	settings := new(train.Config).Settings()
	if flag == "vary" || flag == "over" {
		for _, s := range settings {
			number := len(s.OneOf) == 0 && !slices.Contains([]string{"cost", "normalise", "seed"}, s.Name)
			if s.Axis != "" && (flag == "vary" || number) {
				list = append(list, s.Name+"=")
			}
		}
		return list
	}
	for _, e := range experiments() {
		if parent == nil || parent.Name != "dynamics" || e.Name != command.Name {
			continue
		}
		if s, err := e.Setup(); err == nil {
			settings = slices.Concat(s.Settings, settings)
		}
	}
	i := slices.IndexFunc(settings, func(s setting.Setting) bool {
		return s.FlagName() == flag && len(s.OneOf)+len(s.Named) > 0
	})
	if i < 0 || !slices.ContainsFunc(command.Flags, func(f cli.Flag) bool { return slices.Contains(f.Names(), flag) }) {
		return nil
	}
	return append(slices.Clone(settings[i].OneOf), settings[i].Named...)
}

// fishValues are the lines of the script for fish that complete values.
func fishValues(commands []*cli.Command) string {
	var b strings.Builder
	for _, command := range commands {
		for _, f := range command.Flags {
			if list := valuesOf(nil, command, f.Names()[0]); len(list) > 0 {
				fmt.Fprintf(&b, "complete -c quantal -n '__fish_seen_subcommand_from %s' -l %s -r -a '%s'\n", command.Name,
					f.Names()[0], strings.Join(list, " "))
			}
		}
	}
	return b.String()
}
