"""Sockets that somebody else opened: a connection made before the exporter is there is answered by it."""

import http.client
import shlex
import signal
import socket
import subprocess
import sys
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

EXPORTER = shlex.join([str(Path(sys.executable).parent / "exporter"), "--web.systemd-socket"])


def started(folder, *sockets, pid="$$", **more):
    """The exporter as systemd starts it: the sockets are descriptors 3 and up."""
    script = f"LISTEN_PID={pid} LISTEN_FDS={len(sockets)} exec {EXPORTER}"
    passed = " ".join(f"{3 + n}<&{each.fileno()}" for n, each in enumerate(sockets))
    files = [each.fileno() for each in sockets]
    return subprocess.Popen(["bash", "-c", f"{script} {passed}"], cwd=folder, pass_fds=files, text=True, **more)


@contextmanager
def ending(process):
    with process:
        try:
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0


@pytest.mark.e2e
def test_who_came_before_the_exporter_is_answered(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as inet, socket.socket(socket.AF_UNIX) as unix:
        unix.bind(str(tmp_path / "web"))
        unix.listen()
        port = inet.getsockname()[1]
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as client:
            client.request("GET", "/-/healthy")
            with ending(started(tmp_path, inet, unix)):
                assert client.getresponse().status == 200
                client.sock.close()
                with socket.socket(socket.AF_UNIX) as other:
                    other.settimeout(60)
                    other.connect(str(tmp_path / "web"))
                    other.sendall(b"GET /-/healthy HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                    assert other.makefile("rb").readline() == b"HTTP/1.1 200 OK\r\n"


@pytest.mark.e2e
@pytest.mark.parametrize(
    ("kind", "pid", "says"),
    [
        (None, "$$", "systemd passed no socket"),
        (socket.SOCK_STREAM, "$PPID", "systemd passed no socket"),  # to another process, whose child this one is
        (socket.SOCK_STREAM, "$$", "expected ListenStream= with Accept=no"),
        (socket.SOCK_DGRAM, "$$", "expected ListenStream= with Accept=no"),
    ],
)
def test_what_is_no_listening_socket_is_refused(tmp_path, kind, pid, says):
    with socket.socket(type=kind or socket.SOCK_STREAM) as one:
        process = started(tmp_path, *([one] if kind else []), pid=pid, stderr=subprocess.PIPE)
        told = process.communicate(timeout=60)[1]
    assert says in told.splitlines()[-1]
    assert process.returncode == 2
