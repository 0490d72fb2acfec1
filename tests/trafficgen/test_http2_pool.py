"""HTTP/2 connections of a pool on a virtual clock, without a network: what becomes of each request, and its times."""

import asyncio
import struct
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trafficgen.config import Limits
from trafficgen.meter.meter import Meter
from trafficgen.send import pool as pool_module
from trafficgen.send.http2 import connection as connection_module
from trafficgen.send.http2.connection import over_http2
from trafficgen.send.http2.fields import encode_field, encode_message
from trafficgen.send.http2.frames import (
    DATA,
    END_HEADERS,
    END_STREAM,
    GOAWAY,
    HEADERS,
    RST_STREAM,
    SETTINGS,
    FrameReader,
    frame,
)
from trafficgen.send.pool import IDLE_NS, Pool, PoolSettings
from trafficgen.send.request import parse_url
from trafficgen.send.target import NotHttp2Error

SECOND = 1_000_000_000
GET = encode_message(parse_url("http://site.example/"), "/")
PUT = encode_message(parse_url("http://site.example/"), "/", method="PUT", body=b"x" * 300_000)


class Wire:
    """The transport of a connection, and what a server would do with what it is given."""

    def __init__(self, protocol, *, streams, gone=False):
        self.protocol, self.ended, self.reader = protocol, None, FrameReader()
        self.written, self.open, self.resets, self.frames = b"", [], [], []
        protocol.connection_made(self)
        setting = b"" if streams is None else struct.pack(">HL", 3, streams)
        goodbye = frame(GOAWAY, 0, 0, bytes(8)) if gone else b""
        protocol.data_received(frame(SETTINGS, 0, 0, setting) + goodbye)

    def get_extra_info(self, name):
        return {"peername": ("192.0.2.1", 80)}.get(name)

    def write(self, data):
        assert self.ended is None
        self.written += data
        start = 24 if len(self.written) == len(data) else 0  # behind the preface
        for one in self.reader.feed(data[start:]):
            self.frames.append(one)
            if one.kind == HEADERS:
                self.open.append(one.stream_id)
            elif one.kind == RST_STREAM:
                self.open.remove(one.stream_id)
                self.resets.append(one.stream_id)

    def close(self):
        self.ended = "closed"

    def abort(self):
        self.ended = "cut"

    def is_closing(self):
        return self.ended is not None

    def say(self, *sent):
        if self.ended is None:
            self.protocol.data_received(b"".join(sent))

    def answer(self, stream_id, code=b"200"):
        if stream_id in self.open:
            self.open.remove(stream_id)
            self.say(frame(HEADERS, END_HEADERS | END_STREAM, stream_id, encode_field(b":status", code)))

    def reset(self, stream_id, code=2):
        if stream_id in self.open:
            self.open.remove(stream_id)
            self.say(frame(RST_STREAM, 0, stream_id, struct.pack(">L", code)))

    def go_away(self, last):
        self.open = [stream_id for stream_id in self.open if stream_id <= last]
        self.say(frame(GOAWAY, 0, 0, struct.pack(">LL", last, 0)))

    def lose(self, exc=None):
        if self.ended is None:
            self.ended, self.open = "lost", []
            self.protocol.connection_lost(exc)


class Notes:
    """Records of requests, by their reason."""

    def __init__(self):
        self.reasons = []

    def answered(self, *noted):
        due_ns, sent_ns, ended_ns, size, _, _ = noted
        assert due_ns <= sent_ns <= ended_ns
        assert size == 1  # a block of one indexed field
        self.reasons.append("")

    def failed(self, reason, number, ended_ns, *, due_ns=0, sent_ns=0, size=0):
        assert due_ns <= ended_ns
        self.reasons.append(reason)

    def flush(self):
        pass


class Bench:
    """A pool, the wires that it has made, and a clock that only moves when told."""

    def __init__(self, patch, *, server_streams=None, keepalive=True, **limits):
        self.now, self.wires, self.refuse, self.server_streams = SECOND, [], None, server_streams
        self.gone = False  # each connection ends with GOAWAY before its first request
        for module in (pool_module, connection_module):
            patch.setattr(module, "monotonic_ns", lambda: self.now)
        self.meter, self.notes = Meter(("/",)), Notes()
        plain = PoolSettings(
            requests=[GET, PUT],
            dial=self.dial,
            limits=Limits(**limits),
            meter=self.meter,
            target_numbers=(0, 0),
            heads=(False, False),
            keepalive=keepalive,
            recorder=self.notes,
        )
        self.pool = Pool(over_http2(plain))

    async def dial(self, factory):
        if self.refuse:
            raise self.refuse
        self.wires.append(Wire(factory(), streams=self.server_streams, gone=self.gone))

    async def send(self, count=1, number=0):
        for _ in range(count):
            self.pool.submit(self.now, number)
        await self.turns()

    async def turns(self):
        for _ in range(60):
            await asyncio.sleep(0)

    def sweep(self, at_ns):
        self.now = at_ns
        self.pool.sweep(at_ns)

    def failed(self):
        return {reason: count for reason, count in (self.meter.no_answer | self.meter.dropped).items() if count}

    def open(self):
        return [len(wire.open) for wire in self.wires]


@pytest.fixture
def bench(monkeypatch, started):
    return lambda **how: started(Bench(monkeypatch, **how))


async def test_a_connection_takes_as_many_requests_as_streams_allow_and_then_a_second_one_is_made(bench):
    one = bench(streams=3)
    await one.send(4)
    assert one.open() == [3, 1]
    assert (one.meter.connects, one.meter.sent) == (2, 4)


async def test_the_server_may_allow_fewer_and_change_its_mind(bench):
    one = bench(streams=100, server_streams=2, connections=1)
    await one.send(4)
    assert one.open() == [2]
    one.wires[0].say(frame(SETTINGS, 0, 0, struct.pack(">HL", 3, 3)))
    assert one.open() == [3]
    one.wires[0].say(frame(SETTINGS, 0, 0, struct.pack(">HL", 3, 1)))
    one.wires[0].answer(1)
    one.wires[0].answer(3)
    assert one.open() == [1]  # the fourth waits until there is room for one again
    one.wires[0].answer(5)
    assert one.open() == [1]
    assert one.meter.sent == 4


async def test_a_server_that_allows_none_for_now_gets_its_requests_later(bench):
    one = bench(server_streams=0, connections=1)
    await one.send()
    assert one.open() == [0]
    one.wires[0].say(frame(SETTINGS, 0, 0, struct.pack(">HL", 3, 9)))
    assert one.open() == [1]
    one.wires[0].answer(1)
    await one.send(2)
    assert one.open() == [2]


async def test_a_lost_connection_costs_each_of_its_requests_with_the_time_until_then(bench):
    one = bench()
    for _ in range(50):
        await one.send()
        one.now += SECOND // 50
    assert one.open() == [50]
    one.wires[0].lose(ConnectionResetError())
    assert one.failed() == {"reset": 50}
    times = [SECOND // 50 * at for at in range(50, 0, -1)]
    assert (one.meter.send_ns, one.meter.plan_ns) == (times, times)
    assert one.pool.quiet


async def test_a_timeout_costs_its_stream_alone_and_the_connection_goes_on(bench):
    one = bench(timeout_s=10.0)
    await one.send()
    one.now += 6 * SECOND
    await one.send()
    one.now += 3 * SECOND
    one.wires[0].answer(3)  # so the server is alive
    one.sweep(12 * SECOND)
    assert (one.failed(), one.meter.answered, one.wires[0].resets) == ({"timeout": 1}, 1, [1])
    await one.send()
    assert (one.open(), one.wires[0].ended) == ([1], None)


async def test_a_server_that_is_silent_for_a_whole_timeout_gets_no_further_request(bench):
    one = bench(timeout_s=10.0)
    await one.send()
    one.now += 6 * SECOND
    await one.send()
    one.sweep(12 * SECOND)
    await one.send()
    assert one.open() == [1, 1]  # a second connection; the second request still has its time on the first
    one.sweep(18 * SECOND)
    assert (one.failed(), one.wires[0].ended) == ({"timeout": 2}, "cut")


async def test_what_comes_behind_a_goaway_is_sent_again_on_another_connection_and_counts_once(bench):
    one = bench()
    await one.send(3)
    one.now += SECOND
    one.wires[0].go_away(1)
    await one.turns()
    assert one.open() == [1, 2]
    one.now += SECOND
    one.wires[0].answer(1)
    for stream_id in (1, 3):
        one.wires[1].answer(stream_id)
    assert (one.meter.sent, one.meter.answered, one.failed()) == (3, 3, {})
    assert one.meter.retried == {"goaway": 2, "rst_refused_stream": 0}
    assert one.meter.send_ns == one.meter.plan_ns == [2 * SECOND] * 3  # from the first time
    assert one.wires[0].ended == "closed"


async def test_a_request_is_given_back_once_and_no_more(bench):
    one = bench()
    await one.send()
    one.wires[0].reset(1, 7)
    await one.turns()
    assert one.open() == [1]  # the same connection has room
    one.wires[0].reset(3, 7)
    await one.turns()
    assert (one.failed(), one.meter.retried["rst_refused_stream"], one.meter.sent) == ({"rst_refused_stream": 1}, 1, 1)


async def test_a_request_that_was_given_back_and_finds_no_connection_was_sent_all_the_same(bench):
    one = bench()
    await one.send()
    one.now += SECOND
    one.refuse = ConnectionRefusedError()
    one.wires[0].go_away(0)
    await one.turns()
    assert (one.failed(), one.meter.sent, one.meter.send_ns) == ({"goaway": 1}, 1, [SECOND])
    assert one.pool.quiet


async def test_a_connection_that_ends_before_its_first_request_costs_one(bench):
    one = bench(connections=5)
    one.gone = True
    await one.send(20)
    assert (one.failed(), len(one.wires), one.pool.connections) == ({"connect_failed": 20}, 20, 0)
    assert {wire.ended for wire in one.wires} == {"cut"}


async def test_a_connection_that_ends_behind_a_goaway_says_so(bench):
    one = bench()
    await one.send(2)
    one.wires[0].go_away(3)
    one.wires[0].lose()
    assert one.failed() == {"goaway": 2}


async def test_a_breach_of_the_protocol_ends_all_requests_of_its_connection(bench):
    one = bench()
    await one.send(2)
    one.wires[0].say(frame(DATA, 0, 0, b""))
    assert (one.failed(), one.wires[0].ended) == ({"malformed": 2}, "cut")


async def test_idle_connections_are_closed_with_a_goodbye(bench):
    one = bench()
    await one.send()
    one.wires[0].answer(1)
    one.sweep(one.now + IDLE_NS)
    assert one.wires[0].ended is None
    one.sweep(one.now + 1)
    assert (one.wires[0].ended, one.wires[0].frames[-1].kind, one.pool.connections) == ("closed", GOAWAY, 0)


async def test_without_keepalive_each_request_has_a_connection_of_its_own(bench):
    one = bench(keepalive=False)
    await one.send(2)
    assert one.open() == [1, 1]
    one.wires[0].answer(1)
    assert one.wires[0].ended == "closed"


async def test_no_more_are_in_flight_than_allowed(bench):
    one = bench(max_in_flight=3)
    await one.send(5)
    assert (one.failed(), one.open()) == ({"in_flight": 2}, [3])
    one.wires[0].answer(1)
    await one.send(2)
    assert one.failed() == {"in_flight": 3}


async def test_a_server_without_http2_is_a_reason_of_its_own(bench):
    one = bench()
    one.refuse = NotHttp2Error("it does not")
    await one.send(2)
    assert one.failed() == {"connect_not_http2": 2}


async def test_a_body_waits_while_the_transport_is_full(bench):
    one = bench()
    await one.send()
    wire = one.wires[0]
    wire.protocol.pause_writing()
    one.pool.submit(one.now, 1)
    wire.say(frame(SETTINGS, 0, 0, struct.pack(">HL", 4, 1 << 20)), frame(8, 0, 0, struct.pack(">L", 1 << 20)))
    assert [sent for sent in wire.frames if sent.kind == DATA] == []
    wire.protocol.resume_writing()
    assert sum(len(sent.payload) for sent in wire.frames if sent.kind == DATA) == 300_000


async def test_the_end_of_a_run_aborts_what_is_under_way(bench):
    one = bench()
    await one.send(2)
    one.pool.draining = True
    ends = []
    one.pool.on_quiet = lambda: ends.append(one.meter.answered)
    one.wires[0].answer(1)
    assert ends == []
    one.pool.close()
    assert (one.failed(), one.wires[0].ended, one.pool.quiet) == ({"aborted": 1}, "cut", True)


async def test_draining_ends_with_the_last_answer(bench):
    one = bench()
    await one.send(2)
    one.pool.draining = True
    ends = []
    one.pool.on_quiet = lambda: ends.append(one.meter.answered)
    one.wires[0].answer(3)
    one.wires[0].answer(1)
    assert ends == [2]


STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            ["send", "send", "answer", "answer", "reset", "refuse", "goaway", "lose", "breach", "wait", "down", "up"]
        ),
        st.integers(0, 5),
        st.integers(0, 3 * SECOND),
    ),
    max_size=40,
)


def act(wire, what, at):
    """Let the server do something about one of its requests."""
    stream_id = wire.open[at % len(wire.open)]
    match what:
        case "answer":
            wire.answer(stream_id)
        case "reset":
            wire.reset(stream_id)
        case "refuse":
            wire.reset(stream_id, 7)
        case "goaway":
            wire.go_away(max(0, stream_id - 2 * (at % 2)))
        case "lose":
            wire.lose()
        case "breach":
            wire.say(b"\xff" * 9)


@settings(max_examples=150, deadline=None)
@given(STEPS, st.integers(1, 4), st.sampled_from([None, 1, 3]), st.booleans())
def test_every_planned_request_is_answered_or_has_one_reason(steps, streams, server_streams, keepalive):
    """For any schedule of answers, resets, GOAWAYs, lost connections and refused connects, and times that pass."""

    async def run(patch):
        one = Bench(patch, streams=streams, server_streams=server_streams, keepalive=keepalive, connections=3)
        planned = answers = 0
        async with asyncio.TaskGroup() as tasks:
            one.pool.start(tasks)
            for what, at, wait_ns in steps:
                busy = [wire for wire in one.wires if wire.open and wire.ended is None]
                wire = busy[at % len(busy)] if busy else None
                if what == "send":
                    planned += at
                    await one.send(at)
                elif what in ("down", "up"):
                    one.refuse = ConnectionRefusedError() if what == "down" else None
                elif what == "wait":
                    one.sweep(one.now + wait_ns)
                elif wire:
                    answers += what == "answer"
                    act(wire, what, at)
                    await one.turns()
            one.pool.close()
        meter = one.meter
        assert meter.answered == meter.answers(100, 999) == answers
        assert planned == answers + sum(meter.no_answer.values()) + sum(meter.dropped.values())
        assert meter.sent == answers + sum(meter.no_answer.values()) == len(meter.send_ns)
        assert planned == len(meter.plan_ns) == len(meter.ended)
        reasons = meter.no_answer | meter.dropped | {"": answers}
        assert Counter(one.notes.reasons) == Counter({reason: count for reason, count in reasons.items() if count})
        assert (meter.in_flight(), one.pool.connections) == (0, 0)

    with pytest.MonkeyPatch.context() as patch:
        asyncio.run(run(patch))
