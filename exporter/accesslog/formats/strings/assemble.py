"""The parts of a server's log format to regexes.

A variable ends where the literal text after it begins. In quotes, servers escape a quote with a backslash; lines with
a backslash there are rare, and read by a slower regex that knows escapes, so that no client can end a field early.
Where two variables stand without anything between them, what can be in the first and how the second begins decides.
"""

import re
from collections.abc import Sequence
from typing import Literal, NamedTuple, TypeAlias

from exporter.accesslog.formats import instants
from exporter.accesslog.formats._model import UNITLESS, Format, InstantReader, no_instant, regex_format
from exporter.accesslog.formats.durations import UNITS_NS

Kind: TypeAlias = Literal[
    "request",
    "method",
    "target",
    "query",
    "code",
    "size",
    "duration",
    "whole duration",
    "decimal duration",
    "unknown duration",
    "written duration",
    "durations",
    "steps",
    "instant",
    "split instant",
    "list",
    "any",
]

CODE = "(?P<code>[0-9]{3}|-1|[-0])"  # the last: what stands for the code of a request that was not answered
_CODE_OR_NOTHING = "(?P<code>[0-9]{3}|-1|[-0]|)"
SIZE = "(?P<size>[0-9]{1,15}|-|)"
_WHOLE = "[0-9]{1,9}"
_DECIMAL = r"[0-9]{1,9}\.[0-9]{1,9}"
_NUMBER = rf"{_WHOLE}(?:\.{_WHOLE})?"
DURATION = f"(?P<duration>{_NUMBER}|-|)(?:-{_NUMBER})?"  # a negative one is none
_ONE_DURATION = f"(?:-?{_NUMBER}|-)"
_CLF = "[^ ]*(?: [-+][0-9]{4})?"
_PROTOCOL = r"(?:HTTP/[0-9.]+|[123](?:\.[01])?)"  # hypercorn has the number alone
_STEPS = 3  # of a balancer: waiting, target, answering
TAB = "\t"

_FIXED: dict[Kind, str] = {
    "size": SIZE,
    "duration": DURATION,
    "whole duration": f"(?P<duration>{_WHOLE}|-|)(?P<{UNITLESS}>(?:{_DECIMAL})?)",
    "decimal duration": f"(?P<duration>{_DECIMAL}|-|)(?P<{UNITLESS}>(?:{_WHOLE})?)",
    "unknown duration": f"(?P<duration>)(?P<{UNITLESS}>{_NUMBER}|-|)",
    "steps": f"(?P<duration>{' '.join([_ONE_DURATION] * _STEPS)})",
    "query": "",  # its target's regex takes it
}
"""Regexes of variables that are the same whatever follows."""

_BARS = (" |", " ;")
"""Separators that are in no text, so that blanks may be."""

NUMBERS, CODES, TIMES, WORDS = "(?:[0-9]+|-)", "(?:[0-9]{1,3}|-)", _ONE_DURATION, "words"
"""What one item of a list may be; words depend on what the list ends in."""


class Variable(NamedTuple):
    """A part of a line that changes.

    kind: the field that it gives.
    unit_ns: what a duration counts; None if only texts with a unit of their own are durations.
    read_instant: how the moment is written.
    rank: of two variables for the same field the higher rank is taken, then the first.
    item: one item of it, where it may be a list, `a, b : c`.
    slashless: no slash is ever in it, so that a path may follow at once.
    slash: it begins with a slash, if it is not empty.
    quotable: it may have quotes around it, with blanks inside, and "" for one of them.
    padded: on which side blanks make up its width, if it has one.
    regex: of its text, where what follows does not decide where it ends.
    name: as the server calls it.
    """

    kind: Kind = "any"
    unit_ns: int | None = UNITS_NS["s"]
    read_instant: InstantReader = no_instant
    rank: int = 1
    item: str = ""
    slashless: bool = False
    slash: bool = False
    quotable: bool = False
    padded: Literal["", "left", "right"] = ""
    regex: str = ""
    name: str = ""


Part: TypeAlias = str | Variable

REQUEST = Variable("request", rank=2)  # what the client sent goes before what the server made of it
METHOD = Variable("method", slashless=True)
TARGET = Variable("target", slash=True)
MADE_TARGET = Variable("target", slash=True, rank=0)
CODE_VARIABLE = Variable("code")
SIZE_VARIABLE = Variable("size")
SIZE_WITH_HEADERS = Variable("size", rank=0)
CLF_INSTANT = Variable("instant", read_instant=instants.clf)
ISO_INSTANT = Variable("instant", read_instant=instants.iso)
EPOCH_INSTANT = Variable("instant", read_instant=instants.epoch)
QUERY = Variable("query")
ANY = Variable()
HOST = Variable(slashless=True)


def assemble(name: str, parts: Sequence[Part], *, more: bool = False) -> Format:
    """The format of a line that is these parts.

    Args:
        name: the format's name.
        parts: literal texts and variables in turn.
        more: fields may follow that are not known yet, after a blank or tab.

    Raises:
        ValueError: it has no status code, or two variables that nothing parts.
    """
    chosen = _chosen(parts)
    if not any(kind == "code" for kind in chosen.values()):
        raise ValueError("the format has no status code, without which there is nothing to count by")
    duration = next((part for i, part in _variables(parts) if _fields_of(chosen[i]) == ("duration",)), None)
    instant = next((part for i, part in _variables(parts) if _fields_of(chosen[i]) == ("instant",)), ANY)
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
        bulk=duration is None or duration.kind not in ("durations", "written duration"),
        steps=_STEPS if duration is not None and duration.kind == "steps" else 1,
        number_at=duration.name or "the number at the end" if duration else "",
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
    if whole := next((best for best in fields.values() if _kind(parts[best[0]]) == "request"), None):
        fields |= {"method": whole, "target": whole}  # it gives both
    winners = {i for i, _ in fields.values()}
    return {i: part.kind if i in winners else _loser(parts, i, part) for i, part in _variables(parts)}


def _kind(part: Part) -> Kind | None:
    return part.kind if isinstance(part, Variable) else None


def _loser(parts: Sequence[Part], i: int, part: Variable) -> Kind:
    if part.kind == "query" and i > 0 and isinstance(parts[i - 1], Variable):
        return "query"
    return "list" if part.item else "any"


def _fields_of(kind: Kind) -> tuple[str, ...]:
    if kind == "request":
        return "method", "target"
    if kind in ("any", "query", "list"):
        return ()
    return (kind.split(" ")[-1].replace("durations", "duration").replace("steps", "duration"),)


def _regexes(parts: Sequence[Part], chosen: dict[int, Kind], *, escapes: bool, split: bool) -> list[str]:
    """One regex a part.

    Args:
        parts: see `assemble`.
        chosen: what each variable is taken for.
        escapes: quoted text may have escapes, and names may have blanks.
        split: a request is a method and a target.
    """
    made = []
    loose = _with_blanks(parts, chosen) if escapes else None
    for i, part in enumerate(parts):
        if isinstance(part, str):
            made.append(re.escape(part))
            continue
        after = parts[i + 1] if i + 1 < len(parts) else ""
        stop, glued = _stop(part, parts[i + 1 :], chosen[i]), isinstance(after, Variable) and after.kind != "query"
        if i == loose:
            made.append('[^"]*')
            continue
        if escapes and chosen[i] == "any" and isinstance(after, str) and after.startswith(" ["):
            stop = "["  # a user's name may have blanks, rarely; it ends where the bracket of the time begins
        regex = _code(part) if glued and part.kind == "code" else _regex(part, chosen[i], stop, escapes, split)
        made.append(_padded(part, regex))
    return made


def _padded(part: Variable, regex: str) -> str:
    """With the blanks of a width; a field of one is never empty, so that it is clear where they end."""
    if not part.padded:
        return regex
    regex = "[^ ]+" if regex == "[^ ]*" else regex
    return f" *{regex}" if part.padded == "left" else f"{regex} *"


def _with_blanks(parts: Sequence[Part], chosen: dict[int, Kind]) -> int | None:
    """Which of the texts without quotes may have blanks: only one, as what is beside it decides where it ends."""
    bare = [
        i
        for i, part in _variables(parts)
        if chosen[i] == "list" and part.item == WORDS and _is_between_blanks(parts, i)
    ]
    if len(bare) > 1:  # an address or a referrer has none
        bare = [i for i in bare if "user-agent" in _name(parts[i])]
    return bare[0] if len(bare) == 1 else None


def _name(part: Part) -> str:
    return part.name.lower().replace("_", "-") if isinstance(part, Variable) else ""


def _is_between_blanks(parts: Sequence[Part], i: int) -> bool:
    before, after = parts[i - 1] if i else "", parts[i + 1] if i + 1 < len(parts) else ""
    return isinstance(before, str) and before[-1:] in ("", " ") and isinstance(after, str) and after[:1] == " "


def _code(part: Variable) -> str:
    """A code that what follows adjoins: always three digits."""
    return "(?P<code>[0-9]{3})" if part.kind == "code" else "[0-9]{3}"


def _stop(part: Variable, rest: Sequence[Part], kind: Kind) -> str:
    """The character that a variable ends before; empty at the line's end. Raises ValueError where nothing parts two."""
    following = next((one for one in rest if isinstance(one, str) or one.kind != "query"), "")
    if isinstance(following, str):
        return following[1] if following[:2] in _BARS else following[:1]
    if following.slash and part.slashless:
        return "/"
    if kind == "code":
        return ""
    names = f"{part.name}{following.name}" if part.name and following.name else "two variables"
    raise ValueError(
        f"the format has {names} without anything between them, so they cannot be separated; "
        "put a blank between them in the server's configuration"
    )


def _regex(part: Variable, kind: Kind, stop: str, escapes: bool, split: bool) -> str:  # noqa: FBT001, in this file only
    """The regex of a variable that ends before the character `stop` (empty: at the line's end)."""

    def text(*more: str) -> str:
        """Any text up to `stop`, or to one of the characters `more`."""
        barred = "".join(dict.fromkeys(re.escape(c) if c in "\\[]^-" else c for c in (stop, *more)))
        if stop != '"':
            return f"[^{barred}]*" if barred else ".*"
        return rf"(?:[^{barred}\\]|\\.)*" if escapes else rf"[^{barred}\\]*"

    if part.quotable:
        return _quotable(kind, quotes=escapes)
    if part.regex:
        return f"(?P<instant>{part.regex})" if kind == "instant" else part.regex
    if part.read_instant is instants.clf and stop == " ":  # its zone stands behind a blank
        return f"(?P<instant>{_CLF})" if kind == "instant" else _CLF
    if kind in _FIXED:
        return _FIXED[kind]
    match kind:
        case "code":  # blanks in a row are not a request
            return CODE if stop in ("", " ", TAB) else _CODE_OR_NOTHING
        case "durations":
            return f"(?P<duration>{_list(TIMES, stop)})"
        case "written duration":
            return f"(?P<duration>{text()})"
        case "list" if part.item != WORDS:
            return _list(part.item, stop)
        case "list" if stop == " ":
            return _list('[^ ,"]+', stop)
        case "instant":
            return f"(?P<instant>{text()})"
        case "split instant":  # a date and a time of day, in two fields
            return f"(?P<instant>{text(' ', TAB)}[ \t]{text(' ', TAB)})"
        case "method":
            return f"(?P<method>{text(' ')})"
        case "target":
            return rf"(?P<target>{text('?')})(?:\?{text()})?"
        case "request" if not split:
            return text()
        case "request" if stop == " ":
            return rf"(?P<method>[^ ]+) (?P<target>[^ ?]*)(?:\?[^ ]*)?(?: {_PROTOCOL})?"
        case "request":
            return rf"(?P<method>{text(' ')}) (?P<target>{text(' ', '?')})(?:\?{text(' ')})?(?: {text()})?"
        case _:
            return text()


def _quotable(kind: Kind, *, quotes: bool) -> str:
    """The regex of a W3C field: a bare word, or where there may be quotes, also a text in them."""
    if kind in ("method", "target"):
        inner = r'(?P<target>[^ "?]*)(?:\?[^ "]*)?' if kind == "target" else '(?P<method>[^ "]*)'
        return f'"?{inner}"?' if quotes else inner
    return '(?:"(?:[^"]|"")*"|[^ ]*)' if quotes else '[^ "]*'


def _list(item: str, stop: str) -> str:
    """Items with `, ` or ` : ` between them, as nginx joins what it had of several upstreams, or nothing at all."""
    comma = ", " if stop == "," else ",[ ]?"
    return f"(?:{item}(?:(?:{comma}| : ){item})*)?"
