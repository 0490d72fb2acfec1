"""State of versions in which codes were whole numbers. Pure."""

from typing import Any, TypeVar

import msgspec

from exporter.releases.state import OTHER_CODE

T = TypeVar("T")

_OTHER_CODE = 1_000_000_000
"""The code for codes past the limit: records had at most nine digits."""


def unpack(data: bytes, kind: type[T]) -> T:
    """Decode saved state of this version or earlier ones. Raises msgspec.MsgspecError."""
    try:
        return msgspec.msgpack.decode(data, type=kind)
    except msgspec.ValidationError:
        return msgspec.convert(_codes_as_text(msgspec.msgpack.decode(data)), kind)


def _codes_as_text(value: Any) -> Any:
    """Codes were the keys that are whole numbers, alone or in a tuple, and the values of `code` and `codes`."""
    if isinstance(value, dict):
        return {_key(key): _member(key, member) for key, member in value.items()}
    return [_codes_as_text(one) for one in value] if isinstance(value, list) else value


def _key(key: Any) -> Any:
    return tuple(map(_code, key)) if isinstance(key, tuple) else _code(key)


def _member(name: Any, value: Any) -> Any:
    if name == "code":
        return _code(value)
    return list(map(_code, value)) if name == "codes" and isinstance(value, list) else _codes_as_text(value)


def _code(value: Any) -> Any:
    if not isinstance(value, int):
        return value
    return OTHER_CODE if value == _OTHER_CODE else str(value)
