"""`exporter releases ...`: error streams in whole files or from standard input."""

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from exporter.releases import options
from exporter.releases.compare.names import DETECTORS
from exporter.releases.options import Asked
from foundation.errors import ConfigError, NothingJudgedError, SourceError
from foundation.exits import Exit, help_end
from foundation.extras import need
from foundation.flags import DurationType, format_option
from foundation.output import replacing
from foundation.secret import shown_url
from foundation.terminal import echo, printable, printable_text

if TYPE_CHECKING:
    from exporter.releases.bulk.reading import Input
    from exporter.releases.bulk.table import Table
    from exporter.releases.report import Analysis


@click.group(epilog=help_end("exporter releases report errors.tsv"))
def releases() -> None:
    """Error codes by build: count them, compare the builds, draw them."""


_one_day = click.option("--one-day", is_flag=True, help="Do not read a falling clock time as the next day.")


@releases.command(epilog=help_end("exporter releases aggregate errors.tsv"))
@click.argument("file")
@_one_day
@format_option("form", "tsv", "json", what="records")
def aggregate(file: str, *, one_day: bool, form: str) -> None:
    """Print one record per second with a counter for each build and code. FILE may be - for standard input."""
    need("releases")
    from exporter.releases.making import read
    from exporter.releases.times import show_time
    from foundation.jsontext import json_text

    given = read(file, one_day=one_day)
    table = given.table
    names = [f"{build}_Error_Code_{code}" for build in table.builds for code in table.codes]
    if form == "tsv":
        echo("\t".join(["Timestamp", *names]))
    for second, row in table.rows():
        counts = row.ravel().tolist()
        time = show_time(second) or ""
        line = "\t".join([time, *map(str, counts)]) if form == "tsv" else json_text([time, *counts])
        echo(line)
    _complain(given)
    _remark(given)


@releases.command(
    epilog=help_end(
        "exporter releases report errors.tsv --baseline 5.1",
        "exporter releases report errors.tsv --format html --output report.html",
        may=[Exit.NOTHING_JUDGED],
    )
)
@click.argument("file", required=False)
@options.prometheus
@options.comparison
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
@format_option("form", "text", "json", "html")
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
    counted: Asked,
    engine: str,
    detectors: tuple[str, ...],
    one_day: bool,
    form: str,
    output: Path | None,
    **settings: Any,
) -> None:
    """Compare the builds in FILE, in standard input for -, or in a Prometheus' series."""
    need("releases")
    from exporter.releases.making import make_report
    from exporter.releases.render import html, json, text
    from exporter.releases.render import picture as pictures
    from exporter.releases.verdict import why_nothing

    counted.check(file)
    name = file if file is not None else shown_url(str(counted.prometheus))
    made = make_report(file, settings, detectors, counted, engine=engine, one_day=one_day)
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


@releases.command(epilog=help_end("exporter releases heatmap errors.tsv --output errors.png"))
@click.argument("file")
@options.comparison
@_one_day
@click.option("--output", type=click.Path(path_type=Path), help="The picture: .png, .svg, .pdf or .jpg.")
@click.option("--follow", is_flag=True, help="Draw in the terminal, and redraw as records arrive.")
@click.option(
    "--column", "column_s", type=DurationType(whole=True), help="Length of a column. [default: chosen from the data]"
)
def heatmap(
    file: str, *, one_day: bool, output: Path | None, follow: bool, column_s: int | None, **settings: Any
) -> None:
    """Draw codes by time, coloured by candidate against baseline."""
    need("releases")
    if follow == (output is not None):
        raise ConfigError("heatmap: give --output with a file's name for a picture, or --follow for the terminal")
    if output is None:
        if one_day:
            raise ConfigError("--follow: cannot be used with --one-day, as records that arrive are in order")
        _follow(file, settings)
        return
    from exporter.releases.making import make_report
    from exporter.releases.render import picture as pictures

    form = pictures.format_of(output)
    made = make_report(file, settings, ("evidence", "onset"), one_day=one_day)
    _complain(made.given)
    _remark(made.given)
    picture = io.BytesIO()
    pictures.draw(made.given.table, made.analysis, picture, form, exposure=made.exposure, column_s=column_s)
    with replacing(output) as out:
        out.write(picture.getvalue())


def _follow(file: str, settings: dict[str, Any]) -> None:
    if file != "-" and not Path(file).exists():
        raise SourceError(f"{file}: no such file")
    import asyncio

    from rich.console import Console

    from exporter.releases.making import exposed
    from exporter.releases.render import terminal
    from exporter.releases.report import analyse
    from foundation.clock import SystemClock
    from foundation.signals import until_signal

    baseline, named = settings.pop("baseline"), settings.pop("exposure")
    chosen, exposure = exposed(settings, named)

    def compare(table: "Table") -> "Analysis":
        """Compare the builds so far."""
        there = baseline if baseline in table.builds else None  # it may not have appeared yet
        return analyse(table, chosen, baseline=there, detectors=("evidence", "onset"), exposure=exposure)

    async def run() -> None:
        """Follow the file, and show each comparison."""
        clock = SystemClock()
        _complain(await terminal.follow(terminal.batches(file, clock), compare, Console(), clock))

    asyncio.run(until_signal(run()))


def _remark(given: "Input") -> None:
    from exporter.releases.notes import remarks

    for line in remarks(given):
        echo(line, err=True)


def _complain(given: "Input") -> None:
    for bad in given.set_aside:
        echo(f"set aside ({bad.reason}): {printable(bad.text)}", err=True)
    if (more := sum(given.failed.values()) - len(given.set_aside)) > 0:
        echo(f"set aside: {more} more lines", err=True)
