//go:build linux

// Package slurmtest starts a real Slurm of two nodes on this machine for a test: controller, two node daemons and the
// client programs, in its own folder, on free ports, without systemd, munge or accounting. Debian has the programs in
// slurmctld, slurmd and slurm-client.
package slurmtest

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Cluster is a Slurm with the nodes n1 and n2, which have room for many small tasks. A task that may run on both gets
// n2.
type Cluster struct {
	// MaxArraySize is above the highest index that a job array may have here.
	MaxArraySize int

	dir     string
	daemons map[string]*daemon // controller, n1, n2
}

type daemon struct {
	*os.Process
	ended chan struct{}
}

// maxArraySize is small, so that tests need several arrays.
const maxArraySize = 4

// Start starts a Slurm that ends with the test, and points SLURM_CONF to it. Without Slurm, or without permission to
// start it, the test is skipped, and fails if QUANTAL_REQUIRE_SLURM is set.
func Start(t *testing.T) *Cluster {
	t.Helper()
	unable := func(format string, args ...any) {
		t.Helper()
		if os.Getenv("QUANTAL_REQUIRE_SLURM") != "" {
			t.Fatalf(format, args...)
		}
		t.Skipf("NOT TESTED AGAINST A REAL SLURM: "+format, args...)
	}
	if os.Geteuid() != 0 {
		unable("only root can start one")
	}
	t.Setenv("PATH", os.Getenv("PATH")+":/usr/sbin:/usr/local/sbin")
	for _, program := range []string{"slurmctld", "slurmd", "sbatch", "squeue", "scontrol", "scancel", "sinfo"} {
		if _, err := exec.LookPath(program); err != nil {
			unable("there is no %s (Debian: slurmctld slurmd slurm-client)", program)
		}
	}
	// A short path, because sockets in it may have 107 characters.
	dir, err := os.MkdirTemp("", "slurm")
	if err != nil {
		t.Fatal(err)
	}
	c := &Cluster{MaxArraySize: maxArraySize, dir: dir, daemons: map[string]*daemon{}}
	t.Cleanup(func() { c.stop(t) })
	c.configure(t)
	t.Setenv("SLURM_CONF", c.conf())
	c.start(t, "controller", "slurmctld", "-D")
	c.start(t, "n1", "slurmd", "-D", "-N", "n1")
	c.start(t, "n2", "slurmd", "-D", "-N", "n2")
	// Only a Slurm that cannot run here takes that long, or ends.
	for began := time.Now(); ; time.Sleep(50 * time.Millisecond) {
		states, _ := exec.Command("sinfo", "--noheader", "--Node", "--format=%t").Output()
		if string(states) == "idle\nidle\n" {
			return c
		}
		if name := c.gone(); name != "" || time.Since(began) > 15*time.Minute {
			unable("it does not start: nodes %q, ended: %q\n%s", states, name, c.logs())
		}
	}
}

// gone names a daemon that has ended, or is empty.
func (c *Cluster) gone() string {
	for name, d := range c.daemons {
		select {
		case <-d.ended:
			return name
		default:
		}
	}
	return ""
}

// Until waits until a condition holds, for as long as a busy machine needs. Shortly before the time limit of all tests,
// it fails and prints state.
func Until(t *testing.T, what string, holds func() bool, state func() string) {
	t.Helper()
	limit, limited := t.Deadline()
	for ; !holds(); time.Sleep(100 * time.Millisecond) {
		if limited && time.Until(limit) < time.Minute {
			t.Fatalf("waited in vain until %s: %s", what, state())
		}
	}
}

func (c *Cluster) conf() string { return filepath.Join(c.dir, "slurm.conf") }

// configure writes slurm.conf. Times are short where the defaults would make a test wait: a requeued task may start
// after 20 s and not 120, and the scheduler looks every 2 s. They are long where a busy machine would exceed them: for
// an answer, and for a task's start and end. The controller never gives up a node that does not answer: LoseNode does.
func (c *Cluster) configure(t *testing.T) {
	t.Helper()
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	host, _, _ = strings.Cut(host, ".")
	ports := freePorts(t, 3)
	for _, name := range []string{"state", "spool"} {
		if err := os.Mkdir(filepath.Join(c.dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	text := fmt.Sprintf(`ClusterName=quantal
SlurmctldHost=%[1]s(127.0.0.1)
SlurmctldPort=%[3]d
SlurmUser=root
AuthType=auth/none
CredType=cred/none
AuthInfo=cred_expire=20
StateSaveLocation=%[2]s/state
SlurmdSpoolDir=%[2]s/spool/%%n
SlurmctldPidFile=%[2]s/controller.pid
SlurmdPidFile=%[2]s/%%n.pid
SlurmctldLogFile=%[2]s/controller.log
SlurmdLogFile=%[2]s/%%n.log
ProctrackType=proctrack/linuxproc
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerParameters=sched_interval=2,bf_interval=2
SlurmdParameters=config_overrides
ReturnToService=2
JobRequeue=0
SlurmdTimeout=0
MessageTimeout=90
TCPTimeout=60
BatchStartTimeout=3600
KillWait=3600
UnkillableStepTimeout=7200
MinJobAge=7200
MaxArraySize=%[6]d
NodeName=n1 NodeHostname=%[1]s NodeAddr=127.0.0.1 Port=%[4]d CPUs=16 RealMemory=1000 Weight=2
NodeName=n2 NodeHostname=%[1]s NodeAddr=127.0.0.1 Port=%[5]d CPUs=16 RealMemory=1000 Weight=1
PartitionName=main Nodes=n1,n2 Default=YES MaxTime=60 State=UP
`, host, c.dir, ports[0], ports[1], ports[2], c.MaxArraySize)
	if err := os.WriteFile(c.conf(), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// freePorts returns ports on which nobody listens.
func freePorts(t *testing.T, n int) []int {
	t.Helper()
	ports := make([]int, n)
	for i := range ports {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		ports[i] = l.Addr().(*net.TCPAddr).Port
	}
	return ports
}

func (c *Cluster) start(t *testing.T, name, program string, args ...string) {
	t.Helper()
	cmd := exec.Command(program, args...)
	// It ends with this process even if that is killed.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	d := &daemon{cmd.Process, make(chan struct{})}
	c.daemons[name] = d
	go func() {
		_ = cmd.Wait() // how it ended is in its log
		close(d.ended)
	}()
}

// stop cancels all jobs first, because tasks outlive the daemons.
func (c *Cluster) stop(t *testing.T) {
	t.Helper()
	if len(c.daemons) > 0 {
		_ = exec.Command("scancel", "--quiet", "--user=root").Run()
		for i := 0; i < 200 && len(c.processes())+len(c.supervisors()) > 0; i++ {
			time.Sleep(50 * time.Millisecond)
		}
	}
	for _, pid := range append(c.supervisors(), c.processes()...) {
		_ = syscall.Kill(pid, syscall.SIGKILL) // it may have ended by itself
	}
	// The controller goes first: without nodes it would wait for them.
	for _, name := range []string{"controller", "n1", "n2"} {
		d, ok := c.daemons[name]
		if !ok {
			continue
		}
		_ = d.Signal(syscall.SIGTERM) // it may have ended
		select {
		case <-d.ended:
		case <-time.After(20 * time.Second):
			t.Logf("%s had to be killed\n%s", name, c.logs())
			_ = d.Kill()
			<-d.ended
		}
	}
	if t.Failed() {
		t.Logf("Slurm's logs:\n%s", c.logs())
	}
	if err := os.RemoveAll(c.dir); err != nil {
		t.Error(err)
	}
}

// logs are the ends of the daemons' logs.
func (c *Cluster) logs() string {
	var b strings.Builder
	for _, name := range []string{"controller", "n1", "n2"} {
		text, err := os.ReadFile(filepath.Join(c.dir, name+".log"))
		if err != nil {
			fmt.Fprintf(&b, "%v\n", err)
		}
		fmt.Fprintf(&b, "%s: %s\n", name, text[max(0, len(text)-4000):])
	}
	return b.String()
}

// LoseNode makes a node vanish: its daemon and the supervisors of its tasks are killed. The named tasks are killed too,
// the others continue unsupervised, as on a node that the network cannot reach. Then the controller is told that the
// node is down.
func (c *Cluster) LoseNode(t *testing.T, node string, dying ...string) {
	t.Helper()
	if err := c.daemons[node].Kill(); err != nil {
		t.Fatal(err)
	}
	<-c.daemons[node].ended
	victims := c.supervisors(node)
	for _, task := range dying {
		victims = append(victims, c.Processes(task)...)
	}
	for _, pid := range victims {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := exec.Command("scontrol", "update", "NodeName="+node, "State=DOWN",
		"Reason=lost").CombinedOutput(); err != nil {
		t.Fatalf("scontrol: %v: %s", err, out)
	}
}

// Processes are those that run a task of a job array: 12_3.
func (c *Cluster) Processes(task string) []int {
	array, index, _ := strings.Cut(task, "_")
	return c.processes("SLURM_ARRAY_JOB_ID="+array, "SLURM_ARRAY_TASK_ID="+index)
}

// processes are those of this cluster's jobs with the variables in their environment.
func (c *Cluster) processes(variables ...string) []int {
	entries, _ := os.ReadDir("/proc")
	var pids []int
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		text, _ := os.ReadFile(filepath.Join("/proc", e.Name(), "environ")) // empty if it has just ended
		environment := strings.Split(string(text), "\x00")
		has := slices.ContainsFunc(environment, func(v string) bool { return strings.HasPrefix(v, "SLURM_JOB_ID=") })
		for _, v := range append(variables, "SLURM_CONF="+c.conf()) {
			has = has && slices.Contains(environment, v)
		}
		if has {
			pids = append(pids, pid)
		}
	}
	return pids
}

// supervisors are the processes, one per task, that supervise the tasks of some nodes, or of all. They write to their
// node's log.
func (c *Cluster) supervisors(nodes ...string) []int {
	if len(nodes) == 0 {
		nodes = []string{"n1", "n2"}
	}
	files, _ := filepath.Glob("/proc/[0-9]*/fd/*")
	var pids []int
	for _, f := range files {
		target, _ := os.Readlink(f) // empty if it has just been closed
		if !slices.ContainsFunc(nodes, func(n string) bool { return target == filepath.Join(c.dir, n+".log") }) {
			continue
		}
		process := filepath.Dir(filepath.Dir(f))
		name, _ := os.ReadFile(filepath.Join(process, "comm"))
		pid, err := strconv.Atoi(filepath.Base(process))
		if err == nil && strings.HasPrefix(string(name), "slurmstepd") && !slices.Contains(pids, pid) {
			pids = append(pids, pid)
		}
	}
	return pids
}
