"""JSON from outside: every fault of it, its depth included, is one error that a server answers and a reader counts."""

import re
from typing import Any, TypeVar, overload

import msgspec

from foundation.errors import BadRecord, in_words

T = TypeVar("T")

JSON_ERRORS = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""The errors of decoding; for decoders that are created once and used for each line."""


@overload
def read_json(text: bytes | str) -> Any: ...
@overload
def read_json(text: bytes | str, kind: type[T]) -> T: ...
def read_json(text: bytes | str, kind: Any = Any) -> Any:
    """Decode into `kind`. Raises BadRecord("json"), with the fault and its place."""
    try:
        return msgspec.json.decode(text, type=kind)
    except JSON_ERRORS as exc:
        raise BadRecord("json", why_not_json(exc)) from exc


def why_not_json(exc: Exception) -> str:
    """One of `JSON_ERRORS`, or another error of reading or converting a document, in words."""
    if isinstance(exc, OSError):
        return in_words(exc)
    if isinstance(exc, RecursionError):
        return "nested too deeply"
    return f"not UTF-8 text: {exc.reason}" if isinstance(exc, UnicodeDecodeError) else in_words_of_json(str(exc))


_AT = re.compile(r"(?P<text>.*) - at `(?:key in )?(?P<path>[^`]*)`", re.DOTALL)
_TYPES = re.compile(r"`([^`]*)`")
_WORDS = {
    "array": "an array",
    "object": "an object",
    "str": "a string",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "null": "null",
}


def in_words_of_json(text: str) -> str:
    """The message of msgspec about a document, in JSON terms, path first: `$[0].begin: expected a number`."""
    at = _AT.fullmatch(text)
    path = f"{at['path']}: " if at else ""
    text = at["text"] if at else text
    for raw, ours in (
        ("Object missing required field", "missing key"),
        ("Object contains unknown field", "unknown key"),
    ):
        if text.startswith(raw):
            return f"{path}{ours} {text[len(raw) :].strip().strip('`')}"
    if not text.startswith("Expected "):
        return f"{path}{text}"
    words = _TYPES.sub(lambda named: " or ".join(_WORDS.get(one.strip(), one) for one in named[1].split("|")), text)
    return f"{path}{words[0].lower()}{words[1:]}"
