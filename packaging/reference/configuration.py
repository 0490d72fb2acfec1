"""docs/reference/configuration.md: every key of the files that people write, from the Structs that read them."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import yaml
from msgspec import inspect

from foundation.grammar import format_duration, format_size
from foundation.schema import meanings, structs_in, summary
from foundation.yamltree import Node, read_tree

HERE = Path(__file__).parent
HEAD = """# Configuration keys

Every key of the files that you write. The key, its type and its default are read from the program, and `make reference`
writes this page: a test compares it.

A *duration* is a number of seconds or text with units (`1m30s`), a *size* a number of bytes or text with units
(`64KiB`); [notation](../grammar.md) has these and the others. A key whose default is `required` must be given. An
unknown key is refused. A section that is named `x[].y` is of the key `y` in each item of the list `x`; `NAME` is a name
of your choice.

**Editors** complete and check the keys by a JSON Schema. With the YAML language server, which many editors use, the
first line of a file names its schema:

```yaml
# yaml-language-server: $schema=./exporter.schema.json
accesslog:
  - source: site
    paths: [/var/log/nginx/access.log]
```

| file | schema |
|---|---|
| exporter.yml | [exporter.schema.json](exporter.schema.json); `exporter schema` prints that of the installed version |
| slo.yml | [slo.schema.json](slo.schema.json) |
| a scenario of `trafficgen run` | [scenario.schema.json](scenario.schema.json) |
| targets of `trafficgen --targets` | [targets.schema.json](targets.schema.json) |

A schema says less than the program checks: it has no rule that joins several keys, and no bounds of a duration or a
size that is written with units. `exporter check` reads the whole file.
"""


_RAISES = re.compile(r" ?Raises [^.]*\.")


class File(NamedTuple):
    """A file that people write: its title, what reads it, and a file beside this one with a value for each key."""

    title: str
    kind: Any
    examples: str


def page(files: list[File]) -> str:
    """The whole page."""
    return HEAD + "".join(_of_file(file) for file in files)


def examples_in(node: Node, kind: Any) -> dict[tuple[type, str], Any]:
    """The first value of each key, by the struct that has it first and its name in the code."""
    found: dict[tuple[type, str], Any] = {}
    _look(node, kind, found)
    return found


def _look(node: Node, kind: inspect.Type, found: dict[tuple[type, str], Any]) -> None:
    if isinstance(kind, inspect.Metadata):
        _look(node, kind.type, found)
    elif isinstance(kind, inspect.UnionType):
        shape = inspect.StructType | inspect.DictType if isinstance(node.value, dict) else inspect.Type
        for one in kind.types:
            if isinstance(one, shape):
                _look(node, one, found)
    elif isinstance(kind, inspect.StructType) and isinstance(node.value, dict):
        for field in kind.fields:
            if child := node.value.get(field.encode_name):
                found.setdefault((owner(kind.cls, field.name), field.name), plain(child))
                _look(child, field.type, found)
    elif isinstance(kind, inspect.DictType) and isinstance(node.value, dict):
        for child in node.value.values():
            _look(child, kind.value_type, found)
    elif isinstance(kind, inspect.ListType | inspect.VarTupleType) and isinstance(node.value, list):
        for item in node.value:
            _look(item, kind.item_type, found)


def owner(struct: type, name: str) -> type:
    """The struct, or the base of it, that has the field first."""
    structs = (one for one in reversed(struct.__mro__) if one is not msgspec.Struct and issubclass(one, msgspec.Struct))
    return next(one for one in structs if name in one.__struct_fields__)


def plain(node: Node) -> Any:
    """A tree as lists, mappings and single values."""
    if isinstance(node.value, dict):
        return {key: plain(child) for key, child in node.value.items()}
    return [plain(child) for child in node.value] if isinstance(node.value, list) else node.value


def _of_file(file: File) -> str:
    root = inspect.type_info(file.kind)
    assert isinstance(root, inspect.StructType)
    examples = examples_in(read_tree((HERE / file.examples).read_text("utf-8")), root)
    places: dict[type, list[str]] = {}
    for cls, found in _places(root, ""):
        places.setdefault(cls, []).append(found)
    parts = [f"\n## {file.title}\n\n{summary(file.kind)}\n"]
    for struct, (place, *others) in places.items():
        if place:
            also = (
                f" {', '.join(f'`{other}`' for other in others)} {'have' if others[1:] else 'has'} the same keys."
                if others
                else ""
            )
            parts.append(f"\n### {file.title}: `{place}`\n\n{_told(summary(struct))}{also}\n")
        parts.append("\n| key | type | default | meaning | example |\n|---|---|---|---|---|\n")
        said = meanings(struct)
        for field in inspect.type_info(struct).fields:  # type: ignore[attr-defined]
            example = examples[owner(struct, field.name), field.name]
            inside = _struct_in(field.type)
            shown = _link(file.title, places[inside][0]) if inside else f"`{_flow(example)}`"
            row = (f"`{field.encode_name}`", _words(field.type), _default(field), _told(said[field.name]), shown)
            parts.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |\n")
    return "".join(parts)


def _places(kind: inspect.StructType, place: str) -> Iterator[tuple[type, str]]:
    """The structs with each place of theirs in the file; the root's is empty."""
    yield kind.cls, place
    for field in kind.fields:
        for inner in structs_in(field.type)[:1]:
            yield from _places(inner, f"{place}{'.' if place else ''}{field.encode_name}{_suffix(field.type)}")


def _suffix(kind: inspect.Type) -> str:
    """`[]` for each list, `.NAME` for each mapping between a key and its struct."""
    if isinstance(kind, inspect.Metadata):
        return _suffix(kind.type)
    if isinstance(kind, inspect.UnionType):
        return next((_suffix(one) for one in kind.types if structs_in(one)), "")
    if isinstance(kind, inspect.ListType | inspect.VarTupleType):
        return f"[]{_suffix(kind.item_type)}"
    return f".NAME{_suffix(kind.value_type)}" if isinstance(kind, inspect.DictType) else ""


def _struct_in(kind: inspect.Type) -> type | None:
    found = structs_in(kind)
    return found[0].cls if found else None


def _link(title: str, place: str) -> str:
    heading = f"{title}: {place}".lower()
    anchor = "-".join("".join(c for c in heading if c.isalnum() or c in " _-").split())
    return f"[below](#{anchor})"


def _words(kind: inspect.Type) -> str:
    """What a key takes."""
    if isinstance(kind, inspect.Metadata):
        extra = kind.extra or {}
        units = {"duration": "duration, seconds", "size": "size, bytes"}
        return units.get(extra.get("grammar", "")) or extra.get("words") or _words(kind.type)
    if isinstance(kind, inspect.UnionType):
        return " or ".join(dict.fromkeys(_words(one) for one in kind.types if not isinstance(one, inspect.NoneType)))
    if isinstance(kind, inspect.ListType | inspect.VarTupleType):
        return f"list of: {_words(kind.item_type)}"
    if isinstance(kind, inspect.DictType):
        return f"mapping of names to: {_words(kind.value_type)}"
    if isinstance(kind, inspect.LiteralType):
        return ", ".join(f"`{value}`" for value in kind.values)
    if isinstance(kind, inspect.IntType | inspect.FloatType):
        return ("whole number" if isinstance(kind, inspect.IntType) else "number") + _bounds(kind)
    names = {inspect.StrType: "text", inspect.BoolType: "`true` or `false`", inspect.StructType: "mapping"}
    return names[type(kind)]


def _bounds(kind: inspect.IntType | inspect.FloatType) -> str:
    bounds = {"above ": kind.gt, "at least ": kind.ge, "below ": kind.lt, "at most ": kind.le}
    said = ", ".join(
        f"{word}{bound:g}" if bound < 1e6 else f"{word}{bound:,.0f}"
        for word, bound in bounds.items()
        if bound is not None
    )
    return f", {said}" if said else ""


def _default(field: inspect.Field) -> str:
    if field.required:
        return "required"
    value = field.default_factory() if field.default_factory is not msgspec.NODEFAULT else field.default
    if value is None or value in ((), [], {}, "") or isinstance(value, msgspec.Struct):
        return ""
    grammar = (field.type.extra or {}).get("grammar") if isinstance(field.type, inspect.Metadata) else ""
    if grammar == "duration":
        return f"`{format_duration(value)}`"
    if grammar == "size":
        return f"`{format_size(value)}`"
    return f"`{_flow(msgspec.to_builtins(value))}`"


def _flow(value: Any) -> str:
    """A value as YAML in one line."""
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    text = yaml.safe_dump(value, default_flow_style=True, width=10_000, allow_unicode=True, sort_keys=False)
    return text.removesuffix("\n").removesuffix("\n...")


def _told(text: str) -> str:
    """A meaning for readers of the page: what a caller must catch is left out."""
    said = _RAISES.sub("", text)
    return said[:1].upper() + said[1:]
