"""Targets in YAML. Pure.

targets:
  - GET /                            # method and path
  - path: /users/{random 1 1000}
    weight: 5
    headers: {Authorization: "Bearer ${env:TOKEN}"}
sessions:
  - steps:
      - path: /login
        capture: {token: "json:$.token"}
      - {path: "/cart?t={token}", think: 1s-5s}
"""

from collections.abc import Iterator
from typing import Annotated, TypeVar

import msgspec

from foundation.errors import ConfigError
from foundation.keys import ShapeError, convert
from foundation.yamltree import Node, TreeError, read_tree
from trafficgen.targets.described import BodyKind, Described, DescribedFile, DescribedSession, one_body
from trafficgen.targets.session import MAX_STEPS

T = TypeVar("T")
ASKED = "is this a file of targets?"

BODY_KEYS: dict[BodyKind, str] = {
    "text": "body",
    "file": "body_file",
    "template": "body_template",
    "base64": "body_base64",
}


class TargetText(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One entry of `targets` that is a mapping.

    path: the path, a template.
    method: the method.
    name: the name in reports; by default method and path.
    weight: the share of requests, relative to the other weights.
    headers: headers by name; values are templates.
    body: the body, a template.
    body_file: a file that is the body.
    body_template: a file that is a template of the body.
    body_base64: the body in base64.
    expect: status codes that count as success; by default all but 5xx.
    """

    path: str
    method: str = "GET"
    name: str | None = None
    weight: Annotated[float, msgspec.Meta(ge=0, le=1e12)] = 1.0
    headers: dict[str, str] = msgspec.field(default_factory=dict)
    body: str | None = None
    body_file: str | None = None
    body_template: str | None = None
    body_base64: str | None = None
    expect: int | str | list[int | str] | None = None


class StepText(TargetText, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One entry of `steps` that is a mapping.

    capture: values of the response that later steps use, by name.
    think: the pause before the step, drawn between two times where two are named.
    """

    capture: dict[str, str] = msgspec.field(default_factory=dict)
    think: str | None = None


class SessionText(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One entry of `sessions`.

    steps: requests, one after the other.
    name: the name in reports.
    weight: the share of sessions, relative to the other weights.
    """

    steps: Annotated[list[str | StepText], msgspec.Meta(min_length=1, max_length=MAX_STEPS)]
    name: str | None = None
    weight: Annotated[float, msgspec.Meta(ge=0, le=1e12)] = 1.0


class FileText(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A file of targets.

    targets: single requests: `METHOD PATH`, or a mapping.
    sessions: sequences of requests by one user.
    """

    targets: list[str | TargetText] = msgspec.field(default_factory=list)
    sessions: list[SessionText] = msgspec.field(default_factory=list)


def parse_yaml(text: str, name: str) -> DescribedFile:
    """The targets and sessions of a file. Raises ConfigError."""
    try:
        tree = read_tree(text, ASKED)
        written: FileText = convert(tree, FileText)
    except TreeError as exc:
        raise ConfigError(f"{name}:{exc.line}: {exc}") from exc
    except ShapeError as exc:
        raise ConfigError(f"{name}:{exc.line}: {exc.path}: {exc}") from exc
    targets = [_described(one, f"{name}:{at.line}") for one, at in _placed(written.targets, tree, "targets")]
    sessions = [
        DescribedSession(
            f"{name}:{node.line}",
            one.name,
            one.weight,
            [_described(step, f"{name}:{at.line}") for step, at in _placed(one.steps, node, "steps")],
        )
        for one, node in _placed(written.sessions, tree, "sessions")
    ]
    return DescribedFile(targets, sessions)


def _placed(items: list[T], parent: Node, key: str) -> Iterator[tuple[T, Node]]:
    """The items of a list, each with its node."""
    if not items:
        return
    assert isinstance(parent.value, dict)
    nodes = parent.value[key].value
    assert isinstance(nodes, list)
    yield from zip(items, nodes, strict=True)


def _described(written: str | TargetText | StepText, where: str) -> Described:
    try:
        if isinstance(written, str):
            method, path = split_request(written)
            return Described(where=where, method=method, path=path)
        body = one_body({kind: getattr(written, key) for kind, key in BODY_KEYS.items()}, BODY_KEYS)
    except ValueError as exc:
        raise ConfigError(f"{where}: {exc}") from exc
    step = written if isinstance(written, StepText) else None
    return Described(
        where=where,
        capture=step.capture if step else {},
        think=step.think if step else None,
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
