"""`exporter hosting`: the batch tools of the hosting system."""

import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from io import TextIOWrapper
from math import inf
from pathlib import Path
from typing import IO, TYPE_CHECKING
from zoneinfo import ZoneInfo

import click

from foundation.flags import InstantType, ZoneType
from foundation.jsontext import json_text
from foundation.output import replacing
from foundation.terminal import echo, printable

if TYPE_CHECKING:
    from exporter.hosting.bulk import SetAside

_PROGRESS_EVERY_S = 0.5


_UNIX = InstantType(unit=lambda at: int(at.timestamp()))


@click.group()
def hosting() -> None:
    """Customers' downtime and the SLA report, from a web host's manager and server logs."""


@hosting.command()
@click.argument("logs", nargs=-1, required=True)
@click.option("--format", "kind", type=click.Choice(["text", "json", "csv", "html"]), default="text", show_default=True)
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), help="Write the report here, not to stdout.")
@click.option(
    "--cycle-start",
    type=_UNIX,
    help="Start of the cycle.  [default: midnight before the first event]",
)
@click.option(
    "--cycle-end",
    type=_UNIX,
    help="Its end, exclusive.  [default: a minute after the last heartbeat]",
)
@click.option(
    "--step",
    "--accounting",
    "step",
    type=click.Choice(["second", "minute"]),
    default="second",
    show_default=True,
    help="To the second, or in whole minutes, each by the last route at or before it.",
)
@click.option(
    "--tz",
    "zone",
    type=ZoneType(),
    default="UTC",
    show_default=True,
    help="The zone of the times in the log.",
)
@click.option("--engine", type=click.Choice(["duckdb", "spark"]), default="duckdb", show_default=True)
@click.option("--raw", is_flag=True, help="In CSV, names as they came: no escapes.")
@click.option("--set-aside", type=click.Path(path_type=Path, dir_okay=False), help="Keep bad lines here, with reasons.")
def report(
    logs: tuple[str, ...],
    *,
    kind: str,
    output: Path | None,
    cycle_start: int | None,
    cycle_end: int | None,
    step: str,
    zone: ZoneInfo,
    engine: str,
    raw: bool,
    set_aside: Path | None,
) -> None:
    """Account every customer's downtime over a billing cycle, and test whether routing follows the workload.

    LOGS are files of JSON lines (createAccount, route, deleteAccount, heartbeat), in any order; - is standard input.
    """
    from exporter.hosting.batch import Options, find
    from exporter.hosting.cycle import Step

    options = Options(Step[step.upper()], zone, cycle_start, cycle_end, engine)
    progress = _Progress(sys.stderr)
    with ExitStack() as stack:
        rejects = _Rejects(stack.enter_context(_writing(set_aside)) if set_aside else None)
        findings = find(logs, options, keep=rejects, progress=progress)
    progress.clear()
    rejects.tell()
    if kind == "html":
        from exporter.hosting.render.html import to_html

        content = to_html(findings)
    else:
        from exporter.hosting.render import text

        made = findings.report
        if kind == "csv":
            content = text.to_csv(made, raw=raw)
        else:
            content = text.to_json(made) if kind == "json" else text.to_text(made)
    with replacing(output or Path("-")) as out:
        out.write(content.encode())


class _Rejects:
    """Keeps the lines that were set aside in a file, where one was asked for, and tells of them in one line."""

    def __init__(self, file: IO[str] | None) -> None:
        self.file = file
        self.reasons: Counter[str] = Counter()
        self.first: SetAside | None = None

    def __call__(self, line: "SetAside") -> None:
        self.reasons[line.reason] += 1
        self.first = self.first or line
        if self.file is not None:
            self.file.write(json_text(line) + "\n")

    def tell(self) -> None:
        """Say on stderr how many lines were set aside, and show the first; nothing if none were."""
        if self.first is not None:
            counts = ", ".join(f"{reason} {n:,}" for reason, n in self.reasons.most_common())
            place = self.first.file if self.first.line is None else f"{self.first.file}:{self.first.line}"
            where = f"{place}: {printable(self.first.detail)}"
            echo(f"set aside {self.reasons.total():,} lines ({counts}); the first: {where}", err=True)


class _Progress:
    """One line that renews itself, on a terminal and once reading takes longer than a moment."""

    def __init__(self, out: IO[str]) -> None:
        self._out = out
        self._due_s = time.monotonic() + _PROGRESS_EVERY_S if out.isatty() else inf
        self._shown = ""

    def __call__(self, lines: int) -> None:
        if time.monotonic() >= self._due_s:
            self._due_s = time.monotonic() + _PROGRESS_EVERY_S
            self._shown = f"read {lines:,} lines"
            self._out.write(f"\r{self._shown}")
            self._out.flush()

    def clear(self) -> None:
        """Leave the line as if nothing had stood there."""
        if self._shown:
            self._out.write(f"\r{' ' * len(self._shown)}\r")
            self._out.flush()


@contextmanager
def _writing(path: Path) -> Iterator[IO[str]]:
    """The file, open for text that may name files whose names are not UTF-8. Raises StoreError."""
    with replacing(path) as out, TextIOWrapper(out, encoding="utf-8", errors="backslashreplace") as text:
        yield text
