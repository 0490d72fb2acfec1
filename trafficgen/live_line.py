"""The live line on a terminal: planned and achieved rate, answers, what went wrong."""

import sys
from collections import deque
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.text import Text

from foundation.grammar import format_duration
from foundation.terminal import printable
from trafficgen.run import Run

_WINDOW = 4  # ticks that the achieved rate is taken over: two seconds


class LiveLine:
    """Rewrites one line of stderr, if that is a terminal; else says nothing."""

    def __init__(self, duration_s: float | None) -> None:
        self._duration_s = duration_s
        self._seen: deque[tuple[float, int]] = deque(maxlen=_WINDOW + 1)
        self._live: Live | None = None
        if sys.stderr.isatty():
            self._live = Live(console=Console(stderr=True), auto_refresh=False, transient=True)

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        if self._live:
            self._live.stop()

    def update(self, run: Run) -> None:
        """Show the run as it is now."""
        if self._live:
            self._live.update(self._line(run), refresh=True)

    def say(self, text: str) -> None:
        """Say something, in one line, on stderr, above the live line if that is shown."""
        if self._live:
            self._live.console.print(Text(printable(text)))
        else:
            sys.stderr.write(f"{printable(text)}\n")

    def _line(self, run: Run) -> Text:
        meter, elapsed = run.meter, max(0.0, run.elapsed_s())
        self._seen.append((elapsed, meter.sent))
        (since, before), (now, sent) = self._seen[0], self._seen[-1]
        achieved = (sent - before) / (now - since) if now > since else 0.0
        total = f" of {format_duration(self._duration_s)}" if self._duration_s else ""
        line = Text(no_wrap=True)
        line.append(f"{format_duration(int(elapsed))}{total}  ", "dim")
        line.append(f"plan {run.planned_rate():,.0f}/s  sent {achieved:,.0f}/s", "bold")
        line.append(f"  answered {meter.answered:,}  in flight {meter.in_flight():,}")
        for name, count, style in (
            ("4xx", meter.answers(400, 499), "yellow"),
            ("5xx", meter.answers(500, 999), "red"),
            ("no answer", sum(meter.no_answer.values()), "red"),
            ("dropped", sum(meter.dropped.values()), "red"),
        ):
            if count:
                line.append(f"  {name} {count:,}", style)
        return line
