// Package slurm submits a grid's missing points to a Slurm cluster and reports what became of the tasks.
//
// What enters: ids of points packed in chunks, the grid's folder on a file system that all nodes share, and the user's
// options for sbatch. What leaves: job arrays in the queue, one task per chunk, and a hint of the state of each task.
// The package knows neither networks nor records: the caller says, from the folder, which points are done.
//
// # A launch
//
// Each submission has its own folder in the grid's folder, launches/0001, launches/0002 and so on:
//
//	plan.json   the points of each chunk and how they were submitted; written before anything is submitted, never changed
//	job.sh      what a task runs, after the commands that submitted it
//	jobs.json   the job arrays that sbatch accepted
//	starts/     a file per chunk with a line per start of its task: time, host, job
//	task-*.log  what the tasks printed; the name holds the job and the index, as squeue shows them
//
// # What Slurm is and is not relied on for
//
// The files of the grid's folder are the truth about points; squeue is a hint about tasks. When a node is lost Slurm
// starts its tasks again elsewhere, and the lost ones may still be running, so a task must tolerate a second copy of
// itself. squeue finds the tasks by their job's name, which is random and recorded in plan.json, so even tasks of a
// submission that was interrupted before it could write jobs.json are found.
//
// An index of an array is below MaxArraySize, so a launch of many chunks becomes several arrays; job.sh gets the first
// chunk of its array as argument and adds the index.
//
// A task whose node cannot open its log, or start it at all, ends without a trace. Therefore FindEnded says for every
// task that left points unfinished whether its log exists and whether quantal began in it. The log's name is given to
// sbatch as an absolute path in which a percent sign is doubled; Slurm has no way to write a backslash, so folders with
// one are refused.
//
// Slurm sends TERM to a task some time before its time limit (120 s, and up to 60 s earlier than that). The task saves
// its work and asks to be started again with Task.Requeue. Scancel also sends TERM, and a cancelled job that is
// requeued in the plain way starts again; `scontrol requeue Incomplete` leaves it cancelled, and Slurm decides that
// itself, so there is no gap in which a scancel could be missed. A task is named by its array and index: the last task
// of an array has the array's own job number, and a requeue of that number would requeue the whole array. The starts of
// a task are counted in starts/, because Slurm's own count (SLURM_RESTART_COUNT) is missing after some kinds of
// restart.
package slurm
