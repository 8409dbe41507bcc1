package main

import (
	"fmt"

	"github.com/urfave/cli/v2"
)

// The scripts ask the program itself: urfave/cli answers a command line that ends in --generate-bash-completion.
const (
	bashCompletion = `_quantal() {
	local current="${COMP_WORDS[COMP_CWORD]}" words
	words=("${COMP_WORDS[@]:0:$COMP_CWORD}")
	[[ "$current" == -* ]] && words+=("$current")
	COMPREPLY=($(compgen -W "$("${words[@]}" --generate-bash-completion 2>/dev/null)" -- "$current"))
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
			default:
				return usage("completion %q: want bash, zsh or fish", shell)
			}
			_, err = fmt.Fprint(c.App.Writer, script)
			return err
		},
	}
}
