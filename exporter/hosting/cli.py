"""`exporter hosting`: the batch tools of the hosting system."""

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from io import TextIOWrapper
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import click

from exporter.hosting.months import Month, read_month
from exporter.hosting.telling import Progress, Rejects
from foundation.errors import NothingJudgedError, TidewatchError
from foundation.exits import Exit, help_end
from foundation.extras import need
from foundation.flags import DurationType, InputFile, InstantType, ZoneType, format_option
from foundation.output import replacing
from foundation.terminal import echo, printable

if TYPE_CHECKING:
    from exporter.hosting.batch import Findings, Options
    from exporter.hosting.contract import Contract
    from exporter.hosting.terms import Terms

_UNIX = InstantType(zone_of="zone", unit=lambda at: int(at.timestamp()))


class _Month(click.ParamType):  # type: ignore[type-arg]  # generic since click 8.4 only
    """A calendar month, `2026-10`."""

    name = "YYYY-MM"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Month:
        """Year and month."""
        try:
            return read_month(value)
        except ValueError as exc:
            self.fail(str(exc), param, ctx)


@click.group(epilog=help_end("exporter hosting report manager.log server-*.log"))
def hosting() -> None:
    """Customers' downtime and the SLA report, from a web host's manager and server logs."""


@hosting.command(
    epilog=help_end(
        "exporter hosting report manager.log server-*.log --cycle 2026-10",
        "exporter hosting report *.log --format html --output sla.html",
        may=[Exit.NOTHING_JUDGED],
    )
)
@click.argument("logs", nargs=-1, required=True)
@format_option("kind", "text", "json", "csv", "html", "pdf")
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), help="Write the report here, not to stdout.")
@click.option("--cycle", "month", type=_Month(), help="A calendar month in --tz.")
@click.option(
    "--cycle-start",
    type=_UNIX,
    help="Start of the cycle, in --tz where it names no zone.  [default: midnight before the first event]",
)
@click.option(
    "--cycle-end",
    type=_UNIX,
    help="End of the cycle, exclusive.  [default: a minute after the last heartbeat]",
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
    is_eager=True,
    show_default=True,
    help="The zone of the times in the log, of the cycle's bounds, and of its months.",
)
@click.option(
    "--heartbeat",
    "heartbeat_s",
    type=DurationType(whole=True, bare="s", least_s=1, most_s=86_400),
    default="60s",
    show_default=True,
    help="How often a server logs: each heartbeat covers this time.",
)
@click.option(
    "--overload",
    type=click.FloatRange(min=0),
    default=1.0,
    show_default=True,
    help="The workload above which a server is down.",
)
@click.option(
    "--promise", metavar="PERCENT", help="Promised availability, for accounts without a plan.  [default: 99.9]"
)
@click.option("--plans", type=InputFile(), help="Promises and credits by account or plan: a table or YAML.")
@click.option("--maintenance", type=InputFile(), help="Announced windows, which are not downtime: a table or YAML.")
@click.option(
    "--outages", type=click.Path(path_type=Path, dir_okay=False), help="Write all outages here: CSV, or .json."
)
@click.option("--account", type=int, help="Write one customer's own document, with --format html or pdf.")
@click.option("--customer-tz", type=ZoneType(), help="The zone of their times.  [default: their plan's, or --tz]")
@click.option("--language", help="The language of their dates.  [default: their plan's, or en]")
@click.option(
    "--engine",
    type=click.Choice(["duckdb", "spark"]),
    default="duckdb",
    show_default=True,
    help="Where the logs are counted: in this process, or on Spark.",
)
@click.option("--raw", is_flag=True, help="In CSV, write names unchanged, without escapes.")
@click.option("--set-aside", type=click.Path(path_type=Path, dir_okay=False), help="Keep bad lines here, with reasons.")
def report(
    logs: tuple[str, ...],
    *,
    kind: str,
    output: Path | None,
    month: Month | None,
    cycle_start: int | None,
    cycle_end: int | None,
    step: str,
    zone: ZoneInfo,
    heartbeat_s: int,
    overload: float,
    promise: str | None,
    plans: Path | None,
    maintenance: Path | None,
    outages: Path | None,
    account: int | None,
    customer_tz: ZoneInfo | None,
    language: str | None,
    engine: str,
    raw: bool,
    set_aside: Path | None,
) -> None:
    """Account every customer's downtime over a billing cycle, and test whether routing follows the workload.

    LOGS are files of JSON lines (createAccount, route, deleteAccount, heartbeat), in any order; - is standard input.
    """
    need("hosting")
    from exporter.hosting.batch import Options
    from exporter.hosting.cycle import Step, Wanted
    from exporter.hosting.render import forms as render

    start_s, end_s = _bounds(month, cycle_start, cycle_end, zone)
    if (kind == "pdf" and account is None) or (account is not None and kind not in {"html", "pdf"}):
        raise click.UsageError("one customer's document is --account ID with --format html or pdf")
    contract = _contract(promise, plans, maintenance, zone)
    wanted = Wanted(start_s, end_s, heartbeat_s, overload)
    findings = _find(logs, Options(Step[step.upper()], zone, wanted, engine, contract), set_aside)
    if account is not None:
        whom = _reader_of(contract.plans.of(account), customer_tz or zone, language, own_zone=customer_tz is None)
        content = render.document(findings, account, whom, kind)
    else:
        content = render.whole(findings, kind, raw=raw)
    if outages:
        with replacing(outages) as out:
            out.write(render.outages(findings, as_json=outages.suffix.lower() == ".json", raw=raw))
    with replacing(output or Path("-")) as out:
        out.write(content)
    if kind == "csv":  # which has no place for them
        for caveat in findings.report.caveats:
            echo(f"note: {printable(caveat)}", err=True)
    if not findings.report.judged:
        raise NothingJudgedError("nothing was judged: nothing is known of any customer in this cycle")


def _bounds(
    month: Month | None, start_s: int | None, end_s: int | None, zone: ZoneInfo
) -> tuple[int | None, int | None]:
    """The bounds of the cycle: those of the month, or those that are given. Raises UsageError where both are."""
    if month is None:
        return start_s, end_s
    if start_s is not None or end_s is not None:
        raise click.UsageError("--cycle names a whole month: remove --cycle-start and --cycle-end")
    return month.bounds(zone)


def _contract(promise: str | None, plans: Path | None, maintenance: Path | None, zone: ZoneInfo) -> "Contract":
    from exporter.hosting.contract import read_contract

    try:
        return read_contract(promise, _name(plans), _name(maintenance), zone)
    except ValueError as exc:
        raise click.BadParameter(str(exc), param_hint="--promise") from exc


def _name(path: Path | None) -> str | None:
    return None if path is None else str(path)


def _find(logs: tuple[str, ...], options: "Options", set_aside: Path | None) -> "Findings":
    """The content of the logs; lines set aside are reported, also before an error."""
    from exporter.hosting.batch import find

    progress = Progress(sys.stderr)
    with ExitStack() as stack:
        rejects = Rejects(stack.enter_context(_writing(set_aside)) if set_aside else None)
        try:
            findings = find(logs, options, keep=rejects, progress=progress)
        except TidewatchError:
            progress.clear()
            rejects.tell()
            raise
    progress.clear()
    rejects.tell()
    return findings


def _reader_of(terms: "Terms", zone: ZoneInfo, language: str | None, *, own_zone: bool) -> tuple[ZoneInfo, str]:
    """The zone and the language of a customer's document. own_zone: the zone of their plan has priority over `zone`."""
    return (
        ZoneInfo(terms.zone) if own_zone and terms.zone else zone,
        language or terms.language or "en",
    )


@contextmanager
def _writing(path: Path) -> Iterator[IO[str]]:
    """The file, open for text that may name files whose names are not UTF-8. Raises StoreError."""
    with replacing(path) as out, TextIOWrapper(out, encoding="utf-8", errors="backslashreplace") as text:
        yield text
