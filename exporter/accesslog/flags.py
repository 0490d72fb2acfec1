"""The source that a batch tool is to read: from its flags, from a configuration file, or guessed."""

from pathlib import Path

import msgspec

from exporter.accesslog.formats.envelope import EnvelopeSetting
from exporter.accesslog.infer import Guess, infer, sample
from exporter.accesslog.source import Source, TimeUnit
from foundation.config import read_config
from foundation.errors import ConfigError, SourceError


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
    logs: tuple[str, ...],
    format_: str | None,
    envelope: EnvelopeSetting,
    time_unit: TimeUnit | None,
    routes: tuple[str, ...],
) -> Source:
    """A source of flags; where they name no format, the first log's lines are looked at. Raises ConfigError."""
    if format_ is None:
        if logs[0] == "-":
            raise ConfigError("--format: what comes on standard input cannot be looked at beforehand; name its format")
        guess = guessed(logs[0], sample(logs[0]))
        format_ = guess.format
    try:
        return Source(source="log", paths=logs, format=format_, envelope=envelope, time_unit=time_unit, routes=routes)
    except ValueError as exc:
        raise ConfigError(str(exc)) from exc


def format_or_tab(log: str) -> str:
    """The format that a log's first lines fit; `tab` where there are none yet, or they fit nothing known."""
    try:
        guess = infer(sample(log))
    except SourceError:
        return "tab"
    return guess.format if guess else "tab"


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
