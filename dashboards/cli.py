"""`python -m dashboards`: build the boards' files, run their queries, show them without Grafana."""

import click

from exporter.errors import TidewatchError


class _Group(click.Group):
    """Errors that a user can act on end as one line and their exit code."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except TidewatchError as exc:
            click.echo(f"dashboards: {exc}", err=True)
            raise SystemExit(exc.exit_code) from exc


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="tidewatch", prog_name="dashboards")
def main() -> None:
    """Dashboards as code, and a preview of them for machines without Grafana."""


@main.command()
@click.option("--check", is_flag=True, help="Write nothing; exit 1 when a file would change.")
def build(*, check: bool) -> None:
    """Write the boards of dashboards/boards to dashboards/json."""
    from dashboards import build as building

    changed = building.stale() if check else building.write()
    for name in changed:
        click.echo(name)
    if check and changed:
        raise TidewatchError("these files differ from their boards; run `python -m dashboards build`")
