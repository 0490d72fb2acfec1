"""One connection without a network, or with a socket that takes little: what is written, measured and refused."""

import socket
from contextlib import suppress

import pytest

from trafficgen.meter.meter import Meter
from trafficgen.send import connection as connection_module
from trafficgen.send.connection import Connection

MS = 1_000_000
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Owner:
    """What a connection needs of a pool."""

    head_only = False
    keepalive = True

    def __init__(self, request):
        meter = Meter(("/",))
        self.requests, self.codes, self.no_answer = [request], meter.codes, meter.no_answer
        self.ended, self.gave_up = meter.ended, lambda number, reason: meter.give_up(reason, number)
        self.late_ns, self.plan_ns, self.send_ns = meter.late_ns, meter.plan_ns, meter.send_ns
        self.calls = []

    def joined(self, _connection):
        self.calls.append("joined")

    def released(self, _connection):
        self.calls.append("released")

    def left(self, _connection):
        self.calls.append("left")


class Wire:
    """A transport that keeps what it is given; with a socket, small requests go past it."""

    def __init__(self, sock=None):
        self.info = {"socket": sock} if sock else {"ssl_object": "encrypted"}
        self.written, self.ended = b"", None

    def get_extra_info(self, name):
        return self.info.get(name)

    def write(self, data):
        self.written += data

    def close(self):
        self.ended = "closed"

    def abort(self):
        self.ended = "cut"


@pytest.fixture
def pair():
    near, far = socket.socketpair()
    near.setblocking(False)
    yield near, far
    near.close()
    far.close()


def connected(wire, request=b"GET"):
    owner = Owner(request)
    connection = Connection(owner)
    connection.connection_made(wire)
    return connection, owner


def test_latency_counts_from_the_plan_and_from_the_send(monkeypatch):
    now = [100 * MS]
    monkeypatch.setattr(connection_module, "monotonic_ns", lambda: now[0])
    connection, owner = connected(Wire())
    connection.send(95 * MS, 0)
    now[0] = 110 * MS
    connection.data_received(ANSWER)
    assert (owner.late_ns, owner.send_ns, owner.plan_ns) == ([5 * MS], [10 * MS], [15 * MS])
    assert (owner.codes[0][200], owner.calls) == (1, ["joined", "released"])


def test_what_the_socket_does_not_take_at_once_is_sent_by_the_transport(pair):
    near, far = pair
    request = bytes(range(256)) * (8 << 12)
    wire = Wire(near)
    connection, owner = connected(wire, request)
    assert connection.send(0, 0)
    near.close()
    received = b"".join(iter(lambda: far.recv(1 << 20), b""))
    assert 0 < len(received) < len(request)
    assert received + wire.written == request
    assert len(owner.late_ns) == 1


def test_a_full_socket_takes_nothing_and_loses_nothing(pair):
    near, _far = pair
    with suppress(BlockingIOError):
        while near.send(b"x" * 65536):
            pass
    wire = Wire(near)
    connection, _owner = connected(wire, b"GET")
    assert connection.send(0, 0)
    assert wire.written == b"GET"


def test_a_socket_that_the_server_has_closed_sends_nothing(pair):
    near, far = pair
    far.close()
    wire = Wire(near)
    connection, owner = connected(wire)
    assert not connection.send(0, 0)
    assert (wire.ended, owner.calls, owner.late_ns) == ("cut", ["joined", "left"], [])


@pytest.mark.parametrize("noise", [b"HTTP/1.1 408 Request Timeout\r\n\r\n", b"x"], ids=["farewell", "garbage"])
def test_an_answer_to_nothing_ends_the_connection(noise):
    wire = Wire()
    connection, owner = connected(wire)
    connection.data_received(noise)
    assert (wire.ended, owner.calls) == ("closed", ["joined", "left"])
    assert sum(owner.codes[0].values()) == sum(owner.no_answer.values()) == 0
