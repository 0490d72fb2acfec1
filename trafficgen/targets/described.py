"""A target as written, in whatever form: what the readers of the forms have in common. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, TypeAlias

BodyKind: TypeAlias = Literal["text", "file", "template", "base64"]


class BodyText(NamedTuple):
    """A body: a template, the name of a file that is sent as it is or is a template, or bytes in base64."""

    kind: BodyKind
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """One target. `where`: file and line, for messages."""

    where: str
    path: str
    method: str = "GET"
    name: str | None = None
    weight: float = 1.0
    headers: Mapping[str, str] = field(default_factory=dict)
    body: BodyText | None = None
    expect: str | None = None  # codes
    capture: Mapping[str, str] = field(default_factory=dict)  # of a step
    think: str | None = None


class DescribedSession(NamedTuple):
    """A session as written."""

    where: str
    name: str | None
    weight: float
    steps: list[Described]


class DescribedFile(NamedTuple):
    """A file as written."""

    targets: list[Described]
    sessions: list[DescribedSession]


def one_body(given: Mapping[BodyKind, str | None], names: Mapping[BodyKind, str]) -> BodyText | None:
    """The one body of several that are possible. Raises ValueError; `names`: what the form calls them."""
    some = [BodyText(kind, text) for kind, text in given.items() if text is not None]
    if len(some) > 1:
        raise ValueError(f"{' and '.join(names[body.kind] for body in some)}: expected one of them")
    return some[0] if some else None
