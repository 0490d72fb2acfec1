"""The Structs of a configuration as JSON Schema, for editors, and the meanings of their keys.

The meaning of a key is written once, in the docstring of its struct: a line `key: meaning`, further lines indented, and
one line for several keys that share a meaning (`codes, methods: ...`). A base's docstring describes the keys of the
base.

The schema says less than the program checks: it has no rule that joins several keys, and no bounds of a duration or a
size that is written with units.
"""

import re
from collections.abc import Iterator
from inspect import cleandoc
from typing import Any

import msgspec
from msgspec import inspect

from foundation.keys import WRITTEN

DRAFT = "https://json-schema.org/draft/2020-12/schema"
_ENTRY = re.compile(r"(?P<keys>\w+(?:, \w+)*): (?P<text>.+)")
_TEMPLATE = "#/$defs/{name}"


def schema_of(kind: type[msgspec.Struct], title: str) -> dict[str, Any]:
    """The schema of a file that holds one `kind`, with the meaning of each key as its description."""
    structs = [one.cls for one in structs_in(inspect.type_info(kind))]
    references, components = msgspec.json.schema_components(structs, ref_template=_TEMPLATE)
    for reference, struct in zip(references, structs, strict=True):
        component = components[_name(reference)]
        said = meanings(struct)
        component["description"] = summary(struct)
        for field in inspect.type_info(struct).fields:  # type: ignore[attr-defined]
            if field.name in said:
                component["properties"][field.encode_name]["description"] = said[field.name]
    root = _for_editors(components.pop(_name(references[0])))
    definitions = {name: _for_editors(component) for name, component in components.items()}
    return {"$schema": DRAFT, **root, "title": title, "$defs": dict(_reached(root, definitions))}


def structs_in(kind: inspect.Type) -> list[inspect.StructType]:
    """The structs of a type, itself first, each once, in the order of the keys that lead to them."""
    found: dict[type, inspect.StructType] = {}
    todo: list[Any] = [kind]
    while todo:
        one = todo.pop(0)
        if not isinstance(one, inspect.StructType):
            todo[:0] = _parts(one)
        elif one.cls not in found:
            found[one.cls] = one
            todo[:0] = [field.type for field in one.fields]
    return list(found.values())


def _parts(kind: inspect.Type) -> list[inspect.Type]:
    if isinstance(kind, inspect.UnionType):
        return list(kind.types)
    if isinstance(kind, inspect.Metadata):
        return [kind.type]
    if isinstance(kind, inspect.ListType | inspect.VarTupleType):
        return [kind.item_type]
    return [kind.value_type] if isinstance(kind, inspect.DictType) else []


def meanings(struct: type) -> dict[str, str]:
    """The descriptions of fields in the docstrings of a struct and of its bases, by the name in the code."""
    found: dict[str, str] = {}
    for one in reversed(struct.__mro__):
        if issubclass(one, msgspec.Struct):
            found |= _entries(vars(one).get("__doc__") or "", one.__struct_fields__)
    return found


def summary(struct: type) -> str:
    """The description of a struct: the first paragraph of its docstring."""
    docs = (vars(one).get("__doc__") for one in struct.__mro__)
    doc = next((doc for doc in docs if doc), "")
    return " ".join(cleandoc(doc).partition("\n\n")[0].split())


def _entries(doc: str, fields: tuple[str, ...]) -> dict[str, str]:
    found: dict[str, str] = {}
    keys: list[str] = []
    indent = 0
    for line in cleandoc(doc).splitlines():
        entry = _ENTRY.fullmatch(line.strip())
        depth = len(line) - len(line.lstrip())
        named = entry["keys"].split(", ") if entry else []
        if entry and set(named) <= set(fields) and not (keys and depth > indent):
            keys, indent = named, depth
            found |= dict.fromkeys(keys, entry["text"])
        elif keys and line.strip() and depth > indent:
            found |= {key: f"{found[key]} {line.strip()}" for key in keys}
        else:
            keys = []
    return found


def _name(reference: dict[str, Any]) -> str:
    name: str = reference["$ref"].removeprefix(_TEMPLATE.format(name=""))
    return name


def _for_editors(schema: Any) -> Any:
    """A schema as the text is written, not as the program holds it; patterns as JavaScript has them."""
    if isinstance(schema, list):
        return [_for_editors(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    if WRITTEN in schema:
        kept = {key: schema[key] for key in ("description", "default") if key in schema}
        return {**schema[WRITTEN], **kept}
    made = {key: _for_editors(one) for key, one in schema.items() if key != "title"}
    if isinstance(made.get("pattern"), str):
        made["pattern"] = made["pattern"].replace(r"\Z", "$")
    return made


def _reached(root: Any, definitions: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Those definitions that the root leads to, in the order of their names."""
    reached: set[str] = set()
    todo = [root]
    while todo:
        one = todo.pop()
        if isinstance(one, list):
            todo += one
        elif isinstance(one, dict):
            if isinstance(one.get("$ref"), str) and (name := _name(one)) not in reached:
                reached.add(name)
                todo.append(definitions[name])
            todo += one.values()
    yield from ((name, definitions[name]) for name in sorted(reached))
