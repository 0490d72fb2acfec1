"""What one worker counts while it runs, and how the counts of several become one.

The hot path only appends to lists and adds to integers; `flush` moves the lists into histograms every so often.
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np

from foundation.secret import shown_url
from trafficgen.meter.bins import BinCounts, Bins
from trafficgen.meter.by_target import ByTarget, Codes, is_expected
from trafficgen.meter.histogram import Histogram
from trafficgen.meter.shares import Shares

K = TypeVar("K")

DROP_REASONS = (
    "behind",  # the generator itself came too late
    "connect_failed",
    "connect_not_http2",  # the server does not speak HTTP/2
    "connect_refused",
    "connect_timeout",
    "in_flight",  # --max-in-flight was reached
    "no_buffer",  # the system had no memory for a connection
    "no_connection",  # none of --connections was free or made in time
    "no_descriptor",  # this process, or the machine, may open no more files
    "no_port",  # this machine had no free port for a connection
    "session_capture",  # the rest of a session, one of whose answers lacked a value
    "session_cut",  # the rest of a session that outlasted the plan, or that was stopped
    "session_step",  # the rest of a session, one of whose steps failed
    "stopped",  # due, but not yet sent when the run was stopped
)
RETRIED_REASONS = (  # why a server gave back a request that it had not looked at, which was sent again then: HTTP/2
    "goaway",  # it ends the connection, and the request came too late
    "rst_refused_stream",
)
NO_ANSWER_REASONS = (
    "aborted",  # still unanswered when a second signal, or the end of the drain, cut the run
    "closed",  # the connection ended before the response did
    "goaway",  # so it did, as the server had said (HTTP/2), or a second server gave the request back
    "malformed",  # the answer was not HTTP
    "reset",
    "rst_cancel",  # the server reset the stream (HTTP/2), with one of these codes
    "rst_enhance_your_calm",
    "rst_http_1_1_required",
    "rst_internal_error",
    "rst_no_error",
    "rst_other",
    "rst_protocol_error",
    "rst_refused_stream",  # for the second time
    "timeout",
    "too_large",  # an answer without end: above 256 MiB, or a head above 64 KiB
)
OWN_LIMITS = ("no_buffer", "no_descriptor", "no_port")  # drops that are the generator's own fault at once
OWN_CAUSES = ("processor", "wakeups", *OWN_LIMITS)  # why the generator was the limit: see `blame`
TARGET = "target"  # the cause of other lateness: it held every connection
SESSION_OUTCOMES = ("started", "completed", "failed", "cut")
KNOWN_CODES = (200, 404, 500)  # born at 0, so that the first one is seen as an increase
MAX_ROWS = 7200
SATURATED_SHARE = 0.01  # of the planned requests


@dataclass(slots=True)
class Series:
    """Counts for each second of the run; past two hours for every 2, then 4, ... seconds: constant memory."""

    width_s: int = 1
    rows: list[tuple[int, int, int]] = field(default_factory=list)  # (planned, sent, answered)
    _open: list[tuple[int, int, int]] = field(default_factory=list)

    def add(self, planned: int, sent: int, answered: int) -> None:
        """Append one second."""
        self._open.append((planned, sent, answered))
        if len(self._open) == self.width_s:
            self.rows.append(_sum(self._open))
            self._open.clear()
        if len(self.rows) >= MAX_ROWS:
            self.rows = [_sum(self.rows[at : at + 2]) for at in range(0, len(self.rows), 2)]
            self.width_s *= 2

    def all_rows(self) -> list[tuple[int, int, int]]:
        """Every row, the unfinished one at the end included."""
        return [*self.rows, _sum(self._open)] if self._open else self.rows

    def merge(self, other: "Series") -> None:
        """Add the rows of another worker of the same run."""
        width_s = max(self.width_s, other.width_s)
        rows, more = self.rows_of(width_s), other.rows_of(width_s)
        length = max(len(rows), len(more))
        pad = [(0, 0, 0)]
        pairs = zip(rows + pad * (length - len(rows)), more + pad * (length - len(more)), strict=True)
        self.rows, self._open, self.width_s = [_sum(list(pair)) for pair in pairs], [], width_s

    def rows_of(self, width_s: int) -> list[tuple[int, int, int]]:
        """All rows, in rows of `width_s`, a power of 2 times as many seconds."""
        rows, bunch = self.all_rows(), width_s // self.width_s
        return [_sum(rows[at : at + bunch]) for at in range(0, len(rows), bunch)]


def _sum(rows: list[tuple[int, int, int]]) -> tuple[int, int, int]:
    return (sum(r[0] for r in rows), sum(r[1] for r in rows), sum(r[2] for r in rows))


def _shown(targets: tuple[str, ...]) -> tuple[str, ...]:
    """Paths as labels, without what is secret in their query strings; those that differ in nothing else get numbers."""
    shown = [shown_url(target) for target in targets]
    seen = [shown[: n + 1].count(target) for n, target in enumerate(shown)]
    return tuple(f"{target}#{number}" if number > 1 else target for target, number in zip(shown, seen, strict=True))


class Meter:
    """The counters and histograms of one worker."""

    def __init__(
        self,
        targets: tuple[str, ...],
        *,
        target_numbers: Sequence[int] | None = None,
        expected: Sequence[Codes | None] = (),
        sessions: Sequence[str] = (),
    ) -> None:
        """`target_numbers`: of each kind of request; `expected`: by target, where it says which codes are right."""
        self.targets = _shown(targets)
        self.expected = tuple(expected) or (None,) * len(targets)
        self.by_target = ByTarget(len(targets), target_numbers)
        self.planned = 0
        self.own_fault = dict.fromkeys(OWN_CAUSES, 0)  # late by over 0.1 s, or never sent, because of the generator
        self.late_by = dict.fromkeys((TARGET, *OWN_CAUSES), 0)  # of those sent over 0.1 s late, by cause
        self.saturated = False  # so it was for over 1 % of the last second's requests
        self.connects = 0
        self.received_bytes = 0  # of answers, heads included, decrypted
        self.dropped = dict.fromkeys(DROP_REASONS, 0)
        self.no_answer = dict.fromkeys(NO_ANSWER_REASONS, 0)
        self.retried = dict.fromkeys(RETRIED_REASONS, 0)  # each counts once among those sent
        self.codes: list[dict[int, int]] = [dict.fromkeys(KNOWN_CODES, 0) for _ in targets]
        self.sessions = {name: dict.fromkeys(SESSION_OUTCOMES, 0) for name in sessions}
        self.session_failures: dict[str, int] = {}  # in words
        self.lateness = Histogram()
        self.from_plan = Histogram()  # of every request that was due and has ended: all planned but those skipped
        self.from_send = Histogram()  # of every sent request that has ended: answered or given up
        self.shares = Shares()
        self.series = Series()
        self.bins = Bins()
        self.late_ns: list[int] = []
        self.plan_ns: list[int] = []
        self.ended: list[int] = []  # the number of the request that each of `plan_ns` is of
        self.send_ns: list[int] = []

    @property
    def sent(self) -> int:
        """Requests written to a connection: as many as have a lateness, so that the hot path counts once."""
        return self.lateness.count + len(self.late_ns)

    @property
    def _ended(self) -> int:
        """Requests sent and ended: as many as have a latency from the send."""
        return self.from_send.count + len(self.send_ns)

    @property
    def answered(self) -> int:
        """Requests answered: those that ended, without those that were given up."""
        return self._ended - sum(self.no_answer.values())

    @property
    def noted(self) -> int:
        """Times that the histograms do not have yet: see `flush`."""
        return len(self.late_ns) + len(self.plan_ns)

    def answers(self, first: int, last: int) -> int:
        """Answers with a status code from `first` to `last`."""
        return sum(count for codes in self.codes for code, count in list(codes.items()) if first <= code <= last)

    def by_code(self) -> dict[int, int]:
        """Answers of all targets by status code."""
        total: dict[int, int] = {}
        for codes in self.codes:
            _add(total, dict(codes))
        return total

    def unexpected(self) -> list[int]:
        """Answers of each target with codes that it should not give."""
        return [
            sum(count for code, count in list(codes.items()) if not is_expected(code, expected))
            for codes, expected in zip(self.codes, self.expected, strict=True)
        ]

    def drop(self, reason: str, waited_ns: int, number: int) -> None:
        """Count a planned request that will not be sent, `waited_ns` after it was due."""
        self.dropped[reason] += 1
        self.by_target.fail(number, reason)
        self.plan_ns.append(waited_ns)
        self.ended.append(number)

    def skip(self, reason: str, number: int) -> None:
        """Count a step that never became due, dropped as `session_...`: it has no time."""
        self.planned += 1
        self.dropped[reason] += 1
        self.by_target.fail(number, reason)

    def count_session(self, name: str, outcome: str, why: str = "") -> None:
        """Count the start or the end of a session."""
        self.sessions[name][outcome] += 1
        if why:
            self.session_failures[why] = self.session_failures.get(why, 0) + 1

    def give_up(self, reason: str, number: int) -> None:
        """Count a request that was sent and will not be answered; its times are noted with those of answers."""
        self.no_answer[reason] += 1
        self.by_target.fail(number, reason)

    def flush(self) -> None:
        """Move what the hot path has noted into the histograms."""
        plan_ns = np.array(self.plan_ns, dtype=np.int64)
        self.by_target.record(self.ended, plan_ns)
        self.from_plan.record(plan_ns)
        self.lateness.record(self.late_ns)
        self.from_send.record(self.send_ns)
        for noted in (self.ended, self.plan_ns, self.late_ns, self.send_ns):
            noted.clear()

    def close_second(self) -> None:
        """A second is over: its bin has what was counted since the last one."""
        self.flush()
        counts = BinCounts(
            planned=self.planned,
            sent=self.sent,
            answered=self.answered,
            unexpected=sum(self.unexpected()),
            server_errors=self.answers(500, 999),
            client_errors=self.answers(400, 499),
            no_answer=sum(self.no_answer.values()),
            dropped=sum(self.dropped.values()),
        )
        self.bins.close_second(counts, self.from_plan.counts)

    def without_series(self) -> "Meter":
        """The same counts, flushed, without the rows of the seconds; shares its parts with this meter."""
        self.flush()
        slim = copy.copy(self)
        slim.series, slim.bins = Series(), Bins()
        slim.by_target = self.by_target.without_times()
        return slim

    def merge(self, other: "Meter") -> None:
        """Add all that another worker of the same plan has counted."""
        self.planned += other.planned
        self.saturated |= other.saturated
        self.connects += other.connects
        self.received_bytes += other.received_bytes
        _add(self.own_fault, other.own_fault)
        _add(self.late_by, other.late_by)
        _add(self.dropped, other.dropped)
        _add(self.no_answer, other.no_answer)
        _add(self.retried, other.retried)
        _add(self.session_failures, other.session_failures)
        for name, counts in other.sessions.items():
            _add(self.sessions[name], counts)
        for mine, others in zip(self.codes, other.codes, strict=True):
            _add(mine, others)
        self.shares.merge(other.shares)
        self.lateness.merge(other.lateness)
        self.from_plan.merge(other.from_plan)
        self.from_send.merge(other.from_send)
        self.series.merge(other.series)
        self.bins.merge(other.bins)
        self.by_target.merge(other.by_target)

    def late(self) -> int:
        """Requests sent over 0.1 s after their due time, by whatever fault; as of the last `flush`."""
        return self.lateness.above(0.1)

    def in_flight(self) -> int:
        """Requests sent and neither answered nor given up."""
        return self.sent - self._ended


def _add(mine: dict[K, int], others: dict[K, int]) -> None:
    for key, count in others.items():
        mine[key] = mine.get(key, 0) + count
