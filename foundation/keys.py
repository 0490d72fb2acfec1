"""The values of a configuration's keys: a tree of YAML to frozen structs. Errors are in words, with path and line.

Structs say what they want in msgspec's annotations. Four marks have the grammar of the flags, also for a number:

    timeout_s: Annotated[float, duration(most_s=60)] = 5.0
    http: Annotated[Address, address()] | None = None
    start: Annotated[datetime, moment()]
    max_bytes: Annotated[int, size(most_bytes=64 << 20)] = 1 << 20

A mark replaces the bounds of its type; `extra={"words": ...}` in a Meta says in words what its bounds are.
"""

import math
import re
from collections.abc import Callable
from datetime import UTC, datetime, tzinfo
from typing import Annotated, Any, Unpack

import msgspec
from msgspec import inspect

from foundation.grammar import (
    ADDRESS_PATTERN,
    DURATION_PATTERN,
    INSTANT_PATTERN,
    MAX_DURATION_S,
    MAX_SIZE_BYTES,
    SIZE_PATTERN,
    DurationBounds,
    duration_s,
    host_port,
    instant_or_word,
    size_bytes,
)
from foundation.nearest import nearest
from foundation.terminal import printable
from foundation.yamltree import Node

_LARGEST = (1 << 63) - 1
_PLAIN_KEY = re.compile(r"[A-Za-z0-9_-]+")
_Number = inspect.IntType | inspect.FloatType
_List = inspect.ListType | inspect.VarTupleType


Name = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^[A-Za-z0-9_.:/-]{1,100}\Z", extra={"words": "a name of at most 100 letters, digits or any of _.:/-"}
    ),
]
"""The name of a source: it becomes a label, and part of file names."""


class ShapeError(ValueError):
    """A key has an invalid value. The message is for the user, `line` counts from 1, `path` begins with $."""

    def __init__(self, node: Node, path: str, text: str) -> None:
        """`node`: its place. `text`: the fault, and what would be right."""
        super().__init__(text)
        self.line, self.path = node.line, path


WRITTEN = "written"
"""In a mark's part of a JSON Schema: the schema of what is written, in the place of that of the value."""


def _mark(grammar: str, words: str, read: Callable[[str | float], Any], **schema: Any) -> msgspec.Meta:
    return msgspec.Meta(extra={"grammar": grammar, "words": words, "read": read}, extra_json_schema={WRITTEN: schema})


def duration(**bounds: Unpack[DurationBounds]) -> msgspec.Meta:
    """The mark of a key that holds seconds: a float, or an int where they must be whole."""
    number = int if bounds.get("whole") else float
    least_s = bounds.get("least_s", 0.0)
    least = "minimum" if least_s or bounds.get("zero") else "exclusiveMinimum"
    return _mark(
        "duration",
        "a duration",
        lambda given: number(duration_s(given, **bounds)),
        type=["number", "string"],
        pattern=DURATION_PATTERN,
        maximum=bounds.get("most_s", MAX_DURATION_S),
        **{least: least_s},
        **({"multipleOf": 1} if bounds.get("whole") else {}),
    )


def address(*, free: bool = True) -> msgspec.Meta:
    """The mark of an Address; `free`: port 0 is allowed."""
    return _mark(
        "address", "an address", lambda given: host_port(given, free=free), type="string", pattern=ADDRESS_PATTERN
    )


def moment(
    *, zone: tzinfo | None = UTC, words: tuple[str, ...] = (), unit: Callable[[datetime], Any] = lambda at: at
) -> msgspec.Meta:
    """The mark of an instant. `zone`: of what names none; `words`: stand for themselves; `unit`: makes the value."""

    def read(given: str | float) -> Any:
        """A word as it is, or a time."""
        found = instant_or_word(given, words, zone)
        return found if isinstance(found, str) else unit(found)

    pattern = "|".join((INSTANT_PATTERN, *(f"^{word}$" for word in words)))
    return _mark("instant", "a time", read, type=["string", "number"], pattern=pattern)


def size(*, least_bytes: int = 0, most_bytes: int = MAX_SIZE_BYTES) -> msgspec.Meta:
    """The mark of a key that holds bytes, an int."""
    return _mark(
        "size",
        "a size",
        lambda given: size_bytes(given, least_bytes=least_bytes, most_bytes=most_bytes),
        type=["integer", "string"],
        pattern=SIZE_PATTERN,
        minimum=least_bytes,
        maximum=most_bytes,
    )


def convert(node: Node, kind: Any) -> Any:
    """The tree as a `kind`; one without anything as its defaults. Raises ShapeError."""
    wanted = inspect.type_info(kind)
    if node.value is None and isinstance(wanted, inspect.StructType):
        node = Node(line=node.line, value={})
    return _convert(node, wanted, "$")


def _convert(node: Node, kind: inspect.Type, path: str) -> Any:
    if isinstance(kind, inspect.Metadata):
        read = (kind.extra or {}).get("read")
        if read:
            return _read(node, read, path)
        if _fits(node, kind):
            return _convert(node, kind.type, path)
    if isinstance(kind, inspect.UnionType):
        fitting = next((one for one in kind.types if _fits(node, one)), None)
        others = [one for one in kind.types if not isinstance(one, inspect.NoneType)]
        if fitting is None and len(others) > 1:
            raise ShapeError(node, path, f"expected {' or '.join(map(_words, others))}")
        return _convert(node, fitting or others[0], path)
    if not _fits(node, kind):
        raise ShapeError(node, path, f"expected {_words(kind)}{_remedy(node, kind)}")
    if isinstance(kind, inspect.StructType):
        return _struct(node, kind, path)
    if isinstance(kind, inspect.DictType):
        return {key: _convert(child, kind.value_type, _step(path, key)) for key, child in _children(node).items()}
    if isinstance(kind, _List):
        items = [_convert(item, kind.item_type, f"{path}[{n}]") for n, item in enumerate(_items(node))]
        return items if isinstance(kind, inspect.ListType) else tuple(items)
    return float(node.value) if isinstance(kind, inspect.FloatType) else node.value  # type: ignore[arg-type]


def _read(node: Node, read: Callable[[str | float], Any], path: str) -> Any:
    if isinstance(node.value, list | dict) or node.value is None:
        raise ShapeError(node, path, "expected one value, got " + ("nothing" if node.value is None else "several"))
    value = node.value
    words = isinstance(value, str | bool) or (isinstance(value, float) and not math.isfinite(value))
    try:
        return read(node.text if words else value)
    except ValueError as exc:
        raise ShapeError(node, path, str(exc)) from exc


def _struct(node: Node, kind: inspect.StructType, path: str) -> Any:
    fields = {field.encode_name: field for field in kind.fields}
    values = {}
    for key, child in _children(node).items():
        if key not in fields and not kind.forbid_unknown_fields:
            continue
        if key not in fields:
            known = f"; known here: {', '.join(fields)}"
            raise ShapeError(child, path, f"unknown key {_shown(key)}{_nearest(key, list(fields)) or known}")
        values[fields[key].name] = _convert(child, fields[key].type, _step(path, key))
    for key, field in fields.items():
        if field.required and field.name not in values:
            raise ShapeError(node, path, f"missing key {key}")
    try:
        return kind.cls(**values)
    except ValueError as exc:
        raise ShapeError(node, path, str(exc)) from exc


def _fits(node: Node, kind: inspect.Type) -> bool:
    value = node.value
    if isinstance(kind, inspect.Metadata):
        return isinstance(value, str | float | int) if "read" in (kind.extra or {}) else _fits(node, kind.type)
    if isinstance(kind, inspect.UnionType):
        return any(_fits(node, one) for one in kind.types)
    if isinstance(kind, inspect.StructType | inspect.DictType):
        return isinstance(value, dict)
    if isinstance(kind, _List):
        return isinstance(value, list) and len(value) >= (kind.min_length or 0)
    if isinstance(kind, inspect.LiteralType):
        return value in kind.values
    if isinstance(kind, inspect.StrType):
        return isinstance(value, str) and len(value) >= (kind.min_length or 0) and _matches(value, kind.pattern)
    if isinstance(kind, _Number):
        return _in_bounds(value, kind)
    if isinstance(kind, inspect.BoolType | inspect.NoneType):
        return type(value) is (bool if isinstance(kind, inspect.BoolType) else type(None))
    raise TypeError(f"{kind}: a key that holds this needs a mark")


def _matches(text: str, pattern: str | None) -> bool:
    return pattern is None or re.search(pattern, text) is not None


def _in_bounds(value: object, kind: inspect.IntType | inspect.FloatType) -> bool:
    if not isinstance(value, int | float) or isinstance(value, bool) or not abs(value) <= _LARGEST:
        return False
    if isinstance(kind, inspect.IntType) and not isinstance(value, int):
        return False
    return (
        (kind.gt is None or value > kind.gt)
        and (kind.ge is None or value >= kind.ge)
        and (kind.lt is None or value < kind.lt)
        and (kind.le is None or value <= kind.le)
    )


def _words(kind: inspect.Type) -> str:
    """The values of a kind, as words after `expected`."""
    if isinstance(kind, inspect.Metadata):
        return (kind.extra or {}).get("words") or _words(kind.type)
    if isinstance(kind, inspect.StructType):
        return f"a mapping with the keys {', '.join(field.encode_name for field in kind.fields)}"
    if isinstance(kind, inspect.LiteralType):
        return " or ".join(map(str, kind.values))
    if isinstance(kind, _List):
        return f"a list{' of at least one' if kind.min_length else ''}"
    if isinstance(kind, inspect.StrType):
        return f"text{f' like {kind.pattern}' if kind.pattern else ' that is not empty' if kind.min_length else ''}"
    if isinstance(kind, _Number):
        bounds = {" above": kind.gt, " of at least": kind.ge, " below": kind.lt, " of at most": kind.le}
        limits = " and".join(f"{word} {bound:g}" for word, bound in bounds.items() if bound is not None)
        return ("a whole number" if isinstance(kind, inspect.IntType) else "a number") + limits
    return {inspect.DictType: "a mapping", inspect.BoolType: "true or false"}.get(type(kind), "nothing")


def _remedy(node: Node, kind: inspect.Type) -> str:
    """What was written instead of a kind, or how to write it."""
    if isinstance(kind, inspect.Metadata):
        return _remedy(node, kind.type)
    if node.value is None:
        return ", got nothing"
    if isinstance(kind, _List) and isinstance(node.value, dict):
        return ": begin each item with -"
    if isinstance(kind, _List) and not isinstance(node.value, list):
        return f", for example [{_shown(node.text)}]"
    if isinstance(kind, inspect.StrType) and isinstance(node.value, int | float):
        return ": write it in quotes"
    if isinstance(kind, inspect.LiteralType) and isinstance(node.value, str):
        return _nearest(node.text, list(map(str, kind.values))) or f", got {_shown(node.text)}"
    if isinstance(node.value, list | dict):
        what = "a list" if isinstance(node.value, list) else "a mapping"
        if isinstance(kind, inspect.StrType) and _is_word_in_braces(node):
            return ", got a mapping; write text that begins with { in quotes"
        return f", got {what if node.value else 'an empty one'}"
    return f", got {_shown(node.text)}"


def _is_word_in_braces(node: Node) -> bool:
    """Whether a mapping may be meant as text, such as {word}: it has keys alone."""
    return isinstance(node.value, dict) and bool(node.value) and all(one.value is None for one in node.value.values())


def _nearest(written: str, known: list[str]) -> str:
    close = nearest(written, known)
    return f"; did you mean {close}?" if close else ""


def _children(node: Node) -> dict[str, Node]:
    assert isinstance(node.value, dict)
    return node.value


def _items(node: Node) -> list[Node]:
    assert isinstance(node.value, list)
    return node.value


def _step(path: str, key: str) -> str:
    return f"{path}.{key}" if _PLAIN_KEY.fullmatch(key) else f"{path}[{_shown(key)!r}]"


def _shown(text: str) -> str:
    shown = printable(text)
    return shown if len(shown) <= 60 else f"{shown[:57]}..."
