"""What $LISTEN_FDS may say: sockets are taken, and everything else is one line."""

import fcntl
import os
import socket
from pathlib import Path

import pytest

from foundation.errors import ConfigError
from foundation.listen import inherited_sockets


def passed(count):
    return {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": count, "LISTEN_FDNAMES": "web"}


def placed(fd):
    """The same file under a number that nothing else of the test uses."""
    return fcntl.fcntl(fd, fcntl.F_DUPFD, 300)


@pytest.mark.parametrize("count", ["", "0", "-1", "²", "٣", "1_0", " 1", "1\n", "9" * 5000])
def test_what_is_no_number_of_sockets_is_refused(count):
    with pytest.raises(ConfigError, match="passed no socket"):
        inherited_sockets(passed(count))


@pytest.mark.parametrize("count", ["2", "999999999"])
def test_a_descriptor_that_is_not_open_is_told_and_the_others_are_given_back(count):
    with socket.create_server(("127.0.0.1", 0)) as listening:
        first = placed(listening.fileno())
        with pytest.raises(ConfigError, match=f"descriptor {first + 1}, which .LISTEN_FDS includes: Bad file"):
            inherited_sockets(passed(count), first)
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(first)


def test_a_descriptor_of_a_file_is_told():
    with Path(__file__).open("rb") as file:
        first = placed(file.fileno())
    try:
        with pytest.raises(ConfigError, match=f"descriptor {first}, .*: Socket operation on non-socket"):
            inherited_sockets(passed("1"), first)
    finally:
        os.close(first)


def test_sockets_are_taken_once():
    environ = passed("1")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        (taken,) = inherited_sockets(environ, placed(listening.fileno()))
        with taken:
            assert taken.getsockname() == listening.getsockname()
            assert not taken.get_inheritable()
            assert taken.gettimeout() == 0
    assert environ == {}
