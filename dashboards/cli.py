"""`python -m dashboards`: build the boards' files, run their queries, show them without Grafana."""

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dashboards.model import JSON_DIR
from foundation.errors import ConfigError, TidewatchError
from foundation.exits import Exit, help_end
from foundation.flags import DurationType, InputFile, InputFolder, address_options, web_options
from foundation.program import run_command
from foundation.terminal import echo
from foundation.version import VERSION

if TYPE_CHECKING:
    from dashboards.grafana_check import Looked


class _Group(click.Group):
    """Errors that a user can act on end as one line and their exit code."""

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; exits with the code of a TidewatchError."""
        try:
            return super().invoke(ctx)
        except TidewatchError as exc:
            echo(f"dashboards: {exc}", err=True)
            raise SystemExit(exc.exit_code) from exc


@click.group(
    cls=_Group,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=help_end("python -m dashboards preview"),
)
@click.version_option(VERSION, prog_name="dashboards")
def main() -> None:
    """Dashboards as code, and a preview of them for machines without Grafana."""


@main.command(epilog=help_end("python -m dashboards build --check", may=[Exit.NEGATIVE]))
@click.option("--check", is_flag=True, help="Write nothing; exit 1 when a file would change.")
def build(*, check: bool) -> None:
    """Write the boards of dashboards/boards to dashboards/json. Needs the developers' packages."""
    if find_spec("grafana_foundation_sdk") is None:
        raise ConfigError(
            "build needs the developers' packages: pip install -r requirements-dev.txt in a clone of Tidewatch"
        )
    from dashboards import build as building

    changed = building.stale() if check else building.write()
    for name in changed:
        echo(name)
    if check and changed:
        raise TidewatchError("these files differ from their boards; run `python -m dashboards build`")


_BOARDS = click.option(
    "--boards",
    "folder",
    type=InputFolder(),
    default=JSON_DIR,
    show_default="those of the package",
    help="Folder of the boards' JSON files.",
)


@main.command(epilog=help_end("python -m dashboards preview --prometheus http://127.0.0.1:9090 --port 8000"))
@address_options(8000)
@click.option(
    "--prometheus",
    default="http://127.0.0.1:9090",
    show_default=True,
    metavar="URL",
    help="The Prometheus whose data the boards show.",
)
@click.option(
    "--alertmanager", default="", metavar="URL", help="The Alertmanager that reports silenced alerts.  [default: none]"
)
@click.option(
    "--scrape-interval",
    type=DurationType(least_s=0.1, most_s=3600),
    help="Time between scrapes.  [default: as Prometheus says]",
)
@_BOARDS
@web_options
@click.option("--allow-host", multiple=True, hidden=True, help="The former name of --web.allowed-host.")
def preview(
    *,
    host: str,
    port: int,
    prometheus: str,
    alertmanager: str,
    scrape_interval: float | None,
    folder: Path,
    web_config_file: Path | None,
    allowed_hosts: tuple[str, ...],
    allow_host: tuple[str, ...],
) -> None:
    """Show a preview of the boards on a page, without Grafana."""
    import asyncio

    from dashboards.preview.command import run
    from foundation.web import WebPolicy

    asyncio.run(
        run(
            folder=folder,
            host=host,
            port=port,
            prometheus_url=prometheus,
            alertmanager_url=alertmanager,
            scrape_interval_s=scrape_interval,
            policy=WebPolicy(web_config_file, (*allowed_hosts, *allow_host)),
        )
    )


@main.command("query-all", epilog=help_end("python -m dashboards query-all --range 1h", may=[Exit.NEGATIVE]))
@click.option(
    "--prometheus",
    default="http://127.0.0.1:9090",
    show_default=True,
    metavar="URL",
    help="The Prometheus to query.",
)
@_BOARDS
@click.option("--board", "uids", multiple=True, metavar="UID", help="Only this board.  [default: all]")
@click.option(
    "--range",
    "range_s",
    default="30m",
    show_default=True,
    type=DurationType(least_s=60, most_s=31 * 86_400, whole=True),
    help="Range of the queries, up to now.",
)
def query_all(*, prometheus: str, folder: Path, uids: tuple[str, ...], range_s: int) -> None:
    """Run every query of every board, print the result of each, and exit 1 when one returned nothing.

    A panel that declares when it may be empty is exempt.
    """
    import asyncio

    from dashboards.query_all import as_table, ask_now

    outcomes = asyncio.run(ask_now(prometheus, folder, uids, range_s))
    echo(as_table(outcomes))
    if not all(outcome.good for outcome in outcomes):
        raise SystemExit(1)


@main.command(
    "grafana-check",
    epilog=help_end("python -m dashboards grafana-check http://127.0.0.1:3000 --token-file token", may=[Exit.NEGATIVE]),
)
@click.argument("url")
@click.option(
    "--width",
    "width_px",
    type=click.IntRange(320, 8000),
    default=1600,
    show_default=True,
    metavar="PX",
    help="Width of the window: it decides how many points each panel asks for.",
)
@click.option(
    "--range",
    "range_s",
    type=DurationType(least_s=60, most_s=366 * 86_400, whole=True),
    help="Range of the queries, up to now.  [default: each board's own]",
)
@click.option("--board", "uids", multiple=True, metavar="UID", help="Only this board.  [default: all]")
@click.option(
    "--token-file",
    type=InputFile(),
    metavar="FILE",
    help="A file with a token of a service account with the role Viewer.  [default: no token]",
)
@click.option(
    "--log",
    "log_file",
    type=InputFile(),
    metavar="FILE",
    help="Grafana's own log: look for errors of its provisioning, too.",
)
@click.option("--pictures", type=click.Path(path_type=Path), metavar="DIR", help="Take a picture of each board, too.")
def grafana_check(
    *,
    url: str,
    width_px: int,
    range_s: int | None,
    uids: tuple[str, ...],
    token_file: Path | None,
    log_file: Path | None,
    pictures: Path | None,
) -> None:
    """Check every board of a running Grafana through its API, and exit 1 when something needs attention.

    URL is the address of Grafana's start page. Every query is asked with the resolution that its panel has at the
    width; a panel that declares when it may be empty is exempt.
    """
    import asyncio

    from dashboards import grafana_log
    from dashboards.grafana_check import as_table, look, of_log

    of_file = of_log(grafana_log.read(log_file)) if log_file else []
    looked = asyncio.run(look(url, token_file, uids, width_px=width_px, range_s=range_s))
    looked = looked._replace(findings=[*of_file, *looked.findings])
    echo(as_table(looked, width_px))
    if pictures:
        asyncio.run(_take_pictures(looked, pictures, width_px=width_px, range_s=range_s))
    if not all(finding.good for finding in looked.findings):
        raise SystemExit(1)


async def _take_pictures(looked: "Looked", folder: Path, *, width_px: int, range_s: int | None) -> None:
    """Name each picture as it is there, or say why none can be taken."""
    from dashboards import grafana_pictures

    if why_not := grafana_pictures.without(anonymous=looked.settings.anonymous_enabled):
        echo(why_not)
        return
    async for path in grafana_pictures.take(looked, folder, width_px=width_px, range_s=range_s):
        echo(str(path))


def run() -> None:
    """Run the command line; errors that a user can mend are one line on stderr."""
    run_command("dashboards", main)
