"""What /proc knows about processes: trees, sessions, descriptors, memory, CPU."""
import ctypes
import os
import re
import signal

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
libc = ctypes.CDLL(None, use_errno=True)


def die_with_parent():
    """For preexec_fn: the child is killed when the thread that started it ends."""
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def stat(pid):
    """The fields of /proc/PID/stat after the name, or None. [0] state, [1] ppid, [3] session."""
    try:
        with open(f"/proc/{pid}/stat") as f:
            return f.read().rsplit(")", 1)[1].split()
    except OSError:
        return None


def pids():
    return [int(e) for e in os.listdir("/proc") if e.isdigit()]


def alive(pid):
    s = stat(pid)
    return s is not None and s[0] not in "ZX"


def children(pid):
    """Direct children that are alive, lowest pid first."""
    out = []
    for p in pids():
        s = stat(p)
        if s and int(s[1]) == pid and s[0] not in "ZX":
            out.append(p)
    return sorted(out)


def session(sid):
    """Every living process of a session."""
    out = []
    for p in pids():
        s = stat(p)
        if s and int(s[3]) == sid and s[0] not in "ZX":
            out.append(p)
    return sorted(out)


def title(pid):
    """Command line and thread name, as ps would show them."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as f:
            line = f.read().replace(b"\0", b" ").strip()
        with open(f"/proc/{pid}/comm", "rb") as f:
            return (line + b" " + f.read().strip()).decode(errors="replace")
    except OSError:
        return ""


def fds(pid):
    """Open descriptors: number -> what it points to."""
    out = {}
    try:
        for n in os.listdir(f"/proc/{pid}/fd"):
            try:
                out[int(n)] = os.readlink(f"/proc/{pid}/fd/{n}")
            except OSError:
                pass
    except OSError:
        pass
    return out


def _field(pid, file, pattern):
    try:
        with open(f"/proc/{pid}/{file}") as f:
            return sum(map(int, re.findall(pattern, f.read(), re.M)))
    except OSError:
        return 0


def rss_kb(pid):
    return _field(pid, "status", r"^VmRSS:\s+(\d+)")


def anon_kb(pid):
    """Private memory of a process, what a leak would show in."""
    return _field(pid, "status", r"^RssAnon:\s+(\d+)")


def pss_kb(pid):
    """Memory with shared pages divided among their users."""
    return _field(pid, "smaps_rollup", r"^Pss:\s+(\d+)")


def shmem_kb(pid):
    return _field(pid, "status", r"^RssShmem:\s+(\d+)")


def cpu_ticks(pid):
    s = stat(pid)
    return int(s[11]) + int(s[12]) if s else 0
