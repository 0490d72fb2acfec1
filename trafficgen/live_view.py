"""The view of a run on a terminal: rates, answers by code, latency of the last seconds, elapsed and remaining time.

`History.take` counts, `render` is pure, `LiveView` draws. Drawing happens in the process that sends, if that is one:
it is bounded, and skipped while the terminal takes nothing (Ctrl-S, a connection that hangs).
"""

import asyncio
import contextlib
import os
import select
import signal
import sys
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import NamedTuple, Self

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from foundation.grammar import format_duration
from foundation.terminal import printable
from trafficgen.meter.histogram import Histogram
from trafficgen.report.render_text import format_seconds
from trafficgen.run import TICK_S, Run

RATE_S, LATENCY_S, CHART_S = 2, 5, 60
_NAME = 9  # columns of a line's name, with the blanks after it
_MAX_CODES = 12  # more do not fit in any usual window
_MAX_REASONS = 3
_BLOCKS, _ASCII = "▁▂▃▄▅▆▇█", ".:-=+*#@"


class Figures(NamedTuple):
    """What is shown."""

    elapsed_s: float
    duration_s: float | None  # of the plan; None without end
    stopping: bool
    phase: str  # empty where the plan has only one
    planned_per_s: float
    sent_per_s: float  # over the last `RATE_S`
    rates: Sequence[float]  # `sent_per_s` at each second of the last `CHART_S`, the last one now
    sent: int
    in_flight: int
    connections: int
    codes: Mapping[int, int]  # answers
    no_answer: Mapping[str, int]  # by reason
    dropped: Mapping[str, int]
    ended: int  # in the last `LATENCY_S`
    p50_s: float | None  # of these, from the plan; None if there are none
    p99_s: float | None


class _Seen(NamedTuple):
    """What had been counted at a tick."""

    at_s: float
    sent: int
    from_plan: Histogram


class History:
    """Takes the figures of a run, and keeps what those of the last seconds are made of: constant memory."""

    def __init__(self, duration_s: float | None) -> None:
        """`duration_s`: of the plan; None where it has no end."""
        self._duration_s = duration_s
        self._seen = deque([_Seen(0.0, 0, Histogram())], maxlen=round(LATENCY_S / TICK_S) + 1)
        self._rates: deque[float] = deque(maxlen=CHART_S)
        self._ticks = 0

    def take(self, run: Run) -> Figures:
        """The figures as they are now; to be called every `TICK_S`."""
        meter = run.meter
        meter.flush()
        now = _Seen(max(0.0, run.elapsed_s()), meter.sent, meter.from_plan.copy())
        self._seen.append(now)
        first = self._seen[max(0, len(self._seen) - 1 - round(RATE_S / TICK_S))]
        seconds = now.at_s - first.at_s
        sent_per_s = (now.sent - first.sent) / seconds if seconds > 0 else 0.0
        self._ticks += 1
        rates = (*self._rates, sent_per_s)[-CHART_S:]
        if self._ticks % round(1 / TICK_S) == 0:
            self._rates.append(sent_per_s)
        latency = now.from_plan.since(self._seen[0].from_plan)
        return Figures(
            elapsed_s=now.at_s,
            duration_s=self._duration_s,
            stopping=run.stopping,
            phase=run.phase() if len(run.phase_names) > 1 else "",
            planned_per_s=run.planned_rate(),
            sent_per_s=sent_per_s,
            rates=rates,
            sent=now.sent,
            in_flight=meter.in_flight(),
            connections=run.connections(),
            codes=meter.by_code(),
            no_answer=meter.no_answer,
            dropped=meter.dropped,
            ended=latency.count,
            p50_s=latency.quantile_s(0.5),
            p99_s=latency.quantile_s(0.99),
        )


def render(figures: Figures, columns: int, *, blocks: bool = True) -> Group:
    """The lines of the view, none longer than `columns`; without `blocks` in ASCII."""
    most = max(figures.rates, default=0.0)
    over = f", at most {most:,.0f}/s in the last minute" if figures.rates else ""
    lines = [
        _line("time", f"{_time(figures)}{f', phase {figures.phase}' if figures.phase else ''}"),
        _line("rate", f"planned {figures.planned_per_s:,.0f}/s, sent {figures.sent_per_s:,.0f}/s{over}"),
        _line("", sparkline(figures.rates[-max(1, columns - _NAME) :], blocks=blocks)),
        _line(
            "requests",
            f"sent {figures.sent:,}, in flight {figures.in_flight:,}, open connections {figures.connections:,}",
        ),
        _answers(figures.codes, columns),
        _failed(figures),
        _line(
            "latency",
            f"p50 {format_seconds(figures.p50_s)}, p99 {format_seconds(figures.p99_s)} from plan, "
            f"of {figures.ended:,} in the last {LATENCY_S} s",
        ),
    ]
    for line in lines:
        line.truncate(columns, overflow="ellipsis" if blocks else "crop")
    return Group(*lines)


def sparkline(rates: Sequence[float], *, blocks: bool = True) -> str:
    """A character for each rate, in eighths of the greatest one; a blank for 0."""
    marks = _BLOCKS if blocks else _ASCII
    most = max(rates, default=0.0)
    return "".join(marks[min(7, int(rate / most * 8))] if rate > 0 else " " for rate in rates)


def _time(figures: Figures) -> str:
    passed = format_duration(int(figures.elapsed_s))
    if figures.duration_s is not None:
        passed += f" of {format_duration(figures.duration_s)}"
    if figures.stopping:
        return f"{passed}, stopped: waiting for the last answers"
    if figures.duration_s is None:
        return f"{passed}, until stopped"
    if figures.elapsed_s >= figures.duration_s:
        return f"{passed}, waiting for the last answers"
    return f"{passed}, {format_duration(round(figures.duration_s) - int(figures.elapsed_s))} left"


def _line(name: str, text: str = "") -> Text:
    line = Text(no_wrap=True)
    line.append(f"{name:<{_NAME}}", "dim")
    line.append(printable(text))
    return line


def _answers(codes: Mapping[int, int], columns: int) -> Text:
    """As many codes as fit, the most frequent ones; the rest as a sum."""
    frequent = sorted((code for code, count in codes.items() if count), key=lambda code: -codes[code])
    for fit in range(min(len(frequent), _MAX_CODES), -1, -1):
        line = _line("answers", "" if frequent else "none")
        for code in sorted(frequent[:fit]):
            line.append(f"{code}: {codes[code]:,}  ", "red" if code >= 500 else "yellow" if code >= 400 else "")
        if fit < len(frequent):
            line.append(f"other codes: {sum(codes[code] for code in frequent[fit:]):,}")
        line.rstrip()
        if line.cell_len <= columns:
            break
    return line


def _failed(figures: Figures) -> Text:
    line = _line("failed")
    for name, counts in (("no answer", figures.no_answer), ("dropped", figures.dropped)):
        reasons = {reason: count for reason, count in counts.items() if count}
        frequent = islice(sorted(reasons, key=lambda reason: -reasons[reason]), _MAX_REASONS)
        why = ", ".join(printable(reason) for reason in frequent) + (", ..." if len(reasons) > _MAX_REASONS else "")
        line.append(f"{name} {sum(reasons.values()):,}", "red" if reasons else "")
        line.append(f" ({why})  " if reasons else "  ")
    line.rstrip()
    return line


class LiveView:
    """Redraws a few lines of stderr, if that is a terminal that can, and not `quiet`; else shows nothing."""

    def __init__(self, duration_s: float | None, *, quiet: bool = False) -> None:
        """`duration_s`: of the plan; None where it has no end."""
        self._history = History(duration_s)
        self._console: Console | None = None
        self._live: Live | None = None  # while it is on the screen
        if sys.stderr.isatty() and not quiet:
            console = Console(file=sys.stderr)
            if console.is_terminal and not console.is_dumb_terminal:
                self._console = console

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._end()

    def update(self, run: Run) -> None:
        """Show the run as it is now. A terminal that is lost ends the view, not the run."""
        console = self._console
        if not console:
            return
        figures = self._history.take(run)
        try:
            if not _takes_output(console.file.fileno()):
                return
            if not self._live:  # now, so that a target that can't be reached leaves no trace
                self._live = Live(console=console, auto_refresh=False, transient=True, redirect_stdout=False)
                self._live.start()
            self._live.update(render(figures, console.width, blocks="utf" in console.encoding), refresh=True)
        except OSError:
            self._end()

    def say(self, text: str) -> None:
        """Say something, in one line, on stderr, above the view if that is shown."""
        if self._live:
            self._live.console.print(Text(printable(text)))
        else:
            sys.stderr.write(f"{printable(text)}\n")

    @contextlib.contextmanager
    def leaving_at_ctrl_z(self) -> Iterator[None]:
        """Meanwhile SIGTSTP takes the view away before it stops the program; the next update shows it again."""
        loop = asyncio.get_running_loop()
        if not self._console or signal.getsignal(signal.SIGTSTP) is signal.SIG_IGN:
            yield
            return

        def suspend() -> None:
            """Hide the view, stop as Ctrl-Z asks, and catch the signal again afterwards."""
            self._hide()
            loop.remove_signal_handler(signal.SIGTSTP)
            os.kill(os.getpid(), signal.SIGTSTP)  # returns at SIGCONT
            loop.add_signal_handler(signal.SIGTSTP, suspend)

        loop.add_signal_handler(signal.SIGTSTP, suspend)
        try:
            yield
        finally:
            loop.remove_signal_handler(signal.SIGTSTP)

    def _hide(self) -> None:
        live, self._live = self._live, None
        if live:
            with contextlib.suppress(OSError):
                live.stop()

    def _end(self) -> None:
        self._console = None
        self._hide()


def _takes_output(descriptor: int) -> bool:
    """Whether a write would not wait, or would fail."""
    poll = select.poll()
    poll.register(descriptor, select.POLLOUT)
    return bool(poll.poll(0))
