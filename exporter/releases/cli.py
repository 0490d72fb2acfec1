"""`exporter releases ...`: error streams in whole files or from standard input."""

import asyncio
import io
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import msgspec

from exporter.releases.bulk.reading import Input, Reading
from exporter.releases.bulk.table import Table
from exporter.releases.compare.exposure import ALIKE, Exposure, SharesError
from exporter.releases.compare.settings import DETECTORS, Settings
from exporter.releases.render import html, json, text
from exporter.releases.render import picture as pictures
from exporter.releases.report import Analysis, Report, analyse
from exporter.releases.shares import read_shares
from exporter.releases.times import show_time
from exporter.releases.verdict import why_nothing
from foundation.clock import SystemClock
from foundation.errors import ConfigError, NothingJudgedError, SourceError
from foundation.flags import DurationType
from foundation.output import replacing
from foundation.signals import until_signal
from foundation.terminal import echo, printable, printable_text

CHUNK_BYTES = 4 << 20


@click.group()
def releases() -> None:
    """Error codes by build: count them, compare the builds, draw them."""


def _options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that every comparison has."""
    options: tuple[Callable[[Any], Any], ...] = (
        click.option("--baseline", help="The build to compare with; the lowest version unless named."),
        click.option(
            "--exposure",
            metavar="NUMBER|FILE",
            help="Users of the candidate for one of the baseline: a number, or a file of shares over time.",
        ),
        click.option("--alpha", default=0.05, show_default=True, help="Chance of any false alarm of the evidence."),
        click.option("--threshold", default=1.25, show_default=True, help="Threshold of mean-threshold."),
        click.option("--bins", default=5, show_default=True, help="Bins to a window of mean-threshold."),
        click.option(
            "--bin",
            "bin_s",
            type=DurationType(whole=True),
            default="10s",
            show_default=True,
            help="Length of a bin.",
        ),
        click.argument("file"),
    )
    for option in options:
        command = option(command)
    return command


@releases.command()
@click.argument("file")
@click.option("--format", "form", type=click.Choice(["tsv", "json"]), default="tsv", show_default=True)
def aggregate(file: str, form: str) -> None:
    """Print one record a second with a counter for each build and code. FILE may be - for standard input."""
    given = _read(file)
    table = given.table
    names = [f"{build}_Error_Code_{code}" for build in table.builds for code in table.codes]
    if form == "tsv":
        echo("\t".join(["Timestamp", *names]))
    for second, row in table.rows():
        counts = row.ravel().tolist()
        time = show_time(second) or ""
        line = "\t".join([time, *map(str, counts)]) if form == "tsv" else msgspec.json.encode([time, *counts]).decode()
        echo(line)
    _complain(given)


@releases.command()
@_options
@click.option(
    "--detector",
    "detectors",
    multiple=True,
    type=click.Choice(DETECTORS),
    default=("evidence", "onset"),
    show_default=True,
    help="May be repeated.",
)
@click.option("--format", "form", type=click.Choice(["text", "json", "html"]), default="text", show_default=True)
@click.option("--output", type=click.Path(path_type=Path), help="Write here instead of standard output.")
def report(file: str, *, detectors: tuple[str, ...], form: str, output: Path | None, **settings: Any) -> None:
    """Compare the builds in FILE, or in standard input for -."""
    made = _report(file, settings, detectors)
    if form == "json":
        result = json.as_json(made)
    elif form == "html":
        picture = io.BytesIO()
        if len(made.analysis.builds) > 1:
            pictures.draw(made.given.table, made.analysis, picture, exposure=made.exposure)
        result = html.as_html(made, picture.getvalue()).encode()
    else:
        result = printable_text(text.as_text(made)).encode()
    _complain(made.given)
    with replacing(output or Path("-")) as out:
        out.write(result)
    if why := why_nothing(made):
        raise NothingJudgedError(f"{file}: nothing was judged: {why}")


@releases.command()
@_options
@click.option("--output", type=click.Path(path_type=Path), help="The picture: .png, .svg, .pdf or .jpg.")
@click.option("--follow", is_flag=True, help="Draw in the terminal, again and again while records come in.")
@click.option("--column", "column_s", type=DurationType(whole=True), help="Length of a column; else the data choose.")
def heatmap(file: str, *, output: Path | None, follow: bool, column_s: int | None, **settings: Any) -> None:
    """Draw codes by time, coloured by candidate against baseline."""
    if follow == (output is not None):
        raise ConfigError("heatmap: give --output with a file's name for a picture, or --follow for the terminal")
    if output is None:
        _follow(file, settings)
        return
    form = pictures.format_of(output)
    made = _report(file, settings, ("evidence", "onset"))
    _complain(made.given)
    picture = io.BytesIO()
    pictures.draw(made.given.table, made.analysis, picture, form, exposure=made.exposure, column_s=column_s)
    with replacing(output) as out:
        out.write(picture.getvalue())


def _follow(file: str, settings: dict[str, Any]) -> None:
    if file != "-" and not Path(file).exists():
        raise SourceError(f"{file}: no such file")
    from rich.console import Console

    from exporter.releases.render import terminal

    baseline, named = settings.pop("baseline"), settings.pop("exposure")
    chosen, exposure = _exposed(settings, named)

    def compare(table: Table) -> Analysis:
        there = baseline if baseline in table.builds else None  # it may not have come yet
        return analyse(table, chosen, baseline=there, detectors=("evidence", "onset"), exposure=exposure)

    async def run() -> None:
        clock = SystemClock()
        _complain(await terminal.follow(terminal.batches(file, clock), compare, Console(), clock))

    asyncio.run(until_signal(run()))


def _settings(settings: dict[str, Any]) -> Settings:
    try:
        return Settings(**settings)
    except ValueError as exc:
        raise ConfigError(str(exc)) from exc


def _report(file: str, settings: dict[str, Any], detectors: tuple[str, ...]) -> Report:
    baseline, named = settings.pop("baseline"), settings.pop("exposure")
    chosen, exposure = _exposed(settings, named)
    given = _read(file)
    try:
        analysis = analyse(given.table, chosen, baseline=baseline, detectors=detectors, exposure=exposure)
    except SharesError as exc:
        raise ConfigError(f"--exposure {named}: {exc}") from exc
    return Report(given, chosen, analysis, exposure)


def _exposed(settings: dict[str, Any], named: str | None) -> tuple[Settings, Exposure]:
    """The settings, with the number of users or the shares that `--exposure` names."""
    if named is None:
        return _settings(settings), ALIKE
    try:
        number: float | None = float(named)
    except ValueError:
        number = None
    if number is not None:
        return _settings({**settings, "exposure": number}), Exposure(number, named=True)
    try:
        return _settings(settings), Exposure(shares=read_shares(Path(named)), named=True)
    except SharesError as exc:
        raise ConfigError(f"--exposure {named}: {exc}") from exc


def _read(file: str) -> Input:
    reading = Reading()
    for chunk in _chunks(file):
        reading.add(chunk)
    given = reading.end()
    if not len(given.table.second):
        raise NothingJudgedError(f"{file}: nothing was judged: {_why_nothing(given)}")
    return given


def _why_nothing(given: Input) -> str:
    if not given.failed:
        return "empty; records are lines of timestamp, build and error code"
    first = given.set_aside[0]
    return f"none of {given.failed.total()} lines can be read; the first, {first.line[:40]!r}: {first.text}"


def _chunks(file: str) -> Iterator[bytes]:
    try:
        with sys.stdin.buffer if file == "-" else Path(file).open("rb") as stream:
            while chunk := stream.read(CHUNK_BYTES):
                yield chunk
    except OSError as exc:
        raise SourceError(f"{file}: {exc.strerror}") from exc


def _complain(given: Input) -> None:
    for bad in given.set_aside:
        echo(f"set aside ({bad.reason}): {printable(bad.text)}", err=True)
    if (more := sum(given.failed.values()) - len(given.set_aside)) > 0:
        echo(f"set aside: {more} more lines", err=True)
