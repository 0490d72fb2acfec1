"""`exporter logs`: the batch tools for custom metrics."""

from collections.abc import Sequence
from pathlib import Path

import click
import msgspec

from exporter.accesslog.bad import BadLines
from exporter.logs.explain import explained
from exporter.logs.metrics import samples_text
from exporter.logs.source import Source
from exporter.logs.whole import CHUNK_BYTES, WholeFiles, spare_garbage
from exporter.sources.linefile import LineFile
from foundation.config import read_config
from foundation.errors import ConfigError
from foundation.exits import help_end
from foundation.flags import InputFile
from foundation.terminal import echo, printable

_CONFIG = click.option(
    "--config.file",
    "config_file",
    type=InputFile(),
    required=True,
    help="Take the source from this configuration file.",
)
_SOURCE = click.option(
    "--source", "name", metavar="NAME", help="The source of the configuration, where it has more than one."
)
EXPLAIN_BYTES = 64 << 20
"""Of a log's first lines, however many are wanted."""


@click.group(epilog=help_end("exporter logs explain app.log --config.file exporter.yml"))
def logs() -> None:
    """Custom metrics from any log: count whole files, show how each line is counted."""


@logs.command(epilog=help_end("exporter logs summary app.log --config.file exporter.yml --source app"))
@click.argument("files", nargs=-1, required=True, metavar="LOG...")
@_CONFIG
@_SOURCE
def summary(*, files: tuple[str, ...], config_file: Path, name: str | None) -> None:
    """Read whole log files, compressed ones too (- is standard input), and print the samples that they make."""
    source = _configured(config_file, name)
    spare_garbage()
    with WholeFiles(source, [LineFile(file, chunk_bytes=CHUNK_BYTES) for file in files]) as whole:
        whole.read()
    echo(samples_text(whole.state), nl=False)
    _say_uncaptured(source, files)
    _say(whole.state.totals.lines, whole.bad)


@logs.command("explain", epilog=help_end("exporter logs explain app.log --config.file exporter.yml --lines 3"))
@click.argument("log", metavar="LOG")
@_CONFIG
@_SOURCE
@click.option(
    "--lines", "count", type=click.IntRange(1, 10_000), default=10, show_default=True, help="Number of lines to show."
)
def explain_command(*, log: str, config_file: Path, name: str | None, count: int) -> None:
    """Show which fields were found in a log's first lines, and which series they feed."""
    source = _configured(config_file, name)
    _say_uncaptured(source, (log,))
    file = LineFile(log)
    data = file.peek(count, most_bytes=EXPLAIN_BYTES)
    file.close()
    for text in explained(source, data, log):
        echo(text)


class _File(msgspec.Struct, frozen=True):
    """The part of the configuration that these tools need."""

    logs: list[Source] = []


def _configured(path: Path, name: str | None) -> Source:
    sources = {source.source: source for source in read_config(path, _File).logs}
    if name is None and len(sources) == 1:
        return next(iter(sources.values()))
    if name not in sources:
        raise ConfigError(f"{path}: choose with --source one of: {', '.join(sources) or 'it has no logs:'}")
    return sources[name]


def _say_uncaptured(source: Source, files: Sequence[str]) -> None:
    captures = source.captures()
    for file in files:
        if captures.names and not any(captures.of(file)):
            shown = ", ".join(f"{{{name}}}" for name in captures.names)
            echo(f"exporter: {printable(file)}: matches none of the paths, so {shown} are empty", err=True)


def _say(lines: int, bad: BadLines) -> None:
    echo(f"exporter: {lines} lines{f', {printable(bad.in_words())}' if bad.counts else ''}", err=True)
    bad.fit(lines - bad.counts.total()).check()
