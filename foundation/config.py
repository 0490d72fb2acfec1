"""YAML files to frozen structs, with errors that name the file, the path and what would be right.

Unknown keys are refused. A system's own settings are a struct in its package; this module only knows how to read one.
"""

import difflib
import re
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import yaml

from foundation.errors import ConfigError

T = TypeVar("T")
MAX_CONFIG_BYTES = 4 << 20  # a configuration larger than this is a mistake: a log file given for it, say

_UNKNOWN = re.compile(r"Object contains unknown field `(?P<field>[^`]*)`(?: - at `(?P<path>[^`]*)`)?")
_ANY_KEY = "..."
_STEP = re.compile(r"\.([^.\[\]]+)|\[(?:(\.\.\.)|(\d+))\]")
_OTHER = re.compile(r"(?P<text>.*?)(?: - at `(?P<path>[^`]*)`)?\Z", re.DOTALL)


def read_config(path: Path, kind: type[T]) -> T:
    """Read `path` as YAML into `kind`, a msgspec Struct. Raises ConfigError."""
    try:
        if path.stat().st_size > MAX_CONFIG_BYTES:
            raise ConfigError(f"{path}: larger than {MAX_CONFIG_BYTES >> 20} MiB; is this the configuration?")
        text = path.read_text("utf-8")
    except OSError as exc:
        raise ConfigError(f"{path}: {exc.strerror}") from exc
    except UnicodeDecodeError as exc:
        raise ConfigError(f"{path}: not UTF-8 text (byte {exc.start})") from exc
    return parse_config(text, kind, name=str(path))


def parse_config(text: str, kind: type[T], *, name: str = "config") -> T:
    """Read YAML text into `kind`. Raises ConfigError that starts with `name` and the line, where one is known."""
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        tree: Any = yaml.safe_load(text)
    except yaml.MarkedYAMLError as exc:
        line = exc.problem_mark.line + 1 if exc.problem_mark else 1
        raise ConfigError(f"{name}:{line}: not YAML: {exc.problem}") from exc
    except yaml.YAMLError as exc:
        raise ConfigError(f"{name}: not YAML: {exc}") from exc
    try:
        return msgspec.convert({} if tree is None else tree, kind)
    except msgspec.ValidationError as exc:
        raise ConfigError(_explain(str(exc), node, kind, name)) from exc


def _explain(message: str, node: yaml.Node | None, kind: type, name: str) -> str:
    if unknown := _UNKNOWN.match(message):
        path, field = unknown["path"] or "$", unknown["field"]
        line = _line_of(node, path, field)
        known = _fields_at(kind, path)
        close = difflib.get_close_matches(field, known, n=1)
        hint = f"; did you mean {close[0]}?" if close else f"; known here: {', '.join(known)}" if known else ""
        return f"{name}:{line}: {path}: unknown key {field}{hint}"
    match = _OTHER.match(message)
    path = (match["path"] if match else None) or "$"
    text = match["text"] if match else message
    return f"{name}:{_line_of(node, path, None)}: {path}: {text[:1].lower()}{text[1:]}"


def _steps(path: str) -> list[str | int]:
    """The steps of a path; `...` is any key of a mapping, where msgspec does not say which."""
    return [name or (any_key or int(i)) for name, any_key, i in _STEP.findall(path)]


def _line_of(node: yaml.Node | None, path: str, field: str | None) -> int:
    """The line (from 1) of the value at `path`, or of the key `field` in it."""
    steps = [*_steps(path), *([field] if field else [])]
    return _deepest(node, steps, node.start_mark.line if node else 0)[1] + 1


def _deepest(node: yaml.Node | None, steps: list[str | int], line: int) -> tuple[int, int]:
    """How many of `steps` can be gone from `node`, and the line (from 0) where they end."""
    best = (0, line)
    if not steps:
        return best
    step, rest = steps[0], steps[1:]
    children: list[tuple[int, yaml.Node]] = []
    if isinstance(node, yaml.MappingNode):
        children = [(key.start_mark.line, value) for key, value in node.value if step in (key.value, _ANY_KEY)]
    elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        children = [(node.value[step].start_mark.line, node.value[step])]
    for child_line, child in children:
        made, end = _deepest(child, rest, child_line)
        best = max(best, (made + 1, end), key=lambda found: found[0])
    return best


def _fields_at(kind: type, path: str) -> list[str]:
    """The names that the struct at `path` of `kind` accepts; empty where that can't be told."""
    current = msgspec.inspect.type_info(kind)
    for step in _steps(path):
        current = _unwrap(current)
        if isinstance(current, msgspec.inspect.StructType):
            field = next((f for f in current.fields if f.encode_name == step), None)
            if field is None:
                return []
            current = field.type
        elif isinstance(current, msgspec.inspect.DictType):
            current = current.value_type
        elif isinstance(current, msgspec.inspect.ListType | msgspec.inspect.VarTupleType):
            current = current.item_type
        else:
            return []
    current = _unwrap(current)
    return [f.encode_name for f in current.fields] if isinstance(current, msgspec.inspect.StructType) else []


def _unwrap(current: msgspec.inspect.Type) -> msgspec.inspect.Type:
    """`X | None` as X; `Metadata`-annotated types as what they annotate."""
    if isinstance(current, msgspec.inspect.Metadata):
        return _unwrap(current.type)
    if isinstance(current, msgspec.inspect.UnionType):
        rest = [t for t in current.types if not isinstance(t, msgspec.inspect.NoneType)]
        return _unwrap(rest[0]) if len(rest) == 1 else current
    return current
