package train

import (
	"errors"

	"quantal/internal/nearest"
	"quantal/kernels"
)

// Rule names the rule by which parameters follow their gradients. The first of Rules is empty in a Config, and files
// leave it out: the setting was added when there were already runs and grids that do not name it.
type Rule string

// Rules lists the names that Config.Set accepts.
func Rules() []string { return kernels.MoverNames() }

func (r Rule) String() string {
	if r == "" {
		return Rules()[0]
	}
	return string(r)
}

// UnmarshalText reads a name.
func (r *Rule) UnmarshalText(text []byte) error {
	name := string(text)
	if _, err := kernels.ParseMover(name); err != nil {
		return errors.New(nearest.OneOf(name, Rules()))
	}
	if *r = Rule(name); name == Rules()[0] {
		*r = ""
	}
	return nil
}

// mover is the rule itself, for a run of so many steps.
func (c Config) mover(steps int) (kernels.Mover, error) {
	rule, err := kernels.ParseMover(c.Rule.String())
	if err == nil && c.Schedule != kernels.Constant {
		rule = kernels.Scheduled(rule, kernels.Schedule{Shape: c.Schedule, Steps: steps})
	}
	return rule, err
}
