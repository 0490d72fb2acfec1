"""One connection without a network, or with a socket that takes little: what is written, measured and refused."""

import socket
from collections import Counter
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
        self.requests, self.codes, self.no_answer, self.recorder = [request], meter.codes, meter.no_answer, None
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


LIKE_ANSWERS = [  # of one size, or with one head: what differs decides
    (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 200),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno", 200),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nyes", 200),
    (b"HTTP/1.1 404 No\r\nContent-Length: 2\r\n\r\nok", 404),
    (b"HTTP/1.1 404 No\r\nContent-Length: 0\r\nA: b\r\n\r\n", 404),
    (b"HTTP/1.1 204 No\r\n\r\n", 204),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n", 200),
]


@given(st.lists(st.tuples(st.sampled_from(LIKE_ANSWERS), st.integers(0, 60)), max_size=12))
def test_each_answer_counts_as_its_own_however_like_the_one_before(answers):
    connection, owner = connected(Wire())
    for (answer, _), cut in answers:
        assert connection.send(0, 0)
        for piece in (answer[:cut], answer[cut:]):
            if piece:
                connection.data_received(piece)
        assert not connection.busy
    assert +Counter(owner.codes[0]) == Counter(code for (_, code), _ in answers)
    assert owner.calls == ["joined", *["released"] * len(answers)]


LIKE_ENDS = {
    "one byte short": (ANSWER[:-1], True, None),
    "one byte too many": (ANSWER + b"x", False, "closed"),
    "twice at once": (ANSWER * 2, False, "closed"),
    "as long, and the last": (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", False, "closed"),
    "as long, no answer": (b"HTTP/1.1 200 OK\r\nContent-Length= 2\r\n\r\nok", False, "cut"),
}


@pytest.mark.parametrize(("data", "busy", "ended"), LIKE_ENDS.values(), ids=LIKE_ENDS)
def test_an_answer_that_is_nearly_the_one_before_is_read_anew(data, busy, ended):
    wire = Wire()
    connection, _owner = connected(wire)
    connection.send(0, 0)
    connection.data_received(ANSWER)
    connection.send(0, 0)
    connection.data_received(data)
    assert (connection.busy, wire.ended) == (busy, ended)
