"""`exporter stores`: load, report, serve."""

import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import wraps
from pathlib import Path
from typing import Any, Literal

import click

from exporter.stores.calendar import as_of_us
from foundation.flags import DurationType, InstantType, ZoneType, address_options, web_options
from foundation.logfmt import LEVELS, start_logging
from foundation.output import replacing
from foundation.terminal import echo, printable

_PATHS = click.Path(path_type=Path, dir_okay=False)
DATABASE = Path(".tidewatch/state/stores.duckdb")


def _database(command: Callable[..., Any]) -> Callable[..., Any]:
    return click.option(
        "--database", type=_PATHS, default=DATABASE, show_default=True, help="The database's one file."
    )(command)


def _policy(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say how polls become uptime."""
    options = (
        click.option(
            "--interpolation",
            type=click.Choice(["nearest", "previous", "next"]),
            default="nearest",
            show_default=True,
            help="Which poll speaks for the time between two.",
        ),
        click.option(
            "--windows",
            type=click.Choice(["rolling", "calendar"]),
            default="rolling",
            show_default=True,
            help="Hour, day and week up to that moment, or the last complete local ones.",
        ),
        click.option("--use-outside-polls", is_flag=True, help="Polls outside of business hours are evidence, too."),
    )
    for option in reversed(options):
        command = option(command)
    return command


def _range(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that name any range, in place of the last hour, day and week."""
    own = "in each store's zone unless it names one"
    options = (
        click.option("--from", "start", metavar="TIME", help=f"Report on a range that begins here, {own}."),
        click.option("--to", "end", metavar="TIME", help=f"It ends before this, {own}; default: --as-of."),
        click.option("--month", metavar="2026-10", help="Report on a month of each store's zone, or of --tz."),
        click.option("--quarter", metavar="2026-Q3", help="The same for a quarter."),
        click.option("--last", metavar="DURATION", help="Report on so long before --as-of, for example 30d."),
        click.option("--tz", "zone", type=ZoneType(), help="One zone for the range of all stores."),
    )
    for option in reversed(options):
        command = option(command)
    return command


_AS_OF = InstantType(words=("now", "max"), unit=as_of_us)


def _imports(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that take polls of another system, which the command gets as `imported`."""

    @wraps(command)
    def run(
        *,
        from_kuma: Path | None,
        kuma_store: Any,
        from_prometheus: str | None,
        token_file: Path | None,
        **rest: Any,
    ) -> Any:
        from exporter.stores.imports.kuma import KumaPolls
        from exporter.stores.imports.prometheus import PrometheusPolls
        from foundation.secret import read_secret

        asked = {name: rest.pop(name) for name in ("query", "start", "end", "step_s", "label")}
        if from_kuma is not None and from_prometheus is not None:
            raise click.UsageError("expected one of --from-kuma and --from-prometheus", click.get_current_context())
        imported: Any = None
        if from_kuma is not None:
            imported = KumaPolls(from_kuma, kuma_store)
        if from_prometheus is not None:
            missing = [flag for flag, name in (("--query", "query"), ("--from", "start")) if not asked[name]]
            if missing:
                raise click.UsageError(
                    f"--from-prometheus needs {' and '.join(missing)}, for example --query probe_success "
                    "--from 2026-10-01 --to 2026-11-01",
                    click.get_current_context(),
                )
            asked["end"] = asked["end"] or datetime.now(UTC)
            token = None if token_file is None else read_secret(token_file)
            imported = PrometheusPolls(from_prometheus, **asked, token=token)
        elif asked["query"] or asked["start"] or asked["end"] or token_file:
            raise click.UsageError("--query, --from, --to and --token-file need --from-prometheus")
        return command(imported=imported, **rest)

    options = (
        click.option("--from-kuma", type=_PATHS, metavar="FILE", help="Polls from Uptime Kuma's database (kuma.db)."),
        click.option(
            "--kuma-store",
            type=click.Choice(["name", "id"]),
            default="name",
            show_default=True,
            help="What of a monitor is the store's id.",
        ),
        click.option("--from-prometheus", metavar="URL", help="Polls from a Prometheus: 1 is active, 0 inactive."),
        click.option("--query", metavar="PROMQL", help="One series for each store, for example probe_success."),
        click.option(
            "--from", "start", type=InstantType(), help="First step of the query; UTC unless it names a zone."
        ),
        click.option("--to", "end", type=InstantType(), help="Steps are before this.  [default: now]"),
        click.option(
            "--step", "step_s", type=DurationType(least_s=1.0), default="5m", show_default=True, help="Between two."
        ),
        click.option(
            "--store-label", "label", default="instance", show_default=True, help="The label that is the store's id."
        ),
        click.option("--token-file", type=_PATHS, help="A bearer token for Prometheus."),
    )
    decorated: Callable[..., Any] = run
    for option in reversed(options):
        decorated = option(decorated)
    return decorated


class _DateType(click.ParamType):  # type: ignore[type-arg]  # generic since click 8.4 only
    name = "date"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """A date, or `always`."""
        from exporter.stores.readings import parse_date
        from foundation.errors import BadRecord

        if value == "always" or not isinstance(value, str):
            return value
        try:
            return parse_date(value)
        except BadRecord as exc:
            self.fail(f"{exc}, or always", param, ctx)


@click.group()
def stores() -> None:
    """Stores' uptime within business hours, from polls."""


@stores.command()
@_database
@click.option("--status", "status", type=_PATHS, multiple=True, help="Polls: store_id, status, timestamp_utc.")
@click.option("--hours", "hours", type=_PATHS, multiple=True, help="store_id, day, start_time_local, end_time_local.")
@click.option("--timezones", "timezones", type=_PATHS, multiple=True, help="store_id, timezone_str.")
@click.option(
    "--exceptions",
    "exceptions",
    type=_PATHS,
    multiple=True,
    help="Hours of single dates: store_id, date, start_time_local, end_time_local (both empty: closed).",
)
@click.option(
    "--valid-from",
    type=_DateType(),
    metavar="DATE|always",
    help="The local date from which hours without a valid_from of their own hold; always: for the past, too. "
    "Default: changed hours hold from the day after the store's newest poll.",
)
@click.option(
    "--week-starts",
    type=click.Choice(["monday", "sunday"]),
    help="What the lowest number of a day means, where days have numbers: 0, or 1 in a file without 0.",
)
@_imports
def load(database: Path, *, imported: Any, valid_from: Any, week_starts: Any, **files: tuple[Path, ...]) -> None:
    """Take files into the database: all of them, or none when one cannot be read.

    CSV with any separator, NDJSON, JSON arrays and Parquet, also packed. Each option may be repeated. Loading the same
    again changes nothing. What cannot be read is listed on standard error.
    """
    from exporter.statefile import keep_files_private
    from exporter.stores.imports import as_input
    from exporter.stores.load import Input, check_header, nothing_read, opened
    from exporter.stores.load import load as load_files
    from exporter.stores.schedules import Reading
    from exporter.stores.state import Database

    order = ("timezones", "hours", "exceptions", "status")
    inputs = [Input(path, str(path), kind) for kind in order for path in files[kind]]  # type: ignore[arg-type]
    if not inputs and imported is None:
        raise click.UsageError(
            "nothing to load; give --status, --hours, --exceptions or --timezones", click.get_current_context()
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
    for told in found:
        echo(told.text())
        for problem in told.problems:
            echo(problem, err=True)
    nothing_read(found)


@stores.command()
@_database
@_policy
@click.option(
    "--as-of",
    default="max",
    show_default=True,
    type=_AS_OF,
    metavar="now|max|TIME",
    help="The moment to report on: the clock's, the newest poll's, or this one (UTC where it names no zone).",
)
@click.option(
    "--columns",
    type=click.Choice(["official", "all"]),
    default="official",
    show_default=True,
    help="all: also unknown, assumed and business time.",
)
@click.option("--official-typo", is_flag=True, help="Write uptime_last_week as update_last_week.")
@click.option("--raw", is_flag=True, help="In CSV, ids as they came: no escapes.")
@_range
@click.option(
    "--format",
    "form",
    type=click.Choice(["csv", "json", "ndjson", "parquet"]),
    default="csv",
    show_default=True,
    help="What is written.",
)
@click.option("--group-by", metavar="LABEL", help="Of a range, rows of groups: timezone, or a column of --labels.")
@click.option("--labels", type=_PATHS, help="Which groups stores are in: store_id and a column for each label.")
@click.option(
    "--pages",
    type=click.Path(path_type=Path, file_okay=False),
    help="Of a range, also write HTML here: index.html, and pages of the 50 stores that were least available.",
)
@click.option("--explain", metavar="STORE", help="Instead of the CSV, explain this store's numbers.")
@click.option("--engine", type=click.Choice(["duckdb", "spark"]), default="duckdb", show_default=True)
@click.option("--output", type=_PATHS, help="Write here, not to stdout.")
def report(
    database: Path,
    *,
    interpolation: Any,
    windows: Any,
    use_outside_polls: bool,
    as_of: Any,
    columns: Literal["official", "all"],
    official_typo: bool,
    raw: bool,
    form: Literal["csv", "json", "ndjson", "parquet"],
    group_by: str | None,
    labels: Path | None,
    pages: Path | None,
    explain: str | None,
    engine: str,
    output: Path | None,
    **named: Any,
) -> None:
    """Print uptime and downtime of every store: last hour in minutes, last day and week in hours.

    With a range (--month, --quarter, --last, or --from and --to), hours and percentages of business time in that
    range. What has to be read beside the figures goes to stderr; exit code 4 when nothing could be judged.
    """
    from exporter.stores.engine import Policy
    from exporter.stores.figures import Groups, caveats, keys_of, require_judged
    from exporter.stores.formats import body
    from exporter.stores.labels import read_labels
    from exporter.stores.ranges import Wanted, find_range
    from exporter.stores.render import to_text
    from exporter.stores.report import explain_store, make_report, require_known, resolve_as_of
    from exporter.stores.spark import make_report as make_report_on_spark
    from exporter.stores.state import Database
    from exporter.stores.written import write_pages

    if group_by is not None and labels is None and group_by != "timezone":
        raise click.UsageError(f"--group-by {group_by} needs --labels FILE with that column, or use timezone")
    policy = Policy(interpolation, windows, use_outside_polls=use_outside_polls)
    with Database(database, create=False) as opened:
        as_of_us, _ = resolve_as_of(opened, as_of, time.time_ns() // 1000)
        within = find_range(Wanted(**named), as_of_us)
        if within is None and (group_by or pages):
            raise click.UsageError("--group-by and --pages need a range, for example --month 2026-10")
        if explain is not None:
            found = require_known(explain_store(opened, policy, as_of_us, explain, within), explain)
            made, written = None, "".join(f"{printable(line)}\n" for line in to_text(explain, found)).encode()
        else:
            made = (make_report_on_spark if engine == "spark" else make_report)(opened, policy, as_of_us, within)
            groups = None
            if group_by is not None:
                found_labels = {} if labels is None else read_labels(labels, group_by)
                groups = Groups(group_by, keys_of(made, None if labels else "timezone", found_labels))
            written = body(made, form, groups, columns=columns, official_typo=official_typo, raw=raw)
            if pages is not None:
                echo(write_pages(pages, opened, made, groups), err=True)
    with replacing(output or Path("-")) as stream:
        stream.write(written)
    if made is not None:
        for line in caveats(made):
            echo(line, err=True)
        require_judged(made)


@stores.command()
@_database
@_policy
@address_options(8081)
@click.option(
    "--inbox", type=click.Path(path_type=Path, file_okay=False), help="A folder where CSV files land; taken in at once."
)
@click.option(
    "--refresh",
    default="1h",
    show_default=True,
    type=DurationType(),
    help="Look into the inbox at least so often.",
)
@click.option(
    "--as-of",
    type=_AS_OF,
    default="max",
    show_default=True,
    metavar="now|max|TIME",
    help="What reports call now: the newest poll's time, the clock's where polls are live, or this one.",
)
@click.option("--columns", type=click.Choice(["official", "all"]), default="official", show_default=True)
@click.option("--official-typo", is_flag=True, help="Write uptime_last_week as update_last_week.")
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
    "--per-store", is_flag=True, help="Metrics of each store, too: fourteen series each, up to 50,000 in sum."
)
@web_options
@click.option("--log.level", "log_level", type=click.Choice(LEVELS), default="info", show_default=True)
def serve(
    database: Path,
    *,
    interpolation: Any,
    windows: Any,
    use_outside_polls: bool,
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

    One process at a time works on a database; a second one says so and ends.
    """
    from exporter.stores.engine import Policy
    from exporter.stores.jobs import Asked
    from exporter.stores.live import Settings
    from exporter.stores.metrics import Show
    from exporter.stores.serve import serve as run
    from foundation.web import WebPolicy

    start_logging(log_level, "logfmt")
    asked = Asked(
        Policy(interpolation, windows, use_outside_polls=use_outside_polls),
        as_of,
        columns,
        official_typo=official_typo,
        keep_reports_s=keep_reports,
    )
    settings = Settings(
        inbox=inbox, refresh_s=refresh, update_s=min(60.0, refresh), asked=asked, show=Show(per_store=per_store)
    )
    run(database, settings, (host, port), WebPolicy(web_config_file, allowed_hosts))
