"""The `plot` command: a collector's file as a graph of rates or as numbers."""

import os
import signal
import sys
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from types import FrameType
from typing import Literal
from zoneinfo import ZoneInfo

import click

from exporter.stats.options import Columns
from foundation.exits import Exit, help_end
from foundation.extras import need
from foundation.flags import DurationType, InputFile, InstantType, ZoneType
from foundation.program import run_command
from foundation.version import VERSION

FORMS: dict[str, Literal["png", "jpeg", "gif", "svg"]] = {
    ".png": "png",
    ".jpg": "jpeg",
    ".jpeg": "jpeg",
    ".gif": "gif",
    ".svg": "svg",
}
"""The picture to make, by the end of its name."""


def _local_zone() -> tzinfo:
    """The machine's zone with its summer times, which the standard library has no name for."""
    if name := os.environ.get("TZ", "").lstrip(":"):
        return ZoneInfo(name)
    try:
        with Path("/etc/localtime").open("rb") as stream:
            return ZoneInfo.from_file(stream)
    except FileNotFoundError:
        return UTC


@click.command(
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=help_end("plot stats.tsv --output rates.png --delta_t 60s --delta_t 5m", may=[Exit.NOTHING_JUDGED]),
)
@click.argument("file", type=InputFile(dash=True))
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="Picture: .png, .jpg, .gif or .svg.")
@click.option(
    "--delta_t",
    "--delta-t",
    "deltas",
    type=DurationType(),
    multiple=True,
    default=["60s"],
    show_default=True,
    help="How far a rate looks back; give it several times to compare.",
)
@click.option(
    "--columns", type=Columns(), help="The file's columns in order.  [default: its header's, or time,200,404,500]"
)
@click.option(
    "--gauge", "gauges", multiple=True, metavar="NAME", help="A column that is not a counter: drawn as it is."
)
@click.option("--from", "--since", "since", type=InstantType(zone_of="zone"), help="Show only rows from this time on.")
@click.option("--to", "--until", "until", type=InstantType(zone_of="zone"), help="Show only rows before this time.")
@click.option(
    "--tz",
    "--timezone",
    "zone",
    type=ZoneType(_local_zone),
    is_eager=True,
    default="local",
    show_default=True,
    help="local, UTC, or a name such as Europe/Berlin; also of times without a zone.",
)
@click.option("--title", help="Title of the picture.  [default: the file's name]")
@click.option(
    "--csv",
    "csv_file",
    type=click.Path(dir_okay=False, allow_dash=True, path_type=Path),
    help="Write the rates as numbers.",
)
@click.version_option(VERSION, prog_name="plot")
def command(
    *,
    file: Path,
    output: Path | None,
    deltas: tuple[float, ...],
    columns: tuple[str, ...] | None,
    gauges: tuple[str, ...],
    since: datetime | None,
    until: datetime | None,
    zone: tzinfo,
    title: str | None,
    csv_file: Path | None,
) -> None:
    """Draw the rates of what collector wrote to FILE (- is stdin).

    The rate at a record is the count now minus the count delta_t ago, divided by delta_t. A column that is not a
    counter (--gauge) is drawn as it is.
    """
    if output is None and csv_file is None:
        raise click.UsageError("give --output rates.png for a picture, --csv rates.csv for numbers, or both")
    form = FORMS.get(output.suffix.lower()) if output else None
    if output is not None and form is None:
        raise click.UsageError(f"--output {output}: the suffix must be one of {', '.join(FORMS)}")
    if output is not None:
        need("a picture")
    from exporter.stats.plot.show import Picture, Wanted, show

    wanted = Wanted(
        columns=columns,
        gauges=gauges,
        deltas_s=deltas,
        since=since,
        until=until,
        picture=Picture(output, form, title or file.name, zone) if output and form else None,
        csv_file=csv_file,
    )
    show(file, wanted)


def _on_sigterm(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
    """Raise an exception, so that a partly written file is removed."""
    sys.exit(128 + number)


def main() -> None:
    """Run the command."""
    signal.signal(signal.SIGTERM, _on_sigterm)
    run_command("plot", command)
