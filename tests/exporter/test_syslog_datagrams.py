"""Syslog by datagrams, on real sockets."""

import os
import socket
import stat
import subprocess
import sys

import pytest
from syslogging import MESSAGE, feeding, lines_of

from exporter.sources.syslog.datagrams import Datagrams
from exporter.sources.syslog.settings import Listen
from foundation.errors import SourceError


def listening(where="udp://127.0.0.1:0", saved=None, queue_bytes=1 << 20, **settings):
    return feeding(Datagrams(Listen(syslog=where, **settings)), saved, queue_bytes)


def sender(receiver):
    address = receiver.address
    opened = socket.socket(socket.AF_UNIX if isinstance(address, str) else socket.AF_INET, socket.SOCK_DGRAM)
    opened.connect(address)
    return opened


@pytest.mark.parametrize("kind", ["udp", "unix"])
async def test_each_datagram_is_a_line(kind, tmp_path):
    where = "udp://127.0.0.1:0" if kind == "udp" else f"unix:{tmp_path}/s"
    async with listening(where) as (received, receiver):
        with sender(receiver) as out:
            sent = [MESSAGE % n for n in range(20)]
            for message in sent:
                out.send(message)
            got = await lines_of(received, 20)
            assert got == [message + b"\n" for message in sent]
            assert received.status.read_bytes == sum(map(len, got))
            assert (received.status.lag_bytes, received.status.readable) == (0, True)


async def test_a_message_is_one_line_whatever_is_in_it():
    async with listening() as (received, receiver):
        with sender(receiver) as out:
            for message in (b"a\nb\n", b"c\r\n", b"d\0", b"", b"\xff\0e"):
                out.send(message)
            assert await lines_of(received, 5) == [b"a b\n", b"c\n", b"d\n", b"\n", b"\xff\0e\n"]


async def test_a_message_too_long_is_dropped_and_counted(tmp_path):
    async with listening(f"unix:{tmp_path}/s", message_bytes=480) as (received, receiver):
        with sender(receiver) as out:
            out.send(b"x" * 481)
            out.send(b"y" * 480)
            assert await lines_of(received, 1) == [b"y" * 480 + b"\n"]
            assert received.status.too_long_lines == 1


async def test_what_the_kernel_had_no_room_for_is_counted_exactly():
    async with listening(queue_bytes=1, receive_buffer_bytes=4096) as (received, receiver):
        sent = 2000
        with sender(receiver) as out:
            for n in range(sent):
                out.send(MESSAGE % n)
        batches = await received.rest()
        got = sum(batch.data.count(b"\n") for batch in batches)
        assert 0 < got < sent
        assert received.losses.messages == {"kernel": sent - got}
        received.applied()
        saved = received.saved()
    async with listening(saved=saved) as (received, _):
        assert received.losses.messages == {"kernel": sent - got}
        assert received.status.read_bytes == sum(len(batch.data) for batch in batches)


async def test_the_end_takes_what_waits_in_the_kernel():
    async with listening(queue_bytes=1) as (received, receiver):
        with sender(receiver) as out:
            for n in range(100):
                out.send(MESSAGE % n)
        batches = await received.rest()
        assert b"".join(batch.data for batch in batches) == b"".join(MESSAGE % n + b"\n" for n in range(100))


async def test_a_taken_port_is_one_clear_line():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        where = f"udp://127.0.0.1:{other.getsockname()[1]}"
        with pytest.raises(SourceError, match=f"^cannot listen on {where}: the port is taken; choose another one$"):
            async with listening(where):
                pass


LEFT = "import socket, sys, os\ns = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)\ns.bind(sys.argv[1])\nos._exit(9)"


@pytest.fixture
def left(tmp_path):
    path = tmp_path / "s"
    assert subprocess.run([sys.executable, "-c", LEFT, path], check=False).returncode == 9
    return path


async def test_the_socket_that_a_killed_process_left_is_taken_over(left):
    path = left
    assert stat.S_ISSOCK(path.stat().st_mode)
    async with listening(f"unix:{path}", mode="0620") as (_, receiver):
        assert stat.S_IMODE(path.stat().st_mode) == 0o620
        with sender(receiver) as out:
            out.send(b"x")
    assert not path.exists()


async def test_a_path_that_others_use_is_left_to_them(tmp_path):
    path = tmp_path / "s"
    for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
        with socket.socket(socket.AF_UNIX, kind) as other:
            other.bind(str(path))
            if kind == socket.SOCK_STREAM:
                other.listen()
            with pytest.raises(SourceError, match=r"another process listens there; choose another path$"):
                async with listening(f"unix:{path}"):
                    pass
            path.unlink()
    path.write_text("mine")
    with pytest.raises(SourceError, match=r"a file that is not a socket exists there; choose another path$"):
        async with listening(f"unix:{path}"):
            pass
    assert path.read_text() == "mine"


async def test_a_path_that_another_process_took_meanwhile_is_not_taken_away(tmp_path):
    path = tmp_path / "s"
    async with listening(f"unix:{path}"):
        path.unlink()
        path.write_text("theirs")
    assert path.read_text() == "theirs"


@pytest.mark.parametrize(
    ("where", "settings", "want"),
    [
        ("unix:{}/none/s", {}, "No such file or directory; make the directory {}/none$"),
        ("unix:{}/s", {"group": "no such group"}, "there is no group no such group$"),
    ],
)
async def test_a_path_that_cannot_be_is_one_clear_line(tmp_path, where, settings, want):
    with pytest.raises(SourceError, match=want.format(tmp_path)):
        async with listening(where.format(tmp_path), **settings):
            pass


async def test_a_directory_that_may_not_be_written_is_one_clear_line(tmp_path, monkeypatch):
    """As root nothing is forbidden, so the kernel's answer is made up."""

    def refused(*_):
        raise PermissionError(13, os.strerror(13))

    monkeypatch.setattr("pathlib.Path.chmod", refused)
    with pytest.raises(SourceError, match=f"Permission denied; this user must be able to write to {tmp_path}$"):
        async with listening(f"unix:{tmp_path}/s"):
            pass
    assert not (tmp_path / "s").exists()
