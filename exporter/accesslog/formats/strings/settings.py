"""Format strings in the settings of programs: lighttpd, gunicorn, hypercorn, varnishncsa, Envoy and Istio. Pure."""

import ast
import json
import re
import shlex
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

import yaml

_LIGHTTPD = re.compile(r'accesslog\.format\s*:?=\s*"((?:[^"\\]|\\.)*)"\s*', re.DOTALL)
_PYTHON = re.compile(r"access_log_format\s*=")
_COMMAND = re.compile(r"(?:^|[\s/=\"'])varnishncsa\s|--access-logformat[\s=]")
_YAML = re.compile(r"-?\s*(?:text_format_source|text_format|inline_string|json_format|log_format|accessLogFormat)\s*:")
_TEXT_KEYS = ("inline_string", "text_format", "accessLogFormat", "format")
_LIST_KEYS = ("json_format", "typed_json_format")


def setting(text: str) -> str | None:
    """The format string of a setting as it is in the program's configuration or command; None for other text.

    Raises:
        ValueError: it is such a setting, but does not have exactly one format string.
    """
    if match := _LIGHTTPD.fullmatch(text):
        return unescaped(match[1])
    if _PYTHON.match(text):
        return _the_one([found for statement in _parsed(text) if (found := python_format(statement))])
    if _COMMAND.search(text):
        return _the_one([found for found in (varnishncsa_format(text), _gunicorn_argument(text)) if found])
    if _YAML.match(text):
        try:
            return _the_one(list(envoy_formats(yaml.safe_load(text))))
        except (yaml.YAMLError, RecursionError) as exc:
            raise ValueError(f"format: it cannot be read as YAML: {exc}") from exc
    return None


def _the_one(found: list[str]) -> str:
    if len(found) != 1:
        raise ValueError("format: expected one setting with a format string, for example inline_string: '%REQ(:PATH)%'")
    return found[0]


def unescaped(text: str) -> str:
    """A text of lighttpd's quotes."""
    return re.sub(r"\\([\"\\])", r"\1", text)


def _parsed(text: str) -> list[ast.stmt]:
    try:
        return ast.parse(text.strip()).body
    except (SyntaxError, ValueError, RecursionError) as exc:
        raise ValueError(f"format: the setting cannot be read as Python: {exc}") from exc


def python_format(statement: ast.stmt) -> str | None:
    """The string of `access_log_format = ...`, also of pieces in brackets; None for other statements."""
    match statement:
        case ast.Assign(
            targets=[ast.Name(id="access_log_format")],
            value=ast.Constant(value=str(text)),
        ):
            return text
    return None


def varnishncsa_format(line: str) -> str | None:
    """The `-F` of a command that runs varnishncsa, also of a systemd unit; None where there is none."""
    if "varnishncsa" not in line:
        return None
    in_unit = line.lstrip().startswith("Exec")
    for word, following in pairwise([*_words(line), ""]):
        if word == "-F" or (word.startswith("-F") and "%" in word):
            found = following if word == "-F" else word.removeprefix("-F")
            return found.replace("%%", "%") if in_unit else found
    return None


def _gunicorn_argument(text: str) -> str | None:
    for word, following in pairwise([*_words(text), ""]):
        name, equals, value = word.partition("=")
        if name == "--access-logformat":
            return value if equals else following
    return None


def _words(line: str) -> list[str]:
    try:
        return shlex.split(line)
    except ValueError:  # a quote is not closed
        return []


def envoy_formats(tree: Any) -> Iterator[str]:
    """The format strings in a configuration of Envoy or Istio; those of JSON as one object of operators."""
    pending, seen = [tree], set[int]()
    while pending:
        one = pending.pop(0)
        if id(one) in seen:  # aliases can make a YAML tree of any size
            continue
        seen.add(id(one))
        if isinstance(one, list):
            pending += one
        elif isinstance(one, Mapping):
            for key, value in one.items():
                if key in _TEXT_KEYS and isinstance(value, str) and "%" in value:
                    yield value.strip("\r\n")
                elif key in _LIST_KEYS and isinstance(value, Mapping):
                    yield json.dumps(value)
                else:
                    pending.append(value)
