"""Texts with fields that each request fills with its own values: `/users/{random 1 1000}`. Pure.

A field is a word in braces, so that the braces of JSON are text unchanged; `{{word}}` is the text `{word}`. What is
secret stands in the environment or in a file of its own: `${env:TOKEN}`, `${file:token.txt}`.
"""

import difflib
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple, TypeAlias

MAX_FIELDS = 200  # of one text
_MOST = (1 << 63) - 1
SECRET = re.compile(r"\$\{(env|file):([^{}\n]{1,300})\}")
_WORD = r"[A-Za-z_][^{}\"\n]{0,300}"
_FIELD = re.compile(rf"{SECRET.pattern}|\{{\{{(?P<text>{_WORD})\}}\}}|\{{(?P<field>{_WORD})\}}")
_RANDOM = re.compile(r"random[ ]+(-?\d{1,19})[ ]+(-?\d{1,19})")
_CELL = re.compile(r"csv:(?P<file>.+?):(?P<column>[^:]+?)(?P<next>:next)?")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
KNOWN = "{uuid}, {seq}, {random 1 1000}, {csv:users.csv:email}"


class Uuid(NamedTuple):
    """A version 4 UUID, another one for each field."""


class Seq(NamedTuple):
    """The number of the request (of the session, in its steps) in the plan, from 1."""


class Random(NamedTuple):
    """A whole number from `low` to `high`, both included."""

    low: int
    high: int


class Cell(NamedTuple):
    """A value of a CSV file; all columns of one file come from one row for a request."""

    file: str  # as written
    column: str
    in_order: bool  # the row is the number of the request, over and over; else it is drawn


class Captured(NamedTuple):
    """A value that an earlier step of the session has taken from an answer."""

    name: str


class Secret(NamedTuple):
    """A text that is kept elsewhere: `kind` is env or file. It is read once, before anything is sent."""

    kind: str
    name: str


Field: TypeAlias = Uuid | Seq | Random | Cell | Captured | Secret
Part: TypeAlias = str | Field
Template: TypeAlias = tuple[Part, ...]


def parse_template(text: str) -> Template:
    """Texts and fields in their order. Raises ValueError in words; a lone name is `Captured`, known or not."""
    parts: list[Part] = []
    at = 0
    for match in _FIELD.finditer(text):
        before = text[at : match.start()]
        if match[1]:
            parts += [before, Secret(match[1], match[2])]
        elif match["text"]:
            parts.append(f"{before}{{{match['text']}}}")
        else:
            parts += [before, _field(match["field"])]
        at = match.end()
    parts.append(text[at:])
    if sum(not isinstance(part, str) for part in parts) > MAX_FIELDS:
        raise ValueError(f"more than {MAX_FIELDS} fields in one text")
    return joined(parts)


def joined(parts: Iterable[Part]) -> Template:
    """Neighbouring texts as one, without empty ones."""
    return tuple(_joined(parts))


def _joined(parts: Iterable[Part]) -> Iterator[Part]:
    text = ""
    for part in parts:
        if isinstance(part, str):
            text += part
            continue
        if text:
            yield text
        text = ""
        yield part
    if text:
        yield text


def _field(text: str) -> Field:
    if text == "uuid":
        return Uuid()
    if text == "seq":
        return Seq()
    if match := _RANDOM.fullmatch(text):
        low, high = int(match[1]), int(match[2])
        if not -_MOST <= low <= high <= _MOST:
            raise ValueError(
                f"{{{text}}}: expected two whole numbers, the smaller one first, such as {{random 1 1000}}"
            )
        return Random(low, high)
    if match := _CELL.fullmatch(text):
        return Cell(match["file"], match["column"], match["next"] is not None)
    if _NAME.fullmatch(text) and text not in {"random", "csv"}:
        return Captured(text)
    raise ValueError(unknown(text))


def escaped(text: str) -> str:
    """The template that makes this text."""
    return _FIELD.sub(lambda match: f"{'$' * match[0].startswith('$')}{{{match[0].removeprefix('$')}}}", text)


def unknown(text: str, names: tuple[str, ...] = ()) -> str:
    """What is said of a field that does not exist. `names`: values captured before."""
    known = ["uuid", "seq", "random", "csv", *names]
    close = difflib.get_close_matches(re.split("[ :]", text)[0], known, n=1)
    likely = {"random": "random 1 1000", "csv": "csv:users.csv:email"}.get(close[0], close[0]) if close else ""
    hint = f"did you mean {{{likely}}}? " if likely else ""
    named = "".join(f", {{{name}}}" for name in names)
    return f"unknown field {{{text}}}; {hint}known: {KNOWN}{named}; for the text itself write {{{{{text}}}}}"


def fields(template: Template) -> Iterator[Field]:
    """The fields of a text, in order."""
    return (part for part in template if not isinstance(part, str))


def is_fixed(template: Template) -> bool:
    """Whether every request gets the same text."""
    return all(isinstance(part, str) for part in template)
