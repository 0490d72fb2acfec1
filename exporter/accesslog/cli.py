"""The batch tools for access logs: `backfill`, `explain`, `infer`, `qps`, `summary`."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from exporter.accesslog.options import ENVELOPE, TIME_UNIT, config_options, format_options, set_aside_option
from foundation.errors import ConfigError, NothingJudgedError, SourceError, TidewatchError
from foundation.exits import Exit, help_end
from foundation.flags import AddressType, DurationType, InputFile
from foundation.grammar import Address
from foundation.terminal import echo, printable

if TYPE_CHECKING:
    from exporter.accesslog.aside import Aside
    from exporter.accesslog.bad import BadLines
    from exporter.accesslog.flags import Reading
    from exporter.accesslog.formats.envelope import EnvelopeSetting
    from exporter.accesslog.report.pair import Pair
    from exporter.accesslog.source import TimeUnit
    from exporter.accesslog.tally import Tally
    from exporter.sources.linefile import LineFile

EXPLAIN_BYTES = 256 << 20
"""Limit on the first lines of a log, whatever number is asked for."""


def _names(_: click.Context, _param: click.Parameter, value: str | None) -> tuple[str, ...]:
    names = tuple(name.strip() for name in (value or "").split(",") if name.strip())
    if value is not None and not names:
        raise click.BadParameter("expected names with commas between them, for example host,route")
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise click.BadParameter(f"duplicate {twice}")
    if taken := next((name for name in names if name in ("count", "bytes")), None):
        raise click.BadParameter(f"{taken}: the summary has a column of that name")
    return names


@click.command(
    epilog=help_end(
        "exporter summary /var/log/nginx/access.log*",
        "exporter summary access.log --by host,code --json",
        may=[Exit.NOTHING_JUDGED],
    )
)
@click.argument("logs", nargs=-1, required=True, metavar="LOG...")
@format_options
@config_options
@set_aside_option
@click.option(
    "--by",
    callback=_names,
    metavar="NAME[,NAME]",
    help="Count by these instead of code, method and route: labels of the source, or fields of the lines.",
)
@click.option(
    "--routes",
    "shown",
    type=click.Choice(["written", "shapes"]),
    help="Paths as they are written, or as the metrics have them, with ids replaced: /users/{id}. "
    "[default: written; shapes where there is a --route]",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of a table.")
def summary(
    *,
    logs: tuple[str, ...],
    reading: "Reading",
    config_file: Path | None,
    name: str | None,
    aside_path: Path | None,
    by: tuple[str, ...],
    shown: Literal["written", "shapes"] | None,
    as_json: bool,
) -> None:
    """Read whole log files, compressed ones too (- is standard input), and print their totals."""
    from exporter.accesslog.aside import set_aside
    from exporter.accesslog.flags import source_by
    from exporter.accesslog.report.pair import Job, Pair
    from exporter.accesslog.report.summary import CHUNK_BYTES, FIXED, as_table, summarize
    from exporter.sources.linefile import LineFile
    from foundation.jsontext import json_text

    if shown == "written" and reading.routes:
        raise ConfigError("--routes: expected no --route with `written`; templates are for `--routes shapes`")
    with ExitStack() as stack:
        aside = stack.enter_context(set_aside(aside_path)) if aside_path else None
        files = [LineFile(log, chunk_bytes=CHUNK_BYTES, on_too_long=aside) for log in logs]
        source = source_by(files, reading, config_file, name, others := [one for one in by if one not in FIXED])
        routed = shown == "shapes" or (shown is None and bool(source.routes))
        job = Job(source, timed=False, routed=routed)
        pair = stack.enter_context(closing(Pair(job.reader(), job)))
        tally, bad, trouble = _count(files, pair, aside)
    fields = [others[int(one.removeprefix("by"))] for one in source.own_labels()]
    for at, field in enumerate(fields, len(FIXED)):
        if tally.hits and not any(key[at] for key in tally.hits):
            echo(f"exporter: --by: no line has the field {printable(field)}", err=True)
    result = summarize(tally, bad, source.router() if routed else None, by, fields)
    if as_json:
        echo(json_text(result))
    else:
        echo("\n".join(as_table(result)))
    try:
        bad.fit(tally.fitting).check()
    except ConfigError as exc:
        trouble.insert(0, exc)
    for one in trouble[:-1]:
        echo(f"exporter: {one}", err=True)
    if trouble:
        raise trouble[-1]


def _count(
    files: "list[LineFile]", pair: "Pair", aside: "Aside | None"
) -> "tuple[Tally, BadLines, list[TidewatchError]]":
    """The requests and the bad lines of all files, and why some of these cannot be read."""
    from exporter.accesslog.bad import BadLines
    from exporter.accesslog.report.summary import tally_file
    from exporter.accesslog.tally import Tally

    tally, bad, trouble = Tally(), BadLines(), list[TidewatchError]()
    with _progress(files) as progress:
        for file in files:
            try:
                tally_file(file, pair, tally, bad, progress, aside=aside)
            except SourceError as exc:
                trouble.append(exc)
            else:
                _say_if_empty(file)
    return tally, bad, trouble


def _say_if_empty(file: "LineFile") -> None:
    if not file.lines:
        echo(f"exporter: {printable(file.path)}: empty", err=True)


@click.command("infer", epilog=help_end("exporter infer access.log --output exporter.yml", may=[Exit.NOTHING_JUDGED]))
@click.argument("log", metavar="LOG")
@click.option("--input-format", "--format", "format_", metavar="F", help="The log's format. [default: guessed]")
@ENVELOPE
@TIME_UNIT
@click.option(
    "--server-config",
    "server",
    type=InputFile(),
    metavar="FILE",
    help="Take the format from the server's configuration, for example /etc/nginx/nginx.conf.",
)
@click.option("--output", type=click.Path(path_type=Path), help="Write the configuration here, not to stdout.")
@click.option("--force", is_flag=True, help="Overwrite an existing file.")
def infer_command(
    *,
    log: str,
    format_: str | None,
    envelope: "EnvelopeSetting",
    time_unit: "TimeUnit | None",
    server: Path | None,
    output: Path | None,
    force: bool,
) -> None:
    """Read a log's first lines and print a configuration for it."""
    from exporter.accesslog.flags import proposed
    from exporter.accesslog.infer import sample
    from exporter.accesslog.proposal import propose
    from foundation.output import replacing

    if output is not None and output.exists() and not force:
        raise ConfigError(f"--output: {output}: already exists; choose another name, or overwrite it with --force")
    data = sample(log)
    guess = proposed(log, data, format_=format_, envelope=envelope, time_unit=time_unit, server=server)
    if guess.misfit:
        raise ConfigError(
            f"--input-format: {printable(log)}: {guess.misfit}; without it, infer looks for one that fits"
        )
    text = propose(log, data, guess, time_unit=time_unit)
    if output is None:
        echo(text, nl=False)
        return
    with replacing(output, may_exist=force) as file:
        file.write(text.encode())
    echo(f"{printable(output)}: written; next: exporter check {printable(output)}", err=True)


@click.command("explain", epilog=help_end("exporter explain access.log --lines 3", may=[Exit.NOTHING_JUDGED]))
@click.argument("log", metavar="LOG")
@format_options
@config_options
@click.option(
    "--lines", "count", type=click.IntRange(1, 10_000), default=10, show_default=True, help="Number of lines to show."
)
def explain_command(
    *,
    log: str,
    reading: "Reading",
    config_file: Path | None,
    name: str | None,
    count: int,
) -> None:
    """Show what was found in a log's first lines, and which series they feed."""
    from exporter.accesslog.explain import Explanation
    from exporter.accesslog.flags import chosen_source
    from exporter.sources.linefile import LineFile

    file = LineFile(log)
    source = chosen_source([file], reading, config_file, name, enough=count)
    data = file.peek(count, most_bytes=EXPLAIN_BYTES)
    file.close()
    if not data:
        _say_if_empty(file)
    if len(data) >= EXPLAIN_BYTES and data.count(b"\n") < count:
        echo(f"exporter: {printable(log)}: only its first {EXPLAIN_BYTES >> 20} MiB are shown", err=True)
    shown = Explanation(source, log)
    for text in shown.of(data):
        echo(text)
    shown.bad.fit(shown.fitting).check()


@click.command("qps", epilog=help_end("exporter qps access.log --interval 5s"))
@click.argument("log", metavar="LOG")
@format_options
@click.option(
    "--interval",
    "interval_s",
    type=DurationType(least_s=0.1, most_s=86_400),
    default="10s",
    show_default=True,
    help="Time between reports.",
)
@click.option("--output", type=click.Path(path_type=Path), help="Append the reports to this file, not to stdout.")
@click.option("--once", is_flag=True, help="End after the first report.")
@click.option("--from-start", is_flag=True, help="Also count the lines that are already in the log.")
@click.option("--ganglia", type=AddressType(free=False), help="Send each figure to this gmond as well.")
def qps_command(
    *,
    log: str,
    reading: "Reading",
    interval_s: float,
    output: Path | None,
    once: bool,
    from_start: bool,
    ganglia: Address | None,
) -> None:
    """Print requests per second by route and code every 10 seconds, following the log through its rotations."""
    import asyncio

    import msgspec

    from exporter.accesslog.flags import make_source, with_guess_or_tab
    from exporter.accesslog.report.ganglia import Ganglia
    from exporter.accesslog.report.qps import Reporter, follow
    from exporter.sources.linefile import LineFile
    from foundation.clock import SystemClock
    from foundation.logfmt import start_logging
    from foundation.signals import until_signal

    start_logging("warn", "logfmt")
    reading = reading if reading.format else with_guess_or_tab(log, reading)
    source = make_source([LineFile(log)], reading)
    source = msgspec.structs.replace(source, from_="start" if from_start else "end")
    gmond = Ganglia(ganglia, interval_s) if ganglia else None
    reporter = Reporter(output, gmond)
    with suppress(asyncio.CancelledError):
        work = follow(source, interval_s, reporter.tell, SystemClock(), reports=1 if once else None)
        asyncio.run(until_signal(work)).check()


@contextmanager
def _progress(files: "Sequence[LineFile]") -> Iterator[Callable[[], None]]:
    """A bar on a terminal, nothing elsewhere; called, it shows how far the files are read."""
    total = sum(Path(file.path).stat().st_size for file in files if Path(file.path).is_file())
    if not sys.stderr.isatty() or not total:
        yield lambda: None
        return
    with click.progressbar(length=total, file=sys.stderr, label="reading") as bar:
        yield lambda: bar.update(sum(file.raw_bytes for file in files) - bar.pos)


@click.command(
    "backfill", epilog=help_end("exporter backfill access.log* --label job=site > old.om", may=[Exit.NOTHING_JUDGED])
)
@click.argument("logs", nargs=-1, required=True, metavar="LOG...")
@format_options
@config_options
@set_aside_option
@click.option(
    "--step",
    "step_s",
    type=DurationType(least_s=1, most_s=3600, whole=True),
    default="1m",
    show_default=True,
    help="Time per sample.",
)
@click.option(
    "--label", "labels", multiple=True, metavar="NAME=VALUE", help="A label to add to all series, for example job=site."
)
def backfill_command(
    *,
    logs: tuple[str, ...],
    reading: "Reading",
    config_file: Path | None,
    name: str | None,
    aside_path: Path | None,
    step_s: int,
    labels: tuple[str, ...],
) -> None:
    """Write logs as OpenMetrics with their own times, for promtool tsdb create-blocks-from openmetrics."""
    from datetime import UTC, datetime

    from exporter.accesslog.aside import set_aside
    from exporter.accesslog.flags import chosen_source
    from exporter.accesslog.report.backfill import Backfill
    from exporter.sources.linefile import LineFile
    from foundation.grammar import format_instant

    with ExitStack() as stack:
        aside = stack.enter_context(set_aside(aside_path)) if aside_path else None
        files = [LineFile(log, chunk_bytes=1 << 20, on_too_long=aside) for log in logs]
        source = chosen_source(files, reading, config_file, name)
        backfill = Backfill(source, step_s, dict(map(_pair, labels)), aside=aside)
        progress = stack.enter_context(_progress(files))
        for file in files:
            for data in file:
                backfill.add(data, file.path, lines_before=file.lines_before)
                progress()
            backfill.finish(file.path)
            backfill.bad.add_too_long(file)
            _say_if_empty(file)
    bad = backfill.bad.in_words()
    if not backfill.counted:
        if not backfill.bad.counts["stamp"]:  # of lines that fit, and have no time
            backfill.bad.fit(0).check()
        lines = sum(file.lines for file in files)
        why = bad or (f"none of the {lines} lines is a request" if lines else "it is empty")
        raise NothingJudgedError(f"{logs[0]}: no line with a time could be read: {why}")
    for text in backfill.lines():
        echo(text, nl=False)
    if bad:
        echo(f"exporter: skipped: {bad}", err=True)
    for gap in backfill.gaps()[:3]:
        start, end = (format_instant(datetime.fromtimestamp(at_s, UTC)) for at_s in gap)
        echo(f"exporter: no request from {start} to {end}, so no samples; is the time of a line wrong?", err=True)
    backfill.bad.fit(backfill.counted).check()


def _pair(text: str) -> tuple[str, str]:
    import re

    name, equals, value = text.partition("=")
    if not equals or not re.fullmatch(r"[a-zA-Z_]\w*", name, re.ASCII):
        raise ConfigError(f"--label: {text!r} is not a label: expected NAME=VALUE, for example job=site")
    return name, value
