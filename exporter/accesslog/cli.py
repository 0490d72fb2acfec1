"""The batch tools for access logs: `backfill`, `explain`, `infer`, `qps`, `summary`."""

import asyncio
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

import click
import msgspec

from exporter.accesslog.aside import set_aside
from exporter.accesslog.bad import BadLines
from exporter.accesslog.explain import Explanation
from exporter.accesslog.flags import Reading, chosen_source, make_source, proposed, with_guess_or_tab
from exporter.accesslog.formats.envelope import EnvelopeSetting
from exporter.accesslog.infer import sample
from exporter.accesslog.kept.cli import routes as routes_command
from exporter.accesslog.options import ENVELOPE, TIME_UNIT, config_options, format_options, set_aside_option
from exporter.accesslog.proposal import propose
from exporter.accesslog.report.backfill import Backfill
from exporter.accesslog.report.ganglia import Ganglia
from exporter.accesslog.report.pair import Job, Pair
from exporter.accesslog.report.qps import Reporter, follow
from exporter.accesslog.report.summary import CHUNK_BYTES, as_table, summarize, tally_file
from exporter.accesslog.source import TimeUnit
from exporter.accesslog.tally import Tally
from exporter.checkpoint import STATE_DIR
from exporter.sources.linefile import LineFile
from foundation.clock import SystemClock
from foundation.errors import ConfigError, SourceError, TidewatchError
from foundation.flags import AddressType, DurationType
from foundation.grammar import Address
from foundation.jsontext import json_text
from foundation.logfmt import start_logging
from foundation.output import replacing
from foundation.signals import until_signal
from foundation.terminal import echo, printable

EXPLAIN_BYTES = 256 << 20
"""Of a log's first lines, however many are wanted."""


@click.command()
@click.argument("logs", nargs=-1, required=True, metavar="LOG...")
@format_options
@set_aside_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of a table.")
def summary(
    *,
    logs: tuple[str, ...],
    reading: Reading,
    aside_path: Path | None,
    as_json: bool,
) -> None:
    """Read whole log files, compressed ones too (- is standard input), and print their totals."""
    with ExitStack() as stack:
        aside = stack.enter_context(set_aside(aside_path)) if aside_path else None
        files = [LineFile(log, chunk_bytes=CHUNK_BYTES, on_too_long=aside) for log in logs]
        source = make_source(files, reading)
        job = Job(source, timed=False)
        pair = stack.enter_context(closing(Pair(job.reader(), job)))
        tally, bad, trouble = Tally(), BadLines(), list[TidewatchError]()
        progress = stack.enter_context(_progress(files))
        for file in files:
            try:
                tally_file(file, pair, tally, bad, progress, aside=aside)
            except SourceError as exc:
                trouble.append(exc)
            else:
                _say_if_empty(file)
    result = summarize(tally, bad, reading.routes)
    if as_json:
        echo(json_text(result))
    else:
        echo("\n".join(as_table(result)))
    try:
        bad.fit(tally.requests).check()
    except ConfigError as exc:
        trouble.insert(0, exc)
    for one in trouble[:-1]:
        echo(f"exporter: {one}", err=True)
    if trouble:
        raise trouble[-1]


def _say_if_empty(file: LineFile) -> None:
    if not file.lines:
        echo(f"exporter: {printable(file.path)}: empty", err=True)


@click.command("infer")
@click.argument("log", metavar="LOG")
@click.option("--format", "format_", metavar="F", help="The log's format, where it is known; else a guess.")
@ENVELOPE
@TIME_UNIT
@click.option(
    "--server-config",
    "server",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Take the format from the server's configuration, as /etc/nginx/nginx.conf.",
)
@click.option("--output", type=click.Path(path_type=Path), help="Write the configuration here, not to stdout.")
@click.option("--force", is_flag=True, help="Overwrite what is there.")
def infer_command(
    *,
    log: str,
    format_: str | None,
    envelope: EnvelopeSetting,
    time_unit: TimeUnit | None,
    server: Path | None,
    output: Path | None,
    force: bool,
) -> None:
    """Look at a log's first lines and print what to write into the configuration."""
    if output is not None and output.exists() and not force:
        raise ConfigError(f"--output: {output}: is there already; choose another name, or overwrite it with --force")
    data = sample(log)
    guess = proposed(log, data, format_=format_, envelope=envelope, time_unit=time_unit, server=server)
    if guess.misfit:
        raise ConfigError(
            f"--format: {printable(log)}: {guess.misfit}; without --format, infer looks for one that fits"
        )
    folder = (output.parent if output else Path()).absolute()
    text = propose(log, data, guess, state_dir=folder / STATE_DIR, time_unit=time_unit)
    if output is None:
        echo(text, nl=False)
        return
    with replacing(output, may_exist=force) as file:
        file.write(text.encode())
    echo(f"{printable(output)}: written; next: exporter check {printable(output)}", err=True)


@click.command("explain")
@click.argument("log", metavar="LOG")
@format_options
@config_options
@click.option("--lines", "count", type=click.IntRange(1, 10_000), default=10, show_default=True, help="How many lines.")
def explain_command(
    *,
    log: str,
    reading: Reading,
    config_file: Path | None,
    name: str | None,
    count: int,
) -> None:
    """Show for a log's first lines what was found in them and which series they feed."""
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
    shown.bad.fit(shown.requests).check()


@click.command("qps")
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
@click.option("--from-start", is_flag=True, help="Count what already stands in the log too.")
@click.option("--ganglia", type=AddressType(free=False), help="Send each figure to this gmond as well.")
def qps_command(
    *,
    log: str,
    reading: Reading,
    interval_s: float,
    output: Path | None,
    once: bool,
    from_start: bool,
    ganglia: Address | None,
) -> None:
    """Print requests per second by route and code every 10 seconds, following the log through its rotations."""
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
def _progress(files: Sequence[LineFile]) -> Iterator[Callable[[], None]]:
    """A bar on a terminal, nothing elsewhere; called, it shows how far the files are read."""
    total = sum(Path(file.path).stat().st_size for file in files if Path(file.path).is_file())
    if not sys.stderr.isatty() or not total:
        yield lambda: None
        return
    with click.progressbar(length=total, file=sys.stderr, label="reading") as bar:
        yield lambda: bar.update(sum(file.raw_bytes for file in files) - bar.pos)


@click.command("backfill")
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
    "--label", "labels", multiple=True, metavar="NAME=VALUE", help="One more label on all series, as job=site."
)
def backfill_command(
    *,
    logs: tuple[str, ...],
    reading: Reading,
    config_file: Path | None,
    name: str | None,
    aside_path: Path | None,
    step_s: int,
    labels: tuple[str, ...],
) -> None:
    """Write logs as OpenMetrics with their own times, for promtool tsdb create-blocks-from openmetrics."""
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
        lines = sum(file.lines for file in files)
        why = bad or (f"none of the {lines} lines is a request" if lines else "it is empty")
        raise SourceError(f"{logs[0]}: no line could be read that has a time: {why}")
    for text in backfill.lines():
        echo(text, nl=False)
    if bad:
        echo(f"exporter: left out: {bad}", err=True)
    backfill.bad.fit(backfill.counted).check()


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not re.fullmatch(r"[a-zA-Z_]\w*", name, re.ASCII):
        raise ConfigError(f"--label: {text!r} is not NAME=VALUE, as job=site is")
    return name, value


commands = [backfill_command, explain_command, infer_command, qps_command, routes_command, summary]
