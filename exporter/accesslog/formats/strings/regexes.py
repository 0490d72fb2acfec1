"""The regex of one variable: its characters, and where it ends. Pure."""

import re
from collections.abc import Sequence

from exporter.accesslog.formats import instants
from exporter.accesslog.formats._model import UNITLESS
from exporter.accesslog.formats.groups import marked
from exporter.accesslog.formats.strings.variables import NUMBER, ONE_DURATION, TIMES, WHOLE, WORDS, Kind, Part, Variable

CODE = "(?P<code>[0-9]{3}|-1|[-0])"  # the last: what stands for the code of a request that was not answered
_CODE_OR_NOTHING = "(?P<code>[0-9]{3}|-1|[-0]|)"
SIZE = "(?P<size>[0-9]{1,15}|-|)"
_DECIMAL = r"[0-9]{1,9}\.[0-9]{1,9}"
DURATION = f"(?P<duration>{NUMBER}|-|)(?:-{NUMBER})?"  # a negative one is none
_CLF = "[^ ]*(?: [-+][0-9]{4})?"
_PROTOCOL = r"(?:HTTP/[0-9.]+|[123](?:\.[01])?)"  # hypercorn has the number alone
STEPS = 3  # of a balancer: waiting, target, answering
TAB = "\t"

_FIXED: dict[Kind, str] = {
    "size": SIZE,
    "duration": DURATION,
    "whole duration": f"(?P<duration>{WHOLE}|-|)(?P<{UNITLESS}>(?:{_DECIMAL})?)",
    "decimal duration": f"(?P<duration>{_DECIMAL}|-|)(?P<{UNITLESS}>(?:{WHOLE})?)",
    "unknown duration": f"(?P<duration>)(?P<{UNITLESS}>{NUMBER}|-|)",
    "steps": f"(?P<duration>{' '.join([ONE_DURATION] * STEPS)})",
    "query": "",  # its target's regex takes it
}
"""Regexes of variables that are the same whatever follows."""

_BARS = (" |", " ;")
"""Separators that are in no text, so that blanks may be."""


def variable_regex(part: Variable, kind: Kind, stop: str, *, escapes: bool, split: bool) -> str:
    """The regex of a variable that ends before the character `stop` (empty: at the line's end).

    `escapes` and `split` as `assemble` has them: whether quoted text has escapes, whether a request falls into two.
    """

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
    if part.read_instant is instants.clf and stop == " ":  # its zone follows a blank
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


def code_regex(part: Variable) -> str:
    """A code that what follows adjoins: always three digits."""
    return "(?P<code>[0-9]{3})" if part.kind == "code" else "[0-9]{3}"


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


def padded(part: Variable, regex: str, name: str = "") -> str:
    """With the blanks of a width, and as the field of that name.

    A field with a width is never empty, so that it is clear where the blanks end.
    """
    if not part.padded:
        return marked(name, regex)
    regex = marked(name, "[^ ]+" if regex == "[^ ]*" else regex)
    return f" *{regex}" if part.padded == "left" else f"{regex} *"


def stop_of(part: Variable, rest: Sequence[Part], kind: Kind) -> str:
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
