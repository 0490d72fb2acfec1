"""Which connection goes when another wants in, and who took too long; without sockets."""

import asyncio
import itertools
import logging
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foundation.listen.complaints import PERIOD_S, Complaints
from foundation.listen.connection import SLOW_S, Connection, Standing, State
from foundation.listen.limits import MAX_CONNECTIONS, Limits, highest_file, max_connections
from foundation.listen.table import GUARANTEED, Connections


class Clock:
    """An event loop's timers, run by hand."""

    def __init__(self):
        self.now_s = 0.0
        self.timers = []

    def call_later(self, delay_s, act, *args):
        timer = asyncio.TimerHandle(self.now_s + delay_s, act, args, self)
        self.timers.append(timer)
        return timer

    def get_debug(self):
        return False

    def run_to(self, until_s):
        while due := [t for t in self.timers if t.when() <= until_s]:
            timer = min(due, key=lambda t: t.when())
            self.timers.remove(timer)
            self.now_s = timer.when()
            if not timer.cancelled():
                timer._callback(*timer._args)
        self.now_s = until_s

    def _timer_handle_cancelled(self, handle):
        pass


class Transport:
    """Counts what waits to be read, and whether it was closed."""

    def __init__(self):
        self.pending = 0
        self.aborted = False

    def get_write_buffer_size(self):
        return self.pending

    def abort(self):
        self.aborted = True


class Client:
    """A connection whose standing a test decides."""

    def __init__(self, table, state, since_s, *, known=False, due_s=float("inf"), where="a:1"):
        self.now = Standing(state, since_s, due_s, known)
        self.transport = Transport()
        self.connection = Connection(None, table.remove, where=where, peer="c", limits=Limits(), now_s=since_s)
        self.connection.made(self.transport, self)
        table.add(self.connection)

    def standing(self, now_s):
        return self.now

    @property
    def open(self):
        return not self.transport.aborted


def run(scene):
    """Runs `scene(table, now_s)`; the clock stands still, and the timers never fire."""
    scene(Connections(4, lambda: 1000.0, Clock().call_later), 1000.0)


STATES = st.sampled_from(list(State))
CLIENTS = st.lists(
    st.tuples(STATES, st.integers(-1000, 0), st.booleans()), max_size=12, unique_by=lambda client: client[1]
)
CHANGES = st.lists(
    st.tuples(st.integers(0, 11), STATES, st.integers(1, 99)), max_size=12, unique_by=lambda change: change[2]
)


def brute_force(clients, now_s):
    """The client that must go: the unknown silent, then the known silent, then the slow; of these the oldest."""
    silent = [c for c in clients if c.now.state.name in {"HANDSHAKE", "HEADER", "AUTH", "IDLE"}]
    slow = [c for c in clients if c.now.state.name in {"BODY", "ANSWER"} and now_s - c.now.since_s >= SLOW_S]
    for group in ([c for c in silent if not c.now.known], [c for c in silent if c.now.known], slow):
        if group:
            return min(group, key=lambda c: c.now.since_s)
    return None


@given(
    CLIENTS,
    st.lists(
        st.tuples(st.integers(0, 11), STATES, st.integers(1, 99)), max_size=12, unique_by=lambda change: change[2]
    ),
)
def test_the_one_silent_longest_goes_whatever_happens_between(clients, changes):
    def scene(table, now_s):
        there = [Client(table, state, now_s + since, known=known) for state, since, known in clients]
        for index, state, later in sorted(changes, key=lambda change: change[2]):
            alive = [client for client in there if client.open]
            want = brute_force(alive, now_s)
            assert table.evict() == (want is not None)
            assert [client for client in alive if not client.open] == ([want] if want else [])
            if index < len(alive) and alive[index].open:  # it is heard from, and is in its new state since
                alive[index].now = Standing(state, now_s + later, known=alive[index].now.known)
            elif index % 2:
                there.append(Client(table, state, now_s + later))

    run(scene)


@given(CLIENTS.filter(bool), st.sampled_from(["a:1", "b:1"]))
def test_there_are_never_more_than_the_limit_and_what_is_guaranteed(clients, where):
    def scene(table, now_s):
        for state, since, known in clients:
            if table.admits(where):
                table.make_room()
                Client(table, state, now_s + since, known=known, where=where)
            assert len(table.open) <= table.limit + GUARANTEED

    run(scene)


def test_one_that_is_gone_is_counted_off_once():
    def scene(table, now_s):
        client, other = (Client(table, State.IDLE, now_s) for _ in range(2))
        for _ in range(2):
            table.remove(client.connection)
        assert (list(table.open), table.by_server) == ([other.connection], {"a:1": 1})

    run(scene)


def test_a_server_whose_connections_are_all_at_work_does_not_shut_the_others():
    def scene(table, now_s):
        while table.admits("busy:1"):
            Client(table, State.WORK, now_s, where="busy:1")
        assert table.admits("other:1")
        assert not table.admits("busy:1")

    run(scene)


def test_those_at_work_are_as_many_as_the_limit_and_never_make_room():
    limit, now_s = GUARANTEED + 3, 1000.0
    table = Connections(limit, lambda: now_s, Clock().call_later)
    for number in range(2 * limit):
        assert table.admits("a:1") == (number < limit)
        if number < limit:
            Client(table, State.WORK, now_s - 10 * SLOW_S)
    assert not table.evict()


@given(CLIENTS, st.floats(0, 100))
def test_a_sweep_closes_exactly_those_that_are_due(clients, later):
    def scene(table, now_s):
        owing = [client for client in clients if client[0] is not State.WORK]
        there = [Client(table, state, now_s, due_s=now_s - since) for state, since, _ in owing]
        table.sweep(now_s + later)
        assert [c.open for c in there] == [c.now.due_s > now_s + later for c in there]
        assert sum(table.cut.values()) == sum(not c.open for c in there)
        assert table.by_server["a:1"] == len(table.open) == sum(c.open for c in there)

    run(scene)


@pytest.mark.parametrize(
    ("reads", "after_s", "closed"),
    [
        pytest.param([], 9.9, False, id="waits"),
        pytest.param([], 10.0, True, id="reads-nothing"),
        pytest.param([8.0], 17.9, False, id="read-some"),
        pytest.param([8.0], 18.0, True, id="read-some-and-stopped"),
        pytest.param([8.0 * n for n in range(1, 38)], 299.0, False, id="reads-slowly"),
        pytest.param([8.0 * n for n in range(1, 39)], 304.0, True, id="reads-too-slowly"),
    ],
)
def test_an_answer_waits_for_its_client_for_a_while(reads, after_s, closed):
    def scene(table, now_s):
        client = Client(table, State.WORK, now_s)
        client.transport.pending = 1000
        table.sweep(now_s)
        for at_s in reads:
            client.transport.pending -= 1
            table.sweep(now_s + at_s)
        table.sweep(now_s + after_s)
        assert client.open is not closed
        assert table.cut == ({("a:1", "answer"): 1} if closed else {})

    run(scene)


def test_an_answer_that_was_read_begins_anew_with_the_next():
    def scene(table, now_s):
        client = Client(table, State.IDLE, now_s)
        for begin_s in range(0, 1000, 9):
            client.transport.pending = 10
            table.sweep(now_s + begin_s)
            client.transport.pending = 0
            table.sweep(now_s + begin_s + 8.9)
        assert client.open

    run(scene)


@given(st.integers(0, 1 << 30), st.integers(1, 1 << 20))
def test_connections_leave_the_descriptors_that_others_need(reserved, files):
    most = max_connections(reserved, files)
    assert 1 <= most <= MAX_CONNECTIONS
    if files >= 64:
        assert most + min(reserved, files // 2) < files
    assert most <= max_connections(reserved, files + 1)
    assert most >= max_connections(reserved + 1, files)


def test_whatever_is_reserved_a_quarter_is_for_connections():
    assert max_connections(5000, 1024) == 256


def test_what_is_cut_before_its_protocol_comes_is_closed_when_it_does():
    ends, transport = [], Transport()
    connection = Connection(
        SimpleNamespace(shutdown=ends.append), lambda _: None, where="s", peer="p", limits=Limits(), now_s=0.0
    )
    connection.cut()
    assert len(ends) == 1
    connection.made(transport, None)
    assert transport.aborted


def test_the_usual_limit_leaves_half_to_a_program_that_follows_logs():
    assert max_connections(0, 1024) == 960
    assert max_connections(512, 1024) == 448
    assert highest_file() > max_connections(0)


@given(st.lists(st.tuples(st.integers(0, 200), st.sampled_from("ab")), max_size=60))
def test_every_case_is_in_the_log_and_no_kind_more_than_once_a_minute(cases):
    clock, lines = Clock(), []
    log = logging.Logger("test")  # noqa: LOG001, one for itself
    log.addFilter(lambda record: lines.append((clock.now_s, record.args)) or False)
    complaints = Complaints(log, clock.call_later)
    for at_s, kind in sorted(cases):
        clock.run_to(at_s)
        complaints.add(kind, "x")
    complaints.close()
    for kind in "ab":
        told = [(at_s, args) for at_s, args in lines if args[0] == kind]
        counted = sum(1 if args[1] == "x" else args[1] for _, args in told)
        assert counted == sum(each == kind for _, each in cases)
        times = [at_s for at_s, _ in told[:-1]]  # the last may be said at the end
        assert all(later - before >= PERIOD_S for before, later in itertools.pairwise(times))
