"""The `collector` command: a stats page, at a fixed interval, into a TAB-separated file."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from exporter.sources.address import check_url
from exporter.stats.options import Columns
from foundation.errors import SourceError, StoreError
from foundation.exits import help_end
from foundation.flags import DurationType, InputFile
from foundation.program import run_command
from foundation.secret import shown_url
from foundation.signals import SignalStop
from foundation.terminal import printable
from foundation.version import VERSION

if TYPE_CHECKING:
    from exporter.stats.collector.schedule import Outcome

MIN_TIMEOUT_S, MAX_TIMEOUT_S = 1.0, 10.0


def _url(ctx: click.Context, param: click.Parameter, value: str) -> str:  # noqa: ARG001, click's signature
    try:
        check_url(value)
    except ValueError as exc:
        raise click.BadParameter(str(exc)) from exc
    return value


@click.command(
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=help_end("collector --url http://127.0.0.1:8080/stats --interval 10s --output stats.tsv"),
)
@click.option("--url", default="http://127.0.0.1:8080/stats", show_default=True, callback=_url, help="The stats page.")
@click.option("--interval", type=DurationType(), default="10s", show_default=True, help="Time between two collections.")
@click.option(
    "--output", type=click.Path(dir_okay=False, path_type=Path), help="Append rows to this file.  [default: stdout]"
)
@click.option("--duration", type=DurationType(), help="Stop after this time.  [default: never]")
@click.option(
    "--columns",
    type=Columns(),
    default="time,200,404,500",
    show_default=True,
    help="Columns of a row: time, status codes, or other names on the page.",
)
@click.option("--header", is_flag=True, help="Write the names of the columns as the first line of a new file.")
@click.option(
    "--timeout", type=DurationType(), help="Time limit of a collection.  [default: 0.8 x interval, 1s to 10s]"
)
@click.option("--token-file", type=InputFile(), help="Send the token in this file (Authorization: Bearer).")
@click.option("--cacert", type=InputFile(), help="Trust this CA only (PEM).")
@click.option("--cert", type=InputFile(), help="Client certificate (PEM); the file may include its key.")
@click.option("--key", type=InputFile(), help="Key of --cert (PEM), without a passphrase.")
@click.version_option(VERSION, prog_name="collector")
def command(
    *,
    url: str,
    interval: float,
    output: Path | None,
    duration: float | None,
    columns: tuple[str, ...],
    header: bool,
    timeout: float | None,
    token_file: Path | None,
    cacert: Path | None,
    cert: Path | None,
    key: Path | None,
) -> None:
    """Collect the counts of a stats page.

    Every interval one row is added: the Unix time, then the counts, TAB-separated. A collection that fails writes no
    row and is reported on stderr; the run goes on. Ctrl-C or SIGTERM ends it after the collection under way.
    """
    from exporter.stats.collector.access import Access
    from exporter.stats.collector.page import StatsPage
    from exporter.stats.collector.recordfile import RecordFile
    from exporter.stats.collector.schedule import Collecting

    access = Access(token_file, cacert, cert, key)
    access.check(url)
    if access.shows_token_to_all(url):
        _say(shown_url(f"{url}: the token is sent over http, where anybody on the way can read it; expected https"))
    stop = SignalStop()
    rows = _Stdout(columns, header=header) if output is None else RecordFile(output, columns, header=header)
    if isinstance(rows, RecordFile) and rows.set_aside:
        _say(f"{output}: the last line was not whole and is now in {output}.torn")
    timeout = timeout or max(MIN_TIMEOUT_S, min(0.8 * interval, MAX_TIMEOUT_S))
    page = StatsPage(url, timeout_s=timeout, pause=stop.wait, access=access)
    collecting = Collecting(
        page.read,
        rows,
        columns,
        interval_s=interval,
        duration_s=duration or float("inf"),
        say=lambda text: _say(shown_url(f"{url}: {text}")),
        progress=_progress(to_file=output is not None),
    )
    try:
        outcome = collecting.run(stop)
    finally:
        page.close()
        unwritten = rows.close()
    _report(outcome, unwritten, output)


def _report(outcome: "Outcome", unwritten: int, output: Path | None) -> None:
    where = f" in {output}" if output else ""
    _say(f"{outcome.rows - unwritten} rows{where}, {outcome.failed} collections failed, {outcome.missed} missed")
    if unwritten:
        raise StoreError(f"{output}: {unwritten} rows could not be written")
    if outcome.failed and not outcome.rows:
        raise SourceError("no collection succeeded")


class _Stdout:
    """Rows to standard output."""

    def __init__(self, columns: tuple[str, ...], *, header: bool) -> None:
        if header:
            self.append("\t".join(columns))

    def append(self, row: str) -> None:
        """Write a row at once."""
        sys.stdout.write(row + "\n")
        sys.stdout.flush()

    def close(self) -> int:
        """Nothing is left to write: 0 rows are lost."""
        return 0


_CLEAR = "\r\x1b[K"


def _say(text: str) -> None:
    clear = _CLEAR if sys.stderr.isatty() else ""
    sys.stderr.write(f"{clear}collector: {printable(text)}\n")


def _progress(*, to_file: bool) -> Callable[[str], None]:
    """A line that is renewed in place, on a terminal that does not show the rows anyway."""
    if not sys.stderr.isatty() or (sys.stdout.isatty() and not to_file):
        return lambda _: None

    def show(text: str) -> None:
        """Replace what the terminal shows, on standard error."""
        sys.stderr.write(f"{_CLEAR}{printable(text)}")
        sys.stderr.flush()

    return show


def main() -> None:
    """Run the command."""
    run_command("collector", command)
