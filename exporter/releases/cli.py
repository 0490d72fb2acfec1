"""`exporter releases ...`: error streams in whole files or from standard input."""

import io
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import msgspec

from exporter.errors import ConfigError, SourceError
from exporter.output import replacing
from exporter.releases import heatmap as heatmaps
from exporter.releases import report as reports
from exporter.releases.analysis import DETECTORS, Analysis, Settings, analyse
from exporter.releases.records import lines_of
from exporter.releases.tally import Tally

CHUNK_BYTES = 4 << 20


@click.group()
def releases() -> None:
    """Error codes by build: count them, compare the builds, draw them."""


def _options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that every comparison has."""
    options: tuple[Callable[[Any], Any], ...] = (
        click.option("--baseline", help="The build to compare with; the lowest version unless named."),
        click.option(
            "--exposure", default=1.0, show_default=True, help="Users of the candidate for one of the baseline."
        ),
        click.option("--alpha", default=0.05, show_default=True, help="Chance of any false alarm of the evidence."),
        click.option("--threshold", default=1.25, show_default=True, help="Threshold of mean-threshold."),
        click.option("--bins", default=5, show_default=True, help="Bins to a window of mean-threshold."),
        click.option("--bin", "bin_s", default=10, show_default=True, help="Seconds in a bin."),
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
    tally = _read(file)
    pairs = [(build, code) for build in tally.builds() for code in tally.codes()]
    names = [f"{build}_Error_Code_{code}" for build, code in pairs]
    if form == "tsv":
        click.echo("\t".join(["Timestamp", *names]))
    for second, row in tally.rows():
        counts = [row[pair] for pair in pairs]
        time = reports.show_time(second) or ""
        line = "\t".join([time, *map(str, counts)]) if form == "tsv" else msgspec.json.encode([time, *counts]).decode()
        click.echo(line)
    _complain(tally)


@releases.command()
@_options
@click.option(
    "--detector", "detectors", multiple=True, type=click.Choice(DETECTORS), default=DETECTORS, help="May be repeated."
)
@click.option("--format", "form", type=click.Choice(["text", "json", "html"]), default="text", show_default=True)
@click.option("--output", type=click.Path(path_type=Path), help="Write here instead of standard output.")
def report(file: str, *, detectors: tuple[str, ...], form: str, output: Path | None, **settings: Any) -> None:
    """Compare the builds in FILE, or in standard input for -."""
    chosen, tally, analysis = _analyse(file, settings, detectors)
    if form == "json":
        result = reports.as_json(analysis, tally, chosen)
    elif form == "html":
        picture = io.BytesIO()
        heatmaps.draw(tally, analysis, picture, exposure=chosen.exposure)
        result = reports.as_html(analysis, tally, chosen, picture.getvalue()).encode()
    else:
        result = reports.as_text(analysis, tally, chosen).encode()
    _complain(tally)
    with replacing(output or Path("-")) as out:
        out.write(result)


@releases.command()
@_options
@click.option("--output", type=click.Path(path_type=Path), help="The picture: .png, .svg, .pdf or .jpg.")
@click.option("--follow", is_flag=True, help="Draw in the terminal, again and again while records come in.")
@click.option("--column", "column_s", type=click.IntRange(1), help="Seconds in a column; else the data choose.")
def heatmap(file: str, *, output: Path | None, follow: bool, column_s: int | None, **settings: Any) -> None:
    """Draw codes by time, coloured by candidate against baseline."""
    if follow == (output is not None):
        raise ConfigError("heatmap: give --output with a file's name for a picture, or --follow for the terminal")
    if output is None:
        _follow(file, settings)
        return
    chosen, tally, analysis = _analyse(file, settings, ("evidence", "onset"))
    _complain(tally)
    try:
        heatmaps.draw(tally, analysis, output, exposure=chosen.exposure, width_s=column_s)
    except OSError as exc:
        raise SourceError(f"{output}: {exc.strerror}") from exc


def _follow(file: str, settings: dict[str, Any]) -> None:
    from rich.console import Console

    from exporter.releases import live

    baseline = settings.pop("baseline")
    chosen = _settings(settings)

    def compare(tally: Tally) -> Analysis:
        named = baseline if baseline in tally.builds() else None  # it may not have come yet
        return analyse(tally, chosen, baseline=named, detectors=("evidence", "onset"))

    _complain(live.follow(live.pieces(file), compare, Console()))


def _settings(settings: dict[str, Any]) -> Settings:
    try:
        return Settings(**settings)
    except ValueError as exc:
        raise ConfigError(str(exc)) from exc


def _analyse(file: str, settings: dict[str, Any], detectors: tuple[str, ...]) -> tuple[Settings, Tally, Analysis]:
    baseline = settings.pop("baseline")
    chosen = _settings(settings)
    tally = _read(file)
    return chosen, tally, analyse(tally, chosen, baseline=baseline, detectors=detectors)


def _read(file: str) -> Tally:
    tally = Tally()
    for lines in lines_of(_chunks(file)):
        tally.add_lines(lines)
    if not tally.counts and not tally.failed:
        raise ConfigError(f"{file}: empty; records are lines of timestamp, build and error code")
    return tally


def _chunks(file: str) -> Iterator[bytes]:
    try:
        with sys.stdin.buffer if file == "-" else Path(file).open("rb") as stream:
            while chunk := stream.read(CHUNK_BYTES):
                yield chunk
    except OSError as exc:
        raise SourceError(f"{file}: {exc.strerror}") from exc


def _complain(tally: Tally) -> None:
    for bad in tally.set_aside:
        click.echo(f"set aside ({bad.reason}): {bad.text}", err=True)
    if (more := tally.failed.total() - len(tally.set_aside)) > 0:
        click.echo(f"set aside: {more} more lines", err=True)
