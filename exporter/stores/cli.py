"""`exporter stores`: load, report, serve."""

import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from exporter.stores.options import (
    AS_OF,
    PATH,
    DateType,
    columns_options,
    database_option,
    import_options,
    policy_options,
    range_options,
)
from foundation.exits import Exit, help_end
from foundation.extras import need
from foundation.flags import (
    DurationType,
    InputFile,
    address_options,
    format_option,
    log_level_option,
    web_options,
)
from foundation.logfmt import start_logging
from foundation.output import replacing
from foundation.terminal import echo, printable

if TYPE_CHECKING:
    from exporter.stores.engine import Policy
    from exporter.stores.ranges import Wanted


@click.group(
    epilog=help_end(
        "exporter stores load --status polls.csv --hours hours.csv --timezones zones.csv", "exporter stores report"
    )
)
def stores() -> None:
    """Stores' uptime within business hours, from polls."""


@stores.command(
    epilog=help_end(
        "exporter stores load --status polls.csv --hours hours.csv --timezones zones.csv", may=[Exit.NOTHING_JUDGED]
    )
)
@database_option
@click.option("--status", "status", type=InputFile(), multiple=True, help="Polls: store_id, status, timestamp_utc.")
@click.option(
    "--hours", "hours", type=InputFile(), multiple=True, help="store_id, day, start_time_local, end_time_local."
)
@click.option("--timezones", "timezones", type=InputFile(), multiple=True, help="store_id, timezone_str.")
@click.option(
    "--exceptions",
    "exceptions",
    type=InputFile(),
    multiple=True,
    help="Hours of single dates: store_id, date, start_time_local, end_time_local (both empty: closed).",
)
@click.option(
    "--labels",
    "labels",
    type=InputFile(),
    multiple=True,
    help="Which groups stores are in: store_id, and a column for each label, such as region.",
)
@click.option(
    "--valid-from",
    type=DateType(),
    metavar="DATE|always",
    help="The local date from which hours without a valid_from of their own hold; always: for the past, too. "
    "Default: changed hours hold from the day after the store's newest poll.",
)
@click.option(
    "--week-starts",
    type=click.Choice(["monday", "sunday"]),
    help="What the lowest number of a day means, where days have numbers: 0, or 1 in a file without 0.",
)
@import_options
def load(database: Path, *, imported: Any, valid_from: Any, week_starts: Any, **files: tuple[Path, ...]) -> None:
    """Load files into the database: all of them, or none when one cannot be read.

    CSV with any separator, NDJSON, JSON arrays and Parquet, also packed. Each option may be repeated. Loading the same
    again changes nothing. What cannot be read is listed on standard error.
    """
    need("stores")
    from exporter.statefile import keep_files_private
    from exporter.stores.imports import as_input
    from exporter.stores.load import Input, check_header, nothing_read, opened
    from exporter.stores.load import load as load_files
    from exporter.stores.schedules import Reading
    from exporter.stores.state import Database

    order = ("timezones", "hours", "exceptions", "labels", "status")
    inputs = [Input(path, str(path), kind) for kind in order for path in files[kind]]  # type: ignore[arg-type]
    if not inputs and imported is None:
        raise click.UsageError(
            "nothing to load; expected --status, --hours, --exceptions, --timezones or --labels",
            click.get_current_context(),
        )
    keep_files_private()
    with ExitStack() as stack:
        if imported is not None:
            inputs.append(stack.enter_context(as_input(imported)))
        inputs = [stack.enter_context(opened(given)) for given in inputs]
        for given in inputs:
            check_header(given)  # before a database is begun that nothing would be in
        opened_database = stack.enter_context(Database(database))
        found = load_files(opened_database, inputs, time.time_ns() // 1000, Reading(week_starts, valid_from))
        caveat = None if imported is None else imported.caveat()
    for told in found:
        echo(told.text())
        for problem in told.problems:
            echo(problem, err=True)
    if caveat is not None:
        echo(caveat, err=True)
    nothing_read(found)


@stores.command(
    epilog=help_end(
        "exporter stores report --output report.csv",
        "exporter stores report --month 2026-10 --tz Europe/Berlin --format json",
        may=[Exit.NOTHING_JUDGED],
    )
)
@database_option
@policy_options
@click.option(
    "--as-of",
    default="max",
    show_default=True,
    type=AS_OF,
    metavar="now|max|TIME",
    help="The moment to report on: the clock's, the newest poll's, or this one (UTC where it names no zone).",
)
@columns_options
@click.option("--raw", is_flag=True, help="In CSV, write ids unchanged, without escapes.")
@range_options
@format_option("form", "csv", "json", "ndjson", "parquet")
@click.option(
    "--group-by", metavar="LABEL", help="For a range: one row per group, by timezone or by a label of stores."
)
@click.option("--labels", type=InputFile(), help="Take the label from this file, not from the database.")
@click.option(
    "--pages",
    type=click.Path(path_type=Path, file_okay=False),
    help="For a range: also write HTML to this folder, index.html and pages of the stores and groups that were "
    "least available.",
)
@click.option("--explain", metavar="STORE", help="Instead of the CSV, explain this store's numbers.")
@click.option(
    "--engine",
    type=click.Choice(["duckdb", "spark"]),
    default="duckdb",
    show_default=True,
    help="Where polls are counted: in this process, or on Spark.",
)
@click.option("--output", type=PATH, help="Write here, not to stdout.")
def report(
    database: Path,
    *,
    policy: "Policy",
    wanted: "Wanted",
    as_of: Any,
    group_by: str | None,
    labels: Path | None,
    pages: Path | None,
    explain: str | None,
    engine: str,
    output: Path | None,
    form: Literal["csv", "json", "ndjson", "parquet"],
    **how: Any,
) -> None:
    """Print uptime and downtime of every store: last hour in minutes, last day and week in hours.

    With a range (--month, --quarter, --last, or --from and --to), hours and percentages of business time in that
    range. Notes and warnings about the figures go to stderr; exit code 4 when nothing could be judged.
    """
    need("stores")
    from exporter.stores.figures import caveats, require_judged, with_labels
    from exporter.stores.formats import body
    from exporter.stores.labels import read_labels
    from exporter.stores.ranges import find_range
    from exporter.stores.render import to_text
    from exporter.stores.report import explain_store, make_report, require_known, resolve_as_of
    from exporter.stores.spark import make_report as make_report_on_spark
    from exporter.stores.state import Database
    from exporter.stores.written import write_pages

    with Database(database, create=False) as opened:
        as_of_us, _ = resolve_as_of(opened, as_of, time.time_ns() // 1000)
        within = find_range(wanted, as_of_us)
        if within is None and (group_by or pages):
            raise click.UsageError("--group-by and --pages need a range, for example --month 2026-10")
        if explain is not None:
            found = require_known(explain_store(opened, policy, as_of_us, explain, within), explain)
            _write(output, "".join(f"{printable(line)}\n" for line in to_text(explain, found)).encode())
            return
        made = (make_report_on_spark if engine == "spark" else make_report)(opened, policy, as_of_us, within)
        if group_by is not None and labels is not None:
            made = with_labels(made, group_by, read_labels(labels, str(labels), group_by)[1][group_by])
        written = body(made, form, group_by, **how)
        if pages is not None:
            echo(write_pages(pages, opened, made, group_by), err=True)
    _write(output, written)
    for line in caveats(made):
        echo(line, err=True)
    require_judged(made)


def _write(output: Path | None, content: bytes) -> None:
    with replacing(output or Path("-")) as stream:
        stream.write(content)


@stores.command(epilog=help_end("exporter stores serve --port 8081 --inbox inbox"))
@database_option
@policy_options
@address_options(8081)
@click.option(
    "--inbox",
    type=click.Path(path_type=Path, file_okay=False),
    help="A folder for CSV files, which are loaded as they arrive.",
)
@click.option(
    "--refresh",
    default="1h",
    show_default=True,
    type=DurationType(),
    help="Maximum time between two looks into the inbox.",
)
@click.option(
    "--as-of",
    type=AS_OF,
    default="max",
    show_default=True,
    metavar="now|max|TIME",
    help="The moment that reports take as now: the newest poll's time, the clock's where polls are live, or this one.",
)
@columns_options
@click.option(
    "--keep-reports",
    "--keep",
    "keep_reports",
    default="7d",
    show_default=True,
    type=DurationType(),
    help="How long reports are kept.",
)
@click.option(
    "--per-store", is_flag=True, help="Metrics of each store, too: fourteen series each, up to 50,000 in total."
)
@web_options
@log_level_option
def serve(
    database: Path,
    *,
    policy: "Policy",
    host: str,
    port: int,
    inbox: Path | None,
    refresh: float,
    as_of: Any,
    columns: Literal["official", "all"],
    official_typo: bool,
    keep_reports: float,
    per_store: bool,
    web_config_file: Path | None,
    allowed_hosts: tuple[str, ...],
    log_level: str,
) -> None:
    """Serve reports over HTTP, and take polls in as they come: from the inbox, and by POST /polls.

    One process at a time works on a database; a second one reports this and exits.
    """
    need("stores")
    from exporter.stores.jobs import Asked
    from exporter.stores.live import Settings
    from exporter.stores.metrics import Show
    from exporter.stores.serve import serve as run
    from foundation.web import WebPolicy

    start_logging(log_level, "logfmt")
    asked = Asked(policy, as_of, columns, official_typo=official_typo, keep_reports_s=keep_reports)
    settings = Settings(
        inbox=inbox, refresh_s=refresh, update_s=min(60.0, refresh), asked=asked, show=Show(per_store=per_store)
    )
    run(database, settings, (host, port), WebPolicy(web_config_file, allowed_hosts))
