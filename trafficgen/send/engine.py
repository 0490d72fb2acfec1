"""One worker: hands the plan's requests to the pool when they are due, whatever the target does (an open loop).

All times are integers of the monotonic clock, in nanoseconds. What is due is sent in batches, one a wake-up; between
wake-ups the loop reads responses. A worker that falls behind catches up within bounds or drops, and counts.
"""

import asyncio
import gc
from collections.abc import Iterator
from dataclasses import dataclass
from time import monotonic_ns, thread_time_ns

from trafficgen.config import OnBehind
from trafficgen.meter.blame import Blame, Second
from trafficgen.meter.meter import Meter
from trafficgen.plan.curve import Line, Segment
from trafficgen.plan.plan import Chunk
from trafficgen.send.pool import BACKLOG_NS, Pool
from trafficgen.send.wakeup import make_wakeup

FINE_NS = 250_000  # wake-ups are at least this far apart, so that a machine has time for something else
COARSE_NS = 1_000_000  # from `COARSE_FROM_PER_S` on so far that a batch goes out at once, but no further
COARSE_FROM_PER_S = 2_000.0
BATCH = 5  # requests: a wake-up costs as much as five of them
SWEEP_S = 0.1
FLUSH_AT = 1_000  # noted times: to flush none costs as much, and each second flushes all
LATE_NS = 100_000_000  # a request sent this late by the generator's own fault is reported as such
CATCH_UP_FROM_NS = 20_000_000  # below this, being behind is the grain of the machine, and all that is due is sent
CATCH_UP_RATE = 2.0  # times the planned rate, at most
_LONGEST_TURN_S = 0.05
_SECOND_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Pace:
    """When a run starts and ends, and what becomes of requests that the generator is too late for."""

    start_ns: int
    end_ns: int | None  # None: until stopped
    on_behind: OnBehind = "catchup"
    drain_s: float = 10.0  # how long to wait for the last responses
    grain_ns: int | None = None  # how far wake-ups are apart, at least; None: by the rate


_SILENCE = Chunk(Segment(0, 0, Line(0.0)), [], [], "")


class Engine:
    """Runs one worker's part of a plan once."""

    def __init__(self, chunks: Iterator[Chunk], pool: Pool, meter: Meter, pace: Pace) -> None:
        """In a running event loop. `chunks`: of the plan, in order. `pool`: takes what is due. `meter`: the pool's."""
        self._chunks, self._pool, self._meter, self._pace = chunks, pool, meter, pace
        self._loop = asyncio.get_running_loop()
        self._over = asyncio.Event()
        self._chunk, self._before = _SILENCE, _SILENCE
        self._at = 0  # of the chunk's requests, the first one not yet due
        self._rate_per_s, self._grain_ns = 0.0, FINE_NS  # of the chunk, for this worker
        self._allowed: int | None = None  # late requests of this turn, once one was met
        self._last_tick_ns, self._elapsed_ns = pace.start_ns, 0
        self._second_ends_ns = pace.start_ns + _SECOND_NS
        self._rolled = (0, 0, 0)  # planned, sent, answered at the last full second
        self._blame = Blame(meter)
        self._judged_ns, self._cpu_ns = pace.start_ns, thread_time_ns()
        self._armed_ns = pace.start_ns
        self._lag_ns = self._ticks = self._handed_late = 0  # of this second; see `Second`
        self._stopping = False
        self._cut_off: asyncio.TimerHandle | None = None
        self._backlog_ns = BACKLOG_NS if pace.on_behind == "catchup" else LATE_NS
        self.stopped_ns = 0  # when the last request was due, or the stop came

    async def run(self) -> None:
        """Send all of the plan, then wait for the last response. Ends early after `stop` or `abort`."""
        self._pool.on_quiet = self._over.set
        self._wakeup = make_wakeup(self._loop, self._tick)
        gc.freeze()  # what is there now stays until the end: the collector need not look at it meanwhile
        try:
            async with asyncio.TaskGroup() as tasks:
                self._pool.start(tasks)
                self._sweep_at = self._loop.time()
                self._sweep()
                self._arm(self._pace.start_ns)
                await self._over.wait()
                self._pool.close()
                await asyncio.sleep(0)  # the transports close in the next turn
        finally:
            self._sweeper.cancel()
            self._wakeup.close()
            if self._cut_off:
                self._cut_off.cancel()
            self._pool.close()
            self._roll(monotonic_ns(), last=True)
            self._meter.flush()
            gc.unfreeze()

    def stop(self) -> None:
        """Send nothing more, wait for what is under way."""
        if not self._stopping:
            self._finish()
            self._pool.drop_waiting()

    def abort(self) -> None:
        """End now; what is under way counts as aborted."""
        self.stop()
        self._over.set()

    def planned_rate(self) -> float:
        """The plan's current requests per second, of all workers."""
        if self._stopping:
            return 0.0
        at_s = (monotonic_ns() - self._pace.start_ns) / 1e9
        chunk = self._current(at_s)
        segment = chunk.segment
        ahead = (
            chunk is self._chunk and at_s >= segment.end_s
        )  # of all that is loaded, as the worker is late: the plan continues
        at_s = segment.end_s if ahead else at_s
        return segment.rate(at_s) if segment.start_s <= at_s and (ahead or at_s < segment.end_s) else 0.0

    def phase(self) -> str:
        """The name of the phase that is on."""
        return self._current((monotonic_ns() - self._pace.start_ns) / 1e9).phase

    def _current(self, at_s: float) -> Chunk:
        """The chunk that `at_s` lies in: the one after it may have been loaded already."""
        return self._before if at_s < self._chunk.segment.start_s else self._chunk

    def _tick(self) -> None:
        """Send what is due and set the alarm for what comes next."""
        if self._stopping:
            return
        now = monotonic_ns()
        self._lag_ns += now - self._armed_ns
        self._ticks += 1
        if now >= self._second_ends_ns:
            self._roll(now)
        self._elapsed_ns, self._last_tick_ns, self._allowed = now - self._last_tick_ns, now, None
        while (due_ns := self._send_due(now)) is None:
            start_ns = self._pace.start_ns + round(self._chunk.segment.start_s * 1e9)
            if start_ns > now:  # loaded ahead and empty: nothing to do before it begins
                self._arm(start_ns)
                return
            if not self._load(now):
                self._finish()
                return
        self._arm(max(due_ns, now + self._grain_ns))

    def _arm(self, at_ns: int) -> None:
        self._armed_ns = at_ns
        self._wakeup.arm(at_ns)

    def _allowance(self) -> int:
        """How many late requests this turn may send: twice what the plan wanted since the last one."""
        elapsed_s = min(self._elapsed_ns / 1e9, _LONGEST_TURN_S)
        return 16 + int(CATCH_UP_RATE * self._rate_per_s * elapsed_s)

    def _send_due(self, now_ns: int) -> int | None:
        """Hand over what is due of the chunk. Returns when the next of it is due, None if nothing is left."""
        due, requests, at = self._chunk.due_ns, self._chunk.requests, self._at
        submit, meter = self._pool.submit, self._meter
        before, count = at, len(due)
        while at < count and (due_ns := due[at]) <= now_ns:
            late_ns = now_ns - due_ns
            if late_ns > CATCH_UP_FROM_NS:
                if late_ns > self._backlog_ns:
                    self._pool.drop("behind", late_ns, requests[at], due_ns)
                    at += 1
                    continue
                if self._allowed is None:
                    self._allowed = self._allowance()
                if self._allowed <= 0:
                    break
                self._allowed -= 1
                self._handed_late += late_ns > LATE_NS
            submit(due_ns, requests[at])
            at += 1
        meter.planned += at - before
        self._at = at
        return due[at] if at < count else None

    def _load(self, now_ns: int) -> bool:
        """Take the next chunk of the plan; False when the plan is over."""
        chunk = next(self._chunks, None)
        if chunk is None:
            end_ns = self._pace.end_ns
            if end_ns is None or now_ns >= end_ns:
                return False
            end_s = (end_ns - self._pace.start_ns) / 1e9  # nothing more is due: wait for the end
            chunk = Chunk(Segment(end_s, end_s, Line(0.0)), [], [], self._chunk.phase)
        self._before, self._chunk, self._at = self._chunk, chunk, 0
        seconds = chunk.segment.end_s - chunk.segment.start_s
        self._rate_per_s = len(chunk.due_ns) / seconds if seconds else 0.0
        self._grain_ns = grain_of(self._rate_per_s) if self._pace.grain_ns is None else self._pace.grain_ns
        return True

    def _finish(self) -> None:
        """The plan is over: what waits for a connection may still be sent, and every answer may still come."""
        self._stopping = self._pool.draining = True
        self.stopped_ns = monotonic_ns()
        self._cut_off = self._loop.call_later(self._pace.drain_s, self.abort)
        if self._pool.quiet:
            self._over.set()

    def _sweep(self) -> None:
        """Several times per second: time-outs, idle connections, histograms when due, the row of the second."""
        now = monotonic_ns()
        self._roll(now)
        self._pool.sweep(now)
        if self._meter.noted >= FLUSH_AT:
            self._meter.flush()
        self._sweep_at += SWEEP_S
        self._sweeper = self._loop.call_at(self._sweep_at, self._sweep)

    def _roll(self, now_ns: int, *, last: bool = False) -> None:
        """Close the row of every second that is over, and at the end the one that is not."""
        while now_ns >= self._second_ends_ns or last:
            counts = (self._meter.planned, self._meter.sent, self._meter.answered)
            was, self._rolled = self._rolled, counts
            if now_ns >= self._second_ends_ns or counts != was:
                self._meter.series.add(counts[0] - was[0], counts[1] - was[1], counts[2] - was[2])
                self._meter.close_second()
            if now_ns < self._second_ends_ns + _SECOND_NS or last:
                self._judge(now_ns)
            last = last and now_ns >= self._second_ends_ns
            self._second_ends_ns += _SECOND_NS

    def _judge(self, now_ns: int) -> None:
        """Let the second that is over be judged, and begin the next."""
        self._meter.flush()
        cpu_ns = thread_time_ns()
        wall_ns, used_ns = now_ns - self._judged_ns, cpu_ns - self._cpu_ns
        self._blame.judge(Second(wall_ns, used_ns, self._lag_ns // max(self._ticks, 1), self._handed_late))
        self._judged_ns, self._cpu_ns = now_ns, cpu_ns
        self._lag_ns = self._ticks = self._handed_late = 0


def grain_of(rate_per_s: float) -> int:
    """How far wake-ups are apart, at least: what is due meanwhile waits for the next one."""
    if rate_per_s < COARSE_FROM_PER_S:
        return FINE_NS
    return max(FINE_NS, min(COARSE_NS, round(BATCH / rate_per_s * 1e9)))
