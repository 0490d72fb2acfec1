"""Regexes as Prometheus takes them: those of Go, which are RE2's but for a few. Pure."""

import re

from foundation import re2

_MEMORY_BYTES = 64 << 20  # Prometheus' own are smaller: Go has one step for a character, RE2 one for each of its bytes
_DEEPEST = 1000  # groups in one another, in Go
_PIECE = re.compile(
    r"""(?P<lacking>\\C|\(\?<|\(\?P<\w*[^\w>]|\{(?:\d+,)?\d{9,})
    |\\Q.*?(?:\\E|\Z)|\\.|\[\^?\]?(?:\\.|\[:\^?\w+:\]|[^\]\\])*\]|.""",
    re.VERBOSE | re.DOTALL | re.ASCII,
)
"""A regex in pieces, among them what RE2 takes and Prometheus refuses: single bytes, names of groups beyond ASCII or
(in an older Prometheus) without `P`, numbers of repetitions that RE2 cannot read and takes for texts."""


def check_regex(text: str) -> None:
    """Raises ValueError, its text for the user, where Prometheus would refuse `text`."""
    try:
        re2.compiled(text, memory_bytes=_MEMORY_BYTES)
    except ValueError as exc:
        raise invalid_regex(text, str(exc)) from exc
    depth = 0
    for match in _PIECE.finditer(text):
        if match["lacking"]:
            raise invalid_regex(text, f"Prometheus has no {match['lacking']}")
        depth += (match[0] == "(") - (match[0] == ")")
        if depth >= _DEEPEST:
            raise invalid_regex(text, f"groups are nested {_DEEPEST} deep")


def invalid_regex(text: str, reason: str) -> ValueError:
    """The error that says why `text` is refused, and what would be right."""
    return ValueError(
        f"invalid regex {text!r}: {reason}; expected a regex as Prometheus takes it, for example shop|api-.+"
    )
