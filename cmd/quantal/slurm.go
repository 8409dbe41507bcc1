package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"syscall"

	"github.com/urfave/cli/v2"

	"quantal/grid"
	"quantal/grid/slurm"
	"quantal/internal/sentence"
)

// starts is how often a task may start by default: with a time limit of a day, its points may take three weeks.
const starts = 20

func launchFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "launch", Usage: "`slurm`: have a cluster train the networks, and return"},
		&cli.IntFlag{Name: "chunks", Usage: "with --launch, `N` tasks share the networks", DefaultText: "one per 8 networks"},
		&cli.IntFlag{Name: "at-once", Usage: "with --launch, at most `K` tasks run at the same time",
			DefaultText: "no limit"},
		&cli.StringFlag{Name: "sbatch",
			Usage: "with --launch, further `OPTIONS` of sbatch, as in \"--time=4:00:00 --cpus-per-task=4 --partition=cpu\""},
		&cli.IntFlag{Name: "max-starts", Value: starts,
			Usage: "with --launch, a task starts at most `N` times; it returns to the queue when its time limit is near"},
		&cli.BoolFlag{Name: "force", Usage: "with --launch, also submit networks that tasks in the queue have, or may have"},
	}
}

// checkLaunch checks the flags of launchFlags.
func checkLaunch(c *cli.Context) error {
	if !c.IsSet("launch") {
		for _, f := range launchFlags() {
			if name := f.Names()[0]; c.IsSet(name) {
				return usage("--%s needs --launch slurm", name)
			}
		}
		return nil
	}
	if c.IsSet("http") {
		return usage("--http goes without --launch, which returns at once: quantal serve shows the grid meanwhile")
	}
	if c.String("launch") != "slurm" {
		return usage("--launch %q: want slurm", c.String("launch"))
	}
	if runtime.GOOS == "windows" {
		return usage("--launch slurm: Slurm does not run on Windows: start the grid on a machine of the cluster")
	}
	for _, name := range []string{"chunks", "at-once", "max-starts"} {
		if c.IsSet(name) && c.Int(name) < 1 {
			return usage("--%s %d: want 1 or more", name, c.Int(name))
		}
	}
	if _, err := slurm.ParseSbatch(c.String("sbatch")); err != nil {
		return usage("--sbatch: %w", err)
	}
	return nil
}

// launchGrid submits the points that are missing and not yet in the queue.
func launchGrid(c *cli.Context, folder *grid.Folder, points []grid.Point, work workOptions) error {
	log := logger(c)
	missing, damaged, err := folder.Missing(points)
	if err != nil {
		return err
	}
	for _, d := range damaged {
		log.Warn("damaged, trained again", "reason", d)
	}
	if len(missing) == 0 {
		log.Info("nothing is missing")
		return concludeGrid(c, folder)
	}
	waiting := missing
	if !c.Bool("force") {
		var ended []slurm.Ended
		if waiting, ended, err = notUnderWay(c.Context, folder, missing); err != nil {
			return fmt.Errorf("%w; so it is not known which of the %d missing networks are already in the queue, and "+
				"nothing was submitted "+
				"(--force submits them all: a network trained twice does no harm)", err, len(missing))
		}
		for _, line := range endedLines(ended) {
			log.Warn(line)
		}
	}
	if len(waiting) == 0 {
		log.Info("nothing to submit: all that is missing is in the queue", "networks", len(missing))
		return reportStatus(c, folder)
	}
	o := slurm.Options{AtOnce: c.Int("at-once"), MaxStarts: c.Int("max-starts")}
	if o.Program, err = os.Executable(); err != nil {
		return fmt.Errorf("slurm: the path of this program: %w", err)
	}
	if work.device != "auto" {
		o.Arguments = append(o.Arguments, "--device="+work.device)
	}
	if work.Threads > 0 {
		o.Arguments = append(o.Arguments, fmt.Sprintf("--threads=%d", work.Threads))
	}
	if c.IsSet("checkpoint-interval") {
		o.Arguments = append(o.Arguments, fmt.Sprintf("--checkpoint-interval=%v", work.Interval))
	}
	if o.Sbatch, err = slurm.ParseSbatch(c.String("sbatch")); err != nil {
		return usage("--sbatch: %w", err)
	}
	chunks := slurm.DefaultChunks(len(waiting))
	if c.IsSet("chunks") {
		chunks = c.Int("chunks")
	}
	pieces := make([]slurm.Point, len(waiting))
	for i, p := range waiting {
		pieces[i] = slurm.Point{ID: p.ID, Cohort: p.Config.Cohort(), Work: p.Work()}
	}
	launch, err := slurm.Submit(c.Context, folder.Dir, slurm.Pack(pieces, chunks), o)
	if err != nil {
		return err
	}
	for _, job := range launch.Jobs {
		log.Info("submitted", "job", job.ID, "tasks", job.Count)
	}
	log.Info("launch", "networks", len(waiting), "tasks", len(launch.Plan.Chunks), "already in the queue",
		len(missing)-len(waiting), "folder", launch.Dir)
	return reportStatus(c, folder)
}

// notUnderWay leaves out the points that a task in the queue has, and returns the tasks that left some of the others
// unfinished.
func notUnderWay(
	ctx context.Context, folder *grid.Folder, points []grid.Point,
) (rest []grid.Point, ended []slurm.Ended, err error) {
	launches, err := slurm.Launches(folder.Dir)
	if err != nil {
		return nil, nil, err
	}
	tasks, err := slurm.Queue(ctx, launches)
	if err != nil {
		return nil, nil, err
	}
	underWay := slurm.UnderWay(launches, tasks)
	var unfinished []string
	for _, p := range points {
		if _, ok := underWay[p.ID]; !ok {
			rest = append(rest, p)
			unfinished = append(unfinished, p.ID)
		}
	}
	ended, err = slurm.FindEnded(launches, unfinished)
	return rest, ended, err
}

// workCommand is what a task of a cluster runs.
func workCommand() *cli.Command {
	return &cli.Command{
		Name:      "work",
		Usage:     "train a chunk of a launch: what the tasks on a cluster do",
		UsageText: "quantal grid work --plan grids/a/launches/0001/plan.json --chunk 0",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "plan", Usage: "the launch's plan.json, `FILE`"},
			&cli.IntFlag{Name: "chunk", Usage: "the chunk's `NUMBER`, from 0"},
			&cli.StringFlag{Name: "device", Value: "auto", Usage: devicesUsage},
			&cli.StringFlag{Name: "threads", Usage: "threads on the CPU",
				DefaultText: "the processors that Slurm gave the task, or all"},
			checkpointIntervalFlag(),
		},
		Action: func(c *cli.Context) error {
			if c.Args().Present() || !c.IsSet("plan") || !c.IsSet("chunk") {
				return usage("grid work: want --plan FILE and --chunk NUMBER")
			}
			o, err := gridOptions(c)
			if err != nil {
				return err
			}
			task, err := slurm.Begin(c.String("plan"), c.Int("chunk"))
			var none *slurm.RangeError
			if errors.As(err, &none) {
				return &usageError{err}
			}
			if err != nil {
				return err
			}
			err = work(c, task, o)
			if err != nil && terminated(c.Context) {
				return anotherTurn(c, task, err)
			}
			return err
		},
	}
}

// work trains the points of a task.
func work(c *cli.Context, task *slurm.Task, o workOptions) error {
	folder, err := grid.View(task.Grid)
	if err != nil {
		return err
	}
	points, err := folder.Select(task.Points)
	if err != nil {
		return err
	}
	set, err := host(c).OpenData(c.Context, points[0].Config)
	if err != nil {
		return err
	}
	if err := enterGrid(c, folder, set, &o); err != nil {
		return err
	}
	if !c.IsSet("threads") && task.CPUs > 0 {
		o.Threads = min(task.CPUs, runtime.GOMAXPROCS(0))
	}
	logger(c).Info("task", "grid", task.Grid, "networks", len(points), "start", task.Starts)
	return runGrid(c, folder, set, points, o.Options)
}

// terminated reports whether a SIGTERM has ended the work.
func terminated(ctx context.Context) bool {
	var s signalled
	return errors.As(context.Cause(ctx), &s) && s.Signal == syscall.SIGTERM
}

// anotherTurn asks Slurm to start the task again, which a SIGTERM ended with an error. It logs that first, because
// Slurm may end this process before it returns.
func anotherTurn(c *cli.Context, task *slurm.Task, ended error) error {
	if task.Name == "" {
		return ended
	}
	if task.Starts < task.MaxStarts {
		logger(c).Info("ended by a signal: asking Slurm to start this task again, which it does unless the task was "+
			"cancelled",
			"task", task.Name, "start", task.Starts, "of at most", task.MaxStarts)
	}
	if err := task.Requeue(context.WithoutCancel(c.Context)); err != nil {
		return fmt.Errorf("%w; %w", ended, err)
	}
	return ended
}

// slurmStatus is what Slurm says about a grid.
type slurmStatus struct {
	Launches int            `json:"launches"`
	Tasks    []slurm.Queued `json:"tasks"`    // in the queue
	InTasks  int            `json:"in_tasks"` // points of theirs that are not finished
	// points that are neither finished, nor theirs, nor in training in a process
	InNone  int           `json:"in_no_task"`
	Ended   []slurm.Ended `json:"ended"`             // tasks that left some of these
	Unknown string        `json:"unknown,omitempty"` // why squeue gave no answer
}

// readSlurmStatus asks Slurm about the tasks of a grid. It returns nil if there were never any, or nothing is left to
// do.
func readSlurmStatus(ctx context.Context, folder *grid.Folder, status grid.Status) (*slurmStatus, error) {
	launches, err := slurm.Launches(folder.Dir)
	if err != nil || len(launches) == 0 || status.Running+status.Waiting == 0 {
		return nil, err
	}
	s := &slurmStatus{Launches: len(launches), Tasks: []slurm.Queued{}, Ended: []slurm.Ended{}}
	tasks, err := slurm.Queue(ctx, launches)
	if err != nil {
		s.Unknown = sentence.Of(err)
		return s, nil
	}
	s.Tasks = append(s.Tasks, tasks...)
	records, _, err := folder.Records()
	if err != nil {
		return nil, err
	}
	settled := map[string]bool{}
	for _, r := range records {
		settled[r.ID] = true
	}
	underWay := slurm.UnderWay(launches, tasks)
	for id := range underWay {
		if !settled[id] {
			s.InTasks++
		}
		settled[id] = true
	}
	for _, p := range status.Processes {
		for _, b := range p.Batches {
			for _, id := range b.Running {
				settled[id] = settled[id] || !p.Silent
			}
		}
	}
	var unfinished []string
	for _, p := range folder.Points() {
		if !settled[p.ID] {
			s.InNone++
			unfinished = append(unfinished, p.ID)
		}
	}
	ended, err := slurm.FindEnded(launches, unfinished)
	s.Ended = append(s.Ended, ended...)
	return s, err
}

// endedLines say how ended tasks ended, as far as is known, and where to look: a line per launch and kind.
func endedLines(ended []slurm.Ended) []string {
	type group struct {
		launch     string
		began, log bool
	}
	groups := map[group][]slurm.Ended{}
	var order []group
	for _, e := range ended {
		g := group{e.Launch, e.Starts > 0, e.Log != ""}
		if groups[g] == nil {
			order = append(order, g)
		}
		groups[g] = append(groups[g], e)
	}
	var lines []string
	for _, g := range order {
		networks := 0
		for _, e := range groups[g] {
			networks += len(e.Points)
		}
		first := groups[g][0]
		when := ""
		if !g.began {
			when = " before quantal began"
		}
		where := fmt.Sprintf("without a log: `scontrol show job %[1]s` or `sacct -j %[1]s` may say why, "+
			"or slurmd's log on its node", first.Job)
		if g.log {
			where = "see " + first.Log
		}
		lines = append(lines, fmt.Sprintf("launch %s: %s ended%s, with %s unfinished, %s",
			g.launch, count(len(groups[g]), "task"), when, count(networks, "network"), where))
	}
	return lines
}

// print writes a line per launch and state.
func (s *slurmStatus) print(w io.Writer) {
	if s.Unknown != "" {
		fmt.Fprintf(w, "slurm\tunknown: %s\n", s.Unknown)
		return
	}
	type group struct{ launch, state, reason string }
	counts := map[group]int{}
	var order []group
	for _, t := range s.Tasks {
		g := group{t.Launch, t.State, t.Reason}
		if counts[g] == 0 {
			order = append(order, g)
		}
		counts[g]++
	}
	for _, g := range order {
		fmt.Fprintf(w, "slurm\tlaunch %s: %s %s", g.launch, count(counts[g], "task"), strings.ToLower(g.state))
		if g.reason != "None" {
			fmt.Fprintf(w, " (%s)", g.reason)
		}
		fmt.Fprintln(w)
	}
	for _, line := range endedLines(s.Ended) {
		fmt.Fprintf(w, "slurm\t%s\n", line)
	}
	if len(s.Tasks) == 0 {
		fmt.Fprintln(w, "slurm\tno task in the queue")
	}
	if s.InNone > 0 {
		fmt.Fprintf(w, "slurm\t%s in no task: the same command again submits what is missing\n", count(s.InNone, "network"))
	}
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
