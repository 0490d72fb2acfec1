"""The parts of a server's log format to regexes.

A variable ends where the literal text after it begins. In quotes, servers escape a quote with a backslash; lines with
a backslash there are rare, and read by a slower regex that knows escapes, so that no client can end a field early.
Two adjacent variables are separated by the characters of the first and the beginning of the second.
"""

import re
from collections.abc import Sequence

from exporter.accesslog.formats._model import Format, regex_format
from exporter.accesslog.formats.durations import UNITS_NS
from exporter.accesslog.formats.groups import MARK, marked
from exporter.accesslog.formats.strings.regexes import STEPS, code_regex, padded, stop_of, variable_regex
from exporter.accesslog.formats.strings.variables import ANY, WORDS, Kind, Part, Variable
from foundation.nearest import nearest


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
        names = [part.name for _, part in _variables(parts) if part.name.startswith("$")]
        meant = next((f"; should {one} be $status?" for one in names if nearest(one[1:], ["status"])), "")
        raise ValueError(f"the format has no status code, without which there is nothing to count by{meant}")
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
        steps=STEPS if duration is not None and duration.kind == "steps" else 1,
        number_at=duration.name or "the number at the end" if duration else "",
        aliases=_aliases(parts, chosen),
    )


_OWN_GROUPS: dict[Kind, str] = {"code": "code", "method": "method"}
"""Kinds whose whole text is one of the five fields; their own name is an alias of it."""


def _aliases(parts: Sequence[Part], chosen: dict[int, Kind]) -> dict[str, str]:
    """The servers' own names of fields, where they are not what the field is called."""
    found: dict[str, str] = {}
    for i, part in _variables(parts):
        own, common = re.sub(r"\A[$%]|[{}]", "", part.name), part.field_name
        group = _OWN_GROUPS.get(chosen[i]) or f"{MARK}{common}"
        for name in (own, common) if common else ():
            found.setdefault(name, group)
    return found


def _field_names(parts: Sequence[Part], chosen: dict[int, Kind]) -> dict[int, str]:
    """What the fields are called, each name once."""
    found: dict[int, str] = {}
    for i, part in _variables(parts):
        if chosen[i] not in _OWN_GROUPS and part.field_name not in ("", *found.values()):
            found[i] = part.field_name
    return found


def _variables(parts: Sequence[Part]) -> list[tuple[int, Variable]]:
    return [(i, part) for i, part in enumerate(parts) if isinstance(part, Variable)]


def _chosen(parts: Sequence[Part]) -> dict[int, Kind]:
    """The role of each variable: one variable gives a field, the others of its kind are any text."""
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
    names = _field_names(parts, chosen)
    loose = _with_blanks(parts, chosen) if escapes else None
    for i, part in enumerate(parts):
        if isinstance(part, str):
            made.append(re.escape(part))
            continue
        after = parts[i + 1] if i + 1 < len(parts) else ""
        stop, glued = stop_of(part, parts[i + 1 :], chosen[i]), isinstance(after, Variable) and after.kind != "query"
        name = names.get(i, "")
        if i == loose:
            made.append(marked(name, '[^"]*'))
            continue
        if escapes and chosen[i] == "any" and isinstance(after, str) and after.startswith(" ["):
            stop = "["  # a user's name may have blanks, rarely; it ends where the bracket of the time begins
        if glued and part.kind == "code":
            regex = code_regex(part)
        else:
            regex = variable_regex(part, chosen[i], stop, escapes=escapes, split=split)
        made.append(padded(part, regex, name))
    return made


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
