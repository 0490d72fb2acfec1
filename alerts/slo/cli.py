"""The commands of `python -m alerts slo`."""

from pathlib import Path

import click

from foundation.errors import TidewatchError

_FILE = click.Path(dir_okay=False, path_type=Path)
_SLO = click.option("--slo", "slo_file", type=_FILE, show_default="that of the package", help="The objectives.")


@click.group()
def slo() -> None:
    """Service levels as data: rules from objectives."""


@slo.command()
@_SLO
@click.option("--output", type=_FILE, show_default="alerts/rules/slo.yml", help="The rule file; - is standard output.")
@click.option("--check", is_flag=True, help="Write nothing; exit 1 when the file would change.")
def generate(*, slo_file: Path | None, output: Path | None, check: bool) -> None:
    """Write the rules of the objectives."""
    from alerts.slo.model import SLO_FILE, read_service_levels
    from alerts.slo.rules import RULES_FILE, is_current, write

    levels, path = read_service_levels(slo_file or SLO_FILE), output or RULES_FILE
    if not check:
        write(levels, path)
    elif not is_current(levels, path):
        raise TidewatchError(f"{path}: differs from its objectives; run `python -m alerts slo generate`")
