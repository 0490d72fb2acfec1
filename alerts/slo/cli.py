"""The commands of `python -m alerts slo`."""

from pathlib import Path

import click

from foundation.errors import TidewatchError
from foundation.terminal import echo

_FILE = click.Path(dir_okay=False, path_type=Path)
_SLO = click.option("--slo", "slo_file", type=_FILE, show_default="that of the package", help="The objectives.")


@click.group()
def slo() -> None:
    """Service levels as data: rules from objectives, and OpenSLO documents."""


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
    elif str(path) == "-":
        raise click.UsageError("--check compares a file; name it by --output FILE")
    elif not is_current(levels, path):
        raise TidewatchError(f"{path}: differs from its objectives; run the same command without --check")


@slo.command("import")
@click.argument("files", nargs=-1, required=True, type=_FILE)
@click.option("--output", type=_FILE, default=Path("-"), show_default="standard output", help="The file of objectives.")
def import_(*, files: tuple[Path, ...], output: Path) -> None:
    """Read OpenSLO v1 documents and write them as objectives; nothing is written when one of them is refused."""
    from alerts.slo.openslo import read_files
    from alerts.slo.written import write_levels

    levels, notes = read_files(files)
    for note in notes:
        echo(f"alerts slo import: {note}", err=True)
    write_levels(levels, output)


@slo.command()
@_SLO
@click.option("--output", type=_FILE, default=Path("-"), show_default="standard output", help="The OpenSLO file.")
def export(*, slo_file: Path | None, output: Path) -> None:
    """Write the objectives as OpenSLO v1 documents."""
    from alerts.slo.model import SLO_FILE, read_service_levels
    from alerts.slo.openslo import write_documents

    write_documents(read_service_levels(slo_file or SLO_FILE), output)
