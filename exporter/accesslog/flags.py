"""The source that a batch tool is to read: from its flags, from a configuration file, or guessed."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import msgspec

from exporter.accesslog.bad import excerpt
from exporter.accesslog.formats import UserPaths
from exporter.accesslog.formats.envelope import EnvelopeSetting
from exporter.accesslog.infer import ENOUGH, SAMPLE_LINES, Guess, fit, infer, refusal, sample, seconds_guessed
from exporter.accesslog.serverconf import read_server_config
from exporter.accesslog.source import Source, TimeUnit
from exporter.checkpoint import STATE_DIR
from exporter.sources.linefile import LineFile
from foundation.config import read_config
from foundation.errors import ConfigError, SourceError
from foundation.terminal import echo, printable


class _File(msgspec.Struct, frozen=True):
    """The part of the configuration that these tools need."""

    accesslog: list[Source] = []
    state_dir: str = STATE_DIR


class Reading(NamedTuple):
    """What flags say of how lines are read. `format`: None where it is to be guessed; `fields`: of a guess only."""

    format: str | None
    envelope: EnvelopeSetting
    time_unit: TimeUnit | None
    routes: tuple[str, ...]
    fields: UserPaths | None = None


def configured(path: Path, name: str | None) -> Source:
    """A source of a configuration file. Raises ConfigError when it is not clear which."""
    sources = {source.source: source for source in read_config(path, _File).accesslog}
    if name is None and len(sources) == 1:
        return next(iter(sources.values()))
    if name not in sources:
        raise ConfigError(f"{path}: choose with --source one of: {', '.join(sources) or 'it has no access log'}")
    return sources[name]


def state_dir_of(path: Path) -> Path:
    """Where a configuration file has its state. Raises ConfigError when it cannot be read."""
    return Path(read_config(path, _File).state_dir)


def chosen_source(
    files: Sequence[LineFile],
    reading: Reading,
    config_file: Path | None,
    name: str | None,
    *,
    enough: int = SAMPLE_LINES,
) -> Source:
    """A source of the configuration file where one is given, else of flags, for commands that show durations.

    Flags that the choice would make void are refused, not ignored. Numbers that are seconds by a guess alone are
    reported. Raises as `configured`, `make_source`.
    """
    if config_file is None:
        if name is not None:
            raise ConfigError("--source: names a source of a configuration; expected --config.file with it")
        if reading.format is None:
            file, data = first_sample(files, enough)
            guess = guessed(file.path, data, reading.envelope)
            reading = reading._replace(format=guess.format, fields=guess.fields)
            if reading.time_unit is None and (seconds := seconds_guessed(data, guess)):
                wrong = "if that is wrong, add --time-unit ms (or us, ns)"
                echo(f"exporter: {printable(file.path)}: taken for seconds: {printable(seconds)}; {wrong}", err=True)
        return make_source(files, reading)
    flags = ("format", "envelope", "time-unit", "route")
    given = (reading.format, reading.envelope != "auto", reading.time_unit, reading.routes)
    if void := next((flag for flag, value in zip(flags, given, strict=True) if value), None):
        raise ConfigError(f"--{void}: expected no such flag with --config.file, whose source says it")
    return configured(config_file, name)


def make_source(files: Sequence[LineFile], reading: Reading) -> Source:
    """A source of flags; where they name no format, the first lines that there are in the files show it.

    Raises ConfigError, and SourceError where no file can be read.
    """
    if reading.format is None:
        file, data = first_sample(files)
        guess = guessed(file.path, data, reading.envelope)
        reading = reading._replace(format=guess.format, fields=guess.fields)
    paths = tuple(file.path for file in files)
    try:
        return Source(source="log", paths=paths, **reading._asdict())
    except ValueError as exc:
        raise ConfigError(str(exc)) from exc


def first_sample(files: Sequence[LineFile], enough: int = SAMPLE_LINES) -> tuple[LineFile, bytes]:
    """The first file that has lines, and some of them: of a live pipe no more than `enough` are awaited.

    Raises SourceError where none can be read.
    """
    trouble: SourceError | None = None
    for file in files:
        try:
            if data := file.peek(SAMPLE_LINES, enough=enough):
                return file, data
        except SourceError as exc:
            trouble = trouble or exc
    if trouble is not None:
        raise trouble
    return files[0], b""


def with_guess_or_tab(log: str, reading: Reading) -> Reading:
    """With the format that a log's first lines fit; `tab` where there are none yet, or they fit nothing known."""
    guess = None
    if Path(log).is_file():  # a pipe can be read only once, and is not followed
        with suppress(SourceError):
            guess = infer(sample(log), reading.envelope)
    return reading._replace(format=guess.format if guess else "tab", fields=guess.fields if guess else None)


def guessed(log: str, data: bytes, envelope: EnvelopeSetting) -> Guess:
    """The format that the sample fits. Raises ConfigError when none does."""
    if not data:
        raise ConfigError(f"{log}: empty, so its format cannot be guessed; name it with --format")
    guess = infer(data, envelope)
    if guess is None:
        first = excerpt(data.split(b"\n", 1)[0])
        unknown = "its lines fit no format known here; name it with --format, as a format string or regex"
        raise ConfigError(f"{log}: {refusal(data) or unknown}; the first line: {first}")
    return guess


def proposed(
    log: str,
    data: bytes,
    *,
    format_: str | None,
    envelope: EnvelopeSetting,
    time_unit: TimeUnit | None,
    server: Path | None,
) -> Guess:
    """The format to propose: the one named, that of the server's configuration, or a guess. Raises ConfigError."""
    if format_ is not None and server is not None:
        raise ConfigError("--server-config: expected no such flag with --format, which names the format")
    if format_ is not None:
        try:
            return fit(data, format_, time_unit, envelope)
        except ValueError as exc:
            raise ConfigError(f"--format: {exc}") from exc
    if server is not None:
        return _configured_there(log, data, server, envelope, time_unit)
    return guessed(log, data, envelope)


def _configured_there(
    log: str, data: bytes, server: Path, envelope: EnvelopeSetting, time_unit: TimeUnit | None
) -> Guess:
    """The format that the server's configuration names for the log, else the one there that fits best."""
    config = read_server_config(server)
    best, refused = None, ""
    for formats in (config.named_for(log), config.every()):  # a part of a site may have a format of its own
        guesses = []
        for text in formats:
            try:
                guesses.append(fit(data, text, time_unit, envelope))
            except ValueError as exc:
                refused = refused or f"; {exc}"
        best = max(guesses, key=lambda guess: guess.fits, default=best)
        if best is not None and (best.fits >= ENOUGH or not data):
            return best
    fits = f"; the best of them fits {best.fits:.0%}: {best.format}" if best else refused
    raise ConfigError(f"{log}: its lines fit no format of {server}{fits}")
