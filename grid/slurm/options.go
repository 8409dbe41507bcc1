package slurm

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/kballard/go-shellquote"
)

// ours are the options of sbatch, long and short, that the launch sets itself.
var ours = map[string]string{
	"--array": "-a", "--job-name": "-J", "--chdir": "-D", "--clusters": "-M", "--output": "-o", "--error": "-e",
	"--open-mode": "", "--wrap": "",
	// Its answer must be the number of a job that is in the queue.
	"--parsable": "", "--quiet": "-Q", "--test-only": "", "--help": "-h", "--usage": "", "--version": "-V", "--wait": "-W",
}

// The options in man sbatch: those that need a value, which may be a separate word, and those that take none, or only
// after an equals sign. Plugins and later versions have more, so a long option in neither list is not a mistake.
var (
	needValue = words(`account acctg-freq batch bb bbf begin cluster-constraint comment constraint container core-spec
		cores-per-socket cpu-freq cpus-per-gpu cpus-per-task deadline delay-boot dependency distribution exclude export
		export-file extra-node-info gid gpu-bind gpu-freq gpus gpus-per-node gpus-per-socket gpus-per-task gres gres-flags
		hint input kill-on-invalid-dep licenses mail-type mail-user mcs-label mem mem-bind mem-per-cpu mem-per-gpu mincpus
		network nodefile nodelist nodes ntasks ntasks-per-core ntasks-per-gpu ntasks-per-node ntasks-per-socket partition
		power prefer priority profile qos reservation signal sockets-per-node switches thread-spec threads-per-core time
		time-min tmp uid wait-all-nodes wckey`)
	needNone = words(`contiguous exclusive get-user-env hold ignore-pbs nice no-kill no-requeue overcommit oversubscribe
		propagate reboot requeue spread-job use-min-nodes verbose`)
)

const (
	lettersWithValue    = "AaBbCcDdeFGiJLMmNnopqStwx"
	lettersWithoutValue = "HhkOQsVvW"
)

func words(text string) map[string]bool {
	set := map[string]bool{}
	for _, w := range strings.Fields(text) {
		set["--"+w] = true
	}
	return set
}

// ParseSbatch splits the user's further options for sbatch as a shell would, quotes respected and nothing expanded, and
// returns each as one word with its value. A word that is not an option gives an error, because sbatch would take it
// for the job script or its arguments, and so does an option that the launch sets itself.
func ParseSbatch(text string) ([]string, error) {
	if i := strings.IndexFunc(text, unicode.IsControl); i >= 0 {
		return nil, fmt.Errorf("%q: want options on one line", text)
	}
	rest, err := shellquote.Split(text)
	if err != nil {
		return nil, fmt.Errorf("%q: %s", text, strings.ToLower(err.Error()))
	}
	options := []string{}
	for len(rest) > 0 {
		o, err := parseOption(rest[0])
		if err != nil {
			return nil, err
		}
		word := rest[0]
		rest = rest[1:]
		switch alone := len(rest) == 0 || strings.HasPrefix(rest[0], "-"); {
		case o.value == needed && alone:
			return nil, fmt.Errorf("%q: want a value for it, as in %s%sVALUE", word, word, o.glue)
		case o.value != complete && !alone: // sbatch refuses an unknown one that takes none
			word += o.glue + rest[0]
			rest = rest[1:]
		}
		options = append(options, word)
	}
	return options, nil
}

// option is a word that begins an option: whether a value follows, and what joins the two into one word.
type option struct {
	value int
	glue  string
}

const (
	complete = iota // the option has its value, or takes none
	needed
	possible
)

func parseOption(word string) (option, error) {
	if !strings.HasPrefix(word, "-") || word == "-" || word == "--" {
		return option{}, fmt.Errorf("%q is not an option: sbatch would take it for the job script or its argument", word)
	}
	if !strings.HasPrefix(word, "--") {
		return parseLetters(word)
	}
	name, _, valued := strings.Cut(word, "=")
	for long := range ours {
		if name == long || len(name) > len("--x") && strings.HasPrefix(long, name) { // sbatch takes abbreviations
			return option{}, fmt.Errorf("%q: quantal sets sbatch's %s itself", word, long)
		}
	}
	switch {
	case valued || needNone[name]:
		return option{complete, "="}, nil
	case needValue[name]:
		return option{needed, "="}, nil
	}
	return option{possible, "="}, nil
}

// parseLetters reads short options: any number without a value, then at most one with, which is the rest of the word or
// the next.
func parseLetters(word string) (option, error) {
	for i, letter := range word[1:] {
		for long, short := range ours {
			if short == "-"+string(letter) {
				return option{}, fmt.Errorf("%q: quantal sets sbatch's %s itself", word, long)
			}
		}
		switch {
		case strings.ContainsRune(lettersWithoutValue, letter):
		case !strings.ContainsRune(lettersWithValue, letter):
			return option{}, fmt.Errorf("%q: sbatch has no option -%c", word, letter)
		case i+2 < len(word):
			return option{complete, ""}, nil
		default:
			return option{needed, ""}, nil
		}
	}
	return option{complete, ""}, nil
}
