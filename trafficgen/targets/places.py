"""How a value is written in its place: percent-encoded in a path, escaped in JSON, encoded in a form. Pure."""

import json
from collections.abc import Callable
from typing import TypeAlias
from urllib.parse import quote, quote_plus

from trafficgen.plan.mix import is_path

Encoder: TypeAlias = Callable[[str], str]
"""Raises ValueError for a value that is not allowed there."""


def in_path(value: str) -> str:
    """A value as a part of a path or of its query."""
    return quote(value, safe="")


def whole_path(value: str) -> str:
    """A value that a path begins with, which is a path itself. Raises ValueError."""
    if not is_path(value):
        raise ValueError("expected a path that begins with / and is percent-encoded ASCII without blanks and #")
    return value


def in_header(value: str) -> str:
    """A value as a part of a header. Raises ValueError."""
    if any(c in value for c in "\r\n\0"):
        raise ValueError("a header cannot hold a line end")
    return value


def in_json(value: str) -> str:
    """A value inside the quotes of a JSON string."""
    return json.dumps(value, ensure_ascii=False)[1:-1]


def in_body(content_type: str) -> Encoder:
    """How a value is written in a body of this type: escaped in JSON and forms, elsewhere as it is."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "application/json" or kind.endswith("+json"):
        return in_json
    return quote_plus if kind == "application/x-www-form-urlencoded" else str
