"""Envoy's format strings, and its JSON formats: such strings under names that the user chooses."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from exporter.accesslog.formats._model import Format
from exporter.accesslog.formats.durations import UNITS_NS
from exporter.accesslog.formats.keyed.field_paths import FieldPaths
from exporter.accesslog.formats.keyed.structured import json_format
from exporter.accesslog.formats.strings.assemble import assemble
from exporter.accesslog.formats.strings.parts import parts_of
from exporter.accesslog.formats.strings.strftime import strftime_instant
from exporter.accesslog.formats.strings.variables import (
    ANY,
    CODE_VARIABLE,
    ISO_INSTANT,
    METHOD,
    SIZE_VARIABLE,
    TARGET,
    Part,
    Variable,
)

_OPERATOR = re.compile(r"%([A-Z][A-Z0-9_]{2,})(?:\(((?:[^()]|\([^()]*\))*)\))?(?::[0-9]+)?%")
_OPERATOR_OR_PERCENT = re.compile(rf"%%|{_OPERATOR.pattern}")
_MILLIS = Variable("duration", UNITS_NS["ms"])
_KNOWN = {
    "RESPONSE_CODE": CODE_VARIABLE,
    "BYTES_SENT": SIZE_VARIABLE,
    "DURATION": _MILLIS,
    "RESPONSE_DURATION": _MILLIS._replace(rank=0),  # until the upstream's first byte
}
_HEADERS = ("REQ", "REQUEST_HEADER", "REQ_WITHOUT_QUERY")
_WHOLE_SPANS = ("DS_RX_BEG:DS_TX_END", "DS_RX_BEG:DS_TX_END".lower())
_ROLES = {"method": "methods", "target": "targets", "code": "codes", "size": "sizes", "duration": "durations"}
_REQUEST = re.compile(r"%[^%]+% %[^%]+%(?: .*)?")


def is_envoy(text: str) -> bool:
    """Whether it has Envoy's operators, `%RESPONSE_CODE%`."""
    return _OPERATOR.search(text) is not None


def envoy_format(text: str) -> Format:
    """The format of a text format, or of a JSON format as an object. Raises ValueError."""
    tree = _object(text)
    return assemble("envoy", envoy_parts(text)) if tree is None else _json_format(tree)


def _object(text: str) -> dict[str, Any] | None:
    try:
        tree = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return tree if isinstance(tree, dict) else None


def envoy_parts(text: str) -> list[Part]:
    """Literal texts and variables in turn. Raises ValueError for what is not an operator."""
    return parts_of(_OPERATOR_OR_PERCENT, text, _part, "is not an operator of Envoy")


def _part(match: re.Match[str]) -> Part:
    if not match[1]:
        return "%"
    operator, argument = match[1], match[2] or ""
    prefix = "http_" if operator in _HEADERS else "sent_http_" if operator == "RESP" else ""
    name = f"{prefix}{argument.split('?')[0].strip(':')}" if prefix else operator
    return _variable(operator, argument).called(name)


def _variable(operator: str, argument: str) -> Variable:
    if operator in _HEADERS:
        header = argument.upper()
        return METHOD if header == ":METHOD" else TARGET if ":PATH" in header or header.endswith("-PATH") else ANY
    if operator == "PATH":
        return TARGET
    if operator == "START_TIME":
        return (strftime_instant(argument) or ANY) if argument else ISO_INSTANT
    if operator == "COMMON_DURATION":
        span, _, unit = argument.rpartition(":")
        return Variable("duration", UNITS_NS[unit], rank=2) if span in _WHOLE_SPANS and unit in UNITS_NS else ANY
    return _KNOWN.get(operator, ANY)


def _json_format(tree: Mapping[str, Any]) -> Format:
    """Fields are found by their names, because Envoy writes them in another order, and numbers without quotes."""
    found: dict[str, list[tuple[int, str]]] = {}
    units: dict[str, str] = {}
    for path, text in _leaves(tree, ""):
        parts = envoy_parts(text)
        kinds = [part.kind for part in parts if isinstance(part, Variable)]
        if kinds[:2] == ["method", "target"] and _REQUEST.fullmatch(text):
            found.setdefault("requests", []).append((0, path))
            continue
        match parts:
            case [Variable() as one]:
                pass
            case _:
                continue
        if one.kind.endswith("instant"):
            found.setdefault("instants", []).append((0, path))
        elif role := _ROLES.get(one.kind):
            found.setdefault(role, []).append((-one.rank, path))
        if one.kind == "duration":
            units[path] = next(unit for unit, unit_ns in UNITS_NS.items() if unit_ns == one.unit_ns)
    if "codes" not in found:
        raise ValueError("the format has no status code (%RESPONSE_CODE%), without which there is nothing to count by")
    paths = {role: tuple(path for _, path in sorted(some, key=lambda pair: pair[0])) for role, some in found.items()}
    empty: dict[str, tuple[str, ...]] = dict.fromkeys((*_ROLES.values(), "instants"), ())
    return json_format("envoy-json", FieldPaths(**empty | paths, units=units))  # type: ignore[arg-type]


def _leaves(tree: Mapping[str, Any], start: str) -> Iterator[tuple[str, str]]:
    for key, value in tree.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{start}{key}.")
        elif isinstance(value, str):
            yield f"{start}{key}", value
