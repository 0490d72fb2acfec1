"""Targets in YAML. Pure.

targets:
  - GET /                            # method and path
  - path: /users/{random 1 1000}
    weight: 5
    headers: {Authorization: "Bearer ${env:TOKEN}"}
"""

from typing import Annotated

import msgspec

from foundation.errors import ConfigError
from foundation.keys import ShapeError, convert
from foundation.yamltree import Node, TreeError, read_tree
from trafficgen.targets.described import BodyKind, Described, one_body

BODY_KEYS: dict[BodyKind, str] = {
    "text": "body",
    "file": "body_file",
    "template": "body_template",
    "base64": "body_base64",
}


class TargetText(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One entry of `targets` that is a mapping."""

    path: str
    method: str = "GET"
    name: str | None = None
    weight: Annotated[float, msgspec.Meta(ge=0, le=1e12)] = 1.0
    headers: dict[str, str] = msgspec.field(default_factory=dict)
    body: str | None = None  # a template
    body_file: str | None = None  # sent as it is
    body_template: str | None = None  # a file that is a template
    body_base64: str | None = None
    expect: int | str | list[int | str] | None = None  # codes; without it, all but 5xx


class FileText(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The file as written."""

    targets: Annotated[list[str | TargetText], msgspec.Meta(min_length=1)]


def parse_yaml(text: str, name: str) -> list[Described]:
    """The targets of a file. Raises ConfigError."""
    try:
        tree = read_tree(text)
        written: FileText = convert(tree, FileText)
    except TreeError as exc:
        raise ConfigError(f"{name}:{exc.line}: {exc}") from exc
    except ShapeError as exc:
        raise ConfigError(f"{name}:{exc.line}: {exc.path}: {exc}") from exc
    lines = _lines(tree, "targets")
    return [_described(target, f"{name}:{line}") for target, line in zip(written.targets, lines, strict=True)]


def _lines(tree: Node, key: str) -> list[int]:
    """The line of each item of a list that is a value of the document."""
    assert isinstance(tree.value, dict)
    items = tree.value[key].value
    assert isinstance(items, list)
    return [item.line for item in items]


def _described(written: str | TargetText, where: str) -> Described:
    try:
        if isinstance(written, str):
            method, path = split_request(written)
            return Described(where=where, method=method, path=path)
        body = one_body({kind: getattr(written, key) for kind, key in BODY_KEYS.items()}, BODY_KEYS)
    except ValueError as exc:
        raise ConfigError(f"{where}: {exc}") from exc
    return Described(
        where=where,
        path=written.path,
        method=written.method,
        name=written.name,
        weight=written.weight,
        headers=written.headers,
        body=body,
        expect=_codes(written.expect),
    )


def _codes(written: int | str | list[int | str] | None) -> str | None:
    return ",".join(map(str, written)) if isinstance(written, list) else None if written is None else str(written)


def split_request(text: str) -> tuple[str, str]:
    """`POST /path` as method and path; a lone path is a GET. Raises ValueError."""
    first, _, rest = text.strip().partition(" ")
    method, path = (first, rest.strip()) if first.isalpha() else ("GET", text.strip())
    if not path:
        raise ValueError("expected a method and a path, for example GET /")
    return method, path
