"""`--targets FILE` and all that it names (bodies, data, secrets) as a set of targets, checked before anything is sent.

Paths of files are relative to the folder of the targets.
"""

import base64
import binascii
import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from foundation.config import read_text
from foundation.errors import ConfigError
from foundation.regular import read_whole
from trafficgen.targets.csv_form import parse_csv
from trafficgen.targets.data import read_columns
from trafficgen.targets.described import BodyText, Described, DescribedFile, DescribedSession
from trafficgen.targets.headers import secret_text
from trafficgen.targets.places import Encoder, in_body, in_header, in_path, whole_path
from trafficgen.targets.session import Session, Step, read_captures, read_think
from trafficgen.targets.target import (
    MAX_BODY_BYTES,
    MAX_NAME,
    MAX_TARGETS,
    Target,
    check_fields,
    check_headers,
    check_name,
    default_name,
    read_codes,
    read_method,
    read_path,
)
from trafficgen.targets.target_set import TargetSet
from trafficgen.targets.template import Cell, Secret, Template, joined, parse_template
from trafficgen.targets.values import Tables
from trafficgen.targets.vegeta_form import parse_vegeta
from trafficgen.targets.yaml_form import ASKED, parse_yaml

MAX_BODIES_BYTES = 256 << 20  # of one file of targets
_FORMS: dict[str, Callable[[str, str], DescribedFile]] = {".yml": parse_yaml, ".yaml": parse_yaml, ".csv": parse_csv}


def read_targets(path: Path, environment: Mapping[str, str]) -> TargetSet:
    """The targets of a YAML (.yml, .yaml), CSV (.csv) or vegeta file (any other name). Raises ConfigError."""
    if path.suffix.lower() == ".har":
        raise ConfigError(f"{path}: a recording of a browser: make targets of it with trafficgen import-har {path}")
    text = read_text(path, ASKED)
    described = _FORMS.get(path.suffix.lower(), parse_vegeta)(text, str(path))
    count = len(described.targets) + sum(len(session.steps) for session in described.sessions)
    if not count:
        raise ConfigError(f"{path}: no target in it; write at least one, for example GET /")
    if count > MAX_TARGETS:
        raise ConfigError(f"{path}: {count:,} targets; at most {MAX_TARGETS:,}; take paths from a CSV file of data")
    reader = _Reader(path.parent, environment)
    targets = _named([reader.target(one) for one in described.targets])
    sessions = tuple(reader.session(one, number) for number, one in enumerate(described.sessions, 1))
    found = TargetSet(targets=targets, sessions=sessions, origin=_one_origin(reader.origins))
    if not any(one.weight for one in found.starts):
        raise ConfigError(f"{path}: no weight above 0")
    _check_distinct([(target.name, target.where) for target, _ in found.kinds()])
    _check_distinct([(one.name, one.where) for one in found.starts])
    tables = _read_tables([target for target, _ in found.kinds()], path.parent)
    return replace(found, tables=tables, digest=_digest(text, reader.bodies, tables))


def _digest(text: str, bodies: Mapping[BodyText, bytes], tables: Tables) -> str:
    found = hashlib.sha256(text.encode())
    for one in (*bodies.values(), *(repr(columns).encode() for columns in tables.values())):
        found.update(hashlib.sha256(one).digest())
    return found.hexdigest()


class _Reader:
    """Descriptions to targets. `bodies`: those that were read; `origins`: where each was found first."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._folder, self._environment = folder, environment
        self.bodies: dict[BodyText, bytes] = {}
        self.origins: dict[str, str] = {}

    def session(self, written: DescribedSession, number: int) -> Session:
        """A session, the fields of whose steps are known by then. Raises ConfigError."""
        name = written.name or f"session {number}"
        steps: list[Step] = []
        for at, one in enumerate(written.steps, 1):
            known = tuple(capture.name for step in steps for capture in step.captures)
            target = self.target(one, known)
            try:
                check_name(name)
                think, captures = read_think(one.think, first=at == 1), read_captures(one.capture)
            except ValueError as exc:
                raise ConfigError(f"{one.where}: {exc}") from exc
            label = f"{name} {at}: {target.name}"[:MAX_NAME]
            steps.append(Step(target=replace(target, name=label), captures=captures, think=think))
        return Session(name=name, where=written.where, weight=written.weight, steps=tuple(steps))

    def target(self, one: Described, captured: tuple[str, ...] = ()) -> Target:
        """The target itself. Raises ConfigError."""
        try:
            method = read_method(one.method)
            path, origin = read_path(one.path)
            if origin:
                self.origins.setdefault(origin, one.where)
            headers = check_headers(one.headers)
            target = Target(
                name=default_name(method, one.path) if one.name is None else check_name(one.name),
                where=one.where,
                path=self._resolved(path, in_path),
                method=method,
                weight=one.weight,
                headers=tuple((name, self._resolved(value, in_header)) for name, value in headers),
                body=self._body(one.body, content_type(headers)) if one.body else b"",
                expected=None if one.expect is None else read_codes(one.expect),
            )
            check_fields(target, captured)
        except ValueError as exc:
            raise ConfigError(f"{one.where}: {exc}") from exc
        return target

    def _resolved(self, template: Template, encode: Encoder) -> Template:
        """With the secrets in it, which are texts like others from then on. Raises ValueError or ConfigError."""
        return joined(
            encode(secret_text(part, self._environment, self._folder)) if isinstance(part, Secret) else part
            for part in template
        )

    def _body(self, body: BodyText, kind: str) -> Template | bytes:
        if body.kind in {"file", "base64"}:
            return self._bytes(body)
        text = body.text if body.kind == "text" else _utf8(self._bytes(body), body.text)
        if len(text.encode()) > MAX_BODY_BYTES:
            raise ValueError(f"a body above {MAX_BODY_BYTES >> 20} MiB")
        return self._resolved(parse_template(text), in_body(kind))

    def _bytes(self, body: BodyText) -> bytes:
        """The content of a file, or the decoded base64; each is read once. Raises ValueError."""
        if body not in self.bodies:
            self.bodies[body] = (
                _decoded(body.text) if body.kind == "base64" else read_whole(self._folder / body.text, MAX_BODY_BYTES)
            )
            if sum(map(len, self.bodies.values())) > MAX_BODIES_BYTES:
                raise ValueError(f"bodies above {MAX_BODIES_BYTES >> 20} MiB together")
        return self.bodies[body]


def content_type(headers: Iterable[tuple[str, Template]]) -> str:
    """The type of a body; empty where no header says it as a plain text."""
    for name, value in headers:
        if name.lower() == "content-type" and value and isinstance(value[0], str):
            return value[0]
    return ""


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except binascii.Error as exc:
        raise ValueError(f"body_base64: {exc}") from exc


def _utf8(content: bytes, name: str) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError as exc:
        raise ValueError(f"{name}: not UTF-8 text (byte {exc.start})") from exc


def _named(targets: list[Target]) -> tuple[Target, ...]:
    """The same with distinct names: those that are the same by default get numbers."""
    seen: Counter[str] = Counter()
    found = []
    for target in targets:
        seen[target.name] += 1
        count = seen[target.name]
        found.append(target if count == 1 else replace(target, name=f"{target.name}#{count}"))
    return tuple(found)


def _check_distinct(names: Iterable[tuple[str, str]]) -> None:
    """`names`: and where each is. Raises ConfigError."""
    seen: set[str] = set()
    for name, where in names:
        if name in seen:
            raise ConfigError(f"{where}: duplicate name {name}")
        seen.add(name)


def _one_origin(origins: Mapping[str, str]) -> str | None:
    """The one origin of all targets; `origins`: where each was found first. Raises ConfigError."""
    if len(origins) < 2:
        return next(iter(origins), None)
    first, second, *_ = origins
    raise ConfigError(f"{origins[second]}: {second}, after {first}: expected one scheme, host and port for a run")


def _read_tables(targets: Iterable[Target], folder: Path) -> dict[str, dict[str, tuple[str, ...]]]:
    """The data of all templates. Raises ConfigError, also for values that are not allowed where they are used."""
    columns: dict[str, dict[str, None]] = {}
    for target in targets:
        for cell in target.cells():
            columns.setdefault(cell.file, {})[cell.column] = None
    tables = {file: read_columns(folder / file, list(wanted)) for file, wanted in columns.items()}
    checked: set[tuple[str, str, Encoder]] = set()
    for target in targets:
        uses = [(one, in_header) for _, value in target.headers for one in value]
        for one, encode in [*uses, *zip(target.path[:1], [whole_path], strict=True)]:
            if isinstance(one, Cell) and (one.file, one.column, encode) not in checked:
                checked.add((one.file, one.column, encode))
                _check_column(tables[one.file][one.column], encode, f"{folder / one.file}: {one.column}")
    return tables


def _check_column(values: Iterable[str], encode: Encoder, name: str) -> None:
    for number, value in enumerate(values, 1):
        try:
            encode(value)
        except ValueError as exc:
            raise ConfigError(f"{name}, row {number}: {exc}") from exc
