"""Sessions under way: each step is due when the answer before it has come and the pause is over.

The plan starts sessions at its own rate, whatever the target does; inside one, a step waits for the one before it. What
a step needs is taken from the answers at once, and the next request is rendered then: nothing is left to do when it is
due.
"""

import asyncio
import heapq
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import monotonic_ns, time

from foundation.errors import ConfigError
from trafficgen.meter.by_target import is_expected
from trafficgen.send.connection import Returned
from trafficgen.send.mixed import MixedConnection
from trafficgen.send.pool import BACKLOG_NS, Pool, PoolSettings
from trafficgen.send.session_state import Live, Place, Render, States
from trafficgen.send.wakeup import Wakeup, make_wakeup
from trafficgen.targets.capture import MAX_ANSWER_BYTES, Answer, read_answer, set_cookies, taken
from trafficgen.targets.session import Step
from trafficgen.targets.values import draw

FINISH_S = 30.0  # how long sessions may continue after the end of the plan
MAX_LIVE = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionSettings:
    """The steps among a pool's requests. `places`, `renders`: by kind; those of a session follow each other."""

    states: States
    places: Mapping[int, Place]
    renders: Mapping[int, Render]
    base: int  # of the draws, see `base_of`


class SessionPool(Pool):
    """A pool some of whose requests are steps of sessions."""

    def __init__(self, settings: PoolSettings, sessions: SessionSettings) -> None:
        """`settings`: as of any pool. `sessions`: which of its requests are steps. In a running event loop."""
        super().__init__(settings)
        self._states, self._places = sessions.states, sessions.places
        self._renders, self._base = sessions.renders, sessions.base
        self._due: list[tuple[int, int]] = []  # (when, request), a heap
        self._finish_ns = 0
        self._ending = False  # no further step is sent
        self._wakeup: Wakeup = make_wakeup(asyncio.get_running_loop(), self._send_due)

    def place(self, number: int) -> Place | None:
        """What a request is in its session; None for one alone."""
        return self._places.get(number % self._kinds)

    def submit(self, due_ns: int, request: int) -> None:
        """Send a request that is due now; one that starts a session begins it."""
        place = self.place(request)
        if place is not None and place.at == 0:
            start = request // self._kinds
            if len(self._states.live) >= MAX_LIVE:
                self.drop("in_flight", BACKLOG_NS, request, due_ns)
                return
            live = self._states.live[start] = Live()
            self._meter.count_session(place.session.name, "started")
            live.request = self._renders[request % self._kinds](start, live)
        super().submit(due_ns, request)

    def keeps(self, number: int) -> bool:
        """Whether the answer to a request is wanted: of every step."""
        return self.place(number) is not None

    def answered(self, number: int, code: int, read: Callable[[], Answer | None]) -> None:
        """A step has its answer: take what it has, and let the next be due, or end the session.

        `read` gives the answer; None if it is too large, or cannot be read.
        """
        place, live = self.place(number), self._states.live.get(number // self._kinds)
        if place is None or live is None:
            return
        if not is_expected(code, place.step.target.expected):
            self._fail(number, place, f"code {code}", "session_step")
            return
        last = place.at + 1 == len(place.session.steps)
        if not last or place.step.captures:
            answer = read()
            if answer is None:
                self._fail(number, place, "an answer above 1 MiB, or not whole", "session_capture")
                return
            missing = _take(place.step, answer, live)
            if missing:
                self._fail(number, place, f"no {missing}", "session_capture")
                return
        if last:
            self._end(number, place, "completed")
        elif self._ending:
            self._fail(number, place, "", "session_cut")
        else:
            self._plan_next(number, live, place)

    def _plan_next(self, number: int, live: Live, place: Place) -> None:
        start, kind = divmod(number, self._kinds)
        think = place.session.steps[place.at + 1].think
        share = draw(self._base, start, -(kind + 2) & (1 << 64) - 1) / (1 << 64)
        think_s = think.low_s + (think.high_s - think.low_s) * share
        due_ns, live.due_s = monotonic_ns() + round(think_s * 1e9), time() + think_s
        live.at += 1
        try:
            live.request = self._renders[kind + 1](start, live)
        except (ValueError, ConfigError):  # a captured value that is not allowed where it is used
            self._fail(number, place, "a value that fits into the next request", "session_capture")
            return
        live.waiting = True
        heapq.heappush(self._due, (due_ns, number + 1))
        self._wakeup.arm(max(1, self._due[0][0]))

    def _send_due(self) -> None:
        now = monotonic_ns()
        while self._due and self._due[0][0] <= now:
            due_ns, number = heapq.heappop(self._due)
            live = self._states.live.get(number // self._kinds)
            if live is not None and live.waiting:
                live.waiting = False
                self._meter.planned += 1
                super().submit(due_ns, number)
        if self._due:
            self._wakeup.arm(self._due[0][0])

    def gave_up(self, number: int, reason: str) -> None:
        """A request will not be answered: nor will the rest of its session be sent."""
        super().gave_up(number, reason)
        self._lose(number, f"no answer ({reason})")

    def drop(self, reason: str, waited_ns: int, number: int, due_ns: int) -> None:
        """A request will not be sent: nor will the rest of its session."""
        super().drop(reason, waited_ns, number, due_ns)
        self._lose(number, f"not sent ({reason})", "session_cut" if reason == "stopped" else "session_step")

    def _lose(self, number: int, why: str, reason: str = "session_step") -> None:
        place = self.place(number)
        if place is None:
            return
        if number // self._kinds not in self._states.live:  # dropped before it began
            self._meter.count_session(place.session.name, "started")
        self._fail(number, place, why, reason)

    def _fail(self, number: int, place: Place, why: str, reason: str) -> None:
        """Count what is left of a session as not sent."""
        for step in range(1, len(place.session.steps) - place.at):
            self._meter.skip(reason, number + step)
            if self.recorder is not None:
                self.recorder.failed(reason, number + step, monotonic_ns())
        self._end(number, place, "failed" if why else "cut", f"{place.label}: {why}" if why else "")

    def _end(self, number: int, place: Place, outcome: str, why: str = "") -> None:
        self._states.live.pop(number // self._kinds, None)
        self._meter.count_session(place.session.name, outcome, why)
        if self.draining and self.quiet:
            self.on_quiet()

    @property
    def quiet(self) -> bool:
        """Whether no request is under way or waiting, nor a session."""
        return super().quiet and not self._states.live

    def sweep(self, now_ns: int) -> None:
        """See `Pool.sweep`; sessions that outlast the plan are cut after `FINISH_S`."""
        super().sweep(now_ns)
        if self.draining and not self._finish_ns:
            self._finish_ns = now_ns + round(FINISH_S * 1e9)
        if self._finish_ns and now_ns > self._finish_ns:
            self._cut()

    def drop_waiting(self) -> None:
        """Send nothing more, of no session either."""
        self._cut()
        super().drop_waiting()

    def close(self) -> None:
        """See `Pool.close`."""
        self._wakeup.close()
        super().close()

    def _cut(self) -> None:
        """No further step is sent; those that are under way may still be answered."""
        self._ending = True
        due, self._due = self._due, []
        for _, number in due:
            place = self.place(number - 1)
            assert place is not None
            if number // self._kinds in self._states.live:
                self._fail(number - 1, place, "", "session_cut")


def _take(step: Step, answer: Answer, live: Live) -> str:
    """Keep the cookies and the values of an answer. Returns what it does not have."""
    now_s = time()
    for cookie in set_cookies(answer, now_s):
        live.keep(cookie, now_s)
    for capture in step.captures:
        value = taken(capture, answer, now_s)
        if value is None:
            return str(capture)
        live.values[capture.name] = value
    return ""


class SessionConnection(MixedConnection):
    """A connection that keeps the answers to steps of sessions."""

    __slots__ = ("_keeps", "_raw", "_sessions")

    def __init__(self, pool: SessionPool) -> None:
        """`pool`: also says which answers are kept."""
        super().__init__(pool)
        self._sessions, self._raw, self._keeps = pool, bytearray(), False

    def send(self, due_ns: int, number: int, before: Returned | None = None) -> bool:
        """Write a request; see `Connection.send`."""
        self._raw.clear()
        self._keeps = self._sessions.keeps(number)
        return super().send(due_ns, number, before)

    def data_received(self, data: bytes) -> None:
        """Keep what comes, up to the size of an answer that values are taken from, and read it."""
        if self._keeps and len(self._raw) <= MAX_ANSWER_BYTES:
            self._raw += data
        super().data_received(data)

    def _answered(self, code: int, keepalive: bool) -> None:  # noqa: FBT001, as in `Connection`
        number, kept = self._number, self._keeps
        raw = bytes(self._raw) if kept else b""
        self._keeps = False
        super()._answered(code, keepalive)
        if kept:
            self._sessions.answered(number, code, lambda: read_answer(raw) if len(raw) <= MAX_ANSWER_BYTES else None)
