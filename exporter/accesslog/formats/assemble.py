"""The parts of a server's log format to regexes.

A variable ends where the literal text after it begins. In quotes, servers escape a quote with a backslash; lines with
a backslash there are rare, and read by a slower regex that knows escapes, so that no client can end a field early.
"""

import re
from collections.abc import Sequence
from typing import Literal, NamedTuple, TypeAlias

from exporter.accesslog.formats import instants
from exporter.accesslog.formats._model import UNITS_NS, Format, InstantReader, no_instant, regex_format

Kind: TypeAlias = Literal[
    "request",
    "method",
    "target",
    "query",
    "code",
    "size",
    "duration",
    "durations",
    "steps",
    "instant",
    "split instant",
    "list",
    "any",
]

CODE = "(?P<code>[0-9]{3})"
SIZE = "(?P<size>[0-9]{1,15}|-)"
_NUMBER = r"[0-9]{1,9}(?:\.[0-9]{1,9})?"
DURATION = f"(?P<duration>{_NUMBER}|-)"
_ONE_DURATION = f"(?:-?{_NUMBER}|-)"
_DURATIONS = rf"{_ONE_DURATION}(?:(?: ?[,:] ?| ){_ONE_DURATION})*"
TAB = "\t"


class Variable(NamedTuple):
    """A part of a line that changes.

    rank: of two variables for the same field the higher rank is taken, then the first.
    """

    kind: Kind = "any"
    unit_ns: int = UNITS_NS["s"]
    read_instant: InstantReader = no_instant
    rank: int = 1


Part: TypeAlias = str | Variable

REQUEST = Variable("request", rank=2)  # what the client sent goes before what the server made of it
METHOD = Variable("method")
TARGET = Variable("target")
CODE_VARIABLE = Variable("code")
SIZE_VARIABLE = Variable("size")
CLF_INSTANT = Variable("instant", read_instant=instants.clf)
ISO_INSTANT = Variable("instant", read_instant=instants.iso)
EPOCH_INSTANT = Variable("instant", read_instant=instants.epoch)
ANY = Variable()


def assemble(name: str, parts: Sequence[Part], *, more: bool = False) -> Format:
    """The format of a line that is these parts.

    Args:
        name: the format's name.
        parts: literal texts and variables in turn.
        more: fields may follow that are not known yet, after a blank or tab.

    Raises:
        ValueError: it has no status code, or two variables without anything between them.
    """
    chosen = _chosen(parts)
    if not any(kind == "code" for kind in chosen.values()):
        raise ValueError("the format has no status code, without which there is nothing to count by")
    duration = next((part for i, part in _variables(parts) if chosen[i] in ("duration", "durations", "steps")), None)
    instant = next((part for i, part in _variables(parts) if chosen[i] in ("instant", "split instant")), ANY)
    end = "(?:[ \t].*)?" if more else ""
    usual, escaped, opaque = (
        "".join(_regexes(parts, chosen, escapes=escapes, split=split)) + end
        for escapes, split in ((False, True), (True, True), (True, False))
    )
    return regex_format(
        name,
        usual,
        tuple(dict.fromkeys(text for text in (escaped, opaque) if text != usual)),
        duration_unit_ns=duration.unit_ns if duration else UNITS_NS["s"],
        read_instant=instant.read_instant,
        bulk=duration is None or duration.kind == "duration",
    )


def _variables(parts: Sequence[Part]) -> list[tuple[int, Variable]]:
    return [(i, part) for i, part in enumerate(parts) if isinstance(part, Variable)]


def _chosen(parts: Sequence[Part]) -> dict[int, Kind]:
    """What each variable is taken for: only one of a field's variables gives it, the others are any text."""
    fields: dict[str, tuple[int, int]] = {}
    for i, part in _variables(parts):
        for field in _fields_of(part.kind):
            if field not in fields or part.rank > fields[field][1]:
                fields[field] = (i, part.rank)
    winners = {i for i, _ in fields.values()}
    losers: dict[Kind, Kind] = {"query": "query", "durations": "list"}
    return {i: part.kind if i in winners else losers.get(part.kind, "any") for i, part in _variables(parts)}


def _fields_of(kind: Kind) -> tuple[str, ...]:
    if kind == "request":
        return "method", "target"
    if kind in ("any", "query", "list"):
        return ()
    return ({"durations": "duration", "steps": "duration", "split instant": "instant"}.get(kind, kind),)


def _regexes(parts: Sequence[Part], chosen: dict[int, Kind], *, escapes: bool, split: bool) -> list[str]:
    """One regex a part.

    Args:
        parts: see `assemble`.
        chosen: what each variable is taken for.
        escapes: quoted text may have escapes, and names may have blanks.
        split: a request is a method and a target.
    """
    made = []
    for i, part in enumerate(parts):
        if isinstance(part, str):
            made.append(re.escape(part))
            continue
        after = parts[i + 1] if i + 1 < len(parts) else ""
        if isinstance(after, Variable):
            if after.kind == "query":
                after = next((p for p in parts[i + 2 :] if isinstance(p, str)), "")
            else:
                raise ValueError("two variables stand without anything between them, so no one can tell them apart")
        # A user's name may have blanks, rarely; it ends where the bracket of the time begins.
        stop = "[" if escapes and chosen[i] == "any" and after.startswith(" [") else after[:1]
        made.append(_regex(chosen[i], stop, escapes=escapes, split=split))
    return made


def _regex(kind: Kind, stop: str, *, escapes: bool, split: bool) -> str:
    """The regex of a variable that ends before the character `stop` (empty: at the line's end)."""

    def text(*more: str) -> str:
        """Any text up to `stop`, or to one of the characters `more`."""
        barred = "".join(dict.fromkeys(re.escape(c) if c in "\\[]^-" else c for c in (stop, *more)))
        if stop != '"':
            return f"[^{barred}]*" if barred else ".*"
        return rf"(?:[^{barred}\\]|\\.)*" if escapes else rf"[^{barred}\\]*"

    match kind:
        case "code":
            return CODE
        case "size":
            return SIZE
        case "duration":
            return DURATION
        case "durations":
            return f"(?P<duration>{_DURATIONS})"
        case "steps":
            return f"(?P<duration>{' '.join([_ONE_DURATION] * 3)})"
        case "list":
            return _DURATIONS
        case "instant":
            return f"(?P<instant>{text()})"
        case "split instant":  # a date and a time of day, in two fields
            return f"(?P<instant>{text(' ', TAB)}[ \t]{text(' ', TAB)})"
        case "method":
            return f"(?P<method>{text(' ')})"
        case "target":
            return rf"(?P<target>{text('?')})(?:\?{text()})?"
        case "query":
            return ""  # its target's regex takes it
        case "request" if not split:
            return text()
        case "request" if stop == " ":
            return r"(?P<method>[^ ]+) (?P<target>[^ ?]*)(?:\?[^ ]*)?(?: HTTP/[0-9.]+)?"
        case "request":
            return rf"(?P<method>{text(' ')}) (?P<target>{text(' ', '?')})(?:\?{text(' ')})?(?: {text()})?"
        case _:
            return text()
