"""Values at a record's paths: can a value be a certain field, and as which text? Pure."""

import re
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from exporter.accesslog.formats.durations import is_duration
from exporter.accesslog.formats.keyed.field_paths import Role

REQUEST = re.compile(r"([A-Za-z][A-Za-z-]*) ([^ ]+)(?: .*)?", re.DOTALL)
TARGET = re.compile(r"/|[a-zA-Z][a-zA-Z0-9+.-]*://")
_METHOD = re.compile(r"[A-Z][A-Z-]{0,19}|get|head|post|put|delete|patch|options")  # small ones are hapi's
_WHOLE = re.compile(rb"[-0-9,: ]*[1-9][-0-9,: ]*")


def is_request(value: Any) -> bool:
    """Whether it is a whole request line."""
    return isinstance(value, str) and REQUEST.fullmatch(value) is not None


def is_method(value: Any) -> bool:
    """Whether it can be a method."""
    return isinstance(value, str) and _METHOD.fullmatch(value) is not None


def is_target(value: Any) -> bool:
    """Whether it can be what was asked for."""
    return isinstance(value, str) and TARGET.match(value) is not None


def is_code(value: Any) -> bool:
    """Whether it is a status code."""
    text = field_text(value)
    return len(text) == 3 and text.isdigit() and not text.startswith(b"0")


def is_size(value: Any) -> bool:
    """Whether it is a number of bytes."""
    return field_text(value).isdigit()


def is_time(value: Any) -> bool:
    """Whether it is a duration, or several."""
    return isinstance(value, list) or is_duration(field_text(value))


FITS: Mapping[Role, Callable[[Any], bool]] = {
    "request": is_request,
    "method": is_method,
    "target": is_target,
    "code": is_code,
    "size": is_size,
    "duration": is_time,
}


def field_text(value: Any) -> bytes:
    """A field as the text of a line; values that are neither text nor number become text that no field accepts."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace")
    if value is None:
        return b""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return repr(value).encode()


LARGEST = 1e300


def text_of(value: Any) -> str:
    """A field as a label has it; nothing where the line has none."""
    if isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < LARGEST else repr(value)
    return msgspec.json.encode(value).decode()


def more_text(value: Any) -> bytes:
    """A field beside the five as a line would have it; a list of one text, as Caddy writes headers, is that text."""
    if isinstance(value, list | tuple) and len(value) == 1 and isinstance(value[0], str):
        value = value[0]
    return text_of(value).encode("utf-8", "replace")


def time_text(value: Any) -> bytes:
    """A duration as a line would have it, several with commas between."""
    return b", ".join(map(field_text, value)) if isinstance(value, list) else field_text(value)


def is_whole(value: Any) -> bool:
    """Whether it is a number without a point, or some of them; zero is zero in any unit."""
    return not isinstance(value, float) and _WHOLE.fullmatch(time_text(value)) is not None
