"""`python -m alerts export`."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from foundation.exits import help_end
from foundation.flags import DurationType
from foundation.terminal import echo


@click.command(epilog=help_end("python -m alerts export --format rules --output rules --job exporter"))
@click.option(
    "--format",
    "format_",
    type=click.Choice(["rules", "prometheusrule", "mixin", "alertmanager", "dashboards", "configmaps"]),
    required=True,
    help="Plain files, resources of Kubernetes' Prometheus operator, a mixin for jsonnet; for Alertmanager, which "
    "alert mutes which; for Grafana, the dashboards as files, or as ConfigMaps for its sidecar.",
)
@click.option(
    "--job",
    "jobs",
    metavar="NAME",
    multiple=True,
    help="The exporter's job; PROGRAM=NAME for that of timeserver, trafficgen, stats-probe, prometheus or "
    "alertmanager. May be given more than once.  [default: exporter]",
)
@click.option("--source", metavar="REGEX", help="Only for these sources.  [default: all]")
@click.option(
    "--runbooks",
    metavar="URL",
    help="Where you publish runbooks.html, which is written beside the rules: each alert links to URL#alert.  "
    "[default: no links]",
)
@click.option("--no-runbooks", is_flag=True, help="Write no such page, and no links to it.")
@click.option(
    "--grafana",
    metavar="URL",
    help="Grafana's address: each alert links to its dashboard there. Without it there are no such links.",
)
@click.option(
    "--scrape-interval",
    default="1m",
    show_default=True,
    type=DurationType(),
    help="How often the exporter is scraped: no range is shorter than four scrapes.",
)
@click.option(
    "--only", metavar="FILE,...", multiple=True, help="Only these files of rules.  [default: all but prometheus-meta]"
)
@click.option(
    "--output",
    metavar="DIR",
    required=True,
    type=click.Path(path_type=Path),
    help="The folder to write into; created if absent.",
)
@click.option("--force", is_flag=True, help="Also replace files that were not written by an export.")
def export(
    *,
    format_: str,
    jobs: tuple[str, ...],
    source: str | None,
    runbooks: str | None,
    no_runbooks: bool,
    grafana: str | None,
    scrape_interval: float,
    only: tuple[str, ...],
    output: Path,
    force: bool,
) -> None:
    """Write the rules for a Prometheus of your own: its names of jobs, its scrape interval, your links."""
    from alerts.export import command
    from alerts.export.site import Site, parse_jobs, parse_link, parse_source

    if runbooks is not None and no_runbooks:
        raise click.UsageError("give either --runbooks URL or --no-runbooks")
    chosen = [name.strip() for names in only for name in names.split(",")]
    known = command.stems()
    if unknown := [name for name in chosen if name not in known]:
        raise click.BadParameter(
            f"invalid file {unknown[0]!r}: expected some of {', '.join(known)}, for example site-log,site-stats",
            param_hint="--only",
        )
    site = Site(
        jobs=_read("--job", parse_jobs, jobs),
        source=_read("--source", parse_source, source),
        runbooks=_read("--runbooks", parse_link, runbooks),
        grafana=_read("--grafana", parse_link, grafana),
        scrape_interval_s=scrape_interval,
    )
    command.run(
        format_,
        chosen,
        site,
        output,
        with_runbooks=not no_runbooks,
        force=force,
        say=lambda text: echo(f"alerts export: {text}", err=True),
    )


def _read(flag: str, read: Callable[[Any], Any], given: Any) -> Any:
    """The value of a flag, read where it was given."""
    try:
        return None if given is None else read(given)
    except ValueError as exc:
        raise click.BadParameter(str(exc), param_hint=flag) from exc
