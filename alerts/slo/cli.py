"""The commands of `python -m alerts slo`."""

from contextlib import suppress
from pathlib import Path

import click

from foundation.errors import TidewatchError
from foundation.exits import Exit, help_end
from foundation.flags import InputFile
from foundation.terminal import echo

_FILE = click.Path(dir_okay=False, path_type=Path)
_SLO = click.option("--slo", "slo_file", type=InputFile(), show_default="that of the package", help="The objectives.")


@click.group(epilog=help_end("python -m alerts slo generate --slo slo.yml --output -"))
def slo() -> None:
    """Service levels as data: rules from objectives, and OpenSLO documents."""


@slo.command(epilog=help_end("python -m alerts slo generate --slo slo.yml --output rules.yml", may=[Exit.NEGATIVE]))
@_SLO
@click.option("--output", type=_FILE, show_default="alerts/rules/slo.yml", help="The rule file; - is standard output.")
@click.option("--check", is_flag=True, help="Write nothing; exit 1 when the file would change.")
def generate(*, slo_file: Path | None, output: Path | None, check: bool) -> None:
    """Write the rules of the objectives."""
    from alerts.slo.model import SLO_FILE, read_service_levels
    from alerts.slo.rules import RULES_FILE, is_current, write

    levels, path = read_service_levels(slo_file or SLO_FILE), output or RULES_FILE
    if not check:
        _refuse_same(path, slo_file or SLO_FILE)
        write(levels, path)
    elif str(path) == "-":
        raise click.UsageError("--check compares a file; name it by --output FILE")
    elif not is_current(levels, path):
        raise TidewatchError(f"{path}: differs from its objectives; run the same command without --check")


@slo.command("import", epilog=help_end("python -m alerts slo import openslo.yml --output slo.yml"))
@click.argument("files", nargs=-1, required=True, type=InputFile())
@click.option("--output", type=_FILE, default=Path("-"), show_default="standard output", help="The file of objectives.")
def import_(*, files: tuple[Path, ...], output: Path) -> None:
    """Read OpenSLO v1 documents and write them as objectives; nothing is written when one of them is refused."""
    from alerts.slo.openslo import read_files
    from alerts.slo.written import write_levels

    levels, notes = read_files(files)
    for note in notes:
        echo(f"alerts slo import: {note}", err=True)
    _refuse_same(output, *files)
    write_levels(levels, output)


@slo.command(epilog=help_end("python -m alerts slo export --slo slo.yml --output openslo.yml"))
@_SLO
@click.option("--output", type=_FILE, default=Path("-"), show_default="standard output", help="The OpenSLO file.")
def export(*, slo_file: Path | None, output: Path) -> None:
    """Write the objectives as OpenSLO v1 documents."""
    from alerts.slo.model import SLO_FILE, read_service_levels
    from alerts.slo.openslo import write_documents

    levels = read_service_levels(slo_file or SLO_FILE)
    _refuse_same(output, slo_file or SLO_FILE)
    write_documents(levels, output)


def _refuse_same(output: Path, *read: Path) -> None:
    """Nothing takes the place of what it was made from."""
    with suppress(OSError):  # nothing is there yet; or it cannot be written either, which says why
        if any(output.samefile(path) for path in read):
            raise click.BadParameter(f"{output} is the input; name another file", param_hint="--output")
