"""Which TCP port is taken, and by whom: read from /proc, so that it needs no tool."""

import itertools
import os
import pwd
import random
import socket
from dataclasses import dataclass
from pathlib import Path

WORKERS = 16
LISTEN = "0A"  # the state of a listening socket in /proc/net/tcp


@dataclass(frozen=True)
class Holder:
    """The process that listens on a port. `pid` is None where only its user may be seen."""

    user: str
    pid: int | None = None
    command: str = ""
    unit: str = ""  # the systemd service it belongs to

    def __str__(self) -> str:
        if self.pid is None:
            return f"a process of user {self.user} (run with sudo to see which)"
        service = f", of the system service {self.unit}: systemctl disable --now {self.unit}" if self.unit else ""
        return f"pid {self.pid} ({self.command}{service})"


def free_ports(count: int) -> list[int]:
    """`count` ports of 127.0.0.1 that nothing listens on now, all different.

    They lie below the range of outgoing connections, so that none of those takes one meanwhile. Workers of pytest that
    run side by side each have ports of their own.
    """
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % WORKERS
    ports = range(15_000 + worker, 32_000, WORKERS)
    candidates = random.sample(ports, len(ports))
    return list(itertools.islice((port for port in candidates if not is_taken(port)), count))


def is_taken(port: int) -> bool:
    """Whether 127.0.0.1:`port` cannot be listened on."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # closed connections may linger; listeners may not
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


def holder(port: int) -> Holder | None:
    """Who listens on `port`; None where nobody does any more."""
    inodes = _listening_inodes(port)
    if not inodes:
        return None
    for proc in Path("/proc").iterdir():
        if proc.name.isdigit() and _sockets(proc) & inodes.keys():
            command = (proc / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
            return Holder(_user(proc.stat().st_uid), int(proc.name), command[:100], _unit(proc))
    return Holder(_user(next(iter(inodes.values()))))


def _listening_inodes(port: int) -> dict[str, int]:
    """Socket inode -> user id, of every listener on `port`."""
    found = {}
    for table in (Path("/proc/net/tcp"), Path("/proc/net/tcp6")):
        lines = table.read_text().splitlines()[1:] if table.exists() else []
        for fields in map(str.split, lines):
            if fields[3] == LISTEN and int(fields[1].rpartition(":")[2], 16) == port:
                found[fields[9]] = int(fields[7])
    return found


def _sockets(proc: Path) -> set[str]:
    """The inodes of a process's sockets; empty for a process that is gone or not ours to look into."""
    found = set()
    try:
        for fd in (proc / "fd").iterdir():
            target = str(fd.readlink())
            if target.startswith("socket:["):
                found.add(target[8:-1])
    except OSError:
        pass
    return found


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _unit(proc: Path) -> str:
    try:
        parts = (proc / "cgroup").read_text().strip().split("/")
    except OSError:
        return ""
    return parts[-1] if "system.slice" in parts and parts[-1].endswith(".service") else ""
