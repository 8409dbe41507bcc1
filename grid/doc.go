// Package grid trains many networks that differ in their settings, and can be stopped and continued at any moment.
//
// What enters: a configuration, the axes along which it varies, and a data set. What leaves: a folder with one record
// per finished network (package tables draws tables and figures from them).
//
// # Points and cohorts
//
// A point is one network: a resolved configuration without the device. Its id is readable and ends in a checksum of
// everything that determines the result, so the same settings have the same id in any grid. Points that agree in
// train.Config.Cohort (graph, data, minibatch, number of steps) train as members of one Program: on a GPU as many as
// fit its memory in one launch set, on the CPU a few per thread at a time.
//
// Several GPUs take batches of points from one queue (type queue says how large). One that is done early takes over
// half of the slowest one's work, and the work of a GPU that fails returns to the queue. No result depends on this.
//
// Points with one seed share their initial means, the order of the minibatches and every draw of noise (common random
// numbers): they differ by the effect of the setting, not by chance. Intervals over seeds therefore belong to each
// point, while differences along c have less scatter than the intervals suggest.
//
// # Folder
//
//	plan.json, plan-2.json, ...   the points, and the command that requested them; more points make a new file
//	environment.json              program, processor, kernels, data set and its checksums
//	points/ID.json                store.Record of a finished or diverged network: the truth about what is done
//	points/ID.safetensors         its mu and phi (store.ReadNetwork)
//	curves/ID.jsonl               the learning curve of a point, a store.Epoch per line, at most 200 epochs
//	checkpoints/team-*.safetensors  unfinished networks, every few minutes (store.TeamCheckpoint)
//	journal/*.jsonl               clocks, hosts, devices and restarts, a file per process
//	progress/*.json               the progress of each process, about once per second
//	launches/0001 ...             submissions to a cluster: package slurm
//	search.json, search.csv       of a search: what was asked for, and what was found (package search)
//	.lock                         held by the process that works in the folder; not by tasks of a cluster, nor without
//	                              locks in the file system
//
// A point is done when it has a valid record; the record is written after the network. So a process may be killed at
// any moment: at most the time since the last checkpoint is lost. Records and networks hold no clock and no host, and
// every file is replaced as a whole, so two processes that train the same point do no harm.
package grid
