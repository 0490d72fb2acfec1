"""State of files as MessagePack: names are arbitrary bytes, which Python's text can hold, but UTF-8 cannot."""

from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")

_ESCAPED = b"\xc1"  # begins no MessagePack
_MARK = "\0"  # before a text that is written in another way; no name has one


def pack(value: object) -> bytes:
    """Encode; whatever texts are in it."""
    try:
        return msgspec.msgpack.encode(value)
    except UnicodeEncodeError:
        plain = msgspec.to_builtins(value, builtin_types=(bytes,))
        return _ESCAPED + msgspec.msgpack.encode(_every_text(plain, _escaped))


def unpack(data: bytes, kind: type[T]) -> T:
    """The argument of `pack`. Raises msgspec.DecodeError and UnicodeError."""
    if not data.startswith(_ESCAPED):
        return msgspec.msgpack.decode(data, type=kind)
    plain = _every_text(msgspec.msgpack.decode(data[1:]), _unescaped)
    return msgspec.convert(plain, kind, builtin_types=(bytes,))


def _every_text(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {_every_text(key, change): _every_text(one, change) for key, one in value.items()}
    return [_every_text(one, change) for one in value] if isinstance(value, list | tuple) else value


def _escaped(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        pass
    else:
        if not text.startswith(_MARK):
            return text
    return _MARK + text.encode("utf-16-le", "surrogatepass").decode("latin-1")


def _unescaped(text: str) -> str:
    if not text.startswith(_MARK):
        return text
    return text.removeprefix(_MARK).encode("latin-1").decode("utf-16-le", "surrogatepass")
