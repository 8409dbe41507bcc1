#!/usr/bin/env python3
"""Runs a command for at most the given number of seconds, then ends it with all processes that it started.

    within.py SECONDS COMMAND [ARGUMENT...]

Two seconds before the time is up they are asked to end (SIGTERM), then they are killed, also those that went into a session of
their own. The same happens to what a command leaves behind, and to all of it if within.py is told to end or loses its parent.

Exit status: the command's, 128 + n if signal n ended it; 124 out of time; 127 no such command.

GPU_CLOCK, a file that holds a number of seconds, is the clock of rehearsals: it stands still but for what stand-ins write into
it. They learn from GPU_DEADLINE when their time is up. Under it nobody is asked to end.
"""
import ctypes
import os
import signal
import sys
import time

CLOCK = os.environ.get("GPU_CLOCK")
GRACE = 0 if CLOCK else 2


def now():
    if not CLOCK:
        return time.monotonic()
    with open(CLOCK) as f:
        return float(f.read())


def descendants():
    """Processes below this one. Those whose parents ended are its children: it asked to be their parent."""
    children = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/stat") as f:
                state, parent = f.read().rpartition(")")[2].split()[:2]
        except OSError:  # it just ended
            continue
        if state != "Z":
            children.setdefault(int(parent), []).append(int(name))
    found = children.get(os.getpid(), [])
    for pid in found:
        found.extend(children.get(pid, []))
    return found


def reap(child=None):
    """Collects those that ended; returns the child's status, or None while it runs."""
    status = None
    try:
        while True:
            pid, s = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return status
            if pid == child:
                status = os.waitstatus_to_exitcode(s)
    except ChildProcessError:
        return status


def tell(number):
    for pid in descendants():
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass


def end():
    """Ends all descendants."""
    if GRACE and descendants():
        tell(signal.SIGTERM)
        until = time.monotonic() + GRACE
        while descendants() and time.monotonic() < until:
            reap()
            time.sleep(0.02)
    until = time.monotonic() + 60  # a process that hangs in the driver can outlive a kill
    while descendants() and time.monotonic() < until:
        tell(signal.SIGKILL)
        reap()
        time.sleep(0.01)
    reap()


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    parent, deadline = os.getppid(), now() + float(sys.argv[1])
    PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    told = []
    for number in signal.SIGTERM, signal.SIGINT, signal.SIGHUP:
        signal.signal(number, lambda n, _: told.append(n))
    try:
        child = os.posix_spawnp(sys.argv[2], sys.argv[2:], {**os.environ, "GPU_DEADLINE": f"{deadline:g}"},
                                setsigdef=[signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
    except OSError as e:
        print(f"within.py: {sys.argv[2]}: {e.strerror}", file=sys.stderr)
        sys.exit(127)
    while True:
        status = reap(child)
        if status is not None:
            break
        if told:
            status = -told[0]
        elif now() >= deadline - GRACE:
            status = 124
        elif os.getppid() != parent:
            status = -signal.SIGKILL
        if status is not None:
            break
        time.sleep(0.02)
    end()
    sys.exit(status if status >= 0 else 128 - status)


if __name__ == "__main__":
    main()
