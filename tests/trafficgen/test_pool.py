"""The pool on a virtual clock and without a network: which connection is used, and when one is closed or given up."""

import asyncio
import errno

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trafficgen.config import Limits
from trafficgen.meter.meter import Meter
from trafficgen.send import connection as connection_module
from trafficgen.send import pool as pool_module
from trafficgen.send.connection import Connection
from trafficgen.send.pool import BACKLOG_NS, IDLE_NS, MAX_DIALS, Pool, PoolSettings

SECOND = 1_000_000_000
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


class Wire:
    """The transport of a connection: what was written, and whether it was closed or cut."""

    def __init__(self, protocol):
        self.protocol, self.written, self.ended = protocol, [], None

    def get_extra_info(self, name):
        return {"ssl_object": "not plain, so that all is written here"}.get(name)

    def write(self, data):
        self.written.append(data)

    def close(self):
        self.ended = "closed"

    def abort(self):
        self.ended = "cut"

    def answer(self):
        self.protocol.data_received(ANSWER)


class Bench:
    """A pool with two requests, the wires that it has made, and a clock that only moves when told."""

    def __init__(self, monkeypatch, **limits):
        self.now, self.wires, self.dials = SECOND, [], 0
        for module in (pool_module, connection_module):
            monkeypatch.setattr(module, "monotonic_ns", lambda: self.now)
        self.meter = Meter(("/",))
        self.refuse, self.answers = None, asyncio.Event()  # of the connects
        self.answers.set()
        self.pool = Pool(
            PoolSettings(
                requests=[b"first", b"second"],
                dial=self.dial,
                limits=Limits(**limits),
                meter=self.meter,
                target_numbers=(0, 0),
                heads=(False, False),
            )
        )

    async def dial(self, factory):
        self.dials += 1
        await self.answers.wait()
        if self.refuse:
            raise self.refuse
        wire = Wire(factory())
        self.wires.append(wire)
        wire.protocol.connection_made(wire)

    async def send(self, count=1, *, number=0):
        """Submit requests that are due now, and let connections be made."""
        for _ in range(count):
            self.pool.submit(self.now, number)
        await self.turns()

    async def turns(self):
        for _ in range(4 * MAX_DIALS):
            await asyncio.sleep(0)

    async def fare(self, wait_ns, answer_ns, fate):
        """One request on a connection of its own: when that is made, and what becomes of it."""
        self.answers.clear()
        self.pool.submit(self.now, 0)
        self.now += wait_ns
        self.refuse = ConnectionRefusedError() if fate == "refused" else None
        if fate == "stopped":
            self.pool.drop_waiting()
        self.answers.set()
        for _ in range(6):
            await asyncio.sleep(0)
        self.now += answer_ns
        ends = {
            "answer": lambda protocol: protocol.data_received(ANSWER),
            "reset": lambda protocol: protocol.connection_lost(ConnectionResetError()),
            "closed": lambda protocol: protocol.connection_lost(None),
            "malformed": lambda protocol: protocol.data_received(b"SSH-2.0"),
            "timeout": lambda protocol: protocol.give_up("timeout"),
            "aborted": lambda protocol: protocol.give_up("aborted"),
        }
        if fate in ends:
            ends[fate](self.wires[-1].protocol)
        for connection in list(self.pool._all):
            connection.close()

    def sweep(self, at_ns):
        self.now = at_ns
        self.pool.sweep(at_ns)

    def ended(self):
        return [wire.ended for wire in self.wires]


@pytest.fixture
def bench(monkeypatch, started):
    return lambda **limits: started(Bench(monkeypatch, **limits))


async def test_a_connection_that_is_idle_for_four_seconds_is_closed_before_the_server_does(bench):
    assert IDLE_NS == 4 * SECOND
    one = bench()
    await one.send()
    one.now += SECOND
    one.wires[0].answer()
    one.sweep(one.now + IDLE_NS)
    assert one.ended() == [None]
    one.sweep(one.now + 1)
    assert (one.ended(), one.pool.connections) == (["closed"], 0)
    await one.send()
    assert (one.meter.connects, one.meter.sent) == (2, 2)
    assert [len(wire.written) for wire in one.wires] == [1, 1]  # a new connection, nothing on the closed one


async def test_a_connection_that_nobody_ever_used_is_closed_as_well(bench):
    one = bench()
    one.answers.clear()
    await one.send(2)
    one.pool.drop_waiting()
    one.answers.set()
    await one.turns()
    one.sweep(one.now + IDLE_NS)
    assert one.ended() == [None, None]
    one.sweep(one.now + 1)
    assert one.ended() == ["closed", "closed"]


async def test_a_connection_that_the_server_has_ended_is_not_used_again(bench):
    one = bench()
    await one.send(2)
    for wire in one.wires:
        wire.answer()
    one.wires[1].protocol.eof_received()
    await one.send(number=1)
    assert [wire.written for wire in one.wires] == [[b"first", b"second"], [b"first"]]


async def test_the_connection_used_last_is_used_next_and_the_others_can_be_closed(bench):
    one = bench()
    await one.send(3)
    for wire in one.wires:
        wire.answer()
    for _ in range(8):
        one.now += SECOND
        await one.send(number=1)
        one.wires[2].answer()
        one.sweep(one.now)
    assert one.ended() == ["closed", "closed", None]
    assert one.wires[2].written == [b"first", *[b"second"] * 8]


async def test_closed_connections_are_forgotten(bench):
    one = bench()
    for _ in range(5):
        await one.send(10)
        for wire in one.wires[-10:]:
            wire.answer()
        one.sweep(one.now + IDLE_NS + 1)
    assert len(one.pool._idle) == len(one.pool._all) == 0


async def test_a_busy_connection_is_not_idle_but_late(bench):
    one = bench(timeout_s=10.0)
    await one.send()
    one.sweep(one.now + 10 * SECOND)
    assert one.ended() == [None]
    one.sweep(one.now + 1)
    assert (one.ended(), one.meter.no_answer["timeout"], one.pool.connections) == (["cut"], 1, 0)


async def test_a_request_waits_a_second_for_a_connection_and_no_longer(bench):
    one = bench(connections=1)
    await one.send(2)
    one.sweep(one.now + BACKLOG_NS)
    assert one.meter.dropped["no_connection"] == 0
    one.sweep(one.now + 1)
    assert one.meter.dropped["no_connection"] == 1
    one.wires[0].answer()
    assert one.wires[0].written == [b"first"]  # what was dropped is not sent later


async def test_no_more_are_in_flight_than_allowed(bench):
    one = bench(connections=2, max_in_flight=3)
    await one.send(5)
    assert (one.meter.dropped["in_flight"], len(one.wires), one.pool.connections) == (2, 2, 2)
    one.wires[0].answer()  # the third goes out, and there is room for one more
    await one.send(2)
    assert one.meter.dropped["in_flight"] == 3


async def test_so_many_connects_are_under_way_at_once_and_no_more(bench):
    one = bench(connections=1000)
    one.answers.clear()
    await one.send(MAX_DIALS + 50)
    assert one.dials == MAX_DIALS
    one.answers.set()
    await one.turns()
    assert one.meter.sent == len(one.wires) == MAX_DIALS + 50


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        (ConnectionRefusedError(), "connect_refused"),
        (TimeoutError(), "connect_timeout"),
        (OSError(errno.EHOSTUNREACH, "no route"), "connect_failed"),
        (OSError(errno.EMFILE, "no descriptor"), "no_descriptor"),
        (OSError(errno.ENFILE, "no descriptor"), "no_descriptor"),
        (OSError(errno.EADDRNOTAVAIL, "no port"), "no_port"),
        (OSError(errno.ENOBUFS, "no memory"), "no_buffer"),
    ],
    ids=["refused", "timeout", "failed", "EMFILE", "ENFILE", "EADDRNOTAVAIL", "ENOBUFS"],
)
async def test_a_failed_connect_costs_the_oldest_request(bench, failure, reason):
    one = bench()
    one.refuse = failure
    await one.send(3)
    assert {name: count for name, count in one.meter.dropped.items() if count} == {reason: 3}
    assert one.pool.quiet


async def test_draining_ends_with_the_last_answer(bench):
    one = bench(connections=1)
    ends = []
    one.pool.on_quiet = lambda: ends.append(one.meter.answered)
    await one.send(2)
    one.pool.draining = True
    one.wires[0].answer()
    assert ends == []
    one.wires[0].answer()
    assert ends == [2]


async def test_a_closed_pool_keeps_nothing(bench):
    one = bench()
    await one.send(2)
    one.wires[0].answer()
    one.answers.clear()
    await one.send(3)
    one.pool.close()
    one.answers.set()
    await one.turns()
    assert one.ended() == ["cut", "cut"]  # both were busy again: their requests are aborted
    assert (one.meter.no_answer["aborted"], one.meter.dropped["stopped"]) == (2, 2)


async def test_a_connection_that_is_made_after_the_end_is_cut(bench):
    one = bench()
    one.pool.close()
    await one.dial(lambda: Connection(one.pool))
    assert (one.ended(), one.pool.connections, one.meter.connects) == (["cut"], 0, 0)


FATES = st.lists(
    st.tuples(
        st.integers(0, 3 * SECOND),  # how long it waits for a connection
        st.integers(0, 20 * SECOND),  # then how long for the answer
        st.sampled_from(["answer", "reset", "closed", "malformed", "timeout", "aborted", "refused", "stopped"]),
    ),
    max_size=6,
)


@settings(max_examples=30)
@given(FATES)
def test_every_request_that_ends_counts_with_the_time_until_then(fates):
    """Whatever ends it: the distributions hold as many requests as were planned and sent, each with all of its time."""

    async def run(patch):
        sent, ended = [], []
        one = Bench(patch)
        async with asyncio.TaskGroup() as tasks:
            one.pool.start(tasks)
            for wait_ns, answer_ns, fate in fates:
                unsent = fate in ("refused", "stopped")
                ended.append(wait_ns + answer_ns * (not unsent))
                sent += [] if unsent else [answer_ns]
                await one.fare(wait_ns, answer_ns, fate)
        assert (one.meter.plan_ns, one.meter.send_ns) == (ended, sent)
        assert (one.meter.sent, one.meter.in_flight()) == (len(sent), 0)
        assert one.meter.answered == one.meter.answers(100, 999) == [fate for *_, fate in fates].count("answer")

    with pytest.MonkeyPatch.context() as patch:
        asyncio.run(run(patch))


async def test_a_request_that_may_not_even_wait_counts_as_one_that_waited_in_vain(bench):
    one = bench(connections=1, max_in_flight=1)
    await one.send(2)
    assert (one.meter.dropped["in_flight"], one.meter.plan_ns) == (1, [BACKLOG_NS])
