"""Sessions: steps in order, with values taken from answers, and pauses. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from foundation.grammar import duration_s
from trafficgen.targets.capture import Capture, read_capture
from trafficgen.targets.target import Target

MAX_STEPS = 100
MAX_THINK_S = 3600.0


class Think(NamedTuple):
    """The pause before a step, drawn between two lengths."""

    low_s: float = 0.0
    high_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A request of a session. `think`: from the answer of the step before until this one is due."""

    target: Target
    captures: tuple[Capture, ...] = ()
    think: Think = Think()  # noqa: RUF009, a tuple of two numbers


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """Steps that one user takes; `weight` is its share of what the plan starts."""

    name: str
    where: str
    weight: float
    steps: tuple[Step, ...]


def read_think(text: str | None, *, first: bool) -> Think:
    """`2s` or `1s-5s`. Raises ValueError in words."""
    if text is None:
        return Think()
    if first:
        raise ValueError("think: the first step of a session is due when the session is; expected it at later steps")
    low, _, high = text.partition("-")
    try:
        bounds = [duration_s(one.strip(), most_s=MAX_THINK_S, zero=True) for one in (low, high or low)]
    except ValueError as exc:
        raise ValueError(f"think: {exc}, or two of them, for example 1s-5s") from exc
    if bounds[0] > bounds[1]:
        raise ValueError(f"think: expected the shorter pause first, for example {high}-{low}")
    return Think(*bounds)


def read_captures(written: Mapping[str, str]) -> tuple[Capture, ...]:
    """The entries of `capture`. Raises ValueError in words."""
    return tuple(read_capture(name, text) for name, text in written.items())


def path_matches(cookie_path: str, path: str) -> bool:
    """Whether a cookie of `cookie_path` goes with a request to `path`, as RFC 6265, section 5.1.4 has it."""
    if not path.startswith(cookie_path):
        return False
    return path == cookie_path or cookie_path.endswith("/") or path[len(cookie_path)] == "/"


def default_path(path: str) -> str:
    """The path of a cookie that does not name one: the folder of the request's."""
    return re.sub(r"/[^/]*\Z", "", path.partition("?")[0]) or "/"
