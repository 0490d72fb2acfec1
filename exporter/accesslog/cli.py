"""The batch tools for access logs: `summary`, `infer`, `explain`."""

import asyncio
import signal
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import click
import msgspec

from exporter.accesslog.explain import explain
from exporter.accesslog.formats import UNITS_NS
from exporter.accesslog.ganglia import Ganglia
from exporter.accesslog.infer import Guess, infer, propose, sample
from exporter.accesslog.qps import Figure, follow, report
from exporter.accesslog.source import Source, TimeUnit
from exporter.accesslog.summary import as_table, new_reader, summarize, tally_file
from exporter.accesslog.tally import Tally
from exporter.clock import SystemClock
from exporter.config import read_config
from exporter.errors import ConfigError, SourceError
from exporter.logfmt import start_logging
from exporter.sources.files import LineFile

SECONDS = click.FloatRange(0.1, 86_400)

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def format_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say how lines are read."""
    options: tuple[Decorator, ...] = (
        click.option(
            "--format", "format_", metavar="F", help="The log's format, as in the configuration; else a guess."
        ),
        click.option("--time-unit", type=click.Choice(list(UNITS_NS)), help="What the log's durations are in."),
        click.option(
            "--route", "routes", multiple=True, metavar="TEMPLATE", help="A route, as /users/{id}; repeatable."
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


@click.command()
@click.argument("logs", nargs=-1, required=True, metavar="LOG...")
@format_options
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of a table.")
def summary(
    *, logs: tuple[str, ...], format_: str | None, time_unit: TimeUnit | None, routes: tuple[str, ...], as_json: bool
) -> None:
    """Read whole log files, compressed ones too (- is standard input), and print their totals."""
    source = make_source(logs, format_, time_unit, routes)
    reader = new_reader(source.parsed_format())
    tally, trouble = Tally(), []
    with _progress(logs) as progress:
        for path in logs:
            try:
                tally_file(path, reader, tally, progress)
            except SourceError as exc:
                trouble.append(exc)
    result = summarize(tally, routes)
    if as_json:
        click.echo(msgspec.json.encode(result))
    else:
        click.echo("\n".join(as_table(result)))
    for one in trouble[:-1]:
        click.echo(f"exporter: {one}", err=True)
    if trouble:
        raise trouble[-1]


@click.command("infer")
@click.argument("log", metavar="LOG")
def infer_command(*, log: str) -> None:
    """Look at a log's first lines and print what to write into the configuration."""
    data = sample(log)
    click.echo(propose(log, data, guessed(log, data)), nl=False)


@click.command("explain")
@click.argument("log", metavar="LOG")
@format_options
@click.option("--config.file", "config_file", type=click.Path(path_type=Path), help="Take the source from here.")
@click.option("--source", "name", metavar="NAME", help="Which source of the configuration; else the only one.")
@click.option("--lines", "count", type=click.IntRange(1, 10_000), default=10, show_default=True, help="How many lines.")
def explain_command(
    *,
    log: str,
    format_: str | None,
    time_unit: TimeUnit | None,
    routes: tuple[str, ...],
    config_file: Path | None,
    name: str | None,
    count: int,
) -> None:
    """Show for a log's first lines what was found in them and which series they feed."""
    data = sample(log)
    source = configured(config_file, name) if config_file else make_source((log,), format_, time_unit, routes)
    for text in explain(b"".join(data.splitlines(keepends=True)[:count]), source):
        click.echo(text)


@click.command("qps")
@click.argument("log", metavar="LOG")
@format_options
@click.option(
    "--interval", "interval_s", type=SECONDS, default=10.0, show_default=True, help="Seconds between reports."
)
@click.option("--output", type=click.Path(path_type=Path), help="Append the reports to this file, not to stdout.")
@click.option("--once", is_flag=True, help="End after the first report.")
@click.option("--from-start", is_flag=True, help="Count what already stands in the log too.")
@click.option("--ganglia", metavar="HOST:PORT", help="Send each figure to this gmond as well.")
def qps_command(
    *,
    log: str,
    format_: str | None,
    time_unit: TimeUnit | None,
    routes: tuple[str, ...],
    interval_s: float,
    output: Path | None,
    once: bool,
    from_start: bool,
    ganglia: str | None,
) -> None:
    """Print requests per second by route and code every 10 seconds, following the log through its rotations."""
    start_logging("warn", "logfmt")
    source = make_source((log,), format_ or "tab", time_unit, routes)
    source = msgspec.structs.replace(source, from_="start" if from_start else "end")
    gmond = Ganglia(ganglia, interval_s) if ganglia else None
    reporter = Reporter(output, gmond)
    with suppress(asyncio.CancelledError):
        asyncio.run(
            _until_signal(follow(source, interval_s, reporter.tell, SystemClock(), reports=1 if once else None))
        )


class Reporter:
    """Puts reports where they are wanted. Trouble is said once, and the next report is tried again."""

    def __init__(self, output: Path | None, gmond: Ganglia | None) -> None:
        """Raises ConfigError when `output` cannot be written."""
        self._output = output
        self._gmond = gmond
        self._said: set[str] = set()
        try:
            if output:
                output.open("a").close()
        except OSError as exc:
            raise ConfigError(f"--output: {output}: {exc.strerror}") from exc

    def tell(self, figures: list[Figure], now_s: float) -> None:
        """Write one report, and send its figures."""
        text = report(figures, now_s)
        try:
            if self._output is None:
                click.echo(text, nl=False)
                sys.stdout.flush()
            else:
                with self._output.open("a") as file:  # each time anew, so that it can be rotated
                    file.write(text)
        except BrokenPipeError:
            raise
        except OSError as exc:
            self._say(f"{self._output or 'stdout'}: {exc.strerror}")
        try:
            if self._gmond:
                self._gmond.send(figures)
        except SourceError as exc:
            self._say(str(exc))

    def _say(self, text: str) -> None:
        if text not in self._said:
            self._said.add(text)
            click.echo(f"exporter: {text}; the reports go on", err=True)


async def _until_signal(work: Coroutine[Any, Any, None]) -> None:
    """Run until done, or until SIGTERM or SIGINT."""
    task = asyncio.ensure_future(work)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    await task


class _File(msgspec.Struct, frozen=True):
    """The part of the configuration that these tools need."""

    accesslog: list[Source] = []


def configured(path: Path, name: str | None) -> Source:
    """A source of a configuration file. Raises ConfigError when it is not clear which."""
    sources = {source.source: source for source in read_config(path, _File).accesslog}
    if name is None and len(sources) == 1:
        return next(iter(sources.values()))
    if name not in sources:
        raise ConfigError(f"{path}: choose with --source one of: {', '.join(sources) or 'it has no access log'}")
    return sources[name]


def make_source(
    logs: tuple[str, ...], format_: str | None, time_unit: TimeUnit | None, routes: tuple[str, ...]
) -> Source:
    """A source of flags; where they name no format, the first log's lines are looked at. Raises ConfigError."""
    if format_ is None:
        if logs[0] == "-":
            raise ConfigError("--format: what comes on standard input cannot be looked at beforehand; name its format")
        guess = guessed(logs[0], sample(logs[0]))
        format_, time_unit = guess.format, time_unit or guess.time_unit
    try:
        return Source(source="log", paths=logs, format=format_, time_unit=time_unit, routes=routes)
    except ValueError as exc:
        raise ConfigError(str(exc)) from exc


def guessed(log: str, data: bytes) -> Guess:
    """The format that the sample fits. Raises ConfigError when none does."""
    if not data:
        raise ConfigError(f"{log}: empty, so its format cannot be guessed; name it with --format")
    guess = infer(data)
    if guess is None:
        raise ConfigError(
            f"{log}: its lines fit no format known here; name it with --format, as a format string or regex"
        )
    return guess


@contextmanager
def _progress(logs: tuple[str, ...]) -> Iterator[Callable[[LineFile], None]]:
    """A bar on a terminal, nothing elsewhere; called with a file, it shows how far that is read."""
    total = sum(Path(log).stat().st_size for log in logs if Path(log).is_file())
    if not sys.stderr.isatty() or not total:
        yield lambda _: None
        return
    done: dict[str, int] = {}
    with click.progressbar(length=total, file=sys.stderr, label="reading") as bar:

        def show(file: LineFile) -> None:
            bar.update(file.raw_bytes - done.get(file.path, 0))
            done[file.path] = file.raw_bytes

        yield show


commands = [explain_command, infer_command, qps_command, summary]
