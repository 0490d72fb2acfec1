"""Every server beside clients that are silent, slow, lazy or talk rubbish: newcomers are answered, and logs stay short.

Each process has descriptors for 32 to 64 connections (house.py), and more than that many clients come.
"""

import contextlib
import socket
import ssl
import time
import warnings

import pytest
from house import SERVERS

from foundation.listen import Limits

pytestmark = pytest.mark.e2e

SILENT, LAZY, ASKED_EACH, GARBAGE = 100, 20, 10, 40
STAY = 8
"""At least so many of the silent are still there when a newcomer is answered, which has not waited for deadlines."""
LOG_BYTES = 4096
PAGES = {"stores": "/", "ingest": "/-/healthy", "stores-own": "/", "preview": "/"}
JUNK = [
    b"\0" * 100,
    b"\r\n" * 50,
    b"GET / HTTP/9.9\r\n\r\n",
    b"GET /" + b"x" * 20_000,
    b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    bytes(range(256)),
]
HALF_HELLO = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"


@contextlib.contextmanager
def held(house, server, count, sent=b"", receive_bytes=None):
    """Connections that have sent this, and read nothing."""
    with contextlib.ExitStack() as stack:
        connections = []
        for _ in range(count):
            connection = stack.enter_context(socket.socket())
            if receive_bytes is not None:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
            connection.settimeout(20)
            connection.connect(("127.0.0.1", house.ports[server]))
            with contextlib.suppress(OSError):  # an old one may be closed already
                connection.sendall(sent)
            connections.append(connection)
        yield connections


def count_open(connections):
    """Those that the server has not closed."""
    number = 0
    for connection in connections:
        connection.setblocking(False)
        try:
            number += connection.recv(1) != b""
        except (BlockingIOError, ssl.SSLWantReadError):
            number += 1
        except OSError:
            pass
    return number


def check_answered(house, server):
    """A newcomer gets what it asks for."""
    if server == "ingest-tcp":
        with socket.create_connection(("127.0.0.1", house.ports[server]), 20) as connection:
            connection.sendall(b"0:00:01\t5.1\t3\n")
            connection.shutdown(socket.SHUT_WR)
            assert b'"taken":1' in connection.makefile("rb").read()
    else:
        assert house.ask(server, path=PAGES.get(server, "/metrics"))[0] in {200, 404}


def check_room_was_made(connections, since_s):
    """Some of the silent were closed for the newcomer, and the others were not, unless their deadline was over."""
    still_open = count_open(connections)
    assert still_open < SILENT
    took_s = time.monotonic() - since_s
    assert still_open >= STAY or took_s >= min(Limits().header_s, Limits().handshake_s), took_s


@contextlib.contextmanager
def short_log(house, server):
    """What happens meanwhile is a few lines in the log of the server, and never a traceback."""
    before = house.log(server).stat().st_size
    yield
    said = house.log(server).read_bytes()[before:]
    assert b"Traceback" not in said
    assert len(said) < LOG_BYTES, said


@pytest.mark.parametrize("server", [*SERVERS, "ingest-tcp"])
@pytest.mark.parametrize("sent", [b"", b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-A: "], ids=["silent", "slow-header"])
def test_the_silent_make_room(plain, server, sent):
    since_s = time.monotonic()
    with short_log(plain, server), held(plain, server, SILENT, sent) as connections:
        check_answered(plain, server)
        check_room_was_made(connections, since_s)


@pytest.mark.parametrize("server", [*SERVERS, "ingest-tcp"])
def test_who_does_not_read_holds_nobody_up(plain, server):
    ask = f"GET {PAGES.get(server, '/metrics')} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode() * ASKED_EACH
    sent = b"0:00:01\t5.1\t3\n" * 1000 if server == "ingest-tcp" else ask
    with short_log(plain, server), held(plain, server, LAZY, sent, receive_bytes=2048):
        check_answered(plain, server)


@pytest.mark.parametrize("server", [*SERVERS, "ingest-tcp"])
def test_rubbish_is_refused_and_forgotten(plain, server):
    with short_log(plain, server), contextlib.ExitStack() as stack:
        for sent in JUNK:
            stack.enter_context(held(plain, server, GARBAGE // len(JUNK), sent))
        check_answered(plain, server)


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("sent", [b"", HALF_HELLO], ids=["silent", "half-a-hello"])
def test_handshakes_that_do_not_end_make_room(secure, server, sent):
    since_s = time.monotonic()
    with short_log(secure, server), held(secure, server, SILENT, sent) as connections:
        check_answered(secure, server)
        check_room_was_made(connections, since_s)


@pytest.mark.parametrize("server", SERVERS)
def test_plain_text_to_a_tls_port_is_refused_and_forgotten(secure, server):
    with short_log(secure, server), held(secure, server, SILENT, b"GET / HTTP/1.0\r\n\r\n"):
        check_answered(secure, server)


def test_a_user_with_the_password_gets_in_beside_silence_everywhere(secure):
    """Half of the silent have not begun their handshake, the others say nothing after it."""
    since_s = time.monotonic()
    with contextlib.ExitStack() as stack:
        # Python's TLS does not close what it was given where the server has reset it already.
        stack.enter_context(warnings.catch_warnings(action="ignore", category=ResourceWarning))
        connections = []
        for server in ("exporter", "stores", "ingest"):
            connections += stack.enter_context(held(secure, server, SILENT // 2))
            for connection in stack.enter_context(held(secure, server, SILENT // 2)):
                with contextlib.suppress(OSError):  # closed for a newer one before it is through
                    wrapped = stack.enter_context(secure.tls.wrap_socket(connection, server_hostname="localhost"))
                    connections.append(wrapped)
        kind = {"Content_Type": "text/plain"}
        assert secure.ask("ingest", "POST", "/ingest", b"0:00:01\t5.1\t3\n", **kind)[0] == 200
        check_room_was_made(connections, since_s)
