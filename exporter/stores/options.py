"""The options that the commands for stores share."""

from datetime import UTC, datetime
from functools import wraps
from pathlib import Path
from typing import Any, cast

import click

from exporter.statedir import state_dir
from exporter.stores.calendar import as_of_us
from foundation.errors import BadRecord
from foundation.extras import need
from foundation.flags import Command, DurationType, InputFile, InstantType, ZoneType, option_group
from foundation.secret import read_secret

PATH = click.Path(path_type=Path, dir_okay=False)
AS_OF = InstantType(words=("now", "max"), unit=as_of_us)

database_option = click.option(
    "--database",
    type=click.Path(path_type=Path),
    default=lambda: state_dir() / "stores.duckdb",
    show_default="stores.duckdb in the exporter's folder of state",
    help="The database file.",
)


class DateType(click.ParamType):  # type: ignore[type-arg]  # generic since click 8.4 only
    """A date, or `always`."""

    name = "date"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The value of the text; fails with the right form."""
        from exporter.stores.readings import parse_date

        if value == "always" or not isinstance(value, str):
            return value
        try:
            return parse_date(value)
        except BadRecord as exc:
            self.fail(f"{exc}, or always", param, ctx)


_policy_options = option_group(
    click.option(
        "--interpolation",
        type=click.Choice(["nearest", "previous", "next"]),
        default="nearest",
        show_default=True,
        help="Which poll gives the state between two polls.",
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


def policy_options(command: Command) -> Command:
    """The options that say how polls become uptime, which the command gets as `policy`."""

    @wraps(command)
    def run(*, interpolation: Any, windows: Any, use_outside_polls: bool, **rest: Any) -> Any:
        """The command, with the options of the policy as one argument."""
        need("stores")
        from exporter.stores.engine import Policy

        return command(policy=Policy(interpolation, windows, use_outside_polls=use_outside_polls), **rest)

    return _policy_options(cast("Command", run))


_OWN = "in each store's zone unless it names one"
_range_options = option_group(
    click.option("--from", "start", metavar="TIME", help=f"Report on a range that begins here, {_OWN}."),
    click.option("--to", "end", metavar="TIME", help=f"It ends before this, {_OWN}; default: --as-of."),
    click.option("--month", metavar="2026-10", help="Report on a month of each store's zone, or of --tz."),
    click.option("--quarter", metavar="2026-Q3", help="Report on a quarter of each store's zone, or of --tz."),
    click.option("--last", metavar="DURATION", help="Report on this time before --as-of, for example 30d."),
    click.option("--tz", "zone", type=ZoneType(), help="One zone for the range of all stores."),
)


def range_options(command: Command) -> Command:
    """The options that name any range, in place of the last hour, day and week: `wanted` of the command."""

    @wraps(command)
    def run(**given: Any) -> Any:
        """The command, with the options of the range as one argument."""
        from exporter.stores.ranges import Wanted

        return command(wanted=Wanted(**{name: given.pop(name) for name in Wanted._fields}), **given)

    return _range_options(cast("Command", run))


columns_options = option_group(
    click.option(
        "--columns",
        type=click.Choice(["official", "all"]),
        default="official",
        show_default=True,
        help="all: also unknown, assumed and business time.",
    ),
    click.option("--official-typo", is_flag=True, help="Write uptime_last_week as update_last_week."),
)
"""The columns of a report."""

_import_options = option_group(
    click.option("--from-kuma", type=InputFile(), metavar="FILE", help="Polls from Uptime Kuma's database (kuma.db)."),
    click.option(
        "--kuma-store",
        type=click.Choice(["name", "id"]),
        default="name",
        show_default=True,
        help="Which part of a monitor is the store's id.",
    ),
    click.option("--from-prometheus", metavar="URL", help="Polls from a Prometheus: 1 is active, 0 inactive."),
    click.option("--query", metavar="PROMQL", help="One series for each store, for example probe_success."),
    click.option("--from", "start", type=InstantType(), help="First step of the query; UTC unless it names a zone."),
    click.option("--to", "end", type=InstantType(), help="End of the query, exclusive.  [default: now]"),
    click.option(
        "--step", "step_s", type=DurationType(least_s=1.0), default="5m", show_default=True, help="Between two."
    ),
    click.option(
        "--store-label", "label", default="instance", show_default=True, help="The label that is the store's id."
    ),
    click.option("--token-file", type=InputFile(), help="A bearer token for Prometheus."),
)


def import_options(command: Command) -> Command:
    """The options that take polls of another system, which the command gets as `imported`."""

    @wraps(command)
    def run(*, from_kuma: Path | None, kuma_store: Any, **rest: Any) -> Any:
        """The command, with the options of the import as one argument. Raises UsageError."""
        asked = {name: rest.pop(name) for name in (*_ASKED, "token_file")}
        url = rest.pop("from_prometheus")
        if from_kuma is not None and url is not None:
            raise click.UsageError("expected one of --from-kuma and --from-prometheus", click.get_current_context())
        imported: Any = _of_prometheus(url, **asked)
        if from_kuma is not None:
            from exporter.stores.imports.kuma import KumaPolls

            imported = KumaPolls(from_kuma, kuma_store)
        return command(imported=imported, **rest)

    return _import_options(cast("Command", run))


_ASKED = ("query", "start", "end", "step_s", "label")


def _of_prometheus(url: str | None, *, token_file: Path | None, **asked: Any) -> Any:
    """What its options say, None for nothing. Raises UsageError where some are given alone."""
    if url is None:
        if asked["query"] or asked["start"] or asked["end"] or token_file:
            raise click.UsageError("--query, --from, --to and --token-file need --from-prometheus")
        return None
    missing = [flag for flag, name in (("--query", "query"), ("--from", "start")) if not asked[name]]
    if missing:
        example = "for example --query probe_success --from 2026-10-01 --to 2026-11-01"
        raise click.UsageError(
            f"--from-prometheus needs {' and '.join(missing)}, {example}", click.get_current_context()
        )
    from exporter.sources.prometheus import Server
    from exporter.stores.imports.prometheus import PrometheusPolls

    token = None if token_file is None else read_secret(token_file)
    return PrometheusPolls(Server(url, token), **{**asked, "end": asked["end"] or datetime.now(UTC)})
