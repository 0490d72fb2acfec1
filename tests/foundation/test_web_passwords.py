"""Passwords: right or wrong at one cost, one at a time, never in the way of those who are known."""

import asyncio
import base64
import os
import threading

import bcrypt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foundation.web import passwords as module
from foundation.web.passwords import MAX_WAITING, MAX_WAITING_OF_ONE, Passwords, TooBusyError, matches, read_basic


def hashed(password, cost=4):
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(cost)).decode()


USERS = {"alice": hashed("wonder"), "bob": hashed("builder", 5)}


@pytest.fixture
def checks():
    found = Passwords()
    yield found
    found.close()


@pytest.fixture
def work(monkeypatch):
    """The costs of what bcrypt is asked to do; each is done as fast as can be."""
    done = []

    def hashpw(password, salt):
        done.append(int(salt[4:6]))
        return salt

    monkeypatch.setattr(bcrypt, "hashpw", hashpw)
    monkeypatch.setattr(bcrypt, "checkpw", lambda password, salt: hashpw(password, salt) and password == b"right")
    return done


@pytest.mark.parametrize(
    ("user", "password", "want"),
    [
        ("alice", "wonder", True),
        ("alice", "builder", False),
        ("bob", "builder", True),
        ("eve", "wonder", False),
        ("eve", "", False),
        ("alice", "nul\0", False),
        ("alice", "wonder" * 20, False),
    ],
)
async def test_who_is_let_in(checks, user, password, want):
    assert await checks.check(USERS, user, password, "192.0.2.1") is want
    assert checks.knows(USERS, user, password) is want


@given(st.one_of(st.none(), st.integers(4, 12)), st.integers(12, 14), st.booleans())
def test_every_check_costs_the_same_whoever_asks(cost, most, right):
    """Steps of bcrypt, counted: for no such user, for a cheap hash and for a dear one."""
    with pytest.MonkeyPatch.context() as patch:
        steps = []
        patch.setattr(bcrypt, "hashpw", lambda _, salt: steps.append(2 ** int(salt[4:6])))
        patch.setattr(bcrypt, "checkpw", lambda _, salt: steps.append(2 ** int(salt[4:6])) or right)
        assert matches(b"x", f"$2b${cost:02}$rest" if cost else None, most) is (right and cost is not None)
    assert sum(steps) == 2**most


async def test_the_cost_is_that_of_the_dearest_hash(checks, work):
    await checks.check({"a": "$2b$04$x", "b": "$2b$06$x"}, "nobody", "x", "")
    await checks.check({"a": "$2b$04$x", "b": "$2b$06$x"}, "a", "x", "")
    assert work == [6, 4, 4, 5]


async def test_wrong_passwords_push_no_right_one_out(checks, work):
    users = {"alice": "$2b$04$x"}
    assert await checks.check(users, "alice", "right", "")
    for number in range(300):
        assert not await checks.check(users, "alice", f"wrong{number}", "")
    assert checks.knows(users, "alice", "right")


async def test_a_new_hash_makes_the_old_password_unknown(checks):
    assert await checks.check(USERS, "alice", "wonder", "")
    assert not checks.knows(USERS | {"alice": hashed("wonder")}, "alice", "wonder")
    assert not checks.knows({}, "alice", "wonder")
    assert not checks.knows({"mallory": USERS["alice"]}, "mallory", "wonder")


class Stuck(threading.Event):
    most: list[int]


@pytest.fixture
def stuck(monkeypatch):
    """bcrypt waits until this event is set; how many wait in it at a time is kept."""
    event, at_once, most = Stuck(), [0], [0]

    def slow(*_):
        at_once[0] += 1
        most[0] = max(most[0], at_once[0])
        event.wait(60)
        at_once[0] -= 1
        return False

    monkeypatch.setattr(module, "matches", slow)
    event.most = most
    return event


async def refused(checks, sender):
    """Whatever it is that comes from there is not even waited for."""
    async with asyncio.timeout(20):  # or it waits with the others
        with pytest.raises(TooBusyError):
            await checks.check(USERS, "alice", "wonder", sender)


async def test_one_is_checked_at_a_time_and_past_the_bound_none_waits(checks, stuck):
    waiting = [
        asyncio.ensure_future(checks.check(USERS, "alice", str(number), f"192.0.2.{number}"))
        for number in range(MAX_WAITING)
    ]
    await asyncio.sleep(0)
    await refused(checks, "198.51.100.1")
    stuck.set()
    assert await asyncio.gather(*waiting) == [False] * MAX_WAITING
    assert stuck.most == [1]
    assert not await checks.check(USERS, "alice", "again", "198.51.100.1")
    assert len(checks._waiting) == 0  # nobody is remembered who does not wait


async def test_one_address_leaves_room_for_others(checks, stuck):
    waiting = [asyncio.ensure_future(checks.check(USERS, "a", str(n), "192.0.2.1")) for n in range(MAX_WAITING_OF_ONE)]
    await asyncio.sleep(0)
    await refused(checks, "192.0.2.1")
    waiting.append(asyncio.ensure_future(checks.check(USERS, "a", "x", "192.0.2.2")))
    await asyncio.sleep(0)
    assert not waiting[-1].done()
    stuck.set()
    await asyncio.gather(*waiting)


async def test_what_waits_when_they_are_closed_is_not_checked(checks, stuck):
    waiting = [asyncio.ensure_future(checks.check(USERS, "a", str(n), "192.0.2.1")) for n in range(2)]
    await asyncio.sleep(0)
    checks.close()
    try:
        await asyncio.wait(waiting[1:], timeout=10)
        assert waiting[1].cancelled(), "it still waits for its turn"
    finally:
        stuck.set()
        await asyncio.gather(*waiting, return_exceptions=True)


async def test_checks_give_way_to_everything_else(checks):
    def niceness():
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    assert await asyncio.get_running_loop().run_in_executor(checks._thread, niceness) == module._NICENESS


@pytest.mark.parametrize(
    ("header", "want"),
    [
        ("Basic " + base64.b64encode(b"a:b:c").decode(), ("a", "b:c")),
        ("basic  " + base64.b64encode(b":").decode(), ("", "")),
        ("Basic " + base64.b64encode(b"a").decode(), None),
        ("Basic !!", None),
        ("Basic \xe9", None),
        ("Basic /w==", None),
        ("Bearer x", None),
        ("", None),
    ],
)
def test_what_a_header_says(header, want):
    assert read_basic(header) == want


@given(st.text(max_size=40))
def test_no_header_is_too_strange(header):
    read_basic(header)
    read_basic(f"Basic {header}")
