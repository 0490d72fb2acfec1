"""The source that a batch tool reads: from its flags, from a configuration file, or guessed."""

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import msgspec

from exporter.accesslog.bad import excerpt
from exporter.accesslog.formats import UserPaths
from exporter.accesslog.formats.envelope import EnvelopeSetting
from exporter.accesslog.infer import ENOUGH, SAMPLE_LINES, Guess, fit, infer, refusal, sample, seconds_guessed
from exporter.accesslog.own_labels import Label
from exporter.accesslog.serverconf import read_server_config
from exporter.accesslog.source import Source, SourceBy, TimeUnit
from exporter.sources.linefile import LineFile
from exporter.statedir import state_dir
from foundation.config import read_config
from foundation.errors import ConfigError, NothingJudgedError, SourceError
from foundation.terminal import echo, printable


class _File(msgspec.Struct, frozen=True):
    """The part of the configuration that these tools need."""

    accesslog: list[Source] = []
    state_dir: str | None = None


class Reading(NamedTuple):
    """The flags that say how to read lines.

    format: None where it is to be guessed.
    fields: of a guess only.
    labels: of fields that are asked for beside method, path and code.
    """

    format: str | None
    envelope: EnvelopeSetting
    time_unit: TimeUnit | None
    routes: tuple[str, ...]
    fields: UserPaths | None = None
    labels: Mapping[str, str | Label] = {}


def configured(path: Path, name: str | None) -> Source:
    """A source of a configuration file. Raises ConfigError when it is not clear which."""
    sources = {source.source: source for source in read_config(path, _File).accesslog}
    if name is None and len(sources) == 1:
        return next(iter(sources.values()))
    if not sources:
        raise ConfigError(f"{path}: no sources under `accesslog:`; `exporter check {path}` reports keys that are wrong")
    if name not in sources:
        raise ConfigError(f"{path}: choose with --source one of: {', '.join(sources)}")
    return sources[name]


def state_dir_of(path: Path) -> Path:
    """Where a configuration file has its state. Raises ConfigError when it cannot be read."""
    return state_dir(read_config(path, _File).state_dir)


def chosen_source(
    files: Sequence[LineFile],
    reading: Reading,
    config_file: Path | None,
    name: str | None,
    *,
    enough: int = SAMPLE_LINES,
) -> Source:
    """A source of the configuration file where one is given, else of flags, for commands that show durations.

    Flags that would then have no effect are refused, not ignored. Numbers that are seconds by a guess alone are
    reported. Raises as `configured`, `make_source`.
    """
    if config_file is None:
        if name is not None:
            raise ConfigError("--source: expected --config.file with it, as it names a source of a configuration")
        if reading.format is None:
            file, data = first_sample(files, enough)
            guess = guessed(file.path, data, reading.envelope)
            reading = reading._replace(format=guess.format, fields=guess.fields)
            if reading.time_unit is None and (seconds := seconds_guessed(data, guess)):
                wrong = "if that is wrong, add --time-unit ms (or us, ns)"
                echo(
                    f"exporter: {printable(file.path)}: assumed to be seconds: {printable(seconds)}; {wrong}", err=True
                )
        return make_source(files, reading)
    flags = ("format", "envelope", "time-unit", "route")
    given = (reading.format, reading.envelope != "auto", reading.time_unit, reading.routes)
    if void := next((flag for flag, value in zip(flags, given, strict=True) if value), None):
        raise ConfigError(f"--{void}: cannot be used with --config.file, whose source sets it")
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
        return Source(source="log", paths=paths, **reading._asdict() | {"labels": dict(reading.labels)})
    except ValueError as exc:
        raise ConfigError(str(exc)) from exc


def source_by(
    files: Sequence[LineFile], reading: Reading, config_file: Path | None, name: str | None, by: Sequence[str]
) -> SourceBy:
    """The source, whose labels are what to count by: its labels, else fields of its lines. Raises the same errors.

    They are named by number, because a field's name may not be valid as a label's.
    """
    found = configured(config_file, name) if config_file is not None else None
    known = found.own_labels() if found is not None else {}
    labels = {f"by{number:02}": known.get(one, Label(one)) for number, one in enumerate(by)}
    try:
        if found is None and name is None:
            return SourceBy(**msgspec.structs.asdict(make_source(files, reading._replace(labels=labels))))
        found = chosen_source(files, reading, config_file, name)
        return SourceBy(
            **msgspec.structs.asdict(found) | {"labels": labels, "codes": ()},
            unused=tuple(label.field for label in found.own_labels().values()),
        )
    except (ConfigError, ValueError) as exc:
        raise ConfigError(re.sub(r"labels: by\d\d: ", "--by: ", str(exc))) from exc


def first_sample(files: Sequence[LineFile], enough: int = SAMPLE_LINES) -> tuple[LineFile, bytes]:
    """The first file that has lines, and some of them: of a live pipe at most `enough` are awaited.

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
    """The format that the sample fits. Raises ConfigError when none does, NothingJudgedError without a line."""
    if not data:
        raise NothingJudgedError(f"{log}: empty, so its format cannot be guessed; name it with --input-format")
    guess = infer(data, envelope)
    if guess is None:
        first = excerpt(data.split(b"\n", 1)[0])
        unknown = "no known format fits its lines; name it with --input-format, as a format string or regex"
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
        raise ConfigError("--server-config: cannot be used with --input-format, which names the format")
    if format_ is not None:
        try:
            return fit(data, format_, time_unit, envelope)
        except ValueError as exc:
            raise ConfigError(f"--input-format: {exc}") from exc
    if server is not None:
        return _configured_there(log, data, server, envelope, time_unit)
    return guessed(log, data, envelope)


def _configured_there(
    log: str, data: bytes, server: Path, envelope: EnvelopeSetting, time_unit: TimeUnit | None
) -> Guess:
    """The format that the server's configuration names for the log, else the one there that fits best."""
    config = read_server_config(server)
    best, refused = None, ""
    for formats in (config.named_for(log), config.every()):  # a part of a site may have another format
        guesses = []
        for text in formats:
            try:
                guesses.append(fit(data, text, time_unit, envelope))
            except ValueError as exc:
                refused = refused or f"; {exc}"
        best = max(guesses, key=lambda guess: guess.fits, default=best)
        if best is not None and (best.fits >= ENOUGH or not data):
            return best
    fits = f"; the best one fits {best.fits:.0%} of them: {best.format}" if best else refused
    raise ConfigError(f"{log}: none of the formats in {server} fits its lines{fits}")
