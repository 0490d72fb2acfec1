"""Happy Eyeballs: the order of addresses, and the race for the first that answers."""

import asyncio
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trafficgen.meter.shares import MAX_ADDRESSES, Shares
from trafficgen.send.addresses import Address, Addresses, race

A, B, C = (Address(socket.AF_INET, (f"127.0.0.{n}", 80)) for n in (1, 2, 3))
SIX = Address(socket.AF_INET6, ("::1", 80, 0, 0))


def known(*found):
    addresses = Addresses()
    addresses.learn(found)
    return addresses


def test_families_take_turns_and_the_first_one_comes_first():
    assert known(A, B, C, SIX, A).in_turn() == [A, SIX, B, C]
    assert known(SIX, A, B).in_turn() == [SIX, A, B]


def test_addresses_take_turns():
    addresses = known(A, B, C)
    assert [addresses.in_turn()[0] for _ in range(6)] == [A, B, C] * 2


EVENTS = st.lists(st.tuples(st.sampled_from(["turn", "failed", "worked"]), st.sampled_from([A, B, C, SIX])))


@given(EVENTS)
def test_no_address_is_ever_forgotten_and_failed_ones_come_last(events):
    addresses, bad = known(A, B, C, SIX), set()
    for kind, address in events:
        if kind == "turn":
            addresses.in_turn()
        elif kind == "failed":
            addresses.failed(address)
            bad.add(address)
        else:
            addresses.worked(address)
            bad.discard(address)
        order = addresses.in_turn()
        assert sorted(order) == sorted([A, B, C, SIX])
        assert set(order[len(order) - len(bad) :]) == bad


class Wire:
    """A connection that is held."""

    aborted = False

    def abort(self):
        self.aborted = True


class Net:
    """What becomes of connects: `answers` gives an event to wait for, an error, or neither."""

    def __init__(self, **answers):
        self.answers, self.tried, self.wires = answers, [], []
        self.second = asyncio.Event()  # a second address is being tried

    async def connect(self, address):
        self.tried.append(address.host)
        if len(self.tried) == 2:
            self.second.set()
        answer = self.answers.get(address.host.replace(".", "_").replace(":", "x"))
        if isinstance(answer, asyncio.Event):
            await answer.wait()
        elif answer is not None:
            raise answer
        self.wires.append(Wire())
        return self.wires[-1]

    def open(self):
        return [wire for wire in self.wires if not wire.aborted]


async def test_a_refused_address_hands_on_at_once():
    net = Net(xx1=ConnectionRefusedError())
    ran = await race([SIX, A, B], net.connect, delay_s=3600)
    assert (ran.winner, net.tried, list(ran.failures), ran.overtaken) == (A, ["::1", "127.0.0.1"], [SIX], [])


async def test_an_address_without_an_answer_is_overtaken():
    net = Net(xx1=asyncio.Event())
    ran = await race([SIX, A, B], net.connect, delay_s=0.001)
    assert (ran.winner, ran.failures, ran.overtaken) == (A, {}, [SIX])


async def test_where_all_refuse_each_failure_is_told():
    net = Net(**{name: ConnectionRefusedError() for name in ("xx1", "127_0_0_1")})
    ran = await race([SIX, A], net.connect, delay_s=3600)
    assert (ran.held, ran.winner, list(ran.failures)) == (None, None, [SIX, A])


async def test_a_connection_that_comes_too_late_is_cut():
    both = asyncio.Event()
    net = Net(xx1=both, **{"127_0_0_1": both})
    running = asyncio.ensure_future(race([SIX, A], net.connect, delay_s=0.001))
    await net.second.wait()
    both.set()
    ran = await running
    assert (len(net.wires), net.open()) == (2, [ran.held])


async def test_a_race_that_is_given_up_leaves_no_connection():
    net = Net(xx1=asyncio.Event(), **{"127_0_0_1": asyncio.Event()})
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.02):
            await race([SIX, A], net.connect, delay_s=0.001)
    assert net.open() == []


def test_addresses_without_end_are_bounded_and_nothing_is_lost():
    shares = Shares()
    for number in range(1000):
        shares.add(f"10.0.{number // 256}.{number % 256}", sent=1, failed=2)
    assert len(shares.sent) == len(shares.failed) == MAX_ADDRESSES + 1
    assert (sum(shares.sent.values()), sum(shares.failed.values())) == (1000, 2000)
    total = Shares()
    total.merge(shares)
    total.merge(shares)
    assert sum(total.sent.values()) == 2000
