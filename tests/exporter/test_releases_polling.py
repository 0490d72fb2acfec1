"""A counter of a Prometheus as a running stream."""

import asyncio
from contextlib import suppress

import msgspec
import pytest

from exporter.catalogue import releases as catalogue
from exporter.releases import polling
from exporter.releases.compare.pair import Pair
from exporter.releases.live import Live
from exporter.releases.polling import SETTLED_S, Answered, Polled, Poller
from exporter.releases.source import Source
from exporter.system import Context
from foundation.clock import SystemClock
from foundation.errors import SourceError
from foundation.promanswer import Series

START = 1_700_000_000
POLLED = Polled(url="http://h", query="sum by (version, code) (increase(errors_total[10s]))")


class Clock:
    """Sleeping takes no time, and after some sleeps it ends."""

    def __init__(self, rounds):
        self.now, self.rounds = START + SETTLED_S, rounds

    def wall(self):
        return self.now

    def monotonic(self):
        return self.now

    async def sleep_until(self, when):
        self.now, self.rounds = when, self.rounds - 1
        if self.rounds == 0:
            raise asyncio.CancelledError


def value(at, kind):
    """Two errors in each step; a counter has those before."""
    return str(2 if kind == "increase" else 1000 + (at - START) // 5)


async def polled(
    monkeypatch, *, rounds, since=None, away=(), query=POLLED.query, later=0, answers=None, users=None, open_s=None
):
    """What was asked for as (start, end), and what was taken. answers: is given (whether there was one, until when)."""
    asked, taken = [], []
    kind = "increase" if query and "increase" in query else "counter"
    clock = Clock(rounds)
    clock.now += later

    async def ask(_session, _server, wanted):
        asked.append((wanted.start_s - START, wanted.end_s - START))
        if wanted.query == users:
            times = range(round(wanted.start_s), round(wanted.end_s) + 1, 10)
            return [Series({"version": build}, [(at, str(at - START)) for at in times]) for build in "12"]
        if len(asked) in away:
            raise SourceError("away")
        steps = range(round(wanted.start_s), round(wanted.end_s) + 1, 10)
        return [Series({"version": "1", "code": "3"}, [(at, value(at, kind)) for at in steps])]

    def answered(answer):
        if answers is not None:
            answers.append((answer is not None, answer.to_s if answer else None))
        if answer is not None:
            taken.append(answer if users else answer.counts)

    monkeypatch.setattr(polling, "ask_range", ask)
    with suppress(asyncio.CancelledError):
        wanted = msgspec.structs.replace(POLLED, query=query, exposure_query=users)
        await Poller(wanted, None, clock, since).run(answered, lambda: open_s)
    return asked, taken


async def test_each_step_is_counted_once(monkeypatch):
    asked, taken = await polled(monkeypatch, rounds=4)
    assert asked == [(10, 10), (20, 20), (30, 30)]
    assert [second - START for counts in taken for second, _, _ in counts] == [0, 10, 20]
    assert [n for counts in taken for n in counts.values()] == [2, 2, 2]


async def test_what_could_not_be_had_is_asked_for_again(monkeypatch):
    asked, taken = await polled(monkeypatch, rounds=5, away={2, 3})
    assert asked == [(10, 10), (20, 20), (20, 30), (20, 40)]
    assert sum(n for counts in taken for n in counts.values()) == 8


async def test_a_restart_goes_on_where_it_was(monkeypatch):
    asked, _ = await polled(monkeypatch, rounds=1, since=START - 90)
    assert asked == [(-80, 0)]
    asked, _ = await polled(monkeypatch, rounds=1, since=START - 100_000)
    assert asked == [(-3590, 0)]  # an hour at most


@pytest.mark.parametrize("query", [POLLED.query, "errors_total"])
@pytest.mark.parametrize("pause_s", [10, 300, 3000])
async def test_what_came_over_a_restart_is_counted_once(monkeypatch, query, pause_s):
    """Also where nothing was counted before it: what is remembered is how far was asked, not the newest error."""
    answers = []
    _, before = await polled(monkeypatch, rounds=3, query=query, answers=answers)
    _, after = await polled(
        monkeypatch, rounds=3, query=query, since=answers[-1][1], later=20 + pause_s, answers=answers
    )
    seconds = [second for counts in before + after for second, _, _ in counts]
    first = seconds[0]
    assert seconds == list(range(first, round(answers[-1][1]), 10))
    assert {n for counts in before + after for n in counts.values()} == {2}


async def test_a_prometheus_that_is_away_is_reported(monkeypatch):
    answers = []
    await polled(monkeypatch, rounds=5, away={2, 3}, answers=answers)
    assert [answered for answered, _ in answers] == [True, False, False, True]


@pytest.mark.parametrize("query", [POLLED.query, None])
async def test_users_are_asked_for_since_the_oldest_bin_that_needs_them(monkeypatch, query):
    users = "sum by (version) (rate(requests_total[10s]))"
    asked, taken = await polled(monkeypatch, rounds=3, query=query, users=users, open_s=START - 25)
    of_users = asked[::2] if query else asked
    assert of_users == [(-20, 10), (-20, 20)]  # from the end of the step in which the bin begins
    assert [answer.to_s - START for answer in taken] == [10, 20]
    assert [len(answer.counts) for answer in taken] == [bool(query)] * 2
    ratios = taken[-1].users.ratios(Pair("1", "2"), [START - 40, START - 30, START + 10, START + 20], 10, alone=True)
    assert ratios.tolist()[2] == 1.0
    assert [ratio == ratio for ratio in ratios.tolist()] == [False, False, True, False]  # noqa: PLR0124, nan


UP = catalogue.QUERY_UP


@pytest.mark.parametrize(("answers", "want"), [([], None), ([{}], 1), ([{}, None], 0), ([{}, None, {}], 1)])
def test_whether_a_prometheus_answered_last_is_exposed_once_it_was_asked(tmp_path, answers, want):
    context = Context(tmp_path, SystemClock())
    live = Live(Source(source="app", prometheus=POLLED), context.web, context.checkpoint, context.clock)
    for to_s, counts in enumerate(answers):
        live.take_answer(None if counts is None else Answered(START + to_s, counts))
    assert {family.metric: dict(family.series) for family in live.families()}.get(UP) == (
        None if want is None else {("app",): want}
    )
    context.checkpoint.close()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"query": "irate(a[10s])"}, "irate"),
        ({"query": None}, "nothing to ask: expected query, exposure_query or both"),
        ({"query": None, "exposure_query": "sum by (version) (rate(a[10s]))", "every": 15}, "invalid every"),
        ({"query": None, "exposure_query": "rate(a[10s]) / rate(b[20s])"}, "several lengths"),
        ({"every": 15}, "invalid every"),
        ({"url": "h"}, "invalid URL"),
    ],
)
def test_a_poll_that_cannot_be_is_refused(given, message):
    fields = {"url": "http://h", "query": POLLED.query, **given}
    with pytest.raises(ValueError, match=message):
        Polled(**fields)


def test_bins_have_whole_steps():
    slow = msgspec.structs.replace(POLLED, query="increase(a[1m])", every=60)
    with pytest.raises(ValueError, match=r"invalid compare.bin_s: .*60s"):
        Source(source="app", prometheus=slow)
