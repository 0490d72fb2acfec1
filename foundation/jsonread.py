"""JSON from outside: every fault of it, its depth included, is one error that a server answers and a reader counts."""

from typing import Any, TypeVar, overload

import msgspec

from foundation.errors import BadRecord

T = TypeVar("T")

JSON_ERRORS = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What decoding can raise; for decoders that are made once and used for each line."""


@overload
def read_json(text: bytes | str) -> Any: ...
@overload
def read_json(text: bytes | str, kind: type[T]) -> T: ...
def read_json(text: bytes | str, kind: Any = Any) -> Any:
    """Decode into `kind`. Raises BadRecord("json"), whose text says what is wrong and where."""
    try:
        return msgspec.json.decode(text, type=kind)
    except JSON_ERRORS as exc:
        raise BadRecord("json", why_not_json(exc)) from exc


def why_not_json(exc: Exception) -> str:
    """One of `JSON_ERRORS` in words."""
    if isinstance(exc, RecursionError):
        return "nested too deeply"
    return f"not UTF-8 text: {exc.reason}" if isinstance(exc, UnicodeDecodeError) else str(exc)
