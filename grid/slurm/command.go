package slurm

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"
)

// How long Slurm's programs may take. They wait for a busy controller themselves. Queries wait less.
const (
	toAsk = 30 * time.Second
	toAct = 90 * time.Second
)

// command runs one of Slurm's programs and returns what it printed. The error contains its message.
func command(ctx context.Context, patience time.Duration, name string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var stdout, stderr bytes.Buffer
	c := exec.CommandContext(ctx, name, args...)
	c.Stdout, c.Stderr = &stdout, &stderr
	c.WaitDelay = time.Second
	// A Ctrl-C in the terminal reaches only this program: half a submission would be worse than a late end.
	c.SysProcAttr = ownGroup()
	err := c.Run()
	words := strings.Join(strings.Fields(stderr.String()), " ")
	switch {
	case errors.Is(err, exec.ErrNotFound):
		return "", fmt.Errorf("there is no %s here: is this a machine of a Slurm cluster, and Slurm on the PATH?", name)
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return "", fmt.Errorf("%s did not answer within %v", name, patience)
	case err != nil && words != "":
		return "", errors.New(words)
	case err != nil:
		return "", err
	}
	return stdout.String(), nil
}
