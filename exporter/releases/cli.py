"""`exporter releases ...`: error streams in whole files or from standard input."""

import asyncio
import functools
import io
import math
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import click
import msgspec

from exporter.releases.asking import Server, read_counts
from exporter.releases.asking import read_shares as ask_shares
from exporter.releases.bulk.files import read_file
from exporter.releases.bulk.reading import Input
from exporter.releases.bulk.table import Table
from exporter.releases.compare.exposure import ALIKE, Exposure, SharesError
from exporter.releases.compare.settings import DETECTORS, Settings
from exporter.releases.counters import Labels, parse_query
from exporter.releases.notes import remarks
from exporter.releases.parse import CLOCK_LIMIT_S
from exporter.releases.render import html, json, text
from exporter.releases.render import picture as pictures
from exporter.releases.report import Analysis, Report, analyse
from exporter.releases.shares import read_shares
from exporter.releases.times import show_time
from exporter.releases.verdict import why_nothing
from exporter.sources.address import check_url
from foundation.clock import SystemClock
from foundation.errors import ConfigError, NothingJudgedError, SourceError
from foundation.flags import DurationType, InstantType
from foundation.output import replacing
from foundation.secret import read_secret, shown_url
from foundation.signals import until_signal
from foundation.terminal import echo, printable, printable_text


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
    )
    for option in options:
        command = option(command)
    return command


_one_day = click.option("--one-day", is_flag=True, help="Clock times that fall are not of the next day.")


@releases.command()
@click.argument("file")
@_one_day
@click.option("--format", "form", type=click.Choice(["tsv", "json"]), default="tsv", show_default=True)
def aggregate(file: str, *, one_day: bool, form: str) -> None:
    """Print one record a second with a counter for each build and code. FILE may be - for standard input."""
    given = _read(file, one_day=one_day)
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
    _remark(given)


def _prometheus(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options by which a Prometheus takes the place of FILE, as one argument `counted`."""

    @functools.wraps(command)
    def run(**given: Any) -> Any:
        asked = _Asked(**{name: given.pop(name) for name in _Asked._fields})
        return command(counted=asked, **given)

    options: tuple[Callable[[Any], Any], ...] = (
        click.option("--code-label", default="code", show_default=True, help="The label that is the error code."),
        click.option("--version-label", default="version", show_default=True, help="The label that is the build."),
        click.option("--token-file", type=click.Path(path_type=Path), help="A bearer token for Prometheus."),
        click.option("--exposure-query", metavar="PROMQL", help="Users of each build over time, by its label."),
        click.option(
            "--step", "step_s", type=DurationType(whole=True), help="Between two values.  [default: the query's range]"
        ),
        click.option("--to", "end", type=InstantType(), help="End of the range.  [default: now]"),
        click.option("--from", "start", type=InstantType(), help="Start of the range; UTC unless it names a zone."),
        click.option(
            "--query", metavar="PROMQL", help="Errors, as 'sum by (version, code) (increase(app_errors_total[10s]))'."
        ),
        click.option("--prometheus", metavar="URL", help="Count a Prometheus' series instead of FILE's records."),
    )
    decorated: Callable[..., Any] = run
    for option in options:
        decorated = option(decorated)
    return decorated


@releases.command()
@click.argument("file", required=False)
@_prometheus
@_options
@_one_day
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
@click.option(
    "--engine",
    type=click.Choice(["here", "spark"]),
    default="here",
    show_default=True,
    help="Where FILE is counted: in this process or on Spark, for more lines than one machine has.",
)
def report(
    file: str | None,
    *,
    counted: "_Asked",
    engine: str,
    detectors: tuple[str, ...],
    one_day: bool,
    form: str,
    output: Path | None,
    **settings: Any,
) -> None:
    """Compare the builds in FILE, in standard input for -, or in a Prometheus' series."""
    counted.check(file)
    name = file if file is not None else shown_url(str(counted.prometheus))
    made = _report(file, settings, detectors, counted, engine=engine, one_day=one_day)
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
        raise NothingJudgedError(f"{name}: nothing was judged: {why}")


@releases.command()
@click.argument("file")
@_options
@_one_day
@click.option("--output", type=click.Path(path_type=Path), help="The picture: .png, .svg, .pdf or .jpg.")
@click.option("--follow", is_flag=True, help="Draw in the terminal, again and again while records come in.")
@click.option("--column", "column_s", type=DurationType(whole=True), help="Length of a column; else the data choose.")
def heatmap(
    file: str, *, one_day: bool, output: Path | None, follow: bool, column_s: int | None, **settings: Any
) -> None:
    """Draw codes by time, coloured by candidate against baseline."""
    if follow == (output is not None):
        raise ConfigError("heatmap: give --output with a file's name for a picture, or --follow for the terminal")
    if output is None:
        if one_day:
            raise ConfigError("--follow: expected no --one-day, as records that come are in order")
        _follow(file, settings)
        return
    form = pictures.format_of(output)
    made = _report(file, settings, ("evidence", "onset"), one_day=one_day)
    _complain(made.given)
    _remark(made.given)
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


class _Asked(NamedTuple):
    """What the options of `_prometheus` say."""

    prometheus: str | None = None
    query: str | None = None
    start: datetime | None = None
    end: datetime | None = None
    step_s: int | None = None
    exposure_query: str | None = None
    token_file: Path | None = None
    version_label: str = "version"
    code_label: str = "code"

    def check(self, file: str | None) -> None:
        """Whether the options go together. Raises ConfigError."""
        if file is None and self.prometheus is None:
            raise ConfigError("report: expected a FILE, or --prometheus URL with --query and --from")
        if self.prometheus is None:
            if any((self.query, self.start, self.end, self.step_s, self.exposure_query, self.token_file)):
                raise ConfigError("--query, --from, --to, --step, --exposure-query and --token-file need --prometheus")
            return
        try:
            check_url(self.prometheus)
        except ValueError as exc:
            raise ConfigError(f"--prometheus: {exc}") from exc
        if (file is None) != (self.query is not None) or (file is not None and not self.exposure_query):
            raise ConfigError("--prometheus: expected --query for the errors, or a FILE of them with --exposure-query")
        if file is None and self.start is None:
            raise ConfigError("--query: expected --from TIME, for example --from 2026-11-27T09:00Z")

    def server(self) -> Server:
        """Who is asked."""
        token = None if self.token_file is None else read_secret(self.token_file)
        return Server(str(self.prometheus), Labels(self.version_label, self.code_label), token)


def _report(
    file: str | None,
    settings: dict[str, Any],
    detectors: tuple[str, ...],
    asked: _Asked = _Asked(),  # noqa: B008, frozen
    *,
    engine: str = "here",
    one_day: bool = False,
) -> Report:
    baseline, named = settings.pop("baseline"), settings.pop("exposure")
    if asked.exposure_query and named is not None:
        raise ConfigError("expected one of --exposure and --exposure-query")
    if file is not None:
        chosen, exposure = _exposed(settings, named)
        given = _read(file, engine, one_day=one_day)
        seconds = given.table.second
        start_s, end_s, step_s = float(seconds[0]), float(seconds[-1]) + 1, asked.step_s or chosen.bin_s
    else:
        query = parse_query(str(asked.query), asked.step_s)
        bin_s = math.ceil(settings["bin_s"] / query.step_s) * query.step_s  # a bin has whole steps
        chosen, exposure = _exposed({**settings, "bin_s": bin_s}, named)
        assert asked.start is not None
        start_s, end_s = asked.start.timestamp(), asked.end.timestamp() if asked.end else SystemClock().wall()
        step_s = query.step_s
        given = read_counts(asked.server(), query, start_s, end_s)
    if asked.exposure_query:
        if start_s < CLOCK_LIMIT_S:
            raise ConfigError(
                f"--exposure-query: {file} has clock times without a date; expected ISO 8601 or Unix seconds"
            )
        around = (start_s // step_s * step_s, math.ceil(end_s / step_s) * step_s)
        exposure = Exposure(shares=ask_shares(asked.server(), asked.exposure_query, *around, step_s), named=True)
    try:
        if exposure.shares is not None:
            exposure.shares.check_times(int(start_s))
        analysis = analyse(given.table, chosen, baseline=baseline, detectors=detectors, exposure=exposure)
    except SharesError as exc:
        raise ConfigError(f"{f'--exposure {named}' if named else '--exposure-query'}: {exc}") from exc
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
        return _settings(settings), Exposure(shares=read_shares(named), named=True)
    except SharesError as exc:
        raise ConfigError(f"--exposure {named}: {exc}") from exc


def _read(file: str, engine: str = "here", *, one_day: bool = False) -> Input:
    if engine == "spark":
        from exporter.releases import spark

        given = spark.load([file])
    else:
        given = read_file(file, one_day=one_day)
    if not len(given.table.second):
        raise NothingJudgedError(f"{file}: nothing was judged: {_why_nothing(given)}")
    return given


def _why_nothing(given: Input) -> str:
    if not given.failed:
        return "empty; records are lines of timestamp, build and error code"
    first = given.set_aside[0]
    return f"none of {given.failed.total()} lines can be read; the first, {first.line[:40]!r}: {first.text}"


def _remark(given: Input) -> None:
    for line in remarks(given):
        echo(line, err=True)


def _complain(given: Input) -> None:
    for bad in given.set_aside:
        echo(f"set aside ({bad.reason}): {printable(bad.text)}", err=True)
    if (more := sum(given.failed.values()) - len(given.set_aside)) > 0:
        echo(f"set aside: {more} more lines", err=True)
