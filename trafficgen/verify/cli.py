"""`trafficgen verify`: flags, the table, the exit code."""

import asyncio
import sys
from pathlib import Path
from typing import Any

import click

from foundation.exits import Exit, help_end
from foundation.flags import AddressType, DurationType, web_options
from foundation.secret import shown_url
from foundation.terminal import echo, printable
from trafficgen.units import MAX_DURATION_S

_LENGTH = DurationType(zero=True, most_s=MAX_DURATION_S)
_LATER = click.Path(path_type=Path, dir_okay=False)
"""A file that a feed may not have written yet."""


def _url(_ctx: click.Context, param: click.Parameter, text: str) -> str:
    if not text.startswith(("http://", "https://")):
        raise click.BadParameter(
            f"invalid URL {shown_url(text)!r}: expected http or https, for example http://127.0.0.1:8080", param=param
        )
    return text.rstrip("/")


@click.command("verify", epilog=help_end("trafficgen verify --rps 200 --calm 10s --fault 20s", may=[Exit.NEGATIVE]))
@click.option("--url", default="http://127.0.0.1:8080", show_default=True, callback=_url, help="The time server.")
@click.option(
    "--logs",
    default=".tidewatch/site/access.log*",
    show_default=True,
    help="Its access logs: a glob that also matches the rotated ones.",
)
@click.option(
    "--hosting-truth",
    default="",
    metavar="FILE",
    help="truth.json of a running `trafficgen feed hosting`; compare the exporter's downtime with it.",
)
@click.option("--exporter", default="http://127.0.0.1:8090", show_default=True, callback=_url, help="The exporter.")
@click.option(
    "--prometheus",
    default="http://127.0.0.1:9090",
    show_default=True,
    callback=_url,
    help="The Prometheus that scrapes them.",
)
@click.option(
    "--receiver", default="http://127.0.0.1:8094", show_default=True, callback=_url, help="Where alerts are delivered."
)
@click.option(
    "--metrics-address",
    default="127.0.0.1:8089",
    show_default=True,
    type=AddressType(),
    help="Serve the generator's own metrics here during the check.",
)
@web_options
@click.option("--source", default="site", show_default=True, help="The exporter's name for this site.")
@click.option("--alert", default="SiteServerErrors", show_default=True, help="The alert that 500s raise.")
@click.option(
    "--rps", default=500.0, show_default=True, type=click.FloatRange(min=0, min_open=True), help="Requests per second."
)
@click.option("--calm", default="20s", show_default=True, type=_LENGTH, help="First, time without errors.")
@click.option(
    "--fault",
    default="20s",
    show_default=True,
    type=_LENGTH,
    help="Then, time with 500s; 0 skips them and the alert.",
)
@click.option("--after", default="80s", show_default=True, type=_LENGTH, help="Then, time without errors again.")
@click.option(
    "--rotations",
    default=3,
    show_default=True,
    type=click.IntRange(min=0),
    help="Minimum number of log rotations during the check.",
)
@click.option(
    "--agree-within",
    "agree",
    default="20s",
    show_default=True,
    type=_LENGTH,
    help="How long the parts may take after the last request until their counts agree: some scrapes.",
)
@click.option(
    "--releases-truth",
    type=_LATER,
    help="The truth of `trafficgen feed releases`: compare the exporter's counts with it, too.",
)
@click.option(
    "--releases-alert",
    metavar="NAME",
    default="ReleaseCodeIncreased",
    show_default=True,
    help="The alert that its regressions raise: of a short one in a long stream, ReleaseCodeOnset.",
)
@click.option("--stores-truth", type=_LATER, help="Check the stores too, against this truth.")
@click.option("--seed", type=click.IntRange(min=0), help="Seed of the plan.  [default: random, reported]")
def command(*, calm: float, fault: float, after: float, agree: float, **rest: Any) -> None:
    """Drive traffic with a fault through a running stack, and compare what each part counted.

    Prints one table. Exits 0 if all of it held, 1 if a row differs, 3 if the check could not begin. Nothing else may
    send requests to the time server meanwhile.
    """
    from trafficgen.verify.run import Options, verify
    from trafficgen.verify.table import render, verdict

    options = Options(calm_s=calm, fault_s=fault, after_s=after, agree_s=agree, **rest)
    rows = asyncio.run(verify(options, lambda text: echo(f"verify: {printable(text)}", err=True)))
    echo(render(rows))
    echo(verdict(rows))
    sys.exit(not all(row.holds for row in rows))
